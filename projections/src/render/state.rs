use super::patch;
use crate::item_state::ItemState;
use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};
use tidings_engine::audit::canonical;
use tidings_engine::ids::StreamId;
use tidings_engine::item::Flags;
use tidings_engine::keys::{Keys, TenantTag};
use tidings_wire::Counts;

/// Version of the form that the digest is made of. Another form has another tag, so that no two are compared.
pub const STATE_VERSION: &str = "tidings-state-1";

/// The state of one inbox in the one form that its digest is made of: no content, no position, nothing of this machine.
///
/// Any machine with the log and its secret makes the same bytes; whoever has the bytes makes the same digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    text: String,
    items: Vec<ItemState>,
}

impl State {
    pub(crate) fn new(stream: StreamId, counts: Counts, items: Vec<ItemState>, keys: &Keys, tag: TenantTag) -> Self {
        let shown: Vec<Value> =
            items.iter().map(|item| self::item(item, &keys.item_id(tag, item.notification))).collect();
        let text = canonical(&json!({ "stream": stream, "counts": counts, "items": shown }));
        Self { text, items }
    }

    /// Canonical JSON: `{"counts":…,"items":[…],"stream":…}`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The items, newest first, for whoever may read their content too.
    #[must_use]
    pub fn items(&self) -> &[ItemState] {
        &self.items
    }

    /// SHA-256([`STATE_VERSION`] ‖ line feed ‖ [`State::text`]).
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Context::new(&SHA256);
        hash.update(STATE_VERSION.as_bytes());
        hash.update(b"\n");
        hash.update(self.text.as_bytes());
        hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }
}

fn item(state: &ItemState, id: &str) -> Value {
    let states = patch(state);
    let facts = &state.published;
    json!({
        "id": id,
        "createdAt": state.created.rfc3339(),
        "isSeen": states.is_seen,
        "isRead": states.is_read,
        "isArchived": states.is_archived,
        "isSnoozed": state.flags.has(Flags::SNOOZED),
        "firstSeenAt": states.first_seen_at,
        "readAt": states.read_at,
        "archivedAt": states.archived_at,
        "severity": facts.severity,
        "category": facts.category,
        "tags": facts.tags,
        "workflow": facts.workflow,
        "expiresAt": facts.expires.map(|time| time.rfc3339()),
    })
}
