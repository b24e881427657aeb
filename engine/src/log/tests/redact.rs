//! Redaction: contents go, every proof stays.

use super::{all_records as records, open, segment_names, written};
use crate::ids::Position;
use crate::log::audit::{Beside, verify};
use crate::log::{ChainCheck, Log, LogError, MemoryStorage, Record, Storage};

/// A log of several segments; half of its contents are longer than their hash.
fn several() -> (MemoryStorage, Log<MemoryStorage>) {
    let (storage, _) = written(&[4; 40]);
    assert!(segment_names(&storage).len() > 2);
    (storage.clone(), open(storage).0)
}

fn files(storage: &MemoryStorage) -> Vec<(String, Vec<u8>)> {
    let names = storage.list("").unwrap();
    let read = |name: String| {
        let mut bytes = vec![0; usize::try_from(storage.file_bytes(&name).unwrap()).unwrap()];
        storage.read_at(&name, 0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

fn has_draft(storage: &MemoryStorage) -> bool {
    storage.list("").unwrap().iter().any(|name| name.starts_with("redacting-"))
}

fn redact(log: &mut Log<MemoryStorage>, gone: &dyn Fn(Position) -> bool) -> u64 {
    let mut contents = 0;
    for number in log.reader().sealed_segments() {
        if let Some(rewritten) = log.reader().rewrite(number, &|envelope| gone(envelope.position)).unwrap() {
            contents += rewritten.contents;
            log.adopt(rewritten).unwrap();
        }
    }
    contents
}

#[test]
fn a_redacted_log_keeps_every_leaf_and_the_chain_and_verifies() {
    let (storage, mut log) = several();
    let (before, head) = (records(&log), log.head());
    let gone = |position: Position| position.0 % 8 < 4 && position.0 < 60;
    assert!(redact(&mut log, &gone) > 10);
    let after = records(&log);
    assert_eq!(log.head(), head);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.leaf(), after.leaf());
        assert_eq!((&before.envelope, &before.facts), (&after.envelope, &after.facts));
        let position = before.envelope.position;
        assert_eq!(after.content.is_redacted(), gone(position) && before.content.stored_bytes() >= 32);
        assert_eq!(log.reader().read(position).unwrap(), *after);
        assert_eq!(log.reader().chain_at(position).unwrap().prefix(), log.reader().chain_prefix(position).unwrap());
    }
    let verified = verify(&storage, Beside::Server).unwrap();
    assert_eq!((verified.events, verified.chain), (head.0.0, head.1));
    drop(log);
    let (again, recovery) = open(storage);
    assert_eq!((recovery.damage, recovery.quarantined), (None, None));
    assert_eq!(records(&again), after);
}

#[test]
fn no_byte_of_a_redacted_content_is_left_in_any_file() {
    let (storage, mut log) = several();
    let canary = records(&log)[6].content.bytes().unwrap().clone();
    let holds = |storage: &MemoryStorage| {
        files(storage).iter().any(|(_, bytes)| bytes.windows(canary.len()).any(|window| window == canary))
    };
    assert!(holds(&storage));
    redact(&mut log, &|_| true);
    assert!(!holds(&storage));
}

#[test]
fn a_scan_that_is_under_way_goes_on_over_a_replaced_file() {
    let (_storage, mut log) = several();
    let before = records(&log);
    let mut scan = log.reader().scan_checked(Position(1), ChainCheck::Verify);
    let first: Vec<_> = scan.by_ref().take(5).map(Result::unwrap).collect();
    redact(&mut log, &|_| true);
    let rest: Vec<_> = scan.map(Result::unwrap).collect();
    let leaves = |records: &[Record]| records.iter().map(Record::leaf).collect::<Vec<_>>();
    assert_eq!([leaves(&first), leaves(&rest)].concat(), leaves(&before));
}

#[test]
fn an_interrupted_redaction_leaves_the_old_file_and_no_draft() {
    let (storage, log) = several();
    let before = records(&log);
    let rewritten = log.reader().rewrite(1, &|_| true).unwrap().unwrap();
    assert!(rewritten.contents > 0);
    drop(log);
    assert!(has_draft(&storage));
    let (again, _) = open(storage.clone());
    assert_eq!(records(&again), before);
    assert!(!has_draft(&storage));
}

#[test]
fn a_damaged_segment_is_never_rewritten() {
    let (storage, log) = several();
    let name = segment_names(&storage).remove(0);
    storage.flip(&name, 4096 + 200, 3);
    assert!(matches!(log.reader().rewrite(1, &|_| true), Err(LogError::Corrupt(_))));
}
