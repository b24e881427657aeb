//! What the thread keeps, where, and when it refuses.

use super::keeper::start;
use super::keys::CheckpointKeys;
use super::{RotationError, folder};
use crate::config;
use crate::secrets;
use std::fs;
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::{Accumulator, SignedCheckpoint, SigningKey, VerifierKey, origin};
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::log::{Envelope, Log, LogOptions, MemoryStorage, Record};

const NO_SINK: &str = "no checkpoint sink outside the data directory is configured";
const SINK_FAILED: &str = "a checkpoint sink failed";
const DISAGREES: &str = "checkpoints are not signed: one that was kept disagrees with the log";

fn record(position: u64, mark: u8) -> Record {
    let envelope = Envelope {
        position: Position(position),
        tenant: TenantId(1),
        tenant_sequence: position,
        stream: StreamId([1; 16]),
        revision: Revision(position),
        event_type: 3,
        event_version: 1,
        command: CommandHash::NONE,
        command_index: 0,
        time: Time(1),
        key_id: 0,
    };
    Record { envelope, facts: vec![1, mark].into(), content: Vec::new().into() }
}

/// A log of `count` events, of which those after `same` are of another history than usual.
fn log(count: u64, same: u64) -> Log<MemoryStorage> {
    let (mut log, _) = Log::open(MemoryStorage::new(), options(), [3; 16]).unwrap();
    let mark = |position| u8::from(position > same);
    let records: Vec<Record> = (1..=count).map(|position| record(position, mark(position))).collect();
    log.append(&records).unwrap();
    log
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 * 1024, ..LogOptions::default() }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

/// A machine's folders: the data directory, and a place outside.
struct Places {
    root: tempfile::TempDir,
}

impl Places {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["data", "outside"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn outside(&self) -> PathBuf {
        self.root.path().join("outside")
    }

    /// Runs the thread from its start to its end, and tells its warnings.
    fn run(&self, log: &Log<MemoryStorage>, sinks: &[PathBuf]) -> Vec<&'static str> {
        let settings = config::Checkpoints { sinks: sinks.to_vec(), ..config::Checkpoints::default() };
        let (checkpoints, thread) = start(log.reader(), Some(key()), &self.data(), &settings).unwrap();
        checkpoints.stop();
        thread.join().unwrap();
        checkpoints.warnings()
    }
}

/// The checkpoints of the log in a folder.
fn kept(folder: &Path, log: &Log<MemoryStorage>) -> Vec<SignedCheckpoint> {
    let folder = folder::at(folder).unwrap();
    let kept = folder.kept(log.id()).unwrap();
    kept.iter().map(|kept| folder.read(kept).unwrap().signed.unwrap()).collect()
}

/// What the events of a log come to, read one by one.
fn accumulated(log: &Log<MemoryStorage>) -> Accumulator {
    let mut accumulator = Accumulator::new(log.id());
    log.reader().scan(Position(1)).for_each(|record| accumulator.push(record.unwrap().leaf()));
    accumulator
}

#[test]
fn the_head_is_signed_and_kept_in_the_data_directory_and_in_every_sink() {
    let (places, log) = (Places::new(), log(100, 100));
    assert_eq!(places.run(&log, &[places.outside()]), [""; 0]);
    let verifier: VerifierKey = key().verifier(&origin(log.id())).unwrap();
    for folder in [places.data().join("checkpoints"), places.outside()] {
        let kept = kept(&folder, &log);
        let [only] = &kept[..] else { panic!("{} checkpoints in {}", kept.len(), folder.display()) };
        let checkpoint = *only.checkpoint();
        assert_eq!(checkpoint, accumulated(&log).checkpoint(checkpoint.time, 1));
        assert_eq!(verifier.verify(only.note()), Some(true));
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().ends_with("draft")), "{names:?}");
    }
}

#[test]
fn a_sink_that_fails_is_told_and_the_others_are_written() {
    let (places, log) = (Places::new(), log(3, 3));
    let sinks = [places.root.path().join("not mounted"), places.outside()];
    assert_eq!(places.run(&log, &sinks), [SINK_FAILED]);
    assert!(!sinks[0].exists(), "a sink that is missing is not made: it may be a mount");
    assert_eq!(kept(&places.outside(), &log).len(), 1);
}

