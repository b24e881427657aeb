//! A gateway that lets nobody in: what routes make of that.

use bytes::Bytes;
use tidings_adapters::carrier::{CarrierEnd, Close, FrameFault, StreamKind};
use tidings_adapters::gateway::{Admission, Gateway, Peer, Protocol, Refused};
use tidings_engine::ids::Time;
use tokio::sync::Notify;

use super::fake::NOW;

/// A gateway without a place.
#[derive(Debug)]
pub struct Crowded(
    /// Why.
    pub Refused,
);

/// Never made.
#[derive(Debug, Default)]
pub struct Nobody(Notify);

impl Gateway for Crowded {
    type Ticket = ();
    type Protocol = Nobody;

    fn now(&self) -> Time {
        NOW
    }

    fn admit(&self, _: &Admission) -> Result<(), Refused> {
        Err(self.0)
    }

    fn origin_allowed(&self, _: &Peer) -> bool {
        true
    }

    fn open(&self, (): (), _: Peer) -> Nobody {
        Nobody::default()
    }
}

impl Protocol for Nobody {
    fn on_frame(&self, _: StreamKind, _: Bytes, _: Time) {}
    fn on_alive(&self, _: Time) {}
    fn on_fault(&self, _: StreamKind, _: FrameFault, _: Time) {}
    fn on_carrier_end(&self, _: &CarrierEnd, _: Time) {}
    fn take_frames(&self, _: StreamKind, _: usize, _: &mut Vec<Bytes>, _: Time) {}
    fn close(&self) -> Option<Close> {
        None
    }
    fn timeout(&self) -> Option<Time> {
        None
    }
    fn on_timeout(&self, _: Time) {}
    fn wake(&self) -> &Notify {
        &self.0
    }
}
