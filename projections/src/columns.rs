use crate::entry::Entry;
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::Flags;

/// What an inbox holds of each item besides its states, one column a field, by ordinal. Ordinals ascend with the order key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) entries: Vec<Entry>,
    pub(crate) order_keys: Vec<u64>,
    pub(crate) changed: Vec<Position>,
    pub(crate) read: Vec<Option<Time>>,
    pub(crate) first_seen: Vec<Option<Time>>,
    pub(crate) archived: Vec<Option<Time>>,
}

impl Columns {
    /// No items, with room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            entries: Vec::with_capacity(count),
            order_keys: Vec::with_capacity(count),
            changed: Vec::with_capacity(count),
            read: Vec::with_capacity(count),
            first_seen: Vec::with_capacity(count),
            archived: Vec::with_capacity(count),
        }
    }

    /// Bytes that are held, without facts.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + (self.order_keys.capacity() + self.changed.capacity()) * size_of::<u64>()
            + (self.read.capacity() + self.first_seen.capacity() + self.archived.capacity()) * size_of::<Option<Time>>()
    }

    pub(crate) fn count(&self) -> usize {
        self.order_keys.len()
    }

    /// Adds a fresh item at the end.
    pub(crate) fn push(&mut self, entry: Entry, changed: Position) {
        self.order_keys.push(entry.notification.0);
        self.entries.push(entry);
        self.changed.push(changed);
        self.read.push(None);
        self.first_seen.push(None);
        self.archived.push(None);
    }

    /// Adds a copy of another table's item at the end.
    pub(crate) fn push_from(&mut self, other: &Self, ordinal: usize) {
        self.order_keys.push(other.order_keys[ordinal]);
        self.entries.push(other.entries[ordinal].clone());
        self.changed.push(other.changed[ordinal]);
        self.read.push(other.read[ordinal]);
        self.first_seen.push(other.first_seen[ordinal]);
        self.archived.push(other.archived[ordinal]);
    }

    /// Notes a change of states and when it was. Times of states that it leaves as they were stay, and so does the first
    /// sight.
    pub(crate) fn stamp(&mut self, ordinal: usize, before: Flags, after: Flags, at: (Position, Time)) {
        let (position, time) = at;
        self.changed[ordinal] = position;
        let stamped = |bit: u16, held: Option<Time>| match (before.has(bit), after.has(bit)) {
            (false, true) => Some(time),
            (true, false) => None,
            _ => held,
        };
        self.read[ordinal] = stamped(Flags::READ, self.read[ordinal]);
        self.archived[ordinal] = stamped(Flags::ARCHIVED, self.archived[ordinal]);
        if after.has(Flags::SEEN) && self.first_seen[ordinal].is_none() {
            self.first_seen[ordinal] = Some(time);
        }
    }
}
