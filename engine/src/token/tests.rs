mod material;
mod pairs;
mod sets;

use super::{Algorithm, KeyConfig, KeyError, KeyFlaw, Tenants, TokenError, Verifier, sign};
use crate::grant::Role;
use crate::ids::Time;
use crate::keys::Keys;
use crate::limits::{Limits, TOKEN_BYTES_MAX};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tidings_wire::{CloseCode, ReplyCode};

const NOW: Time = Time(1_800_000_000_000);
const NOW_S: i64 = NOW.0 / 1_000;
const ED_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEILsg7f4Vps/f7ezzA2p1FL503nLpav4hNfoGOhbJOJ8z
-----END PRIVATE KEY-----";
const ED_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEApTlvEHpI7J1luBRqh8mLeW0m26neQELy1HVfVGMJoFs=
-----END PUBLIC KEY-----";

fn key(kid: &str) -> KeyConfig {
    KeyConfig { kid: Some(kid.to_owned()), ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], "acme") }
}

fn verifier(keys: Vec<KeyConfig>) -> Verifier {
    Verifier::new(keys, "tenant".to_owned(), &Limits::default()).unwrap()
}

fn claims(change: Value) -> Value {
    let mut claims = json!({"sub": "ada", "tenant": "acme", "exp": NOW_S + 60});
    for (name, value) in change.as_object().unwrap() {
        claims.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    claims
}

fn verdict(change: Value) -> Result<super::Grant, TokenError> {
    let key = key("a");
    let token = sign(&key, &claims(change)).unwrap();
    verifier(vec![key]).verify(&Keys::new(&[1; 32]), &token, NOW)
}

#[test]
fn a_good_token_grants_what_it_says() {
    let grant = verdict(json!({"roles": ["service", "user", "user"], "topics": ["b", "a"], "jti": "t", "iat": NOW_S}));
    let grant = grant.unwrap();
    assert_eq!((&*grant.tenant, &*grant.subject), ("acme", "ada"));
    assert_eq!(grant.roles, [Role::User, Role::Service]);
    assert_eq!(grant.topics, ["a", "b"]);
    assert_eq!((grant.token_id.as_deref(), grant.issued), (Some("t"), Some(NOW)));
    assert_eq!(grant.expires, NOW.plus(65_000));
    assert_eq!(verdict(json!({})).unwrap().roles, [Role::User]);
    assert_eq!(verdict(json!({"roles": []})).unwrap().roles, []);
}

#[test]
fn the_table_of_tokens_gives_its_verdicts() {
    use TokenError as E;
    let bad = |claim| E::BadClaim { claim };
    let names = |count| json!((0..count).map(|n| format!("t{n}")).collect::<Vec<_>>());
    let day = 24 * 60 * 60;
    let table = [
        (json!({"exp": NOW_S - 4}), None),
        (json!({"exp": NOW_S - 5}), Some(E::Expired)),
        (json!({"exp": -1}), Some(E::Expired)),
        (json!({"exp": -1e300}), Some(E::Expired)),
        (json!({"exp": i64::MIN}), Some(E::Expired)),
        (json!({"exp": "soon"}), Some(bad("exp"))),
        (json!({"exp": null}), Some(bad("exp"))),
        (json!({"exp": NOW_S as f64 + 0.5}), None),
        (json!({"exp": NOW_S + day}), None),
        (json!({"exp": NOW_S + day, "iat": NOW_S + 9_000}), None),
        (json!({"exp": NOW_S + day, "nbf": NOW_S + 5}), None),
        (json!({"nbf": NOW_S + 6}), Some(E::NotYetValid)),
        (json!({"nbf": 1e300}), Some(E::NotYetValid)),
        (json!({"nbf": []}), Some(bad("nbf"))),
        (json!({"iat": true}), Some(bad("iat"))),
        (json!({"sub": ""}), Some(bad("sub"))),
        (json!({"sub": 7}), Some(bad("sub"))),
        (json!({"sub": "a\nb"}), Some(bad("sub"))),
        (json!({"sub": "s".repeat(128)}), None),
        (json!({"sub": "s".repeat(129)}), Some(bad("sub"))),
        (json!({"tenant": "other"}), Some(E::TenantNotAllowed)),
        (json!({"tenant": "acme "}), Some(E::TenantNotAllowed)),
        (json!({"tenant": ["acme"]}), Some(bad("tenant"))),
        (json!({"roles": "user"}), Some(bad("roles"))),
        (json!({"roles": [1]}), Some(bad("roles"))),
        (json!({"roles": ["super_admin"]}), Some(E::RoleNotAllowed { role: Some(Role::SuperAdmin) })),
        (json!({"roles": ["SUPER_ADMIN"]}), Some(E::RoleNotAllowed { role: None })),
        (json!({"roles": vec!["user"; 32]}), None),
        (json!({"roles": vec!["user"; 33]}), Some(E::TooManyRoles { found: 33 })),
        (json!({"topics": names(200)}), None),
        (json!({"topics": names(201)}), Some(E::TooManyTopics { found: 201 })),
        (json!({"topics": [""]}), Some(bad("topics"))),
        (json!({"aud": "elsewhere"}), Some(E::WrongAudience)),
        (json!({"jti": {}}), Some(bad("jti"))),
    ];
    for (change, expected) in table {
        assert_eq!(verdict(change.clone()).err(), expected, "{change}");
    }
    let future = verdict(json!({"iat": NOW_S + 9_000, "exp": NOW_S + day + 1}));
    assert!(matches!(future, Err(E::LifetimeTooLong { .. })));
    for exp in [json!(1e300), json!(u64::MAX), json!(NOW_S + day + 1)] {
        assert!(matches!(verdict(json!({ "exp": exp })), Err(E::LifetimeTooLong { .. })), "{exp}");
    }
    let long = verdict(json!({"iat": NOW_S - day, "exp": NOW_S + 1}));
    assert_eq!(long.err(), Some(E::LifetimeTooLong { found: 86_401_000, allowed: 86_400_000 }));
}

#[test]
fn a_missing_claim_is_named() {
    for claim in ["sub", "tenant", "exp"] {
        let mut claims = claims(json!({}));
        claims.as_object_mut().unwrap().remove(claim);
        let token = sign(&key("a"), &claims).unwrap();
        let found = verifier(vec![key("a")]).verify(&Keys::new(&[1; 32]), &token, NOW);
        assert_eq!(found.err(), Some(TokenError::MissingClaim { claim }));
    }
}

#[test]
fn issuer_and_audience_are_those_of_the_key() {
    let key = KeyConfig { issuer: Some("idp".to_owned()), audience: Some("tidings".to_owned()), ..key("a") };
    let verifier = verifier(vec![key.clone()]);
    let check = |change, expected: Option<TokenError>| {
        let token = sign(&key, &claims(change)).unwrap();
        assert_eq!(verifier.verify(&Keys::new(&[1; 32]), &token, NOW).err(), expected);
    };
    check(json!({"iss": "idp", "aud": "tidings"}), None);
    check(json!({"iss": "idp", "aud": ["x", "tidings"]}), None);
    check(json!({"aud": "tidings"}), Some(TokenError::MissingClaim { claim: "iss" }));
    check(json!({"iss": "idp"}), Some(TokenError::MissingClaim { claim: "aud" }));
    check(json!({"iss": ["idp"], "aud": "tidings"}), Some(TokenError::WrongIssuer));
    check(json!({"iss": "idp", "aud": ["x"]}), Some(TokenError::WrongAudience));
}

/// Exactly these texts, signed by key `a`.
fn signed(header: &str, claims: &str) -> String {
    let message =
        format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

fn raw(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[test]
fn the_algorithm_is_the_keys_and_never_the_headers() {
    let keys = Keys::new(&[1; 32]);
    let ed = KeyConfig { algorithm: Algorithm::EdDsa, material: ED_PUBLIC.into(), ..key("ed") };
    let verifier = verifier(vec![key("a"), ed.clone()]);
    let verify = |token: &str| verifier.verify(&keys, token, NOW);
    for algorithm in ["none", "None", "HS999"] {
        let token = raw(&json!({"alg": algorithm, "kid": "a"}), &claims(json!({})), "");
        assert_eq!(verify(&token).err(), Some(TokenError::Malformed), "{algorithm}");
    }
    // The public key is public: as a secret it must be worth nothing.
    let confused = KeyConfig { algorithm: Algorithm::Hs256, ..ed };
    assert_eq!(verify(&sign(&confused, &claims(json!({}))).unwrap()).err(), Some(TokenError::BadSignature));
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.kid = Some("ed".to_owned());
    let private = jsonwebtoken::EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap();
    let good = jsonwebtoken::encode(&header, &claims(json!({})), &private).unwrap();
    assert!(verify(&good).is_ok());
    header.kid = Some("a".to_owned());
    let other = jsonwebtoken::encode(&header, &claims(json!({})), &private).unwrap();
    assert_eq!(verify(&other).err(), Some(TokenError::BadSignature));
}

#[test]
fn what_is_no_token_of_ours_is_refused_and_told_apart_for_the_log() {
    let keys = Keys::new(&[1; 32]);
    let one = verifier(vec![key("a")]);
    let two = verifier(vec![key("a"), key("b")]);
    let token =
        |kid: Option<&str>| sign(&KeyConfig { kid: kid.map(str::to_owned), ..key("") }, &claims(json!({}))).unwrap();
    assert!(one.verify(&keys, &token(None), NOW).is_ok());
    assert_eq!(one.verify(&keys, &token(Some("b")), NOW).err(), Some(TokenError::UnknownKey));
    assert_eq!(two.verify(&keys, &token(None), NOW).err(), Some(TokenError::KidRequired));
    assert!(two.verify(&keys, &token(Some("b")), NOW).is_ok());
    let forged = sign(&KeyConfig { material: vec![8; 32], ..key("a") }, &claims(json!({}))).unwrap();
    assert_eq!(one.verify(&keys, &forged, NOW).err(), Some(TokenError::BadSignature));
    for malformed in ["", ".", "..", "a.b.c", "....", "\u{0}", "eyJ.eyJ."] {
        assert_eq!(one.verify(&keys, malformed, NOW).err(), Some(TokenError::Malformed), "{malformed}");
    }
    let critical = raw(&json!({"alg": "HS256", "kid": "a", "crit": ["x"]}), &claims(json!({})), "AAAA");
    assert_eq!(one.verify(&keys, &critical, NOW).err(), Some(TokenError::Malformed));
    let twice =
        |name: &str| claims(json!({"roles": ["user"]})).to_string().replace('}', &format!(",\"{name}\":\"acme\"}}"));
    for claims in ["[1]".to_owned(), twice("sub"), twice("tenant"), twice("roles")] {
        let header = json!({"alg": "HS256", "kid": "a"}).to_string();
        assert_eq!(one.verify(&keys, &signed(&header, &claims), NOW).err(), Some(TokenError::Malformed), "{claims}");
    }
    // A header may not say anything twice either, nor demand what nobody here understands.
    for header in [r#"{"alg":"HS256","kid":"b","kid":"a"}"#, r#"{"alg":"HS256","kid":"a","crit":["exp"]}"#] {
        let token = signed(header, &claims(json!({})).to_string());
        assert_eq!(one.verify(&keys, &token, NOW).err(), Some(TokenError::Malformed), "{header}");
    }
    let list = sign(&key("a"), &json!([1])).unwrap();
    assert_eq!(one.verify(&keys, &list, NOW).err(), Some(TokenError::Malformed));
    let at_limit = "x".repeat(TOKEN_BYTES_MAX);
    assert_eq!(one.verify(&keys, &at_limit, NOW).err(), Some(TokenError::Malformed));
    let bytes = TOKEN_BYTES_MAX + 1;
    assert_eq!(one.verify(&keys, &"x".repeat(bytes), NOW).err(), Some(TokenError::TooLarge { bytes }));
}

#[test]
fn a_key_may_be_given_more_tenants_and_roles_explicitly() {
    let wide = KeyConfig { tenants: Tenants::Any, roles: Role::ALL.to_vec(), ..key("a") };
    let token = sign(&wide, &claims(json!({"tenant": "x", "roles": ["super_admin"]}))).unwrap();
    let grant = verifier(vec![wide]).verify(&Keys::new(&[1; 32]), &token, NOW).unwrap();
    assert_eq!((&*grant.tenant, grant.roles), ("x", vec![Role::SuperAdmin]));
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_start() {
    let make = |keys| Verifier::new(keys, "tenant".to_owned(), &Limits::default()).err();
    let bare = KeyConfig::new(Algorithm::Hs256, vec![7; 32], "acme");
    assert_eq!(make(vec![bare.clone()]), None);
    assert_eq!(make(vec![key("a"), bare]), Some(KeyError::KidMissing { index: 1 }));
    assert_eq!(make(vec![key("a"), key("a")]), Some(KeyError::KidTwice { kid: "a".to_owned() }));
    let short = KeyConfig { material: vec![7; 31], ..key("a") };
    assert_eq!(make(vec![short]), Some(KeyError::SecretTooShort { index: 0, bytes: 31 }));
    let algorithm = Algorithm::EdDsa;
    let pem = KeyConfig { algorithm, ..key("a") };
    assert_eq!(make(vec![pem.clone()]), Some(KeyError::Flawed { index: 0, algorithm, flaw: KeyFlaw::NotAKey }));
    assert_eq!(sign(&pem, &json!({})), Err(KeyError::CannotSign));
    assert!(!format!("{:?}", key("a")).contains("7, 7"));
}

#[test]
fn codes_of_refusals_are_those_of_the_wire() {
    let codes = |error: TokenError| (error.close_code(), error.rejection().code());
    assert_eq!(codes(TokenError::Expired), (CloseCode::TokenExpired, ReplyCode::Unauthenticated));
    assert_eq!(codes(TokenError::TenantNotAllowed), (CloseCode::Forbidden, ReplyCode::Forbidden));
    assert_eq!(codes(TokenError::RoleNotAllowed { role: None }), (CloseCode::Forbidden, ReplyCode::Forbidden));
    assert_eq!(codes(TokenError::BadSignature), (CloseCode::Unauthenticated, ReplyCode::Unauthenticated));
}
