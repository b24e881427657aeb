//! A rate with a burst, in one number and without a timer: the generic cell rate algorithm (ITU-T I.371).

use crate::ids::Time;

/// Nanoseconds of a millisecond: what [`Time`] counts.
const MS: i64 = 1_000_000;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000 * MS;

/// Most that a rate may allow a second: 1,000,000. Far more than one node decides, and far from what rounding can reach.
pub const PER_SECOND_MAX: u32 = 1_000_000;

/// So many per second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Sustained, 1 to [`PER_SECOND_MAX`].
    pub per_second: u32,
    /// At once, 1 or more.
    pub burst: u32,
}

impl RateLimit {
    /// A rate whose burst is what it allows in a second.
    #[must_use]
    pub const fn of_a_second(per_second: u32) -> Self {
        Self { per_second, burst: per_second }
    }

    /// Nanoseconds that one takes, rounded up: never more than the rate.
    fn interval(self) -> i64 {
        let per_second = i64::from(self.per_second.clamp(1, PER_SECOND_MAX));
        (SECOND + per_second - 1) / per_second
    }

    /// Nanoseconds that a whole burst takes.
    fn window(self) -> i64 {
        self.interval().saturating_mul(i64::from(self.burst.max(1)))
    }

    /// Seconds in which a whole burst comes back, at least 1.
    #[must_use]
    pub fn window_seconds(self) -> u64 {
        self.window().unsigned_abs().div_ceil(SECOND.unsigned_abs()).max(1)
    }
}

/// How much of a rate one caller has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The rate.
    pub limit: RateLimit,
    /// How many may be taken now.
    pub remaining: u32,
    /// Milliseconds until a whole burst may be taken again; 0 when it may be now.
    pub full_in_ms: u64,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// So many milliseconds later it may be taken, at least 1.
    Wait(u64),
    /// It is more than a whole burst: waiting does not help.
    TooMany,
}

/// How far ahead of its rate one caller is. The default has used nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds since 1970 at which the caller has used nothing any more.
    empty_at: i64,
}

impl Rate {
    /// Takes one.
    ///
    /// # Errors
    /// Milliseconds until one may be taken, at least 1; nothing was taken.
    pub fn take(&mut self, limit: RateLimit, now: Time) -> Result<(), u64> {
        match self.take_many(1, limit, now) {
            Ok(()) => Ok(()),
            Err(Denied::Wait(ms)) => Err(ms),
            // One is no more than the smallest burst.
            Err(Denied::TooMany) => Err(1_000),
        }
    }

    /// Takes `count` at once, or none.
    ///
    /// # Errors
    /// How long to wait, or that waiting does not help; nothing was taken.
    pub fn take_many(&mut self, count: u32, limit: RateLimit, now: Time) -> Result<(), Denied> {
        if count > limit.burst.max(1) {
            return Err(Denied::TooMany);
        }
        let now = nanoseconds(now);
        // Kept also where nothing is taken, or a clock that was set back would stand still for this caller.
        self.empty_at = self.used_until(limit, now);
        let empty_at = self.empty_at.saturating_add(limit.interval().saturating_mul(i64::from(count)));
        let allowed = now.saturating_add(limit.window());
        if empty_at > allowed {
            let ms = empty_at.saturating_sub(allowed).unsigned_abs().div_ceil(MS.unsigned_abs());
            return Err(Denied::Wait(ms.max(1)));
        }
        self.empty_at = empty_at;
        Ok(())
    }

    /// Gives back one that was taken. Never makes more of it than a burst.
    pub fn give_back(&mut self, limit: RateLimit) {
        self.empty_at = self.empty_at.saturating_sub(limit.interval());
    }

    /// What is left.
    #[must_use]
    pub fn allowance(self, limit: RateLimit, now: Time) -> Allowance {
        let now = nanoseconds(now);
        let used = self.used_until(limit, now).saturating_sub(now);
        let remaining = limit.window().saturating_sub(used).max(0) / limit.interval();
        let full_in_ms = used.unsigned_abs().div_ceil(MS.unsigned_abs());
        Allowance { limit, remaining: u32::try_from(remaining).unwrap_or(u32::MAX), full_in_ms }
    }

    /// Whether nothing is used any more, so that the caller need not be remembered.
    #[must_use]
    pub const fn is_empty(self, now: Time) -> bool {
        self.empty_at <= nanoseconds(now)
    }

    /// Never further ahead than a whole burst: a clock that was set back, or a limit that was lowered, must not lock anybody
    /// out for longer than that.
    fn used_until(self, limit: RateLimit, now: i64) -> i64 {
        self.empty_at.clamp(now, now.saturating_add(limit.window()))
    }
}

