use super::checkpoints::check_thinned;
use super::engine_subject::Fold;
use super::finding::{Finding, What};
use super::promise::{Digests, Group, Promise};
use super::subject::{Opened, Refusal, Setting, Subject, open};
use crate::chance::Chance;
use crate::disk::{Fault, Image, Operation, SimulatedDisk};
use crate::script::{Act, Level, Step};
use std::sync::Arc;
use tidings_engine::log::{Record, group};

/// A script as it ran: what was done to the disk, and what was promised when.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it ran with.
    pub setting: Setting,
    /// Every operation on the disk.
    pub operations: Vec<Operation>,
    promises: Vec<(usize, Promise)>,
}

impl Recording {
    /// What holds once so many operations were done, and a number for it.
    #[must_use]
    pub fn promise(&self, operations: usize) -> (usize, &Promise) {
        let after = self.promises.partition_point(|(from, _)| *from <= operations);
        let index = after.saturating_sub(1);
        (index, &self.promises[index].1)
    }

    /// What holds at the end.
    #[must_use]
    pub fn last_promise(&self) -> &Promise {
        &self.promises[self.promises.len() - 1].1
    }
}

/// Runs a script from an empty disk.
///
/// # Errors
/// When the work itself breaks a promise, without any loss but the power cuts of the script.
pub fn record(setting: &Setting, seed: u64) -> Result<Recording, Box<Finding>> {
    let disk = SimulatedDisk::default();
    let mut recorder = Recorder::new(setting, disk);
    match recorder.run() {
        Ok(()) => Ok(Recording {
            setting: setting.clone(),
            operations: recorder.disk.operations(),
            promises: recorder.promises,
        }),
        Err(stopped) => Err(Box::new(Finding {
            what: stopped.broken(),
            seed,
            lie: setting.lie,
            workload: setting.script.workload,
            operation: recorder.disk.operations_count(),
            subset: None,
            story: format!("the work itself failed, at step {} of\n{}", recorder.turn, setting.script),
        })),
    }
}

/// A script that met a fault, or ran to its end.
pub(super) struct Failed {
    /// The disk as it was left.
    pub(super) disk: SimulatedDisk,
    /// What holds.
    pub(super) promise: Promise,
    /// The subject that failed; `None` when a start did, or when nothing failed for good.
    pub(super) subject: Option<Box<dyn Subject>>,
    /// How many operations were asked for.
    pub(super) asked: u64,
    /// A promise that was broken on the way.
    pub(super) broken: Option<What>,
    has_ended: bool,
}

impl Failed {
    /// Whether the fault ended the subject.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }
}

/// Runs a script, its power cuts left out, on a disk whose operation with this number fails.
pub(super) fn record_with_fault(setting: &Setting, operation: u64, fault: Fault) -> Failed {
    let disk = SimulatedDisk::default();
    disk.fail_at(operation, fault);
    let mut recorder = Recorder::new(setting, disk.clone());
    recorder.is_faulty = true;
    let (broken, has_ended) = match recorder.run() {
        Ok(()) => (None, false),
        Err(Stopped::Failed(_)) => (None, true),
        Err(Stopped::Broken(what)) => (Some(what), false),
    };
    let subject = recorder.subject.take().filter(|_| has_ended);
    Failed { disk: disk.clone(), promise: recorder.promise, subject, asked: disk.asked_count(), broken, has_ended }
}

struct Recorder<'a> {
    /// Whether an operation is made to fail: power cuts are left out then, and a full disk is no finding.
    is_faulty: bool,
    setting: &'a Setting,
    disk: SimulatedDisk,
    subject: Option<Box<dyn Subject>>,
    promises: Vec<(usize, Promise)>,
    promise: Promise,
    turn: usize,
}

/// Why a script does not go on.
enum Stopped {
    /// A promise is broken.
    Broken(What),
    /// Storage failed, or a start did.
    Failed(String),
}

impl Stopped {
    /// What it is where nothing was made to fail.
    fn broken(self) -> What {
        match self {
            Self::Broken(what) => what,
            Self::Failed(error) => What::NotOpened(error),
        }
    }
}

