//! New tokens for open sessions, and tokens whose key must be loaded first.

use super::fixture::{Fixture, NOW, at, frame, key, token};
use crate::limits::{Limits, TOPICS_COUNT_MAX};
use crate::session::{Input, Output, SecurityEvent, Stream};
use crate::token::{
    Algorithm, Assertions, Issuer, IssuerKeys, KeyConfig, KeySet, KeySource, LoadedKeys, Tenants, Verifier, sign,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_wire::{CloseCode, InboxName};

fn refresh(token: &str) -> Value {
    json!({"type": "refresh", "id": "r", "token": token})
}

#[test]
fn refresh_prolongs_for_the_same_person_only() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let hour = 3_600_000;
    fixture.send(&refresh(&token("ada", "user", 2 * hour)));
    assert_eq!(fixture.frame()["result"]["expires"], "2027-01-15T10:00:05.000Z");
    assert_eq!(fixture.session.grant().unwrap().expires, NOW.plus(2 * hour + 5_000));
    for (token, code) in [
        (token("bob", "user", 3 * hour), "forbidden"),
        (token("ada", "user", 2 * hour), "invalid"),
        (token("ada", "user", -hour), "unauthenticated"),
        ("nonsense".to_owned(), "unauthenticated"),
        (token("ada", "king", 3 * hour), "forbidden"),
    ] {
        fixture.send(&refresh(&token));
        assert_eq!(fixture.refusal(), code);
        assert_eq!(fixture.session.grant().unwrap().expires, NOW.plus(2 * hour + 5_000));
    }
    fixture.now = NOW.plus(2 * hour + 5_000);
    fixture.send(&refresh(&token("ada", "user", 3 * hour)));
    fixture.assert_closed(CloseCode::TokenExpired);
}

#[test]
fn a_token_that_permits_less_ends_what_it_does_not_permit() {
    let mut fixture = Fixture::open(Limits::default(), "tenant_admin");
    for inbox in ["me", "tenant"] {
        fixture.send(&json!({"type": "subscribe", "id": inbox, "inbox": inbox}));
    }
    fixture.outputs();
    fixture.send(&json!({"type": "refresh", "id": "r", "token": token("ada", "user", 7_200_000)}));
    assert_eq!(fixture.types(), ["reply", "reply", "error"]);
    let outputs = fixture.outputs();
    assert!(matches!(&outputs[..], [Output::Unsubscribe { .. }, Output::Observe(_)]), "{outputs:?}");
}

#[test]
fn an_expired_refresh_never_prolongs_to_the_moment() {
    let hour = 3_600_000;
    let mut fixture = Fixture::open(Limits::default(), "user");
    // The token that is shown ends later than the session's own, and has ended.
    fixture.send(&refresh(&token("ada", "user", hour + 1_000)));
    assert_eq!(fixture.frame()["ok"], true);
    fixture.now = NOW.plus(hour + 1_000 + 4_999);
    fixture.send(&refresh(&token("ada", "user", hour + 1_000)));
    assert_eq!(fixture.frames()[1]["error"]["code"], "invalid");
    fixture.wait(1);
    fixture.assert_closed(CloseCode::TokenExpired);
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.now = NOW.plus(hour + 4_999);
    fixture.send(&refresh(&token("ada", "user", hour - 1_000)));
    assert_eq!(fixture.frames()[1]["error"]["code"], "unauthenticated");
    assert_eq!(fixture.session.poll_timeout(), Some(NOW.plus(hour + 5_000)));
}

#[test]
fn a_refresh_ends_when_it_says_and_not_with_the_token_before() {
    let mut fixture = Fixture::open(Limits { idle_ms_max: 86_400_000, ..Limits::default() }, "user");
    fixture.send(&refresh(&token("ada", "user", 7_200_000)));
    assert_eq!(fixture.frame()["result"]["expires"], NOW.plus(7_205_000).rfc3339());
    fixture.now = NOW.plus(3_605_000);
    fixture.give(Input::Timeout);
    assert_eq!(fixture.types(), ["ping"]);
    fixture.now = NOW.plus(7_204_999);
    fixture.give(Input::Timeout);
    assert_eq!(fixture.session.close(), None);
    fixture.wait(1);
    fixture.assert_closed(CloseCode::TokenExpired);
}

/// A token of an hour and ten minutes with these roles and topics.
fn longer(roles: &[&str], topics: &[String]) -> String {
    let exp = NOW.0 / 1_000 + 4_200;
    sign(&key(), &json!({"sub": "ada", "tenant": "acme", "roles": roles, "topics": topics, "exp": exp})).unwrap()
}

