use crate::block::InboxRow;
use crate::inbox::Inbox;
use crate::ledger::{self, Ledger, PARTS_COUNT};
use crate::projections::Owner;
use crate::row::{self, RowHash};
use crate::store::{Batch, BlockError, BlockStore, Edit, Shelf};
use serde::{Deserialize, Serialize};
use tidings_engine::ids::Position;

/// Most rows of one inbox: 32. Then they are read and written as one.
pub(crate) const ROWS_COUNT_MAX: u16 = 32;

/// Version of what rows hold. A store of another one is thrown away.
const FORMAT: u32 = 1;

/// A position and the log's chain after it: what tells this log from every other, and from what it was before a repair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) position: Position,
    pub(crate) chain: [u8; 32],
}

/// What a whole store is as of.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    /// Every event up to here is in the rows.
    complete: At,
    /// No event after here is.
    ahead: At,
    ledger: Vec<u64>,
    /// What the hashes of all rows of tenants and lists add up to.
    others: u64,
}

/// What is in the block store, and what is to be.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) store: Box<dyn BlockStore>,
    ledger: Ledger,
    /// Inboxes that were changed since they were saved, by the part of the ledger that they are in.
    changed: Vec<Vec<Owner>>,
    pub(crate) others: RowHash,
    /// What the store is complete as of.
    pub(crate) complete: At,
    /// The last event that any row had when the store was opened.
    pub(crate) ahead: Position,
    pub(crate) saving: Option<Saving>,
    /// Inboxes of people who were erased, whose rows the store still has.
    erased: Vec<Owner>,
}

/// A snapshot that is being written: every part of the changed inboxes once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Saving {
    /// What it makes the store complete as of.
    pub(crate) complete: At,
    /// The part that is next.
    pub(crate) part: usize,
}

impl Kept {
    /// An empty store.
    pub(crate) fn empty(mut store: Box<dyn BlockStore>) -> Result<Self, BlockError> {
        store.clear()?;
        let at = At::default();
        let header = Header { format: FORMAT, complete: at, ahead: at, ledger: Vec::new(), others: 0 };
        Ok(Self::of(store, Ledger::new(), &header))
    }

    /// The store as it was left; `None` when it is empty. The caller compares `others` with what it finds.
    pub(crate) fn open(
        store: Box<dyn BlockStore>,
        is_of_this_log: &dyn Fn(Position, [u8; 32]) -> bool,
    ) -> Result<Self, (Box<dyn BlockStore>, Option<BlockError>)> {
        let shelf = Shelf::Header;
        let damaged = |what| BlockError::Damaged { shelf, what };
        let header = match store.row(shelf, 0) {
            Ok(None) => return Err((store, None)),
            Ok(Some(row)) => row::open(shelf, 0, &row).and_then(|(bytes, _)| row::decode::<Header>(shelf, bytes)),
            Err(error) => Err(error.into()),
        };
        let checked = header.and_then(|header| {
            let is_ours = [header.complete, header.ahead].iter().all(|at| is_of_this_log(at.position, at.chain));
            if header.format != FORMAT {
                return Err(damaged("it is of another version"));
            }
            if !is_ours {
                return Err(damaged("it is of another log, or of a part that the log has lost"));
            }
            let ledger = Ledger::of(&header.ledger).ok_or(damaged("the ledger has another size"))?;
            Ok((ledger, header))
        });
        match checked {
            Ok((ledger, header)) => Ok(Self::of(store, ledger, &header)),
            Err(error) => Err((store, Some(error))),
        }
    }

    fn of(store: Box<dyn BlockStore>, ledger: Ledger, header: &Header) -> Self {
        Self {
            store,
            ledger,
            changed: vec![Vec::new(); PARTS_COUNT],
            others: RowHash(header.others),
            complete: header.complete,
            ahead: header.ahead.position,
            saving: None,
            erased: Vec::new(),
        }
    }

    /// Whether the store has rows of an inbox.
    pub(crate) fn has(&mut self, owner: Owner) -> Result<bool, BlockError> {
        Ok(self.rows_count(owner)? > 0)
    }

