use super::TokenError;
use super::jwks::KeySet;
use super::key::{Assertions, NoKey, VerifyingKey, named};
use crate::ids::Time;
use std::sync::Arc;

/// Names a place that keys are loaded from while the server runs. Unique in the process; a changed place gets a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySource(pub u64);

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// They were read once and hold until the next reload of the configuration.
    Fixed(Arc<KeySet>),
    /// They are loaded again and again.
    Loaded {
        /// From where.
        source: KeySource,
        /// The last good set; `None` before the first.
        last: Option<LoadedKeys>,
    },
}

/// A set that was loaded, and how long it may be used.
#[derive(Clone, Debug)]
pub struct LoadedKeys {
    /// The keys.
    pub set: Arc<KeySet>,
    /// From here on they are refused: too long ago was the set seen to be in force.
    pub until: Time,
}

/// Somebody else who signs tokens: what they may assert, and their keys.
#[derive(Clone, Debug)]
pub struct Issuer {
    name: String,
    pub(super) may: Arc<Assertions>,
    pub(super) keys: IssuerKeys,
}

impl Issuer {
    /// An issuer whose tokens all have `name` as `iss`, whatever `may` says of that.
    #[must_use]
    pub fn new(name: String, may: Assertions, keys: IssuerKeys) -> Self {
        let may = Arc::new(Assertions { issuer: Some(name.clone()), ..may });
        Self { name, may, keys }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its keys.
    #[must_use]
    pub const fn keys(&self) -> &IssuerKeys {
        &self.keys
    }

    pub(super) fn key(&self, kid: Option<&str>, now: Time) -> Result<&VerifyingKey, TokenError> {
        let (set, source) = match &self.keys {
            IssuerKeys::Fixed(set) => (set, None),
            IssuerKeys::Loaded { source, last: Some(LoadedKeys { set, until }) } if now < *until => {
                (set, Some(*source))
            }
            IssuerKeys::Loaded { source, .. } => return Err(TokenError::KeysUnavailable { from: *source }),
        };
        named(&set.keys, kid).map(|(_, key)| key).map_err(|no| match (no, source) {
            (NoKey::Unnamed, _) => TokenError::KidRequired,
            (NoKey::Unknown, None) => TokenError::UnknownKey,
            (NoKey::Unknown, Some(from)) => TokenError::KeyNotLoaded { from },
        })
    }
}
