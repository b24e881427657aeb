use super::fixture::{Fixture, NOW, at, frame};
use crate::command::Command;
use crate::cursor::{Cursor, CursorKind};
use crate::limits::{FRAME_BYTES_MAX, Limit, Limits};
use crate::rejection::Rejection;
use crate::session::{Input, Output, SecurityEvent, Stream};
use serde_json::{Value, json};
use tidings_wire::CloseCode;

fn mark(id: usize) -> Value {
    json!({"type": "command", "id": id.to_string(), "command": "mark_read", "notifications": ["x"]})
}

fn fetch(id: usize) -> Value {
    json!({"type": "fetch", "id": id.to_string(), "inbox": "me"})
}

#[test]
fn a_command_goes_to_the_server_and_its_reply_comes_back() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.send(&mark(7));
    let output = fixture.outputs().remove(0);
    let Output::Command { id, stream, request } = output else { panic!("{output:?}") };
    assert!(matches!(&request.command, Command::Mark { items, .. } if items.len() == 1));
    fixture.give(Input::Replied { id, stream, result: Ok((Some("c".to_owned()), None)) });
    assert_eq!(fixture.frame(), json!({"type": "reply", "id": "7", "ok": true, "cursor": "c"}));
    fixture.send(&json!({"type": "command", "id": "8", "command": "mark_read", "notifications": []}));
    assert_eq!(fixture.refusal(), "invalid");
    fixture.send(&json!({"type": "command", "id": "9", "command": "publish", "to": "bob", "body": ""}));
    assert_eq!(fixture.refusal(), "forbidden");
    assert!(matches!(fixture.outputs()[..], [Output::Security(SecurityEvent::NotPermitted)]));
}

#[test]
fn the_third_protocol_error_ends_the_session_and_each_is_answered() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.give(Input::Frame { stream: Stream::Ordered, bytes: b"{}" });
    assert_eq!(fixture.types(), ["error"]);
    fixture.give(Input::NotText);
    fixture.send_on(Stream::Fetch, &json!({"type": "fetch", "id": "1", "inbox": "nobody"}));
    assert_eq!((fixture.types(), fixture.frames_on(Stream::Fetch).len()), (vec!["error".to_owned()], 1));
    fixture.send(&json!({"type": "hello", "token": ""}));
    fixture.assert_closed(CloseCode::ProtocolError);
}

#[test]
fn a_frame_with_a_wrong_field_is_answered_and_is_no_protocol_error() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    for _ in 0..10 {
        fixture.send(&json!({"type": "subscribe", "id": "1", "inbox": "nobody"}));
        assert_eq!(fixture.refusal(), "invalid");
    }
}

#[test]
fn only_fetch_frames_may_come_on_the_second_stream() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.send_on(Stream::Fetch, &fetch(1));
    let output = fixture.outputs().remove(0);
    let Output::Fetch { id, stream: Stream::Fetch, .. } = output else { panic!("{output:?}") };
    fixture.give(Input::Fetched { id, stream: Stream::Fetch, result: Ok(frame("reply", 0, 0)) });
    assert!(fixture.frames().is_empty());
    assert_eq!(fixture.frames_on(Stream::Fetch).len(), 1);
    fixture.send_on(Stream::Fetch, &mark(1));
    assert_eq!(fixture.types(), ["error"]);
    assert!(fixture.outputs().is_empty());
}

#[test]
fn a_frame_of_the_limit_passes_and_one_byte_more_ends_the_session() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let mut text = json!({"type": "ping"}).to_string();
    text.push_str(&" ".repeat(FRAME_BYTES_MAX - text.len()));
    fixture.give(Input::Frame { stream: Stream::Ordered, bytes: text.as_bytes() });
    assert_eq!(fixture.types(), ["pong"]);
    text.push(' ');
    fixture.give(Input::Frame { stream: Stream::Ordered, bytes: text.as_bytes() });
    fixture.assert_closed(CloseCode::FrameTooLarge);
}

#[test]
fn a_silent_session_is_pinged_then_ended() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    assert_eq!(fixture.session.poll_timeout(), Some(NOW.plus(25_000)));
    fixture.wait(25_000);
    assert_eq!(fixture.types(), ["ping"]);
    fixture.wait(25_000);
    fixture.wait(9_999);
    assert_eq!((fixture.session.close(), fixture.session.poll_timeout()), (None, Some(NOW.plus(60_000))));
    fixture.give(Input::Alive);
    fixture.wait(59_999);
    assert_eq!(fixture.types(), ["ping"], "one ping in the queue is enough");
    fixture.wait(1);
    fixture.assert_closed(CloseCode::IdleTimeout);
}

