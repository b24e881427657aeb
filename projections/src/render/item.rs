use crate::item_state::ItemState;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tidings_engine::event::Content;
use tidings_engine::item::Flags;
use tidings_engine::keys::{Keys, TenantTag};
use tidings_wire::{Actor, Item, ItemPatch, Subscriber};

/// A whole item. `to` is the person whose inbox it is in; the content's own recipient stands in where it is absent.
#[must_use]
pub fn item(state: &ItemState, content: &Content, keys: &Keys, tag: TenantTag, to: Option<&str>) -> Item {
    let ItemPatch { is_read, is_seen, is_archived, read_at, first_seen_at, archived_at } = patch(state);
    let id = keys.item_id(tag, state.notification);
    let created_at = state.created.rfc3339();
    let facts = &state.published;
    Item {
        transaction_id: content.transaction_id.clone().unwrap_or_else(|| id.clone()),
        id,
        subject: content.subject.clone(),
        body: content.body.clone(),
        to: to
            .map(str::to_owned)
            .or_else(|| content.recipient.clone())
            .map(|subscriber_id| Subscriber { subscriber_id }),
        is_read,
        is_seen,
        is_archived,
        is_snoozed: state.flags.has(Flags::SNOOZED),
        is_pinned: false,
        delivered_at: vec![created_at.clone()],
        created_at,
        read_at,
        first_seen_at,
        archived_at,
        snoozed_until: None,
        expires_at: facts.expires.map(|time| time.rfc3339()),
        avatar: content.avatar.clone(),
        actor: content.actor.clone().map(|subscriber_id| Actor { subscriber_id }),
        primary_action: parsed(content.primary_action.as_deref()),
        secondary_action: parsed(content.secondary_action.as_deref()),
        channel_type: "in_app".to_owned(),
        tags: facts.tags.clone(),
        data: content.data.clone().and_then(|json| RawValue::from_string(json).ok()),
        redirect: parsed(content.redirect.as_deref()),
        category: facts.category.clone(),
        group_key: content.group_key.clone(),
        severity: facts.severity,
    }
}

/// The states of an item and their times.
#[must_use]
pub fn patch(state: &ItemState) -> ItemPatch {
    ItemPatch {
        is_read: state.flags.has(Flags::READ),
        is_seen: state.flags.has(Flags::SEEN),
        is_archived: state.flags.has(Flags::ARCHIVED),
        read_at: state.read.map(|time| time.rfc3339()),
        first_seen_at: state.first_seen.map(|time| time.rfc3339()),
        archived_at: state.archived.map(|time| time.rfc3339()),
    }
}

/// JSON that was checked before it was recorded; nothing where it cannot be read.
fn parsed<T: DeserializeOwned>(json: Option<&str>) -> Option<T> {
    json.and_then(|json| serde_json::from_str(json).ok())
}
