//! A gateway whose sessions say what they were given to say, whatever they hear.

use super::fake::NOW;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tidings_adapters::carrier::{CarrierEnd, Close, FrameFault, StreamKind};
use tidings_adapters::gateway::{Admission, Gateway, Peer, Protocol, Refused};
use tidings_engine::ids::Time;
use tokio::sync::Notify;

/// Lets everybody in. The next session says what it was given, and ends.
#[derive(Debug, Default)]
pub struct Spoken(Mutex<VecDeque<Vec<Bytes>>>);

impl Spoken {
    /// What the next session says: frames that come at once stand together. The last of them come with the end.
    pub fn set(&self, frames: impl IntoIterator<Item = Vec<Bytes>>) {
        *self.0.lock() = frames.into_iter().collect();
    }
}

/// A session.
#[derive(Debug)]
pub struct Speaker {
    frames: Mutex<VecDeque<Vec<Bytes>>>,
    wake: Notify,
}

impl Gateway for Spoken {
    type Ticket = ();
    type Protocol = Speaker;

    fn now(&self) -> Time {
        NOW
    }

    fn admit(&self, _: &Admission) -> Result<(), Refused> {
        Ok(())
    }

    fn origin_allowed(&self, _: &Peer) -> bool {
        true
    }

    fn open(&self, (): (), _: Peer) -> Speaker {
        Speaker { frames: Mutex::new(std::mem::take(&mut self.0.lock())), wake: Notify::new() }
    }
}

impl Protocol for Speaker {
    fn on_frame(&self, _: StreamKind, _: Bytes, _: Time) {}
    fn on_alive(&self, _: Time) {}
    fn on_fault(&self, _: StreamKind, _: FrameFault, _: Time) {}
    fn on_carrier_end(&self, _: &CarrierEnd, _: Time) {}

    fn take_frames(&self, stream: StreamKind, _: usize, frames: &mut Vec<Bytes>, _: Time) {
        if stream == StreamKind::Ordered {
            frames.extend(self.frames.lock().pop_front().unwrap_or_default());
        }
    }

    fn close(&self) -> Option<Close> {
        (self.frames.lock().len() <= 1).then(|| Close { code: 4_000, reason: "said".to_owned() })
    }

    fn timeout(&self) -> Option<Time> {
        None
    }

    fn on_timeout(&self, _: Time) {}

    fn wake(&self) -> &Notify {
        &self.wake
    }
}
