use super::content::ContentShown;
use super::{View, facts};
use crate::event::{Content, Facts, Recorded};
use crate::ids::StreamId;
use crate::log::{Envelope, Record, Stored};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;

/// People that stay in a line which is cut: the first 500.
const PEOPLE_KEPT: usize = 500;

/// One event as auditors are shown it. Its JSON is one line of the published schema.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Platform only.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Platform only: the tenant's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<u32>,
    tenant_sequence: u64,
    stream: StreamId,
    revision: u64,
    r#type: &'static str,
    type_number: u16,
    version: u16,
    time: String,
    actor: Option<StreamId>,
    command: Option<String>,
    command_index: u16,
    facts: Value,
    content: Option<ContentShown>,
    /// Whether the content is sealed under a key.
    sealed: bool,
    /// Whether the content was taken out of the log, so that only its hash is left.
    redacted: bool,
    content_hash: String,
    /// Platform only: key ids count the people and notifications of all tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<u32>,
    /// Platform only.
    #[serde(skip_serializing_if = "Option::is_none")]
    facts_hash: Option<String>,
    /// Platform only.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf: Option<String>,
    /// What was left out to make it fit a frame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cut: Vec<Cut>,
}

/// A part that a line too long for a frame goes without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cut {
    /// The content.
    Content,
    /// All but the first 500 people of the audience.
    People,
}

/// An event with what its line tells besides envelope and facts.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The fixed part.
    pub envelope: &'a Envelope,
    /// The facts.
    pub facts: &'a Facts,
    /// The content as it is stored, or what is left of it.
    pub stored: &'a Stored,
    /// Facts' hash and leaf. Needed for [`View::Platform`].
    pub hashes: Option<([u8; 32], [u8; 32])>,
}

impl<'a> Seen<'a> {
    /// An event that was read from the log, with its record.
    #[must_use]
    pub fn read(record: &Record, recorded: &'a Recorded) -> Self {
        Self { hashes: Some((sha256(&record.facts), record.leaf())), ..Self::live(recorded) }
    }

    /// An event that has just become durable.
    #[must_use]
    pub fn live(recorded: &'a Recorded) -> Self {
        Self { envelope: &recorded.envelope, facts: &recorded.facts, stored: &recorded.content, hashes: None }
    }
}

impl Line {
    /// The line of an event for a reader; `content` is what that reader may see and can still be read.
    #[must_use]
    pub fn new(seen: &Seen<'_>, content: Option<&Content>, view: View<'_>) -> Self {
        let (envelope, event) = (seen.envelope, &seen.facts.event);
        let platform = view.is_platform();
        let hashes = seen.hashes.filter(|_| platform);
        Self {
            position: platform.then_some(envelope.position.0),
            tenant: platform.then_some(envelope.tenant.0),
            tenant_sequence: envelope.tenant_sequence,
            stream: envelope.stream,
            revision: envelope.revision.0,
            r#type: event.type_name(),
            type_number: envelope.event_type,
            version: envelope.event_version,
            time: envelope.time.rfc3339(),
            actor: (seen.facts.actor != StreamId::default()).then_some(seen.facts.actor),
            command: (envelope.command.0 != [0; 16]).then(|| HEXLOWER.encode(&envelope.command.0)),
            command_index: envelope.command_index,
            facts: facts::facts(event, view.place(envelope.position), view),
            content: content.map(ContentShown::of),
            sealed: envelope.key_id != 0,
            redacted: seen.stored.is_redacted(),
            content_hash: HEXLOWER.encode(&seen.stored.hash()),
            key_id: platform.then_some(envelope.key_id),
            facts_hash: hashes.map(|(facts, _)| HEXLOWER.encode(&facts)),
            leaf: hashes.map(|(_, leaf)| HEXLOWER.encode(&leaf)),
            cut: Vec::new(),
        }
    }

    /// The JSON text, without a line end.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and JSON values always have a JSON form")
    }

    /// The JSON text of at most `bytes_max` bytes: without the content, then without most of its people, where it would
    /// be longer. What went is named in `cut`.
    #[must_use]
    pub fn text_within(mut self, bytes_max: usize) -> String {
        let text = self.text();
        if text.len() <= bytes_max {
            return text;
        }
        if self.content.take().is_some() {
            self.cut.push(Cut::Content);
        }
        if let Some(Value::Array(people)) = self.facts.pointer_mut("/audience/people")
            && people.len() > PEOPLE_KEPT
        {
            let count = people.len();
            people.truncate(PEOPLE_KEPT);
            self.facts["audience"]["count"] = Value::from(count);
            self.cut.push(Cut::People);
        }
        self.text()
    }

    /// What the tenant chain covers of the line: all but the content, which not everybody is shown, and whether that is
    /// still there, which changes without any event changing.
    #[must_use]
    pub(super) fn provable(&self) -> Value {
        let mut value = serde_json::to_value(Self { content: None, ..self.clone() }).unwrap_or_default();
        if let Value::Object(members) = &mut value {
            members.remove("content");
            members.remove("redacted");
        }
        value
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
