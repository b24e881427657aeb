//! The whole verdict on a log.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::checkpoint::Checkpoint;
use crate::continuity::Continuity;
use crate::damage::{Damage, Failure, What};
use crate::event::Event;
use crate::segment::Header;
use crate::source::Source;
use crate::tree::Tree;
use crate::walk::{Group, Segments};

/// A log in which nothing was found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many events there are, which is also the last position.
    pub events: u64,
    /// The chain after the last one.
    pub chain: [u8; 32],
    /// Root of the RFC 6962 tree over all leaves.
    pub root: [u8; 32],
    /// Time of the last event, milliseconds since 1970; `None` when there is none.
    pub last_time: Option<i64>,
    /// How many segment files there are.
    pub segments: usize,
    /// How many streams have events.
    pub streams: u64,
    /// How many tenants have events, the platform included.
    pub tenants: u64,
    /// How many events had their content removed.
    pub redacted: u64,
    /// Identity of the log.
    pub log: [u8; 16],
    /// Its generation: that of the last segment.
    pub epoch: u64,
}

/// Reads the whole log and checks every byte of it; holds each checkpoint against it; shows every event, verified, in order.
///
/// Nothing may write to the log meanwhile: a group that is being written is not told from a damaged one.
///
/// # Errors
/// The first damage in order of positions, or what could not be read. The events before it were shown.
pub fn verify(
    source: &dyn Source,
    checkpoints: &[Checkpoint],
    each: &mut dyn FnMut(&Event),
) -> Result<Verified, Failure> {
    let segments = Segments::list(source)?;
    let first = segments.first()?;
    let mut judge = Judge::new(&segments.names, &first, checkpoints)?;
    let last = thread::scope(|scope| {
        let (batches, received) = sync_channel(BATCHES_AHEAD);
        let segments = &segments;
        let reader = scope.spawn(move || segments.read(&batches));
        let judged = judge.all(received, each);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // What was judged came before the place where reading ended.
        judged.and(read)
    })?;
    judge.conclude(&last)
}

struct Judge<'a> {
    names: &'a [String],
    checkpoints: Vec<&'a Checkpoint>,
    seen: Continuity,
    tree: Tree,
    redacted: u64,
}

impl<'a> Judge<'a> {
    fn new(names: &'a [String], first: &Header, checkpoints: &'a [Checkpoint]) -> Result<Self, Damage> {
        let mut judge = Self {
            names,
            checkpoints: checkpoints.iter().collect(),
            seen: Continuity::new(&first.log),
            tree: Tree::default(),
            redacted: 0,
        };
        if let Some(foreign) = checkpoints.iter().find(|checkpoint| !checkpoint.is_of(&first.log)) {
            return Err(judge.against(foreign, What::CheckpointForeign));
        }
        // The next one to be reached is the last.
        judge.checkpoints.sort_unstable_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
        judge.reached().map_err(|(checkpoint, what)| judge.against(checkpoint, what))?;
        Ok(judge)
    }

    fn all(&mut self, batches: Receiver<Vec<Group>>, each: &mut dyn FnMut(&Event)) -> Result<(), Failure> {
        for mut group in batches.into_iter().flatten() {
            self.group(&mut group, each)?;
        }
        Ok(())
    }

    fn group(&mut self, group: &mut Group, each: &mut dyn FnMut(&Event)) -> Result<(), Damage> {
        let damage = |position, what| Damage {
            segment: self.names[group.segment].clone(),
            offset: group.offset,
            position,
            what,
        };
        let first = self.seen.position + 1;
        let taken = self.seen.group(group.term, &mut group.events, &group.chain);
        taken.map_err(|what| damage(first, what))?;
        for event in &group.events {
            self.seen.event(event).map_err(|what| damage(event.position, what))?;
            self.tree.push(event.leaf);
            self.redacted += u64::from(event.redacted);
            let checked = reached(&mut self.checkpoints, &self.tree, &event.chain);
            checked.map_err(|(_, what)| damage(event.position, what))?;
            each(event);
        }
        Ok(())
    }

    fn reached(&mut self) -> Result<(), (&'a Checkpoint, What)> {
        reached(&mut self.checkpoints, &self.tree, &self.seen.chain)
    }

    /// Damage that has no place in the log: what a checkpoint says of it does not hold.
    fn against(&self, checkpoint: &Checkpoint, what: What) -> Damage {
        let position = checkpoint.size.min(self.seen.position.saturating_add(1));
        Damage { segment: String::new(), offset: 0, position, what }
    }

    fn conclude(self, last: &Header) -> Result<Verified, Failure> {
        if let Some(beyond) = self.checkpoints.last() {
            return Err(self.against(beyond, What::CheckpointBeyond(beyond.size)).into());
        }
        Ok(Verified {
            events: self.seen.position,
            chain: self.seen.chain,
            root: self.tree.root(),
            last_time: self.seen.time,
            segments: self.names.len(),
            streams: self.seen.streams(),
            tenants: self.seen.tenants(),
            redacted: self.redacted,
            log: last.log,
            epoch: last.epoch,
        })
    }
}

/// Checks and forgets the checkpoints of the size that the tree has reached.
fn reached<'a>(
    checkpoints: &mut Vec<&'a Checkpoint>,
    tree: &Tree,
    chain: &[u8; 32],
) -> Result<(), (&'a Checkpoint, What)> {
    while let Some(checkpoint) = checkpoints.pop_if(|checkpoint| checkpoint.size == tree.size()) {
        if checkpoint.root != tree.root() {
            return Err((checkpoint, What::CheckpointRoot));
        }
        if checkpoint.chain.is_some_and(|signed| signed != *chain) {
            return Err((checkpoint, What::CheckpointChain));
        }
    }
    Ok(())
}

/// Batches of groups that may wait to be judged.
const BATCHES_AHEAD: usize = 4;
