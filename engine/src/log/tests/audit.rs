//! The auditor finds every change, and nothing else.

use super::{Author, ENTROPY, SMALL, all_records, open, segment_names, written};
use crate::ids::{Position, Revision, TenantId, Time};
use crate::log::audit::{Beside, verify, verify_each};
use crate::log::directory::{Continuation, Segment, open_segment};
use crate::log::group::{self, GroupContext};
use crate::log::walk::{Step, Walk};
use crate::log::{
    ChainCheck, Fault, Log, LogError, LogOptions, MemoryStorage, Record, SEGMENT_HEADER_BYTES, Storage, Unsynced, What,
};

fn verified(storage: &MemoryStorage) -> u64 {
    verify(storage, Beside::Nobody).unwrap().events
}

#[test]
fn a_sound_log_is_verified_and_every_record_shown() {
    let (storage, records) = written(&[1, 30, 8, 60]);
    let mut shown = Vec::new();
    let verified = verify_each(&storage, Beside::Nobody, &mut |record| shown.push(record.clone())).unwrap();
    assert_eq!(shown, records);
    let (log, _) = open(storage.clone());
    assert_eq!((Position(verified.events), verified.chain), log.head());
    assert_eq!(verified.last_time, log.last_time());
    assert_eq!((verified.log, verified.epoch), (log.id(), log.epoch()));
    assert_eq!(verified.segments as usize, segment_names(&storage).len());
    assert_eq!((verified.streams, verified.tenants, verified.in_flight), (3, 2, None));
}

#[test]
fn every_flipped_byte_is_found_by_the_auditor_and_never_silent_on_opening() {
    let (storage, records) = written(&[2, 25, 1, 3]);
    let names = segment_names(&storage);
    assert_eq!(names.len(), 2);
    for (index, name) in names.iter().enumerate() {
        let bytes = usize::try_from(storage.file_bytes(name).unwrap()).unwrap();
        for offset in 0..bytes {
            let mask = 1 << (offset % 8);
            storage.flip(name, offset, mask);
            let damage = verify(&storage, Beside::Nobody).expect_err("a flipped byte was not found");
            assert_eq!(damage.segment, *name);
            assert!(damage.position.0 >= 1 && damage.position.0 <= records.len() as u64 + 1);
            // Damage is told at or before its place, but for the table of record ends and the checksum over all.
            let is_table = matches!(damage.what, What::RecordHeader | What::GroupChecksum);
            assert!(damage.offset <= offset as u64 || is_table, "{offset}: {damage}");
            assert_ne!(damage.what, What::SegmentForeign, "{offset}: checksums come first");

            opening_tells(&storage, name, index == 1, offset % 2 == 0, &records);
            storage.flip(name, offset, mask);
        }
    }
    assert_eq!(verified(&storage), records.len() as u64);
}

/// Opens a copy whose only damage is in the segment called `name`, with its watermark and sidecar or without them.
fn opening_tells(damaged: &MemoryStorage, name: &str, is_last: bool, keeps: bool, records: &[Record]) {
    // Opening changes the disk when it quarantines: give it a copy.
    let copy = damaged.crash(Unsynced::Kept);
    if !keeps {
        for file in copy.list("").unwrap().iter().filter(|file| file.ends_with(".idx") || *file == "watermark") {
            copy.remove(file).unwrap();
        }
    }
    match Log::open(copy.clone(), SMALL, ENTROPY) {
        Err(LogError::Corrupt(damage)) => assert_eq!(damage.segment, *name),
        Err(other) => panic!("{other}"),
        Ok((log, _)) if !is_last => {
            // Its sidecar told where its groups are: what is wrong in them is told when they are read.
            assert!(keeps);
            let read: Vec<_> = log.reader().scan_checked(Position(1), ChainCheck::Verify).collect();
            let whole = read.iter().filter_map(|record| record.as_ref().ok()).zip(records).all(|(read, is)| read == is);
            assert!(whole && (read.len() == records.len() || matches!(read.last(), Some(Err(LogError::Corrupt(_))))));
            let all = LogOptions { read_all: true, ..SMALL };
            drop(log);
            assert!(matches!(Log::open(copy, all, ENTROPY), Err(LogError::Corrupt(damage)) if damage.segment == *name));
        }
        Ok((log, recovery)) => {
            assert!(!keeps || recovery.last.0 == records.len() as u64, "what the watermark covers is no torn tail");
            let lost = recovery.quarantined.expect("the loss is told");
            assert_eq!(lost.position, log.head().0.next());
            assert!(recovery.last.0 == records.len() as u64 || recovery.last.0 == records.len() as u64 - 3);
            assert_eq!(all_records(&log), records[..usize::try_from(recovery.last.0).unwrap()]);
            assert_eq!(verified(&copy), recovery.last.0);
        }
    }
}

