use super::{Limit, LimitError, LimitSet, Limits, LoweringError, Set};
use crate::rate::PER_SECOND_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[test]
fn every_limit_has_a_name_of_its_own_that_ends_in_its_unit_and_is_found_by_it() {
    let names: BTreeSet<_> = Limit::ALL.iter().map(|limit| limit.name()).collect();
    assert_eq!(names.len(), Limit::ALL.len());
    for limit in Limit::ALL {
        let row = limit.describe();
        assert_eq!(Limit::of(row.name), Some(*limit));
        let ends = ["_max", "_per_second", "_burst", "_ms"];
        assert!(ends.iter().any(|end| row.name.ends_with(end)), "{} names no unit", row.name);
        assert!(row.min <= row.default && row.default <= row.max(), "{} is out of its own range", row.name);
        assert!(!row.about.is_empty() && !row.about.ends_with('.'));
    }
    assert_eq!(Limit::of("frame_bytes"), None);
}

#[test]
fn the_defaults_are_those_of_the_table_and_go_together() {
    let limits = Limits::default();
    assert_eq!(limits.validate(), Ok(()));
    for limit in Limit::ALL {
        let row = limit.describe();
        let expected = (row.set != Set::Fixed).then_some(row.default);
        assert_eq!(limits.value(*limit), expected, "{}", row.name);
    }
}

/// At the least and at the most it may be, and one beyond: for every limit that can be set.
#[test]
fn every_limit_is_taken_in_its_range_and_refused_one_beyond() {
    for limit in Limit::ALL.iter().filter(|limit| limit.describe().set != Set::Fixed) {
        let row = limit.describe();
        let verdict = |value: u64| {
            let mut limits = Limits { idle_ms_max: (1 << 31) - 1, ping_ms: 100, ..Limits::default() };
            limits.put(*limit, value);
            limits.validate()
        };
        let refused = |found, needed: String| Err(LimitError { field: row.name, found, needed });
        assert_eq!(verdict(row.min), Ok(()), "{}", row.name);
        assert_eq!(verdict(row.min - 1), refused(row.min - 1, format!("at least {} is needed", row.min)));
        let most = if row.name == "ping_ms" { (1 << 30) - 1 } else { row.max() };
        assert_eq!(verdict(most), Ok(()), "{}", row.name);
        assert_eq!(verdict(row.max() + 1), refused(row.max() + 1, format!("at most {} is allowed", row.max())));
    }
    let rate = Limit::CommandsPerSecond.describe();
    assert_eq!(
        (rate.max(), Limit::CommandsBurst.describe().max()),
        (u64::from(PER_SECOND_MAX), u64::from(u32::MAX / 2))
    );
}

#[test]
fn a_ping_comes_twice_within_the_idle_time_at_least() {
    let verdict = |ping_ms| Limits { ping_ms, idle_ms_max: 1_000, ..Limits::default() }.validate();
    assert_eq!(verdict(500), Ok(()));
    let needed = "at most half of idle_ms_max is allowed".to_owned();
    assert_eq!(verdict(501), Err(LimitError { field: "ping_ms", found: 501, needed }));
}

fn lowered(name: &str, value: u64) -> Result<u32, LoweringError> {
    let mut set = LimitSet::new(Limits { commands_burst: 30, ..Limits::default() });
    let lower = BTreeMap::from([(name.to_owned(), value)]);
    set.lower("acme", &lower)?;
    assert_eq!(**set.of("globex"), **set.node());
    assert_eq!(set.node().commands_burst, 30);
    Ok(set.of("acme").commands_burst)
}

#[test]
fn a_tenant_may_have_less_than_the_node_and_never_more() {
    assert_eq!(lowered("commands_burst", 30), Ok(30));
    assert_eq!(lowered("commands_burst", 1), Ok(1));
    let higher = LoweringError::Higher { name: "commands_burst", found: 31, allowed: 30 };
    assert_eq!(lowered("commands_burst", 31), Err(higher));
    assert!(matches!(lowered("commands_burst", 0), Err(LoweringError::Limits(_))));
}

#[test]
fn only_limits_of_tenants_can_be_lowered_and_a_tenant_is_named_once() {
    for limit in Limit::ALL {
        let row = limit.describe();
        let verdict = lowered(row.name, row.min);
        match row.set {
            Set::Tenant => assert!(verdict.is_ok(), "{}", row.name),
            Set::Node | Set::Fixed => assert_eq!(verdict, Err(LoweringError::NotOfTenants { name: row.name })),
        }
    }
    let unknown = LoweringError::Unknown { name: "commands".to_owned() };
    assert_eq!(lowered("commands", 1), Err(unknown));
    let mut set = LimitSet::default();
    assert_eq!(set.lower("acme", &BTreeMap::new()), Ok(()));
    assert_eq!(set.lower("acme", &BTreeMap::new()), Err(LoweringError::Twice));
    assert_eq!(Arc::<LimitSet>::from(Limits::default()), Arc::new(LimitSet::default()));
}
