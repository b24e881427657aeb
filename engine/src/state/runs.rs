use crate::item::Flags;

/// What an inbox shows of its tenant's list for everyone: entries by their index, in runs of the same states.
///
/// Whoever marks all of it has one run, and a mark on one entry splits one: an inbox holds what its owner did, not the list.
/// What dropped off lies before the first run; what was removed is a run of its own that shows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// Index of the first entry of the first run.
    from: u32,
    /// How many entries show.
    shown: u32,
    runs: Vec<Run>,
}

/// Entries that follow each other and have the same states: 6 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(2))]
pub(super) struct Run {
    /// Index after its last entry.
    pub(super) end: u32,
    pub(super) flags: Flags,
}

/// The states of whatever shows no more: nobody asks which others it had.
const GONE: Flags = Flags(Flags::DELETED);

impl Run {
    const fn shows(self) -> bool {
        !self.flags.has(Flags::DELETED)
    }
}

impl Runs {
    /// Nothing yet; the next entry is the one with this index.
    pub(super) const fn starting(from: u32) -> Self {
        Self { from, shown: 0, runs: Vec::new() }
    }

    /// Runs as they were: from an index on. `None` when they do not follow each other.
    pub(super) fn restored(from: u32, runs: Vec<Run>) -> Option<Self> {
        let (mut at, mut shown) = (from, 0);
        for run in &runs {
            let count = { run.end }.checked_sub(at).filter(|count| *count > 0)?;
            shown += if run.shows() { count } else { 0 };
            at = run.end;
        }
        let mut restored = Self { from, shown, runs };
        restored.trim();
        Some(restored)
    }

    pub(super) const fn from(&self) -> u32 {
        self.from
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many entries show.
    pub(super) const fn shown(&self) -> usize {
        self.shown as usize
    }

    /// Takes over fresh entries up to before an index.
    pub(super) fn extend(&mut self, end: u32) {
        let begin = self.end();
        if end > begin {
            self.shown += end - begin;
            append(&mut self.runs, end, Flags::default());
        }
    }

    /// Index after the last entry that was taken over.
    fn end(&self) -> u32 {
        self.runs.last().map_or(self.from, |run| run.end)
    }

    /// States of an entry that shows.
    pub(super) fn get(&self, index: u32) -> Option<Flags> {
        if index < self.from {
            return None;
        }
        self.runs.get(self.place(index)).filter(|run| run.shows()).map(|run| run.flags)
    }

    /// Gives an entry that shows other states; those of a deleted one take it out.
    pub(super) fn set(&mut self, index: u32, flags: Flags) {
        let Some(before) = self.get(index) else { return };
        let flags = if flags.has(Flags::DELETED) { GONE } else { flags };
        if flags == before {
            return;
        }
        let place = self.place(index);
        let begin = place.checked_sub(1).map_or(self.from, |before| self.runs[before].end);
        let whole = self.runs[place];
        let (first, last) = (place.saturating_sub(1), (place + 2).min(self.runs.len()));
        let mut around = Vec::with_capacity(5);
        around.extend_from_slice(&self.runs[first..place]);
        if index > begin {
            append(&mut around, index, before);
        }
        append(&mut around, index + 1, flags);
        append(&mut around, whole.end, before);
        self.runs[place + 1..last].iter().for_each(|run| append(&mut around, run.end, run.flags));
        self.runs.splice(first..last, around);
        if flags == GONE {
            self.shown -= 1;
            self.trim();
        }
    }

    /// Takes out an entry; nothing happens when it does not show.
    pub(super) fn remove(&mut self, index: u32) {
        self.set(index, GONE);
    }

    /// Index of the oldest entry that shows.
    pub(super) fn oldest(&self) -> Option<u32> {
        (!self.runs.is_empty()).then_some(self.from)
    }

    /// Drops the oldest entries that show, at most `count` of them and none from the index `before` on; how many.
    pub(super) fn drop_oldest(&mut self, count: u32, before: u32) -> u32 {
        let mut dropped = 0;
        let mut passed = 0;
        for run in &self.runs {
            let begin = self.from;
            let end = { run.end }.min(before.max(begin));
            let end = if run.shows() { end.min(begin + (count - dropped)) } else { end };
            dropped += if run.shows() { end - begin } else { 0 };
            self.from = end;
            if end < run.end {
                break;
            }
            passed += 1;
        }
        self.runs.drain(..passed);
        self.shown -= dropped;
        self.trim();
        dropped
    }

    /// Gives every entry that shows, up to before an index, the states that `whole` says for all with the same states, or
    /// `each` where that depends on the entry.
    pub(super) fn change(
        &mut self,
        end: u32,
        whole: impl Fn(Flags) -> Option<Flags>,
        each: impl Fn(u32, Flags) -> Flags,
    ) {
        let mut changed = Vec::with_capacity(self.runs.len());
        let mut at = self.from;
        for run in &self.runs {
            let through = end.min(run.end);
            if run.shows() && at < through {
                let step = |changed: &mut Vec<Run>, shown: &mut u32, before: u32, until: u32, after: Flags| {
                    let is_gone = after.has(Flags::DELETED);
                    *shown -= if is_gone { until - before } else { 0 };
                    append(changed, until, if is_gone { GONE } else { after });
                };
                match whole(run.flags) {
                    Some(after) => step(&mut changed, &mut self.shown, at, through, after),
                    None => (at..through).for_each(|index| {
                        step(&mut changed, &mut self.shown, index, index + 1, each(index, run.flags));
                    }),
                }
            }
            at = at.max(run.end);
            if changed.last().map_or(self.from, |last: &Run| last.end) < at {
                append(&mut changed, at, run.flags);
            }
        }
        changed.shrink_to(changed.len() + changed.len() / 4);
        self.runs = changed;
        self.trim();
    }

    /// Every entry that shows, oldest first, with its states.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Flags)> {
        let begins = std::iter::once(self.from).chain(self.runs.iter().map(|run| run.end));
        let runs = begins.zip(&self.runs).filter(|(_, run)| run.shows());
        runs.flat_map(|(begin, run)| (begin..run.end).map(|index| (index, run.flags)))
    }

