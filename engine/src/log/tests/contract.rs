//! What every storage promises, and what the log promises over every storage.

use super::{Author, ENTROPY, SMALL, all_records, directory, open, segment_names};
use crate::ids::Position;
use crate::log::{Log, LogError, MemoryStorage, Storage, StorageError};

fn check_files(storage: &dyn Storage) {
    assert_eq!(storage.list("").unwrap(), Vec::<String>::new());
    assert_eq!(storage.list("quarantine").unwrap(), Vec::<String>::new());
    storage.create("a", 10_000).unwrap();
    assert_eq!(storage.file_bytes("a").unwrap(), 10_000);
    let mut bytes = [1; 8];
    storage.read_at("a", 9_992, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 8]);
    storage.write_at("a", 9_996, b"tail").unwrap();
    storage.sync_data("a").unwrap();
    storage.read_at("a", 9_992, &mut bytes).unwrap();
    assert_eq!(&bytes, b"\0\0\0\0tail");
    assert!(matches!(storage.read_at("a", 9_993, &mut bytes), Err(StorageError::Io { .. })));

    storage.rename("a", "b").unwrap();
    storage.create("quarantine/c", 4).unwrap();
    storage.sync_directory("").unwrap();
    storage.sync_directory("quarantine").unwrap();
    storage.read_at("b", 9_992, &mut bytes).unwrap();
    assert_eq!(&bytes, b"\0\0\0\0tail");
    assert_eq!(storage.list("").unwrap(), ["b"]);
    assert_eq!(storage.list("quarantine").unwrap(), ["c"]);
    storage.create("b", 8).unwrap();
    storage.read_at("b", 0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 8]);
    storage.remove("b").unwrap();
    for gone in ["a", "b"] {
        let NotFound { .. } = NotFound::of(storage.read_at(gone, 0, &mut bytes));
        let NotFound { .. } = NotFound::of(storage.write_at(gone, 0, &bytes));
        let NotFound { .. } = NotFound::of(storage.remove(gone));
        let NotFound { .. } = NotFound::of(storage.rename(gone, "d"));
        let NotFound { .. } = NotFound::of(storage.file_bytes(gone).map(|_| ()));
    }
}

struct NotFound {}

impl NotFound {
    fn of(result: Result<(), StorageError>) -> Self {
        let found = matches!(&result, Err(StorageError::Io { kind: std::io::ErrorKind::NotFound, .. }));
        assert!(found, "a missing file gave {result:?}");
        Self {}
    }
}

#[test]
fn files_keep_what_was_written_in_memory() {
    check_files(&MemoryStorage::new());
}

#[test]
fn files_keep_what_was_written_on_disk() {
    let (_kept, storage) = directory();
    let storage = storage();
    check_files(&storage);
}

fn check_lock<S: Storage>(storage: impl Fn() -> S) {
    let (log, _) = open(storage());
    assert!(storage().is_locked().unwrap());
    let LogError::Locked { path } = Log::open(storage(), SMALL, ENTROPY).err().unwrap() else {
        panic!("a second writer was let in");
    };
    assert!(path.ends_with("lock"));
    drop(log);
    assert!(!storage().is_locked().unwrap());
    open(storage());
}

#[test]
fn a_second_writer_is_refused_in_memory() {
    let storage = MemoryStorage::new();
    check_lock(|| storage.clone());
}

#[test]
fn a_second_writer_is_refused_on_disk() {
    let (_kept, storage) = directory();
    check_lock(storage);
}

fn check_reopening<S: Storage>(storage: impl Fn() -> S) {
    let (mut log, recovery) = open(storage());
    assert!(recovery.fresh);
    assert_eq!(recovery.last, Position::ZERO);
    let id = log.id();
    let mut author = Author::default();
    let mut records = Vec::new();
    for count in [1, 40, 3, 90, 1, 1] {
        let group = author.records(count);
        let appended = log.append(&group).unwrap();
        assert_eq!(appended.last.0, author.position);
        assert_eq!(log.head(), (appended.last, appended.chain));
        records.extend(group);
        assert_eq!(all_records(&log), records);
    }
    let head = log.head();
    assert_eq!(log.last_time(), records.last().unwrap().envelope.time);
    drop(log);

    assert!(segment_names(&storage()).len() > 2);
    let (mut log, recovery) = Log::open(storage(), SMALL, [99; 16]).unwrap();
    assert!(!recovery.fresh);
    assert_eq!((recovery.last, recovery.chain), head);
    assert_eq!(recovery.last_time, records.last().unwrap().envelope.time);
    assert_eq!((recovery.quarantined, recovery.damage), (None, None));
    assert_eq!(log.id(), id);
    assert_eq!(all_records(&log), records);
    let more = author.records(5);
    log.append(&more).unwrap();
    records.extend(more);
    assert_eq!(all_records(&log), records);
    for record in &records {
        assert_eq!(log.reader().read(record.envelope.position).unwrap(), *record);
    }
}

#[test]
fn what_was_appended_is_read_after_reopening_in_memory() {
    let storage = MemoryStorage::new();
    check_reopening(|| storage.clone());
}

#[test]
fn what_was_appended_is_read_after_reopening_on_disk() {
    let (_kept, storage) = directory();
    check_reopening(storage);
}
