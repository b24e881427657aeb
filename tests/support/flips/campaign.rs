use super::corpus::{Disk, disks};
use super::judge::{Told, judge};
use super::spot::{Spot, spots};
use crate::chance::Chance;
use crate::crash::What;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What to flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flips {
    /// Distinct flips wanted, over all fields; none has fewer than 100.
    pub flips: usize,
    /// Where the disks come from.
    pub seed: u64,
    /// How many threads work.
    pub threads: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct FlipsOutcome {
    /// How each field's flips were told.
    pub rows: BTreeMap<&'static str, [usize; Told::ALL.len()]>,
    /// Disks that bits were flipped of.
    pub disks: usize,
    /// Broken promises, with the flip in words.
    pub findings: Vec<(What, String)>,
}

/// Least flips of each field.
pub const FLIPS_PER_FIELD_MIN: usize = 100;

/// Flips bits of all fields.
///
/// # Panics
/// Never: a panic of what is tested is a finding.
#[must_use]
pub fn run_flips(flips: &Flips) -> FlipsOutcome {
    let disks = disks(flips.seed);
    let mut fields: BTreeMap<&'static str, Vec<(usize, Spot)>> = BTreeMap::new();
    for (number, disk) in disks.iter().enumerate() {
        for spot in spots(&disk.image) {
            fields.entry(spot.field).or_default().push((number, spot));
        }
    }
    let wanted = flips.flips.div_ceil(fields.len().max(1)).max(FLIPS_PER_FIELD_MIN);
    let fields: Vec<_> = fields.into_iter().collect();
    let outcome = Mutex::new(FlipsOutcome { disks: disks.len(), ..FlipsOutcome::default() });
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..flips.threads.max(1) {
            scope.spawn(|| {
                while let Some((field, spots)) = fields.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut chance = Chance::of(flips.seed, &[spots.len() as u64, field.len() as u64]);
                    let (row, findings) = flip_field(&disks, spots, wanted, &mut chance);
                    let mut outcome = outcome.lock().expect("no thread panics with the outcome");
                    outcome.rows.insert(field, row);
                    outcome.findings.extend(findings);
                }
            });
        }
    });
    outcome.into_inner().expect("no thread panics with the outcome")
}

/// Flips distinct bits of one field, on as many disks and in as many places as there are.
fn flip_field(
    disks: &[Disk],
    spots: &[(usize, Spot)],
    wanted: usize,
    chance: &mut Chance,
) -> ([usize; Told::ALL.len()], Vec<(What, String)>) {
    let bits: usize = spots.iter().map(|(_, spot)| spot.bytes * 8).sum();
    let (mut row, mut findings, mut done) = ([0; Told::ALL.len()], Vec::new(), HashSet::new());
    while done.len() < wanted.min(bits) {
        let (number, spot) = chance.pick(spots);
        let byte = spot.start + chance.below(spot.bytes);
        let bit = u8::try_from(chance.below(8)).unwrap_or_default();
        if !done.insert((*number, spot.file.clone(), byte, bit)) {
            continue;
        }
        let disk = &disks[*number];
        match judge(disk, spot, byte, bit) {
            Ok(told) => row[Told::ALL.iter().position(|known| *known == told).expect("all are in the list")] += 1,
            Err(what) => {
                let workload = disk.setting.script.workload;
                let story = format!("bit {bit} of byte {byte} of {} ({}), workload {workload}", spot.file, spot.field);
                findings.push((what, story));
            }
        }
    }
    (row, findings)
}

impl FlipsOutcome {
    /// How many flips were met as they must be.
    #[must_use]
    pub fn total(&self) -> usize {
        self.rows.values().flatten().sum()
    }

    /// Fields of which fewer bits were flipped than is asked for.
    pub fn poor_fields(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.rows.iter().filter(|(_, row)| row.iter().sum::<usize>() < FLIPS_PER_FIELD_MIN).map(|(field, _)| *field)
    }
}

impl fmt::Display for FlipsOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<30}", "field")?;
        Told::ALL.iter().try_for_each(|told| write!(f, "{:>11}", told.name()))?;
        writeln!(f, "{:>11}", "flips")?;
        for (field, row) in &self.rows {
            write!(f, "{field:<30}")?;
            row.iter().try_for_each(|count| write!(f, "{count:>11}"))?;
            writeln!(f, "{:>11}", row.iter().sum::<usize>())?;
        }
        Ok(())
    }
}
