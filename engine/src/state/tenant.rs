use super::chunks::Chunks;
use super::interned::Interned;
use crate::event::{Audience, Published};
use crate::ids::{Position, StreamId, Time};
use crate::item::{Filter, Flags};
use tidings_wire::Severity;

/// What is known of one tenant.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) sequence: u64,
    /// The tenant's own stream, whose inbox holds all that was published to everyone; known from the first event in it.
    pub(super) stream: Option<StreamId>,
    /// Everything that was published, by ordinal.
    pub(super) notifications: Chunks<Notification>,
    /// Ordinals of what was published to everyone, ascending.
    pub(super) audience: Chunks<u32>,
    /// What was taken back, in the order of the log.
    pub(super) retractions: Chunks<Retraction>,
    pub(super) strings: Interned<str>,
    pub(super) kinds: Interned<Kind>,
}

/// A published notification: 20 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(super) struct Notification {
    pub(super) position: Position,
    pub(super) created: Time,
    /// Number of its kind, and [`RETRACTED`].
    kind: u32,
}

const RETRACTED: u32 = 1 << 31;

/// What filters ask of a notification besides its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) severity: Severity,
    /// Number of the string.
    pub(super) category: Option<u32>,
    /// Numbers of the strings.
    pub(super) tags: Vec<u32>,
}

impl AsRef<Self> for Kind {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// An event that took a notification back.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(super) struct Retraction {
    pub(super) at: Position,
    pub(super) ordinal: u32,
}

impl Notification {
    /// A notification as it was, or a new one of a kind.
    pub(super) const fn restored(position: Position, created: Time, kind_and_state: u32) -> Self {
        Self { position, created, kind: kind_and_state }
    }

    pub(super) const fn kind_and_state(&self) -> u32 {
        self.kind
    }

    pub(super) const fn is_retracted(&self) -> bool {
        self.kind & RETRACTED != 0
    }

    pub(super) const fn kind(&self) -> u32 {
        self.kind & !RETRACTED
    }
}

impl Tenant {
    /// Takes in what was published; its ordinal.
    pub(super) fn publish(&mut self, position: Position, created: Time, published: &Published) -> u32 {
        let strings = &mut self.strings;
        let mut intern = |text: &String| strings.intern(text.as_str());
        let kind = Kind {
            severity: published.severity,
            category: published.category.as_ref().map(&mut intern),
            tags: published.tags.iter().map(&mut intern).collect(),
        };
        let kind = self.kinds.intern(kind);
        assert!(kind < RETRACTED, "fewer kinds than 2^31: each takes 100 bytes of memory");
        let ordinal = u32::try_from(self.notifications.count());
        let ordinal = ordinal.expect("fewer notifications than 2^32: each takes 20 bytes of memory");
        self.notifications.push(Notification::restored(position, created, kind));
        if published.audience == Audience::Tenant {
            self.audience.push(ordinal);
        }
        ordinal
    }

    /// Takes a notification back.
    pub(super) fn retract(&mut self, notification: Position, at: Position) {
        let Some(ordinal) = self.ordinal(notification) else { return };
        let Some(found) = self.notifications.get_mut(ordinal as usize).filter(|found| !found.is_retracted()) else {
            return;
        };
        found.kind |= RETRACTED;
        self.retractions.push(Retraction { at, ordinal });
    }

    /// The ordinal of a notification.
    pub(super) fn ordinal(&self, notification: Position) -> Option<u32> {
        let place = self.notifications.partition_point(|found| { found.position } < notification);
        let found = self.notifications.get(place)?;
        ({ found.position } == notification).then_some(u32::try_from(place).ok()?)
    }

    /// Index in the list for everyone of the notification with an ordinal, if it is in there.
    pub(super) fn entry(&self, ordinal: u32) -> Option<u32> {
        let index = self.entries_before(ordinal);
        (self.audience.get(index as usize) == Some(&ordinal)).then_some(index)
    }

    /// How many entries of the list for everyone are older than the notification with an ordinal.
    pub(super) fn entries_before(&self, ordinal: u32) -> u32 {
        let index = self.audience.partition_point(|found| *found < ordinal);
        u32::try_from(index).expect("fewer entries than notifications")
    }

    /// The notification with an ordinal.
    pub(super) fn notification(&self, ordinal: u32) -> Option<&Notification> {
        self.notifications.get(ordinal as usize)
    }

    /// Position of the notification with an ordinal.
    pub(super) fn position(&self, ordinal: u32) -> Position {
        self.notification(ordinal).map_or(Position::ZERO, |found| found.position)
    }
}

/// A filter in the numbers of one tenant: what nothing of the tenant is called matches nothing.
pub(super) struct Wanted<'a> {
    tenant: &'a Tenant,
    filter: &'a Filter,
    category: Option<Option<u32>>,
    tags: Vec<Vec<u32>>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(tenant: &'a Tenant, filter: &'a Filter) -> Self {
        let number = |text: &String| tenant.strings.number(text);
        Self {
            tenant,
            filter,
            category: filter.category.as_ref().map(number),
            tags: filter.tags.iter().map(|any| any.iter().filter_map(number).collect()).collect(),
        }
    }

    /// Whether the item of a notification matches: what [`Filter::matches`] says of its facts.
    pub(super) fn matches(&self, ordinal: u32, flags: Flags) -> bool {
        let Some(notification) = self.tenant.notification(ordinal) else { return false };
        !notification.is_retracted()
            && self.filter.matches_states(flags, notification.created)
            && self.tenant.kinds.get(notification.kind()).is_some_and(|kind| self.matches_kind(kind))
    }

    /// Whether every item with these states matches, if that depends on nothing else.
    pub(super) fn matches_all_of(&self, flags: Flags) -> Option<bool> {
        let Filter { tags, severity, category, created_from, created_to, .. } = self.filter;
        let is_of_states = tags.is_empty()
            && severity.is_empty()
            && category.is_none()
            && created_from.is_none()
            && created_to.is_none();
        is_of_states.then(|| self.filter.matches_states(flags, Time::default()))
    }

    fn matches_kind(&self, kind: &Kind) -> bool {
        (self.filter.severity.is_empty() || self.filter.severity.contains(&kind.severity))
            && self.category.is_none_or(|category| category.is_some() && kind.category == category)
            && self.tags.iter().all(|any| any.iter().any(|tag| kind.tags.contains(tag)))
    }
}