const fn nanoseconds(time: Time) -> i64 {
    time.0.saturating_mul(MS)
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Denied, PER_SECOND_MAX, Rate, RateLimit, Time};
    use proptest::prelude::*;

    const NOW: Time = Time(1_800_000_000_000);
    const LIMIT: RateLimit = RateLimit { per_second: 20, burst: 40 };

    #[test]
    fn a_burst_passes_then_the_rate_holds_and_waiting_as_told_is_enough() {
        let (mut rate, now) = (Rate::default(), NOW);
        assert!((0..40).all(|_| rate.take(LIMIT, now).is_ok()));
        let wait = rate.take(LIMIT, now).unwrap_err();
        assert_eq!(wait, 50);
        assert!(rate.take(LIMIT, now.plus(wait as i64 - 1)).is_err());
        assert!(rate.take(LIMIT, now.plus(wait as i64)).is_ok());
        assert!(!rate.is_empty(now.plus(1_999)) && rate.is_empty(now.plus(3_000)));
    }

    #[test]
    fn many_are_taken_together_or_not_at_all_and_more_than_a_burst_never() {
        let mut rate = Rate::default();
        assert_eq!(rate.take_many(41, LIMIT, NOW), Err(Denied::TooMany));
        assert_eq!(rate, Rate::default());
        assert_eq!(rate.take_many(30, LIMIT, NOW), Ok(()));
        assert_eq!(rate.take_many(11, LIMIT, NOW), Err(Denied::Wait(50)));
        assert_eq!(rate.take_many(10, LIMIT, NOW), Ok(()));
        assert_eq!(rate.take_many(1, LIMIT, NOW), Err(Denied::Wait(50)));
        assert_eq!(rate.take_many(0, LIMIT, NOW), Ok(()));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_is_never_more_than_a_burst() {
        let mut rate = Rate::default();
        rate.take_many(40, LIMIT, NOW).unwrap();
        rate.give_back(LIMIT);
        assert_eq!((rate.take(LIMIT, NOW), rate.take(LIMIT, NOW)), (Ok(()), Err(50)));
        let later = NOW.plus(10_000);
        rate.give_back(LIMIT);
        assert_eq!(rate.allowance(LIMIT, later).remaining, 40);
        assert_eq!((rate.take_many(40, LIMIT, later), rate.take(LIMIT, later)), (Ok(()), Err(50)));
    }

    #[test]
    fn what_is_left_is_told_exactly() {
        let mut rate = Rate::default();
        let told = |rate: Rate, now| {
            let Allowance { limit, remaining, full_in_ms } = rate.allowance(LIMIT, now);
            assert_eq!(limit, LIMIT);
            (remaining, full_in_ms)
        };
        assert_eq!(told(rate, NOW), (40, 0));
        rate.take_many(3, LIMIT, NOW).unwrap();
        assert_eq!(told(rate, NOW), (37, 150));
        assert_eq!(told(rate, NOW.plus(49)), (37, 101));
        assert_eq!(told(rate, NOW.plus(50)), (38, 100));
        rate.take_many(37, LIMIT, NOW).unwrap();
        assert_eq!(told(rate, NOW), (0, 2_000));
        assert_eq!((LIMIT.window_seconds(), RateLimit { per_second: 50, burst: 1 }.window_seconds()), (2, 1));
        assert_eq!(RateLimit { per_second: 20, burst: 41 }.window_seconds(), 3);
    }

    #[test]
    fn a_clock_set_back_and_a_limit_lowered_lock_nobody_out_for_longer_than_a_burst() {
        let mut rate = Rate::default();
        rate.take_many(40, LIMIT, NOW).unwrap();
        let earlier = NOW.plus(-3_600_000);
        assert_eq!(rate.take(LIMIT, earlier), Err(50));
        assert_eq!(rate.allowance(LIMIT, earlier).full_in_ms, 2_000);
        assert_eq!(rate.take(LIMIT, earlier.plus(50)), Ok(()));
        let lowered = RateLimit { per_second: 20, burst: 1 };
        assert_eq!(rate.take(lowered, earlier.plus(50)), Err(50));
        assert_eq!(rate.take(lowered, earlier.plus(100)), Ok(()));
    }

    #[test]
    fn the_highest_rate_is_still_a_rate() {
        let limit = RateLimit { per_second: u32::MAX, burst: 2 };
        let mut rate = Rate::default();
        assert_eq!((rate.take(limit, NOW), rate.take(limit, NOW)), (Ok(()), Ok(())));
        assert_eq!(rate.take(limit, NOW), Err(1));
        assert_eq!(RateLimit::of_a_second(PER_SECOND_MAX).window_seconds(), 1);
    }

    proptest! {
        /// The promise: over any steps of the clock, no more is taken than a burst and what the time that went forward allows.
        #[test]
        fn no_more_is_taken_than_burst_and_time_allow_whatever_the_clock_does(
            per_second in 1_u32..2_000,
            burst in 1_u32..100,
            steps in prop::collection::vec((-5_000_i64..500, 1_u32..60), 1..200),
        ) {
            let limit = RateLimit { per_second, burst };
            let (mut rate, mut now, mut taken, mut forward) = (Rate::default(), NOW, 0_u64, 0_u64);
            for (ms, count) in steps {
                now = now.plus(ms);
                forward += u64::try_from(ms).unwrap_or(0);
                let left = rate.allowance(limit, now);
                match rate.take_many(count, limit, now) {
                    Ok(()) => {
                        taken += u64::from(count);
                        prop_assert!(count <= left.remaining);
                    }
                    Err(Denied::TooMany) => prop_assert!(count > burst),
                    Err(Denied::Wait(wait)) => {
                        prop_assert!(count > left.remaining && wait <= left.full_in_ms.max(1));
                        let (mut early, mut late) = (rate, rate);
                        let before = i64::try_from(wait).unwrap() - 1;
                        prop_assert!(early.take_many(count, limit, now.plus(before)).is_err());
                        prop_assert!(late.take_many(count, limit, now.plus(before + 1)).is_ok());
                    }
                }
            }
            prop_assert!(taken * 1_000 <= u64::from(burst) * 1_000 + forward * u64::from(per_second));
        }
    }
}