    pub(crate) fn rows_count(&mut self, owner: Owner) -> Result<u16, BlockError> {
        Ok(self.ledger.line(&*self.store, owner)?.map_or(0, |line| line.rows))
    }

    /// The rows of an inbox, each checked, and together what the ledger says there must be.
    pub(crate) fn rows(&mut self, owner: Owner) -> Result<Vec<InboxRow>, BlockError> {
        let shelf = Shelf::Inbox(owner);
        let Some(line) = self.ledger.line(&*self.store, owner)? else { return Ok(Vec::new()) };
        let damaged = |what| BlockError::Damaged { shelf, what };
        let mut sum = RowHash::default();
        let mut rows = Vec::with_capacity(usize::from(line.rows));
        for (expected, (number, row)) in self.store.rows(shelf)?.iter().enumerate() {
            let (bytes, hash) = row::open(shelf, *number, row)?;
            if *number != expected as u64 {
                return Err(damaged("a row is missing"));
            }
            sum = sum.plus(hash);
            rows.push(row::decode(shelf, bytes)?);
        }
        if rows.len() != usize::from(line.rows) || sum != line.sum() {
            return Err(damaged("rows are missing or stale"));
        }
        Ok(rows)
    }

    /// Notes that an inbox is to be saved.
    pub(crate) fn list(&mut self, owner: Owner, inbox: &mut Inbox) {
        if !std::mem::replace(&mut inbox.is_listed, true) {
            self.changed[ledger::part_of(owner)].push(owner);
        }
    }

    /// The changed inboxes of a part, which are saved now.
    pub(crate) fn take_changed(&mut self, part: usize) -> Vec<Owner> {
        std::mem::take(&mut self.changed[part])
    }

    /// Puts a row of an inbox into a batch, after its others or in place of them.
    pub(crate) fn put(
        &mut self,
        owner: Owner,
        row: &InboxRow,
        is_only: bool,
        batch: &mut Batch,
    ) -> Result<(), BlockError> {
        let shelf = Shelf::Inbox(owner);
        let before = self.rows_count(owner)?;
        let number = if is_only { 0 } else { u64::from(before) };
        let (bytes, hash) = row::seal(shelf, number, row::encode(row));
        if is_only && before > 1 {
            batch.edits.push(Edit::Clear { shelf });
        }
        batch.put(shelf, number, bytes);
        self.ledger.add(&*self.store, owner, hash, is_only)
    }

    /// Puts the ledger's row of a part into a batch.
    pub(crate) fn put_ledger(&mut self, part: usize, batch: &mut Batch) {
        self.ledger.put(part, batch);
    }

    /// Ends a batch with the header, and hands it over.
    pub(crate) fn write(&mut self, mut batch: Batch, ahead: At) -> Result<(), BlockError> {
        self.put_erased(&mut batch);
        let (ledger, others) = (self.ledger.hashes(), self.others.0);
        let header = Header { format: FORMAT, complete: self.complete, ahead, ledger, others };
        let (row, _) = row::seal(Shelf::Header, 0, row::encode(&header));
        batch.put(Shelf::Header, 0, row);
        Ok(self.store.write(batch)?)
    }

    /// Takes an inbox out of what there is, and out of the store with the next batch.
    pub(crate) fn erase(&mut self, owner: Owner) -> Result<(), BlockError> {
        if self.ledger.remove(&*self.store, owner)? {
            self.erased.push(owner);
        }
        Ok(())
    }

    /// Whether the store still has an inbox that was erased.
    pub(crate) fn has_erased(&self) -> bool {
        !self.erased.is_empty()
    }

    /// Puts erasures into a batch, which is durable for them.
    fn put_erased(&mut self, batch: &mut Batch) {
        for owner in std::mem::take(&mut self.erased) {
            batch.edits.push(Edit::Clear { shelf: Shelf::Inbox(owner) });
            self.ledger.put(ledger::part_of(owner), batch);
            batch.is_durable = true;
        }
    }

    /// Every inbox that the store has.
    pub(crate) fn owners(&mut self) -> Result<Vec<Owner>, BlockError> {
        self.ledger.owners(&*self.store)
    }
}
