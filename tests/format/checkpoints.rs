//! Checkpoints that the engine signs, held against a log by the verifier, which shares neither hash nor signature code.

use testkit::verdicts::{Files, files_of, storage_of};
use tidings_engine::checkpoint::{Accumulator, SignedCheckpoint, SigningKey, origin};
use tidings_engine::ids::Time;
use tidings_engine::log::audit::{Beside, verify, verify_each};
use tidings_engine::log::{LogId, MemoryStorage};
use tidings_verifier::{Checkpoint, CheckpointError, Failure, Key, MemorySource, NoteError, What};

use crate::author::{Author, Draft, open};

const SIGNING_SEED: [u8; 32] = [4; 32];

/// A log of twelve events, whose last `changed` ones say something else.
fn log(changed: u64) -> Files {
    let storage = MemoryStorage::new();
    let mut log = open(&storage, 9);
    let mut author = Author::default();
    for index in 0..12 {
        let facts = if index >= 12 - changed { vec![2; 40] } else { vec![1; 40] };
        let draft =
            Draft { tenant: 1, stream: 1, kind: (4, 1), facts: facts.into(), content: Vec::new().into(), key_id: 0 };
        log.append(&[author.record(draft)]).unwrap();
    }
    drop(log);
    files_of(&storage)
}

/// The text that the engine signs at each position, the first one at 0.
fn signed(files: &Files, seed: &[u8; 32]) -> Vec<String> {
    let storage = storage_of(files);
    let mut accumulator = Accumulator::new(id(files));
    let sign = |accumulator: &Accumulator| {
        let checkpoint = accumulator.checkpoint(Time(1_769_850_000_000), 1);
        String::from_utf8(SignedCheckpoint::sign(checkpoint, &SigningKey::from_seed(seed)).encode()).unwrap()
    };
    let mut texts = vec![sign(&accumulator)];
    let verdict = verify_each(&storage, Beside::Nobody, &mut |record| {
        accumulator.push(record.leaf());
        texts.push(sign(&accumulator));
    });
    verdict.expect("the log is sound");
    texts
}

fn id(files: &Files) -> LogId {
    verify(&storage_of(files), Beside::Nobody).unwrap().log
}

fn key(files: &Files, seed: &[u8; 32]) -> Key {
    let verifier = SigningKey::from_seed(seed).verifier(&origin(id(files))).unwrap();
    Key::parse(&verifier.to_string()).unwrap()
}

fn check(files: &Files, checkpoints: &[Checkpoint]) -> Result<u64, What> {
    match tidings_verifier::verify(&MemorySource(files.clone()), checkpoints, &mut |_| ()) {
        Ok(verified) => Ok(verified.events),
        Err(Failure::Damage(damage)) => Err(damage.what),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn what_the_engine_signs_at_any_position_the_verifier_holds_to() {
    let files = log(0);
    let keys = [key(&files, &SIGNING_SEED)];
    let open = |text: &String| Checkpoint::open(text, &keys).unwrap();
    let all: Vec<Checkpoint> = signed(&files, &SIGNING_SEED).iter().map(open).collect();
    assert_eq!(all.len(), 13);
    assert_eq!(check(&files, &all), Ok(12));
}

#[test]
fn a_rewritten_and_a_rolled_back_log_contradict_what_was_signed() {
    let (before, after) = (log(0), log(3));
    let keys = [key(&before, &SIGNING_SEED)];
    let signed: Vec<Checkpoint> =
        signed(&before, &SIGNING_SEED).iter().map(|text| Checkpoint::open(text, &keys).unwrap()).collect();
    for (size, checkpoint) in signed.iter().enumerate() {
        let expected = if size <= 9 { Ok(12) } else { Err(What::CheckpointRoot) };
        assert_eq!(check(&after, std::slice::from_ref(checkpoint)), expected, "at {size}");
    }
    let chain = Checkpoint { chain: Some([0; 32]), ..signed[12].clone() };
    assert_eq!(check(&before, &[chain]), Err(What::CheckpointChain));
    let beyond = Checkpoint { size: 13, ..signed[12].clone() };
    assert_eq!(check(&before, &[signed[3].clone(), beyond]), Err(What::CheckpointBeyond(13)));
    let foreign = Checkpoint { origin: "tidings/0123".into(), ..signed[12].clone() };
    assert_eq!(check(&before, &[foreign]), Err(What::CheckpointForeign));
}

#[test]
fn a_changed_text_and_another_key_are_not_believed() {
    let files = log(0);
    let text = signed(&files, &SIGNING_SEED).pop().unwrap();
    let (own, other) = (key(&files, &SIGNING_SEED), key(&files, &[5; 32]));
    let refusal = |text: &str, key: &Key| Checkpoint::open(text, std::slice::from_ref(key)).unwrap_err();
    assert_eq!(refusal(&text, &other), CheckpointError::Note(NoteError::Unsigned));
    for line in ["12\n", "chain ", "time ", "epoch 1"] {
        let changed = text.replace(line, &line.replace(['1', 'i', 'a'], "2"));
        assert_ne!(changed, text);
        assert_eq!(refusal(&changed, &own), CheckpointError::Note(NoteError::Forged), "{line}");
    }
}
