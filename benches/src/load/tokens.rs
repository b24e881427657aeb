//! Tokens signed with the development key of the server under load.

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use serde_json::json;
use std::path::Path;
use tidings_benches::stopwatch::seconds_since_1970;
use tidings_engine::token::{Algorithm, KeyConfig, sign};

/// The tenant of everybody.
pub(crate) const TENANT: &str = "acme";

/// The development key.
pub(crate) struct Signer {
    key: KeyConfig,
}

impl Signer {
    /// That of a data directory whose server is ready.
    pub(crate) fn of(data: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(data.join("dev.key")).context("the server has made no dev.key")?;
        let secret = HEXLOWER.decode(text.trim().as_bytes()).context("dev.key is not hexadecimal")?;
        let key = KeyConfig { kid: Some("dev".to_owned()), ..KeyConfig::new(Algorithm::Hs256, secret, TENANT) };
        Ok(Self { key })
    }

    /// A token of an hour.
    pub(crate) fn token(&self, subject: &str, role: &str) -> Result<String> {
        let now = seconds_since_1970();
        let claims = json!({"sub": subject, "tenant": TENANT, "roles": [role], "iat": now, "exp": now + 3_600});
        sign(&self.key, &claims).context("the key cannot sign")
    }
}
