//! An inbox as of a place: one text, the same from a server, the command line and any other machine with the log.

use super::audit_log::{AuditLog, Fault, Whose};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::json;
use tidings_engine::audit::{canonical, content_shown};
use tidings_engine::ids::{Position, StreamId};
use tidings_engine::keys::TenantTag;
use tidings_projections::InboxAsOf;
use tidings_projections::render::{STATE_VERSION, State};

/// Bytes from which a chunk of contents is given: 48 KiB.
const CHUNK_BYTES: usize = 48 * 1024;

/// Folds the inbox of a stream through a place. `None`: no event told of its owner.
pub(crate) fn fold_inbox(
    log: &AuditLog,
    whose: Whose,
    stream: StreamId,
    through: Position,
) -> Result<Option<InboxAsOf>, Fault> {
    let Some(tenant) = whose.tenant() else { return Ok(None) };
    let mut inbox = InboxAsOf::new(tenant, stream);
    log.each(whose, (Position::ZERO, through), u64::MAX, |found| {
        inbox.apply(&found.recorded)?;
        Ok(true)
    })?;
    Ok(inbox.is_known().then_some(inbox))
}

/// The answer about an inbox, a part at a time: the state whole, then the content of its items where that is wanted.
pub(crate) struct StateAnswer {
    log: AuditLog,
    state: State,
    head: String,
    tag: TenantTag,
    content: bool,
    next: Option<usize>,
}

impl StateAnswer {
    /// The answer about an inbox of a tenant with this tag. It names the tenant's own last event, so that it is the same
    /// whatever happened to others since.
    pub(crate) fn new(log: AuditLog, inbox: &mut InboxAsOf, tag: TenantTag, content: bool) -> Result<Self, Fault> {
        let (sequence, time) = inbox.as_of();
        let state = inbox.state(&log.keys, tag)?;
        let as_of = json!({ "tenantSequence": sequence, "time": time.rfc3339() });
        let cursor = log.cursor(inbox.position()).seal(&log.keys, tag);
        let head = format!(
            r#"{{"asOf":{},"cursor":"{cursor}","digest":"{}","state":{},"version":"{STATE_VERSION}""#,
            canonical(&as_of),
            HEXLOWER.encode(&state.digest()),
            state.text(),
        );
        Ok(Self { log, state, head, tag, content, next: Some(0) })
    }

    /// The next part; `None` after the last.
    pub(crate) fn part(&mut self) -> Option<Bytes> {
        let from = self.next?;
        let mut text = if from == 0 { std::mem::take(&mut self.head) } else { String::new() };
        if !self.content {
            self.next = None;
            text.push_str("}\n");
            return Some(Bytes::from(text));
        }
        if from == 0 {
            text.push_str(r#","contents":["#);
        }
        let start = text.len();
        let items = self.state.items();
        let mut index = from;
        while index < items.len() && text.len() - start < CHUNK_BYTES {
            let notification = items[index].notification;
            let content = self.log.content_at(notification);
            let id = self.log.keys.item_id(self.tag, notification);
            let comma = if index > 0 { "," } else { "" };
            text.push_str(&format!(r#"{comma}{{"id":"{id}","content":{}}}"#, content_shown(content.as_ref())));
            index += 1;
        }
        self.next = (index < items.len()).then_some(index);
        if self.next.is_none() {
            text.push_str("]}\n");
        }
        Some(Bytes::from(text))
    }
}
