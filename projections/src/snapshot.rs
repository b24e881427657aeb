//! The block store as a snapshot: writing it beside everything else, and starting from it.

use crate::audiences::{Audiences, KnownAudiences};
use crate::kept::{At, Kept, Saving};
use crate::ledger::PARTS_COUNT;
use crate::projections::{Owner, Projections, Tenant, shared};
use crate::resident::Inboxes;
use crate::row::{self, RowHash};
use crate::shared_list::SharedList;
use crate::store::{Batch, BlockError, BlockStore, Shelf};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use tidings_engine::ids::{Position, StreamId, TenantId};

/// Bytes of rows after which a slice ends: 1 MiB.
const SLICE_BYTES: usize = 1024 * 1024;

/// Inboxes after which a slice ends: 256, a few milliseconds of work at most.
const SLICE_INBOXES: usize = 256;

/// What inboxes are kept in, and how much of them in memory.
#[derive(Debug)]
pub struct Keeping {
    /// Where blocks are kept.
    pub store: Box<dyn BlockStore>,
    /// Where the log tells whom something was published to.
    pub audiences: Box<dyn Audiences>,
    /// Bytes of inboxes in memory beyond which those that were not used for longest go. Those that are followed stay, and
    /// what the tenants share is not counted.
    pub inbox_bytes_max: usize,
}

/// The chain of the log at a position, for whoever writes or checks snapshots.
pub trait Chains {
    /// The chain after the event at a position; `None` when the log has no such position.
    ///
    /// # Errors
    /// The log cannot be read there; the text says why.
    fn chain(&self, position: Position) -> Result<Option<[u8; 32]>, String>;
}

/// A tenant in the store.
#[derive(Serialize, Deserialize)]
struct TenantRow {
    stream: Option<StreamId>,
}

impl Projections {
    /// Opens what the store was left with: everything up to [`Projections::position`], after which the log is to be applied
    /// to its end before anything is asked: single inboxes may be ahead of the others. A store that is damaged, of another log, or ahead of this one is cleared; the reason is told, and everything is to be
    /// folded from the first event.
    ///
    /// # Errors
    /// [`BlockError`]: the store cannot even be cleared, or the log cannot be read.
    pub fn open(keeping: Keeping, log: &dyn Chains) -> Result<(Self, Option<BlockError>), BlockError> {
        let Keeping { store, audiences, inbox_bytes_max } = keeping;
        let is_of_this_log = |position: Position, chain| {
            position == Position::ZERO || log.chain(position).is_ok_and(|ours| ours == Some(chain))
        };
        let (store, discarded) = match Kept::open(store, &is_of_this_log) {
            Ok(kept) => match Self::restored(kept) {
                Ok(restored) => return Ok((restored.with(audiences, inbox_bytes_max), None)),
                Err((store, error)) => (store, Some(error)),
            },
            Err((store, error)) => (store, error),
        };
        let empty = Self { inboxes: Inboxes::new(Some(Kept::empty(store)?)), ..Self::default() };
        Ok((empty.with(audiences, inbox_bytes_max), discarded))
    }

    fn with(mut self, audiences: Box<dyn Audiences>, inbox_bytes_max: usize) -> Self {
        self.audiences = KnownAudiences::Asked(audiences);
        self.inbox_bytes_max = inbox_bytes_max;
        self
    }

    /// Gives up what is in memory and in the store, and goes back to before every event.
    ///
    /// # Errors
    /// [`BlockError`]: the store cannot be cleared.
    pub fn start_over(self) -> Result<Self, BlockError> {
        let Self { inboxes, audiences, inbox_bytes_max, .. } = self;
        let kept = inboxes.kept.map(|kept| Kept::empty(kept.store)).transpose()?;
        let audiences = match audiences {
            KnownAudiences::Held(_) => KnownAudiences::Held(HashMap::new()),
            asked @ KnownAudiences::Asked(_) => asked,
        };
        Ok(Self { inboxes: Inboxes::new(kept), audiences, inbox_bytes_max, ..Self::default() })
    }

