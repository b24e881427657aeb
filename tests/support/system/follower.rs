//! Somebody who follows an inbox through every gap by the rules of the wire, and notices what is doubled or out of order.

use std::collections::BTreeMap;
use tidings_wire::{Change, Item, Mark, ServerFrame};

/// What it holds of one inbox to which nobody else publishes than one publisher, who counts in the texts.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// The items by their ids.
    pub(crate) items: BTreeMap<String, Item>,
    /// Where to go on.
    pub(crate) cursor: Option<String>,
    /// Whether every change comes as it happens.
    pub(crate) is_live: bool,
    /// How often it caught up.
    pub(crate) catch_ups: u64,
    last: u64,
}

impl Follower {
    /// The connection is gone.
    pub(crate) fn cut(&mut self) {
        self.is_live = false;
    }

    /// Takes a frame of the inbox; the ids of what arrived. What is no frame of an inbox is passed by.
    pub(crate) fn receive(&mut self, frame: &ServerFrame) -> Vec<String> {
        match frame {
            ServerFrame::Snapshot { cursor, items, has_more, .. } => {
                assert!(self.cursor.is_none() && !has_more, "a snapshot where a catching up is owed");
                self.items = items.iter().map(|item| (item.id.clone(), item.clone())).collect();
                self.last = items.iter().map(number).max().unwrap_or_default();
                self.is_live = true;
                self.cursor = Some(cursor.clone());
            }
            ServerFrame::Delta { cursor, changes, .. } => {
                let arrived = changes.iter().filter_map(|change| self.apply(change)).collect();
                self.cursor = Some(cursor.clone());
                return arrived;
            }
            ServerFrame::Counts { cursor, .. } => self.cursor = Some(cursor.clone()),
            ServerFrame::Behind { .. } => self.is_live = false,
            ServerFrame::CaughtUp { cursor, .. } => {
                self.is_live = true;
                self.catch_ups += 1;
                self.cursor = Some(cursor.clone());
            }
            ServerFrame::Resync { reason, .. } => panic!("the cursor was of no use: {reason}"),
            _ => {}
        }
        Vec::new()
    }

    fn apply(&mut self, change: &Change) -> Option<String> {
        match change {
            Change::Added { item } => {
                let before = self.items.insert(item.id.clone(), (**item).clone());
                if let Some(before) = before {
                    let is_news = (before.is_read, before.is_seen) != (item.is_read, item.is_seen);
                    assert!(!self.is_live && is_news, "{} was told twice", item.body);
                    return None;
                }
                // One publisher counts: live they come in its order. What was changed meanwhile comes later in catching up.
                assert!(!self.is_live || number(item) > self.last, "{} came after {}", item.body, self.last);
                self.last = self.last.max(number(item));
                Some(item.id.clone())
            }
            Change::Changed { id, item } => {
                let held = self.items.get_mut(id).expect("everything that was told is held");
                (held.is_read, held.is_seen, held.is_archived) = (item.is_read, item.is_seen, item.is_archived);
                None
            }
            Change::Removed { id } => {
                self.items.remove(id);
                None
            }
            Change::MarkedAll { mark: Mark::Read, .. } => {
                self.items.values_mut().for_each(|item| (item.is_read, item.is_seen) = (true, true));
                None
            }
            Change::MarkedAll { mark, .. } => panic!("nobody marks all as {mark:?} here"),
        }
    }
}

/// The number that a publisher counted in a text.
pub(crate) fn number(item: &Item) -> u64 {
    item.body.parse().unwrap_or_else(|_| panic!("{:?} is no number", item.body))
}
