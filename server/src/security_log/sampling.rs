//! Which lines are written when there are too many: each kind of line from each neighbourhood has a rate, all together have
//! one, and what is left out is counted.

use super::address::Neighbourhood;
use std::collections::HashMap;
use tidings_engine::ids::Time;
use tidings_engine::rate::{Rate, RateLimit};

/// Lines of one kind from one neighbourhood: 16 at once, then one a second.
const EACH: RateLimit = RateLimit { per_second: 1, burst: 16 };

/// Such lines of all kinds from everywhere: 1,000 at once, then 200 a second.
const ALL: RateLimit = RateLimit { per_second: 200, burst: 1_000 };

/// Most kinds and neighbourhoods that are remembered: 16,384, about 2 MiB. What comes beyond them is counted by its kind alone.
const SOURCES_COUNT_MAX: usize = 16 * 1024;

/// Of a line: all that makes it another kind. The words are ours, so there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) event: &'static str,
    pub(super) carrier: &'static str,
    pub(super) reason: &'static str,
}

/// Where lines of a kind come from. Without a neighbourhood: from all that found no place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) kind: Kind,
    pub(super) neighbourhood: Option<Neighbourhood>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    rate: Rate,
    left_out: u64,
}

/// The counters. `now` is an argument.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    sources: HashMap<Source, Counted>,
    all: Rate,
}

impl Sampling {
    /// Whether a line is written, and how many like it were left out since the last one. `None`: it is left out and counted.
    pub(super) fn take(&mut self, kind: Kind, neighbourhood: Neighbourhood, now: Time) -> Option<u64> {
        let mut source = Source { kind, neighbourhood: Some(neighbourhood) };
        if self.sources.len() >= SOURCES_COUNT_MAX && !self.sources.contains_key(&source) {
            source.neighbourhood = None;
        }
        let counted = self.sources.entry(source).or_default();
        Self::written(&mut self.all, counted, now).or_else(|| {
            counted.left_out += 1;
            None
        })
    }

    /// What was left out and is not told yet, as far as lines may be written now. Forgets who was quiet: to be called about
    /// once a second.
    pub(super) fn left_out(&mut self, now: Time) -> Vec<(Source, u64)> {
        let Self { sources, all } = self;
        let mut told = Vec::new();
        for (source, counted) in sources.iter_mut().filter(|(_, counted)| counted.left_out > 0) {
            if let Some(left_out) = Self::written(all, counted, now) {
                told.push((*source, left_out));
            }
        }
        sources.retain(|_, counted| counted.left_out > 0 || !counted.rate.is_empty(now));
        told
    }

    fn written(all: &mut Rate, counted: &mut Counted, now: Time) -> Option<u64> {
        let mut own = counted.rate;
        own.take(EACH, now).ok()?;
        // Taken only where a line of this source may be written: a flood from one place leaves the others their lines.
        all.take(ALL, now).ok()?;
        counted.rate = own;
        Some(std::mem::take(&mut counted.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, EACH, Kind, Neighbourhood, SOURCES_COUNT_MAX, Sampling, Time};

    const KIND: Kind = Kind { event: "refused", carrier: "websocket", reason: "token_expired" };
    const HERE: Neighbourhood = Neighbourhood::V4([203, 0, 113]);
    const NOW: Time = Time(1_800_000_000_000);

    #[test]
    fn a_flood_from_one_place_is_some_lines_then_one_a_second_and_nothing_is_uncounted() {
        let mut sampling = Sampling::default();
        let (mut lines, mut told) = (0, 0);
        for millisecond in 0..10_000 {
            if let Some(left_out) = sampling.take(KIND, HERE, NOW.plus(millisecond)) {
                (lines, told) = (lines + 1, told + left_out);
            }
        }
        assert_eq!(lines, u64::from(EACH.burst) + 9);
        // The rest is told when it has become quiet.
        let rest: u64 = sampling.left_out(NOW.plus(11_000)).iter().map(|(_, left_out)| left_out).sum();
        assert_eq!(lines + told + rest, 10_000);
        assert!(sampling.left_out(NOW.plus(12_000)).is_empty(), "told once");
    }

    #[test]
    fn another_kind_and_another_place_have_lines_of_their_own() {
        let mut sampling = Sampling::default();
        while sampling.take(KIND, HERE, NOW).is_some() {}
        let other = Kind { reason: "origin", ..KIND };
        assert_eq!(sampling.take(other, HERE, NOW), Some(0));
        assert_eq!(sampling.take(KIND, Neighbourhood::V4([203, 0, 114]), NOW), Some(0));
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_in_lines_and_in_memory() {
        let mut sampling = Sampling::default();
        let mut lines = 0;
        for place in 0..40_000_u32 {
            let [_, a, b, c] = place.to_be_bytes();
            lines += u32::from(sampling.take(KIND, Neighbourhood::V4([a, b, c]), NOW).is_some());
        }
        assert_eq!(lines, ALL.burst);
        assert!(sampling.sources.len() <= SOURCES_COUNT_MAX + 1);
        let mut told = 0;
        for second in 1..200 {
            let now = NOW.plus(second * 1_000);
            let some = sampling.left_out(now);
            assert!(some.len() <= ALL.burst as usize);
            told += some.iter().map(|(_, left_out)| left_out).sum::<u64>();
        }
        assert_eq!(u64::from(lines) + told, 40_000);
        assert!(sampling.sources.is_empty(), "whoever is quiet is forgotten");
    }
}
