//! The inbox thread of the simulated server: the same questions and answers as the real one's, one at a time.

use super::node::{Answered, ConnectionId, Node, Waiter, Work};
use super::plant::Plant;
use std::sync::Arc;
use tidings_engine::command::{Command, Outcome, Request};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::event::Recorded;
use tidings_engine::grant::Grant;
use tidings_engine::ids::Position;
use tidings_engine::item::Filter;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::{After, Page};
use tidings_engine::session::{Input, Output, Placed, SecurityEvent};
use tidings_projections::render::{self, Rendering};
use tidings_projections::{ChangePlace, Changes, Delta, DeltaChange, ItemChange, Owner, Place, Target};
use tidings_wire::{InboxName, ServerFrame, encode};

/// Items of a snapshot: few, so that every story pages.
const SNAPSHOT_ITEMS: usize = 5;

/// Items of one step of catching up: few, so that it takes several.
const CATCH_UP_ITEMS: usize = 4;

impl Node {
    /// Does what a session asks for.
    pub(super) fn perform(&mut self, id: ConnectionId) {
        while let Some(connection) = self.connections.get_mut(&id)
            && let Some(output) = connection.session.poll_output()
        {
            match output {
                Output::LoadKeys { .. } => connection.session.handle(Input::KeysLoaded, self.now),
                Output::Admit { .. } => connection.session.handle(Input::Admitted(Ok(())), self.now),
                Output::Observe(grant) => {
                    connection.grant = Some(Arc::clone(&grant));
                    let request = Request { grant, key: None, fingerprint: [0; 16], command: Command::Observe };
                    self.requests.push((request, Waiter::Observed(id)));
                }
                Output::Subscribe { inbox, from } => {
                    self.work.push_back(Work::Subscribe { connection: id, inbox, from });
                }
                Output::Unsubscribe { inbox } => self.work.push_back(Work::Unsubscribe { connection: id, inbox }),
                Output::CatchUp { inbox, from } => {
                    self.work.push_back(Work::CatchUp { connection: id, inbox, since: from });
                }
                Output::Command { id: name, stream, request } => {
                    let grant = Arc::clone(&request.grant);
                    self.requests.push((*request, Waiter::Command { connection: id, id: name, stream, grant }));
                }
                Output::Fetch { id: name, stream, inbox, page } => {
                    self.work.push_back(Work::Fetch { connection: id, id: name, stream, inbox, page });
                }
                Output::Security(SecurityEvent::Authenticated { grant, .. }) => connection.grant = Some(grant),
                Output::Delivered { .. } | Output::Security(_) => {}
            }
        }
    }

    /// Does one piece of the inbox thread's work; whether there was one.
    pub(super) fn work_once(&mut self) -> bool {
        let Some(work) = self.work.pop_front() else { return false };
        match work {
            Work::Committed { events, answers } => {
                events.iter().for_each(|event| self.fan_out(event));
                answers.into_iter().for_each(|(waiter, outcome)| self.answer(waiter, outcome));
            }
            Work::Subscribe { connection, inbox, from } => self.subscribe(connection, &inbox, from),
            Work::CatchUp { connection, inbox, since } => self.catch_up(connection, &inbox, since),
            Work::Unsubscribe { connection, inbox } => {
                if let Some((owner, _)) = self.following(connection, &inbox) {
                    self.leave(owner, connection);
                }
            }
            Work::Fetch { connection, id, stream, inbox, page } => {
                let page = self.page(connection, &inbox, &page, &id);
                self.give(connection, Input::Fetched { id, stream, result: page });
            }
            Work::Ended { connection } => {
                self.followers.values_mut().for_each(|followers| followers.retain(|one| *one != connection));
            }
        }
        true
    }

    fn answer(&mut self, waiter: Waiter, outcome: Outcome) {
        match waiter {
            Waiter::Observed(connection) => self.give(connection, Input::Observed(outcome.map(|_| ()))),
            Waiter::Command { connection, id, stream, grant } => {
                let result = outcome.map(|done| {
                    let at = self.cursor(ChangePlace::at(done.position));
                    (Some(at.seal(&self.keys, grant.tenant_tag)), None)
                });
                self.give(connection, Input::Replied { id, stream, result });
            }
            Waiter::Publisher(key) => self.answered.push(Answered { key, outcome }),
        }
    }

