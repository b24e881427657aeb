//! Scripts of events, and a naive model of what inboxes show after them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part, and nothing outside does")]

pub mod follower;
pub mod keeping;
pub mod naive;
pub mod script;

use std::sync::Arc;
use tidings_engine::event::{Audience, Event, Facts, Published, Recorded};
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::log::Envelope;
use tidings_projections::{ItemState, Owner};
use tidings_wire::Severity;

/// Time of the first event; each later one is a second after the one before.
pub const START_MS: i64 = 1_700_000_000_000;

/// The stream of a tenant.
pub fn tenant_stream(tenant: u32) -> StreamId {
    StreamId([u8::try_from(tenant).expect("scripts have few tenants"), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// The stream of a person of a tenant.
pub fn person_stream(tenant: u32, person: u8) -> StreamId {
    StreamId([
        u8::try_from(tenant).expect("scripts have few tenants"),
        2,
        person,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ])
}

/// An inbox's owner and its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub tenant: u32,
    /// `None` for the tenant's own inbox.
    pub person: Option<u8>,
}

impl Place {
    pub fn stream(self) -> StreamId {
        self.person.map_or(tenant_stream(self.tenant), |person| person_stream(self.tenant, person))
    }

    pub fn owner(self) -> Owner {
        match self.person {
            Some(_) => Owner::User(self.stream()),
            None => Owner::Tenant(self.stream()),
        }
    }
}

/// The next event of a log.
pub fn record(log: &mut Vec<Recorded>, tenant: u32, stream: StreamId, event: Event) -> Position {
    let position = Position(log.len() as u64 + 1);
    let envelope = Envelope {
        position,
        tenant: TenantId(tenant),
        tenant_sequence: position.0,
        stream,
        revision: Revision(position.0),
        event_type: event.type_number(),
        event_version: event.version(),
        command: CommandHash::NONE,
        command_index: 0,
        time: Time(START_MS).plus(1_000 * i64::try_from(position.0).expect("scripts are short")),
        key_id: 0,
    };
    let facts = Facts { actor: StreamId::default(), fingerprint: [0; 16], event };
    log.push(Recorded { envelope, facts, content: tidings_engine::log::Stored::EMPTY });
    position
}

/// A notification whose severity, tags and category follow from a number.
pub fn published(audience: Audience, number: u64) -> Published {
    let severities = [Severity::High, Severity::Medium, Severity::Low, Severity::None];
    Published {
        audience,
        severity: severities[(number % 4) as usize],
        category: (!number.is_multiple_of(3)).then(|| format!("category-{}", number % 3)),
        tags: (0..3).filter(|bit| number >> bit & 1 == 1).map(|bit| format!("tag-{bit}")).collect(),
        workflow: None,
        expires: None,
        group: None,
    }
}

/// A state as a follower can know it: without the position of the change, which only the server keeps.
pub fn known(state: &ItemState) -> ItemState {
    ItemState { changed: Position::ZERO, published: Arc::clone(&state.published), ..state.clone() }
}
