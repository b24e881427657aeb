//! Appending and reading without a crash.

use super::{Author, ENTROPY, READ_ONLY, SMALL, all_records, open, segment_names, written};
use crate::ids::Position;
use crate::log::{
    CONTENT_BYTES_MAX, Chain, FACTS_BYTES_MAX, Fault, GROUP_BYTES_MAX, Log, LogError, LogOptions, MemoryStorage,
    SEGMENT_HEADER_BYTES, Storage, group_bytes,
};

#[test]
fn an_append_is_one_write_and_one_sync() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    for count in 1..6 {
        let before = storage.operations();
        log.append(&author.records(count)).unwrap();
        let after = storage.operations();
        // The watermark is the other write: nothing waits for it to be synced.
        assert_eq!((after.writes - before.writes, after.syncs - before.syncs), (2, 1));
        assert_eq!(after.changes - before.changes, 3);
    }
}

#[test]
fn readers_see_nothing_before_its_sync_returned() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(2)).unwrap();
    let reader = log.reader();
    storage.fail_at(storage.operations().changes + 2, Fault::Error);
    assert!(matches!(log.append(&author.records(3)), Err(LogError::Storage(_))));
    assert_eq!(reader.head().0, Position(2));
    assert_eq!(reader.scan(Position(1)).count(), 2);
    assert_eq!(reader.read(Position(3)), Err(LogError::NoSuchPosition { position: Position(3), head: Position(2) }));
}

#[test]
fn after_any_failed_operation_of_an_append_the_log_is_given_up() {
    // The third append rolls: it creates, syncs, writes and syncs the header, renames, syncs the directory, makes and writes
    // the sidecar, writes, syncs, and raises the watermark. Sidecar and watermark may fail.
    for fault in [Fault::Error, Fault::Short(10)] {
        for operation in 1..=11 {
            let storage = MemoryStorage::new();
            let (mut log, _) = open(storage.clone());
            let mut author = Author::default();
            log.append(&author.records(1)).unwrap();
            log.append(&[author.record(1, 3000, 0)]).unwrap();
            let batch = [author.record(1, 3000, 0)];
            storage.fail_at(storage.operations().changes + operation, fault);
            let refused = log.append(&batch);
            let is_write = operation == 3 || operation == 9;
            let is_disposable = [7, 8, 11].contains(&operation);
            if is_disposable || (matches!(fault, Fault::Short(_)) && !is_write) {
                assert!(refused.is_ok(), "operation {operation} gave {refused:?}");
                continue;
            }
            assert!(matches!(refused, Err(LogError::Storage(_))), "operation {operation} gave {refused:?}");
            let before = storage.operations();
            assert_eq!(log.append(&batch), Err(LogError::Poisoned));
            assert_eq!(log.prepare(), Err(LogError::Poisoned));
            assert_eq!(storage.operations(), before, "something was tried again");
            assert_eq!(log.reader().scan(Position(1)).count(), 2);
        }
    }
}

#[test]
fn a_full_disk_is_told_before_anything_of_the_batch_is_written() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&[author.record(1, 3000, 0)]).unwrap();
    storage.limit(Some(10_000));
    let batch = [author.record(1, 3000, 0)];
    for _ in 0..2 {
        let writes = storage.operations().writes;
        assert_eq!(log.append(&batch), Err(LogError::Full));
        assert_eq!(storage.operations().writes, writes);
        assert_eq!(segment_names(&storage).len(), 1);
    }
    storage.limit(None);
    log.append(&batch).unwrap();
    assert_eq!(all_records(&log).len(), 2);
}

#[test]
fn a_prepared_segment_is_used_without_creating_another() {
    let storage = MemoryStorage::new();
    let options = LogOptions { segment_bytes: 64 * 1024, ..SMALL };
    let (mut log, _) = Log::open(storage.clone(), options, ENTROPY).unwrap();
    let mut author = Author::default();
    log.prepare().unwrap();
    let has_spare = || storage.list("").unwrap().contains(&"spare".to_owned());
    assert!(!has_spare(), "nothing is prepared for an empty segment");
    log.append(&[author.record(1, 40_000, 0)]).unwrap();
    log.prepare().unwrap();
    assert!(has_spare());
    let changes = storage.operations().changes;
    log.prepare().unwrap();
    assert_eq!(storage.operations().changes, changes);
    storage.limit(Some(0));
    log.append(&[author.record(1, 40_000, 0)]).unwrap();
    assert_eq!(segment_names(&storage).len(), 2);
    assert_eq!(all_records(&log).len(), 2);
}

#[test]
fn a_full_disk_on_growing_a_prepared_segment_leaves_the_log_usable() {
    let storage = MemoryStorage::new();
    let options = LogOptions { segment_bytes: 64 * 1024, ..SMALL };
    let (mut log, _) = Log::open(storage.clone(), options, ENTROPY).unwrap();
    let mut author = Author::default();
    log.append(&[author.record(1, 40_000, 0)]).unwrap();
    log.prepare().unwrap();
    storage.limit(Some(150_000));
    assert_eq!(log.append(&[author.clone().record(1, 100_000, 0)]), Err(LogError::Full));
    log.append(&[author.record(1, 40_000, 0)]).unwrap();
    assert_eq!(all_records(&log).len(), 2);
}