#[test]
fn missing_shortened_lengthened_and_exchanged_files_are_found() {
    let (sound, _) = written(&[20, 20, 20]);
    let names = segment_names(&sound);
    assert_eq!(names.len(), 3);
    let changed = |change: &dyn Fn(&MemoryStorage)| {
        let storage = sound.crash(Unsynced::Kept);
        change(&storage);
        assert!(matches!(Log::open(storage.clone(), SMALL, ENTROPY), Err(LogError::Corrupt(_))));
        verify(&storage, Beside::Nobody).unwrap_err().what
    };
    assert_eq!(changed(&|storage| storage.remove(&names[0]).unwrap()), What::SegmentMissing { number: 1 });
    assert_eq!(changed(&|storage| storage.remove(&names[1]).unwrap()), What::SegmentMissing { number: 2 });
    for name in &names {
        for bytes in [0, 100, SEGMENT_HEADER_BYTES, 8191, 8193] {
            let what = changed(&|storage| storage.resize(name, bytes));
            assert!(matches!(what, What::SegmentBytes { .. } | What::SegmentHeader), "{what:?}");
        }
    }
    assert_eq!(changed(&|storage| storage.rename(&names[2], &names[1]).unwrap()), What::SegmentForeign);
    let renamed = format!("00000003-{:020}.seg", 40);
    assert_eq!(changed(&|storage| storage.rename(&names[2], &renamed).unwrap()), What::SegmentForeign);
    assert_eq!(verify(&MemoryStorage::new(), Beside::Nobody).unwrap_err().what, What::NoSegments);
}

#[test]
fn a_segment_of_another_log_is_found() {
    let (storage, _) = written(&[20, 20]);
    let other = MemoryStorage::new();
    let (mut log, _) = Log::open(other.clone(), SMALL, [77; 16]).unwrap();
    let mut author = Author::default();
    log.append(&author.records(20)).unwrap();
    log.append(&author.records(20)).unwrap();
    let name = &segment_names(&other)[1];
    let mut bytes = vec![0; 8192];
    other.read_at(name, 0, &mut bytes).unwrap();
    storage.write_at(name, 0, &bytes).unwrap();
    storage.sync_data(name).unwrap();
    assert_eq!(verify(&storage, Beside::Nobody).unwrap_err().what, What::SegmentForeign);
}

#[test]
fn a_segment_header_with_another_chain_and_a_mended_checksum_is_found() {
    let (storage, _) = written(&[20, 20]);
    let name = &segment_names(&storage)[1];
    let mut header = [0; SEGMENT_HEADER_BYTES];
    storage.read_at(name, 0, &mut header).unwrap();
    header[70] ^= 1;
    let checksum = crc32c::crc32c(&header[..SEGMENT_HEADER_BYTES - 4]);
    header[SEGMENT_HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
    storage.write_at(name, 0, &header).unwrap();
    let damage = verify(&storage, Beside::Nobody).unwrap_err();
    assert_eq!((&damage.what, &damage.segment), (&What::SegmentForeign, name));
    assert_eq!(Log::open(storage, SMALL, ENTROPY).err(), Some(LogError::Corrupt(damage)));
}

#[test]
fn gaps_in_revisions_and_tenant_sequences_and_times_are_found() {
    let found = |change: &dyn Fn(&mut Record)| {
        let storage = MemoryStorage::new();
        let (mut log, _) = open(storage.clone());
        let mut author = Author::default();
        let mut records = author.records(9);
        change(&mut records[6]);
        log.append(&records).unwrap();
        let damage = verify(&storage, Beside::Nobody).unwrap_err();
        assert_eq!(damage.position, Position(7));
        damage.what
    };
    let what = found(&|record| record.envelope.revision = Revision(4));
    assert!(matches!(what, What::RevisionGap { found: 4, expected: 3, .. }), "{what:?}");
    let what = found(&|record| record.envelope.tenant_sequence = 2);
    assert_eq!(what, What::TenantSequenceGap { tenant: TenantId(2), found: 2, expected: 4 });
}

#[test]
fn times_and_terms_that_run_backwards_are_found() {
    // The writer refuses these, so the groups are put there by hand.
    let found = |term, change: &dyn Fn(&mut Record)| {
        let (storage, mut author) = (MemoryStorage::new(), Author::default());
        drop(open(storage.clone()));
        let (mut log, _) = open(storage.clone());
        log.append(&author.records(2)).unwrap();
        drop(log);
        let (mut log, _) = open(storage.clone());
        log.append(&author.records(2)).unwrap();
        let mut record = author.record(1, 0, 0);
        change(&mut record);
        append_by_hand(&storage, &log, term, &[record]);
        drop(log);
        if term == 1 {
            assert!(matches!(Log::open(storage.clone(), SMALL, ENTROPY), Err(LogError::Corrupt(_))));
        }
        verify(&storage, Beside::Nobody).map_err(|damage| damage.what)
    };
    assert_eq!(found(2, &|_| ()).unwrap().events, 5);
    assert_eq!(found(1, &|_| ()), Err(What::TermBackwards { found: 1, before: 2 }));
    let late = found(2, &|record| record.envelope.time = Time(5));
    assert_eq!(late, Err(What::TimeBackwards { found: 5, before: 1_700_000_000_002 }));
}

#[test]
fn a_record_changed_with_all_checksums_mended_is_found_by_the_chain() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(2)).unwrap();
    let (offset, context) = (end_of_groups(&storage), context(&storage, &log, 1));
    let mut record = author.record(1, 10, 10);
    log.append(std::slice::from_ref(&record)).unwrap();
    log.append(&author.records(2)).unwrap();

    record.facts = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10].into();
    let mut forged = group::encode(&[record], &context);
    let chain_at = forged.len() - 36;
    forged[chain_at..chain_at + 32].copy_from_slice(&log.reader().chain_at(Position(3)).unwrap().0);
    let checksum = crc32c::crc32c(&forged[48..chain_at + 32]);
    forged[chain_at + 32..].copy_from_slice(&checksum.to_le_bytes());
    storage.write_at(&segment_names(&storage)[0], offset, &forged).unwrap();
    storage.sync_data(&segment_names(&storage)[0]).unwrap();

    let damage = verify(&storage, Beside::Nobody).unwrap_err();
    assert_eq!((&damage.what, damage.offset, damage.position), (&What::Chain, offset, Position(3)));
    let reader = log.reader();
    assert_eq!(reader.chain_at(Position(3)), Err(LogError::Corrupt(damage.clone())));
    assert_eq!(reader.scan(Position(1)).filter(Result::is_ok).count(), 5);
    let scanned: Vec<_> = reader.scan_checked(Position(1), ChainCheck::Verify).collect();
    assert_eq!(scanned.last(), Some(&Err(LogError::Corrupt(damage.clone()))));
    assert_eq!(scanned.len(), 3);
    drop(log);
    assert_eq!(Log::open(storage, SMALL, ENTROPY).err(), Some(LogError::Corrupt(damage)));
}

