use fixedbitset::FixedBitSet;
use std::collections::HashMap;
use tidings_engine::consent::Withheld;
use tidings_engine::event::Published;
use tidings_engine::item::Flags;
use tidings_wire::{Counts, Severity, SeverityCounts};

/// States that a bitset is kept for, in the order of their bits.
const STATES: [u16; 4] = [Flags::SEEN, Flags::READ, Flags::ARCHIVED, Flags::SNOOZED];

/// Which ordinals of an inbox have which value: one set for each state, severity, tag and category.
///
/// Only the sets of items that are there count: those of removed ordinals may be stale in every set but `live`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facets {
    live: FixedBitSet,
    live_count: usize,
    states: [FixedBitSet; STATES.len()],
    severities: [FixedBitSet; 4],
    tags: HashMap<String, Members>,
    categories: HashMap<String, Members>,
}

/// The ordinals with one label. Few are a list, so that 10,000 labels of one item each take no 10,000 bitsets.
#[derive(Clone, Debug)]
enum Members {
    Few(Vec<u32>),
    Many(FixedBitSet),
}

/// Most ordinals of a list: 32. A bitset of 1,000 ordinals takes as much.
const FEW_COUNT_MAX: usize = 32;

impl Members {
    fn insert(&mut self, ordinal: usize) {
        match self {
            Self::Few(few) if few.len() < FEW_COUNT_MAX => few.push(narrow(ordinal)),
            Self::Few(few) => {
                let mut many: FixedBitSet = few.iter().map(|ordinal| *ordinal as usize).collect();
                many.grow_and_insert(ordinal);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.grow_and_insert(ordinal),
        }
    }

    fn union_into(&self, set: &mut FixedBitSet) {
        match self {
            Self::Few(few) => few.iter().for_each(|ordinal| set.grow_and_insert(*ordinal as usize)),
            Self::Many(many) => set.union_with(many),
        }
    }
}

impl Facets {
    pub(crate) fn live(&self) -> &FixedBitSet {
        &self.live
    }

    pub(crate) fn live_count(&self) -> usize {
        self.live_count
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        let sets = self.states.iter().chain(&self.severities).chain([&self.live]).map(set_bytes).sum::<usize>();
        let labels = self.tags.iter().chain(&self.categories);
        let labelled = labels.map(|(label, members)| {
            let members = match members {
                Members::Few(few) => few.capacity() * size_of::<u32>(),
                Members::Many(many) => set_bytes(many),
            };
            label.capacity() + members + size_of::<(String, Members)>() * 2
        });
        size_of::<Self>() + sets + labelled.sum::<usize>()
    }

    /// Adds the next ordinal.
    pub(crate) fn push(&mut self, ordinal: usize, flags: Flags, published: &Published) {
        self.live.grow_and_insert(ordinal);
        self.live_count += 1;
        self.set_flags(ordinal, flags);
        self.severities[severity_index(published.severity)].grow_and_insert(ordinal);
        for tag in &published.tags {
            insert(&mut self.tags, tag, ordinal);
        }
        if let Some(category) = &published.category {
            insert(&mut self.categories, category, ordinal);
        }
    }

    /// Takes an ordinal that is there out of everything.
    pub(crate) fn remove(&mut self, ordinal: usize) {
        self.live.remove(ordinal);
        self.live_count -= 1;
    }

    pub(crate) fn state(&self, bit: u16) -> &FixedBitSet {
        &self.states[state_index(bit)]
    }

    pub(crate) fn flags(&self, ordinal: usize) -> Flags {
        let bits = STATES.iter().zip(&self.states).filter(|(_, set)| set.contains(ordinal));
        Flags(bits.fold(0, |flags, (bit, _)| flags | bit))
    }

    pub(crate) fn set_flags(&mut self, ordinal: usize, flags: Flags) {
        for (bit, set) in STATES.iter().zip(&mut self.states) {
            match flags.has(*bit) {
                true => set.grow_and_insert(ordinal),
                false if ordinal < set.len() => set.remove(ordinal),
                false => {}
            }
        }
    }

    /// Sets and clears states of many ordinals at once.
    pub(crate) fn set_states(&mut self, ordinals: &FixedBitSet, sets: Flags, clears: Flags) {
        for (bit, set) in STATES.iter().zip(&mut self.states) {
            if sets.has(*bit) {
                set.union_with(ordinals);
            } else if clears.has(*bit) {
                set.difference_with(ordinals);
            }
        }
    }

    /// Ordinals with one of the tags.
    pub(crate) fn tagged(&self, any: &[String]) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.live.len());
        any.iter().filter_map(|tag| self.tags.get(tag)).for_each(|members| members.union_into(&mut set));
        set
    }

    /// Ordinals with one of the severities.
    pub(crate) fn of_severity(&self, any: &[Severity]) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.live.len());
        any.iter().for_each(|severity| set.union_with(&self.severities[severity_index(*severity)]));
        set
    }

    /// Ordinals with the category.
    pub(crate) fn of_category(&self, category: &str) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.live.len());
        if let Some(members) = self.categories.get(category) {
            members.union_into(&mut set);
        }
        set
    }

    /// Ordinals of what is pushed.
    pub(crate) fn pushed(&self, withheld: &Withheld) -> FixedBitSet {
        let mut named = FixedBitSet::with_capacity(self.live.len());
        withheld.named().filter_map(|name| self.categories.get(name)).for_each(|of| of.union_into(&mut named));
        let mut pushed = self.live.clone();
        if withheld.is_rest() {
            pushed.intersect_with(&named);
        } else {
            pushed.difference_with(&named);
        }
        pushed
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts_of(self.live.clone())
    }

    /// Counts of some of the ordinals.
    pub(crate) fn counts_of(&self, some: FixedBitSet) -> Counts {
        let mut unread = some;
        unread.difference_with(self.state(Flags::ARCHIVED));
        unread.difference_with(self.state(Flags::SNOOZED));
        let total = unread.count_ones(..);
        let unseen = unread.difference_count(self.state(Flags::SEEN));
        unread.difference_with(self.state(Flags::READ));
        let of = |severity| count(unread.intersection_count(&self.severities[severity_index(severity)]));
        Counts {
            total: count(total),
            unseen: count(unseen),
            unread: count(unread.count_ones(..)),
            severity: SeverityCounts {
                high: of(Severity::High),
                medium: of(Severity::Medium),
                low: of(Severity::Low),
                none: of(Severity::None),
            },
        }
    }
}

fn set_bytes(set: &FixedBitSet) -> usize {
    size_of_val(set.as_slice())
}

fn insert(sets: &mut HashMap<String, Members>, label: &str, ordinal: usize) {
    match sets.get_mut(label) {
        Some(members) => members.insert(ordinal),
        None => {
            sets.insert(label.to_owned(), Members::Few(vec![narrow(ordinal)]));
        }
    }
}

fn narrow(ordinal: usize) -> u32 {
    u32::try_from(ordinal).expect("an inbox compacts long before it has that many ordinals")
}

/// A number of items as the wire counts them.
pub(crate) fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

const fn state_index(bit: u16) -> usize {
    bit.trailing_zeros() as usize
}

const fn severity_index(severity: Severity) -> usize {
    match severity {
        Severity::High => 0,
        Severity::Medium => 1,
        Severity::Low => 2,
        Severity::None => 3,
    }
}

const _: () = assert!(state_index(Flags::SEEN) == 0 && state_index(Flags::SNOOZED) == STATES.len() - 1);
