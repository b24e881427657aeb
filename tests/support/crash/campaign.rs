use super::enumerate::{CrashState, enumerate, loss_at};
use super::finding::{Finding, What};
use super::histogram::Histogram;
use super::judge::judge;
use super::record::{Recording, record};
use super::subject::Setting;
use crate::disk::Lie;
use crate::script::workload;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What to enumerate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Distinct images wanted, over all workloads.
    pub states: usize,
    /// Where the workloads come from.
    pub seed: u64,
    /// The bug that is planted: the first finding ends the campaign then.
    pub lie: Option<Lie>,
    /// How many threads work.
    pub threads: usize,
    /// How many workloads are run: the first so many.
    pub workloads: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many workloads were run.
    pub workloads: usize,
    /// Storage operations at which the power was cut.
    pub operations: usize,
    /// Distinct images that were opened and judged.
    pub images: usize,
    /// Images judged, those included that were judged again because more was promised of them.
    pub judged: usize,
    /// Distinct images by kind.
    pub histogram: Histogram,
    /// Broken promises: the first of each workload and kind.
    pub findings: Vec<Finding>,
    /// How many there were of each of [`What::NAMES`].
    pub counts: [usize; What::NAMES.len()],
}

/// Runs all workloads.
#[must_use]
pub fn run(campaign: &Campaign) -> Outcome {
    let whole = Mutex::new((Outcome::default(), HashSet::new()));
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..campaign.threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= campaign.workloads {
                        break;
                    }
                    let part = Worker::new(campaign, number, &stop).work();
                    let mut whole = whole.lock().unwrap_or_else(PoisonError::into_inner);
                    let (outcome, images) = &mut *whole;
                    outcome.merge(part, images);
                }
            });
        }
    });
    let (mut outcome, _) = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.findings.sort_by_key(|finding| (finding.workload, finding.operation, finding.subset));
    outcome
}

impl Outcome {
    fn merge(&mut self, part: Part, images: &mut HashSet<[u8; 16]>) {
        self.workloads += 1;
        self.operations += part.operations;
        self.judged += part.judged;
        for (hash, state) in part.images {
            // Two workloads can begin alike: an image counts once.
            if images.insert(hash) {
                self.images += 1;
                self.histogram.merge(&state);
            }
        }
        self.findings.extend(part.findings);
        self.counts.iter_mut().zip(part.counts).for_each(|(sum, count)| *sum += count);
    }
}

struct Part {
    operations: usize,
    judged: usize,
    images: Vec<([u8; 16], Histogram)>,
    findings: Vec<Finding>,
    counts: [usize; What::NAMES.len()],
}

struct Worker<'a> {
    campaign: &'a Campaign,
    number: usize,
    stop: &'a AtomicBool,
    seen: HashSet<[u8; 16]>,
    part: Part,
}

impl<'a> Worker<'a> {
    fn new(campaign: &'a Campaign, number: usize, stop: &'a AtomicBool) -> Self {
        let part =
            Part { operations: 0, judged: 0, images: Vec::new(), findings: Vec::new(), counts: [0; What::NAMES.len()] };
        Self { campaign, number, stop, seen: HashSet::new(), part }
    }

    fn work(mut self) -> Part {
        let setting = Setting { script: workload(self.campaign.seed, self.number), lie: self.campaign.lie };
        match record(&setting, self.campaign.seed) {
            Err(finding) => self.found(*finding),
            Ok(recording) => {
                self.part.operations = recording.operations.len();
                let wanted = self.campaign.states.div_ceil(self.campaign.workloads);
                enumerate(&recording, wanted, &mut |state| {
                    self.judge(&recording, &state);
                    !self.stop.load(Ordering::Relaxed)
                });
            }
        }
        self.part
    }

    fn judge(&mut self, recording: &Recording, state: &CrashState<'_>) {
        self.part.judged += 1;
        if self.seen.insert(state.hash) {
            let mut one = Histogram::default();
            one.add(state.done, state.lost);
            self.part.images.push((state.hash, one));
        }
        if let Err(what) = judge(&state.image, state.promise, &recording.setting) {
            self.found(Finding {
                what,
                seed: self.campaign.seed,
                lie: self.campaign.lie,
                workload: self.number,
                operation: state.operation,
                subset: Some(state.subset),
                story: story(recording, state.operation, state.subset),
            });
        }
    }

    fn found(&mut self, finding: Finding) {
        let kind = finding.what.kind();
        self.part.counts[kind] += 1;
        if self.part.counts[kind] == 1 {
            self.part.findings.push(finding);
        }
        if self.campaign.lie.is_some() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// What was done last and what was lost then, in words.
pub(super) fn story(recording: &Recording, operation: usize, subset: usize) -> String {
    let done = match operation.checked_sub(1).and_then(|last| recording.operations.get(last)) {
        Some(last) => format!("after operation {operation}, {last}"),
        None => "before any operation".to_owned(),
    };
    let lost = loss_at(recording, operation, subset).map(|(medium, loss)| loss.describe(&medium));
    format!("{done}: {}", lost.unwrap_or_default())
}
