//! What inspecting shows, and what a repair does: no more than was shown, and nothing that is lost without being told.

use super::{Author, ENTROPY, SMALL, all_records, open, segment_names, written};
use crate::ids::Position;
use crate::log::audit::{Beside, verify};
use crate::log::watermark::WATERMARK;
use crate::log::{
    Fault, Finding, Log, LogError, LogOptions, MemoryStorage, Plan, Record, RepairError, SEGMENT_HEADER_BYTES, Storage,
    Unsynced, excerpt, group_bytes, inspect, repair,
};

const GROUPS: [usize; 6] = [3, 3, 20, 20, 20, 2];

/// A log of four segments, closed.
fn sound() -> (MemoryStorage, Vec<Record>) {
    let (storage, records) = written(&GROUPS);
    assert_eq!(segment_names(&storage).len(), 4);
    (storage, records)
}

fn planned(storage: &MemoryStorage) -> Option<Plan> {
    let before = storage.operations();
    let found = inspect(storage, Position::ZERO).unwrap();
    assert_eq!(storage.operations(), before, "inspecting changed something");
    assert_eq!(found.plan.is_some(), matches!(found.finding, Finding::Damaged(_)), "{:?}", found.finding);
    found.plan
}

/// Repairs until nothing is wrong, and gives what each repair told.
fn mended(storage: &MemoryStorage) -> Vec<Plan> {
    let mut plans = Vec::new();
    while let Some(plan) = planned(storage) {
        assert_eq!(repair(storage, &plan.id, Position::ZERO).unwrap(), plan);
        plans.push(plan);
        assert!(plans.len() < 8, "it does not end: {plans:?}");
    }
    plans
}

/// The log opens, holds the first of these records and no other, and takes new ones.
fn holds(storage: &MemoryStorage, records: &[Record], count: usize) -> u64 {
    let (mut log, recovery) = open(storage.clone());
    assert_eq!((recovery.quarantined, recovery.damage), (None, None));
    assert!(all_records(&log) == records[..count], "{} records are there, {count} expected", all_records(&log).len());
    let mut author = Author::default();
    records[..count].iter().for_each(|record| author.again(record));
    log.append(&[author.record(1, 50, 50)]).unwrap();
    let epoch = log.epoch();
    drop(log);
    assert_eq!(verify(storage, Beside::Nobody).unwrap().events, count as u64 + 1);
    assert!(matches!(inspect(storage, Position::ZERO).unwrap().finding, Finding::Sound));
    epoch
}

/// Whether the bytes are in a file in quarantine.
fn is_kept(storage: &MemoryStorage, bytes: &[u8]) -> bool {
    storage.list("quarantine").unwrap().iter().any(|file| {
        let all = read(storage, &format!("quarantine/{file}"));
        all.windows(bytes.len()).any(|window| window == bytes)
    })
}

fn read(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(storage.file_bytes(name).unwrap()).unwrap()];
    storage.read_at(name, 0, &mut bytes).unwrap();
    bytes
}

fn overwrite(storage: &MemoryStorage, name: &str, offset: usize, bytes: &[u8]) {
    storage.write_at(name, offset as u64, bytes).unwrap();
    storage.sync_data(name).unwrap();
}

/// Where the second group of the first segment starts, and the bytes of the one before it.
fn second_group(records: &[Record]) -> usize {
    SEGMENT_HEADER_BYTES + group_bytes(&records[..3])
}

#[test]
fn a_flipped_bit_anywhere_is_set_right_and_nothing_is_lost() {
    let (sound, records) = sound();
    for name in segment_names(&sound) {
        let is_last = name == *segment_names(&sound).last().unwrap();
        let bytes = read(&sound, &name);
        // Behind the last group of all, a changed byte is a torn tail.
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for offset in (0..if is_last { used } else { bytes.len() }).step_by(173) {
            let storage = sound.crash(Unsynced::Kept);
            storage.flip(&name, offset, 1 << (offset % 8));
            let plans = mended(&storage);
            assert_eq!(plans.len(), 1, "{name} {offset}");
            assert_eq!((plans[0].lost(), plans[0].epoch()), (None, None), "{name} {offset}: {}", plans[0]);
            assert_eq!(read(&storage, &name), read(&sound, &name));
            assert_eq!(holds(&storage, &records, records.len()), 1);
        }
    }
}

