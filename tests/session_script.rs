//! Random conversations against a model that knows what each reader must end up with, and what no limit lets through.

use proptest::prelude::*;
use testkit::conversation::{Manner, World, steps};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_script_loses_doubles_or_reorders_a_change_exceeds_a_limit_or_fills_the_memory(steps in steps()) {
        World::play(steps, Manner::Honest);
    }

    #[test]
    fn no_script_breaks_a_session_whose_server_answers_late_twice_and_unasked(steps in steps()) {
        World::play(steps, Manner::Hostile);
    }
}
