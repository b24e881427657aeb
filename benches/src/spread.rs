//! Many durations as three numbers.

use std::time::Duration;

/// How durations are spread.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    sorted: Vec<Duration>,
}

impl Spread {
    /// Of these, in any order.
    #[must_use]
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self { sorted: durations }
    }

    /// The duration that this share of all does not exceed; zero when there is none. `share` is from 0 to 1.
    #[must_use]
    pub fn at(&self, share: f64) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.sorted.get(index).copied().unwrap_or_default()
    }

    /// The middle one.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.at(0.5)
    }

    /// 99 of 100 are not longer.
    #[must_use]
    pub fn p99(&self) -> Duration {
        self.at(0.99)
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.at(1.0)
    }
}
