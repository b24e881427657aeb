use crate::cursor::Cursor;
use bytes::Bytes;
use std::collections::VecDeque;

/// Slots that an idle outbox keeps, so that one frame after another allocates nothing.
const SLOTS_KEPT: usize = 4;

/// What a queued frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Never dropped.
    Kept,
    /// The reply to a command or fetch: a place in flight is free when it has been taken.
    Reply {
        /// Whether it may be as large as a page.
        page: bool,
    },
    /// Never dropped, and queued once at most.
    Once(Once),
    /// Dropped when its subscription falls behind.
    Delta {
        /// The subscription.
        key: u32,
        /// Where its reader stands then.
        at: Cursor,
    },
    /// A snapshot or a part of a page: dropped only when its subscription ends or is void.
    Page {
        /// The subscription.
        key: u32,
    },
    /// A few words about a subscription: dropped as a page is, and in nobody's way meanwhile.
    Word {
        /// The subscription.
        key: u32,
    },
}

impl Slot {
    /// The subscription that it belongs to.
    const fn subscription(self) -> Option<u32> {
        match self {
            Self::Delta { key, .. } | Self::Page { key } | Self::Word { key } => Some(key),
            Self::Kept | Self::Reply { .. } | Self::Once(_) => None,
        }
    }
}

/// Frames of which one in the queue is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Once {
    /// A `ping`.
    Ping,
    /// A `pong`.
    Pong,
    /// A `drain`.
    Drain,
}

/// Frames waiting for one stream of a session. The one being written is no longer here.
#[derive(Default)]
pub(super) struct Outbox {
    slots: VecDeque<(Bytes, Slot)>,
    bytes: usize,
    delta_bytes: usize,
    delta_frames: usize,
}

impl Outbox {
    pub(super) fn take(&mut self) -> Option<(Bytes, Slot)> {
        let (frame, slot) = self.slots.pop_front()?;
        self.subtract(&frame, slot);
        if self.slots.is_empty() && self.slots.capacity() > SLOTS_KEPT {
            self.slots.shrink_to(SLOTS_KEPT);
        }
        Some((frame, slot))
    }

    pub(super) fn push(&mut self, frame: Bytes, slot: Slot) {
        self.bytes += frame.len();
        if matches!(slot, Slot::Delta { .. }) {
            self.delta_bytes += frame.len();
            self.delta_frames += 1;
        }
        self.slots.push_back((frame, slot));
    }

    /// Whether a delta of so many bytes has room. An empty outbox takes any frame: it would never have more room.
    pub(super) fn has_room(&self, bytes: usize, bytes_max: usize, frames_max: usize) -> bool {
        self.slots.is_empty() || (self.bytes + bytes <= bytes_max && self.slots.len() < frames_max)
    }

    /// Drops the deltas of a subscription.
    pub(super) fn drop_deltas(&mut self, key: u32) {
        self.retain(|slot| !matches!(slot, Slot::Delta { key: of, .. } if of == key));
    }

    /// Drops what a snapshot makes void: the deltas and pages of a subscription.
    pub(super) fn drop_changes(&mut self, key: u32) {
        self.retain(|slot| !matches!(slot, Slot::Delta { key: of, .. } | Slot::Page { key: of } if of == key));
    }

    /// Drops every frame of a subscription.
    pub(super) fn drop_subscription(&mut self, key: u32) {
        self.retain(|slot| slot.subscription() != Some(key));
    }

    /// Drops every frame of every subscription.
    pub(super) fn drop_subscriptions(&mut self) {
        self.retain(|slot| slot.subscription().is_none());
    }

    pub(super) fn drop_once(&mut self, once: Once) {
        self.retain(|slot| slot != Slot::Once(once));
    }

    pub(super) fn has_once(&self, once: Once) -> bool {
        self.slots.iter().any(|(_, slot)| *slot == Slot::Once(once))
    }

    /// Whether a snapshot or a part of a page of a subscription is queued.
    pub(super) fn has_page(&self) -> bool {
        self.slots.iter().any(|(_, slot)| matches!(slot, Slot::Page { .. }))
    }

    /// Whether the reply to a fetch is queued.
    pub(super) fn has_fetched(&self) -> bool {
        self.slots.iter().any(|(_, slot)| matches!(slot, Slot::Reply { page: true }))
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that are no deltas.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.bytes - self.delta_bytes
    }

    /// Frames that are no deltas.
    pub(super) fn kept_frames(&self) -> usize {
        self.slots.len() - self.delta_frames
    }

    fn retain(&mut self, keep: impl Fn(Slot) -> bool) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.retain(|(frame, slot)| {
            let stays = keep(*slot);
            if !stays {
                self.subtract(frame, *slot);
            }
            stays
        });
        self.slots = slots;
    }

    fn subtract(&mut self, frame: &Bytes, slot: Slot) {
        self.bytes -= frame.len();
        if matches!(slot, Slot::Delta { .. }) {
            self.delta_bytes -= frame.len();
            self.delta_frames -= 1;
        }
    }
}
