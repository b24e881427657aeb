//! Following an inbox: the snapshot, the deltas after it, and catching up.

use crate::connection::Connection;
use crate::consents::CONSENT;
use crate::inbox::{InboxThread, following};
use crate::reading::shown;
use std::sync::Arc;
use tidings_engine::cursor::Cursor;
use tidings_engine::event::Recorded;
use tidings_engine::grant::Grant;
use tidings_engine::item::Filter;
use tidings_engine::session::{Input, Placed};
use tidings_projections::render::{self, Rendering};
use tidings_projections::{ChangePlace, Changes, Delta, DeltaChange, Owner, Target, pushed_changes};
use tidings_wire::{InboxName, ServerFrame, encode};

/// Items of a snapshot: 20, a screenful.
const SNAPSHOT_ITEMS: usize = 20;

/// Most items of one step of catching up: 100. The frame's bytes bound it too.
const CATCH_UP_ITEMS: usize = 100;

impl InboxThread {
    /// Applies an event and hands what changed to those who follow: each frame is encoded once.
    pub(crate) fn fan_out(&mut self, recorded: &Recorded) {
        let mut deltas = Vec::new();
        let hub = &self.hub;
        let applied = self.folding.apply_live(recorded, &|target| hub.is_followed(target), &mut deltas);
        if let Err(error) = applied {
            return self.unreadable(&error);
        }
        for delta in deltas {
            let Some(delta) = self.pushed(delta) else { continue };
            let delta = &delta;
            self.deliver(delta);
            if let Target::TenantAudience(_) = delta.target {
                self.tell_counts(delta);
            }
        }
    }

    /// Tells counts after a delta of everyone to those who cannot know them: what is taken back may have had any state, and
    /// what is added to a full inbox makes another item drop off.
    fn tell_counts(&mut self, delta: &Delta) {
        let followers: Vec<_> = self.hub.followers(delta.target).map(Arc::clone).collect();
        for connection in followers {
            let Some((owner, grant)) = following(&connection, &InboxName::Me) else { continue };
            let is_taken_back = matches!(delta.change, DeltaChange::Removed(_));
            if !is_taken_back && !self.folding.may_overflow(owner) {
                continue;
            }
            let at = self.cursor(ChangePlace::at(delta.position));
            let cursor = at.seal(&self.keys, grant.tenant_tag);
            let withheld = self.withheld(owner, grant.tenant_stream);
            let Ok(counts) = self.ask(|projections| projections.pushed_counts(owner, withheld.as_ref())) else {
                return;
            };
            let frame = encode(&ServerFrame::Counts { inbox: InboxName::Me, cursor, counts });
            connection.deliver(&InboxName::Me, &frame, at);
        }
    }

    fn deliver(&self, delta: &Delta) {
        let Some(first) = self.hub.followers(delta.target).next().and_then(|connection| connection.grant()) else {
            return;
        };
        let (inbox, to) = match delta.target {
            Target::User(_) => (InboxName::Me, Some(&*first.subject)),
            Target::TenantAudience(_) => (InboxName::Me, None),
            Target::TenantInbox(_) => (InboxName::Tenant, None),
        };
        let cursor = |place| self.sealed(first.tenant_tag, place);
        let rendering =
            Rendering { keys: &self.keys, tag: first.tenant_tag, to, contents: &self.contents, cursor: &cursor };
        for (frame, place) in render::delta_frames(&inbox, delta, &rendering) {
            let bytes = encode(&frame);
            let at = self.cursor(place);
            for connection in self.hub.followers(delta.target) {
                if !self.is_withheld(delta, connection) {
                    connection.deliver(&inbox, &bytes, at);
                }
            }
        }
        metrics::counter!("tidings_deltas_total").increment(1);
    }

    /// Begins a subscription: with a snapshot, or by catching up from a cursor of this log.
    pub(crate) fn subscribe(&mut self, connection: &Arc<Connection>, inbox: &InboxName, from: Option<Cursor>) {
        let Some((owner, grant)) = following(connection, inbox) else { return };
        self.hub.follow(owner, grant.tenant_stream, connection.id(), connection);
        match from {
            Some(cursor) if self.is_of_this_log(&cursor) => self.catch_up(connection, inbox, cursor),
            Some(_) => self.resync(connection, inbox, owner, &grant, "another_log"),
            None => self.snapshot(connection, inbox, owner, &grant),
        }
    }

    /// Gives a session that is behind the next of what changed; at the head it is live again.
    pub(crate) fn catch_up(&mut self, connection: &Arc<Connection>, inbox: &InboxName, since: Cursor) {
        let Some((owner, grant)) = following(connection, inbox) else { return };
        let since = ChangePlace { position: since.position, place: since.place };
        if since.position < self.pushed_since(owner, grant.tenant_stream) {
            return self.resync(connection, inbox, owner, &grant, CONSENT);
        }
        let withheld = self.withheld(owner, grant.tenant_stream);
        let Ok((changes, counts)) = self.ask(|projections| {
            let counts = projections.pushed_counts(owner, withheld.as_ref())?;
            Ok((projections.changes(owner, since, CATCH_UP_ITEMS)?, counts))
        }) else {
            return;
        };
        match changes {
            Changes::Resync(reason) => self.resync(connection, inbox, owner, &grant, reason.word()),
            Changes::Page { changes, next, done } => {
                let changes = pushed_changes(changes, withheld.as_ref());
                let step = self.rendered(&grant, owner, |rendering| {
                    render::catching_up(inbox, (&changes, next, done), counts, rendering)
                });
                let (next, done) = (self.cursor(step.next), step.done);
                let frames = step.frames.iter().map(|frame| Placed { frame: encode(frame), at: next }).collect();
                connection.give(Input::CatchUpPage { inbox, frames, next, done });
            }
        }
    }

    fn resync(
        &mut self,
        connection: &Arc<Connection>,
        inbox: &InboxName,
        owner: Owner,
        grant: &Grant,
        reason: &'static str,
    ) {
        connection.give(Input::Resync { inbox, reason });
        self.snapshot(connection, inbox, owner, grant);
    }

    fn snapshot(&mut self, connection: &Arc<Connection>, inbox: &InboxName, owner: Owner, grant: &Grant) {
        let (filter, withheld) = (shown(Filter::default()), self.withheld(owner, grant.tenant_stream));
        let Ok((page, counts)) = self.ask(|projections| {
            let page = projections.pushed_page(owner, &filter, withheld.as_ref(), SNAPSHOT_ITEMS)?;
            Ok((page, projections.pushed_counts(owner, withheld.as_ref())?))
        }) else {
            return;
        };
        let at = self.cursor(ChangePlace::at(self.folding.position()));
        let snapshot =
            |rendering: &Rendering<'_>| render::snapshot(inbox, &page, counts, ChangePlace::at(at.position), rendering);
        let frame = encode(&self.rendered(grant, owner, snapshot));
        connection.give(Input::Snapshot { inbox, frame, at });
    }
}
