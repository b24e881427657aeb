use super::checkpoints::Checkpoints;
use super::engine_subject::EngineSubject;
use super::finding::What;
use super::log_subject::LogSubject;
use super::promise::{Digests, Kept};
use crate::disk::{Image, Lie, SimulatedDisk};
use crate::script::{Act, Level, Script};
use std::collections::BTreeSet;
use tidings_engine::ids::{Position, Revision};
use tidings_engine::log::{ChainCheck, Envelope, LogError, LogReader, Quarantined, Record, Recovery, Rewritten};

/// What a subject is opened with, every time.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The script that is run.
    pub script: Script,
    /// The bug that is planted.
    pub lie: Option<Lie>,
}

/// What is under test: a log, or an engine with all it keeps.
pub trait Subject {
    /// Does the acts as one batch. `turn` makes what it writes unlike what any other turn writes.
    ///
    /// # Errors
    /// `Refusal`.
    fn commit(&mut self, acts: &[Act], turn: u64) -> Result<(), Refusal>;

    /// Makes the next segment ahead, where the subject can be told to.
    ///
    /// # Errors
    /// `Refusal`.
    fn prepare(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Makes the indexes of what is sealed.
    ///
    /// # Errors
    /// `Refusal`.
    fn index(&mut self) -> Result<(), Refusal> {
        self.reader().index_segments().map(drop).map_err(|error| Refusal::Undone(error.to_string()))
    }

    /// Rewrites what is sealed without the contents that nobody can read any more; on a log alone, that the seed names.
    ///
    /// # Errors
    /// `Refusal`.
    fn redact(&mut self, seed: u64) -> Result<(), Refusal>;

    /// Writes a snapshot of the state, where there is one.
    ///
    /// # Errors
    /// `Refusal`.
    fn snapshot(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Number of a person's key in the keyring, where there is one.
    fn key_of(&self, _person: usize) -> Option<u32> {
        None
    }

    /// Checks that log and keyring agree: each content opens, but for those of erased people and what was redacted.
    ///
    /// # Errors
    /// Where they do not.
    fn check_keys(&self, _records: &[Record]) -> Result<(), What> {
        Ok(())
    }

    /// Its checkpoints.
    fn checkpoints(&mut self) -> &mut Checkpoints;

    /// Whether its log names the key that signs checkpoints.
    fn has_adopted_key(&self) -> bool;

    /// A reader of what is durable.
    fn reader(&self) -> LogReader;

    /// Digests of what the subject holds now.
    ///
    /// # Errors
    /// When the log cannot be folded.
    fn digests(&self) -> Result<Digests, String>;

    /// Whether the disk owes a sync, so that nothing of the last batch may be acknowledged: for planted bugs.
    fn owes_a_sync(&self) -> bool;
}

impl dyn Subject + '_ {
    /// Position of the last durable event.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.reader().head().0.0
    }

    /// The records after a position.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn records_after(&self, position: u64) -> Result<Vec<Record>, What> {
        let records = self.reader().scan_checked(Position(position + 1), ChainCheck::Verify);
        records.collect::<Result<_, _>>().map_err(unreadable)
    }

    /// Checks that each stream and each tenant reads alone as it does among all `records`, which are the whole log.
    ///
    /// # Errors
    /// Which does not.
    pub fn check_keyed(&self, records: &[Record]) -> Result<(), What> {
        let reader = self.reader();
        let differs = |record: &Record| What::WrongData { position: record.envelope.position.0 };
        let mut keys = BTreeSet::new();
        for record in records {
            let envelope = &record.envelope;
            if keys.insert(envelope.stream.0) {
                let found: Vec<_> =
                    reader.stream(envelope.stream, Revision(1)).collect::<Result<_, _>>().map_err(unreadable)?;
                let all = records.iter().filter(|other| other.envelope.stream == envelope.stream);
                if !found.iter().eq(all) {
                    return Err(differs(record));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn unreadable(error: LogError) -> What {
    What::Unreadable(error.to_string())
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There was no room. Nothing was written, and the subject goes on.
    Full,
    /// Storage failed beside the log: it is as it was, and goes on.
    Undone(String),
    /// Storage failed, and the subject is of no more use.
    Failed(String),
}

/// What opening said.
pub struct Opened {
    /// What is open now.
    pub subject: Box<dyn Subject>,
    /// Position of the last event.
    pub head: u64,
    /// What was put into quarantine.
    pub quarantined: Option<Quarantined>,
}

impl Opened {
    pub(super) fn new(subject: impl Subject + 'static, recovery: Recovery) -> Self {
        Self { subject: Box::new(subject), head: recovery.last.0, quarantined: recovery.quarantined }
    }

    /// The bytes that went into quarantine, as they stood on the disk `before`.
    #[must_use]
    pub fn kept(&self, before: &Image) -> Option<Kept> {
        let torn = self.quarantined.as_ref()?;
        let file = format!("log/{}", torn.segment);
        let offset = usize::try_from(torn.offset).ok()?;
        let end = offset + usize::try_from(torn.bytes).ok()?;
        let bytes = before.bytes(&file)?.get(offset..end)?.to_vec();
        Some(Kept { file: file.into(), offset, bytes })
    }
}

/// Opens what is on the disk as the server would.
///
/// # Errors
/// The reason in words.
pub fn open(disk: &SimulatedDisk, setting: &Setting) -> Result<Opened, String> {
    match setting.script.level {
        Level::Log => LogSubject::open(disk, setting),
        Level::Engine => EngineSubject::open(disk, setting),
    }
}

/// Rewrites each sealed segment without the contents that are gone.
pub(super) fn rewrite_without(
    reader: &LogReader,
    is_gone: &dyn Fn(&Envelope) -> bool,
    mut adopt: impl FnMut(Rewritten) -> Result<(), LogError>,
) -> Result<(), Refusal> {
    for number in reader.sealed_segments() {
        // A draft that could not be written harms nothing: the old segment is in its place.
        let rewritten = reader.rewrite(number, is_gone).map_err(|error| Refusal::Undone(error.to_string()))?;
        if let Some(rewritten) = rewritten {
            adopt(rewritten).map_err(|error| Refusal::Failed(error.to_string()))?;
        }
    }
    Ok(())
}
