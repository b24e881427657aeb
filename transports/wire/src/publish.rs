use crate::item::{Action, Redirect};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How urgent a notification is. The default is `none`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Needs attention now.
    High,
    /// Worth attention today.
    Medium,
    /// Good to know.
    Low,
    /// Not said.
    #[default]
    None,
}

/// Whom a notification is for: `"ada"`, `["ada","bob"]`, or an audience such as `{"type":"tenant"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Recipients {
    /// One person.
    One(String),
    /// A list of people, 1 to 10,000.
    Many(Vec<String>),
    /// Those that a description matches.
    Audience(AudienceName),
}

/// An audience by its description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum AudienceName {
    /// Everyone of the tenant.
    Tenant,
    /// Everyone who follows the topic.
    Topic {
        /// The topic's key.
        topic_key: String,
    },
    /// Everyone who has the role.
    Role {
        /// The role's name.
        role: String,
    },
    /// Everyone of every tenant.
    Platform,
}

/// What a service publishes: the body of `POST /v1/notifications` and of the command `publish`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// Whom it is for.
    pub to: Recipients,
    /// One line, at most 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text, at most 16 KiB.
    pub body: String,
    /// How urgent it is; `none` when absent.
    #[serde(default)]
    pub severity: Severity,
    /// What kind of thing it is about; filterable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Filterable labels, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The application's own value, at most 32 KiB of JSON and 16 levels deep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Address of a picture, http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The main button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_action: Option<Action>,
    /// The other button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_action: Option<Action>,
    /// Where a click leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// Items of one group belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_key: Option<String>,
    /// The publisher's own name for it; also an idempotency key. The notification's id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// When to deliver it. Known so that it can be refused: it is not offered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Value>,
    /// When it goes by itself. Known so that it can be refused: it is not offered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Value>,
    /// Which tenant, for a platform service only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// The answer to a publish, given after the sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The notification's id.
    pub id: String,
    /// The publisher's name for it.
    pub transaction_id: String,
    /// Where the tenant's log stands after it.
    pub cursor: String,
    /// How many people it is for; `null` for an audience.
    pub recipients: Option<u32>,
}
