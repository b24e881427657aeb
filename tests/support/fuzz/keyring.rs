//! A sound keyring whose bytes were changed behind its back, and bytes from a disk as slots of one.

use super::reach;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tidings_engine::ids::{Position, StreamId, TenantId};
use tidings_engine::keyring::{DataKey, KeyId, Keyring, KeyringError, KeyringRecovery, Lookup, Mark, NewKey, Person};
use tidings_engine::log::{Chain, LogId, MemoryStorage, Storage, Unsynced};

const LOG: LogId = LogId([5; 16]);
const WRAPPING: [u8; 32] = [7; 32];

/// Bytes of a slot; the first one of a file is its header.
const SLOT_BYTES: usize = 128;

/// The same bytes are taken twice: as changes of a sound keyring, and as the slots of a damaged one.
pub fn run(data: &[u8]) {
    changed(data);
    behind_a_header(data);
}

/// Each four bytes change one byte: file, offset (two bytes), bits.
///
/// Whatever differs afterwards is told, and no key is given that is not the one that was added.
fn changed(data: &[u8]) {
    let sound = sound_keyring();
    let storage = sound.storage.crash(Unsynced::Kept);
    let mut changed: BTreeMap<(&str, usize), u8> = BTreeMap::new();
    for change in data.chunks_exact(4) {
        let (name, bytes) = &sound.files[usize::from(change[0]) % sound.files.len()];
        let offset = usize::from(u16::from_le_bytes([change[1], change[2]])) % bytes.len();
        storage.flip(name, offset, change[3]);
        *changed.entry((name, offset)).or_default() ^= change[3];
    }
    let differs = changed.values().any(|mask| *mask != 0);
    let Ok((keyring, recovery)) = open(&storage) else {
        assert!(differs, "a sound keyring does not open");
        reach("refused");
        return;
    };
    let told = recovery.discarded.is_some() || !recovery.finished.is_empty();
    if told {
        reach("told");
    }
    assert!(told || !differs, "changes were not noticed: {changed:?}");
    for id in 1..keyring.next_id().0 {
        match keyring.key(KeyId(id)) {
            Ok(Some(found)) => assert_eq!(found.bytes(), data_key(id).bytes(), "key {id} is another"),
            Ok(None) => {
                assert!(sound.destroyed.contains(&id), "key {id} was lost in silence");
                reach("destroyed");
            }
            Err(_) => assert!(differs, "key {id} of a sound keyring is not readable"),
        }
    }
    let id = keyring.next_id().0;
    keyring.add(&[new_key(id)], mark(id)).expect("what was opened takes keys");
    drop(keyring);
    let (keyring, recovery) = open(&storage).expect("what was opened and written opens");
    assert_eq!((recovery.finished, recovery.discarded), (Vec::new(), None));
    let found = keyring.key(KeyId(id)).expect("it was just written").expect("it was just added");
    assert_eq!(found.bytes(), data_key(id).bytes());
}

/// The bytes as slots of a file whose header is sound, with right checksums, so that what they hide is reached. Whatever
/// opens answers, and opens again with the same answers after a change.
fn behind_a_header(data: &[u8]) {
    let sound = sound_keyring();
    let (name, bytes) = sound.files.last().expect("it has files");
    let (storage, number) = (sound.storage.crash(Unsynced::Kept), u32_at(bytes, 12));
    let mut file = vec![0; bytes.len()];
    file[..SLOT_BYTES].copy_from_slice(&bytes[..SLOT_BYTES]);
    for (slot, content) in (1..bytes.len() / SLOT_BYTES).zip(data.chunks(SLOT_BYTES - 5)) {
        file[slot * SLOT_BYTES..][..SLOT_BYTES].copy_from_slice(&sealed(content, number, slot));
    }
    storage.write_at(name, 0, &file).expect("it is as long");
    let Ok((keyring, recovery)) = open(&storage) else { return };
    reach("slots");
    let before = answers(&keyring);
    assert_eq!(recovery.live_count, before.len() as u64);
    let last = KeyId(keyring.next_id().0 - 1);
    if keyring.destroy(&[last], mark(9)).is_err() {
        return;
    }
    drop(keyring);
    let (keyring, _) = open(&storage).expect("what was opened and changed opens");
    assert!(!keyring.holds(last));
    assert!(answers(&keyring).iter().eq(before.iter().filter(|(id, _)| **id != last.0)), "other keys changed");
}

