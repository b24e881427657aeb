//! Tokens: good ones, and all kinds of bad ones.

use super::stopwatch::Micros;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use std::path::Path;
use tidings_engine::token::{Algorithm, KeyConfig, Tenants, sign};

/// A key of the server under test.
#[derive(Clone)]
pub(crate) struct Signer {
    kid: String,
    secret: Vec<u8>,
}

impl Signer {
    /// A key of one's own.
    pub(crate) fn new(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), secret: secret.to_vec() }
    }

    /// The development key of a data directory that a server or `tidings token` has made.
    pub(crate) fn dev(data: &Path) -> Self {
        let text = std::fs::read_to_string(data.join("dev.key")).expect("a server under --dev has made its key");
        let secret = HEXLOWER.decode(text.trim().as_bytes()).expect("the key is written in hexadecimal");
        Self { kid: "dev".to_owned(), secret }
    }

    /// A good token of an hour.
    pub(crate) fn token(&self, tenant: &str, subject: &str, role: &str) -> String {
        self.sign(&claims(tenant, subject, role, 3_600))
    }

    /// A token that says exactly this.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let key = KeyConfig {
            kid: Some(self.kid.clone()),
            algorithm: Algorithm::Hs256,
            material: self.secret.clone(),
            issuer: None,
            audience: None,
            tenants: Tenants::Any,
            roles: Vec::new(),
        };
        sign(&key, claims).expect("an HS256 key signs")
    }

    /// A token by this key's name that nobody has signed.
    pub(crate) fn unsigned(&self, claims: &Value) -> String {
        let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}.", part(json!({"alg": "none", "typ": "JWT", "kid": self.kid})), part(claims.clone()))
    }
}

/// Claims that end `life` seconds from now; a negative life has ended.
pub(crate) fn claims(tenant: &str, subject: &str, role: &str, life: i64) -> Value {
    let now = Micros::now().seconds();
    json!({"tenant": tenant, "sub": subject, "roles": [role], "iat": now.min(now + life), "exp": now + life})
}
