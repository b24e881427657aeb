use super::outbox::Slot;
use super::{Session, Stream};
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
    ) {
        let frame = match result {
            Ok((cursor, result)) => ServerFrame::done(id, cursor, result),
            Err(rejection) => ServerFrame::refusal(id, rejection.body()),
        };
        self.push(stream, encode(&frame), Slot::Reply { page: false });
    }

    pub(super) fn on_fetched(&mut self, id: String, stream: Stream, result: Result<Bytes, Rejection>) {
        *self.fetches.asked(stream) = false;
        let (frame, page) = match result {
            Ok(frame) => (frame, true),
            Err(rejection) => (encode(&ServerFrame::refusal(id, rejection.body())), false),
        };
        self.push(stream, frame, Slot::Reply { page });
    }
}
