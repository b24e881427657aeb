//! Sealed segments are not read when a log is opened, and nothing depends on that.

use super::{Author, SMALL, all_records, open, segment_names, written};
use crate::ids::Position;
use crate::log::directory::Segment;
use crate::log::walk::{Step, Walk};
use crate::log::{Log, LogError, LogOptions, MemoryStorage, Record, SEGMENT_HEADER_BYTES, Storage, Unsynced};

/// A log of several segments, closed, and the sidecars of all but its last one.
fn sealed() -> (MemoryStorage, Vec<Record>, Vec<String>) {
    let (storage, records) = written(&[20, 1, 20, 3, 20, 2]);
    let sidecars: Vec<_> = sidecars(&storage);
    assert_eq!((segment_names(&storage).len(), sidecars.len()), (4, 3));
    (storage, records, sidecars)
}

fn sidecars(storage: &MemoryStorage) -> Vec<String> {
    storage.list("").unwrap().into_iter().filter(|name| name.ends_with(".idx")).collect()
}

fn bytes(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(storage.file_bytes(name).unwrap()).unwrap()];
    storage.read_at(name, 0, &mut bytes).unwrap();
    bytes
}

#[test]
fn damage_in_a_sealed_segment_is_met_when_it_is_read_and_its_sidecar_spares_the_opening() {
    let (storage, records, sidecars) = sealed();
    storage.flip(&segment_names(&storage)[0], SEGMENT_HEADER_BYTES + 300, 1);
    let (log, recovery) = open(storage.clone());
    assert_eq!((recovery.last.0, recovery.damage), (records.len() as u64, None));
    assert!(matches!(log.reader().scan(Position(1)).next(), Some(Err(LogError::Corrupt(_)))));
    assert_eq!(log.reader().read(Position(60)).unwrap(), records[59]);
    drop(log);
    storage.remove(&sidecars[0]).unwrap();
    assert!(matches!(Log::open(storage, SMALL, [3; 16]), Err(LogError::Corrupt(_))));
}

#[test]
fn whatever_is_wrong_with_a_sidecar_it_is_made_anew_and_nothing_is_read_wrong() {
    let (sound, records, names) = sealed();
    let before = bytes(&sound, &names[1]);
    let changed = |change: &dyn Fn(&MemoryStorage)| {
        let storage = sound.crash(Unsynced::Kept);
        change(&storage);
        let (log, recovery) = open(storage.clone());
        assert_eq!((recovery.last.0, log.last_time()), (records.len() as u64, records.last().unwrap().envelope.time));
        assert_eq!(all_records(&log), records);
        let reader = log.reader();
        assert!(records.iter().all(|record| reader.read(record.envelope.position).unwrap() == *record));
        assert_eq!(bytes(&storage, &names[1]), before);
    };
    changed(&|_| ());
    for offset in (0..before.len()).step_by(3) {
        changed(&|storage| storage.flip(&names[1], offset, 0x11));
    }
    changed(&|storage| storage.remove(&names[1]).unwrap());
    for length in [0, 3, 115, before.len() - 1, before.len() + 12, 10_000_000] {
        changed(&|storage| storage.resize(&names[1], length));
    }
    // The sidecar of another segment, and of this one in another log.
    changed(&|storage| {
        let other = bytes(storage, &names[0]);
        storage.create(&names[1], other.len() as u64).unwrap();
        storage.write_at(&names[1], 0, &other).unwrap();
    });
    changed(&|storage| {
        let (foreign, _) = written_by_another_log();
        storage.create(&names[1], foreign.len() as u64).unwrap();
        storage.write_at(&names[1], 0, &foreign).unwrap();
    });
}

fn written_by_another_log() -> (Vec<u8>, MemoryStorage) {
    let storage = MemoryStorage::new();
    let (mut log, _) = Log::open(storage.clone(), SMALL, [4; 16]).unwrap();
    let mut author = Author::default();
    for count in [20, 1, 20, 3, 20, 2] {
        log.append(&author.records(count)).unwrap();
    }
    (bytes(&storage, &sidecars(&storage)[1]), storage)
}

#[test]
fn a_log_opened_read_only_makes_no_sidecar() {
    let (storage, records, names) = sealed();
    storage.remove(&names[0]).unwrap();
    let changes = storage.operations();
    let (log, _) = Log::open(storage.clone(), super::READ_ONLY, [3; 16]).unwrap();
    assert_eq!(all_records(&log), records);
    assert_eq!(storage.operations(), changes);
}

#[test]
fn reading_all_of_a_log_gives_what_its_sidecars_give() {
    let (storage, records, _) = sealed();
    let all = LogOptions { read_all: true, ..SMALL };
    let (log, by_reading) = Log::open(storage.clone(), all, [3; 16]).unwrap();
    assert_eq!(all_records(&log), records);
    drop(log);
    assert_eq!(open(storage).1, by_reading);
}

#[test]
fn terms_go_on_where_a_sealed_segment_left_them_when_the_last_one_is_empty() {
    // Power goes right after the second segment got its name, so that it holds nothing.
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&[author.record(1, 3000, 0)]).unwrap();
    drop(log);
    let (mut log, _) = open(storage.clone());
    log.append(&[author.record(1, 100, 0)]).unwrap();
    storage.fail_at(storage.operations().changes + 9, crate::log::Fault::PowerCut);
    log.append(&[author.record(1, 3000, 0)]).unwrap_err();
    let storage = storage.crash(Unsynced::Lost);
    assert_eq!(segment_names(&storage).len(), 2);
    for with_sidecar in [true, false] {
        let storage = storage.crash(Unsynced::Kept);
        assert_eq!(sidecars(&storage).len(), 0, "its name was never synced");
        drop(open(storage.clone()));
        assert_eq!(sidecars(&storage).len(), 1);
        if !with_sidecar {
            storage.remove(&sidecars(&storage)[0]).unwrap();
        }
        let (mut log, recovery) = open(storage.clone());
        assert_eq!((recovery.last, recovery.last_time.0), (Position(2), 1_700_000_000_001));
        log.append(&[Author { position: 2, ..Author::default() }.record(1, 10, 0)]).unwrap();
        drop(log);
        let first = crate::log::directory::peek(&storage, &segment_names(&storage)[1]).unwrap();
        let mut walk = Walk::whole(Segment { name: segment_names(&storage)[1].as_str().into(), header: first });
        let Step::Group(_, group) = walk.step(&storage) else { panic!("the group is there") };
        assert_eq!(group.header.term, 3, "term 2 wrote last");
    }
}
