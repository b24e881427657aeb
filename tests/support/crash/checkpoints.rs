//! Checkpoints of a subject, made by the code of the server, and judged by the verifier's.

use super::finding::What;
use super::promise::Promise;
use super::subject::Refusal;
use crate::disk::Lying;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_engine::checkpoint::{Accumulator, Folder, SignedCheckpoint, SigningKey, Standing, origin, standing};
use tidings_engine::ids::Time;
use tidings_engine::log::{Chain, LogReader, Record, Storage};
use tidings_verifier::{Checkpoint, Key, Tree};

/// When the first step of a script would sign.
const START: Time = Time(1_800_000_000_000);

/// Time from one step to the next: 10 minutes, so that a script has hours of which checkpoints are thinned out.
const STEP_MS: i64 = 10 * 60 * 1_000;

/// When the judge signs: all that may be thinned out by then is.
const JUDGED: Time = Time(START.0 + 3 * 24 * 60 * 60 * 1_000);

/// The folder of a subject's checkpoints, and what its log has come to.
pub struct Checkpoints {
    storage: Lying,
    folder: Folder,
    accumulator: Accumulator,
    key: SigningKey,
}

impl Checkpoints {
    /// Goes on where the last start ended, as the server does.
    pub(super) fn open(storage: Lying, reader: &LogReader) -> Self {
        let folder = Folder::new(Arc::new(storage.clone()), FOLDER);
        let recalled = folder.recall(reader).unwrap_or_default();
        let accumulator = recalled.unwrap_or_else(|| Accumulator::new(reader.id()));
        Self { storage, folder, accumulator, key: signing_key() }
    }

    /// Signs what the log has come to at this turn, and keeps it; gives the name and the bytes of its file.
    ///
    /// # Errors
    /// `Refusal`: none is promised then.
    pub fn keep(&mut self, reader: &LogReader, turn: usize) -> Result<(String, Vec<u8>), Refusal> {
        self.keep_at(reader, moment(turn))
    }

    fn keep_at(&mut self, reader: &LogReader, now: Time) -> Result<(String, Vec<u8>), Refusal> {
        let taken = self.accumulator.take_in(reader, &|_| true);
        taken.map_err(|error| Refusal::Failed(error.to_string()))?;
        let signed = SignedCheckpoint::sign(self.accumulator.checkpoint(now, reader.epoch()), &self.key);
        let name = self.folder.keep(&signed).map_err(|error| Refusal::Undone(error.to_string()))?;
        Ok((name, signed.encode()))
    }

    /// Thins the folder out, and remembers the accumulator.
    pub fn tidy(&self, reader: &LogReader, turn: usize) {
        self.folder.thin(reader.id(), moment(turn));
        // As in the server: what is not remembered is read again.
        let _ = self.folder.remember(&self.accumulator);
    }

