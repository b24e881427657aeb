//! A rate with a burst, in two numbers and without a timer: the generic cell rate algorithm (ITU-T I.371).

use crate::ids::Time;

/// So many per second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Sustained, 1 or more.
    pub per_second: u32,
    /// At once, 1 or more.
    pub burst: u32,
}

/// How far ahead of its rate one caller is. The default has used nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds since the epoch at which the caller has used nothing any more.
    empty_at: i64,
}

impl Rate {
    /// Takes one.
    ///
    /// # Errors
    /// Milliseconds until one may be taken, at least 1; nothing was taken.
    pub fn take(&mut self, limit: RateLimit, now: Time) -> Result<(), u64> {
        let now = now.0.saturating_mul(1_000);
        let interval = 1_000_000 / i64::from(limit.per_second.max(1));
        let empty_at = self.empty_at.max(now).saturating_add(interval);
        let allowed = now.saturating_add(interval.saturating_mul(i64::from(limit.burst.max(1))));
        if empty_at > allowed {
            return Err(empty_at.saturating_sub(allowed).unsigned_abs().div_ceil(1_000).max(1));
        }
        self.empty_at = empty_at;
        Ok(())
    }

    /// Whether nothing is used any more, so that the caller need not be remembered.
    #[must_use]
    pub const fn is_empty(self, now: Time) -> bool {
        self.empty_at <= now.0.saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, RateLimit, Time};

    #[test]
    fn a_burst_passes_then_the_rate_holds_and_waiting_as_told_is_enough() {
        let limit = RateLimit { per_second: 20, burst: 40 };
        let (mut rate, now) = (Rate::default(), Time(1_000_000));
        assert!((0..40).all(|_| rate.take(limit, now).is_ok()));
        let wait = rate.take(limit, now).unwrap_err();
        assert_eq!(wait, 50);
        assert!(rate.take(limit, now.plus(wait as i64 - 1)).is_err());
        assert!(rate.take(limit, now.plus(wait as i64)).is_ok());
        assert!(!rate.is_empty(now.plus(1_999)) && rate.is_empty(now.plus(3_000)));
    }
}
