//! Torn tail or corruption, and what is done about either.

use super::{Author, ENTROPY, READ_ONLY, SMALL, all_records, open, segment_names, written};
use crate::ids::Position;
use crate::log::audit::{Beside, verify};
use crate::log::{
    Fault, GROUP_BYTES_MAX, Log, LogError, LogOptions, MemoryStorage, SEGMENT_HEADER_BYTES, Storage, Unsynced, What,
};

/// A disk on which the last of two groups was torn after so many bytes.
fn torn(bytes: usize) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(3)).unwrap();
    storage.fail_at(storage.operations().changes + 1, Fault::PowerCut);
    log.append(&author.records(4)).unwrap_err();
    storage.crash(Unsynced::FirstBytes(bytes))
}

#[test]
fn a_torn_tail_is_saved_told_and_replaced() {
    for bytes in [1, 3, 47, 48, 60, 400, 600] {
        let storage = torn(bytes);
        assert!(verify(&storage, Beside::Nobody).is_err());
        let mut before = vec![0; 8192];
        storage.read_at(&segment_names(&storage)[0], 0, &mut before).unwrap();

        let (mut log, recovery) = open(storage.clone());
        assert_eq!((recovery.fresh, recovery.last), (false, Position(3)));
        let lost = recovery.quarantined.unwrap();
        let offset = usize::try_from(lost.offset).unwrap();
        let end = before.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        assert_eq!((lost.position, lost.bytes), (Position(4), (end - offset) as u64));
        // What was torn in a run of zeros cannot be told from what was never written.
        assert!((bytes.saturating_sub(8)..=bytes).contains(&(end - offset)));
        let mut saved = vec![0; end - offset];
        storage.read_at(lost.saved_as.as_deref().unwrap(), 0, &mut saved).unwrap();
        assert_eq!(saved, before[offset..end]);
        assert!(lost.to_string().starts_with("tail group lost, possibly acknowledged"));

        let mut author = Author::default();
        author.records(3);
        log.append(&author.records(4)).unwrap();
        assert_eq!(all_records(&log).len(), 7);
        drop(log);
        assert_eq!(verify(&storage, Beside::Nobody).unwrap().events, 7);
        assert_eq!(open(storage.crash(Unsynced::Lost)).1.quarantined, None);
    }
}

#[test]
fn a_second_torn_tail_at_the_same_place_does_not_replace_the_first() {
    let storage = torn(100);
    let (mut log, first) = open(storage.clone());
    let mut author = Author::default();
    author.records(3);
    storage.fail_at(storage.operations().changes + 1, Fault::PowerCut);
    log.append(&author.records(9)).unwrap_err();
    let storage = storage.crash(Unsynced::FirstBytes(200));
    let (_, second) = open(storage.clone());
    let (first, second) = (first.quarantined.unwrap(), second.quarantined.unwrap());
    assert_eq!((first.offset, first.bytes, second.bytes), (second.offset, 100, 200));
    assert_ne!(first.saved_as, second.saved_as);
    for lost in [first, second] {
        assert_eq!(storage.file_bytes(&lost.saved_as.unwrap()).unwrap(), lost.bytes);
    }
}

#[test]
fn a_crash_during_recovery_loses_nothing_of_the_tail() {
    for (operation, unsynced) in
        (1..=6).flat_map(|op| [(op, Unsynced::Lost), (op, Unsynced::Kept), (op, Unsynced::Sectors(9))])
    {
        let storage = torn(300);
        storage.fail_at(operation, Fault::PowerCut);
        Log::open(storage.clone(), SMALL, ENTROPY).err().expect("the power was cut");
        let storage = storage.crash(unsynced);
        let (log, _) = open(storage.clone());
        assert_eq!(all_records(&log).len(), 3);
        let saved = storage.list("quarantine").unwrap();
        let all = open(torn(300)).1.quarantined.unwrap().bytes;
        let whole = saved.iter().any(|file| storage.file_bytes(&format!("quarantine/{file}")).unwrap() == all);
        assert!(whole, "operation {operation}, {unsynced:?}: {saved:?}");
    }
}

#[test]
fn a_segment_that_a_crash_left_empty_is_passed_over_by_readers() {
    let mut empty = 0;
    for operation in 1..12 {
        let storage = MemoryStorage::new();
        let (mut log, _) = open(storage.clone());
        let mut author = Author::default();
        log.append(&[author.record(1, 3_000, 0)]).unwrap();
        storage.fail_at(storage.operations().changes + operation, Fault::PowerCut);
        let _ = log.append(&[author.record(1, 2_000, 0)]);
        let storage = storage.crash(Unsynced::Kept);
        let (mut log, recovery) = open(storage.clone());
        // What fits the empty segment no more goes into one after it, which begins with the same position.
        let mut author = Author::default();
        (0..recovery.last.0).for_each(|_| drop(author.record(1, 0, 0)));
        log.append(&[author.record(1, 6_000, 0)]).unwrap();
        let records = all_records(&log);
        assert_eq!(records.len() as u64, recovery.last.0 + 1);
        empty += usize::from(segment_names(&storage).len() == 3 && records.len() == 2);
        drop((log, records));
        assert_eq!(all_records(&open(storage).0).len() as u64, recovery.last.0 + 1);
    }
    assert!(empty > 0, "no crash left an empty segment");
}