#[test]
fn a_byte_changed_under_an_open_log_is_told_by_every_read() {
    let (storage, records) = written(&[2, 1]);
    let (log, _) = open(storage.clone());
    let reader = log.reader();
    let record_at = SEGMENT_HEADER_BYTES + 48 + 2 * 4;
    // The second record of the first group: its header, its facts, its content; then the table in front of both.
    let second_at = record_at + records[0].encoded_bytes();
    for offset in [second_at, second_at + 96, second_at + 96 + records[1].facts.len(), record_at - 4] {
        storage.flip(&segment_names(&storage)[0], offset, 4);
        assert_eq!(reader.read(Position(1)).unwrap(), records[0]);
        assert!(matches!(reader.read(Position(2)), Err(LogError::Corrupt(damage)) if damage.position == Position(2)));
        assert_eq!(reader.read(Position(3)).unwrap(), records[2]);
        let scanned: Vec<_> = reader.scan(Position(1)).collect();
        assert!(matches!(scanned.as_slice(), [Err(LogError::Corrupt(_))]));
        storage.flip(&segment_names(&storage)[0], offset, 4);
    }
}

#[test]
fn parts_at_their_limits_are_appended_and_larger_ones_refused() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    let largest = author.record(1, FACTS_BYTES_MAX, CONTENT_BYTES_MAX);
    log.append(std::slice::from_ref(&largest)).unwrap();
    assert_eq!(log.reader().read(Position(1)).unwrap(), largest);

    let changes = storage.operations().changes;
    let over = author.clone().record(1, FACTS_BYTES_MAX + 1, 0);
    let refused = LogError::TooLarge { part: "facts", bytes: FACTS_BYTES_MAX + 1, bytes_max: FACTS_BYTES_MAX };
    assert_eq!(log.append(&[over]), Err(refused));
    let over = author.clone().record(1, 0, CONTENT_BYTES_MAX + 1);
    let refused = LogError::TooLarge { part: "content", bytes: CONTENT_BYTES_MAX + 1, bytes_max: CONTENT_BYTES_MAX };
    assert_eq!(log.append(&[over]), Err(refused));

    let room =
        GROUP_BYTES_MAX - group_bytes(&[]) - 3 * (group_bytes(&[author.clone().record(1, 0, 0)]) - group_bytes(&[]));
    let mut batch = vec![author.record(1, FACTS_BYTES_MAX, 0), author.record(1, FACTS_BYTES_MAX, 0)];
    batch.push(author.clone().record(1, room - 2 * FACTS_BYTES_MAX, 1));
    let refused = LogError::TooLarge { part: "group", bytes: GROUP_BYTES_MAX + 1, bytes_max: GROUP_BYTES_MAX };
    assert_eq!(log.append(&batch), Err(refused));
    assert_eq!(storage.operations().changes, changes);
    batch[2] = author.record(1, room - 2 * FACTS_BYTES_MAX, 0);
    assert_eq!(group_bytes(&batch), GROUP_BYTES_MAX);
    log.append(&batch).unwrap();
    assert_eq!(all_records(&log).len(), 4);
}

#[test]
#[should_panic(expected = "position 2 is appended, 1 follows")]
fn a_gap_in_positions_is_never_appended() {
    let (mut log, _) = open(MemoryStorage::new());
    let mut author = Author::default();
    author.record(1, 0, 0);
    let _ = log.append(&[author.record(1, 0, 0)]);
}

#[test]
fn reading_is_the_same_from_every_position_and_by_every_way() {
    let (storage, records) = written(&[1; 300]);
    let (mut log, _) = open(storage);
    let mut author = Author { position: 300, ..Author::default() };
    let mut records = records;
    for count in [200, 1, 1, 70] {
        let more = author.records(count);
        log.append(&more).unwrap();
        records.extend(more);
    }
    let reader = log.reader();
    let mut chain = Chain::start(log.id());
    assert_eq!(reader.chain_at(Position::ZERO).unwrap(), chain);
    assert_eq!(reader.chain_prefix(Position::ZERO), Some(chain.prefix()));
    for record in &records {
        let position = record.envelope.position;
        assert_eq!(reader.read(position).unwrap(), *record);
        assert_eq!(reader.scan(position).next().unwrap().unwrap(), *record);
        chain = chain.then(&record.leaf());
        assert_eq!(reader.chain_at(position).unwrap(), chain);
        assert_eq!(reader.chain_prefix(position), Some(chain.prefix()));
    }
    assert_eq!(reader.head(), (Position(572), chain));
    let tail: Vec<_> = reader.scan(Position(250)).map(Result::unwrap).collect();
    assert_eq!(tail, records[249..]);
    assert_eq!(reader.scan(Position(573)).count(), 0);
    assert_eq!(reader.chain_prefix(Position(573)), None);
    let absent = LogError::NoSuchPosition { position: Position::ZERO, head: Position(572) };
    assert_eq!(reader.read(Position::ZERO), Err(absent));
}

#[test]
fn a_read_only_log_takes_no_lock_and_changes_nothing() {
    let (storage, records) = written(&[3, 60, 2]);
    let (writer, _) = open(storage.clone());
    let changes = storage.operations();
    let (mut log, recovery) = Log::open(storage.clone(), READ_ONLY, ENTROPY).unwrap();
    assert_eq!(recovery.last, writer.head().0);
    assert_eq!(all_records(&log), records);
    assert_eq!(log.append(&[]), Err(LogError::ReadOnly));
    drop(log);
    assert!(storage.is_locked().unwrap());
    assert_eq!(storage.operations(), changes);
    assert_eq!(Log::open(MemoryStorage::new(), READ_ONLY, ENTROPY).err(), Some(LogError::Absent));
}

#[test]
fn the_chain_does_not_depend_on_how_events_were_grouped() {
    let (storage, records) = written(&[5, 1, 30, 4]);
    let (log, _) = open(storage);
    let (mut other, _) = Log::open(MemoryStorage::new(), LogOptions::default(), ENTROPY).unwrap();
    assert_eq!(other.append(&records).unwrap().chain, log.head().1);
}