impl From<What> for Stopped {
    fn from(what: What) -> Self {
        Self::Broken(what)
    }
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::Failed("the disk was said to be full".to_owned()),
            Refusal::Undone(error) | Refusal::Failed(error) => Self::Failed(error),
        }
    }
}

impl<'a> Recorder<'a> {
    fn new(setting: &'a Setting, disk: SimulatedDisk) -> Self {
        let promise = Promise::default();
        Self { is_faulty: false, setting, disk, subject: None, promises: vec![(0, promise.clone())], promise, turn: 0 }
    }

    fn run(&mut self) -> Result<(), Stopped> {
        self.open(None)?;
        for (turn, step) in self.setting.script.steps.iter().enumerate() {
            self.turn = turn;
            match step {
                Step::Commit(acts) => self.commit(acts)?,
                Step::Prepare => {
                    let done = self.subject().prepare();
                    self.unless_undone(done)?;
                }
                Step::Read => self.read()?,
                Step::Index => {
                    let done = self.subject().index();
                    self.unless_undone(done)?;
                }
                Step::Erase(person) => self.erase(*person)?,
                Step::Snapshot => {
                    let done = self.subject().snapshot();
                    self.unless_undone(done)?;
                }
                Step::Checkpoint => self.checkpoint()?,
                Step::Redact(seed) => self.redact(*seed)?,
                Step::Reopen => {
                    self.subject = None;
                    self.open(None)?;
                }
                Step::PowerCut(_) if self.is_faulty => self.commit(&[Act::Observe(1)])?,
                Step::PowerCut(seed) => self.cut_power(*seed)?,
            }
        }
        Ok(())
    }

    fn subject(&mut self) -> &mut dyn Subject {
        &mut **self.subject.as_mut().expect("a subject is open between steps")
    }

    /// From now on, after so many operations, this holds.
    fn promise_from(&mut self, operations: usize) {
        self.promises.push((operations, self.promise.clone()));
    }

    fn commit(&mut self, acts: &[Act]) -> Result<(), Stopped> {
        let (before, turn) = (self.disk.operations_count(), self.turn as u64);
        let head = self.subject().head();
        let done = self.subject().commit(acts, turn);
        if let Err(Refusal::Failed(_)) = &done {
            // It may be there, for it may have been written.
            self.add_groups(before)?;
        }
        self.unless_undone(done)?;
        let records = self.subject().records_after(head)?;
        if records.is_empty() {
            return Ok(());
        }
        let known = self.promise.groups.len();
        self.add_groups(before)?;
        // What was written is what is read.
        let written = self.promise.groups[known..].iter().flat_map(|group| &group.records);
        if let Some((found, _)) = records.iter().zip(written).find(|(found, written)| found != written) {
            return Err(What::WrongData { position: found.envelope.position.0 }.into());
        }
        self.promise_from(before);
        self.check_digests()?;
        self.acknowledge();
        Ok(())
    }

    /// What was written is acknowledged, but for a group whose sync the disk owes.
    fn acknowledge(&mut self) {
        let owed = usize::from(self.subject().owes_a_sync());
        let durable = self.promise.groups.len() - owed;
        if durable > self.promise.acknowledged {
            self.promise.acknowledged = durable;
            self.promise_from(self.disk.operations_count());
        }
    }

    /// Signs a checkpoint and keeps it; from then on it is promised, until it is thinned out.
    fn checkpoint(&mut self) -> Result<(), Stopped> {
        if !self.subject().has_adopted_key() {
            self.commit(&[Act::AdoptKey])?;
        }
        let done = self.keep_checkpoint();
        self.unless_undone(done)?;
        let (turn, reader) = (self.turn, self.subject().reader());
        let (from, before) = (self.disk.operations_count(), self.subject().checkpoints().found()?);
        self.subject().checkpoints().tidy(&reader, turn);
        let after = self.subject().checkpoints().found()?;
        check_thinned(&before, &after, turn)?;
        // A removal may be undone by a crash, or be the only one that is done.
        Arc::make_mut(&mut self.promise.checkpoints).retain(|name, _| after.contains_key(name));
        self.promise_from(from);
        Ok(())
    }

