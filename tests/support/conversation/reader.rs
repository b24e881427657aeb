//! What the client of one inbox holds, and what it may be told next.

use super::cast::cursor;
use serde_json::Value;
use std::collections::BTreeMap;

/// The client's part of one subscription.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The position of the last change of each item.
    pub(super) items: BTreeMap<u8, u64>,
    /// Where it stands.
    pub(super) position: u64,
    /// Whether the server was asked to hand it changes.
    pub(super) follows: bool,
    is_behind: bool,
    is_void: bool,
}

impl Reader {
    /// Where it can go on from: nowhere when what it holds is void.
    pub(super) fn resumes(&self) -> Option<u64> {
        (!self.is_void).then_some(self.position)
    }

    /// The session asked for changes from here, or for a snapshot.
    pub(super) const fn follow(&mut self, from: Option<u64>) {
        self.follows = true;
        self.is_behind = false;
        if let Some(from) = from {
            self.position = from;
        }
    }

    /// The session asked for changes no more.
    pub(super) const fn leave(&mut self) {
        self.follows = false;
    }

    /// Takes a frame of the inbox; `changes` are the positions of all changes of the inbox so far.
    pub(super) fn take(&mut self, kind: &str, frame: &Value, changes: &[u64]) {
        assert!(self.follows, "{kind} of an inbox that nobody follows");
        match kind {
            "behind" => {
                assert_eq!(frame["cursor"], cursor(self.position), "behind tells another place than the reader's");
                self.is_behind = true;
            }
            "resync" => self.is_void = true,
            "snapshot" => {
                self.items = items(frame);
                self.advance(frame);
                (self.is_void, self.is_behind) = (false, false);
            }
            "delta" => self.delta(frame, changes),
            _ => {
                assert!(position(frame) >= self.position, "caught up at {} after {}", position(frame), self.position);
                self.advance(frame);
                self.is_behind = false;
            }
        }
    }

    fn delta(&mut self, frame: &Value, changes: &[u64]) {
        let at = position(frame);
        assert!(!self.is_void, "a delta without the snapshot that a resync promised");
        assert!(at > self.position, "delta {at} after {}: doubled, or out of order", self.position);
        if !self.is_behind {
            let lost: Vec<_> = changes.iter().filter(|change| **change > self.position && **change < at).collect();
            assert!(lost.is_empty(), "delta {at} after {} leaves out {lost:?}", self.position);
        }
        self.items.extend(items(frame));
        self.advance(frame);
    }

    fn advance(&mut self, frame: &Value) {
        self.position = position(frame);
    }
}

fn position(frame: &Value) -> u64 {
    frame["at"].as_u64().expect("the script's frames tell their place")
}

fn items(frame: &Value) -> BTreeMap<u8, u64> {
    serde_json::from_value(frame["items"].clone()).expect("the script's frames tell their items")
}
