use super::checkpoints::{self, Checkpoints};
use super::finding::What;
use super::promise::Digests;
use super::requests;
use super::subject::{Opened, Refusal, Setting, Subject, rewrite_without};
use crate::chance::Chance;
use crate::disk::{Lying, SimulatedDisk};
use crate::script::Act;
use std::collections::BTreeSet;
use std::sync::Arc;
use tidings_engine::engine::Engine;
use tidings_engine::event::{Event, Recorded};
use tidings_engine::ids::Position;
use tidings_engine::keyring::{KeyId, Keyring};
use tidings_engine::keys::Keys;
use tidings_engine::log::{Log, LogOptions, LogReader, Record};
use tidings_engine::rejection::Rejection;
use tidings_engine::snapshot::Snapshots;
use tidings_engine::state::State;
use tidings_engine::vault::Vault;
use tidings_projections::Projections;

/// What every log's secrets are derived from here.
const SECRET: [u8; 32] = [3; 32];

/// What every keyring here is wrapped with.
pub const WRAPPING_KEY: [u8; 32] = [8; 32];

/// An engine with its keyring and snapshots, and what was published on it.
pub(super) struct EngineSubject {
    engine: Engine<Lying>,
    keys: Arc<Keys>,
    storage: Lying,
    checkpoints: Checkpoints,
    published: Vec<Position>,
}

impl EngineSubject {
    /// Opens log, keyring and snapshots in the order in which the server does.
    pub(super) fn open(disk: &SimulatedDisk, setting: &Setting) -> Result<Opened, String> {
        let storage = Lying::new(disk.folder("log"), setting.lie);
        let folder = |name| storage.beside(disk.folder(name));
        let options = LogOptions { segment_bytes: setting.script.segment_bytes, ..LogOptions::default() };
        let entropy = Chance::new(setting.script.seed).bytes16();
        let (log, recovery) = Log::open(storage.clone(), options, entropy).map_err(told)?;
        let keyring = Keyring::open(Arc::new(folder("keyring")), &WRAPPING_KEY, log.id()).map_err(told)?;
        let (keyring, found) = keyring;
        // No two openings draw the same keys.
        let opening = [disk.operations_count() as u64, recovery.last.0];
        let mut seed = [0; 32];
        let mut chance = Chance::of(setting.script.seed, &opening);
        seed.chunks_exact_mut(16).for_each(|half| half.copy_from_slice(&chance.bytes16()));
        let vault = Vault::new(keyring, &found, seed).map_err(told)?;
        let keys = Arc::new(Keys::with_vault(&SECRET, Arc::new(vault)));
        let snapshots = Some(Snapshots::new(Arc::new(folder("snapshots"))));
        let (engine, folding) =
            Engine::over(log, &recovery, Arc::clone(&keys), requests::NOW, snapshots).map_err(told)?;
        if let Some(snapshots) = engine.snapshots() {
            // One that cannot be removed is passed by again.
            let _ = snapshots.discard(&folding.ignored);
        }
        let checkpoints = Checkpoints::open(folder(checkpoints::FOLDER), &engine.reader());
        let mut subject = Self { engine, keys, storage, checkpoints, published: Vec::new() };
        for record in subject.engine.reader().scan(Position(1)) {
            subject.learn(&record.map_err(told)?);
        }
        Ok(Opened::new(subject, recovery))
    }

    fn learn(&mut self, record: &Record) {
        if record.envelope.event_type == PUBLISHED_TYPE {
            self.published.push(record.envelope.position);
        }
    }

    fn erased_keys(&self) -> BTreeSet<u32> {
        self.engine.state().erased().map(|(_, key)| key).collect()
    }
}