#[test]
fn an_unfinished_last_group_is_in_flight_only_while_a_writer_holds_the_lock() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(3)).unwrap();
    assert_eq!(verify(&storage, Beside::Server).unwrap().in_flight, None);
    storage.fail_at(storage.operations().changes + 1, Fault::Short(300));
    log.append(&author.records(3)).unwrap_err();

    let verified = verify(&storage, Beside::Server).unwrap();
    assert_eq!(verified.events, 3);
    assert_eq!(verified.in_flight.unwrap().position, Position(4));
    assert!(verify(&storage, Beside::Nobody).is_err());
    drop(log);
    assert!(verify(&storage, Beside::Server).is_err());
}

#[test]
fn damage_before_the_last_group_is_never_in_flight() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(3)).unwrap();
    log.append(&author.records(1)).unwrap();
    storage.flip(&segment_names(&storage)[0], SEGMENT_HEADER_BYTES + 5, 1);
    let damage = verify(&storage, Beside::Server).unwrap_err();
    assert_eq!((damage.what, damage.position), (What::GroupHeader, Position(1)));
}

#[test]
fn a_log_is_verified_while_it_is_being_written() {
    let (_kept, storage) = super::directory();
    let (mut log, _) = open(storage());
    let mut author = Author::default();
    log.append(&author.records(1)).unwrap();
    let verified = std::thread::scope(|scope| {
        let auditor = scope.spawn(|| {
            let storage = storage();
            (0..60).map(|_| verify(&storage, Beside::Server).unwrap().events).collect::<Vec<_>>()
        });
        while !auditor.is_finished() {
            log.append(&author.records(13)).unwrap();
        }
        auditor.join().unwrap()
    });
    assert!(verified.is_sorted());
    assert!(verify(&storage(), Beside::Nobody).unwrap().events >= *verified.last().unwrap());
}

/// What the log's next group says of itself, under this term.
fn context(storage: &MemoryStorage, log: &Log<MemoryStorage>, term: u64) -> GroupContext {
    let (head, chain) = log.head();
    GroupContext { term, durable_through: head, salt: only_segment(storage).header.identity.salt, chain }
}

/// Writes a group where the log would, without the log's checks.
fn append_by_hand(storage: &MemoryStorage, log: &Log<MemoryStorage>, term: u64, records: &[Record]) {
    let bytes = group::encode(records, &context(storage, log, term));
    let name = only_segment(storage).name;
    storage.write_at(&name, end_of_groups(storage), &bytes).unwrap();
    storage.sync_data(&name).unwrap();
}

fn only_segment(storage: &MemoryStorage) -> Segment {
    open_segment(storage, &segment_names(storage)[0], &Continuation::FIRST).unwrap()
}

/// Where the only segment's groups end.
fn end_of_groups(storage: &MemoryStorage) -> u64 {
    let mut walk = Walk::whole(only_segment(storage));
    while let Step::Group(..) = walk.step(storage) {}
    walk.offset()
}
