//! How a server leaves: who is closed when, and when each client comes back.
//!
//! Clients that lose their server at one moment come back at one moment. A plan gives each its own: the moments lie evenly
//! over a window, whose length is what so many clients need at the wanted rate, and sessions are closed in small batches
//! on the way, each with the delay that is left until its moment. Pure: `now` is an argument.

use crate::ids::Time;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Time between two batches: 50 ms.
pub const BATCH_MS: u64 = 50;

/// How a server leaves: section `[drain]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrainSettings {
    /// How many clients a second are to come back: 500.
    pub reconnects_per_second: u32,
    /// The longest that closing sessions may take: 20,000 ms. With more clients than fit, more come back a second.
    pub window_ms_max: u64,
    /// How long each client stays away besides: 0 ms, for another server takes it at once. Where the same one comes back, as
    /// long as the window and the start together.
    pub pause_ms: u64,
}

impl Default for DrainSettings {
    fn default() -> Self {
        Self { reconnects_per_second: 500, window_ms_max: 20_000, pause_ms: 0 }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("drain.{field} is {found}, {needed}")]
pub struct DrainError {
    /// Which.
    pub field: &'static str,
    /// Its value.
    pub found: u64,
    /// What it must be.
    pub needed: &'static str,
}

/// The longest window and the longest pause: an hour.
const LONGEST_MS: u64 = 60 * 60 * 1_000;

impl DrainSettings {
    /// Checks that a plan can be made of them.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn validate(&self) -> Result<(), DrainError> {
        let rate = u64::from(self.reconnects_per_second);
        if rate == 0 {
            return Err(DrainError { field: "reconnects_per_second", found: rate, needed: "at least 1 is needed" });
        }
        for (field, found) in [("window_ms_max", self.window_ms_max), ("pause_ms", self.pause_ms)] {
            if found > LONGEST_MS {
                return Err(DrainError { field, found, needed: "at most 3600000 is allowed" });
            }
        }
        Ok(())
    }
}

/// A server that is leaving: connections by their number in the plan, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    started: Time,
    connections: u64,
    window_ms: u64,
    pause_ms: u64,
    closed: u64,
}

impl Drain {
    /// A plan for so many connections that begins now.
    ///
    /// ```
    /// use tidings_engine::drain::{Drain, DrainSettings};
    /// use tidings_engine::ids::Time;
    /// let drain = Drain::plan(2_000, &DrainSettings::default(), Time(0));
    /// assert_eq!(drain.window_ms(), 4_000);
    /// ```
    #[must_use]
    pub fn plan(connections: usize, settings: &DrainSettings, now: Time) -> Self {
        let connections = connections as u64;
        let needed_ms = connections.saturating_mul(1_000).div_ceil(u64::from(settings.reconnects_per_second.max(1)));
        let window_ms = needed_ms.min(settings.window_ms_max);
        Self { started: now, connections, window_ms, pause_ms: settings.pause_ms, closed: 0 }
    }

    /// How long closing takes, in milliseconds: at most the longest window.
    #[must_use]
    pub const fn window_ms(&self) -> u64 {
        self.window_ms
    }

    /// When the last session is closed at the latest.
    #[must_use]
    pub fn ends(&self) -> Time {
        self.started.plus(i64::try_from(self.window_ms).unwrap_or(i64::MAX))
    }

    /// When the next batch is due; `None` once all are closed.
    #[must_use]
    pub fn next_batch(&self) -> Option<Time> {
        let turn = self.turn(self.closed);
        let batch = turn - turn % BATCH_MS;
        (self.closed < self.connections).then(|| self.started.plus(i64::try_from(batch).unwrap_or(i64::MAX)))
    }

    /// The connections that are to be closed now: those whose turn has come, or comes before the next batch. Each is
    /// named once.
    pub fn due(&mut self, now: Time) -> Range<usize> {
        let until = self.elapsed(now).saturating_add(BATCH_MS);
        let first = self.closed;
        while self.closed < self.connections && self.turn(self.closed) < until {
            self.closed += 1;
        }
        let index = |number| usize::try_from(number).unwrap_or(usize::MAX);
        index(first)..index(self.closed)
    }

    /// The delay for the client of a connection that is closed now: milliseconds.
    #[must_use]
    pub fn returns_after_ms(&self, connection: usize, now: Time) -> u64 {
        self.turn(connection as u64).saturating_sub(self.elapsed(now)) + self.pause_ms
    }

    /// When a newcomer that is sent away may try again: after the last has been closed and has stayed away. Milliseconds.
    #[must_use]
    pub fn newcomer_after_ms(&self, now: Time) -> u64 {
        self.window_ms.saturating_sub(self.elapsed(now)) + self.pause_ms
    }

