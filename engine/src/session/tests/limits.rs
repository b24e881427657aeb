//! Limits of tenants, limits that are replaced, and what is over a quota of all connections together.

use super::fixture::{Fixture, me};
use crate::limits::{Limit, LimitSet, Limits};
use crate::rejection::Rejection;
use crate::session::{Input, Output, SecurityEvent, Session, Stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_wire::CloseCode;

fn mark(id: u32) -> Value {
    json!({"type": "command", "id": id.to_string(), "command": "mark_read", "notifications": ["x"]})
}

fn publish(id: u32) -> Value {
    json!({"type": "command", "id": id.to_string(), "command": "publish", "to": "bob", "body": "hello"})
}

fn acme_has(lower: &[(&str, u64)]) -> Arc<LimitSet> {
    let mut set = LimitSet::new(Limits::default());
    let lower: BTreeMap<_, _> = lower.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    set.lower("acme", &lower).unwrap();
    Arc::new(set)
}

impl Fixture {
    fn put_in_force(&self, limits: Arc<LimitSet>) {
        self.context.replace(self.context.verifier(), limits);
    }

    /// Sends frames until one is answered `rate_limited`; how many came through before.
    fn come_through(&mut self, frame: fn(u32) -> Value, at_most: u32) -> u32 {
        for number in 0..=at_most {
            self.send(&frame(number));
            if self.frames().iter().any(|reply| reply["error"]["code"] == "rate_limited") {
                return number;
            }
        }
        at_most + 1
    }

    /// Every limit that was hit since the last time.
    fn hits(&mut self) -> Vec<Limit> {
        let hit = |output| match output {
            Output::Security(SecurityEvent::LimitHit { limit }) => Some(limit),
            _ => None,
        };
        self.outputs().into_iter().filter_map(hit).collect()
    }
}

#[test]
fn a_session_has_the_limits_of_its_tenant_from_hello_on() {
    let mut fixture = Fixture::new(Limits::default());
    fixture.put_in_force(acme_has(&[("commands_burst", 2), ("commands_in_flight_max", 7), ("subscriptions_max", 1)]));
    fixture.hello("tenant_admin", json!([{"inbox": "me"}, {"inbox": "tenant"}]));
    let frames = fixture.frames();
    assert_eq!(frames[0]["limits"]["commandsInFlightMax"], 7);
    assert_eq!((&frames[1]["type"], &frames[1]["code"]), (&json!("error"), &json!("too_large")));
    assert_eq!(fixture.hits(), [Limit::SubscriptionsMax]);
    assert_eq!(fixture.come_through(mark, 40), 2);
}

#[test]
fn limits_that_are_replaced_hold_for_sessions_that_are_there_from_then_on() {
    let mut fixture = Fixture::open(Limits { commands_in_flight_max: 1_000, ..Limits::default() }, "user");
    let second = Session::new("s2", Arc::clone(&fixture.context), fixture.now);
    assert_eq!(fixture.come_through(mark, 40), 40);
    fixture.wait(10_000);
    fixture.put_in_force(acme_has(&[("commands_burst", 5), ("commands_in_flight_max", 3)]));
    fixture.wait(10_000);
    assert_eq!(fixture.session.close(), None, "nobody is sent away");
    fixture.send(&mark(0));
    assert_eq!(fixture.refusal(), "rate_limited", "forty are in flight, three may be");
    // A session that has not said who it is has the node's.
    assert_eq!(second.poll_timeout(), Some(super::fixture::NOW.plus(10_000)));
    let slow = Limits { hello_ms_max: 400, ..Limits::default() };
    let (mut second, mut third) = (second, Session::new("s3", Arc::clone(&fixture.context), super::fixture::NOW));
    fixture.put_in_force(slow.into());
    for session in [&mut second, &mut third] {
        session.handle(Input::Timeout, super::fixture::NOW.plus(399));
        assert_eq!((session.close(), session.poll_timeout()), (None, Some(super::fixture::NOW.plus(400))));
    }
    assert!(second.poll_send(Stream::Ordered, super::fixture::NOW.plus(400)).is_some());
    assert_eq!(second.close(), Some(CloseCode::HelloTimeout));
}

#[test]
fn publishing_counts_for_the_tenant_and_not_against_the_commands_of_a_person() {
    let limits = Limits {
        tenant_publishes_per_second: 60,
        commands_in_flight_max: 1_000,
        commands_burst: 3,
        ..Limits::default()
    };
    let mut service = Fixture::open(limits, "service");
    assert_eq!(service.come_through(publish, 60), 60);
    assert_eq!(service.hits(), [Limit::TenantPublishesPerSecond]);
    let mut admin = Fixture::open(limits, "tenant_admin");
    assert_eq!(admin.come_through(mark, 60), 3);
    assert_eq!(admin.come_through(publish, 60), 60);
    // Who may not publish is refused, and at the rate of a person's commands.
    let mut user = Fixture::open(limits, "user");
    assert_eq!(user.come_through(publish, 60), 3);
}

#[test]
fn what_is_over_a_quota_of_all_connections_counts_as_any_other_refusal() {
    let limits = Limits { rate_limited_per_minute_max: 2, ..Limits::default() };
    let over = |limit| Rejection::RateLimited { limit, retry_after_ms: 70 };
    let mut fixture = Fixture::open(limits, "user");
    fixture.send(&mark(1));
    fixture.send(&json!({"type": "fetch", "id": "2", "inbox": "me"}));
    fixture.send(&json!({"type": "subscribe", "id": "3", "inbox": "me"}));
    fixture.outputs();
    let commands = over(Limit::CommandsPerSecond);
    fixture.give(Input::Replied { id: "1".to_owned(), stream: Stream::Ordered, result: Err(commands) });
    let reply = fixture.frame();
    assert_eq!((&reply["error"]["code"], &reply["error"]["retryAfterMs"]), (&json!("rate_limited"), &json!(70)));
    let queries = over(Limit::QueriesPerSecond);
    fixture.give(Input::Fetched { id: "2".to_owned(), stream: Stream::Ordered, result: Err(queries.clone()) });
    assert_eq!(fixture.refusal(), "rate_limited");
    let expected = [Limit::CommandsPerSecond, Limit::QueriesPerSecond];
    assert_eq!(fixture.hits(), expected);
    fixture.give(Input::SubscribeFailed { inbox: &me(), rejection: queries });
    fixture.assert_closed(CloseCode::RateLimited);
    assert_eq!(fixture.hits(), [Limit::QueriesPerSecond, Limit::RateLimitedPerMinuteMax]);
}

#[test]
fn what_is_too_large_is_counted_by_its_limit_and_does_not_end_the_session() {
    let mut fixture = Fixture::open(Limits::default(), "tenant_admin");
    let ids = vec!["x"; 501];
    fixture.send(&json!({"type": "command", "id": "1", "command": "mark_read", "notifications": ids}));
    assert_eq!(fixture.refusal(), "too_large");
    assert_eq!(fixture.hits(), [Limit::BulkIdsCountMax]);
    fixture.send(&json!({"type": "fetch", "id": "2", "inbox": "me", "query": {"tags": vec!["t"; 33]}}));
    assert_eq!(fixture.refusal(), "too_large");
    assert_eq!(fixture.hits(), [Limit::TagsCountMax]);
    fixture.send(&mark(3));
    let limit = Limit::TenantRecipientsPerSecond;
    let rejection = Rejection::TooLarge { limit, field: "to", found: 2, allowed: 1, unit: "people a second" };
    fixture.give(Input::Replied { id: "3".to_owned(), stream: Stream::Ordered, result: Err(rejection) });
    assert_eq!(fixture.refusal(), "too_large");
    assert_eq!(fixture.hits(), [limit]);
    assert_eq!(fixture.session.close(), None);
}