#[test]
fn a_sink_within_the_data_directory_is_none_outside() {
    let (places, log) = (Places::new(), log(3, 3));
    assert_eq!(places.run(&log, &[]), [NO_SINK]);
    let within = places.data().join("within");
    fs::create_dir(&within).unwrap();
    assert_eq!(places.run(&log, &[places.outside().join("../data/within")]), [NO_SINK]);
}

#[test]
fn a_log_that_lost_or_changed_what_a_sink_knows_gets_no_further_checkpoint() {
    for changed in [log(60, 60), log(100, 99), log(150, 10)] {
        let (places, honest) = (Places::new(), log(100, 100));
        assert_eq!(places.run(&honest, &[places.outside()]), [""; 0]);
        // The whole data directory is another one: only the sink remembers.
        fs::remove_dir_all(places.data()).unwrap();
        fs::create_dir(places.data()).unwrap();
        assert_eq!(places.run(&changed, &[places.outside()]), [DISAGREES]);
        assert_eq!(kept(&places.outside(), &honest).len(), 1);
        assert!(kept(&places.data().join("checkpoints"), &honest).is_empty());
    }
    let (places, honest) = (Places::new(), log(100, 100));
    places.run(&honest, &[places.outside()]);
    assert_eq!(places.run(&log(150, 150), &[places.outside()]), [""; 0]);
    assert_eq!(kept(&places.outside(), &honest).len(), 2);
}

#[test]
fn what_was_taken_in_is_kept_for_the_next_start_and_made_anew_where_it_does_not_fit() {
    let (places, first) = (Places::new(), log(100, 100));
    places.run(&first, &[]);
    let stored = places.data().join("checkpoints/accumulator");
    assert_eq!(Accumulator::decode(&fs::read(&stored).unwrap()), Some(accumulated(&first)));
    let longer = log(130, 130);
    let other = accumulated(&log(120, 0)).encode();
    for spoiled in [None, Some(vec![]), Some(vec![7; 9_000]), Some(other)] {
        if let Some(spoiled) = spoiled {
            fs::write(&stored, spoiled).unwrap();
        }
        places.run(&longer, &[]);
        let newest = kept(&places.data().join("checkpoints"), &longer).pop().unwrap();
        assert_eq!(newest.checkpoint().root, accumulated(&longer).root());
    }
}

#[test]
fn logs_that_share_a_sink_do_not_see_each_other() {
    let (places, mine) = (Places::new(), log(10, 10));
    let (mut other, _) = Log::open(MemoryStorage::new(), options(), [4; 16]).unwrap();
    other.append(&[record(1, 0)]).unwrap();
    for log in [&mine, &other] {
        assert_eq!(places.run(log, &[places.outside()]), [""; 0]);
        fs::remove_dir_all(places.data().join("checkpoints")).unwrap();
    }
    assert_eq!((kept(&places.outside(), &mine).len(), kept(&places.outside(), &other).len()), (1, 1));
}

#[test]
fn a_log_without_an_adopted_key_is_not_signed() {
    let (places, log) = (Places::new(), log(10, 10));
    let settings = config::Checkpoints { sinks: vec![places.outside()], ..config::Checkpoints::default() };
    let (checkpoints, thread) = start(log.reader(), None, &places.data(), &settings).unwrap();
    checkpoints.stop();
    thread.join().unwrap();
    assert_eq!(checkpoints.warnings(), ["checkpoints are not signed: the log has not adopted their key"]);
    assert!(kept(&places.outside(), &log).is_empty());
}

#[test]
fn a_key_is_prepared_once_and_signs_only_when_the_log_has_adopted_it() {
    let places = Places::new();
    assert!(matches!(CheckpointKeys::prepare(&places.data()), Err(RotationError::NoKey)));
    let current = SigningKey::from_seed(&secrets::read_or_make(&places.data().join("checkpoint.key")).unwrap());
    let next = CheckpointKeys::prepare(&places.data()).unwrap();
    assert!(matches!(CheckpointKeys::prepare(&places.data()), Err(RotationError::Waiting)));
    let keys = CheckpointKeys::read(&places.data()).unwrap();
    let signer = |adopted: Option<[u8; 32]>| keys.signer(adopted.as_ref()).map(SigningKey::public);
    assert_eq!(signer(None), Some(current.public()));
    assert_eq!(signer(Some(current.public())), Some(current.public()));
    assert_eq!(signer(Some(next.public())), Some(next.public()));
    assert_eq!(signer(Some([0; 32])), None);
}
