//! The states of an item and the transitions between them: one definition for `decide`, `apply` and the projections.

use crate::event::Published;
use crate::ids::Time;
use crate::limits::INBOX_ITEMS_MAX;
use serde::{Deserialize, Serialize};
use tidings_wire::Severity;

pub use tidings_wire::Mark;

/// States of an item, one bit each. The default is a fresh item: unseen, unread, not archived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(pub u16);

impl Flags {
    /// Shown in a list.
    pub const SEEN: u16 = 1;
    /// Opened or acknowledged.
    pub const READ: u16 = 1 << 1;
    /// Put away.
    pub const ARCHIVED: u16 = 1 << 2;
    /// Away until a time.
    pub const SNOOZED: u16 = 1 << 3;
    /// Gone for this inbox: deleted, retracted or expired.
    pub const DELETED: u16 = 1 << 4;

    /// Whether a state is set.
    #[must_use]
    pub const fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    /// The states after a mark. Read implies seen; archived implies seen and read; unread keeps seen and un-archives;
    /// unseen implies unread and un-archives; unarchived keeps read. Deleted is final: nothing changes it.
    #[must_use]
    pub const fn with(self, mark: Mark) -> Self {
        if self.has(Self::DELETED) {
            return self;
        }
        Self(match mark {
            Mark::Seen => self.0 | Self::SEEN,
            Mark::Unseen => self.0 & !(Self::SEEN | Self::READ | Self::ARCHIVED),
            Mark::Read => self.0 | Self::SEEN | Self::READ,
            Mark::Unread => self.0 & !(Self::READ | Self::ARCHIVED),
            Mark::Archived => self.0 | Self::SEEN | Self::READ | Self::ARCHIVED,
            Mark::Unarchived => self.0 & !Self::ARCHIVED,
            Mark::Deleted => self.0 | Self::DELETED,
        })
    }

    /// Whether a snoozed item refuses the mark.
    #[must_use]
    pub const fn refuses(self, mark: Mark) -> bool {
        self.has(Self::SNOOZED) && matches!(mark, Mark::Read | Mark::Unread | Mark::Archived)
    }

    /// Whether a mark on all passes the item by: snoozed ones, and archived ones unless it is about the archive.
    #[must_use]
    pub const fn skipped_by_all(self, mark: Mark) -> bool {
        self.has(Self::SNOOZED)
            || self.has(Self::DELETED)
            || (self.has(Self::ARCHIVED) && !matches!(mark, Mark::Unarchived | Mark::Deleted))
    }
}

/// Whether an inbox that shows so many items lets its oldest one go when a newer one comes. What went does not come back,
/// whatever becomes of the others; retracted and deleted items are not shown and make room.
#[must_use]
pub const fn drops_oldest(items_count: usize) -> bool {
    items_count >= INBOX_ITEMS_MAX
}

/// Which items: every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filter {
    /// Read or unread.
    pub read: Option<bool>,
    /// Seen or unseen.
    pub seen: Option<bool>,
    /// Archived or not.
    pub archived: Option<bool>,
    /// Snoozed or not.
    pub snoozed: Option<bool>,
    /// Every inner list: at least one of its labels.
    pub tags: Vec<Vec<String>>,
    /// One of these; any when empty.
    pub severity: Vec<Severity>,
    /// This category.
    pub category: Option<String>,
    /// Published at or after.
    pub created_from: Option<Time>,
    /// Published at or before.
    pub created_to: Option<Time>,
}

impl Filter {
    /// Whether an item matches. Deleted items never do.
    #[must_use]
    pub fn matches(&self, flags: Flags, created: Time, facts: &Published) -> bool {
        self.matches_states(flags, created)
            && self.tags.iter().all(|any| any.iter().any(|tag| facts.tags.contains(tag)))
            && (self.severity.is_empty() || self.severity.contains(&facts.severity))
            && self.category.as_ref().is_none_or(|category| facts.category.as_ref() == Some(category))
    }

    /// Whether an item matches as far as its states and its time go. Deleted items never do.
    #[must_use]
    pub fn matches_states(&self, flags: Flags, created: Time) -> bool {
        let state = |wanted: Option<bool>, bit| wanted.is_none_or(|wanted| flags.has(bit) == wanted);
        !flags.has(Flags::DELETED)
            && state(self.read, Flags::READ)
            && state(self.seen, Flags::SEEN)
            && state(self.archived, Flags::ARCHIVED)
            && state(self.snoozed, Flags::SNOOZED)
            && self.created_from.is_none_or(|from| created >= from)
            && self.created_to.is_none_or(|to| created <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::{Flags, Mark};

    const MARKS: [Mark; 7] =
        [Mark::Seen, Mark::Unseen, Mark::Read, Mark::Unread, Mark::Archived, Mark::Unarchived, Mark::Deleted];

    /// Every reachable state under every mark: small enough to be exhaustive.
    #[test]
    fn archived_implies_read_implies_seen_after_any_marks() {
        let mut reached = vec![Flags::default()];
        let mut next = 0;
        while next < reached.len() {
            for mark in MARKS {
                let flags = reached[next].with(mark);
                assert!(!flags.has(Flags::ARCHIVED) || flags.has(Flags::READ), "{flags:?} after {mark:?}");
                assert!(!flags.has(Flags::READ) || flags.has(Flags::SEEN), "{flags:?} after {mark:?}");
                assert_eq!(flags.with(mark), flags, "{mark:?} twice is not {mark:?} once");
                if !reached.contains(&flags) {
                    reached.push(flags);
                }
            }
            next += 1;
        }
        assert_eq!(reached.len(), 8);
    }

    #[test]
    fn each_mark_does_what_the_table_of_transitions_says() {
        let archived = Flags::default().with(Mark::Archived);
        assert_eq!(archived.0, Flags::SEEN | Flags::READ | Flags::ARCHIVED);
        assert_eq!(archived.with(Mark::Unread).0, Flags::SEEN);
        assert_eq!(archived.with(Mark::Unseen).0, 0);
        assert_eq!(archived.with(Mark::Unarchived).0, Flags::SEEN | Flags::READ);
        let deleted = archived.with(Mark::Deleted);
        assert_eq!(MARKS.map(|mark| deleted.with(mark)), [deleted; 7]);
    }
}
