use super::fixture::{Fixture, NOW, token};
use crate::limits::{FRAME_BYTES_MAX, Limits};
use crate::rejection::Rejection;
use crate::session::{Input, Output, SecurityEvent, Stream};
use serde_json::json;
use tidings_wire::CloseCode;

#[test]
fn welcome_comes_after_token_place_and_record_and_never_before() {
    let mut fixture = Fixture::new(Limits::default());
    let subscribe = json!([{"inbox": "me"}]);
    fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000), "subscribe": subscribe}));
    assert!(matches!(fixture.outputs()[..], [Output::Admit(_)]));
    fixture.give(Input::Observed(Ok(())));
    assert!(fixture.frames().is_empty());
    fixture.give(Input::Admitted(Ok(())));
    assert!(matches!(&fixture.outputs()[..], [Output::Observe(grant)] if &*grant.subject == "ada"));
    assert!(fixture.frames().is_empty() && fixture.session.grant().is_none());
    fixture.give(Input::Observed(Ok(())));
    let outputs = fixture.outputs();
    assert!(matches!(outputs[0], Output::Security(SecurityEvent::Authenticated { .. })));
    assert!(matches!(outputs[1], Output::Subscribe { from: None, .. }));
    let welcome = fixture.frame();
    assert_eq!(
        (&welcome["type"], &welcome["session"], &welcome["tenant"]),
        (&json!("welcome"), &json!("s1"), &json!("acme"))
    );
    assert_eq!(welcome["expires"], "2027-01-15T08:01:05.000Z");
    assert_eq!(welcome["serverTime"], "2027-01-15T08:00:00.000Z");
    assert_eq!((&welcome["epoch"], &welcome["roles"]), (&json!("0000000000000005"), &json!(["user"])));
}

#[test]
fn who_has_no_inbox_is_not_recorded() {
    let mut fixture = Fixture::new(Limits::default());
    fixture.send(&json!({"type": "hello", "token": token("robot", "service", 60_000)}));
    fixture.give(Input::Admitted(Ok(())));
    assert_eq!(fixture.types(), ["welcome"]);
    assert!(!fixture.outputs().iter().any(|output| matches!(output, Output::Observe(_))));
}

#[test]
fn anything_but_a_good_hello_first_is_refused() {
    for (frame, code) in [
        (json!({"type": "ping"}), CloseCode::Unauthenticated),
        (json!({"type": "subscribe", "id": "1", "inbox": "me"}), CloseCode::Unauthenticated),
        (json!("?"), CloseCode::Unauthenticated),
        (json!({"type": "hello"}), CloseCode::Unauthenticated),
        (json!({"type": "hello", "token": "a.b.c"}), CloseCode::Unauthenticated),
        (json!({"type": "hello", "token": token("ada", "user", -5_000)}), CloseCode::TokenExpired),
        (json!({"type": "hello", "token": token("ada", "king", 60_000)}), CloseCode::Forbidden),
    ] {
        let mut fixture = Fixture::new(Limits::default());
        fixture.send(&frame);
        let outputs = fixture.outputs();
        assert!(matches!(outputs[..], [Output::Security(SecurityEvent::Refused { .. })]), "{frame}: {outputs:?}");
        fixture.assert_closed(code);
    }
    let mut fixture = Fixture::new(Limits::default());
    fixture.send_on(Stream::Fetch, &json!({"type": "hello", "token": token("ada", "user", 60_000)}));
    fixture.assert_closed(CloseCode::Unauthenticated);
    let mut fixture = Fixture::new(Limits::default());
    fixture.give(Input::NotText);
    fixture.assert_closed(CloseCode::Unauthenticated);
    let mut fixture = Fixture::new(Limits::default());
    fixture.give(Input::TooLarge);
    fixture.assert_closed(CloseCode::FrameTooLarge);
}

#[test]
fn a_ticket_opens_one_session_and_not_beside_a_token() {
    let giver = Fixture::open(Limits::default(), "user");
    let grant = giver.session.grant().map(std::sync::Arc::clone).unwrap();
    let ticket = |byte| {
        let issued = giver.context.issue_ticket(std::sync::Arc::clone(&grant), [byte; 20], NOW).unwrap();
        issued.text
    };
    let come = |giver: &Fixture, hello: serde_json::Value| {
        let mut fixture = Fixture::new(Limits::default());
        fixture.session = crate::session::Session::new("s2", std::sync::Arc::clone(&giver.context), NOW);
        fixture.send(&hello);
        fixture.give(Input::Admitted(Ok(())));
        fixture.give(Input::Observed(Ok(())));
        fixture
    };
    let (first, second) = (ticket(1), ticket(2));
    let hello = json!({"type": "hello", "ticket": first});
    let welcome = come(&giver, hello.clone()).frame();
    assert_eq!((&welcome["type"], &welcome["subject"]), (&json!("welcome"), &json!("ada")));
    come(&giver, hello).assert_closed(CloseCode::Unauthenticated);
    let both = json!({"type": "hello", "ticket": second, "token": token("ada", "user", 60_000)});
    come(&giver, both).assert_closed(CloseCode::Unauthenticated);
    come(&giver, json!({"type": "hello", "token": second})).assert_closed(CloseCode::Unauthenticated);
    assert_eq!(come(&giver, json!({"type": "hello", "ticket": second})).types(), ["welcome"]);
}

