use super::outbox::Slot;
use super::{Session, Stream};
use crate::ids::Time;
use crate::rejection::Rejection;
use bytes::Bytes;
use serde_json::Value;
use tidings_wire::{ServerFrame, encode};

impl Session {
    pub(super) fn on_replied(
        &mut self,
        id: String,
        stream: Stream,
        result: Result<(Option<String>, Option<Value>), Rejection>,
        now: Time,
    ) {
        let reply = Slot::Reply { page: false };
        match result {
            Ok((cursor, result)) => self.push(stream, encode(&ServerFrame::done(id, cursor, result)), reply),
            Err(rejection) => {
                self.push(stream, encode(&ServerFrame::refusal(id, rejection.body())), reply);
                self.count_refusal(&rejection, now);
            }
        }
    }

    pub(super) fn on_fetched(&mut self, id: String, stream: Stream, result: Result<Bytes, Rejection>, now: Time) {
        *self.fetches.asked(stream) = false;
        match result {
            Ok(frame) => self.push(stream, frame, Slot::Reply { page: true }),
            Err(rejection) => {
                let frame = encode(&ServerFrame::refusal(id, rejection.body()));
                self.push(stream, frame, Slot::Reply { page: false });
                self.count_refusal(&rejection, now);
            }
        }
    }
}