    fn fan_out(&mut self, recorded: &Recorded) {
        self.keep(recorded);
        let mut deltas = Vec::new();
        let followers = &self.followers;
        let wanted = |target| match target {
            Target::User(stream) => followers.get(&Owner::User(stream)).is_some_and(|list| !list.is_empty()),
            Target::TenantInbox(stream) => followers.get(&Owner::Tenant(stream)).is_some_and(|list| !list.is_empty()),
            Target::TenantAudience(_) => true,
        };
        self.projections.apply_live(recorded, &wanted, &mut deltas).expect("it is all in memory");
        for delta in &deltas {
            self.deliver(delta);
            if let (Target::TenantAudience(_), DeltaChange::Removed(_)) = (delta.target, &delta.change) {
                self.tell_counts(delta);
            }
        }
    }

    fn followers_of(&self, target: Target) -> Vec<ConnectionId> {
        let of = |owner| self.followers.get(&owner).cloned().unwrap_or_default();
        match target {
            Target::User(stream) => of(Owner::User(stream)),
            Target::TenantInbox(stream) => of(Owner::Tenant(stream)),
            Target::TenantAudience(_) => {
                let people = self.followers.iter().filter(|(owner, _)| matches!(owner, Owner::User(_)));
                people.flat_map(|(_, list)| list.iter().copied()).collect()
            }
        }
    }

    fn deliver(&mut self, delta: &Delta) {
        let followers = self.followers_of(delta.target);
        let grants = followers.iter().find_map(|id| self.connections.get(id)?.grant.clone());
        let Some(grant) = grants else { return };
        let inbox = match delta.target {
            Target::User(_) | Target::TenantAudience(_) => InboxName::Me,
            Target::TenantInbox(_) => InboxName::Tenant,
        };
        let frames = self.rendered(&grant, |rendering| render::delta_frames(&inbox, delta, rendering));
        for (frame, place) in frames {
            let (frame, at) = (encode(&frame), self.cursor(place));
            for id in &followers {
                self.give(*id, Input::Delta { inbox: &inbox, frame: &frame, at });
            }
        }
    }

    fn tell_counts(&mut self, delta: &Delta) {
        for id in self.followers_of(delta.target) {
            let Some((owner, grant)) = self.following(id, &InboxName::Me) else { continue };
            let at = self.cursor(ChangePlace::at(delta.position));
            let counts = self.projections.counts(owner).expect("it is all in memory");
            let cursor = at.seal(&self.keys, grant.tenant_tag);
            let frame = encode(&ServerFrame::Counts { inbox: InboxName::Me, cursor, counts });
            self.give(id, Input::Delta { inbox: &InboxName::Me, frame: &frame, at });
        }
    }

    fn subscribe(&mut self, id: ConnectionId, inbox: &InboxName, from: Option<Cursor>) {
        let Some((owner, grant)) = self.following(id, inbox) else { return };
        let followers = self.followers.entry(owner).or_default();
        if !followers.contains(&id) {
            followers.push(id);
        }
        match from {
            Some(cursor) if self.is_of_this_log(&cursor) && self.plant == Some(Plant::ForgetTheGap) => {
                self.catch_up(id, inbox, self.cursor(ChangePlace::at(self.projections.position())));
            }
            Some(cursor) if self.is_of_this_log(&cursor) => self.catch_up(id, inbox, cursor),
            Some(_) => self.resync(id, inbox, (owner, &grant), "another_log"),
            None => self.snapshot(id, inbox, (owner, &grant)),
        }
    }