#[test]
fn a_session_ends_with_its_token_and_nothing_is_delivered_after() {
    let mut fixture = Fixture::live(Limits::default());
    let expires = fixture.session.grant().unwrap().expires;
    fixture.now = expires.plus(-1);
    fixture.give(Input::Alive);
    fixture.delta(11, 0);
    assert_eq!(fixture.types(), ["ping", "delta"]);
    fixture.delta(12, 0);
    fixture.now = expires;
    // Here the writer itself meets the end of the token.
    assert_eq!(fixture.types(), ["close"]);
    assert_eq!(fixture.session.close(), Some(CloseCode::TokenExpired));
}

#[test]
fn rates_hold_and_too_many_refusals_end_the_session() {
    let limits = Limits { rate_limited_per_minute_max: 3, commands_in_flight_max: 1_000, ..Limits::default() };
    let hit = |output: &Output| match output {
        Output::Security(SecurityEvent::LimitHit { limit }) => Some(*limit),
        _ => None,
    };
    for (frame, burst, limit) in [
        (mark(1), limits.commands_burst, Limit::CommandsPerSecond),
        (fetch(1), limits.queries_burst, Limit::QueriesPerSecond),
    ] {
        let mut fixture = Fixture::open(limits, "user");
        for _ in 0..burst {
            fixture.send(&frame);
        }
        assert!(fixture.frames().is_empty());
        for _ in 0..3 {
            fixture.send(&frame);
            let reply = fixture.frame();
            assert_eq!(reply["error"]["code"], "rate_limited");
            assert!(reply["error"]["retryAfterMs"].as_u64().unwrap() >= 1);
        }
        let hits: Vec<_> = fixture.outputs().iter().filter_map(hit).collect();
        assert_eq!(hits, [limit; 3]);
        fixture.send(&frame);
        fixture.assert_closed(CloseCode::RateLimited);
    }
}

#[test]
fn refusals_of_another_minute_do_not_count() {
    let limits =
        Limits { rate_limited_per_minute_max: 1, commands_burst: 1, commands_per_second: 1, ..Limits::default() };
    let mut fixture = Fixture::open(limits, "user");
    for _ in 0..3 {
        fixture.send(&mark(1));
        fixture.send(&mark(2));
        assert_eq!(fixture.session.close(), None);
        fixture.wait(30_000);
        fixture.give(Input::Alive);
        fixture.wait(30_000);
    }
}

#[test]
fn requests_in_flight_are_bounded_until_their_replies_are_taken() {
    let mut fixture = Fixture::open(Limits { commands_in_flight_max: 2, ..Limits::default() }, "user");
    for id in 0..3 {
        fixture.send(&mark(id));
    }
    assert_eq!(fixture.refusal(), "rate_limited");
    for id in 0..2 {
        fixture.give(Input::Replied { id: id.to_string(), stream: Stream::Ordered, result: Err(Rejection::NotFound) });
    }
    fixture.send(&mark(3));
    let codes: Vec<_> = fixture.frames().iter().map(|frame| frame["error"]["code"].clone()).collect();
    assert_eq!(codes, ["not_found", "not_found", "rate_limited"]);
    fixture.send(&mark(4));
    assert!(fixture.frames().is_empty());
}

#[test]
fn one_fetched_page_is_on_its_way_at_a_time() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.send(&fetch(1));
    fixture.send(&fetch(2));
    assert_eq!(fixture.outputs().len(), 1);
    fixture.give(Input::Fetched { id: "1".to_owned(), stream: Stream::Ordered, result: Ok(frame("reply", 0, 0)) });
    assert!(fixture.outputs().is_empty());
    assert_eq!(fixture.types(), ["reply"]);
    assert!(matches!(&fixture.outputs()[..], [Output::Fetch { id, .. }] if id == "2"));
}

