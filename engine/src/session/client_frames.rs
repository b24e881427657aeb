//! What an open session does with each frame of its client.

use super::outbox::{Once, Slot};
use super::requests::{Kind, may_follow, may_read};
use super::{Output, SecurityEvent, Session, Stream};
use crate::cursor::{Cursor, CursorKind};
use crate::grant::{Grant, Right};
use crate::ids::Time;
use crate::limits::{FRAME_BYTES_MAX, Limit};
use crate::rejection::Rejection;
use crate::request;
use std::sync::Arc;
use tidings_wire::{
    ClientFrame, CommandFrame, ErrorBody, Fetch, FrameError, InboxName, ReplyCode, ServerFrame, SubscribeTo, decode,
    encode,
};

impl Session {
    pub(super) fn on_client_bytes(&mut self, stream: Stream, bytes: &[u8], now: Time) {
        match decode(bytes, FRAME_BYTES_MAX) {
            Ok(frame) if stream == Stream::Fetch && !matches!(frame, ClientFrame::Fetch(_)) => {
                self.protocol_error("only fetch frames may come on the second stream");
            }
            Ok(frame) => self.on_frame(stream, frame, now),
            // It has an id, so its sender learns what is wrong and goes on.
            Err(FrameError::Invalid { id: Some(id), what }) => {
                if self.allows(Kind::Query, stream, &id, now) {
                    let error = ErrorBody { code: ReplyCode::Invalid, message: what, retry_after_ms: None };
                    self.say(stream, &ServerFrame::refusal(id, error));
                }
            }
            Err(error) => self.protocol_error(&error.to_string()),
        }
    }

    fn on_frame(&mut self, stream: Stream, frame: ClientFrame, now: Time) {
        match frame {
            ClientFrame::Hello(_) => self.protocol_error("hello was said before"),
            ClientFrame::Command { id, command_id, command } => self.on_command(stream, id, command_id, command, now),
            ClientFrame::Ack { cursor } => {
                if self.is_free(now) {
                    self.on_ack(&cursor);
                }
            }
            ClientFrame::Pong => {
                self.is_free(now);
            }
            ClientFrame::Ping => {
                if self.is_free(now) && !self.ordered.has_once(Once::Pong) {
                    self.push(Stream::Ordered, encode(&ServerFrame::Pong), Slot::Once(Once::Pong));
                }
            }
            ClientFrame::Fetch(fetch) => {
                if self.allows(Kind::Query, stream, &fetch.id, now) {
                    self.on_fetch(stream, fetch, now);
                }
            }
            ClientFrame::Subscribe { id, inbox, from } => {
                if self.allows(Kind::Query, stream, &id, now) {
                    self.on_subscribe(id, inbox, from.as_deref());
                }
            }
            ClientFrame::Unsubscribe { id, inbox } => {
                if self.allows(Kind::Query, stream, &id, now) {
                    if self.forget(&inbox) {
                        self.outputs.push_back(Output::Unsubscribe { inbox });
                    }
                    self.say(Stream::Ordered, &ServerFrame::done(id, None, None));
                }
            }
            ClientFrame::Refresh { id, token } => {
                if self.allows(Kind::Query, stream, &id, now) {
                    self.on_refresh(id, token, now);
                }
            }
        }
    }

    /// Whether a frame that needs no reply is within the rate of queries.
    fn is_free(&mut self, now: Time) -> bool {
        let free = self.take_rate(Kind::Query, now).is_ok();
        if !free {
            self.count_limited(Limit::QueriesPerSecond, now);
        }
        free
    }

    pub(super) fn refuse_frame(&mut self, stream: Stream, id: String, rejection: &Rejection) {
        self.say(stream, &ServerFrame::refusal(id, rejection.body()));
        if let Some(limit) = rejection.limit() {
            self.limit_hit(limit);
        }
    }

    /// Refuses what is asked of an inbox or the log. The security log is told too of what the grant does not permit, and of
    /// cursors that its tenant was never given.
    fn refuse_request(&mut self, stream: Stream, id: String, rejection: &Rejection) {
        let event = match rejection {
            Rejection::Forbidden => Some(SecurityEvent::NotPermitted),
            Rejection::ForeignCursor { .. } => Some(SecurityEvent::ForeignCursor),
            _ => None,
        };
        self.outputs.extend(event.map(Output::Security));
        self.refuse_frame(stream, id, rejection);
    }

