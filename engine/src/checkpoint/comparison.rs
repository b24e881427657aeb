//! Comparing a log with checkpoints that were kept.

use super::accumulator::Accumulator;
use super::difference::{Difference, Disagreement, Place};
use super::key::VerifierKey;
use super::signed::{CheckpointError, SignedCheckpoint};
use super::trust::{Signer, Trust};
use crate::event::{Event, Recorded};
use crate::ids::{Position, Time};
use crate::log::Record;

/// A checkpoint and what the auditor calls it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its file.
    pub name: String,
    /// Its bytes, read.
    pub signed: Result<SignedCheckpoint, CheckpointError>,
}

/// Every checkpoint agrees with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// How many there are.
    pub count: usize,
    /// How many more lie before the part of the log that was read, so that nothing can be said about them.
    pub before: usize,
    /// The one with the greatest position, and the key that signed it; `None` when there are none.
    pub last: Option<(Place, VerifierKey)>,
}

/// Compares the events of one log, shown in order, with all checkpoints at once.
///
/// Feed it from [`crate::log::audit::verify_each`]: it believes that the records are those of the log, in order.
pub struct Comparison {
    accumulator: Accumulator,
    trust: Trust,
    /// By position, last first: those that the log has not come to yet.
    waiting: Vec<(String, SignedCheckpoint)>,
    /// What the log says about those that it came to, by position.
    judged: Vec<(String, SignedCheckpoint, Option<Difference>)>,
    malformed: Vec<(String, CheckpointError)>,
    /// How many lie before the part that is read.
    before: usize,
}

impl Comparison {
    /// A comparison that starts where `accumulator` stands: before the first event, or at the start of a part of a log.
    #[must_use]
    pub fn new(accumulator: Accumulator, trust: Trust, checkpoints: Vec<Named>) -> Self {
        let mut waiting = Vec::with_capacity(checkpoints.len());
        let mut malformed = Vec::new();
        for Named { name, signed } in checkpoints {
            match signed {
                Ok(signed) => waiting.push((name, signed)),
                Err(error) => malformed.push((name, error)),
            }
        }
        waiting.sort_by_key(|(_, signed)| {
            let checkpoint = signed.checkpoint();
            std::cmp::Reverse((checkpoint.position, checkpoint.time))
        });
        let all = waiting.len();
        let is_within = |signed: &SignedCheckpoint| {
            let checkpoint = signed.checkpoint();
            checkpoint.log != accumulator.log() || checkpoint.position >= accumulator.position()
        };
        waiting.retain(|(_, signed)| is_within(signed));
        let before = all - waiting.len();
        let mut comparison = Self { accumulator, trust, waiting, judged: Vec::new(), malformed, before };
        comparison.judge();
        comparison
    }

    /// Takes in the next event.
    pub fn record(&mut self, record: &Record) {
        self.accumulator.push(record.leaf());
        if record.envelope.event_type == Event::CHECKPOINT_KEY_ADOPTED {
            self.adoption(record);
        }
        self.judge();
    }

    /// Whether every checkpoint is judged: what comes after changes nothing.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What was taken in so far.
    #[must_use]
    pub const fn accumulator(&self) -> &Accumulator {
        &self.accumulator
    }

    /// Which keys are believed, as far as the log was read.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The log ended, at this epoch: every checkpoint that it did not come to knows more than it has.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn finish(mut self, epoch: u64) -> Result<Agreement, Box<Disagreement>> {
        let log = self.accumulator.position();
        let mut judged = std::mem::take(&mut self.judged);
        for (_, signed, difference) in &mut judged {
            let checkpoint = signed.checkpoint().epoch;
            if difference.is_none() && checkpoint > epoch {
                *difference = Some(Difference::Epoch { checkpoint, log: epoch });
            }
        }
        for (name, signed) in std::mem::take(&mut self.waiting).into_iter().rev() {
            let checkpoint = signed.checkpoint().position;
            let difference = self.other_log(&signed).unwrap_or(Difference::RolledBack { checkpoint, log });
            judged.push((name, signed, Some(difference)));
        }
        self.verdict(judged)
    }

    /// The log is damaged after what was shown: only the checkpoints that it came to are judged.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn finish_early(mut self) -> Result<Agreement, Box<Disagreement>> {
        let judged = std::mem::take(&mut self.judged);
        self.malformed.clear();
        self.verdict(judged)
    }

    fn adoption(&mut self, record: &Record) {
        // A record that this version cannot read adopts nothing: what its key signed is then signed by nobody known.
        let Ok(recorded) = Recorded::decode(record.clone()) else { return };
        if let Event::CheckpointKeyAdopted { public, endorsement } = &recorded.facts.event {
            self.trust.adopted(record.envelope.position, *public, endorsement);
        }
    }

    /// Judges the checkpoints of the position that the log is at now.
    fn judge(&mut self) {
        let now = self.accumulator.position();
        while self.waiting.last().is_some_and(|(_, signed)| signed.checkpoint().position <= now) {
            let Some((name, signed)) = self.waiting.pop() else { break };
            let difference = self.other_log(&signed).or_else(|| self.difference(&signed));
            self.judged.push((name, signed, difference));
        }
    }

    fn other_log(&self, signed: &SignedCheckpoint) -> Option<Difference> {
        let (checkpoint, log) = (signed.checkpoint().log, self.accumulator.log());
        (checkpoint != log).then_some(Difference::OtherLog { checkpoint, log })
    }

    fn difference(&self, signed: &SignedCheckpoint) -> Option<Difference> {
        let checkpoint = signed.checkpoint();
        let has_chain = checkpoint.chain == self.accumulator.chain();
        if checkpoint.root != self.accumulator.root() {
            return Some(Difference::Rewritten { chain: !has_chain });
        }
        (!has_chain).then_some(Difference::Chain)
    }

    fn verdict(
        self,
        judged: Vec<(String, SignedCheckpoint, Option<Difference>)>,
    ) -> Result<Agreement, Box<Disagreement>> {
        let mut last = None;
        let mut found: Option<Box<Disagreement>> = None;
        let count = judged.len() + self.malformed.len();
        for (name, signed, difference) in judged {
            let checkpoint = signed.checkpoint();
            let place = Place { name, position: checkpoint.position, time: checkpoint.time };
            let signer = self.trust.signer(&signed);
            let untrusted = Difference::of_signer(&signer);
            match (difference, untrusted, signer, &mut found) {
                (None, None, Signer::Believed(key), None) => last = Some((place, key)),
                (None, None, ..) => {}
                (_, _, _, Some(found)) => found.others += 1,
                (Some(what), signer, _, none) => *none = Some(disagreement(place, what, signer, last.as_ref())),
                (None, Some(what), _, none) => *none = Some(disagreement(place, what, None, last.as_ref())),
            }
        }
        for (name, error) in self.malformed {
            match &mut found {
                Some(found) => found.others += 1,
                none => {
                    let place = Place { name, position: Position::ZERO, time: Time::default() };
                    *none = Some(disagreement(place, Difference::Malformed(error), None, last.as_ref()));
                }
            }
        }
        found.map_or(Ok(Agreement { count, before: self.before, last }), Err)
    }
}

fn disagreement(
    first: Place,
    what: Difference,
    signer: Option<Difference>,
    last: Option<&(Place, VerifierKey)>,
) -> Box<Disagreement> {
    Box::new(Disagreement { first, what, signer, last_agreeing: last.map(|(place, _)| place.clone()), others: 0 })
}
