//! The server's part: inboxes that change, and answers to what the session asks.

use super::cast::{FOREIGN_POSITION, place};
use super::step::Which;
use super::world::{Manner, World};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tidings_engine::limits::FRAME_BYTES_MAX;
use tidings_engine::rejection::Rejection;
use tidings_engine::session::{Input, Output, Placed};
use tidings_wire::{CloseCode, InboxName};

/// Most items of one page of a catching up.
const PAGE_ITEMS: usize = 3;

/// One inbox as the projections know it.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// The position of each item's last change.
    pub(super) items: BTreeMap<u8, u64>,
    /// The positions of all changes.
    pub(super) changes: Vec<u64>,
    is_followed: bool,
}

/// The name of an inbox.
pub(super) const fn name(which: Which) -> InboxName {
    match which {
        Which::Me => InboxName::Me,
        Which::Tenant => InboxName::Tenant,
        Which::Platform => InboxName::Platform,
    }
}

/// The place of an inbox among the two that have feeds.
pub(super) fn index(inbox: &InboxName) -> Option<usize> {
    match inbox {
        InboxName::Me => Some(0),
        InboxName::Tenant => Some(1),
        _ => None,
    }
}

/// A frame of the server with what the model needs to judge it.
fn told(kind: &str, inbox: &InboxName, at: u64, items: &BTreeMap<u8, u64>, bytes: usize) -> Bytes {
    let fill = "x".repeat(bytes);
    Bytes::from(json!({"type": kind, "inbox": inbox, "at": at, "items": items, "fill": fill}).to_string())
}

/// A frame of nearly the largest size.
fn large(kind: &str, inbox: &InboxName) -> Bytes {
    told(kind, inbox, 0, &BTreeMap::new(), FRAME_BYTES_MAX - 256)
}

impl World {
    /// An item changes; whoever follows is told.
    pub(super) fn change(&mut self, which: Which, item: u8, bytes: usize) {
        let inbox = name(which);
        let Some(of) = index(&inbox) else { return };
        self.head += 1;
        let head = self.head;
        let feed = &mut self.feeds[of];
        feed.items.insert(item, head);
        feed.changes.push(head);
        if feed.is_followed || self.manner == Manner::Hostile {
            let frame = told("delta", &inbox, head, &BTreeMap::from([(item, head)]), bytes);
            self.give(Input::Delta { inbox: &inbox, frame: &frame, at: place(head) });
        }
    }

    /// Answers a question: the first that is open; a hostile server, any.
    pub(super) fn serve(&mut self, choice: usize) {
        if self.work.is_empty() {
            return;
        }
        let at = if self.manner == Manner::Hostile { choice % self.work.len() } else { 0 };
        let is_good = choice % 4 != 3;
        match self.work.remove(at).expect("the place is among them") {
            Output::LoadKeys { .. } => self.give(Input::KeysLoaded),
            Output::Admit { .. } => {
                self.give(Input::Admitted(if is_good { Ok(()) } else { Err(CloseCode::TooManyConnections) }));
            }
            Output::Observe(_) => self.give(Input::Observed(if is_good { Ok(()) } else { Err(Rejection::Forbidden) })),
            Output::Subscribe { inbox, from } => self.bring(&inbox, from.map(|from| from.position.0), choice),
            Output::CatchUp { inbox, from } => {
                // Who follows already is never told that they may not: their place may have become void.
                self.bring(&inbox, Some(from.position.0), if is_good { choice } else { 1 });
            }
            Output::Command { id, stream, .. } => {
                let result = if is_good { Ok((None, None)) } else { Err(Rejection::NotFound) };
                self.give(Input::Replied { id, stream, result });
            }
            Output::Fetch { id, stream, .. } => {
                let reply = json!({"type": "reply", "id": id, "ok": true, "fill": "x".repeat(200)});
                let result = if is_good { Ok(Bytes::from(reply.to_string())) } else { Err(Rejection::NotFound) };
                self.give(Input::Fetched { id, stream, result });
            }
            Output::Unsubscribe { inbox } => {
                if let Some(of) = index(&inbox) {
                    self.feeds[of].is_followed = false;
                }
            }
            Output::Delivered { .. } | Output::Security(_) => {}
        }
    }

