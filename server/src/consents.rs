//! What people allow, where it decides what is pushed to their sessions.

use crate::connection::Connection;
use crate::inbox::InboxThread;
use parking_lot::RwLock;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_engine::consent::{Consent, Consents, Otherwise, Settings, Withheld};
use tidings_engine::event::{Event, Recorded};
use tidings_engine::ids::{Position, StreamId};
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::log::LogReader;
use tidings_engine::session::Input;
use tidings_projections::{Delta, Owner, Target};
use tidings_wire::{ConsentShown, InboxName, RealtimeDefault, SettingsShown};

/// Why a follower is shown an inbox anew.
pub(crate) const CONSENT: &str = "consent";

/// The consents of durable events, written by the inbox thread alone.
#[derive(Clone)]
pub(crate) struct ConsentsInForce(Arc<RwLock<Consents>>);

impl ConsentsInForce {
    /// Begins where the state of a log stands that holds durable events alone.
    pub(crate) fn new(consents: Consents) -> Self {
        Self(Arc::new(RwLock::new(consents)))
    }

    /// Takes in a durable event; gives of whose inboxes something else is pushed since.
    pub(crate) fn apply(&self, recorded: &Recorded) -> Option<Otherwise> {
        let takes = matches!(
            recorded.facts.event,
            Event::ConsentChanged { .. } | Event::TenantSettingsChanged { .. } | Event::SubjectErased { .. }
        );
        if takes { self.0.write().apply(recorded) } else { None }
    }

    /// What a person said.
    pub(crate) fn of(&self, subject: StreamId) -> Vec<Consent> {
        self.0.read().of(subject).cloned().collect()
    }

    /// What a tenant decided, by its stream.
    pub(crate) fn settings(&self, tenant: StreamId) -> Settings {
        self.0.read().settings(tenant).clone()
    }
}

impl InboxThread {
    /// What of an inbox is withheld from its followers; `None`: nothing.
    pub(crate) fn withheld(&self, owner: Owner, tenant: StreamId) -> Option<Withheld> {
        match owner {
            Owner::User(person) => self.consents.0.read().withheld(tenant, person),
            // It is nobody's own.
            Owner::Tenant(_) => None,
        }
    }

    /// The event since which what is withheld is as it is.
    pub(crate) fn pushed_since(&self, owner: Owner, tenant: StreamId) -> Position {
        match owner {
            Owner::User(person) => self.consents.0.read().since(tenant, person),
            Owner::Tenant(_) => Position::ZERO,
        }
    }

    /// What of a delta of one person is pushed, with counts of what is; `None`: nothing. Others are judged by follower.
    pub(crate) fn pushed(&mut self, delta: Delta) -> Option<Delta> {
        let Target::User(person) = delta.target else { return Some(delta) };
        let tenant = self.hub.followers(delta.target).find_map(|connection| connection.grant())?.tenant_stream;
        let owner = Owner::User(person);
        let Some(withheld) = self.withheld(owner, tenant) else { return Some(delta) };
        let mut delta = delta.pushed(&withheld)?;
        delta.counts = Some(self.ask(|projections| projections.pushed_counts(owner, Some(&withheld))).ok()?);
        Some(delta)
    }

    /// Whether a follower is not told of a delta of everyone.
    pub(crate) fn is_withheld(&self, delta: &Delta, connection: &Connection) -> bool {
        let (Target::TenantAudience(tenant), Some(category)) = (delta.target, delta.added_category()) else {
            return false;
        };
        let consents = self.consents.0.read();
        !consents.is_empty()
            && connection.grant().is_some_and(|grant| consents.withholds(tenant, grant.stream, category))
    }

    /// Something else of these inboxes is pushed from here on: what their followers hold is void.
    pub(crate) fn show_anew(&self, otherwise: Otherwise) {
        let target = match otherwise {
            Otherwise::Person(person) => Target::User(person),
            Otherwise::Tenant(tenant) => Target::TenantAudience(tenant),
        };
        for connection in self.hub.followers(target) {
            connection.give(Input::Resync { inbox: &InboxName::Me, reason: CONSENT });
        }
    }
}

/// Consents as they are shown.
///
/// # Errors
/// Why one cannot be read where it was recorded.
pub(crate) fn shown_consents(
    reader: &LogReader,
    keys: &Keys,
    tag: TenantTag,
    said: &[Consent],
) -> Result<Value, String> {
    let shown = said.iter().map(|consent| shown(reader, keys, tag, consent)).collect::<Result<Vec<_>, String>>()?;
    Ok(json!(shown))
}

fn shown(reader: &LogReader, keys: &Keys, tag: TenantTag, consent: &Consent) -> Result<ConsentShown, String> {
    let record = reader.read(consent.position).map_err(|error| error.to_string())?;
    let content = keys.content(&record.envelope, &record.content).map_err(|error| error.to_string())?;
    let recorded = Recorded::decode(record).map_err(|error| error.to_string())?;
    let Event::ConsentChanged { subject, text_version, .. } = recorded.facts.event else {
        return Err(format!("no consent at {}", consent.position));
    };
    Ok(ConsentShown {
        id: keys.item_id(tag, consent.position),
        channel: consent.channel.word().to_owned(),
        category: consent.category.as_deref().map(str::to_owned),
        given: consent.given,
        purpose: content.and_then(|content| content.subject),
        text_version,
        recorded_at: consent.at.rfc3339(),
        recorded_by: if recorded.facts.actor == subject { "self" } else { "other" }.to_owned(),
    })
}

/// What a tenant decided, as it is shown.
pub(crate) fn settings_shown(settings: &Settings) -> SettingsShown {
    let realtime = if settings.is_opt_in { RealtimeDefault::OptIn } else { RealtimeDefault::OptOut };
    let critical = settings.critical.clone();
    SettingsShown { realtime, critical, record_delivered: settings.records_delivered }
}