#[test]
fn events_behind_damage_are_given_up_by_name_and_kept_in_quarantine() {
    let (sound, records) = sound();
    let names = segment_names(&sound);
    let second = second_group(&records);
    let storage = sound.crash(Unsynced::Kept);
    overwrite(&storage, &names[0], second + 200, &[0xEE; 9]);
    let damaged = read(&storage, &names[0]);
    let found = inspect(&storage, Position::ZERO).unwrap();
    let Finding::Damaged(damage) = &found.finding else { panic!("{:?}", found.finding) };
    assert_eq!((damage.segment.as_str(), found.head.0), (names[0].as_str(), Position(3)));
    assert!(excerpt(&storage, damage).unwrap().1.windows(9).any(|window| window == [0xEE; 9]));
    assert_eq!((found.segments.len(), found.segments[0].events, found.segments[3].last), (4, 3, Position(68)));

    let plans = mended(&storage);
    assert_eq!(plans.len(), 1);
    assert_eq!((plans[0].lost(), plans[0].epoch()), (Some((Position(4), Position(68))), Some(2)));
    assert!(plans[0].to_string().contains("lost: positions 4 to 68, 65 events"));
    let end = damaged.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(is_kept(&storage, &damaged[second..end]));
    for name in &names[1..] {
        assert!(is_kept(&storage, &read(&sound, name)));
    }
    assert_eq!(holds(&storage, &records, 3), 2);
    // Another repair would be of another generation.
    overwrite(&storage, &names[0], SEGMENT_HEADER_BYTES + 60, &[0xEE; 9]);
    assert_eq!(mended(&storage).last().unwrap().epoch(), Some(3));
    assert_eq!(holds(&storage, &records, 0), 3);
}

#[test]
fn a_plan_is_for_what_was_found_and_for_nothing_else() {
    let (storage, records) = sound();
    let names = segment_names(&storage);
    overwrite(&storage, &names[0], second_group(&records) + 200, &[0xEE; 9]);
    let plan = planned(&storage).unwrap();
    let changed = |change: &dyn Fn(&MemoryStorage)| {
        let storage = storage.crash(Unsynced::Kept);
        change(&storage);
        let before = storage.operations();
        match repair(&storage, &plan.id, Position::ZERO) {
            Err(RepairError::Changed { now }) => assert_ne!(now, Some(plan.id.clone())),
            other => panic!("{other:?}"),
        }
        assert_eq!(storage.operations(), before);
        assert!(!storage.is_locked().unwrap());
    };
    changed(&|storage| storage.flip(&names[0], second_group(&records) + 300, 1));
    changed(&|storage| storage.flip(&names[0], SEGMENT_HEADER_BYTES + 100, 1));
    changed(&|storage| storage.flip(&names[2], 5000, 1));
    changed(&|storage| storage.flip(&names[3], 40, 1));
    changed(&|storage| storage.remove(&names[3]).unwrap());
    changed(&|storage| storage.remove(WATERMARK).unwrap());
    assert!(matches!(repair(&storage, "0123456789abcdef", Position::ZERO), Err(RepairError::Changed { .. })));
    storage.lock().unwrap();
    let locked = repair(&storage, &plan.id, Position::ZERO);
    assert!(matches!(locked, Err(RepairError::Log(LogError::Locked { .. }))));
    storage.unlock();
    assert_eq!(repair(&storage, &plan.id, Position::ZERO).unwrap(), plan);
    let again = repair(&storage, &plan.id, Position::ZERO);
    assert!(matches!(again, Err(RepairError::Changed { now: None })));
}