#[test]
fn hello_must_come_in_time_and_signs_of_life_do_not_prolong_it() {
    let mut fixture = Fixture::new(Limits::default());
    assert_eq!(fixture.session.poll_timeout(), Some(NOW.plus(10_000)));
    fixture.now = NOW.plus(9_999);
    fixture.give(Input::Alive);
    assert_eq!(fixture.session.close(), None);
    fixture.wait(1);
    fixture.assert_closed(CloseCode::HelloTimeout);
    let mut late = Fixture::new(Limits::default());
    late.now = NOW.plus(10_000);
    late.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
    late.assert_closed(CloseCode::HelloTimeout);
}

#[test]
fn no_place_and_no_record_end_the_session() {
    let refused = |admitted, observed| {
        let mut fixture = Fixture::new(Limits::default());
        fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
        fixture.give(Input::Admitted(admitted));
        fixture.give(Input::Observed(observed));
        fixture
    };
    refused(Err(CloseCode::TooManyConnections), Ok(())).assert_closed(CloseCode::TooManyConnections);
    refused(Ok(()), Err(Rejection::Overloaded)).assert_closed(CloseCode::Internal);
    assert_eq!(refused(Ok(()), Err(Rejection::ReadOnly)).types(), ["welcome"]);
}

#[test]
fn frames_that_waited_for_welcome_were_heard_when_they_came() {
    let mut fixture = Fixture::new(Limits::default());
    fixture.send(&json!({"type": "hello", "token": token("ada", "user", 3_600_000)}));
    fixture.send(&json!({"type": "ping"}));
    fixture.wait(25_000);
    fixture.give(Input::Admitted(Ok(())));
    fixture.give(Input::Observed(Ok(())));
    assert_eq!(fixture.types(), ["welcome", "pong"]);
    fixture.wait(34_999);
    assert_eq!(fixture.session.close(), None);
    fixture.wait(1);
    fixture.assert_closed(CloseCode::IdleTimeout);
}

#[test]
fn frames_that_do_not_wait_for_welcome_are_kept_within_bounds() {
    let limits = Limits { commands_in_flight_max: 2, ..Limits::default() };
    let mut fixture = Fixture::new(limits);
    fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
    fixture.send(&json!({"type": "ping"}));
    fixture.send(&json!({"type": "unsubscribe", "id": "u", "inbox": "me"}));
    assert!(fixture.frames().is_empty());
    fixture.give(Input::Admitted(Ok(())));
    fixture.give(Input::Observed(Ok(())));
    assert_eq!(fixture.types(), ["welcome", "pong", "reply"]);

    let mut fixture = Fixture::new(limits);
    fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
    for _ in 0..3 {
        fixture.send(&json!({"type": "ping"}));
    }
    fixture.assert_closed(CloseCode::ProtocolError);

    let mut fixture = Fixture::new(limits);
    fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
    fixture.give(Input::Frame { stream: Stream::Ordered, bytes: &[b'x'; FRAME_BYTES_MAX] });
    assert_eq!(fixture.session.close(), None);
    fixture.send(&json!({"type": "ping"}));
    fixture.assert_closed(CloseCode::ProtocolError);
}

#[test]
fn a_hello_subscribes_to_what_it_may_and_hears_of_the_rest() {
    let mut fixture = Fixture::new(Limits { subscriptions_max: 1, ..Limits::default() });
    let mut subscribe = vec![json!({"inbox": "me", "from": "nonsense"}), json!({"inbox": "tenant"})];
    subscribe.extend(vec![json!({"inbox": "platform"}); 50]);
    fixture.hello("user", json!(subscribe));
    let frames = fixture.frames();
    let types: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["welcome", "resync", "error"]);
    assert_eq!(frames[2]["code"], "forbidden");
    let outputs = fixture.outputs();
    assert!(outputs.iter().any(|output| matches!(output, Output::Security(SecurityEvent::ForeignCursor))));
    assert!(outputs.iter().any(|output| matches!(output, Output::Subscribe { from: None, .. })));
}

#[test]
fn the_end_of_the_carrier_ends_a_session_without_a_word() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.send(&json!({"type": "ping"}));
    fixture.give(Input::CarrierEnded);
    assert_eq!((fixture.frames(), fixture.session.close(), fixture.session.poll_timeout()), (vec![], None, None));
}