    /// Its moment within the window.
    const fn turn(&self, connection: u64) -> u64 {
        match connection.saturating_mul(self.window_ms).checked_div(self.connections) {
            Some(turn) => turn,
            None => 0,
        }
    }

    fn elapsed(&self, now: Time) -> u64 {
        u64::try_from(now.since(self.started)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_MS, Drain, DrainSettings};
    use crate::ids::Time;
    use proptest::prelude::*;

    const NOW: Time = Time(1_800_000_000_000);

    /// What a server does whose timers are late by up to `late_ms`: when each connection was closed, and when its client
    /// is back, in milliseconds from the start.
    fn leave(connections: usize, settings: &DrainSettings, late_ms: u64) -> Vec<(u64, u64)> {
        let mut drain = Drain::plan(connections, settings, NOW);
        let (mut told, mut random) = (Vec::new(), 1_u64);
        while let Some(at) = drain.next_batch() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let now = at.plus(i64::try_from((random >> 33) % (late_ms + 1)).unwrap());
            let due = drain.due(now);
            assert_eq!(due.start, told.len(), "a connection was left out or told twice");
            let closed = u64::try_from(now.since(NOW)).unwrap();
            told.extend(due.map(|index| (closed, closed + drain.returns_after_ms(index, now))));
        }
        told
    }

    /// Clients that come back in each second.
    fn by_second(told: &[(u64, u64)], pause_ms: u64) -> Vec<usize> {
        let mut seconds = vec![0; 25];
        told.iter().for_each(|(_, back)| seconds[usize::try_from((back - pause_ms) / 1_000).unwrap()] += 1);
        seconds.truncate(seconds.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
        seconds
    }

    #[test]
    fn fifty_thousand_come_back_at_the_rate_of_the_plan() {
        for (late_ms, pause_ms) in [(0, 0), (40, 0), (40, 25_000)] {
            let settings = DrainSettings { pause_ms, ..DrainSettings::default() };
            let told = leave(50_000, &settings, late_ms);
            assert_eq!(told.len(), 50_000);
            let seconds = by_second(&told, pause_ms);
            let planned = 50_000 / 20;
            // A late batch lets those of the end run over.
            assert!(seconds.len() <= 21, "{seconds:?}");
            for count in &seconds[..20] {
                assert!(
                    count.abs_diff(planned) <= planned / 10,
                    "{count} a second, {planned} are planned: {seconds:?}"
                );
            }
        }
    }

    #[test]
    fn they_are_closed_in_batches_and_none_before_its_time() {
        let told = leave(50_000, &DrainSettings::default(), 0);
        let mut batches = vec![0_usize; 401];
        told.iter().for_each(|(closed, _)| batches[usize::try_from(closed / BATCH_MS).unwrap()] += 1);
        assert!(batches[..400].iter().all(|count| count.abs_diff(125) <= 1), "{batches:?}");
        assert!(told.iter().all(|(closed, back)| back - closed < BATCH_MS), "somebody waits longer than its batch");
    }

    #[test]
    fn few_connections_need_no_window_and_none_no_time_at_all() {
        let settings = DrainSettings::default();
        assert_eq!(Drain::plan(0, &settings, NOW).next_batch(), None);
        assert_eq!(leave(3, &settings, 0), [(0, 0), (0, 2), (0, 4)]);
        let none = DrainSettings { window_ms_max: 0, ..settings };
        assert_eq!(leave(3, &none, 0), [(0, 0); 3]);
    }

    #[test]
    fn settings_that_give_no_plan_are_refused() {
        let wrong = |settings: DrainSettings| settings.validate().unwrap_err().field;
        let settings = DrainSettings::default();
        assert_eq!(settings.validate(), Ok(()));
        assert_eq!(wrong(DrainSettings { reconnects_per_second: 0, ..settings }), "reconnects_per_second");
        assert_eq!(wrong(DrainSettings { window_ms_max: 3_600_001, ..settings }), "window_ms_max");
        assert_eq!(wrong(DrainSettings { pause_ms: 3_600_001, ..settings }), "pause_ms");
    }

    proptest! {
        #[test]
        fn every_connection_is_closed_once_within_the_window(
            connections in 0..20_000_usize,
            reconnects_per_second in 1..20_000_u32,
            window_ms_max in 0..30_000_u64,
            pause_ms in 0..30_000_u64,
            late_ms in 0..200_u64,
        ) {
            let settings = DrainSettings { reconnects_per_second, window_ms_max, pause_ms };
            let plan = Drain::plan(connections, &settings, NOW);
            let told = leave(connections, &settings, late_ms);
            prop_assert_eq!(told.len(), connections);
            for (closed, back) in told {
                prop_assert!(closed <= plan.window_ms() + late_ms);
                prop_assert!(back >= closed + pause_ms && back <= plan.window_ms() + late_ms + pause_ms);
            }
        }
    }
}