const PUBLISHED_TYPE: u16 = 3;

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Subject for EngineSubject {
    fn commit(&mut self, acts: &[Act], turn: u64) -> Result<(), Refusal> {
        let keyed = |index: usize| index.is_multiple_of(2).then(|| format!("{turn}-{index}"));
        let request = |(index, act)| requests::request(&self.keys, &self.published, act, keyed(index));
        let requests: Vec<_> = acts.iter().enumerate().map(request).collect();
        let commit =
            self.engine.commit(&requests, requests::NOW).map_err(|failure| Refusal::Failed(failure.to_string()))?;
        for event in &commit.events {
            if matches!(event.facts.event, Event::NotificationPublished(_)) {
                self.published.push(event.envelope.position);
            }
        }
        let is_full = commit.outcomes.iter().any(|outcome| outcome == &Err(Rejection::Unavailable));
        if is_full { Err(Refusal::Full) } else { Ok(()) }
    }

    fn snapshot(&mut self) -> Result<(), Refusal> {
        let Some(snapshots) = self.engine.snapshots() else { return Ok(()) };
        let written = snapshots.write(self.engine.state(), &self.engine.reader());
        written.map_err(|error| Refusal::Undone(error.to_string()))
    }

    fn redact(&mut self, _seed: u64) -> Result<(), Refusal> {
        let erased = self.erased_keys();
        let is_gone = |envelope: &tidings_engine::log::Envelope| erased.contains(&envelope.key_id);
        rewrite_without(&self.engine.reader(), &is_gone, |rewritten| self.engine.adopt(rewritten))
    }

    fn checkpoints(&mut self) -> &mut Checkpoints {
        &mut self.checkpoints
    }

    fn has_adopted_key(&self) -> bool {
        self.engine.state().checkpoint_key().is_some()
    }

    fn reader(&self) -> LogReader {
        self.engine.reader()
    }

    fn digests(&self) -> Result<Digests, String> {
        let mut fold = Fold::default();
        for record in self.engine.reader().scan(Position(1)) {
            fold.apply(record.map_err(told)?)?;
        }
        Ok(Digests { state: self.engine.state().digest(), projections: fold.projections.digest().map_err(told)? })
    }

    fn key_of(&self, person: usize) -> Option<u32> {
        let stream = self.keys.known_person(requests::TENANT, requests::name(person))?;
        self.keys.person_key(stream).map(|key| key.id)
    }

    fn check_keys(&self, records: &[Record]) -> Result<(), What> {
        let Some(vault) = self.keys.vault() else { return Ok(()) };
        let erased = self.erased_keys();
        for key in &erased {
            match vault.keyring().key(KeyId(*key)) {
                Ok(None) => {}
                found => {
                    return Err(What::Keyring(format!("key {key} was destroyed, and asking for it tells {found:?}")));
                }
            }
        }
        for record in records.iter().filter(|record| record.envelope.key_id != 0) {
            let (position, key) = (record.envelope.position.0, record.envelope.key_id);
            let content = self.keys.content(&record.envelope, &record.content);
            let content = content.map_err(|error| What::Keyring(format!("content at position {position}: {error}")))?;
            let is_gone = erased.contains(&key) || record.content.is_redacted() || record.content.is_empty();
            if content.is_some() && is_gone {
                return Err(What::ErasedIsBack { position });
            }
            if content.is_none() && !is_gone {
                return Err(What::Keyring(format!("the key {key} of position {position} is lost")));
            }
        }
        Ok(())
    }

    fn owes_a_sync(&self) -> bool {
        self.storage.owes_a_sync()
    }
}

/// An uninterrupted run: every event in order, from nothing.
#[derive(Default)]
pub(super) struct Fold {
    state: State,
    projections: Projections,
}

impl Fold {
    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        let recorded = Recorded::decode(record).map_err(told)?;
        self.state.apply(&recorded);
        self.projections.apply(&recorded).map_err(told)?;
        Ok(())
    }

    pub(super) fn digests(&mut self) -> Result<Digests, String> {
        Ok(Digests { state: self.state.digest(), projections: self.projections.digest().map_err(told)? })
    }
}
