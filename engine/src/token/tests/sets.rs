//! Sets of keys as issuers publish them.

use super::pairs::{ec, ed, rsa, text};
use super::{NOW, claims};
use crate::keys::Keys;
use crate::limits::Limits;
use crate::token::{
    Algorithm, Assertions, Issuer, IssuerKeys, KID_BYTES_MAX, KeyConfig, KeyError, KeyFlaw, KeySet, KeySetError,
    KeySource, LoadedKeys, SET_BYTES_MAX, SET_KEYS_MAX, Tenants, TokenError, Unused, Verifier, sign,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_wire::{CloseCode, ReplyCode};

const ASYMMETRIC: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), &ASYMMETRIC)
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

fn may(audience: &[&str]) -> Assertions {
    Assertions {
        issuer: None,
        audience: audience.iter().map(|one| (*one).to_owned()).collect(),
        tenants: Tenants::Only(vec!["acme".to_owned()]),
        roles: KeyConfig::ROLES_DEFAULT.to_vec(),
    }
}

fn issuer(name: &str, audience: &[&str], keys: &[Value]) -> Issuer {
    Issuer::new(name.to_owned(), may(audience), IssuerKeys::Fixed(Arc::new(parse(keys).unwrap())))
}

fn alone() -> KeyConfig {
    KeyConfig { kid: Some("1".to_owned()), ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], "acme") }
}

fn verifier(issuers: Vec<Issuer>) -> Verifier {
    let alone = Verifier::new(vec![alone()], "tenant".to_owned(), &Limits::default()).unwrap();
    alone.with_issuers(issuers).unwrap()
}

#[track_caller]
fn assert_verdict(verifier: &Verifier, token: &str, expected: Option<TokenError>) {
    assert_eq!(verifier.verify(&Keys::new(&[1; 32]), token, NOW).err(), expected);
}

#[test]
fn a_set_gives_every_key_that_it_may_and_says_why_it_passes_others_by() {
    let flawed = |flaw| Unused::Flawed(flaw);
    let weak = [0x80; 128];
    let even = [0xfe; 256];
    let table = [
        (with(rsa().jwk("a"), "use", json!("enc")), Unused::OtherUse),
        (with(rsa().jwk("a"), "key_ops", json!(["encrypt"])), Unused::OtherUse),
        (with(rsa().jwk("a"), "alg", json!("PS256")), Unused::OtherKind),
        (with(ec().jwk("a"), "alg", json!("RS256")), Unused::OtherKind),
        (with(ec().jwk("a"), "crv", json!("P-384")), Unused::OtherKind),
        (with(ed().jwk("a"), "crv", json!("X25519")), Unused::OtherKind),
        (json!({"kty": "later", "kid": "a"}), Unused::OtherKind),
        (json!({"kty": "oct", "kid": "a", "k": text(&[7; 32])}), Unused::NotAllowed(Algorithm::Hs256)),
        (with(ed().jwk("a"), "kid", json!("")), Unused::BadKid),
        (with(ed().jwk("a"), "kid", json!("k".repeat(KID_BYTES_MAX + 1))), Unused::BadKid),
        (with(ed().jwk("a"), "kid", json!(1)), flawed(KeyFlaw::NotAKey)),
        (json!("key"), flawed(KeyFlaw::NotAKey)),
        (with(ed().jwk("a"), "d", json!("AAAA")), flawed(KeyFlaw::Private)),
        (with(ed().jwk("a"), "x", json!("AAAA")), flawed(KeyFlaw::NotAKey)),
        (with(ed().jwk("a"), "x", json!("not base64!")), flawed(KeyFlaw::NotAKey)),
        (with(ec().jwk("a"), "y", json!(text(&[1; 32]))), flawed(KeyFlaw::NotAKey)),
        (with(ec().jwk("a"), "y", Value::Null), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "n", json!(text(&weak))), flawed(KeyFlaw::Weak { bits: 1_024, least: 2_048 })),
        (with(rsa().jwk("a"), "n", json!("")), flawed(KeyFlaw::Weak { bits: 0, least: 2_048 })),
        (with(rsa().jwk("a"), "n", json!(text(&[0xff; 1_025]))), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "e", json!("")), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "e", json!(text(&[1]))), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "e", json!(text(&[0, 1]))), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "e", json!(text(&even[..1]))), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "e", json!(text(&[0xff; 9]))), flawed(KeyFlaw::NotAKey)),
        (with(rsa().jwk("a"), "n", json!(text(&even))), flawed(KeyFlaw::NotAKey)),
    ];
    for (key, why) in table {
        let set = parse(&[key.clone(), ec().jwk("good")]).unwrap();
        let found: Vec<_> = set.passed_by().iter().map(|key| (key.index, key.why)).collect();
        assert_eq!((found, set.names()), (vec![(0, why)], vec!["good ES256".to_owned()]), "{key}");
        assert_eq!(parse(&[key]).err(), Some(KeySetError::NoKey { found: 1 }));
    }
    let good = [
        with(with(rsa().jwk("r"), "use", json!("sig")), "alg", json!("RS256")),
        with(ec().jwk("e"), "key_ops", json!(["sign", "verify"])),
        with(ed().jwk("d"), "x5c", json!(["anything"])),
    ];
    assert_eq!(parse(&good).unwrap().names(), ["r RS256", "e ES256", "d EdDSA"]);
    let named = |kid: &str| {
        parse(&[with(ed().jwk(kid), "use", json!("enc")), ec().jwk("e")]).unwrap().passed_by()[0].kid.clone()
    };
    assert_eq!((named("n"), named(&"k".repeat(KID_BYTES_MAX + 1))), (Some("n".to_owned()), None));
    let long = ed().jwk(&"k".repeat(KID_BYTES_MAX));
    assert!(parse(&[long]).is_ok());
}

