use crate::delta::{Delta, DeltaChange, Target};
use crate::entry::{Step, StepKind};
use crate::item_state::ItemState;
use crate::projections::{Person, Tenant};
use std::sync::Arc;
use tidings_engine::ids::{Position, StreamId};
use tidings_engine::item::Flags;
use tidings_engine::log::Envelope;
use tidings_wire::Counts;

/// Who is told what one event changed.
pub(crate) struct Live<'a> {
    envelope: &'a Envelope,
    wanted: &'a dyn Fn(Target) -> bool,
    out: &'a mut Vec<Delta>,
}

impl<'a> Live<'a> {
    pub(crate) fn new(envelope: &'a Envelope, wanted: &'a dyn Fn(Target) -> bool, out: &'a mut Vec<Delta>) -> Self {
        Self { envelope, wanted, out }
    }

    pub(crate) fn wants(&self, target: Target) -> bool {
        (self.wanted)(target)
    }

    /// Tells a target what changed, with the item that dropped off for it.
    pub(crate) fn tell(&mut self, target: Target, what: (DeltaChange, Option<Position>), counts: Option<Counts>) {
        let (change, dropped) = what;
        let Envelope { tenant, position, time, .. } = *self.envelope;
        self.out.push(Delta { target, tenant, position, time, change, dropped, counts });
    }
}

impl Person {
    /// Takes a step of their own: at once when someone looks, otherwise later.
    pub(crate) fn take(&mut self, target: Target, step: &Step, shared: &[Step], live: &mut Live<'_>) {
        // A list may name a person twice.
        if self.inbox.has_just(step.position) {
            return;
        }
        if !live.wants(target) {
            self.inbox.push(step.clone(), shared);
        } else if let Some(what) = self.inbox.take_now(step, shared) {
            live.tell(target, what, Some(self.inbox.counts()));
        }
    }
}

impl Tenant {
    /// Takes a step that is everyone's: one entry in the shared list, whoever may see it.
    pub(crate) fn take(&mut self, stream: StreamId, step: Step, live: &mut Live<'_>) {
        if live.wants(Target::TenantAudience(stream)) {
            live.tell(Target::TenantAudience(stream), (for_everyone(&step), None), None);
        }
        let is_told = live.wants(Target::TenantInbox(stream));
        if is_told && let Some(what) = self.inbox.take_now(&step, &self.shared) {
            live.tell(Target::TenantInbox(stream), what, Some(self.inbox.counts()));
        }
        self.shared.push(step);
        if is_told {
            self.inbox.skip_shared(self.shared.len());
        }
    }
}

/// What a step of the shared list is to an inbox that it is new to.
fn for_everyone(step: &Step) -> DeltaChange {
    match &step.kind {
        StepKind::Remove { notification } => DeltaChange::Removed(vec![*notification]),
        StepKind::Add(entry) => DeltaChange::Added(ItemState {
            notification: entry.notification,
            order_key: entry.notification.0,
            flags: Flags::default(),
            created: entry.created,
            read: None,
            first_seen: None,
            archived: None,
            changed: step.position,
            published: Arc::clone(&entry.published),
        }),
    }
}
