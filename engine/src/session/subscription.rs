//! The standing interests of a session, and the one question at a time that brings them up to date.

use super::outbox::Slot;
use super::{Output, Placed, Session, Stream};
use crate::cursor::Cursor;
use crate::ids::Time;
use crate::limits::Limit;
use crate::rejection::Rejection;
use bytes::Bytes;
use tidings_wire::{InboxName, ServerFrame, encode};

/// How one subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The server has not been asked yet.
    Waiting,
    /// The server has been asked, for a snapshot or a page.
    Asked,
    /// Every delta is queued.
    Live,
    /// Deltas are ignored; the next page is asked for when the outbox has drained.
    Behind,
}

struct Subscription {
    key: u32,
    inbox: InboxName,
    state: State,
    /// Where the client stands once what cannot be dropped any more has been written; the cursor it came with at first.
    at: Option<Cursor>,
    /// Whether `behind` was said and `caught_up` was not.
    told_behind: bool,
    /// The `id` of the `subscribe` frame, until it is answered.
    id: Option<String>,
}

/// The subscriptions of a session.
#[derive(Default)]
pub(super) struct Subscriptions {
    list: Vec<Subscription>,
    /// The subscription that the server was asked about last, until it answers: it may be gone by then.
    asked: Option<(u32, InboxName)>,
    next_key: u32,
}

impl Subscriptions {
    /// A delta was handed to the writer.
    pub(super) fn written(&mut self, key: u32, at: Cursor) {
        if let Some(subscription) = self.list.iter_mut().find(|one| one.key == key) {
            subscription.at = Some(at);
        }
    }

    /// The subscription that an answer about `inbox` is for, as its index. `None`: it is gone, or nothing was asked.
    fn answered(&mut self, inbox: &InboxName) -> Option<usize> {
        let (key, _) = self.asked.take_if(|(_, asked)| asked == inbox)?;
        self.list.iter().position(|one| one.key == key)
    }

    /// How many are catching up, or would be if the outbox were empty.
    pub(super) fn behind_count(&self) -> usize {
        self.list.iter().filter(|one| one.told_behind || one.state == State::Behind).count()
    }

    /// Where the client of a subscription stands; `None` where it follows no such inbox, or holds nothing of it.
    pub(super) fn place(&self, inbox: &InboxName) -> Option<Cursor> {
        self.list.iter().find(|one| one.inbox == *inbox)?.at
    }

    fn is_asked(&self, inbox: &InboxName) -> bool {
        self.asked.as_ref().is_some_and(|(_, asked)| asked == inbox)
    }

    /// The subscription that something unasked about `inbox` is for, as its index. One that the server has not heard of yet
    /// is not meant: what comes is for the one before it.
    fn known(&self, inbox: &InboxName) -> Option<usize> {
        self.list.iter().position(|one| one.inbox == *inbox && one.state != State::Waiting)
    }

    fn index(&self, inbox: &InboxName) -> Option<usize> {
        self.list.iter().position(|one| one.inbox == *inbox)
    }

    /// Names of all that `keep` is false for.
    pub(super) fn names_without(&self, keep: impl Fn(&InboxName) -> bool) -> Vec<InboxName> {
        self.list.iter().map(|one| &one.inbox).filter(|inbox| !keep(inbox)).cloned().collect()
    }
}

impl Session {
    /// Begins a subscription; an earlier one to the same inbox is replaced.
    pub(super) fn subscribe(
        &mut self,
        inbox: InboxName,
        from: Option<Cursor>,
        id: Option<String>,
    ) -> Result<(), (Option<String>, Rejection)> {
        self.forget(&inbox);
        let (found, allowed) = (self.subscriptions.list.len() + 1, self.limits.subscriptions_max);
        if found > allowed as usize {
            let (limit, field, unit) = (Limit::SubscriptionsMax, "subscriptions", "inboxes");
            let (found, allowed) = (found as u64, u64::from(allowed));
            return Err((id, Rejection::TooLarge { limit, field, found, allowed, unit }));
        }
        let key = self.subscriptions.next_key;
        self.subscriptions.next_key = key.wrapping_add(1);
        let state = State::Waiting;
        self.subscriptions.list.push(Subscription { key, inbox, state, at: from, told_behind: false, id });
        Ok(())
    }

    /// Ends a subscription here; whether there was one. Its frames that are queued are dropped.
    pub(super) fn forget(&mut self, inbox: &InboxName) -> bool {
        let Some(index) = self.subscriptions.index(inbox) else { return false };
        let subscription = self.subscriptions.list.remove(index);
        self.ordered.drop_subscription(subscription.key);
        self.reply_subscribed(subscription.id);
        true
    }

    fn reply_subscribed(&mut self, id: Option<String>) {
        if let Some(id) = id {
            self.say(Stream::Ordered, &ServerFrame::done(id, None, None));
        }
    }

