//! A sound log whose bytes were changed behind its back, in any number of places.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::reach;
use bytes::Bytes;
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::log::audit::{Beside, verify};
use tidings_engine::log::{Envelope, Log, LogOptions, MemoryStorage, Record, Storage, Unsynced};

/// Events in the log that is damaged: enough for three segments.
const EVENTS_COUNT: u64 = 60;

/// Events in one group.
const GROUP_COUNT: u64 = 5;

const OPTIONS: LogOptions = LogOptions { segment_bytes: 8 * 1024, ..LogOptions::DEFAULT };

/// Each four bytes change one byte: file, offset (two bytes), bits.
///
/// Whatever differs afterwards, the audit finds it, opening loses nothing in silence, and no record is read that was
/// never written.
pub fn run(data: &[u8]) {
    let sound = sound_log();
    let storage = sound.storage.crash(Unsynced::Kept);
    let mut changed: BTreeMap<(&str, usize), u8> = BTreeMap::new();
    for change in data.chunks_exact(4) {
        let (name, bytes) = &sound.files[usize::from(change[0]) % sound.files.len()];
        let offset = usize::from(u16::from_le_bytes([change[1], change[2]])) % bytes;
        storage.flip(name, offset, change[3]);
        *changed.entry((name, offset)).or_default() ^= change[3];
    }
    let differs = changed.values().any(|mask| *mask != 0);
    assert_eq!(verify(&storage, Beside::Nobody).is_err(), differs, "{changed:?}");
    let Ok((log, recovery)) = Log::open(storage, OPTIONS, [3; 16]) else {
        assert!(differs, "a sound log does not open");
        reach("refused");
        return;
    };
    if !differs && !changed.is_empty() {
        reach("undone");
    }
    let told = recovery.quarantined.is_some() || recovery.damage.is_some();
    assert!(recovery.last.0 == EVENTS_COUNT || told, "events were lost in silence: {recovery:?}");
    if told {
        reach("told");
    }
    let reader = log.reader();
    for position in 1..=recovery.last.0 {
        if let Ok(found) = reader.read(Position(position)) {
            assert_eq!(found, record(position), "a record was read that was never written");
        }
    }
}

/// A log nobody touched yet.
struct SoundLog {
    storage: MemoryStorage,
    /// Its segments by name, with their bytes.
    files: Vec<(String, usize)>,
}

fn sound_log() -> &'static SoundLog {
    static LOG: OnceLock<SoundLog> = OnceLock::new();
    LOG.get_or_init(|| {
        let storage = MemoryStorage::new();
        let (mut log, _) = Log::open(storage.clone(), OPTIONS, [3; 16]).expect("an empty disk takes a log");
        for first in (1..=EVENTS_COUNT).step_by(5) {
            let records: Vec<Record> = (first..first + GROUP_COUNT).map(record).collect();
            log.append(&records).expect("the memory is sound");
        }
        drop(log);
        let names = storage.list("").expect("the memory is sound");
        let segments = names.into_iter().filter(|name| name.ends_with(".seg"));
        let sized = segments.map(|name| {
            let bytes = storage.file_bytes(&name).expect("it was just listed");
            (name, usize::try_from(bytes).expect("a segment is small"))
        });
        let files: Vec<_> = sized.collect();
        assert!(files.len() >= 3, "the log has {} segments only", files.len());
        SoundLog { storage, files }
    })
}

/// The event at `position`; its bytes tell it from all others.
fn record(position: u64) -> Record {
    let body = position.to_le_bytes().repeat(8);
    Record {
        envelope: Envelope {
            position: Position(position),
            tenant: TenantId(1),
            tenant_sequence: position,
            stream: StreamId([1; 16]),
            revision: Revision(position),
            event_type: 7,
            event_version: 1,
            command: CommandHash([9; 16]),
            command_index: 0,
            time: Time(1_700_000_000_000),
            key_id: 0,
        },
        facts: Bytes::from(body.clone()),
        content: Bytes::from(body).into(),
    }
}