/// What happens to a sound log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BytesOfAGroup,
    BytesInTheLastSegment,
    WholeHeader,
    MissingSegment,
    FirstHeader,
    ZerosInsteadOfTheLastGroups,
    FieldsOfAHeader,
    BytesBehindTheGroups,
    Shortened,
    Stray,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::BytesOfAGroup,
        Self::BytesInTheLastSegment,
        Self::WholeHeader,
        Self::MissingSegment,
        Self::FirstHeader,
        Self::ZerosInsteadOfTheLastGroups,
        Self::FieldsOfAHeader,
        Self::BytesBehindTheGroups,
        Self::Shortened,
        Self::Stray,
    ];

    fn happens(self, storage: &MemoryStorage, records: &[Record]) {
        let names = segment_names(storage);
        match self {
            Self::BytesOfAGroup => overwrite(storage, &names[0], second_group(records) + 200, &[0xEE; 9]),
            Self::BytesInTheLastSegment => overwrite(storage, &names[3], SEGMENT_HEADER_BYTES + 300, &[0xEE; 9]),
            Self::WholeHeader => overwrite(storage, &names[1], 0, &[0xEE; 4096]),
            Self::MissingSegment => storage.remove(&names[1]).unwrap(),
            Self::FirstHeader => overwrite(storage, &names[0], 0, &[0xEE; 4096]),
            Self::ZerosInsteadOfTheLastGroups => overwrite(storage, &names[3], SEGMENT_HEADER_BYTES, &[0; 4096]),
            Self::FieldsOfAHeader => overwrite(storage, &names[1], 12, &[0xEE; 60]),
            Self::BytesBehindTheGroups => overwrite(storage, &names[1], 8100, &[0xEE; 40]),
            Self::Shortened => storage.resize(&names[2], 8000),
            Self::Stray => {
                let (name, bytes) = ("00000002-00000000000000000001.seg", read(storage, &names[2]));
                storage.create(name, bytes.len() as u64).unwrap();
                overwrite(storage, name, 0, &bytes);
            }
        }
        storage.sync_directory("").unwrap();
    }

    /// How many of the events stay when all is done that can be.
    fn stay(self, sound: &MemoryStorage, all: usize) -> usize {
        match self {
            Self::BytesOfAGroup => 3,
            Self::WholeHeader | Self::MissingSegment => before_segment(sound, 1),
            Self::FirstHeader => 0,
            Self::ZerosInsteadOfTheLastGroups | Self::BytesInTheLastSegment => before_segment(sound, 3),
            Self::FieldsOfAHeader | Self::BytesBehindTheGroups | Self::Shortened | Self::Stray => all,
        }
    }
}

/// How many events are in the segments before this one.
fn before_segment(storage: &MemoryStorage, index: usize) -> usize {
    let first = crate::log::directory::peek(storage, &segment_names(storage)[index]).unwrap().first;
    usize::try_from(first.0 - 1).unwrap()
}

#[test]
fn each_kind_of_damage_is_mended_with_what_can_be_proven() {
    let (sound, records) = sound();
    for kind in Kind::ALL {
        let count = kind.stay(&sound, records.len());
        let storage = sound.crash(Unsynced::Kept);
        kind.happens(&storage, &records);
        let all = LogOptions { read_all: true, ..SMALL };
        assert!(matches!(Log::open(storage.clone(), all, ENTROPY), Err(LogError::Corrupt(_))), "{kind:?}");
        let plans = mended(&storage);
        let is_lost = count < records.len();
        let lost = plans.iter().find_map(Plan::lost);
        let named = is_lost.then(|| (Position(count as u64 + 1), Position(records.len() as u64)));
        assert_eq!(lost, named, "{kind:?}: {plans:?}");
        let epoch = holds(&storage, &records, count);
        assert_eq!(epoch, 1 + u64::from(is_lost), "{kind:?}");
    }
}

