use crate::disk::{LossKind, OperationKind, Place};
use std::collections::BTreeMap;
use std::fmt;

/// Crash states by what was done last and what was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    rows: BTreeMap<(OperationKind, Place), [u64; LossKind::ALL.len()]>,
}

impl Histogram {
    /// Counts one state.
    pub fn add(&mut self, done: (OperationKind, Place), lost: LossKind) {
        let column = LossKind::ALL.iter().position(|kind| *kind == lost).expect("all kinds are in the list");
        self.rows.entry(done).or_default()[column] += 1;
    }

    /// Counts what another histogram counted.
    pub fn merge(&mut self, other: &Self) {
        for (row, counts) in &other.rows {
            let into = self.rows.entry(*row).or_default();
            into.iter_mut().zip(counts).for_each(|(into, count)| *into += count);
        }
    }

    /// How many states were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.values().flatten().sum()
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24}", "power cut after")?;
        LossKind::ALL.iter().try_for_each(|kind| write!(f, "{:>10}", kind.to_string()))?;
        writeln!(f, "{:>10}", "all kinds")?;
        let mut sums = [0; LossKind::ALL.len()];
        for ((kind, place), counts) in &self.rows {
            write!(f, "{:<24}", format!("{kind} {place}"))?;
            counts.iter().try_for_each(|count| write!(f, "{count:>10}"))?;
            writeln!(f, "{:>10}", counts.iter().sum::<u64>())?;
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        write!(f, "{:<24}", "everything")?;
        sums.iter().try_for_each(|count| write!(f, "{count:>10}"))?;
        writeln!(f, "{:>10}", self.total())
    }
}
