use super::fixture::{Fixture, at, frame, me};
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::session::{Input, Output, Placed, Stream};
use serde_json::json;
use tidings_wire::{CloseCode, InboxName};

fn small() -> Limits {
    Limits { outbox_bytes_max: 4_096, outbox_frames_max: 8, ..Limits::default() }
}

fn page(position: u64) -> Vec<Placed> {
    vec![Placed { frame: frame("delta", position, 0), at: at(position) }]
}

#[test]
fn deltas_are_ignored_before_the_snapshot_and_delivered_after_it() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    fixture.send(&json!({"type": "subscribe", "id": "s", "inbox": "me"}));
    fixture.delta(9, 0);
    fixture.snapshot(10);
    fixture.delta(11, 0);
    fixture.give(Input::Delta { inbox: &InboxName::Tenant, frame: &frame("delta", 12, 0), at: at(12) });
    let frames = fixture.frames();
    let seen: Vec<_> = frames.iter().map(|frame| (frame["type"].as_str().unwrap(), frame["at"].as_u64())).collect();
    assert_eq!(seen, [("reply", None), ("snapshot", Some(10)), ("delta", Some(11))]);
}

#[test]
fn an_outbox_takes_its_limit_and_one_more_brings_the_subscription_behind() {
    let check = |bytes: usize, count: u64| {
        let mut fixture = Fixture::live(small());
        for position in 0..count {
            fixture.delta(11 + position, bytes);
        }
        assert_eq!(fixture.types(), vec!["delta"; count as usize]);
        for position in 0..=count {
            fixture.delta(31 + position, bytes);
        }
        assert!(fixture.outputs().is_empty(), "nothing is asked before the outbox has drained");
        let frames = fixture.frames();
        assert_eq!(frames.len(), 1);
        let keys = fixture.context.keys.clone();
        let cursor = at(10 + count).seal(&keys, fixture.session.grant().unwrap().tenant_tag);
        assert_eq!(frames[0], json!({"type": "behind", "inbox": "me", "cursor": cursor}));
        let outputs = fixture.outputs();
        assert!(matches!(&outputs[..], [Output::CatchUp { from, .. }] if *from == at(10 + count)), "{outputs:?}");
    };
    check(1_024, 4);
    check(64, 8);
}

#[test]
fn catching_up_begins_when_the_last_frame_was_handed_to_the_writer() {
    let mut fixture = Fixture::live(small());
    for position in 11..30 {
        fixture.delta(position, 0);
    }
    fixture.send(&json!({"type": "ping"}));
    let now = fixture.now;
    assert!(fixture.session.poll_send(Stream::Ordered, now).is_some());
    assert!(fixture.outputs().is_empty());
    assert_eq!(fixture.types(), ["pong"]);
    assert!(matches!(&fixture.outputs()[..], [Output::CatchUp { .. }]));
}

#[test]
fn a_snapshot_ends_being_behind_so_that_it_is_told_again() {
    let mut fixture = Fixture::live(small());
    let overflow = |fixture: &mut Fixture| (0..10).for_each(|position| fixture.delta(11 + position, 0));
    overflow(&mut fixture);
    assert_eq!(fixture.types(), ["behind"]);
    fixture.outputs();
    fixture.snapshot(10);
    assert_eq!(fixture.types(), ["snapshot"]);
    overflow(&mut fixture);
    assert_eq!(fixture.types(), ["behind"]);
}

#[test]
fn an_inbox_that_is_long_behind_keeps_no_other_waiting() {
    let mut fixture = Fixture::open(small(), "tenant_admin");
    fixture.send(&json!({"type": "subscribe", "id": "s", "inbox": "me"}));
    fixture.outputs();
    fixture.snapshot(10);
    fixture.frames();
    for position in 11..30 {
        fixture.delta(position, 0);
    }
    fixture.frames();
    assert!(matches!(&fixture.outputs()[..], [Output::CatchUp { .. }]));
    fixture.send(&json!({"type": "subscribe", "id": "t", "inbox": "tenant"}));
    let mut outputs = Vec::new();
    for position in [20, 21] {
        fixture.give(Input::CatchUpPage { inbox: &me(), frames: page(position), next: at(position), done: false });
        fixture.frames();
        outputs = fixture.outputs();
    }
    assert!(matches!(&outputs[..], [Output::Subscribe { inbox: InboxName::Tenant, .. }]), "{outputs:?}");
}