    fn restored(mut kept: Kept) -> Result<Self, (Box<dyn BlockStore>, BlockError)> {
        let mut inboxes = Inboxes::default();
        match tenants(&kept, &mut inboxes) {
            Ok(tenants) => {
                let streams = tenants.iter().filter_map(|(id, tenant)| Some((tenant.stream?, *id)));
                let tenant_streams = streams.collect();
                let position = kept.complete.position;
                kept.saving = None;
                inboxes.kept = Some(kept);
                Ok(Self { position, tenants, tenant_streams, inboxes, ..Self::default() })
            }
            Err(error) => Err((kept.store, error)),
        }
    }

    /// How many events the store is behind.
    #[must_use]
    pub fn unsaved_events(&self) -> u64 {
        self.inboxes.kept.as_ref().map_or(0, |kept| self.position.0 - kept.complete.position.0)
    }

    /// Whether some inboxes in the store have later events than were applied. Until those have come again, what they change
    /// waits: taken over now, they would come after what they were before.
    pub(crate) fn is_behind_the_store(&self) -> bool {
        self.inboxes.kept.as_ref().is_some_and(|kept| self.position < kept.ahead)
    }

    /// Whether a snapshot is being written, so that [`Projections::save_slice`] has more to do.
    #[must_use]
    pub fn is_saving(&self) -> bool {
        self.inboxes.kept.as_ref().is_some_and(|kept| kept.saving.is_some())
    }

    /// Bytes of inboxes in memory, as good as they can be told.
    #[must_use]
    pub fn inbox_bytes(&self) -> usize {
        self.inboxes.bytes()
    }

    /// Bytes of the lists that tenants share, without facts.
    #[must_use]
    pub fn shared_bytes(&self) -> usize {
        self.tenants.values().map(|tenant| tenant.shared.bytes()).sum()
    }

    /// Begins to make the store complete as of now, unless that is under way or nothing happened.
    ///
    /// # Errors
    /// [`BlockError`]: the log cannot be read at its end.
    pub fn begin_saving(&mut self, log: &dyn Chains) -> Result<(), BlockError> {
        let position = self.position;
        if let Some(kept) = &mut self.inboxes.kept
            && position >= kept.ahead
            && kept.saving.is_none()
            && kept.complete.position < position
        {
            kept.saving = Some(Saving { complete: at(position, log)?, part: 0 });
        }
        Ok(())
    }

