//! A new token for an open session: the same person of the same tenant, for longer, and what it permits from then on.

use super::hello::{Phase, rfc3339};
use super::outbox::Slot;
use super::requests::{may_follow, may_read};
use super::{Output, SecurityEvent, Session, Stream};
use crate::grant::{Grant, Right};
use crate::ids::Time;
use crate::rejection::Rejection;
use crate::token::TokenError;
use serde_json::json;
use std::sync::Arc;
use tidings_wire::{CloseCode, ReplyCode, ServerFrame, encode};

/// A `refresh` whose token cannot be judged yet: its key is being loaded.
pub(super) struct Refresh {
    id: String,
    token: String,
}

impl Session {
    /// Judges the token of a `refresh`, or has its key loaded before.
    pub(super) fn on_refresh(&mut self, id: String, token: String, now: Time) {
        match self.context.authenticate(&token, now) {
            // One token waits at a time: the session has one now, and the client may ask again.
            Err(error) if error.source().is_some() && self.refresh.is_some() => {
                self.refuse_frame(Stream::Ordered, id, &Rejection::Unavailable);
            }
            Err(error) if error.source().is_some() => {
                self.outputs.extend(error.source().map(|from| Output::LoadKeys { from }));
                self.refresh = Some(Box::new(Refresh { id, token }));
            }
            verified => self.on_refreshed(id, verified),
        }
    }

    /// Judges by the keys that there are now what had to wait for them.
    pub(super) fn on_keys_loaded(&mut self, now: Time) {
        self.prove(now);
        if let Some(refresh) = self.refresh.take() {
            let Refresh { id, token } = *refresh;
            let verified = self.context.authenticate(&token, now);
            self.on_refreshed(id, verified);
        }
    }

    fn on_refreshed(&mut self, id: String, verified: Result<Grant, TokenError>) {
        let Some(current) = self.grant().map(Arc::clone) else { return };
        let grant = match verified {
            Ok(grant) => Arc::new(grant),
            Err(error) => {
                let event = SecurityEvent::Refused { code: error.close_code(), why: error.word() };
                self.outputs.push_back(Output::Security(event));
                return self.refuse_frame(Stream::Ordered, id, &error.rejection());
            }
        };
        if (&grant.tenant, &grant.subject) != (&current.tenant, &current.subject) {
            let event = SecurityEvent::Refused { code: CloseCode::Forbidden, why: "refresh_of_another" };
            self.outputs.push_back(Output::Security(event));
            return self.refuse_frame(Stream::Ordered, id, &Rejection::Forbidden);
        }
        if grant.expires <= current.expires {
            let rejection = Rejection::invalid("token", "expires no later than the one before");
            return self.refuse_frame(Stream::Ordered, id, &rejection);
        }
        self.phase = Phase::Open(Arc::clone(&grant));
        let result = json!({"expires": rfc3339(grant.expires)});
        self.say(Stream::Ordered, &ServerFrame::done(id, None, Some(result)));
        for inbox in self.subscriptions.names_without(|inbox| may_follow(&grant, inbox).is_ok()) {
            self.forget(&inbox);
            let message = format!("the new token does not permit to follow {inbox}");
            self.say(Stream::Ordered, &ServerFrame::Error { code: ReplyCode::Forbidden, message });
            self.outputs.push_back(Output::Unsubscribe { inbox });
        }
        for (stream, id) in self.fetches.take_without(|inbox| may_read(&grant, inbox).is_ok()) {
            let refusal = ServerFrame::refusal(id, Rejection::Forbidden.body());
            self.push(stream, encode(&refusal), Slot::Reply { page: false });
        }
        if grant.permits(Right::OwnInbox) && (&grant.roles, &grant.topics) != (&current.roles, &current.topics) {
            self.outputs.push_back(Output::Observe(grant));
        }
    }
}