#[test]
fn replies_that_nobody_reads_end_the_session_before_they_fill_the_memory() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let reply = |fixture: &mut Fixture| {
        let result = Ok((None, Some(json!("x".repeat(60_000)))));
        fixture.give(Input::Replied { id: "1".to_owned(), stream: Stream::Ordered, result });
    };
    (0..4).for_each(|_| reply(&mut fixture));
    assert_eq!(fixture.session.close(), None);
    reply(&mut fixture);
    assert!(fixture.session.queued_bytes() <= 4 * 65_536 + 1_024);
    fixture.assert_closed(CloseCode::RateLimited);
}

#[test]
fn pings_of_a_client_that_reads_nothing_are_answered_once() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    (0..3).for_each(|_| fixture.send(&json!({"type": "ping"})));
    assert_eq!(fixture.types(), ["pong"]);
    fixture.send(&json!({"type": "ping"}));
    assert_eq!(fixture.types(), ["pong"]);
}

#[test]
fn a_frame_larger_than_the_outbox_passes_when_nothing_waits() {
    let mut fixture = Fixture::live(small());
    fixture.delta(11, 40_000);
    assert_eq!(fixture.types(), ["delta"]);
}

#[test]
fn catching_up_goes_on_from_page_to_page_and_then_lives_on() {
    let mut fixture = Fixture::live(small());
    for position in 11..30 {
        fixture.delta(position, 0);
    }
    assert_eq!(fixture.types(), ["behind"]);
    fixture.outputs();
    fixture.delta(30, 0);
    fixture.give(Input::CatchUpPage { inbox: &me(), frames: page(20), next: at(21), done: false });
    assert!(fixture.outputs().is_empty());
    assert_eq!(fixture.types(), ["delta"]);
    assert!(matches!(&fixture.outputs()[..], [Output::CatchUp { from, .. }] if *from == at(21)));
    fixture.give(Input::CatchUpPage { inbox: &me(), frames: vec![], next: at(25), done: false });
    assert!(matches!(&fixture.outputs()[..], [Output::CatchUp { from, .. }] if *from == at(25)));
    let mut last = page(30);
    last.push(Placed { frame: frame("caught_up", 30, 0), at: at(30) });
    fixture.give(Input::CatchUpPage { inbox: &me(), frames: last, next: at(30), done: true });
    fixture.delta(31, 0);
    assert_eq!(fixture.types(), ["delta", "caught_up", "delta"]);
    assert!(fixture.outputs().is_empty());
}

#[test]
fn a_page_that_waits_is_kept_when_its_subscription_falls_behind_again() {
    let mut fixture = Fixture::live(small());
    for position in 11..30 {
        fixture.delta(position, 0);
    }
    fixture.frames();
    fixture.outputs();
    fixture.give(Input::CatchUpPage { inbox: &me(), frames: page(29), next: at(29), done: true });
    for position in 30..50 {
        fixture.delta(position, 0);
    }
    assert_eq!(fixture.types(), ["delta", "behind"]);
    assert!(matches!(&fixture.outputs()[..], [Output::CatchUp { from, .. }] if *from == at(29)));
}

#[test]
fn resuming_with_a_cursor_is_the_same_as_being_behind() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let cursor = at(3).seal(&fixture.context.keys, fixture.session.grant().unwrap().tenant_tag);
    fixture.send(&json!({"type": "subscribe", "id": "s", "inbox": "me", "from": cursor}));
    assert!(matches!(&fixture.outputs()[..], [Output::Subscribe { from: Some(from), .. }] if *from == at(3)));
    fixture.give(Input::CatchUpPage { inbox: &me(), frames: page(5), next: at(5), done: true });
    let frames = fixture.frames();
    let types: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["reply", "behind", "delta"]);
    assert_eq!(frames[1]["cursor"], cursor);
}

#[test]
fn resync_voids_what_waits_and_the_snapshot_follows() {
    let mut fixture = Fixture::live(Limits::default());
    fixture.delta(11, 0);
    fixture.give(Input::Resync { inbox: &me(), reason: "void" });
    assert_eq!(fixture.types(), ["resync"]);
    assert!(matches!(&fixture.outputs()[..], [Output::Subscribe { from: None, .. }]));
    fixture.give(Input::Resync { inbox: &me(), reason: "void" });
    fixture.snapshot(12);
    assert_eq!(fixture.types(), ["resync", "snapshot"]);
    fixture.delta(13, 0);
    assert_eq!(fixture.types(), ["delta"]);
    assert!(fixture.outputs().is_empty());
}