    fn catch_up(&mut self, id: ConnectionId, inbox: &InboxName, since: Cursor) {
        let Some((owner, grant)) = self.following(id, inbox) else { return };
        let mut since = ChangePlace { position: since.position, place: since.place };
        if self.plant == Some(Plant::CursorTooFar) && since.position < self.projections.position() {
            since = ChangePlace::at(since.position.next());
        }
        let mut counts = self.projections.counts(owner).expect("it is all in memory");
        if self.plant == Some(Plant::OldCounts) && counts.total > 0 {
            counts.total -= 1;
        }
        let changes = self.projections.changes(owner, since, CATCH_UP_ITEMS).expect("it is all in memory");
        match changes {
            Changes::Resync(reason) => self.resync(id, inbox, (owner, &grant), reason.word()),
            Changes::Page { mut changes, next, done } => {
                if self.plant == Some(Plant::SkipTombstones) {
                    changes.retain(|one| !matches!(one.change, ItemChange::Removed(_)));
                }
                let step = self.rendered(&grant, |rendering| {
                    render::catching_up(inbox, (&changes, next, done), counts, rendering)
                });
                let next = self.cursor(step.next);
                let frames = step.frames.iter().map(|frame| Placed { frame: encode(frame), at: next }).collect();
                self.give(id, Input::CatchUpPage { inbox, frames, next, done: step.done });
            }
        }
    }

    fn resync(&mut self, id: ConnectionId, inbox: &InboxName, whose: (Owner, &Grant), reason: &'static str) {
        self.give(id, Input::Resync { inbox, reason });
        self.snapshot(id, inbox, whose);
    }

    fn snapshot(&mut self, id: ConnectionId, inbox: &InboxName, (owner, grant): (Owner, &Grant)) {
        let filter = Filter { archived: Some(false), snoozed: Some(false), ..Filter::default() };
        let page = self.projections.page(owner, &filter, None, SNAPSHOT_ITEMS).expect("it is all in memory");
        let counts = self.projections.counts(owner).expect("it is all in memory");
        let place = ChangePlace::at(self.projections.position());
        let frame = self.rendered(grant, |rendering| render::snapshot(inbox, &page, counts, place, rendering));
        let at = self.cursor(place);
        self.give(id, Input::Snapshot { inbox, frame: encode(&frame), at });
    }

    /// A page as the encoded reply; with it goes the place as of which it was read, which only the judge looks at.
    fn page(
        &mut self,
        id: ConnectionId,
        inbox: &InboxName,
        page: &Page,
        name: &str,
    ) -> Result<bytes::Bytes, Rejection> {
        let (owner, grant) = self.following(id, inbox).ok_or(Rejection::Unauthenticated)?;
        let projections = &mut self.projections;
        let after = match page.after {
            Some(After::Item(item)) => match projections.remembers(owner, item).expect("it is all in memory") {
                true => Some(Place(item.0)),
                false => return Err(Rejection::NotFound),
            },
            Some(After::Cursor(cursor)) => Some(Place(cursor.place)),
            None => None,
        };
        let mut filter = page.filter.clone();
        filter.archived.get_or_insert(false);
        filter.snoozed.get_or_insert(false);
        let found = projections.page(owner, &filter, after, page.limit).expect("it is all in memory");
        let as_of = projections.position().0;
        let rendered = self.rendered(&grant, |rendering| render::page(&found, rendering));
        let result = serde_json::json!({ "items": rendered.items, "hasMore": rendered.has_more, "asOf": as_of });
        Ok(encode(&ServerFrame::done(name.to_owned(), None, Some(result))))
    }

    fn leave(&mut self, owner: Owner, id: ConnectionId) {
        if let Some(followers) = self.followers.get_mut(&owner) {
            followers.retain(|one| *one != id);
        }
    }

    fn following(&self, id: ConnectionId, inbox: &InboxName) -> Option<(Owner, Arc<Grant>)> {
        let grant = self.connections.get(&id)?.grant.clone()?;
        let owner = match inbox {
            InboxName::Me => Owner::User(grant.stream),
            InboxName::Tenant => Owner::Tenant(grant.tenant_stream),
            _ => return None,
        };
        Some((owner, grant))
    }

    fn rendered<T>(&self, grant: &Grant, render: impl FnOnce(&Rendering<'_>) -> T) -> T {
        let cursor = |place| self.cursor(place).seal(&self.keys, grant.tenant_tag);
        let contents = &self.contents;
        render(&Rendering { keys: &self.keys, tag: grant.tenant_tag, to: None, contents, cursor: &cursor })
    }

    fn is_of_this_log(&self, cursor: &Cursor) -> bool {
        cursor.kind == CursorKind::Changes
            && cursor.epoch == self.context.epoch
            && cursor.position <= self.projections.position()
            && (cursor.position == Position::ZERO || self.reader.chain_prefix(cursor.position) == Some(cursor.chain))
    }
}
