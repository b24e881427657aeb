//! Crashes at every storage operation of arbitrary work.

use super::{Author, ENTROPY, SMALL, all_records, open};
use crate::log::audit::{Beside, verify};
use crate::log::{Fault, Log, MemoryStorage, Record, Storage, Unsynced};
use proptest::prelude::*;

/// What a client was told before the power went.
struct Told {
    acknowledged: Vec<Record>,
    /// The group whose append did not return.
    unanswered: Vec<Record>,
}

/// Opens the log and appends the groups until the power is cut.
fn work(storage: &MemoryStorage, groups: &[Vec<(usize, usize)>]) -> Told {
    let mut told = Told { acknowledged: Vec::new(), unanswered: Vec::new() };
    let Ok((mut log, _)) = Log::open(storage.clone(), SMALL, ENTROPY) else { return told };
    let mut author = Author::default();
    for group in groups {
        let records: Vec<_> = group.iter().map(|(facts, content)| author.record(1, *facts, *content)).collect();
        if group.len() % 2 == 0 && log.prepare().is_err() {
            return told;
        }
        if log.append(&records).is_err() {
            told.unanswered = records;
            return told;
        }
        told.acknowledged.extend(records);
    }
    told
}

fn check(storage: &MemoryStorage, told: &Told) {
    let (mut log, recovery) = open(storage.clone());
    let found = all_records(&log);
    let mut with_unanswered = told.acknowledged.clone();
    with_unanswered.extend(told.unanswered.iter().cloned());
    assert!(
        found == told.acknowledged || found == with_unanswered,
        "{} records found, {} acknowledged, {} unanswered",
        found.len(),
        told.acknowledged.len(),
        told.unanswered.len()
    );
    assert_eq!(recovery.last.0, found.len() as u64);
    if let Some(lost) = recovery.quarantined {
        assert_eq!(storage.file_bytes(&lost.saved_as.unwrap()).unwrap(), lost.bytes);
    }
    // Work goes on, and all of it is sound.
    let mut author = Author::default();
    found.iter().for_each(|record| drop(author.record(1, record.facts.len(), record.content.stored_bytes())));
    log.append(&[author.record(1, 5, 5)]).unwrap();
    drop(log);
    assert_eq!(verify(storage, Beside::Nobody).unwrap().events, found.len() as u64 + 1);
}

fn unsynced() -> impl Strategy<Value = Unsynced> {
    prop_oneof![
        Just(Unsynced::Lost),
        Just(Unsynced::Kept),
        (0_usize..4000).prop_map(Unsynced::FirstBytes),
        any::<u64>().prop_map(Unsynced::Sectors),
    ]
}

fn groups() -> impl Strategy<Value = Vec<Vec<(usize, usize)>>> {
    let record = (0_usize..400, 0_usize..900);
    prop::collection::vec(prop::collection::vec(record, 1..6), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Promise 3: what was acknowledged survives a crash at any storage operation; a group is there whole or not at all.
    #[test]
    fn what_was_acknowledged_survives_a_crash_anywhere(
        groups in groups(),
        operation in 1_u64..60,
        unsynced in unsynced(),
    ) {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::PowerCut);
        let told = work(&storage, &groups);
        check(&storage.crash(unsynced), &told);
    }

    #[test]
    fn what_was_acknowledged_survives_a_second_crash_during_recovery(
        groups in groups(),
        operation in 1_u64..60,
        recovery_operation in 1_u64..8,
        first in unsynced(),
        second in unsynced(),
    ) {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::PowerCut);
        let told = work(&storage, &groups);
        let storage = storage.crash(first);
        storage.fail_at(recovery_operation, Fault::PowerCut);
        let _ = Log::open(storage.clone(), SMALL, ENTROPY);
        check(&storage.crash(second), &told);
    }
}

#[test]
fn one_history_survives_a_cut_at_every_operation_and_every_byte() {
    let groups = vec![vec![(10, 10)], vec![(100, 700), (3, 0)], vec![(2000, 900)], vec![(50, 0); 3], vec![(3000, 0)]];
    for operation in 1.. {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::PowerCut);
        let told = work(&storage, &groups);
        for unsynced in
            [Unsynced::Lost, Unsynced::Kept].into_iter().chain((0..3300).step_by(53).map(Unsynced::FirstBytes))
        {
            check(&storage.crash(unsynced), &told);
        }
        if storage.operations().changes < operation {
            assert_eq!(told.acknowledged.len(), 8);
            assert!(operation > 20);
            return;
        }
    }
}