#[test]
fn unsubscribing_drops_what_waits_and_later_answers_of_the_old_one_are_nothing() {
    let mut fixture = Fixture::live(Limits::default());
    fixture.delta(11, 0);
    fixture.send(&json!({"type": "unsubscribe", "id": "u", "inbox": "me"}));
    fixture.delta(12, 0);
    assert_eq!(fixture.frame(), json!({"type": "reply", "id": "u", "ok": true}));
    assert!(matches!(&fixture.outputs()[..], [Output::Unsubscribe { .. }]));

    fixture.send(&json!({"type": "subscribe", "id": "a", "inbox": "me"}));
    assert_eq!(fixture.outputs().len(), 1);
    fixture.send(&json!({"type": "subscribe", "id": "b", "inbox": "me"}));
    assert!(fixture.outputs().is_empty(), "the first question is not answered yet");
    fixture.snapshot(12);
    assert_eq!(fixture.outputs().len(), 1);
    fixture.snapshot(13);
    let frames = fixture.frames();
    let seen: Vec<_> = frames.iter().map(|frame| (frame["id"].as_str(), frame["at"].as_u64())).collect();
    assert_eq!(seen, [(Some("a"), None), (Some("b"), None), (None, Some(13))]);
}

#[test]
fn one_snapshot_is_asked_for_at_a_time() {
    let mut fixture = Fixture::new(Limits::default());
    fixture.hello("tenant_admin", json!([{"inbox": "me"}, {"inbox": "tenant"}]));
    let asked = |fixture: &mut Fixture| {
        fixture.outputs().into_iter().filter(|output| matches!(output, Output::Subscribe { .. })).count()
    };
    assert_eq!(asked(&mut fixture), 1);
    fixture.snapshot(1);
    assert_eq!(asked(&mut fixture), 0);
    fixture.frames();
    assert_eq!(asked(&mut fixture), 1);
    let inbox = InboxName::Tenant;
    fixture.give(Input::SubscribeFailed { inbox: &inbox, rejection: Rejection::Unavailable });
    assert_eq!(fixture.types(), ["error"]);
}

#[test]
fn a_reader_that_hears_nothing_of_its_refusals_is_ended_before_they_fill_the_memory() {
    let limits = Limits { rate_limited_per_minute_max: u32::MAX, commands_burst: 1, commands_per_second: 1, ..small() };
    let mut fixture = Fixture::open(limits, "user");
    let mut count = 0;
    while fixture.session.close().is_none() {
        fixture.send(&json!({"type": "command", "id": "1", "command": "mark_read", "notifications": ["x"]}));
        count += 1;
        assert!(count < 10_000 && fixture.session.queued_bytes() <= 4 * 65_536 + 1_024);
    }
    assert_eq!(count, 34, "one passes, 32 refusals fit, the next does not");
    fixture.assert_closed(CloseCode::RateLimited);
}

#[test]
fn drain_tells_the_delay_and_the_close_repeats_it() {
    let mut fixture = Fixture::live(Limits::default());
    fixture.give(Input::Drain { reconnect_after_ms: 700 });
    fixture.delta(11, 0);
    assert_eq!(fixture.types(), ["drain", "delta"]);
    fixture.delta(12, 0);
    fixture.give(Input::Close(CloseCode::ServerDraining));
    let last = fixture.frame();
    assert_eq!((&last["code"], &last["retryAfterMs"]), (&json!(4000), &json!(700)));
    assert!(fixture.outputs().is_empty());

    let mut late = Fixture::new(Limits::default());
    late.give(Input::Drain { reconnect_after_ms: 700 });
    late.hello("user", json!([]));
    assert_eq!(late.types(), ["welcome", "drain"]);
}

#[test]
fn an_idle_session_is_small() {
    let bytes = size_of::<crate::session::Session>();
    assert!(bytes <= 600, "{bytes} bytes");
}

#[test]
fn following_the_audit_from_the_head_says_where_that_is_and_then_every_event() {
    let mut fixture = Fixture::open(Limits::default(), "auditor");
    let audit = InboxName::Audit;
    fixture.send(&json!({"type": "subscribe", "id": "s", "inbox": "audit"}));
    assert!(matches!(&fixture.outputs()[..], [Output::Subscribe { inbox: InboxName::Audit, from: None }]));
    let frames = vec![Placed { frame: frame("caught_up", 10, 0), at: at(10) }];
    fixture.give(Input::CatchUpPage { inbox: &audit, frames, next: at(10), done: true });
    fixture.give(Input::Delta { inbox: &audit, frame: &frame("events", 11, 0), at: at(11) });
    assert_eq!(fixture.types(), ["reply", "caught_up", "events"]);
    assert!(fixture.outputs().is_empty());
}
