//! What the state takes of memory, counted by the allocator: alone in its process, since it counts everything.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tidings_engine::event::{Audience, Event, Facts, Published, Recorded};
use tidings_engine::grant::Role;
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::item::{Filter, Flags, Mark};
use tidings_engine::log::{Envelope, Stored};
use tidings_engine::state::State;
use tidings_wire::Severity;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TENANT: StreamId = StreamId([0xFE; 16]);

/// An id as even as a keyed hash.
fn person(number: u64) -> StreamId {
    let mixed = |number: u64| {
        let mixed = (number ^ (number >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&mixed(number + 1).to_be_bytes());
    id[8..].copy_from_slice(&mixed(!number).to_be_bytes());
    StreamId(id)
}

fn apply(state: &mut State, stream: StreamId, event: Event) {
    let envelope = Envelope {
        position: state.position().next(),
        tenant: TenantId(1),
        tenant_sequence: state.position().0 + 1,
        stream,
        revision: Revision(state.revision(stream).0 + 1),
        event_type: event.type_number(),
        event_version: event.version(),
        command: CommandHash::NONE,
        command_index: 0,
        time: Time(1_700_000_000_000),
        key_id: 0,
    };
    let facts = Facts { actor: stream, fingerprint: [0; 16], event };
    state.apply(&Recorded { envelope, facts, content: Stored::EMPTY });
}

fn observed(topic: &str) -> Event {
    Event::SubjectObserved { roles: vec![Role::User], topics: vec![topic.to_owned()] }
}

fn published(to: StreamId) -> Event {
    published_to(Audience::People(vec![to]))
}

fn published_to(audience: Audience) -> Event {
    Event::NotificationPublished(Published {
        audience,
        severity: Severity::Low,
        category: Some("build".to_owned()),
        tags: vec!["ci".to_owned()],
        workflow: None,
        expires: None,
        group: None,
    })
}

/// One test, so that nothing else allocates beside it.
#[test]
fn a_known_stream_takes_64_bytes_at_most_and_an_item_64_with_its_notification() {
    let counted = Region::new(ALLOCATOR);
    let bytes = || {
        let change = counted.change();
        i64::try_from(change.bytes_allocated).unwrap() - i64::try_from(change.bytes_deallocated).unwrap()
    };
    let mut state = State::default();
    apply(&mut state, TENANT, Event::TenantCreated { name: "acme".to_owned() });
    let mut known = 0;
    // Just before, at and after the counts at which tables double.
    for count in [20_000, 57_000, 58_500, 100_000, 115_000, 117_000, 200_000] {
        (known..count).for_each(|number| apply(&mut state, person(number), observed("everything")));
        known = count;
        let each = bytes() / i64::try_from(count).unwrap();
        assert!((44..=64).contains(&each), "{each} bytes a stream at {count}");
    }
    let (before, items) = (bytes(), 500_000);
    for number in 0..items {
        apply(&mut state, TENANT, published(person(number % 50_000)));
    }
    let each = (bytes() - before) / i64::try_from(items).unwrap();
    assert!((26..=64).contains(&each), "{each} bytes an item");
    assert_eq!(state.position(), Position(200_001 + items));
    marks_cost_what_was_marked(&mut state, &bytes);
}

/// Who marks one item that everyone has, and then everything, takes over no copy of the list for everyone.
fn marks_cost_what_was_marked(state: &mut State, bytes: &dyn Fn() -> i64) {
    let (people, to_all) = (2_000, 9_000);
    for _ in 0..to_all {
        apply(state, TENANT, published_to(Audience::Tenant));
    }
    let (newest, before) = (state.position(), bytes());
    for number in 0..people {
        let items = vec![Position(newest.0 - number * 4)];
        apply(state, person(number), Event::ItemsMarked { mark: Mark::Read, items });
    }
    let each = (bytes() - before) / i64::try_from(people).expect("a few people");
    assert!((1..=128).contains(&each), "{each} bytes an inbox with a mark");
    for number in 0..people {
        let all = Event::AllItemsMarked { mark: Mark::Read, filter: Filter::default(), up_to: newest };
        apply(state, person(number), all);
        let tenant = TenantId(1);
        assert!(state.item(tenant, person(number), newest).is_some_and(|flags| flags.has(Flags::READ)));
    }
    let each = (bytes() - before) / i64::try_from(people).expect("a few people");
    assert!((1..=128).contains(&each), "{each} bytes an inbox of which everything is marked");
}
