use serde::{Deserialize, Serialize};

/// What is pushed to people who said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RealtimeDefault {
    /// Everything, until they do not allow it.
    OptOut,
    /// Nothing, until they allow it.
    OptIn,
}

/// What a tenant is to decide for itself; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeSettings {
    /// What is pushed to people who said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime: Option<RealtimeDefault>,
    /// All categories whose items are pushed whatever a person says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<Vec<String>>,
    /// Whether it is recorded what reached people's devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_delivered: Option<bool>,
}

/// What a tenant has decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsShown {
    /// What is pushed to people who said nothing.
    pub realtime: RealtimeDefault,
    /// Categories whose items are pushed whatever a person says, sorted.
    pub critical: Vec<String>,
    /// Whether it is recorded what reached people's devices.
    pub record_delivered: bool,
}