#[test]
fn who_may_follow_and_read_is_the_table_of_rights() {
    let inboxes = ["me", "tenant", "platform", "audit", "topic:t", "topic:u"];
    let (no, later) = (Some("forbidden"), Some("invalid"));
    for (role, verdicts) in [
        ("user", [None, no, no, no, later, no]),
        ("service", [no, None, no, no, no, no]),
        ("tenant_admin", [None, None, no, no, later, no]),
        ("auditor", [no, None, no, None, no, no]),
        ("privacy_officer", [no, no, no, no, no, no]),
        ("super_admin", [None, None, later, None, later, no]),
    ] {
        for (inbox, verdict) in inboxes.into_iter().zip(verdicts) {
            let mut fixture = Fixture::open(Limits::default(), role);
            for kind in ["subscribe", "fetch"] {
                fixture.send(&json!({"type": kind, "id": "1", "inbox": inbox}));
                let found = fixture.frames().first().map(|reply| reply["error"]["code"].as_str().unwrap().to_owned());
                // The audit has no pages.
                let verdict = verdict.or((kind == "fetch" && inbox == "audit").then_some("invalid"));
                assert_eq!(found.as_deref(), verdict, "{role} {kind} {inbox}");
            }
        }
    }
}

#[test]
fn subscriptions_are_bounded_and_one_to_the_same_inbox_replaces() {
    let mut fixture = Fixture::open(Limits { subscriptions_max: 1, ..Limits::default() }, "tenant_admin");
    fixture.send(&json!({"type": "subscribe", "id": "1", "inbox": "me"}));
    fixture.send(&json!({"type": "subscribe", "id": "2", "inbox": "tenant"}));
    assert_eq!(fixture.refusal(), "too_large");
    fixture.send(&json!({"type": "subscribe", "id": "3", "inbox": "me"}));
    assert_eq!(fixture.frame(), json!({"type": "reply", "id": "1", "ok": true}));
}

#[test]
fn a_cursor_must_be_one_of_changes_of_the_same_tenant() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let (keys, acme) = (fixture.context.keys.clone(), fixture.session.grant().unwrap().tenant_tag);
    let page = Cursor { kind: CursorKind::Page, ..at(3) };
    for from in [at(3).seal(&keys, keys.tenant_tag("other")), page.seal(&keys, acme), "x".to_owned()] {
        fixture.send(&json!({"type": "subscribe", "id": "1", "inbox": "me", "from": from}));
        assert_eq!(fixture.refusal(), "invalid");
    }
    assert!(matches!(&fixture.outputs()[..], [Output::Security(_), Output::Security(_)]));
    fixture.send(&json!({"type": "subscribe", "id": "1", "inbox": "me", "from": at(3).seal(&keys, acme)}));
    assert!(matches!(&fixture.outputs()[..], [Output::Subscribe { from: Some(from), .. }] if *from == at(3)));
}

#[test]
fn a_foreign_cursor_is_the_same_event_wherever_it_is_shown() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let keys = std::sync::Arc::clone(&fixture.context.keys);
    let cursor = |tenant: &str, kind: CursorKind| Cursor { kind, ..at(3) }.seal(&keys, keys.tenant_tag(tenant));
    let foreign = |fixture: &mut Fixture| {
        let is_foreign = |output: &Output| matches!(output, Output::Security(SecurityEvent::ForeignCursor));
        fixture.outputs().iter().filter(|output| is_foreign(output)).count()
    };
    for (kind, shown) in [
        (CursorKind::Changes, json!({"type": "subscribe", "id": "1", "inbox": "me", "from": "?"})),
        (CursorKind::Page, json!({"type": "fetch", "id": "1", "inbox": "me", "query": {"after": "?"}})),
        (CursorKind::Changes, json!({"type": "command", "id": "1", "command": "mark_all_read", "upTo": "?"})),
    ] {
        let mut show = |tenant: &str, kind: CursorKind| {
            fixture
                .send(&serde_json::from_str::<Value>(&shown.to_string().replace('?', &cursor(tenant, kind))).unwrap());
            let replies = fixture.frames();
            (foreign(&mut fixture), replies.iter().any(|reply| reply["error"]["code"] == "invalid"))
        };
        assert_eq!(show("globex", kind), (1, true), "{shown}");
        assert_eq!(show("acme", kind), (0, false), "{shown}");
        let other = if kind == CursorKind::Page { CursorKind::Changes } else { CursorKind::Page };
        assert_eq!(show("acme", other), (0, true), "its own, of another kind: {shown}");
    }
}
