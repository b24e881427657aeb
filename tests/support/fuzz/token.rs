//! Bytes from a client, as a token: raw, and as claims behind a right signature, so that what it hides is reached.

use super::reach;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::Time;
use tidings_engine::keys::Keys;
use tidings_engine::limits::{Limits, NAME_BYTES_MAX, ROLES_COUNT_MAX, TOKEN_LEEWAY_MS, TOPICS_COUNT_MAX};
use tidings_engine::token::{Algorithm, KeyConfig, Tenants, Verifier, sign};

/// What becomes of the inputs.
pub const MARKS: &[&str] = &[
    "accepted",
    "token_too_large",
    "token_malformed",
    "token_bad_signature",
    "token_expired",
    "token_not_yet_valid",
    "token_lifetime_too_long",
    "token_missing_claim",
    "token_bad_claim",
    "token_wrong_audience",
    "tenant_not_allowed",
    "role_not_allowed",
    "token_too_many_roles",
];

/// 2027-01-15.
const NOW: Time = Time(1_800_000_000_000);

/// Longest text of a refusal: none repeats what the client sent, so none grows with it.
const REFUSAL_BYTES_MAX: usize = 200;

const TENANT: &str = "acme";
const ROLES: [Role; 2] = [Role::User, Role::Auditor];

/// The bytes as a token, as the JSON text of claims, and as claims of chosen names and values.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text, None);
        if let Ok(claims) = serde_json::from_str::<Value>(text) {
            signed(&claims);
        }
    }
    signed(&Value::Object(chosen(data)));
}

fn signed(claims: &Value) {
    if let Ok(token) = sign(key(), claims) {
        check(&token, Some(claims));
        // Another signature under the same claims.
        let mut other = token.into_bytes();
        if let Some(last) = other.iter_mut().rev().nth(8) {
            *last = if *last == b'A' { b'B' } else { b'A' };
        }
        check(&String::from_utf8_lossy(&other), None);
    }
}

/// What is granted is in the claims and permitted to the key; what is not is refused in a short sentence.
fn check(token: &str, claims: Option<&Value>) {
    match verifier().verify(keys(), token, NOW) {
        Ok(grant) => {
            reach("accepted");
            let claims = claims.expect("a token that nobody signed was accepted");
            assert_granted(&grant, claims);
        }
        Err(error) => {
            reach(error.word());
            let text = error.to_string();
            assert!(text.len() <= REFUSAL_BYTES_MAX, "{text}");
        }
    }
}

fn assert_granted(grant: &Grant, claims: &Value) {
    assert_eq!((&*grant.tenant, &claims["tenant"]), (TENANT, &json!(TENANT)));
    assert_eq!(claims["sub"], *grant.subject);
    assert!(!grant.subject.is_empty() && grant.subject.len() <= NAME_BYTES_MAX);
    let said: Vec<&str> = claims["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for role in &grant.roles {
        assert!(ROLES.contains(role), "{role:?} is not the key's to give");
        assert!(said.contains(&role.word()) || said.is_empty(), "{role:?} was not said");
    }
    assert!(grant.roles.len() <= ROLES_COUNT_MAX && grant.topics.len() <= TOPICS_COUNT_MAX);
    assert!(grant.topics.iter().all(|topic| topic.len() <= NAME_BYTES_MAX));
    let exp = claims["exp"].as_f64().expect("a grant has an end");
    assert!(grant.expires > NOW && grant.expires.0 as f64 <= exp * 1_000.0 + TOKEN_LEEWAY_MS as f64);
    assert!(claims["nbf"].as_f64().is_none_or(|nbf| nbf * 1_000.0 <= (NOW.0 + TOKEN_LEEWAY_MS) as f64));
    assert!(claims["aud"].is_null(), "meant for somebody else");
}

/// Claims of which each two bytes choose one.
fn chosen(data: &[u8]) -> Map<String, Value> {
    let seconds = NOW.0 / 1_000;
    let mut claims = Map::from_iter([("sub".to_owned(), json!("ada")), ("tenant".to_owned(), json!(TENANT))]);
    claims.insert("exp".to_owned(), json!(seconds + 60));
    for pair in data.chunks_exact(2) {
        let names = ["sub", "tenant", "exp", "nbf", "iat", "aud", "iss", "jti", "roles", "topics"];
        let (name, number) = (names[usize::from(pair[0]) % names.len()], i64::from(pair[1] / 16) - 8);
        let value = match pair[1] % 16 {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(seconds + number),
            3 => json!(seconds + number * 100_000),
            4 => json!(number as f64 / 0.3),
            5 => json!(i64::MAX),
            6 => json!("x".repeat(usize::from(pair[1]) * 2)),
            7 => json!(""),
            8 => json!(TENANT),
            9 => json!("globex"),
            10 => json!(["user"]),
            11 => json!(["user", "auditor"]),
            12 => json!(["super_admin"]),
            13 => json!(vec!["user"; usize::from(pair[1])]),
            14 => json!([["user"], 7]),
            _ => json!({"a": "b"}),
        };
        claims.insert(name.to_owned(), value);
    }
    claims
}

fn key() -> &'static KeyConfig {
    static KEY: OnceLock<KeyConfig> = OnceLock::new();
    KEY.get_or_init(|| KeyConfig {
        tenants: Tenants::Only(vec![TENANT.to_owned()]),
        roles: ROLES.to_vec(),
        ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], TENANT)
    })
}

fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(|| {
        Verifier::new(vec![key().clone()], "tenant".to_owned(), &Limits::default()).expect("one key is a configuration")
    })
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::new(&[1; 32]))
}