#[test]
fn roles_and_topics_change_with_the_token_and_are_recorded_for_who_has_an_inbox() {
    let topics = vec!["new".to_owned()];
    for (roles, observes) in [(vec!["user"], true), (vec!["service"], false), (vec![], false)] {
        let mut fixture = Fixture::open(Limits::default(), "user");
        fixture.send(&refresh(&longer(&roles, &topics)));
        assert_eq!(fixture.frame()["ok"], true, "{roles:?}");
        let grant = fixture.session.grant().unwrap();
        assert_eq!((grant.topics.clone(), grant.roles.len()), (topics.clone(), roles.len()));
        let observed = fixture.outputs().iter().any(|output| matches!(output, Output::Observe(_)));
        assert_eq!(observed, observes, "{roles:?}");
    }
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.send(&refresh(&longer(&["user"], &["t".to_owned()])));
    assert!(fixture.outputs().is_empty(), "nothing changed, and nothing is recorded");
    let many: Vec<_> = (0..=TOPICS_COUNT_MAX).map(|number| number.to_string()).collect();
    fixture.frames();
    fixture.send(&refresh(&longer(&["user"], &many)));
    assert_eq!(fixture.refusal(), "unauthenticated");
}

#[test]
fn what_a_new_token_does_not_permit_ends_with_a_word_and_nothing_of_it_follows() {
    let mut fixture = Fixture::open(Limits::default(), "tenant_admin");
    fixture.send(&json!({"type": "subscribe", "id": "t", "inbox": "tenant"}));
    fixture.outputs();
    fixture.give(Input::Snapshot { inbox: &InboxName::Tenant, frame: frame("snapshot", 10, 0), at: at(10) });
    assert_eq!(fixture.types(), ["reply", "snapshot"]);
    let queued = frame("delta", 11, 0);
    fixture.give(Input::Delta { inbox: &InboxName::Tenant, frame: &queued, at: at(11) });
    let fetch = |id: &str, inbox: &str| json!({"type": "fetch", "id": id, "inbox": inbox, "query": {}});
    for (id, inbox) in [("f1", "me"), ("f2", "tenant"), ("f3", "me")] {
        fixture.send(&fetch(id, inbox));
    }
    fixture.send(&refresh(&longer(&["user"], &[])));
    fixture.give(Input::Delta { inbox: &InboxName::Tenant, frame: &queued, at: at(11) });
    let frames = fixture.frames();
    let told: Vec<_> = frames.iter().map(|frame| (frame["id"].as_str(), frame["type"].as_str().unwrap())).collect();
    assert_eq!(told, [(Some("r"), "reply"), (None, "error"), (Some("f2"), "reply")]);
    assert_eq!((&frames[1]["code"], &frames[2]["error"]["code"]), (&json!("forbidden"), &json!("forbidden")));
    assert_eq!(frames[1]["message"], "the new token does not permit to follow tenant");
    let outputs = fixture.outputs();
    assert!(outputs.iter().any(|output| matches!(output, Output::Unsubscribe { inbox: InboxName::Tenant })));
    let asked: Vec<_> = outputs.iter().filter(|output| matches!(output, Output::Fetch { .. })).collect();
    assert_eq!(asked.len(), 1, "the first page of her own was asked for, the second waits: {asked:?}");
    fixture.send(&json!({"type": "subscribe", "id": "t", "inbox": "tenant"}));
    assert_eq!(fixture.refusal(), "forbidden");
}

const FROM: KeySource = KeySource(3);

/// A session of a server that loads the keys of the issuer `idp`.
fn loading() -> Fixture {
    let limits = Limits::default();
    let fixture = Fixture::new(limits);
    let may = Assertions { issuer: None, audience: Vec::new(), tenants: Tenants::Any, roles: key().roles };
    let issuer = Issuer::new("idp".to_owned(), may, IssuerKeys::Loaded { source: FROM, last: None });
    let verifier = Verifier::new(vec![key()], "tenant".to_owned(), &limits).unwrap();
    fixture.context.replace(Arc::new(verifier.with_issuers(vec![issuer]).unwrap()), limits);
    fixture
}

/// A token by a key of `idp`.
fn issued(kid: &str, ms: i64) -> String {
    let key = KeyConfig { kid: Some(kid.to_owned()), ..KeyConfig::new(Algorithm::Hs256, vec![9; 32], "acme") };
    sign(&key, &json!({"iss": "idp", "sub": "ada", "tenant": "acme", "exp": (NOW.0 + ms) / 1_000})).unwrap()
}

/// The issuer publishes these keys, and they are loaded.
fn publish(fixture: &mut Fixture, kids: &[&str]) {
    let secret = BASE64URL_NOPAD.encode(&[9; 32]);
    let keys: Vec<_> = kids.iter().map(|kid| json!({"kty": "oct", "kid": kid, "k": secret})).collect();
    let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), &[Algorithm::Hs256]).unwrap();
    let loaded = LoadedKeys { set: Arc::new(set), until: NOW.plus(86_400_000) };
    fixture.context.change_verifier(|verifier| verifier.with_loaded(FROM, &loaded));
    fixture.give(Input::KeysLoaded);
}