    /// The checkpoints on the disk, by the names of their files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn found(&self) -> Result<BTreeMap<String, Vec<u8>>, What> {
        let unreadable = |error: tidings_engine::log::StorageError| What::Checkpoint(error.to_string());
        let mut found = BTreeMap::new();
        for kept in self.folder.all().map_err(unreadable)? {
            let length = self.storage.file_bytes(&kept.name).map_err(unreadable)?;
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            self.storage.read_at(&kept.name, 0, &mut bytes).map_err(unreadable)?;
            found.insert(kept.name, bytes);
        }
        Ok(found)
    }

    /// Checks that every checkpoint on the disk is one, is signed, is of the log's own past, and that those promised are
    /// there. `records` are the whole log.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self, reader: &LogReader, records: &[Record], promise: &Promise) -> Result<(), What> {
        let found = self.found()?;
        if let Some(lost) = promise.checkpoints.iter().find(|(name, bytes)| found.get(*name) != Some(bytes)) {
            return Err(What::Checkpoint(format!("{} was kept, and is not there as it was written", lost.0)));
        }
        self.check_each(reader, records, &found)?;
        match standing(&self.folder, reader, &self.key) {
            Ok(Standing::Agrees) => Ok(()),
            other => Err(What::Checkpoint(format!("a start would sign no more: {other:?}"))),
        }
    }

    fn check_each(
        &self,
        reader: &LogReader,
        records: &[Record],
        found: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), What> {
        let wrong = |name: &str, why: &dyn std::fmt::Display| What::Checkpoint(format!("{name} {why}"));
        let key = self.key.verifier(&origin(reader.id())).expect("an origin has neither space nor plus").to_string();
        let key = Key::parse(&key).expect("the verifier reads the engine's keys");
        let mut log = Walked { records, tree: Tree::default(), chain: Chain::start(reader.id()), count: 0 };
        // Positions have a fixed width in the name, and every name begins with the log's id.
        for (name, bytes) in found {
            let text = std::str::from_utf8(bytes).map_err(|error| wrong(name, &error))?;
            let checkpoint = Checkpoint::open(text, std::slice::from_ref(&key)).map_err(|error| wrong(name, &error))?;
            let Some((root, chain)) = log.at(checkpoint.size) else {
                let (size, head) = (checkpoint.size, records.len());
                return Err(wrong(name, &format!("covers {size} events, and the log has {head}")));
            };
            let is_named_so = name.contains(&format!("-{:020}-", checkpoint.size));
            let is_right = checkpoint.is_of(&reader.id().0) && checkpoint.root == root && is_named_so;
            if !is_right || checkpoint.chain != Some(chain) {
                return Err(wrong(name, &"is not of the log's own past"));
            }
        }
        Ok(())
    }

    /// Signs once more, thins out, and checks what is there then.
    ///
    /// # Errors
    /// What is broken.
    pub fn go_on(&mut self, reader: &LogReader, records: &[Record]) -> Result<(), What> {
        let kept = self.keep_at(reader, JUDGED);
        let kept = kept.map_err(|refusal| What::Checkpoint(format!("none can be kept any more: {refusal:?}")))?;
        self.folder.thin(reader.id(), JUDGED);
        let is_of_head = kept.0.contains(&format!("-{:020}-", records.len()));
        let promise = Promise { checkpoints: Arc::new([kept].into()), ..Promise::default() };
        self.check(reader, records, &promise)?;
        if is_of_head { Ok(()) } else { Err(What::Checkpoint("the new one is not of the log's head".to_owned())) }
    }
}

/// Of those that were there, may these be gone? Each has a later one of its hour that is kept, and is itself an hour old.
///
/// # Errors
/// The first that may not.
pub(super) fn check_thinned(
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
    turn: usize,
) -> Result<(), What> {
    let moments = |kept: &BTreeMap<String, Vec<u8>>| -> Vec<i64> {
        let read = kept.values().filter_map(|bytes| SignedCheckpoint::parse(bytes).ok());
        read.map(|signed| signed.checkpoint().time.0).collect()
    };
    const HOUR_MS: i64 = 60 * 60 * 1_000;
    let left = moments(after);
    for gone in moments(before).into_iter().filter(|gone| !left.contains(gone)) {
        let has_later = left.iter().any(|left| *left > gone && left / HOUR_MS == gone / HOUR_MS);
        if !has_later || moment(turn).0 - gone <= HOUR_MS {
            return Err(What::Checkpoint(format!("that of {gone} ms was thinned out, and was still needed")));
        }
    }
    Ok(())
}

/// A log read from its start, once, in the order of what is asked.
struct Walked<'a> {
    records: &'a [Record],
    tree: Tree,
    chain: Chain,
    count: usize,
}

impl Walked<'_> {
    /// Root and chain after so many events; `None` beyond the end.
    fn at(&mut self, size: u64) -> Option<([u8; 32], [u8; 32])> {
        let size = usize::try_from(size).ok()?;
        for record in self.records.get(self.count..size)? {
            self.tree.push(record.leaf());
            self.chain = self.chain.then(&record.leaf());
        }
        self.count = size;
        Some((self.tree.root(), self.chain.0))
    }
}

/// The folder on the disk.
pub(super) const FOLDER: &str = "checkpoints";

/// The key that signs on every disk.
pub(super) fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[6; 32])
}

fn moment(turn: usize) -> Time {
    START.plus(i64::try_from(turn).unwrap_or_default() * STEP_MS)
}
