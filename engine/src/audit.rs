//! What an auditor is shown: one line of JSON an event, the same on every way out.
//!
//! The command line, `GET /v1/audit/events` and the frames of `subscribe audit` all print [`Line`]; its schema is
//! `docs/audit-events.schema.json`. Who reads decides what is in it: see [`View`].

mod canonical;
mod content;
mod facts;
mod line;
mod range;
mod selection;
#[cfg(test)]
mod tests;

pub use canonical::canonical;
pub use content::content_shown;
pub use line::{Cut, Line, Seen};
pub use range::{RangeEnd, TenantChain};
pub use selection::Selection;

use crate::ids::Position;
use crate::keys::{Keys, TenantTag};
use serde_json::Value;

/// Every type of event by its number in the envelope and its name.
pub const EVENT_TYPES: &[(u16, &str)] = &[
    (1, "TenantCreated"),
    (2, "SubjectObserved"),
    (3, "NotificationPublished"),
    (4, "NotificationRetracted"),
    (5, "ItemsMarked"),
    (6, "AllItemsMarked"),
    (7, "SubjectErased"),
    (8, "AuditRead"),
    (9, "CheckpointKeyAdopted"),
    (10, "TokensRevoked"),
    (11, "ApiKeyCreated"),
    (12, "ApiKeyRevoked"),
    (13, "ConsentChanged"),
    (14, "TenantSettingsChanged"),
    (15, "ItemsDelivered"),
];

/// Who reads.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// The platform and the command line: positions, numbers of tenants and keys, and every hash that the leaf is made of.
    Platform,
    /// One tenant's auditors: nothing that tells of another tenant. Positions are opaque ids. There is no leaf and no
    /// hash of the facts either: whoever knows all else of an event finds its position by trying them one after the other.
    Tenant {
        /// The log's keys.
        keys: &'a Keys,
        /// The tenant's tag.
        tag: TenantTag,
    },
}

impl View<'_> {
    /// A position as this reader is shown it.
    fn place(self, position: Position) -> Value {
        match self {
            Self::Platform => Value::from(position.0),
            Self::Tenant { keys, tag } => Value::from(keys.item_id(tag, position)),
        }
    }

    const fn is_platform(self) -> bool {
        matches!(self, Self::Platform)
    }
}
