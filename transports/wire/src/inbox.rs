use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Most bytes the key of a topic may have in an inbox name: 128.
const TOPIC_KEY_BYTES_MAX: usize = 128;

/// Which inbox a subscription or a page is about: `me`, `tenant`, `platform`, `audit` or `topic:KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InboxName {
    /// The inbox of the person whose token it is.
    Me,
    /// All that was published to the tenant as an audience.
    Tenant,
    /// All that was published to the platform.
    Platform,
    /// The recorded events themselves.
    Audit,
    /// What was published to one topic.
    Topic(String),
}

/// The text is no inbox name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inbox must be me, tenant, platform, audit or topic:KEY")]
pub struct BadInboxName;

impl FromStr for InboxName {
    type Err = BadInboxName;

    fn from_str(text: &str) -> Result<Self, BadInboxName> {
        match text {
            "me" => Ok(Self::Me),
            "tenant" => Ok(Self::Tenant),
            "platform" => Ok(Self::Platform),
            "audit" => Ok(Self::Audit),
            _ => match text.strip_prefix("topic:") {
                Some(key) if !key.is_empty() && key.len() <= TOPIC_KEY_BYTES_MAX => Ok(Self::Topic(key.to_owned())),
                _ => Err(BadInboxName),
            },
        }
    }
}

impl fmt::Display for InboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Me => f.write_str("me"),
            Self::Tenant => f.write_str("tenant"),
            Self::Platform => f.write_str("platform"),
            Self::Audit => f.write_str("audit"),
            Self::Topic(key) => write!(f, "topic:{key}"),
        }
    }
}

impl Serialize for InboxName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InboxName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::InboxName;

    #[test]
    fn an_inbox_name_survives_the_wire_and_nothing_else_is_one() {
        for name in ["me", "tenant", "platform", "audit", "topic:orders"] {
            assert_eq!(name.parse::<InboxName>().unwrap().to_string(), name);
        }
        for name in ["", "Me", "topic:", "user:ada", &format!("topic:{}", "k".repeat(129))] {
            assert!(name.parse::<InboxName>().is_err(), "{name} was taken");
        }
    }
}
