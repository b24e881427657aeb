use crate::audiences::KnownAudiences;
use crate::changes::{ChangePlace, Changes};
use crate::inbox::Inbox;
use crate::item_state::ItemState;
use crate::page::{Page, Place};
use crate::resident::Inboxes;
use crate::row::RowHash;
use crate::shared_list::{EMPTY_LIST, SharedList};
use crate::store::BlockError;
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
/// An owner that no event told of has an empty inbox. Queries take `&mut self` because an inbox takes over what waits for it
/// when it is asked, and is read from the block store when it is not in memory; they change nothing that can be seen.
///
/// After a [`BlockError`] the inboxes may be between two events: they are to be folded anew, and nothing else.
/// [`Projections::new`] holds everything in memory and never gives one.
#[derive(Debug)]
pub struct Projections {
    pub(crate) position: Position,
    pub(crate) tenants: HashMap<TenantId, Tenant>,
    pub(crate) tenant_streams: HashMap<StreamId, TenantId>,
    pub(crate) inboxes: Inboxes,
    pub(crate) audiences: KnownAudiences,
    /// Bytes of inboxes beyond which those that were not used for longest go.
    pub(crate) inbox_bytes_max: usize,
    /// Bytes of inboxes at which eviction is tried again after all were held.
    pub(crate) try_again_at: usize,
}

/// What a tenant's people share.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    /// Known from the first event in it.
    pub(crate) stream: Option<StreamId>,
    pub(crate) shared: SharedList,
    /// Hash of its row in the store, if it has one.
    pub(crate) row: Option<RowHash>,
    /// Whether the row says what is known here.
    pub(crate) is_saved: bool,
}

impl Default for Projections {
    fn default() -> Self {
        Self {
            position: Position::ZERO,
            tenants: HashMap::new(),
            tenant_streams: HashMap::new(),
            inboxes: Inboxes::default(),
            audiences: KnownAudiences::Held(HashMap::new()),
            inbox_bytes_max: usize::MAX,
            try_again_at: 0,
        }
    }
}

/// The list that the inboxes of a tenant share.
pub(crate) fn shared(tenants: &HashMap<TenantId, Tenant>, tenant: TenantId) -> &SharedList {
    tenants.get(&tenant).map_or(&EMPTY_LIST, |tenant| &tenant.shared)
}

impl Projections {
    /// Before every event, with everything in memory for ever.
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
    ///
    /// # Errors
    /// [`BlockError`], as for every question.
    pub fn counts(&mut self, owner: Owner) -> Result<Counts, BlockError> {
        Ok(self.table(owner)?.map(|table| table.counts()).unwrap_or_default())
    }

    /// How many items of an inbox match.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn count(&mut self, owner: Owner, filter: &Filter) -> Result<u32, BlockError> {
        Ok(self.table(owner)?.map(|table| table.count(filter)).unwrap_or_default())
    }

    /// At most `limit` items of an inbox that match, newest first, older than `after` where it is given.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn page(
        &mut self,
        owner: Owner,
        filter: &Filter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Page, BlockError> {
        Ok(self.table(owner)?.map(|table| table.page(filter, after, limit)).unwrap_or_default())
    }

    /// A notification as it stands in an inbox; `None` when it is not in it.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn item(&mut self, owner: Owner, notification: Position) -> Result<Option<ItemState>, BlockError> {
        let Some(table) = self.table(owner)? else { return Ok(None) };
        Ok(table.ordinal(notification).map(|ordinal| table.item(ordinal)))
    }

    /// Whether a notification is in an inbox, or was taken out of it not long ago.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn remembers(&mut self, owner: Owner, notification: Position) -> Result<bool, BlockError> {
        Ok(self.table(owner)?.is_some_and(|table| {
            table.ordinal(notification).is_some() || table.tombstones.iter().any(|one| one.notification == notification)
        }))
    }

    /// What changed in an inbox since a place: at most `limit` items, and one at least where there is one.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn changes(&mut self, owner: Owner, since: ChangePlace, limit: usize) -> Result<Changes, BlockError> {
        let head = self.position;
        Ok(match self.table(owner)? {
            Some(table) => table.changes(since, limit, head),
            None => Table::default().changes(since, limit, head),
        })
    }

    /// Whether an inbox is as good as full, so that an item that everyone gets makes its oldest one drop off: its follower
    /// cannot tell the counts after it. Says yes too early rather than too late, and costs nothing.
    #[must_use]
    pub fn may_overflow(&self, owner: Owner) -> bool {
        let inbox = self.inboxes.resident(owner);
        inbox.is_none_or(|inbox| inbox.may_overflow(shared(&self.tenants, inbox.tenant)))
    }

    /// The items of an inbox, with everything taken over.
    pub(crate) fn table(&mut self, owner: Owner) -> Result<Option<&mut Table>, BlockError> {
        Ok(self.opened(owner)?.map(|(inbox, shared)| inbox.table(shared)))
    }

    /// An inbox with everything that the store has of it, and the list of its tenant.
    pub(crate) fn opened(&mut self, owner: Owner) -> Result<Option<(&mut Inbox, &SharedList)>, BlockError> {
        let Self { tenants, tenant_streams, inboxes, .. } = self;
        if let Owner::Tenant(stream) = owner {
            // It is there as soon as its tenant is.
            let Some(tenant) = tenant_streams.get(&stream) else { return Ok(None) };
            inboxes.begin(owner, *tenant, Position::ZERO)?;
        }
        let inbox = inboxes.whole(owner, &|tenant| shared(tenants, tenant))?;
        Ok(inbox.map(|inbox| {
            let shared = shared(tenants, inbox.tenant);
            (inbox, shared)
        }))
    }
}
