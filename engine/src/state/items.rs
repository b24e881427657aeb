use crate::ids::Position;
use crate::item::{Flags, Mark};

/// The items of one inbox: a flat table of 16 bytes an item, ascending by order key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Items {
    entries: Vec<(Position, Flags)>,
    /// How many entries of the tenant's audience list have states here.
    absorbed: usize,
}

impl Items {
    pub(super) const fn absorbed(&self) -> usize {
        self.absorbed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Position, Flags)> {
        self.entries.iter().copied()
    }

    pub(super) fn get(&self, notification: Position) -> Option<Flags> {
        self.place(notification).ok().map(|index| self.entries[index].1)
    }

    /// Adds a fresh item. Positions of direct items ascend, so this is at the end but for absorbed ones.
    pub(super) fn insert(&mut self, notification: Position) {
        if let Err(index) = self.place(notification) {
            self.entries.insert(index, (notification, Flags::default()));
        }
    }

    /// Takes over the audience's items: `new` are those this inbox sees, and `count` is where the list ends.
    pub(super) fn absorb(&mut self, new: &[Position], count: usize) {
        self.absorbed = count;
        let Some(first) = new.first() else { return };
        let ascends = self.entries.last().is_none_or(|(last, _)| last < first);
        self.entries.extend(new.iter().map(|position| (*position, Flags::default())));
        if !ascends {
            self.entries.sort_unstable_by_key(|(position, _)| *position);
        }
    }

    pub(super) fn mark(&mut self, notification: Position, mark: Mark) {
        if let Ok(index) = self.place(notification) {
            let flags = &mut self.entries[index].1;
            *flags = flags.with(mark);
        }
    }

    pub(super) fn mark_where(&mut self, mark: Mark, up_to: Position, matches: impl Fn(Position, Flags) -> bool) {
        let end = self.entries.partition_point(|(position, _)| *position <= up_to);
        for (position, flags) in &mut self.entries[..end] {
            if !flags.skipped_by_all(mark) && matches(*position, *flags) {
                *flags = flags.with(mark);
            }
        }
    }

    fn place(&self, notification: Position) -> Result<usize, usize> {
        match self.entries.last() {
            Some((last, _)) if *last < notification => Err(self.entries.len()),
            _ => self.entries.binary_search_by_key(&notification, |(position, _)| *position),
        }
    }
}
