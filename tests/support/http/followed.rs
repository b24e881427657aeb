//! A gateway with real sessions over one inbox, whose changes are numbers: what they are shown of it can be counted.

use crate::conversation::{NOW, context, cursor, place};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use tidings_adapters::carrier::{CarrierEnd, Close, FrameFault, StreamKind};
use tidings_adapters::gateway::{Admission, Gateway, Peer, Protocol, Refused};
use tidings_engine::cursor::Cursor;
use tidings_engine::ids::Time;
use tidings_engine::rejection::Rejection;
use tidings_engine::session::{Input, Output, Placed, Session, Stream};
use tidings_wire::{CloseCode, InboxName};
use tokio::sync::Notify;

/// Most changes of one page of a catching up.
const PAGE_CHANGES: u64 = 3;

/// Most changes that happen at once.
const AT_ONCE: u64 = 12;

/// An inbox, and how its changes happen.
#[derive(Debug, Default)]
pub struct Followed(Mutex<Changes>);

#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    before: u64,
    after: u64,
}

impl Followed {
    /// Whoever comes from now on finds `before` changes, and sees `after` more as soon as it has those.
    pub fn set(&self, before: u64, after: u64) {
        *self.0.lock() = Changes { before, after };
    }
}

/// One session. When its reader has all there is, the server leaves.
#[derive(Debug)]
pub struct Follower {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    session: Session,
    /// What it follows.
    inbox: Option<InboxName>,
    head: u64,
    to_come: u64,
}

/// A frame of the inbox; `id` of an event is its cursor.
fn told(kind: &str, inbox: &InboxName, at: u64) -> Bytes {
    Bytes::from(json!({"type": kind, "inbox": inbox, "cursor": cursor(at), "at": at}).to_string())
}

impl State {
    fn give(&mut self, input: Input<'_>) {
        self.session.handle(input, NOW);
        while let Some(output) = self.session.poll_output() {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Admit { .. } => self.give(Input::Admitted(Ok(()))),
            Output::Observe(_) => self.give(Input::Observed(Ok(()))),
            Output::Subscribe { inbox, from } => {
                self.inbox = Some(inbox.clone());
                match from {
                    None => self.snapshot(&inbox),
                    Some(from) if from.epoch == place(0).epoch => self.page(&inbox, from),
                    Some(_) => {
                        self.give(Input::Resync { inbox: &inbox, reason: "another_log" });
                        self.snapshot(&inbox);
                    }
                }
            }
            Output::CatchUp { inbox, from } => self.page(&inbox, from),
            Output::Command { id, stream, .. } => {
                self.give(Input::Replied { id, stream, result: Err(Rejection::NotFound) });
            }
            Output::Fetch { id, stream, .. } => {
                self.give(Input::Fetched { id, stream, result: Err(Rejection::NotFound) });
            }
            Output::LoadKeys { .. } => self.give(Input::KeysLoaded),
            Output::Unsubscribe { .. } | Output::Delivered { .. } | Output::Security(_) => {}
        }
    }

    fn snapshot(&mut self, inbox: &InboxName) {
        let (frame, at) = (told("snapshot", inbox, self.head), place(self.head));
        self.give(Input::Snapshot { inbox, frame, at });
    }

    fn page(&mut self, inbox: &InboxName, from: Cursor) {
        let from = from.position.0;
        assert!(from <= self.head, "a cursor of {from}, which nobody was ever given");
        let next = self.head.min(from + PAGE_CHANGES);
        let done = next == self.head;
        let frame = |kind, at| Placed { frame: told(kind, inbox, at), at: place(at) };
        let mut frames: Vec<_> = (from + 1..=next).map(|at| frame("delta", at)).collect();
        if done {
            frames.push(frame("caught_up", next));
        }
        self.give(Input::CatchUpPage { inbox, frames, next: place(next), done });
    }

    /// What happens when the reader has everything: more of it, then the end.
    fn go_on(&mut self) {
        if self.session.grant().is_none() {
            return;
        }
        let Some(inbox) = self.inbox.clone().filter(|_| self.to_come > 0) else {
            return self.give(Input::Close(CloseCode::ServerDraining));
        };
        let at_once = self.to_come.min(AT_ONCE);
        self.to_come -= at_once;
        for _ in 0..at_once {
            self.head += 1;
            let frame = told("delta", &inbox, self.head);
            self.give(Input::Delta { inbox: &inbox, frame: &frame, at: place(self.head) });
        }
    }

    /// The next frame.
    fn take(&mut self) -> Option<Bytes> {
        let frame = self.session.poll_send(Stream::Ordered, NOW);
        while let Some(output) = self.session.poll_output() {
            self.perform(output);
        }
        frame
    }
}

impl Gateway for Followed {
    type Ticket = ();
    type Protocol = Follower;

    fn now(&self) -> Time {
        NOW
    }

    fn admit(&self, _: &Admission) -> Result<(), Refused> {
        Ok(())
    }

    fn origin_allowed(&self, _: &Peer) -> bool {
        true
    }

    fn open(&self, (): (), _: Peer) -> Follower {
        let Changes { before, after } = *self.0.lock();
        let session = Session::new("s1", Arc::clone(context()), NOW);
        let state = State { session, inbox: None, head: before, to_come: after };
        Follower { state: Mutex::new(state), wake: Notify::new() }
    }
}

impl Protocol for Follower {
    fn on_frame(&self, _: StreamKind, bytes: Bytes, _: Time) {
        self.state.lock().give(Input::Frame { stream: Stream::Ordered, bytes: &bytes });
    }

    fn on_alive(&self, _: Time) {
        self.state.lock().give(Input::Alive);
    }

    fn on_fault(&self, _: StreamKind, _: FrameFault, _: Time) {}

    fn on_carrier_end(&self, _: &CarrierEnd, _: Time) {
        self.state.lock().give(Input::CarrierEnded);
    }

    fn take_frames(&self, stream: StreamKind, bytes_max: usize, frames: &mut Vec<Bytes>, _: Time) {
        if stream == StreamKind::Fetch {
            return;
        }
        let mut state = self.state.lock();
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(frame) = state.take()
        {
            bytes += frame.len();
            frames.push(frame);
        }
        if frames.is_empty() {
            state.go_on();
            frames.extend(state.take());
        }
    }

    fn close(&self) -> Option<Close> {
        let code = self.state.lock().session.close()?;
        Some(Close { code: code.number(), reason: code.reason().to_owned() })
    }

    fn timeout(&self) -> Option<Time> {
        None
    }

    fn on_timeout(&self, _: Time) {}

    fn wake(&self) -> &Notify {
        &self.wake
    }
}
