//! Who signs tokens, and what they may assert: single keys, and issuers that publish sets of keys.

use super::Interval;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// One key and what it may assert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its name in token headers. Needed when there are several keys.
    pub kid: Option<String>,
    /// How it signs; a token's own header has no say.
    pub algorithm: KeyAlgorithm,
    /// HS256: a file whose bytes are the secret, at least 32.
    pub secret_file: Option<PathBuf>,
    /// RS256, ES256, EdDSA: a file with the public key, PEM.
    pub public_key_file: Option<PathBuf>,
    /// `iss` that tokens must carry.
    pub issuer: Option<String>,
    /// `aud` that tokens must carry.
    pub audience: Option<String>,
    /// Tenants it may assert; `["*"]` is any, which must be said.
    pub tenants: Vec<String>,
    /// Roles it may assert: `user` and `service` when absent.
    pub roles: Option<Vec<String>>,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// RSA with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// Somebody else who signs tokens, such as an identity provider, and what they may assert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its name: the `iss` of every token of it.
    pub iss: String,
    /// Names of this server: tokens must carry one of them in `aud`. When there is none, a token with an `aud` is refused.
    #[serde(default)]
    pub aud: Vec<String>,
    /// How its keys may sign; what else it publishes is passed by.
    pub algorithms: Vec<KeyAlgorithm>,
    /// Tenants it may assert; `["*"]` is any, which must be said.
    pub tenants: Vec<String>,
    /// Roles it may assert: `user` and `service` when absent.
    pub roles: Option<Vec<String>>,
    /// A file with its keys as a JSON Web Key Set, read at start and by each reload.
    pub jwks_file: Option<PathBuf>,
    /// Where it publishes that set: `https`, or `http` on this machine.
    pub jwks_url: Option<String>,
    /// Certificates that vouch for the URL, PEM, instead of those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// How often the URL is read: `10m`. Besides, a token with an unknown `kid` has it read at once, every 10 s at most.
    #[serde(default = "refresh")]
    pub refresh: Interval,
    /// How long the last good set is used while the URL cannot be read: `24h`. After that its keys are refused.
    #[serde(default = "keep")]
    pub keep: Interval,
}

const fn refresh() -> Interval {
    Interval(Duration::from_secs(10 * 60))
}

const fn keep() -> Interval {
    Interval(Duration::from_secs(24 * 60 * 60))
}

impl Key {
    /// What is wrong with the key as it is written; `several`: it is not the only one.
    pub(super) fn wrong(&self, several: bool) -> Option<&'static str> {
        let files = (self.secret_file.is_some(), self.public_key_file.is_some());
        match (self.algorithm, files) {
            (KeyAlgorithm::HS256, (true, false)) => {}
            (KeyAlgorithm::HS256, _) => return Some("needs secret_file and no public_key_file for HS256"),
            (_, (false, true)) => {}
            (_, _) => return Some("needs public_key_file and no secret_file for RS256, ES256 and EdDSA"),
        }
        if self.tenants.is_empty() {
            return Some("names no tenants: list them, or say [\"*\"] for any");
        }
        (several && self.kid.is_none()).then_some("needs a kid, since there are several keys")
    }
}

impl Issuer {
    /// What is wrong with the issuer as it is written.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        if self.iss.is_empty() {
            return Some("needs iss: the name that its tokens carry");
        }
        if self.tenants.is_empty() {
            return Some("names no tenants: list them, or say [\"*\"] for any");
        }
        if self.algorithms.is_empty() {
            return Some("names no algorithms");
        }
        let is_secret = self.algorithms.contains(&KeyAlgorithm::HS256);
        match (&self.jwks_file, &self.jwks_url) {
            (Some(_), None) if self.ca_file.is_some() => return Some("has ca_file, which only jwks_url needs"),
            (Some(_), None) => {}
            (None, Some(_)) if is_secret => return Some("has HS256 with jwks_url: a secret is not published"),
            (None, Some(url)) if !is_url(url) => {
                return Some("has a jwks_url that is not https://HOST[:PORT]/PATH; http is for this machine alone");
            }
            (None, Some(_)) => {}
            _ => return Some("needs one of jwks_file and jwks_url"),
        }
        (self.keep.0 < self.refresh.0).then_some("has keep shorter than refresh: keys would be refused in between")
    }
}

/// Whether keys may be read from there: by TLS, or from this machine.
fn is_url(url: &str) -> bool {
    let rest = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if is_this_machine(rest) => rest,
        _ => return false,
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let sound = |c: char| c.is_ascii_graphic() && c != '#';
    !authority.is_empty() && !authority.contains(['@', '?']) && rest.chars().all(sound)
}

fn is_this_machine(rest: &str) -> bool {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| match authority.strip_prefix(name) {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn keys_come_by_tls_or_from_this_machine() {
        for url in
            ["https://idp.example/keys", "https://idp.example:8443/k?v=1", "http://127.0.0.1:9/k", "http://[::1]/k"]
        {
            assert!(is_url(url), "{url} was refused");
        }
        for url in [
            "http://idp.example/keys",
            "http://localhost.evil/k",
            "http://127.0.0.1.evil/k",
            "http://127.0.0.1@evil/k",
            "https://user@idp.example/k",
            "https:///k",
            "https://idp.example/k#f",
            "https://idp.example/a b",
            "ftp://idp.example/k",
            "",
        ] {
            assert!(!is_url(url), "{url} was taken");
        }
    }
}