    /// The answer to a subscription, by `choice`: what there is, that it cannot be had, or that the client starts afresh.
    fn bring(&mut self, inbox: &InboxName, from: Option<u64>, choice: usize) {
        if self.manner == Manner::Hostile {
            return self.bring_anything(inbox, choice);
        }
        let Some(of) = index(inbox) else { return };
        match (choice % 4, from) {
            (3, _) => {
                self.feeds[of].is_followed = false;
                self.readers[of].leave();
                self.give(Input::SubscribeFailed { inbox, rejection: Rejection::NotFound });
            }
            (1, Some(_)) => {
                self.give(Input::Resync { inbox, reason: "void" });
                self.snapshot(inbox, of);
            }
            (_, None) => self.snapshot(inbox, of),
            (_, Some(from)) => self.page(inbox, of, from),
        }
    }

    fn snapshot(&mut self, inbox: &InboxName, of: usize) {
        self.feeds[of].is_followed = true;
        let (head, frame) = (self.head, told("snapshot", inbox, self.head, &self.feeds[of].items, 0));
        self.give(Input::Snapshot { inbox, frame, at: place(head) });
    }

    fn page(&mut self, inbox: &InboxName, of: usize, from: u64) {
        assert!(from < FOREIGN_POSITION, "the server was asked about a place of another tenant");
        self.feeds[of].is_followed = true;
        let mut changed: Vec<_> = self.feeds[of].items.iter().map(|(item, at)| (*at, *item)).collect();
        changed.retain(|(at, _)| *at > from);
        changed.sort_unstable();
        let done = changed.len() <= PAGE_ITEMS;
        changed.truncate(PAGE_ITEMS);
        let delta = |&(at, item): &(u64, u8)| Placed {
            frame: told("delta", inbox, at, &BTreeMap::from([(item, at)]), 100),
            at: place(at),
        };
        let mut frames: Vec<_> = changed.iter().map(delta).collect();
        let next = if done { self.head } else { changed[changed.len() - 1].0 };
        if done {
            frames.push(Placed { frame: told("caught_up", inbox, next, &BTreeMap::new(), 0), at: place(next) });
        }
        self.give(Input::CatchUpPage { inbox, frames, next: place(next), done });
    }

    fn bring_anything(&mut self, inbox: &InboxName, choice: usize) {
        let at = place(choice as u64);
        match choice / 4 % 4 {
            0 => self.give(Input::Snapshot { inbox, frame: large("snapshot", inbox), at }),
            1 => {
                let frames = vec![Placed { frame: large("delta", inbox), at }];
                self.give(Input::CatchUpPage { inbox, frames, next: at, done: choice.is_multiple_of(2) });
            }
            2 => self.give(Input::Resync { inbox, reason: "void" }),
            _ => self.give(Input::SubscribeFailed { inbox, rejection: Rejection::NotFound }),
        }
    }

    /// What nobody asked for: answers that come again; and of an inbox that is followed, its state once more, or that it
    /// is void.
    pub(super) fn unasked(&mut self, choice: usize, which: Which) {
        let inbox = name(which);
        match choice % 4 {
            0 => self.give(Input::Admitted(Ok(()))),
            1 => self.give(Input::Observed(Ok(()))),
            _ if self.manner == Manner::Hostile => self.bring_anything(&inbox, choice),
            kind => {
                // While a question is open these would be its answer, and an honest server gives one answer.
                let is_asked = |output: &Output| matches!(output, Output::Subscribe { .. } | Output::CatchUp { .. });
                let followed = index(&inbox).filter(|of| self.feeds[*of].is_followed);
                let Some(of) = followed.filter(|_| !self.work.iter().any(is_asked)) else { return };
                if kind == 2 {
                    self.give(Input::Resync { inbox: &inbox, reason: "void" });
                } else {
                    self.snapshot(&inbox, of);
                }
            }
        }
    }

    /// What the session asked: whom it concerns, and whether it may.
    pub(super) fn asked(&mut self, output: Output) {
        match &output {
            Output::Admit { .. } => self.greeted = true,
            Output::Command { id, .. } => self.bounds.command(id, self.now),
            Output::Fetch { id, .. } => self.bounds.fetch(id, self.now),
            Output::Subscribe { inbox, from } => {
                if let Some(of) = index(inbox) {
                    self.readers[of].follow(from.map(|from| from.position.0));
                }
            }
            Output::Unsubscribe { inbox } => {
                if let Some(of) = index(inbox) {
                    self.readers[of].leave();
                }
            }
            _ => {}
        }
        if !matches!(output, Output::Security(_)) {
            self.work.push_back(output);
        }
    }

    /// The frames of a feed that a value is about.
    pub(super) fn of_frame(frame: &Value) -> Option<usize> {
        match frame["inbox"].as_str() {
            Some("me") => Some(0),
            Some("tenant") => Some(1),
            _ => None,
        }
    }
}