#[test]
fn a_set_that_is_none_is_refused_whole() {
    assert_eq!(parse(&[ec().jwk("a"), ed().jwk("a")]).err(), Some(KeySetError::KidTwice { kid: "a".to_owned() }));
    // Of two that are alike one may be for something else.
    assert!(parse(&[with(rsa().jwk("a"), "use", json!("enc")), ed().jwk("a")]).is_ok());
    assert_eq!(parse(&[]).err(), Some(KeySetError::NoKey { found: 0 }));
    let mut many = vec![json!(0); SET_KEYS_MAX - 1];
    many.push(ed().jwk("a"));
    assert!(parse(&many).is_ok());
    many.push(json!(0));
    assert_eq!(parse(&many).err(), Some(KeySetError::TooManyKeys { found: SET_KEYS_MAX + 1 }));
    for text in ["", "[]", "{}", "{\"keys\": {}}", "<html>"] {
        assert_eq!(KeySet::parse(text.as_bytes(), &ASYMMETRIC).err(), Some(KeySetError::NotASet), "{text}");
    }
    let mut text = json!({ "keys": [ed().jwk("a")] }).to_string().into_bytes();
    text.resize(SET_BYTES_MAX, b' ');
    assert!(KeySet::parse(&text, &ASYMMETRIC).is_ok());
    text.push(b' ');
    let bytes = SET_BYTES_MAX + 1;
    assert_eq!(KeySet::parse(&text, &ASYMMETRIC).err(), Some(KeySetError::TooLarge { bytes }));
}

#[test]
fn a_secret_in_a_set_is_taken_only_where_it_is_allowed_and_long_enough() {
    let secret = |bytes: usize| json!({"keys": [{"kty": "oct", "kid": "s", "k": text(&vec![7; bytes])}]}).to_string();
    let set = KeySet::parse(secret(32).as_bytes(), &[Algorithm::Hs256]).unwrap();
    let issuer = Issuer::new("idp".to_owned(), may(&[]), IssuerKeys::Fixed(Arc::new(set)));
    let key = KeyConfig { kid: Some("s".to_owned()), ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], "acme") };
    assert_verdict(&verifier(vec![issuer]), &sign(&key, &claims(json!({"iss": "idp"}))).unwrap(), None);
    let short = KeySet::parse(secret(31).as_bytes(), &[Algorithm::Hs256]);
    assert_eq!(short.err(), Some(KeySetError::NoKey { found: 1 }));
}

#[test]
fn a_key_without_a_name_is_used_where_it_is_the_only_one() {
    let nameless = |pair: &super::pairs::Pair| {
        let mut key = pair.jwk("");
        key.as_object_mut().unwrap().remove("kid");
        key
    };
    let one = verifier(vec![issuer("idp", &[], &[nameless(ed())])]);
    let said = claims(json!({"iss": "idp"}));
    assert_verdict(&one, &ed().token(None, &said), None);
    assert_verdict(&one, &ed().token(Some("any"), &said), None);
    let set = parse(&[nameless(ed()), ec().jwk("e")]).unwrap();
    assert_eq!(set.passed_by()[0].why, Unused::NoKid);
    let two = verifier(vec![issuer("idp", &[], &[ed().jwk("d"), ec().jwk("e")])]);
    assert_verdict(&two, &ed().token(None, &said), Some(TokenError::KidRequired));
}