#[test]
fn a_damaged_group_with_a_later_one_is_corruption() {
    let (sound, records) = written(&[2, 3, 1]);
    let name = segment_names(&sound).remove(0);
    let second = SEGMENT_HEADER_BYTES + crate::log::group_bytes(&records[..2]);
    let third = second + crate::log::group_bytes(&records[2..5]);
    // Magic, length, count, a record, the trailer.
    for offset in [second, second + 4, second + 9, second + 70, third - 1] {
        let storage = sound.crash(Unsynced::Kept);
        storage.flip(&name, offset, 0x10);
        let changes = storage.operations();
        let Err(LogError::Corrupt(damage)) = Log::open(storage.clone(), SMALL, ENTROPY) else {
            panic!("offset {offset} was not taken for corruption");
        };
        assert_eq!(storage.operations(), changes, "a damaged log was changed");
        assert!((3..=5).contains(&damage.position.0));

        let (log, recovery) = Log::open(storage.clone(), READ_ONLY, ENTROPY).unwrap();
        assert_eq!(recovery.last, Position(2));
        assert_eq!(recovery.damage, Some(damage));
        assert_eq!(all_records(&log), records[..2]);
    }
}

#[test]
fn a_lost_header_sector_with_the_next_group_behind_it_is_corruption() {
    let (storage, records) = written(&[2, 3, 1]);
    let name = segment_names(&storage).remove(0);
    let second = (SEGMENT_HEADER_BYTES + crate::log::group_bytes(&records[..2])) as u64;
    storage.write_at(&name, second, &[0; 200]).unwrap();
    storage.sync_data(&name).unwrap();
    let Err(LogError::Corrupt(damage)) = Log::open(storage, SMALL, ENTROPY) else { panic!("it was not told") };
    assert_eq!((damage.what, damage.position), (What::NotZero, Position(3)));
}

#[test]
fn bytes_beyond_the_reach_of_one_group_are_never_a_torn_tail() {
    // The torn group's own header tells its reach.
    let storage = torn(600);
    storage.flip(&segment_names(&storage)[0], 8000, 1);
    assert!(matches!(Log::open(storage, SMALL, ENTROPY), Err(LogError::Corrupt(_))));

    // Without a header, it is that of the largest group.
    for (distance, is_torn) in [(GROUP_BYTES_MAX - 1, true), (GROUP_BYTES_MAX, false)] {
        let storage = MemoryStorage::new();
        let options = LogOptions { segment_bytes: 1024 * 1024, ..SMALL };
        drop(Log::open(storage.clone(), options, ENTROPY).unwrap());
        storage.flip(&segment_names(&storage)[0], SEGMENT_HEADER_BYTES + distance, 1);
        match Log::open(storage, options, ENTROPY) {
            Ok((_, recovery)) => assert!(is_torn && recovery.quarantined.is_some()),
            Err(error) => assert!(!is_torn && matches!(error, LogError::Corrupt(_))),
        }
    }
}

#[test]
fn content_that_imitates_a_group_header_is_no_evidence() {
    // What a publisher can know: everything but the salt. The header claims to prove every position durable.
    let context = crate::log::group::GroupContext {
        term: 1,
        durable_through: Position(1 << 40),
        salt: 0,
        chain: crate::log::Chain([0; 32]),
    };
    let mut author = Author { position: 1 << 41, ..Author::default() };
    let imitation = crate::log::group::encode(&[author.record(1, 0, 0)], &context);

    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(3)).unwrap();
    let mut record = author.record(1, 0, 0);
    record.content = imitation.into();
    storage.fail_at(storage.operations().changes + 1, Fault::PowerCut);
    log.append(&[record]).unwrap_err();
    let storage = storage.crash(Unsynced::Kept);
    let tail = SEGMENT_HEADER_BYTES + crate::log::group_bytes(&Author::default().records(3));
    storage.flip(&segment_names(&storage)[0], tail + 20, 1);
    let (_, recovery) = open(storage);
    assert_eq!(recovery.last, Position(3));
    assert!(recovery.quarantined.is_some());
}

#[test]
fn other_formats_are_refused_by_number() {
    let (storage, _) = written(&[2]);
    let name = segment_names(&storage).remove(0);
    let mut header = [0; SEGMENT_HEADER_BYTES];
    storage.read_at(&name, 0, &mut header).unwrap();
    header[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..4092]);
    header[4092..].copy_from_slice(&checksum.to_le_bytes());
    storage.write_at(&name, 0, &header).unwrap();
    for options in [SMALL, READ_ONLY] {
        assert_eq!(Log::open(storage.clone(), options, ENTROPY).err(), Some(LogError::Format { found: 2 }));
    }
    assert_eq!(verify(&storage, Beside::Nobody).unwrap_err().what, What::Format { found: 2 });
}
