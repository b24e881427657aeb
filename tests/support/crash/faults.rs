//! Faults of the disk at every storage operation: nothing is acknowledged after one, and a new start loses nothing.

use super::finding::{Finding, What};
use super::judge::judge;
use super::record::{Failed, record_with_fault};
use super::subject::{Refusal, Setting};
use crate::disk::{Fault, Loss, random_loss};
use crate::script::{Act, WORKLOADS_COUNT, workload};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What came of injecting faults.
#[derive(Clone, Debug, Default)]
pub struct FaultOutcome {
    /// How many workloads were run.
    pub workloads: usize,
    /// How many faults of each of [`FAULTS`] hit an operation.
    pub injected: [usize; FAULTS.len()],
    /// How many of them ended the subject; the others were met before anything was written.
    pub ended: [usize; FAULTS.len()],
    /// Disks that were opened and judged afterwards.
    pub judged: usize,
    /// Broken promises.
    pub findings: Vec<Finding>,
}

/// Every fault with its name.
pub const FAULTS: [(&str, Fault); 4] = [
    ("EIO", Fault::Io),
    ("EIO after it was done", Fault::IoAfter),
    ("ENOSPC", Fault::Full),
    ("short write", Fault::Short),
];

/// Injects each fault at each operation of each workload.
#[must_use]
pub fn run_faults(seed: u64, threads: usize) -> FaultOutcome {
    let whole = Mutex::new(FaultOutcome::default());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= WORKLOADS_COUNT {
                        break;
                    }
                    let mut part = FaultOutcome { workloads: 1, ..FaultOutcome::default() };
                    let setting = Setting { script: workload(seed, number), lie: None };
                    part.run(&setting, seed);
                    whole.lock().unwrap_or_else(PoisonError::into_inner).merge(part);
                }
            });
        }
    });
    whole.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl FaultOutcome {
    fn merge(&mut self, part: Self) {
        self.workloads += part.workloads;
        self.judged += part.judged;
        self.injected.iter_mut().zip(part.injected).for_each(|(sum, count)| *sum += count);
        self.ended.iter_mut().zip(part.ended).for_each(|(sum, count)| *sum += count);
        self.findings.extend(part.findings);
    }

    fn run(&mut self, setting: &Setting, seed: u64) {
        for (index, (name, fault)) in FAULTS.into_iter().enumerate() {
            for operation in 1.. {
                let run = record_with_fault(setting, operation, fault);
                if run.asked < operation {
                    break;
                }
                self.injected[index] += 1;
                self.ended[index] += usize::from(run.has_ended());
                if let Err(what) = self.check(run, setting, operation) {
                    let story = format!("{name} at operation {operation} of\n{}", setting.script);
                    let operation = usize::try_from(operation).unwrap_or(usize::MAX);
                    let workload = setting.script.workload;
                    let subset = None;
                    self.findings.push(Finding { what, seed, lie: None, workload, operation, subset, story });
                    return;
                }
            }
        }
    }

    fn check(&mut self, mut run: Failed, setting: &Setting, operation: u64) -> Result<(), What> {
        if let Some(what) = run.broken.take() {
            return Err(what);
        }
        if let Some(mut subject) = run.subject.take() {
            let before = run.disk.operations_count();
            match subject.commit(&[Act::Everyone { body_bytes: 10 }], u64::MAX) {
                Err(Refusal::Failed(_)) if run.disk.operations_count() == before => {}
                Err(Refusal::Failed(_)) => return Err(What::AfterFailure("it wrote more".to_owned())),
                other => return Err(What::AfterFailure(format!("the next batch came to {other:?}"))),
            }
        }
        for loss in [Loss::NOTHING, Loss::ALL, random_loss(operation)] {
            self.judged += 1;
            judge(&run.disk.after(&loss), &run.promise, setting)?;
        }
        Ok(())
    }
}
