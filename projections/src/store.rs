use crate::projections::Owner;
use std::fmt::Debug;
use tidings_engine::ids::TenantId;

/// Bytes of a shelf's name: 17.
pub const SHELF_BYTES: usize = 17;

/// Rows that stand together in a block store, each with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// What the whole store is as of: one row.
    Header,
    /// Which rows there must be: one row for each part of the owners.
    Ledger,
    /// Tenants, by their numbers.
    Tenants,
    /// The list that the inboxes of one tenant share, by parts.
    List(TenantId),
    /// One inbox: its block, and what came after it.
    Inbox(Owner),
}

impl Shelf {
    /// The name: rows of one shelf stand under it, ascending by number.
    #[must_use]
    pub fn name(self) -> [u8; SHELF_BYTES] {
        let mut name = [0; SHELF_BYTES];
        let (kind, rest): (u8, &[u8]) = match &self {
            Self::Header => (1, &[]),
            Self::Ledger => (2, &[]),
            Self::Tenants => (3, &[]),
            Self::List(tenant) => (4, &tenant.0.to_be_bytes()),
            Self::Inbox(Owner::Tenant(stream)) => (5, &stream.0),
            Self::Inbox(Owner::User(stream)) => (6, &stream.0),
        };
        name[0] = kind;
        name[1..=rest.len()].copy_from_slice(rest);
        name
    }
}

/// One edit of a block store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Puts a row, in place of the one with its number.
    Put {
        /// Where.
        shelf: Shelf,
        /// Its number there.
        number: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Takes a row out, if it is there.
    Drop {
        /// Where.
        shelf: Shelf,
        /// Its number there.
        number: u64,
    },
    /// Takes all rows of a shelf out.
    Clear {
        /// Which.
        shelf: Shelf,
    },
}

impl Edit {
    /// Where it is made.
    #[must_use]
    pub const fn shelf(&self) -> Shelf {
        match self {
            Self::Put { shelf, .. } | Self::Drop { shelf, .. } | Self::Clear { shelf } => *shelf,
        }
    }
}

/// Edits that are made together or not at all, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The edits.
    pub edits: Vec<Edit>,
    /// Whether they, and all batches before, are to survive a crash once they are made. Others may be lost, the later ones
    /// first.
    pub is_durable: bool,
    bytes: usize,
}

impl Batch {
    /// Bytes of all rows.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn put(&mut self, shelf: Shelf, number: u64, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.edits.push(Edit::Put { shelf, number, bytes });
    }
}

/// A store gave up. What it holds can be made again from the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block store: {0}")]
pub struct StoreError(pub String);

/// Where blocks are kept: rows by shelf and number. It may lose everything at any time, and it need not notice when its
/// bytes change: what is read is checked by whoever reads it.
pub trait BlockStore: Debug + Send {
    /// All rows of a shelf, ascending, with every batch that was handed over.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    fn rows(&self, shelf: Shelf) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// One row.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    fn row(&self, shelf: Shelf, number: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Hands a batch over. It is read from then on; it may be written later, after those handed over before.
    ///
    /// # Errors
    /// [`StoreError`]: this batch or an earlier one cannot be written.
    fn write(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Whether handing a batch over would wait for earlier ones.
    fn is_busy(&self) -> bool;

    /// Waits until everything that was handed over is written.
    ///
    /// # Errors
    /// [`StoreError`]: something cannot be written.
    fn wait(&mut self) -> Result<(), StoreError>;

    /// Takes everything out.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be written.
    fn clear(&mut self) -> Result<(), StoreError>;
}

/// Rows could not be had as they were written. The store is to be cleared, and everything folded from the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The store gave up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is missing, stale or changed.
    #[error("block of {shelf:?}: {what}")]
    Damaged {
        /// Where.
        shelf: Shelf,
        /// What is wrong.
        what: &'static str,
    },
    /// The log cannot be read at a place that the blocks refer to.
    #[error("log at {position}: {error}")]
    Log {
        /// The place.
        position: tidings_engine::ids::Position,
        /// What it says.
        error: String,
    },
}
