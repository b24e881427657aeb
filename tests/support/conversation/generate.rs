//! Scripts for property tests: mostly of a client that means well, with everything else now and then.

use super::step::{From, Step, Which};
use proptest::prelude::*;

/// Most steps after the opening ones.
const STEPS_COUNT_MAX: usize = 120;

/// A script. Failures shrink by whole steps.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let opening = prop_oneof![
        9 => Just(vec![
            Step::Hello { token: 1, which: Which::Me, from: From::Nowhere },
            Step::Serve { choice: 0 },
            Step::Serve { choice: 0 },
        ]),
        1 => Just(Vec::new()),
    ];
    let end = prop_oneof![9 => Just(Step::Alive), 1 => Just(Step::Close)];
    (opening, proptest::collection::vec(step(), 0..STEPS_COUNT_MAX), end).prop_map(|(mut steps, middle, end)| {
        steps.extend(middle);
        steps.push(end);
        steps
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (followed(), 0..6_u8, 60..1_500_usize)
            .prop_map(|(which, item, bytes)| Step::Change { which, item, bytes }),
        10 => (1..6_usize).prop_map(Step::Write),
        12 => served(),
        4 => (followed(), from()).prop_map(|(which, from)| Step::Subscribe(which, from)),
        1 => followed().prop_map(Step::Unsubscribe),
        4 => said(),
        6 => asked(),
        1 => (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(fetch_stream, bytes)| Step::Bytes { fetch_stream, bytes }),
        2 => (0..20_000_i64).prop_map(Step::Wait),
        1 => Just(Step::Alive),
        1 => Just(Step::WriteFetched),
        1 => Just(Step::Drain),
        1 => (0..12_usize, followed()).prop_map(|(choice, which)| Step::Unasked { choice, which }),
    ]
}

fn served() -> impl Strategy<Value = Step> {
    prop_oneof![9 => Just(0_usize), 1 => 0..16_usize].prop_map(|choice| Step::Serve { choice })
}

fn followed() -> impl Strategy<Value = Which> {
    prop_oneof![Just(Which::Me), Just(Which::Tenant)]
}

fn from() -> impl Strategy<Value = From> {
    prop_oneof![
        3 => Just(From::Nowhere),
        3 => Just(From::Own),
        1 => Just(From::Older),
        1 => Just(From::Foreign),
        1 => Just(From::Garbage),
    ]
}

/// What takes a place in flight.
fn asked() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|fetch_stream| Step::Command { fetch_stream }),
        (any::<bool>(), followed()).prop_map(|(fetch_stream, which)| Step::Fetch { fetch_stream, which }),
    ]
}

fn said() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Ping),
        Just(Step::Pong),
        Just(Step::Ack),
        Just(Step::Nonsense),
        Just(Step::NotText),
        (0..9_usize).prop_map(Step::Refresh),
        Just(Step::Subscribe(Which::Platform, From::Nowhere)),
        Just(Step::Hello { token: 1, which: Which::Me, from: From::Nowhere }),
    ]
}