#[test]
fn each_issuer_is_believed_by_its_own_keys_alone() {
    let verifier = verifier(vec![
        issuer("one", &["tidings", "other name"], &[ed().jwk("1"), rsa().jwk("2")]),
        issuer("two", &[], &[ec().jwk("1")]),
    ]);
    let said = |iss: &str, aud: Value| claims(json!({"iss": iss, "aud": aud}));
    assert_verdict(&verifier, &ed().token(Some("1"), &said("one", json!("tidings"))), None);
    assert_verdict(&verifier, &rsa().token(Some("2"), &said("one", json!(["x", "other name"]))), None);
    assert_verdict(&verifier, &ec().token(Some("1"), &claims(json!({"iss": "two"}))), None);
    assert_verdict(&verifier, &ec().token(Some("1"), &said("two", Value::Null)), None);
    let one = claims(json!({"iss": "one"}));
    assert_verdict(&verifier, &ed().token(Some("1"), &one), Some(TokenError::MissingClaim { claim: "aud" }));
    assert_verdict(&verifier, &ed().token(Some("1"), &said("one", json!("x"))), Some(TokenError::WrongAudience));
    assert_verdict(&verifier, &ec().token(Some("1"), &said("two", json!("x"))), Some(TokenError::WrongAudience));
    // A key of another issuer, a name of a key that only another one has, and a key that stands alone.
    assert_verdict(&verifier, &ec().token(Some("1"), &said("one", json!("tidings"))), Some(TokenError::BadSignature));
    assert_verdict(&verifier, &rsa().token(Some("2"), &said("two", json!(null))), Some(TokenError::UnknownKey));
    let alone = sign(&alone(), &claims(json!({"iss": "two"}))).unwrap();
    assert_verdict(&verifier, &alone, Some(TokenError::BadSignature));
    // Who names no issuer of ours, or none, is looked for among the keys that stand alone.
    for claims in [claims(json!({})), claims(json!({"iss": "elsewhere"})), claims(json!({"iss": ["one"]}))] {
        assert_verdict(&verifier, &ed().token(Some("1"), &claims), Some(TokenError::BadSignature));
        assert_verdict(&verifier, &ed().token(Some("3"), &claims), Some(TokenError::UnknownKey));
        assert_verdict(&verifier, &sign(&self::alone(), &claims).unwrap(), None);
    }
}

#[test]
fn an_issuer_has_one_set_and_its_name_to_itself() {
    let new = |keys| Verifier::new(keys, "tenant".to_owned(), &Limits::default()).unwrap();
    let twice = Some(KeyError::IssuerTwice { issuer: "idp".to_owned() });
    let one = || issuer("idp", &[], &[ed().jwk("1")]);
    assert_eq!(one().may.issuer.as_deref(), Some("idp"), "whoever picks its keys, its name is checked");
    assert_eq!(new(vec![]).with_issuers(vec![one(), one()]).err(), twice);
    let claiming = KeyConfig { issuer: Some("idp".to_owned()), ..alone() };
    assert_eq!(new(vec![claiming]).with_issuers(vec![one()]).err(), twice);
    // Without keys that stand alone there is none to name.
    let only = new(vec![]).with_issuers(vec![one()]).unwrap();
    assert_verdict(&only, &ed().token(None, &claims(json!({"iss": "elsewhere"}))), Some(TokenError::UnknownKey));
}

#[test]
fn loaded_keys_are_used_until_their_time_and_what_is_missing_names_its_source() {
    let from = KeySource(7);
    let keys = IssuerKeys::Loaded { source: from, last: None };
    let empty = verifier(vec![Issuer::new("idp".to_owned(), may(&[]), keys)]);
    let token = ed().token(Some("1"), &claims(json!({"iss": "idp"})));
    let unavailable = TokenError::KeysUnavailable { from };
    assert_verdict(&empty, &token, Some(unavailable.clone()));
    let loaded = |until| LoadedKeys { set: Arc::new(parse(&[ed().jwk("1")]).unwrap()), until };
    assert!(empty.with_loaded(KeySource(8), &loaded(NOW.plus(1))).is_none());
    let full = empty.with_loaded(from, &loaded(NOW.plus(1))).unwrap();
    assert_verdict(&full, &token, None);
    let unknown = TokenError::KeyNotLoaded { from };
    assert_verdict(&full, &ed().token(Some("2"), &claims(json!({"iss": "idp"}))), Some(unknown.clone()));
    assert_verdict(&empty.with_loaded(from, &loaded(NOW)).unwrap(), &token, Some(unavailable.clone()));
    assert_eq!(
        (unavailable.source(), unknown.source(), TokenError::UnknownKey.source()),
        (Some(from), Some(from), None)
    );
    let codes = |error: &TokenError| (error.close_code(), error.rejection().code());
    assert_eq!(codes(&unavailable), (CloseCode::Internal, ReplyCode::Unavailable));
    assert_eq!(codes(&unknown), (CloseCode::Unauthenticated, ReplyCode::Unauthenticated));
}
