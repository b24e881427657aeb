//! Disks to flip bits of: how workloads end, and how power cuts leave them.

use crate::chance::Chance;
use crate::crash::{Promise, Recording, Setting, record};
use crate::disk::{FileLoss, Image, Loss, Medium, NameLoss};
use crate::script::{WORKLOADS_COUNT, workload};

/// A sound disk of which everything is acknowledged, and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) setting: Setting,
    pub(super) image: Image,
    pub(super) promise: Promise,
}

/// The end of each workload, and one of its crash states with all that was acknowledged and nothing else.
pub(super) fn disks(seed: u64) -> Vec<Disk> {
    let mut disks = Vec::new();
    for number in 0..WORKLOADS_COUNT {
        let setting = Setting { script: workload(seed, number), lie: None };
        let Ok(recording) = record(&setting, seed) else { continue };
        let ends = recording.operations.len();
        let mut chance = Chance::of(seed, &[number as u64]);
        for operation in [ends, ends / 2 + chance.below(ends / 2)] {
            disks.extend(disk_at(&recording, &setting, operation));
        }
    }
    disks
}

fn disk_at(recording: &Recording, setting: &Setting, operation: usize) -> Option<Disk> {
    let (_, promise) = recording.promise(operation);
    if promise.groups.len() != promise.acknowledged || promise.groups.is_empty() || promise.is_redacting {
        return None;
    }
    let mut medium = Medium::default();
    recording.operations[..operation].iter().for_each(|done| medium.perform(done));
    // In the middle all that no sync covers is lost, the watermark with it: then the last group can look torn.
    let others = if operation == recording.operations.len() { FileLoss::Nothing } else { FileLoss::All };
    let image = medium.after(&Loss { names: NameLoss::Nothing, focus: None, others });
    Some(Disk { setting: setting.clone(), image, promise: promise.clone() })
}