    /// Asks the server about the next subscription that needs it, if there is room for the answer.
    pub(super) fn ask_next(&mut self) {
        let list = &mut self.subscriptions.list;
        if self.subscriptions.asked.is_some() || list.iter().all(|one| one.state == State::Live) {
            return;
        }
        let drained = self.ordered.is_empty();
        let roomy = self.ordered.bytes() <= self.limits.outbox_bytes_max / 4 && !self.ordered.has_page();
        let ready = |one: &Subscription| match one.state {
            State::Waiting => drained || roomy,
            State::Behind => drained,
            State::Asked | State::Live => false,
        };
        let Some(index) = list.iter().position(ready) else { return };
        // Those that were asked about come last, so that one inbox that never catches up keeps no other waiting.
        let mut next = list.remove(index);
        let inbox = next.inbox.clone();
        let output = match (next.state, next.at) {
            (State::Behind, Some(from)) => Output::CatchUp { inbox: inbox.clone(), from },
            (_, from) => Output::Subscribe { inbox: inbox.clone(), from },
        };
        next.state = State::Asked;
        self.subscriptions.asked = Some((next.key, inbox));
        list.push(next);
        self.outputs.push_back(output);
    }

    pub(super) fn on_snapshot(&mut self, inbox: &InboxName, frame: Bytes, at: Cursor) {
        let index = match self.subscriptions.is_asked(inbox) {
            true => self.subscriptions.answered(inbox),
            false => self.subscriptions.known(inbox),
        };
        let Some(index) = index else { return };
        let one = &mut self.subscriptions.list[index];
        one.state = State::Live;
        one.at = Some(at);
        one.told_behind = false;
        let (key, id) = (one.key, one.id.take());
        self.ordered.drop_changes(key);
        self.reply_subscribed(id);
        self.push(Stream::Ordered, frame, Slot::Page { key });
    }

    pub(super) fn on_delta(&mut self, inbox: &InboxName, frame: &Bytes, at: Cursor) {
        let Some(index) = self.subscriptions.index(inbox) else { return };
        let one = &self.subscriptions.list[index];
        if one.state != State::Live {
            return;
        }
        let (key, limits) = (one.key, &self.limits);
        if self.ordered.has_room(frame.len(), limits.outbox_bytes_max, limits.outbox_frames_max) {
            self.ordered.push(frame.clone(), Slot::Delta { key, at });
        } else {
            self.ordered.drop_deltas(key);
            self.fall_behind(index);
        }
    }

    fn fall_behind(&mut self, index: usize) {
        let Some(tenant) = self.grant().map(|grant| grant.tenant_tag) else { return };
        let one = &mut self.subscriptions.list[index];
        one.state = State::Behind;
        let (Some(at), false) = (one.at, one.told_behind) else { return };
        one.told_behind = true;
        let frame = ServerFrame::Behind { inbox: one.inbox.clone(), cursor: at.seal(&self.context.keys, tenant) };
        self.push(Stream::Ordered, encode(&frame), Slot::Page { key: self.subscriptions.list[index].key });
    }

    pub(super) fn on_page(&mut self, inbox: &InboxName, frames: Vec<Placed>, next: Cursor, done: bool) {
        let Some(index) = self.subscriptions.answered(inbox) else { return };
        let id = self.subscriptions.list[index].id.take();
        self.reply_subscribed(id);
        self.fall_behind(index);
        let Some(one) = self.subscriptions.list.get_mut(index) else { return };
        // Parts of a page are not dropped, so what is asked for next goes on after the page.
        one.at = Some(next);
        if done {
            one.state = State::Live;
            one.told_behind = false;
        }
        let key = one.key;
        for Placed { frame, .. } in frames {
            self.push(Stream::Ordered, frame, Slot::Page { key });
        }
    }

    pub(super) fn on_resync(&mut self, inbox: &InboxName, reason: &'static str) {
        let asked = self.subscriptions.asked.as_ref().filter(|(_, asked)| asked == inbox).map(|(key, _)| *key);
        let Some(index) = self.subscriptions.known(inbox) else { return };
        let one = &mut self.subscriptions.list[index];
        if asked.is_some_and(|key| key != one.key) {
            return;
        }
        one.state = if asked.is_some() { State::Asked } else { State::Waiting };
        one.at = None;
        one.told_behind = false;
        let (key, id) = (one.key, one.id.take());
        self.ordered.drop_subscription(key);
        self.reply_subscribed(id);
        self.say_void(key, inbox, reason);
    }

    /// Tells the client that its state of an inbox is void.
    fn say_void(&mut self, key: u32, inbox: &InboxName, reason: &'static str) {
        let frame = ServerFrame::Resync { inbox: inbox.clone(), reason: reason.to_owned() };
        self.push(Stream::Ordered, encode(&frame), Slot::Word { key });
    }

    /// Tells the client that the cursor which it began an inbox with is none, where it follows that.
    pub(super) fn say_cursor_void(&mut self, inbox: &InboxName) {
        if let Some(index) = self.subscriptions.index(inbox) {
            self.say_void(self.subscriptions.list[index].key, inbox, "cursor");
        }
    }

    pub(super) fn on_subscribe_failed(&mut self, inbox: &InboxName, rejection: &Rejection, now: Time) {
        let Some(index) = self.subscriptions.answered(inbox) else { return };
        let one = self.subscriptions.list.remove(index);
        self.ordered.drop_subscription(one.key);
        let error = rejection.body();
        let frame = match one.id {
            Some(id) => ServerFrame::refusal(id, error),
            None => ServerFrame::Error { code: error.code, message: error.message },
        };
        self.say(Stream::Ordered, &frame);
        self.count_refusal(rejection, now);
    }
}