/// What the keyring says of each key that it holds.
fn answers(keyring: &Keyring) -> BTreeMap<u32, Option<[u8; 32]>> {
    let people: Vec<_> = keyring.people().map(|person| person.expect("it was read at the start")).collect();
    let live = (1..keyring.next_id().0).filter(|id| keyring.holds(KeyId(*id)));
    // A slot with a right checksum can hold a key that does not unwrap: an error, and no key.
    let read = |id| (id, keyring.key(KeyId(id)).ok().flatten().map(|key| *key.bytes()));
    let answers: BTreeMap<_, _> = live.map(read).collect();
    assert!(people.iter().all(|(key, _)| answers.contains_key(&key.0)), "a person has no key");
    answers
}

/// A slot of these bytes with a right checksum, and zeros when there is none of them that is not.
fn sealed(content: &[u8], number: u32, slot: usize) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..content.len()].copy_from_slice(content);
    if content.iter().any(|byte| *byte != 0) {
        let mut place = LOG.0.to_vec();
        place.extend(number.to_le_bytes());
        place.extend(0_u32.to_le_bytes());
        place.extend(u32::try_from(slot).expect("a file is small").to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&place), &bytes[..SLOT_BYTES - 5]);
        bytes[SLOT_BYTES - 5..SLOT_BYTES - 1].copy_from_slice(&checksum.to_le_bytes());
        bytes[SLOT_BYTES - 1] = 0xE5;
    }
    bytes
}

/// A keyring nobody touched yet.
struct SoundKeyring {
    storage: MemoryStorage,
    /// Its files: one that was rewritten, one that is being written.
    files: Vec<(String, Vec<u8>)>,
    destroyed: Vec<u32>,
}

fn sound_keyring() -> &'static SoundKeyring {
    static KEYRING: OnceLock<SoundKeyring> = OnceLock::new();
    KEYRING.get_or_init(|| {
        let storage = MemoryStorage::new();
        let (keyring, _) = open(&storage).expect("an empty disk takes a keyring");
        let mut next = 1;
        for count in [1, 4, 440, 3, 1] {
            let keys: Vec<_> = (next..next + count).map(new_key).collect();
            keyring.add(&keys, mark(next)).expect("the memory is sound");
            next += count;
        }
        let destroyed: Vec<u32> = (10..440).chain([447]).collect();
        let ids: Vec<KeyId> = destroyed.iter().copied().map(KeyId).collect();
        keyring.destroy(&ids, mark(next)).expect("the memory is sound");
        keyring.add(&[new_key(next), new_key(next + 1)], mark(next)).expect("the memory is sound");
        drop(keyring);
        let names = storage.list("").expect("the memory is sound");
        let read = |name: String| {
            let length = storage.file_bytes(&name).expect("it was just listed");
            let mut bytes = vec![0; usize::try_from(length).expect("a file is small")];
            storage.read_at(&name, 0, &mut bytes).expect("it was just listed");
            (name, bytes)
        };
        let files: Vec<_> = names.into_iter().map(read).collect();
        assert!(files.len() == 2 && u32_at(&files[0].1, 32) == 1, "no file was rewritten");
        SoundKeyring { storage, files, destroyed }
    })
}

fn open(storage: &MemoryStorage) -> Result<(Keyring, KeyringRecovery), KeyringError> {
    Keyring::open(Arc::new(storage.clone()), &WRAPPING, LOG)
}

/// The key that is added as number `id`; its bytes tell it from all others.
fn data_key(id: u32) -> DataKey {
    let bytes = id.to_le_bytes().repeat(8);
    DataKey::new(bytes.try_into().expect("eight times four bytes"))
}

fn new_key(id: u32) -> (NewKey, DataKey) {
    let part = |salt: u8| {
        let mut bytes = [salt; 16];
        bytes[..4].copy_from_slice(&id.to_le_bytes());
        bytes
    };
    let person = Person { lookup: Lookup(part(1)), stream: StreamId(part(2)), tenant: TenantId(1) };
    (if id.is_multiple_of(5) { NewKey::Notification } else { NewKey::Person(person) }, data_key(id))
}

fn mark(position: u32) -> Mark {
    Mark { position: Position(position.into()), chain: Chain([3; 32]) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