#[test]
fn a_crash_at_any_step_of_a_repair_leaves_a_log_that_never_looks_sound_and_can_be_repaired_again() {
    let (sound, records) = sound();
    for kind in Kind::ALL {
        let count = kind.stay(&sound, records.len());
        let mut operation = 0;
        loop {
            operation += 1;
            let storage = sound.crash(Unsynced::Kept);
            kind.happens(&storage, &records);
            let plan = planned(&storage).unwrap();
            storage.fail_at(storage.operations().changes + operation, Fault::PowerCut);
            let is_done = repair(&storage, &plan.id, Position::ZERO).is_ok() && storage.has_power();
            let other = if operation % 2 == 0 { Unsynced::Kept } else { Unsynced::Sectors(operation) };
            for unsynced in [Unsynced::Lost, other] {
                let after = storage.crash(unsynced);
                never_looks_sound(&after, count, records.len(), kind);
                mended(&after);
                let epoch = holds(&after, &records, count);
                assert_eq!(epoch > 1, count < records.len(), "{kind:?}, operation {operation}");
            }
            if is_done {
                break;
            }
        }
        assert!(operation > 4, "{kind:?} has {operation} operations");
    }
}

/// A log that opens for writing has all its events, or says by its epoch that it has not.
fn never_looks_sound(storage: &MemoryStorage, count: usize, all: usize, kind: Kind) {
    for keeps in [true, false] {
        let storage = storage.crash(Unsynced::Kept);
        if !keeps && kind != Kind::ZerosInsteadOfTheLastGroups {
            // It may have been lost: it proves nothing by its absence.
            let _ = storage.remove(WATERMARK);
        }
        if let Ok((log, _)) = Log::open(storage, SMALL, ENTROPY) {
            let found = usize::try_from(log.head().0.0).unwrap();
            assert!(
                found == all || (found == count && log.epoch() > 1),
                "{kind:?}: {found} events, epoch {}",
                log.epoch()
            );
        }
    }
}

#[test]
fn a_log_with_one_segment_gets_its_header_back() {
    let (sound, records) = written(&[3, 2]);
    let name = segment_names(&sound).remove(0);
    for offset in (0..SEGMENT_HEADER_BYTES).step_by(97).chain([8, 12, 16, 33, 41, 50, 57, 64, 97]) {
        let storage = sound.crash(Unsynced::Kept);
        storage.flip(&name, offset, 1 << (offset % 8));
        mended(&storage);
        holds(&storage, &records, 5);
    }
    overwrite(&sound, &name, 0, &[0xEE; 200]);
    let found = inspect(&sound, Position::ZERO).unwrap();
    assert!(matches!(found.finding, Finding::Damaged(_)) && found.plan.is_none(), "nothing tells which log it is");
}

#[test]
fn a_torn_tail_is_no_damage_and_what_a_checkpoint_knows_makes_it_so() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(3)).unwrap();
    let running = inspect(&storage, Position::ZERO).unwrap();
    assert!(running.is_locked && running.finding == Finding::Sound);
    storage.fail_at(storage.operations().changes + 1, Fault::PowerCut);
    log.append(&author.records(2)).unwrap_err();
    let storage = storage.crash(Unsynced::FirstBytes(200));
    let found = inspect(&storage, Position::ZERO).unwrap();
    assert!(matches!(found.finding, Finding::Torn(_)) && found.plan.is_none());
    let found = inspect(&storage, Position(5)).unwrap();
    let plan = found.plan.unwrap();
    assert_eq!(plan.lost(), Some((Position(4), Position(5))));
    repair(&storage, &plan.id, Position(5)).unwrap();
    assert_eq!(open(storage).0.epoch(), 2);
    assert!(matches!(inspect(&MemoryStorage::new(), Position::ZERO).unwrap().finding, Finding::Absent));
}