    fn on_command(&mut self, stream: Stream, id: String, command_id: Option<String>, command: CommandFrame, now: Time) {
        let Some(grant) = self.grant().map(Arc::clone) else { return };
        let publishes = matches!(command, CommandFrame::Publish(_) | CommandFrame::Retract(_));
        // Who may not publish does not count against those who may.
        let kind = if publishes && grant.permits(Right::Publish) { Kind::Publish } else { Kind::Command };
        if !self.allows(kind, stream, &id, now) {
            return;
        }
        let request = match request::command(&self.context.keys, &grant, command, command_id) {
            Ok(request) => Box::new(request),
            Err(rejection) => return self.refuse_request(stream, id, &rejection),
        };
        if self.takes_flight(stream, &id, now) {
            self.outputs.push_back(Output::Command { id, stream, request });
        }
    }

    fn on_fetch(&mut self, stream: Stream, fetch: Fetch, now: Time) {
        let Some(grant) = self.grant().map(Arc::clone) else { return };
        let Fetch { id, inbox, query } = fetch;
        let page = may_read(&grant, &inbox).and_then(|()| request::page(&self.context.keys, &grant, &query));
        match page {
            Err(rejection) => self.refuse_request(stream, id, &rejection),
            Ok(page) => {
                if self.takes_flight(stream, &id, now) {
                    self.fetches.push(stream, Output::Fetch { id, stream, inbox, page: Box::new(page) });
                }
            }
        }
    }

    fn on_subscribe(&mut self, id: String, inbox: InboxName, from: Option<&str>) {
        let Some(grant) = self.grant().map(Arc::clone) else { return };
        if let Err(rejection) = may_follow(&grant, &inbox) {
            return self.refuse_request(Stream::Ordered, id, &rejection);
        }
        let from = match from.map(|text| self.open_cursor(&grant, text)) {
            None => None,
            Some(Some(cursor)) => Some(cursor),
            Some(None) => {
                let rejection = Rejection::invalid("from", "is no cursor of this inbox");
                return self.refuse_frame(Stream::Ordered, id, &rejection);
            }
        };
        if let Err((Some(id), rejection)) = self.subscribe(inbox, from, Some(id)) {
            self.refuse_frame(Stream::Ordered, id, &rejection);
        }
    }

    /// A cursor to go on from; `None` when it is malformed, another tenant's or a page's.
    fn open_cursor(&mut self, grant: &Grant, text: &str) -> Option<Cursor> {
        let cursor = Cursor::open(&self.context.keys, grant.tenant_tag, text);
        if cursor.is_none() {
            self.outputs.push_back(Output::Security(SecurityEvent::ForeignCursor));
        }
        cursor.filter(|cursor| cursor.kind == CursorKind::Changes)
    }

    /// The client has everything up to a cursor of its own inbox, as far as it was sent. Any other cursor says nothing.
    fn on_ack(&mut self, text: &str) {
        let Some(grant) = self.grant().map(Arc::clone) else { return };
        let sent = self.subscriptions.place(&InboxName::Me);
        let (Some(cursor), Some(sent)) = (self.open_cursor(&grant, text), sent) else { return };
        let up_to = cursor.position.min(sent.position);
        if cursor.epoch == self.context.epoch && up_to > self.acknowledged {
            self.acknowledged = up_to;
            self.outputs.push_back(Output::Delivered { grant, up_to });
        }
    }

    /// The subscriptions of `hello`: there is no `id` to reply to, so what is refused is told by `error`.
    pub(super) fn subscribe_from_hello(&mut self, wanted: Vec<SubscribeTo>) {
        let Some(grant) = self.grant().map(Arc::clone) else { return };
        // One over the limit is refused like any other; there is no need to hear of the rest.
        let count_max = self.limits.subscriptions_max as usize + 1;
        for SubscribeTo { inbox, from } in wanted.into_iter().take(count_max) {
            let from = from.map(|text| self.open_cursor(&grant, &text));
            let void = matches!(from, Some(None)).then(|| inbox.clone());
            let permitted = may_follow(&grant, &inbox);
            match permitted.and_then(|()| self.subscribe(inbox, from.flatten(), None).map_err(|(_, why)| why)) {
                Err(rejection) => {
                    if let Some(limit) = rejection.limit() {
                        self.limit_hit(limit);
                    }
                    let ErrorBody { code, message, .. } = rejection.body();
                    self.say(Stream::Ordered, &ServerFrame::Error { code, message });
                }
                Ok(()) => {
                    if let Some(inbox) = void {
                        self.say_cursor_void(&inbox);
                    }
                }
            }
        }
    }
}