    /// Writes the next slice of the snapshot, unless the store has enough to write. It takes a few milliseconds at most, and
    /// what is applied between two slices takes no harm.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn save_slice(&mut self, log: &dyn Chains) -> Result<(), BlockError> {
        let Some(kept) = &self.inboxes.kept else { return Ok(()) };
        let Some(mut saving) = kept.saving else { return Ok(()) };
        if kept.store.is_busy() {
            return Ok(());
        }
        let mut batch = Batch::default();
        let mut count = 0;
        let Self { tenants, inboxes, .. } = self;
        while saving.part < PARTS_COUNT && count < SLICE_INBOXES && batch.bytes() < SLICE_BYTES {
            count += inboxes.save_part(saving.part, &|tenant| shared(tenants, tenant), &mut batch)?;
            saving.part += 1;
        }
        let ahead = at(self.position, log)?;
        let is_last = saving.part == PARTS_COUNT;
        if is_last {
            self.save_tenants(&mut batch);
        }
        let Some(kept) = &mut self.inboxes.kept else { return Ok(()) };
        kept.saving = Some(saving);
        if is_last {
            (kept.complete, kept.saving, batch.is_durable) = (saving.complete, None, true);
        }
        kept.write(batch, ahead)
    }

    /// Makes the store complete as of now, waiting for it where need be.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn save_all(&mut self, log: &dyn Chains) -> Result<(), BlockError> {
        // What is under way may be complete as of an earlier event.
        for _ in 0..2 {
            self.begin_saving(log)?;
            while self.is_saving() {
                self.save_slice(log)?;
                if let Some(kept) = &mut self.inboxes.kept {
                    kept.store.wait()?;
                }
            }
        }
        Ok(())
    }

    /// Takes inboxes of people who were erased out of the store. Call it after each event: mostly there are none.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn save_erasures(&mut self, log: &dyn Chains) -> Result<(), BlockError> {
        if let Some(kept) = &mut self.inboxes.kept
            && kept.has_erased()
        {
            let ahead = at(self.position.max(kept.ahead), log)?;
            kept.write(Batch::default(), ahead)?;
            kept.store.wait()?;
        }
        Ok(())
    }

    /// Lets go of inboxes when they take more memory than they may, those first that were not used for longest; a slice of a
    /// snapshot is written where that is needed for it. Those that are `held` stay. Call it after each event: it costs nothing
    /// while there is room.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn make_room(&mut self, held: &dyn Fn(Owner) -> bool, log: &dyn Chains) -> Result<(), BlockError> {
        let bytes = self.inboxes.bytes();
        if bytes <= self.inbox_bytes_max || bytes < self.try_again_at || self.is_behind_the_store() {
            return Ok(());
        }
        // A little more than needed, so that it is not looked at again with the next event.
        let wanted = self.inbox_bytes_max - self.inbox_bytes_max / 16;
        self.inboxes.evict(wanted, held);
        if self.inboxes.bytes() <= wanted {
            self.try_again_at = 0;
            return Ok(());
        }
        self.begin_saving(log)?;
        if self.is_saving() {
            return self.save_slice(log);
        }
        // Everything is saved, and what is left is held.
        self.try_again_at = self.inboxes.bytes() + self.inbox_bytes_max / 16;
        Ok(())
    }

    fn save_tenants(&mut self, batch: &mut Batch) {
        let Self { tenants, inboxes, .. } = self;
        let Some(kept) = &mut inboxes.kept else { return };
        for (id, tenant) in tenants {
            kept.others = kept.others.plus(tenant.shared.save(*id, batch));
            if !std::mem::replace(&mut tenant.is_saved, true) {
                let (shelf, number) = (Shelf::Tenants, u64::from(id.0));
                let (bytes, hash) = row::seal(shelf, number, row::encode(&TenantRow { stream: tenant.stream }));
                kept.others = kept.others.minus(tenant.row.unwrap_or_default()).plus(hash);
                tenant.row = Some(hash);
                batch.put(shelf, number, bytes);
            }
        }
    }
}

/// Every tenant in a store, with its list.
fn tenants(kept: &Kept, inboxes: &mut Inboxes) -> Result<HashMap<TenantId, Tenant>, BlockError> {
    let shelf = Shelf::Tenants;
    let damaged = |what| BlockError::Damaged { shelf, what };
    let (mut tenants, mut others) = (HashMap::new(), RowHash::default());
    for (number, row) in kept.store.rows(shelf)? {
        let id = TenantId(u32::try_from(number).map_err(|_| damaged("a tenant's number is too large"))?);
        let (bytes, hash) = row::open(shelf, number, &row)?;
        let TenantRow { stream } = row::decode(shelf, bytes)?;
        let (shared, sum) = SharedList::load(&*kept.store, id, &mut inboxes.facts)?;
        others = others.plus(hash).plus(sum);
        tenants.insert(id, Tenant { stream, shared, row: Some(hash), is_saved: true });
    }
    if others == kept.others { Ok(tenants) } else { Err(damaged("rows are missing or stale")) }
}

fn at(position: Position, log: &dyn Chains) -> Result<At, BlockError> {
    let told = log.chain(position).and_then(|chain| chain.ok_or_else(|| "it has no such position".to_owned()));
    let chain = told.map_err(|error| BlockError::Log { position, error })?;
    Ok(At { position, chain })
}
