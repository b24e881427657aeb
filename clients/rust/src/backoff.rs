//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// The longest wait before the second attempt: 500 ms. It doubles from attempt to attempt.
const FIRST_MS: u64 = 500;

/// The longest wait of all: 20 s.
const MAX_MS: u64 = 20_000;

/// Exponential backoff with full jitter: each wait is drawn evenly from zero to a bound that doubles.
///
/// A thousand clients that lose the same server at the same moment then come back spread over time.
#[derive(Clone, Debug)]
pub struct Backoff {
    attempts: u32,
    random: u64,
}

impl Backoff {
    /// Starts with `seed` as the source of randomness: different for each client, such as a hash of its process id and
    /// start time.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { attempts: 0, random: seed }
    }

    /// The wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let bound = FIRST_MS.checked_shl(self.attempts.min(16)).map_or(MAX_MS, |bound| bound.min(MAX_MS));
        self.attempts = self.attempts.saturating_add(1);
        Duration::from_millis(self.draw() % (bound + 1))
    }

    /// Forgets the failures: a connection stood.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// SplitMix64, which is even enough to spread clients and needs no library.
    const fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_below_a_bound_that_doubles_and_ends() {
        let mut longest = [Duration::ZERO; 12];
        for seed in 0..500 {
            let mut backoff = Backoff::new(seed);
            for (attempt, longest) in longest.iter_mut().enumerate() {
                let wait = backoff.next_wait();
                assert!(wait <= Duration::from_millis((500 << attempt).min(20_000)));
                *longest = wait.max(*longest);
            }
        }
        for (attempt, longest) in longest.iter().enumerate() {
            assert!(*longest >= Duration::from_millis((500 << attempt).min(20_000)) * 9 / 10, "attempt {attempt}");
        }
    }

    #[test]
    fn a_connection_that_stood_starts_the_waits_anew() {
        let mut backoff = Backoff::new(7);
        for _ in 0..10 {
            backoff.next_wait();
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(500));
    }
}
