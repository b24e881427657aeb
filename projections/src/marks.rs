//! Marks on the items of one inbox. What each mark does, and which items refuse it or are passed by, is told by
//! [`Flags`] alone; here it is asked once and done to whole bitsets.

use crate::table::Table;
use fixedbitset::FixedBitSet;
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::{Filter, Flags, Mark};

/// Every state that an item which is there can have.
const EVERY: Flags = Flags(Flags::SEEN | Flags::READ | Flags::ARCHIVED | Flags::SNOOZED);

/// What a mark on items did.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    /// Items with other states now, ascending.
    pub(crate) changed: Vec<Position>,
    /// Items that are gone, ascending.
    pub(crate) removed: Vec<Position>,
}

/// A mark as sets of states: after it an item has what it had, with `sets`, without `clears`.
struct Effect {
    sets: Flags,
    clears: Flags,
}

impl Effect {
    fn of(mark: Mark) -> Self {
        Self { sets: Flags::default().with(mark), clears: Flags(EVERY.0 & !EVERY.with(mark).0) }
    }
}

impl Table {
    /// Puts a mark on items. Those that are not here, refuse it or have it already stay as they are.
    pub(crate) fn mark(&mut self, mark: Mark, items: &[Position], at: (Position, Time)) -> Marked {
        let mut marked = Marked::default();
        for notification in items {
            let Some(ordinal) = self.ordinal(*notification) else { continue };
            let before = self.facets.flags(ordinal);
            let after = before.with(mark);
            if before.refuses(mark) || after == before {
                continue;
            }
            if after.has(Flags::DELETED) {
                marked.removed.push(*notification);
                continue;
            }
            self.facets.set_flags(ordinal, after);
            self.columns.stamp(ordinal, before, after, at);
            marked.changed.push(*notification);
        }
        marked.changed.sort_unstable();
        marked.removed.sort_unstable();
        marked.removed.dedup();
        for notification in &marked.removed {
            if let Some(ordinal) = self.ordinal(*notification) {
                self.bury(ordinal, at.0);
            }
        }
        self.close_holes();
        marked
    }

    /// Puts a mark on every item up to an order key that the filter matches; how many changed.
    pub(crate) fn mark_all(&mut self, mark: Mark, filter: &Filter, up_to: Position, at: (Position, Time)) -> usize {
        let mut covered = self.covered(mark, filter, up_to);
        let effect = Effect::of(mark);
        if effect.sets.has(Flags::DELETED) {
            let removed = covered.count_ones(..);
            covered.ones().for_each(|ordinal| self.bury(ordinal, at.0));
            self.close_holes();
            return removed;
        }
        self.keep_those_that_change(&mut covered, &effect);
        self.stamp_all(&covered, &effect, at);
        self.facets.set_states(&covered, effect.sets, effect.clears);
        covered.count_ones(..)
    }

    /// What `Columns::stamp` does to one item, to many and one column after the other: the states are still
    /// those before.
    fn stamp_all(&mut self, covered: &FixedBitSet, effect: &Effect, at: (Position, Time)) {
        let (position, time) = at;
        let Self { columns, facets, .. } = self;
        covered.ones().for_each(|ordinal| columns.changed[ordinal] = position);
        for (bit, column) in [(Flags::READ, &mut columns.read), (Flags::ARCHIVED, &mut columns.archived)] {
            let had = facets.state(bit);
            if effect.sets.has(bit) {
                covered.difference(had).for_each(|ordinal| column[ordinal] = Some(time));
            } else if effect.clears.has(bit) {
                covered.intersection(had).for_each(|ordinal| column[ordinal] = None);
            }
        }
        if effect.sets.has(Flags::SEEN) {
            let fresh = covered.difference(facets.state(Flags::SEEN));
            fresh.for_each(|ordinal| {
                columns.first_seen[ordinal].get_or_insert(time);
            });
        }
    }

    fn covered(&self, mark: Mark, filter: &Filter, up_to: Position) -> FixedBitSet {
        let mut covered = self.matching(filter);
        for bit in [Flags::ARCHIVED, Flags::SNOOZED] {
            if Flags(bit).skipped_by_all(mark) {
                covered.difference_with(self.facets.state(bit));
            }
        }
        let end = self.ordinals_up_to(up_to.0).min(covered.len());
        covered.set_range(end.., false);
        covered
    }

    fn keep_those_that_change(&self, covered: &mut FixedBitSet, effect: &Effect) {
        let mut same = covered.clone();
        for bit in [Flags::SEEN, Flags::READ, Flags::ARCHIVED, Flags::SNOOZED] {
            if effect.sets.has(bit) {
                same.intersect_with(self.facets.state(bit));
            } else if effect.clears.has(bit) {
                same.difference_with(self.facets.state(bit));
            }
        }
        covered.difference_with(&same);
    }
}

#[cfg(test)]
mod tests {
    use super::{EVERY, Effect, Flags, Mark};

    const MARKS: [Mark; 7] =
        [Mark::Seen, Mark::Unseen, Mark::Read, Mark::Unread, Mark::Archived, Mark::Unarchived, Mark::Deleted];

    /// Bitsets do to all what the definition does to one: every state under every mark.
    #[test]
    fn a_mark_on_a_set_is_the_mark_on_each_item() {
        for mark in MARKS {
            let effect = Effect::of(mark);
            for flags in (0..=EVERY.0).map(Flags) {
                let after = Flags((flags.0 | effect.sets.0) & !effect.clears.0);
                assert_eq!(after, flags.with(mark), "{mark:?} on {flags:?}");
                let by_bit = [Flags::ARCHIVED, Flags::SNOOZED]
                    .into_iter()
                    .any(|bit| flags.has(bit) && Flags(bit).skipped_by_all(mark));
                assert_eq!(by_bit, flags.skipped_by_all(mark), "{mark:?} passing {flags:?} by");
            }
        }
    }
}
