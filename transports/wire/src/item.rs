use crate::publish::Severity;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// The name of a mark that can be set on items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Shown in a list.
    Seen,
    /// Not yet shown; implies unread and takes it out of the archive.
    Unseen,
    /// Opened or acknowledged; implies seen.
    Read,
    /// To be read again; keeps seen and takes it out of the archive.
    Unread,
    /// Put away; implies seen and read.
    Archived,
    /// Back from the archive; keeps read.
    Unarchived,
    /// Gone for this person, for good.
    Deleted,
}

/// A person as the inbox names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscriber {
    /// The application's own id of the person.
    pub subscriber_id: String,
}

/// Who caused a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The application's own id of the actor.
    pub subscriber_id: String,
}

/// Where a click leads. Only http, https and paths of one slash are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// The address.
    pub url: String,
    /// The browsing context, such as `_self`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A button of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// What stands on it.
    pub label: String,
    /// Whether this person has done it.
    #[serde(default)]
    pub is_completed: bool,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
}

/// One notification as it stands in one inbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Opaque id of the notification.
    pub id: String,
    /// The publisher's name for it.
    pub transaction_id: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// Whose inbox it is in; absent where one encoding serves many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Subscriber>,
    /// Opened or acknowledged.
    pub is_read: bool,
    /// Shown in a list.
    pub is_seen: bool,
    /// Put away.
    pub is_archived: bool,
    /// Away until `snoozedUntil`.
    pub is_snoozed: bool,
    /// Kept on top.
    pub is_pinned: bool,
    /// Time of publishing.
    pub created_at: String,
    /// Times of delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered_at: Vec<String>,
    /// Time of the last mark as read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<String>,
    /// Time of the first sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_at: Option<String>,
    /// Time of archiving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<String>,
    /// End of the snooze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<String>,
    /// When it goes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// The main button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_action: Option<Action>,
    /// The other button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_action: Option<Action>,
    /// Always `in_app`.
    pub channel_type: String,
    /// Filterable labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The application's own value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
    /// Where a click leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// What kind of thing it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Items of one group belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_key: Option<String>,
    /// How urgent it is.
    pub severity: Severity,
}

/// What changed of an item: the states and their times. `null` says that a time is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemPatch {
    /// Opened or acknowledged.
    pub is_read: bool,
    /// Shown in a list.
    pub is_seen: bool,
    /// Put away.
    pub is_archived: bool,
    /// Time of the last mark as read.
    pub read_at: Option<String>,
    /// Time of the first sight.
    pub first_seen_at: Option<String>,
    /// Time of archiving.
    pub archived_at: Option<String>,
}

/// One change to an inbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Change {
    /// An item that was not there.
    Added {
        /// The whole item.
        item: Box<Item>,
    },
    /// An item that was there has other states.
    Changed {
        /// Its id.
        id: String,
        /// Only what changed.
        item: ItemPatch,
    },
    /// An item is gone.
    Removed {
        /// Its id.
        id: String,
    },
    /// A mark was set on every item up to a place that a filter matches.
    MarkedAll {
        /// Which mark.
        mark: Mark,
        /// The place.
        up_to: String,
        /// When: the time of those states that it sets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// Which items; all when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<Value>,
    },
}

/// Unread items by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityCounts {
    /// Of severity high.
    pub high: u32,
    /// Of severity medium.
    pub medium: u32,
    /// Of severity low.
    pub low: u32,
    /// Of severity none.
    pub none: u32,
}

/// Exact, uncapped counts of one inbox. Archived items count in `total` alone of the archived filter, never here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Items that are neither archived nor snoozed.
    pub total: u32,
    /// Of these, not seen.
    pub unseen: u32,
    /// Of these, not read.
    pub unread: u32,
    /// The unread ones by severity.
    pub severity: SeverityCounts,
}