    fn keep_checkpoint(&mut self) -> Result<(), Refusal> {
        let (turn, reader) = (self.turn, self.subject().reader());
        let (name, bytes) = self.subject().checkpoints().keep(&reader, turn)?;
        Arc::make_mut(&mut self.promise.checkpoints).insert(name, bytes);
        self.promise_from(self.disk.operations_count());
        Ok(())
    }

    /// What was refused or undone has changed nothing: where the disk was made to fail, the script goes on.
    fn unless_undone(&self, done: Result<(), Refusal>) -> Result<(), Stopped> {
        match done {
            Err(Refusal::Full | Refusal::Undone(_)) if self.is_faulty => Ok(()),
            done => Ok(done?),
        }
    }

    /// Takes in the groups that were written since so many operations; tells whether there were any.
    fn add_groups(&mut self, before: usize) -> Result<bool, Stopped> {
        let groups: Vec<_> = self.disk.operations()[before..].iter().filter_map(group_in).collect();
        let are_any = !groups.is_empty();
        groups.into_iter().try_for_each(|records| self.add_group(records))?;
        Ok(are_any)
    }

    fn add_group(&mut self, records: Vec<Record>) -> Result<(), Stopped> {
        let before = self.promise.groups.iter().flat_map(|group| &group.records);
        let digests = fold(self.setting, before.chain(&records))?;
        self.promise.groups.push(Arc::new(Group { records, digests }));
        Ok(())
    }

    fn check_digests(&mut self) -> Result<(), Stopped> {
        let position = self.subject().head();
        let found = self.subject().digests().map_err(What::Unreadable)?;
        let expected = self.promise.groups.last().map(|group| group.digests).unwrap_or_default();
        match expected.difference(&found) {
            Some(part) if position > 0 => Err(What::OtherState { position, part }.into()),
            _ => Ok(()),
        }
    }

    fn read(&mut self) -> Result<(), Stopped> {
        let found = self.subject().records_after(0)?;
        let written = self.promise.groups.iter().flat_map(|group| &group.records);
        Ok(found.iter().zip(written).try_for_each(|(found, written)| self.promise.check(found, written))?)
    }

    fn redact(&mut self, seed: u64) -> Result<(), Stopped> {
        self.promise.is_redacting = true;
        self.promise_from(self.disk.operations_count());
        let done = self.subject().redact(seed);
        if done.is_ok() {
            let records = self.subject().records_after(0)?;
            let gone = records.iter().filter(|record| record.content.is_redacted());
            self.promise.redacted = Arc::new(gone.map(|record| record.envelope.position.0).collect());
            self.promise.is_redacting = false;
            self.promise_from(self.disk.operations_count());
        }
        self.unless_undone(done)
    }

    /// Erases a person. Once that is acknowledged, the bytes of their key are nowhere on the disk.
    fn erase(&mut self, person: usize) -> Result<(), Stopped> {
        let key = self.subject().key_of(person);
        let wrapped = key.and_then(|key| wrapped_key(&self.disk.image(), key));
        let acknowledged = self.promise.acknowledged;
        self.commit(&[Act::Erase(person)])?;
        if let Some(wrapped) = wrapped.filter(|_| self.promise.acknowledged > acknowledged) {
            Arc::make_mut(&mut self.promise.destroyed).push(wrapped);
            self.promise_from(self.disk.operations_count());
        }
        Ok(())
    }

