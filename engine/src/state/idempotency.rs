use crate::event::{Event, Recorded};
use crate::ids::{CommandHash, Position, TenantId, Time};
use crate::limits::{IDEMPOTENCY_KEYS_TENANT_MAX, IDEMPOTENCY_MS_MAX};
use std::collections::{HashMap, VecDeque};

/// What a command that carried a key was first answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// Hash of its arguments.
    pub fingerprint: [u8; 16],
    /// Its last event.
    pub position: Position,
    /// Recorded time of that event.
    pub time: Time,
    /// What it was told.
    pub answer: FirstAnswer,
}

/// What a first answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAnswer {
    /// A notification was published at the position.
    Published {
        /// How many people it named.
        recipients: Option<u32>,
    },
    /// A notification was taken back.
    Retracted,
    /// Items were marked.
    Marked,
    /// A person was erased.
    Erased,
}

/// The keys of the last 24 hours of recorded time, a bounded number for each tenant, oldest out first.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    pub(super) tenants: HashMap<TenantId, Keys>,
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) known: HashMap<CommandHash, First>,
    order: VecDeque<(CommandHash, Position)>,
}

impl Idempotency {
    pub(super) fn get(&self, tenant: TenantId, command: CommandHash, now: Time) -> Option<&First> {
        let first = self.tenants.get(&tenant)?.known.get(&command)?;
        (now.since(first.time) <= IDEMPOTENCY_MS_MAX).then_some(first)
    }

    pub(super) fn apply(&mut self, recorded: &Recorded) {
        let envelope = &recorded.envelope;
        let answer = match &recorded.facts.event {
            Event::NotificationPublished(published) => FirstAnswer::Published {
                recipients: match &published.audience {
                    crate::event::Audience::People(people) => u32::try_from(people.len()).ok(),
                    _ => None,
                },
            },
            Event::NotificationRetracted { .. } => FirstAnswer::Retracted,
            Event::ItemsMarked { .. } | Event::AllItemsMarked { .. } => FirstAnswer::Marked,
            Event::SubjectErased { .. } => FirstAnswer::Erased,
            Event::TenantCreated { .. }
            | Event::SubjectObserved { .. }
            | Event::AuditRead { .. }
            | Event::CheckpointKeyAdopted { .. } => return,
        };
        if envelope.command == CommandHash::NONE {
            return;
        }
        let keys = self.tenants.entry(envelope.tenant).or_default();
        let (fingerprint, position, time) = (recorded.facts.fingerprint, envelope.position, envelope.time);
        keys.known.insert(envelope.command, First { fingerprint, position, time, answer });
        keys.order.push_back((envelope.command, position));
        keys.forget(time);
    }
}

impl Keys {
    fn forget(&mut self, now: Time) {
        while let Some((command, position)) = self.order.front().copied() {
            let current = self.known.get(&command).filter(|first| first.position == position);
            let is_old = current.is_none_or(|first| now.since(first.time) > IDEMPOTENCY_MS_MAX);
            if !is_old && self.known.len() <= IDEMPOTENCY_KEYS_TENANT_MAX {
                return;
            }
            if current.is_some() {
                self.known.remove(&command);
            }
            self.order.pop_front();
        }
    }
}
