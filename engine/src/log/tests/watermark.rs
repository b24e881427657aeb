//! What the watermark proves, and what it does not.

use super::{Author, ENTROPY, READ_ONLY, SMALL, all_records, open, segment_names, written};
use crate::ids::Position;
use crate::log::watermark::{WATERMARK, Watermark};
use crate::log::{
    Log, LogError, LogOptions, MemoryStorage, SEGMENT_HEADER_BYTES, Storage, Unsynced, What, group_bytes,
};

fn refused(storage: &MemoryStorage, options: LogOptions) -> crate::log::Damage {
    let before = storage.operations();
    match Log::open(storage.clone(), options, ENTROPY) {
        Err(LogError::Corrupt(damage)) => {
            assert_eq!(storage.operations(), before, "a damaged log was changed");
            damage
        }
        Err(other) => panic!("{other}"),
        Ok((_, recovery)) => panic!("it opened: {recovery:?}"),
    }
}

#[test]
fn a_group_that_was_acknowledged_is_never_a_torn_tail_whatever_is_left_of_it() {
    let (sound, records) = written(&[2, 3, 1]);
    let name = segment_names(&sound).remove(0);
    let last = SEGMENT_HEADER_BYTES + group_bytes(&records[..2]) + group_bytes(&records[2..5]);
    let length = group_bytes(&records[5..]);
    for kept in [0, 1, 47, 48, 100, length - 1] {
        let storage = sound.crash(Unsynced::Kept);
        storage.write_at(&name, (last + kept) as u64, &vec![0; length - kept]).unwrap();
        storage.sync_data(&name).unwrap();
        let damage = refused(&storage, SMALL);
        assert_eq!((damage.what, damage.offset), (What::Lost { through: Position(6) }, last as u64));
        assert_eq!((damage.segment.as_str(), damage.position), (name.as_str(), Position(6)));
        let (log, recovery) = Log::open(storage.clone(), READ_ONLY, ENTROPY).unwrap();
        assert_eq!((all_records(&log), recovery.last), (records[..5].to_vec(), Position(5)));

        // The watermark alone knew.
        storage.remove(WATERMARK).unwrap();
        let (log, recovery) = open(storage);
        assert_eq!((log.head().0, recovery.quarantined.is_some()), (Position(5), kept > 0));
    }
}

#[test]
fn a_position_known_from_elsewhere_is_as_good_as_the_watermark() {
    let (storage, records) = written(&[2, 3]);
    storage.remove(WATERMARK).unwrap();
    let known = |position| LogOptions { known_durable: Position(position), ..SMALL };
    let damage = refused(&storage, known(6));
    assert_eq!((damage.what, damage.position), (What::Lost { through: Position(6) }, Position(6)));
    let (log, _) = Log::open(storage, known(5), ENTROPY).unwrap();
    assert_eq!(all_records(&log), records);
}

#[test]
fn a_log_whose_segments_are_gone_is_not_begun_anew() {
    let (storage, _) = written(&[2, 3]);
    storage.remove(&segment_names(&storage)[0]).unwrap();
    let damage = refused(&storage, SMALL);
    assert_eq!((damage.what, damage.position), (What::Lost { through: Position(5) }, Position(1)));
}

#[test]
fn a_log_set_back_to_an_older_state_of_itself_is_told() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    log.append(&author.records(2)).unwrap();
    let name = segment_names(&storage).remove(0);
    let mut older = vec![0; 8192];
    storage.read_at(&name, 0, &mut older).unwrap();
    log.append(&author.records(2)).unwrap();
    drop(log);
    storage.write_at(&name, 0, &older).unwrap();
    assert_eq!(refused(&storage, SMALL).what, What::Lost { through: Position(4) });
}

#[test]
fn another_history_of_the_same_log_is_told() {
    let other = MemoryStorage::new();
    let (mut log, _) = open(other.clone());
    let mut author = Author::default();
    let first = author.records(1);
    log.append(&first).unwrap();
    log.append(&[author.clone().record(1, 70, 0)]).unwrap();
    drop(log);
    let mut slots = [0; 1024];
    other.read_at(WATERMARK, 0, &mut slots).unwrap();

    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    log.append(&first).unwrap();
    log.append(&author.records(3)).unwrap();
    drop(log);
    storage.write_at(WATERMARK, 0, &slots).unwrap();
    assert_eq!(refused(&storage, SMALL).what, What::OtherHistory);
}

#[test]
fn a_slot_that_was_torn_leaves_the_other_and_no_slot_leaves_a_log_that_opens() {
    let (sound, records) = written(&[2, 3, 1]);
    let newest = Watermark::read(&sound).unwrap().unwrap();
    assert_eq!((newest.position, newest.sequence), (Position(6), 3));
    for offset in 0..1024 {
        let storage = sound.crash(Unsynced::Kept);
        storage.flip(WATERMARK, offset, 0x40);
        let in_newest = offset / 512 == 1;
        let left = Watermark::read(&storage).unwrap().unwrap();
        assert_eq!(left.position, if in_newest { Position(5) } else { Position(6) }, "offset {offset}");
        assert_eq!(all_records(&open(storage).0), records);
    }
    for length in [0, 1, 511, 512, 700] {
        let storage = sound.crash(Unsynced::Kept);
        storage.resize(WATERMARK, length);
        let (mut log, _) = open(storage.clone());
        let mut author = Author { position: 6, ..Author::default() };
        log.append(&author.records(2)).unwrap();
        assert_eq!(Watermark::read(&storage).unwrap().unwrap().position, Position(8));
    }
}

#[test]
fn the_watermark_goes_on_after_an_opening_and_is_never_ahead_of_a_sync() {
    let storage = MemoryStorage::new();
    let mut author = Author::default();
    for round in 1..4 {
        let (mut log, _) = open(storage.clone());
        for _ in 0..2 {
            log.append(&author.records(1)).unwrap();
            let mark = Watermark::read(&storage).unwrap().unwrap();
            assert_eq!((mark.position, mark.chain), log.head());
        }
        assert_eq!(Watermark::read(&storage).unwrap().unwrap().sequence, round * 2);
    }
    storage.fail_at(storage.operations().changes + 3, crate::log::Fault::Error);
    let (mut log, _) = open(storage.clone());
    let before = Watermark::read(&storage).unwrap();
    storage.fail_at(storage.operations().changes + 2, crate::log::Fault::Error);
    log.append(&author.records(1)).unwrap_err();
    assert_eq!(Watermark::read(&storage).unwrap(), before);
}