    /// Cuts the power during a batch.
    fn cut_power(&mut self, seed: u64) -> Result<(), Stopped> {
        let mut chance = Chance::new(seed);
        let before = self.disk.operations_count();
        self.disk.fail_at(self.disk.asked_count() + 1 + chance.below(8) as u64, Fault::PowerOff);
        let bytes = [40, 700, 3_000][chance.below(3)];
        let acts = match chance.below(4) {
            0 => vec![Act::Erase(chance.below(3))],
            1 => vec![Act::Direct { person: chance.below(3), body_bytes: bytes }],
            _ => vec![Act::Everyone { body_bytes: bytes }; 1 + chance.below(3)],
        };
        let turn = self.turn as u64;
        let done = self.subject().commit(&acts, turn);
        // The disk may be off already, so what was written is not read from it.
        if self.add_groups(before)? {
            self.promise_from(before);
            if done.is_ok() {
                self.acknowledge();
            }
        }
        if done.is_ok() && chance.one_in(2) {
            // The power may go while it is kept.
            let _ = self.keep_checkpoint();
        }
        self.subject = None;
        self.disk.cut_power(self.disk.some_loss(chance.number()));
        self.open(Some(self.disk.image()))
    }

    /// Opens what is on the disk; `cut` is the disk as the power cut left it.
    fn open(&mut self, cut: Option<Image>) -> Result<(), Stopped> {
        let before = self.disk.operations_count();
        let opened = open(&self.disk, self.setting).map_err(Stopped::Failed)?;
        check_opened(&opened, &self.promise)?;
        if let Some(torn) = &opened.quarantined {
            let Some(cut) = cut else {
                let acknowledged = self.promise.acknowledged_position();
                return Err(What::AcknowledgedTruncated { found: torn.position.0, acknowledged }.into());
            };
            Arc::make_mut(&mut self.promise.kept).extend(opened.kept(&cut));
        }
        // What the disk held when it was opened, it holds for good: it was durable before the first new operation.
        let found = self.promise.groups_up_to(opened.head).expect("it was checked that the log ends with a group");
        self.promise.groups.truncate(found);
        self.promise.acknowledged = found;
        self.promise_from(before);
        self.subject = Some(opened.subject);
        self.read()?;
        self.check_digests()
    }
}

/// Checks where the log ends against what may be there.
pub(super) fn check_opened(opened: &Opened, promise: &Promise) -> Result<(), What> {
    let (found, acknowledged) = (opened.head, promise.acknowledged_position());
    if let Some(torn) = opened.quarantined.as_ref().filter(|torn| torn.position.0 <= acknowledged) {
        return Err(What::AcknowledgedTruncated { found: torn.position.0, acknowledged });
    }
    if found < acknowledged {
        return Err(What::AcknowledgedLost { found, acknowledged });
    }
    let ends = promise.ends();
    if ends.contains(&found) { Ok(()) } else { Err(What::HalfVisible { found, ends }) }
}

/// Digests after these records in an uninterrupted run.
pub(super) fn fold<'a>(setting: &Setting, records: impl Iterator<Item = &'a Record>) -> Result<Digests, What> {
    if setting.script.level == Level::Log {
        return Ok(Digests::default());
    }
    let mut fold = Fold::default();
    records.cloned().try_for_each(|record| fold.apply(record)).map_err(What::Unreadable)?;
    fold.digests().map_err(What::Unreadable)
}

/// The wrapped bytes of a key, as they stand in the keyring's files: slots of 128 bytes, with the number of the key at 3 and
/// 40 wrapped bytes at 43.
fn wrapped_key(image: &Image, key: u32) -> Option<Vec<u8>> {
    let files = image.files.iter().filter(|(name, _)| name.ends_with(".keys"));
    let mut slots = files.flat_map(|(_, content)| content.bytes.chunks_exact(128).skip(1));
    let is_it = |slot: &&[u8]| matches!(slot[0] & 0x7F, 1 | 2) && slot[3..7] == key.to_le_bytes();
    slots.find(is_it).map(|slot| slot[43..83].to_vec())
}

/// Records of the group that was written to a segment, if one was.
fn group_in(operation: &Operation) -> Option<Vec<Record>> {
    let Operation::Write { path, bytes, .. } = operation else { return None };
    let group = path.ends_with(".seg").then(|| group::decode(bytes).ok())??;
    Some(group.records)
}
