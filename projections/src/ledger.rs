use crate::projections::Owner;
use crate::row::{self, RowHash};
use crate::store::{Batch, BlockError, BlockStore, SHELF_BYTES, Shelf};
use tidings_engine::ids::StreamId;

/// Parts of the ledger: 4,096. With a million owners a part has 250 lines.
pub(crate) const PARTS_COUNT: usize = 4_096;

/// Which rows the store must have of each inbox.
///
/// A B-tree whose bytes were changed may answer that there is no such row. Whoever reads the rows of an inbox knows from its
/// line how many there must be and what their hashes add up to. The lines themselves are rows, one for each part, whose
/// hashes stand in the header. A part is read when one of its owners is first asked for, so that a start reads none.
#[derive(Debug)]
pub(crate) struct Ledger {
    parts: Vec<Option<Vec<Line>>>,
    /// The hash of each part's row; 0 for one that was never written.
    hashes: Vec<RowHash>,
}

/// What there must be of one inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    owner: [u8; SHELF_BYTES],
    /// How many rows, numbered from 0.
    pub(crate) rows: u16,
    /// What their hashes add up to.
    sum: [u8; 8],
}

const LINE_BYTES: usize = SHELF_BYTES + 2 + 8;

impl Line {
    pub(crate) fn sum(&self) -> RowHash {
        RowHash(u64::from_le_bytes(self.sum))
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.owner);
        bytes.extend_from_slice(&self.rows.to_le_bytes());
        bytes.extend_from_slice(&self.sum);
    }

    fn decode(bytes: &[u8; LINE_BYTES]) -> Self {
        let mut line = Self { owner: [0; SHELF_BYTES], rows: 0, sum: [0; 8] };
        line.owner.copy_from_slice(&bytes[..SHELF_BYTES]);
        line.rows = u16::from_le_bytes([bytes[SHELF_BYTES], bytes[SHELF_BYTES + 1]]);
        line.sum.copy_from_slice(&bytes[SHELF_BYTES + 2..]);
        line
    }
}

/// The part of an owner. Streams are random or keyed hashes, so that some of their bytes spread as well as all.
pub(crate) fn part_of(owner: Owner) -> usize {
    let (kind, StreamId(stream)) = match owner {
        Owner::User(stream) => (0, stream),
        Owner::Tenant(stream) => (1, stream),
    };
    let number = u128::from_le_bytes(stream);
    let folded = (number as u64) ^ ((number >> 64) as u64).rotate_left(32) ^ kind;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize
}

const _: () = assert!(PARTS_COUNT == 1 << (64 - 52));

impl Ledger {
    /// The ledger of an empty store.
    pub(crate) fn new() -> Self {
        Self { parts: vec![Some(Vec::new()); PARTS_COUNT], hashes: vec![RowHash::default(); PARTS_COUNT] }
    }

    /// The ledger whose parts have these hashes.
    pub(crate) fn of(hashes: &[u64]) -> Option<Self> {
        let hashes: Vec<RowHash> = hashes.iter().copied().map(RowHash).collect();
        let is_empty = |hash: &RowHash| *hash == RowHash::default();
        let parts = hashes.iter().map(|hash| is_empty(hash).then(Vec::new)).collect();
        (hashes.len() == PARTS_COUNT).then_some(Self { parts, hashes })
    }

    /// The hashes for the header.
    pub(crate) fn hashes(&self) -> Vec<u64> {
        self.hashes.iter().map(|hash| hash.0).collect()
    }

    /// What there must be of an inbox; `None` when the store has none.
    pub(crate) fn line(&mut self, store: &dyn BlockStore, owner: Owner) -> Result<Option<Line>, BlockError> {
        let lines = self.part(store, part_of(owner))?;
        let name = Shelf::Inbox(owner).name();
        Ok(lines.binary_search_by_key(&name, |line| line.owner).ok().map(|index| lines[index]))
    }

    /// Notes what there is of an inbox after a row more, or after one row in place of all others.
    pub(crate) fn add(
        &mut self,
        store: &dyn BlockStore,
        owner: Owner,
        row: RowHash,
        is_only: bool,
    ) -> Result<(), BlockError> {
        let lines = self.part(store, part_of(owner))?;
        let name = Shelf::Inbox(owner).name();
        let sum = |sum: RowHash| sum.0.to_le_bytes();
        match lines.binary_search_by_key(&name, |line| line.owner) {
            Ok(index) if is_only => lines[index] = Line { owner: name, rows: 1, sum: sum(row) },
            Ok(index) => {
                let line = &mut lines[index];
                (line.rows, line.sum) = (line.rows + 1, sum(line.sum().plus(row)));
            }
            Err(index) => lines.insert(index, Line { owner: name, rows: 1, sum: sum(row) }),
        }
        Ok(())
    }

    /// Forgets an inbox; whether the store has one.
    pub(crate) fn remove(&mut self, store: &dyn BlockStore, owner: Owner) -> Result<bool, BlockError> {
        let lines = self.part(store, part_of(owner))?;
        let found = lines.binary_search_by_key(&Shelf::Inbox(owner).name(), |line| line.owner);
        Ok(found.map(|index| lines.remove(index)).is_ok())
    }

    /// Puts the row of a part into a batch.
    pub(crate) fn put(&mut self, part: usize, batch: &mut Batch) {
        let lines = self.parts[part].as_deref().unwrap_or_default();
        let mut bytes = Vec::with_capacity(lines.len() * LINE_BYTES);
        lines.iter().for_each(|line| line.encode(&mut bytes));
        let (row, hash) = row::seal(Shelf::Ledger, part as u64, bytes);
        self.hashes[part] = hash;
        batch.put(Shelf::Ledger, part as u64, row);
    }

    /// Every inbox that the store has.
    pub(crate) fn owners(&mut self, store: &dyn BlockStore) -> Result<Vec<Owner>, BlockError> {
        let mut owners = Vec::new();
        for part in 0..PARTS_COUNT {
            owners.extend(self.part(store, part)?.iter().map(|line| owner(&line.owner)));
        }
        Ok(owners)
    }

    fn part(&mut self, store: &dyn BlockStore, part: usize) -> Result<&mut Vec<Line>, BlockError> {
        if self.parts[part].is_none() {
            let damaged = |what| BlockError::Damaged { shelf: Shelf::Ledger, what };
            let row = store.row(Shelf::Ledger, part as u64)?.ok_or(damaged("a row is missing"))?;
            let (bytes, hash) = row::open(Shelf::Ledger, part as u64, &row)?;
            if hash != self.hashes[part] {
                return Err(damaged("a row is stale"));
            }
            let (lines, rest) = bytes.as_chunks::<LINE_BYTES>();
            if !rest.is_empty() {
                return Err(damaged("a line is cut short"));
            }
            self.parts[part] = Some(lines.iter().map(Line::decode).collect());
        }
        Ok(self.parts[part].get_or_insert_default())
    }
}

fn owner(name: &[u8; SHELF_BYTES]) -> Owner {
    let mut stream = [0; 16];
    stream.copy_from_slice(&name[1..]);
    match name[0] {
        5 => Owner::Tenant(StreamId(stream)),
        _ => Owner::User(StreamId(stream)),
    }
}
