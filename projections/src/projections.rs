use crate::changes::{ChangePlace, Changes};
use crate::entry::{Entry, Step};
use crate::inbox::Inbox;
use crate::item_state::ItemState;
use crate::page::{Page, Place};
use crate::table::Table;
use std::collections::HashMap;
use tidings_engine::ids::{Position, StreamId, TenantId};
use tidings_engine::item::Filter;
use tidings_wire::Counts;

/// Whose inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A person's, by the person's stream.
    User(StreamId),
    /// A tenant's own, by the tenant's stream.
    Tenant(StreamId),
}

/// Every inbox of every tenant, as of one position of the log.
///
/// An owner that no event told of has an empty inbox. Queries take `&mut self` because an inbox takes over new entries of
/// its tenant's list when it is asked; they change nothing that can be seen.
#[derive(Clone, Debug, Default)]
pub struct Projections {
    pub(crate) position: Position,
    pub(crate) tenants: HashMap<TenantId, Tenant>,
    pub(crate) tenant_streams: HashMap<StreamId, TenantId>,
    pub(crate) people: HashMap<StreamId, Person>,
}

/// What a tenant's people share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenant {
    /// Known from the first event in it.
    pub(crate) stream: Option<StreamId>,
    /// Everything that was published, ascending.
    pub(crate) notifications: Vec<Notification>,
    /// What was published to everyone and taken back: the one list behind every inbox of the tenant.
    pub(crate) shared: Vec<Step>,
    /// The tenant's own inbox.
    pub(crate) inbox: Inbox,
}

#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) entry: Entry,
    pub(crate) is_retracted: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) tenant: TenantId,
    pub(crate) inbox: Inbox,
}

impl Projections {
    /// Before every event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last event that was applied.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Exact counts of an inbox.
    pub fn counts(&mut self, owner: Owner) -> Counts {
        self.table(owner).map(|table| table.counts()).unwrap_or_default()
    }

    /// How many items of an inbox match.
    pub fn count(&mut self, owner: Owner, filter: &Filter) -> u32 {
        self.table(owner).map(|table| table.count(filter)).unwrap_or_default()
    }

    /// At most `limit` items of an inbox that match, newest first, older than `after` where it is given.
    pub fn page(&mut self, owner: Owner, filter: &Filter, after: Option<Place>, limit: usize) -> Page {
        self.table(owner).map(|table| table.page(filter, after, limit)).unwrap_or_default()
    }

    /// A notification as it stands in an inbox; `None` when it is not in it.
    pub fn item(&mut self, owner: Owner, notification: Position) -> Option<ItemState> {
        let table = self.table(owner)?;
        table.ordinal(notification).map(|ordinal| table.item(ordinal))
    }

    /// Whether a notification is in an inbox, or was taken out of it not long ago.
    pub fn remembers(&mut self, owner: Owner, notification: Position) -> bool {
        self.table(owner).is_some_and(|table| {
            table.ordinal(notification).is_some() || table.tombstones.iter().any(|one| one.notification == notification)
        })
    }

    /// What changed in an inbox since a place: at most `limit` items, and one at least where there is one.
    pub fn changes(&mut self, owner: Owner, since: ChangePlace, limit: usize) -> Changes {
        let head = self.position;
        match self.table(owner) {
            Some(table) => table.changes(since, limit, head),
            None => Table::default().changes(since, limit, head),
        }
    }

    /// Whether an inbox is as good as full, so that an item that everyone gets makes its oldest one drop off: its follower
    /// cannot tell the counts after it. Says yes too early rather than too late, and costs nothing.
    #[must_use]
    pub fn may_overflow(&self, owner: Owner) -> bool {
        match owner {
            Owner::User(stream) => self.people.get(&stream).is_some_and(|person| {
                let shared = self.tenants.get(&person.tenant).map(|tenant| tenant.shared.as_slice());
                person.inbox.may_overflow(shared.unwrap_or_default())
            }),
            Owner::Tenant(stream) => {
                let tenant = self.tenant_streams.get(&stream).and_then(|tenant| self.tenants.get(tenant));
                tenant.is_some_and(|tenant| tenant.inbox.may_overflow(&tenant.shared))
            }
        }
    }

    /// The items of an inbox, with everything taken over.
    pub(crate) fn table(&mut self, owner: Owner) -> Option<&mut Table> {
        match owner {
            Owner::User(stream) => {
                let person = self.people.get_mut(&stream)?;
                let shared = self.tenants.get(&person.tenant).map(|tenant| tenant.shared.as_slice());
                Some(person.inbox.table(shared.unwrap_or_default()))
            }
            Owner::Tenant(stream) => {
                let tenant = self.tenants.get_mut(self.tenant_streams.get(&stream)?)?;
                Some(tenant.inbox.table(&tenant.shared))
            }
        }
    }
}
