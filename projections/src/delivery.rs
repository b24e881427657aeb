use crate::delta::{Delta, DeltaChange, Target};
use crate::inbox::Told;
use crate::item_state::ItemState;
use crate::projections::{Owner, Projections};
use crate::step::{Change, Step, StepKind};
use crate::store::BlockError;
use std::sync::Arc;
use tidings_engine::ids::{StreamId, TenantId};
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

    /// Tells a target what changed, if anything did.
    fn tell(&mut self, target: Target, told: Told, counts: Option<Counts>) {
        let Some((change, dropped)) = told else { return };
        let Envelope { tenant, position, time, .. } = *self.envelope;
        self.out.push(Delta { target, tenant, position, time, change, dropped, counts });
    }
}

impl Projections {
    /// Has an inbox take a step of its own: at once when someone looks, otherwise later.
    pub(crate) fn take(&mut self, owner: Owner, step: Step, live: &mut Live<'_>) -> Result<(), BlockError> {
        let tenant = live.envelope.tenant;
        let target = match owner {
            Owner::User(stream) => Target::User(stream),
            Owner::Tenant(stream) => Target::TenantInbox(stream),
        };
        let is_behind = self.is_behind_the_store();
        if !live.wants(target) || is_behind {
            if self.inboxes.push(owner, tenant, step) && !is_behind {
                self.take_over(owner)?;
            }
            return Ok(());
        }
        if let StepKind::Add { .. } = step.kind {
            self.inboxes.begin(owner, tenant, step.position)?;
        }
        let Some((inbox, shared)) = self.opened(owner)? else { return Ok(()) };
        // A list may name a person twice.
        if inbox.tenant == tenant && !inbox.knows(step.position) {
            let told = inbox.take_now(step, shared, false);
            live.tell(target, told, Some(inbox.counts()));
            self.inboxes.changed(owner, true);
        }
        Ok(())
    }

    /// Takes over what waits for an inbox: there is much of it.
    fn take_over(&mut self, owner: Owner) -> Result<(), BlockError> {
        self.table(owner)?;
        self.inboxes.changed(owner, true);
        Ok(())
    }

    /// Takes a step that is everyone's: one entry in the shared list, whoever may see it.
    pub(crate) fn take_for_all(
        &mut self,
        tenant: TenantId,
        stream: StreamId,
        step: Step,
        live: &mut Live<'_>,
    ) -> Result<(), BlockError> {
        if live.wants(Target::TenantAudience(stream)) {
            live.tell(Target::TenantAudience(stream), for_everyone(&step), None);
        }
        if live.wants(Target::TenantInbox(stream))
            && !self.is_behind_the_store()
            && let Some((inbox, shared)) = self.opened(Owner::Tenant(stream))?
        {
            let told = inbox.take_now(step.clone(), shared, true);
            live.tell(Target::TenantInbox(stream), told, Some(inbox.counts()));
            self.inboxes.changed(Owner::Tenant(stream), false);
        }
        self.tenants.entry(tenant).or_default().shared.push(step);
        Ok(())
    }
}

/// What a step of the shared list is to an inbox that it is new to.
fn for_everyone(step: &Step) -> Told {
    let change = match &step.kind {
        StepKind::Add { created, published } => DeltaChange::Added(ItemState {
            notification: step.position,
            order_key: step.position.0,
            flags: Flags::default(),
            created: *created,
            read: None,
            first_seen: None,
            archived: None,
            changed: step.position,
            published: Arc::clone(published),
        }),
        StepKind::Other(change) => match &**change {
            Change::Remove { notification } => DeltaChange::Removed(vec![*notification]),
            // Marks are one inbox's own.
            Change::Mark { .. } | Change::MarkAll { .. } => return None,
        },
    };
    Some((change, None))
}