#[test]
fn a_token_with_a_key_that_is_not_there_waits_for_it_once() {
    let mut fixture = loading();
    fixture.send(&json!({"type": "hello", "token": issued("1", 60_000)}));
    fixture.send(&json!({"type": "ping"}));
    assert!(matches!(fixture.outputs()[..], [Output::LoadKeys { from: FROM }]));
    assert_eq!((fixture.frames(), fixture.session.close()), (vec![], None));
    assert_eq!(fixture.session.poll_timeout(), Some(NOW.plus(10_000)));
    publish(&mut fixture, &["1"]);
    assert!(matches!(fixture.outputs()[..], [Output::Admit { .. }]));
    fixture.give(Input::Admitted(Ok(())));
    fixture.give(Input::Observed(Ok(())));
    assert_eq!(fixture.types(), ["welcome", "pong"]);
    // It is not there after the load either: that is the verdict.
    for (loaded, code) in [(true, CloseCode::Unauthenticated), (false, CloseCode::Internal)] {
        let mut fixture = loading();
        fixture.send(&json!({"type": "hello", "token": issued("2", 60_000)}));
        fixture.outputs();
        match loaded {
            true => publish(&mut fixture, &["1"]),
            false => fixture.give(Input::KeysLoaded),
        }
        let outputs = fixture.outputs();
        assert!(matches!(outputs[..], [Output::Security(SecurityEvent::Refused { .. })]), "{outputs:?}");
        fixture.assert_closed(code);
    }
}

#[test]
fn who_waits_for_a_key_costs_little_and_not_for_long() {
    let waiting = || {
        let mut fixture = loading();
        fixture.send(&json!({"type": "hello", "token": issued("1", 60_000)}));
        fixture
    };
    let mut slow = waiting();
    slow.wait(10_000);
    slow.assert_closed(CloseCode::HelloTimeout);
    let mut fixture = waiting();
    fixture.give(Input::Frame { stream: Stream::Ordered, bytes: &[b'x'; 4_096] });
    assert_eq!(fixture.session.close(), None);
    fixture.give(Input::Frame { stream: Stream::Ordered, bytes: b"x" });
    fixture.assert_closed(CloseCode::ProtocolError);
    let mut unasked = Fixture::new(Limits::default());
    unasked.give(Input::KeysLoaded);
    assert!(unasked.outputs().is_empty() && unasked.session.close().is_none());
}

#[test]
fn a_refresh_waits_for_its_key_too_and_one_at_a_time() {
    let mut fixture = loading();
    fixture.hello("user", json!([]));
    fixture.frames();
    fixture.outputs();
    fixture.send(&refresh(&issued("1", 7_200_000)));
    assert!(matches!(fixture.outputs()[..], [Output::LoadKeys { from: FROM }]));
    let another = json!({"type": "refresh", "id": "s", "token": issued("1", 7_200_000)});
    fixture.send(&another);
    assert_eq!((fixture.refusal(), fixture.outputs().len()), ("unavailable".to_owned(), 0));
    publish(&mut fixture, &["1"]);
    let reply = fixture.frame();
    assert_eq!((&reply["id"], &reply["ok"]), (&json!("r"), &json!(true)));
    assert_eq!(fixture.session.grant().unwrap().expires, NOW.plus(7_205_000));
    fixture.outputs();
    fixture.send(&refresh(&issued("2", 9_000_000)));
    fixture.give(Input::KeysLoaded);
    assert_eq!(fixture.refusal(), "unauthenticated");
    assert_eq!(fixture.session.grant().unwrap().expires, NOW.plus(7_205_000));
}

#[test]
fn other_limits_hold_for_open_sessions_from_the_next_frame_on() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let verifier = fixture.context.verifier();
    fixture.context.replace(verifier, Limits { subscriptions_max: 1, ..Limits::default() });
    fixture.send(&json!({"type": "subscribe", "id": "1", "inbox": "me"}));
    fixture.send(&json!({"type": "subscribe", "id": "2", "inbox": "me"}));
    assert_eq!(fixture.types(), ["reply"]);
    let mut admin = Fixture::open(Limits { subscriptions_max: 1, ..Limits::default() }, "tenant_admin");
    let verifier = admin.context.verifier();
    for inbox in ["me", "tenant"] {
        admin.send(&json!({"type": "subscribe", "id": inbox, "inbox": inbox}));
    }
    assert_eq!(admin.refusal(), "too_large");
    admin.context.replace(verifier, Limits { subscriptions_max: 2, ..Limits::default() });
    admin.send(&json!({"type": "subscribe", "id": "3", "inbox": "tenant"}));
    assert_eq!(admin.session.close(), None);
    assert!(admin.frames().is_empty(), "it waits for its snapshot");
}