    /// Which run an index lies in.
    fn place(&self, index: u32) -> usize {
        self.runs.partition_point(|run| run.end <= index)
    }

    /// What was removed at the start lies before everything.
    fn trim(&mut self) {
        let gone = self.runs.iter().take_while(|run| !run.shows()).count();
        if let Some(last) = self.runs[..gone].last() {
            self.from = last.end;
            self.runs.drain(..gone);
        }
    }
}

/// Adds entries up to before an index to runs, to the last of them where they have the same states.
fn append(runs: &mut Vec<Run>, end: u32, flags: Flags) {
    match runs.last_mut() {
        Some(last) if last.end >= end => {}
        Some(last) if { last.flags } == flags => last.end = end,
        _ => runs.push(Run { end, flags }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Flags, GONE, Run, Runs};
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Extend(u32),
        Set(u32, u16),
        DropOldest(u32, u32),
        Change(u32, u32, u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        let states = prop_oneof![Just(0), Just(Flags::READ), Just(Flags::SEEN | Flags::READ), Just(Flags::DELETED)];
        prop_oneof![
            (0..6_u32).prop_map(Step::Extend),
            (0..60_u32, states.clone()).prop_map(|(index, states)| Step::Set(index, states)),
            (0..8_u32, 0..70_u32).prop_map(|(count, before)| Step::DropOldest(count, before)),
            (0..60_u32, 1..4_u32, states).prop_map(|(end, every, states)| Step::Change(end, every, states)),
        ]
    }

    /// Entries that show, one by one.
    fn plain_step(plain: &mut Vec<(u32, Flags)>, end: &mut u32, step: &Step) {
        match *step {
            Step::Extend(more) => {
                plain.extend((*end..*end + more).map(|index| (index, Flags::default())));
                *end += more;
            }
            Step::Set(index, states) => {
                plain.iter_mut().filter(|one| one.0 == index).for_each(|one| one.1 = Flags(states));
            }
            Step::DropOldest(count, before) => {
                let count = plain.iter().take(count as usize).take_while(|one| one.0 < before).count();
                plain.drain(..count);
            }
            Step::Change(until, every, states) => {
                let chosen = plain.iter_mut().filter(|one| one.0 < until && one.0 % every == 0);
                chosen.for_each(|one| one.1 = Flags(states));
            }
        }
        plain.retain(|(_, flags)| !flags.has(Flags::DELETED));
    }

    fn runs_step(runs: &mut Runs, end: &mut u32, step: &Step) -> Option<u32> {
        match *step {
            Step::Extend(more) => {
                *end += more;
                runs.extend(*end);
            }
            Step::Set(index, states) => runs.set(index, Flags(states)),
            Step::DropOldest(count, before) => return Some(runs.drop_oldest(count, before)),
            Step::Change(until, every, states) => {
                // Some runs as a whole where all of their entries are chosen.
                let whole = |_: Flags| (every == 1).then_some(Flags(states));
                runs.change(until, whole, |index, flags| if index % every == 0 { Flags(states) } else { flags });
            }
        }
        None
    }

    proptest! {
        #[test]
        fn runs_show_what_single_entries_would(from in 0..5_u32, steps in prop::collection::vec(step(), 0..60)) {
            let (mut runs, mut plain) = (Runs::starting(from), Vec::new());
            let (mut end, mut plain_end) = (from, from);
            for step in steps {
                let before = plain.len();
                plain_step(&mut plain, &mut plain_end, &step);
                if let Some(dropped) = runs_step(&mut runs, &mut end, &step) {
                    prop_assert_eq!(dropped as usize, before - plain.len());
                }
                prop_assert_eq!(runs.iter().collect::<Vec<_>>(), plain.clone());
                prop_assert_eq!(runs.shown(), plain.len());
                prop_assert_eq!(runs.oldest(), plain.first().map(|one| one.0));
                for index in 0..70 {
                    let expected = plain.iter().find(|one| one.0 == index).map(|one| one.1);
                    prop_assert_eq!(runs.get(index), expected);
                }
                // As few as there can be, none of them empty, and the same when they come back.
                let runs_of = runs.runs();
                let differ = runs_of.windows(2).all(|pair| { pair[0].flags } != pair[1].flags);
                prop_assert!(differ);
                prop_assert_eq!(Runs::restored(runs.from(), runs_of.to_vec()), Some(runs.clone()));
            }
        }
    }

    #[test]
    fn runs_that_do_not_follow_each_other_are_refused() {
        let run = |end, flags| Run { end, flags };
        assert!(Runs::restored(3, vec![run(3, GONE)]).is_none());
        assert!(Runs::restored(3, vec![run(5, Flags(0)), run(4, GONE)]).is_none());
    }
}
