use crate::store::{Batch, BlockStore, Edit, SHELF_BYTES, Shelf, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Rows = BTreeMap<([u8; SHELF_BYTES], u64), Vec<u8>>;

/// A block store in memory, which loses what is not durable when it is told to. A clone is another handle of the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlocks {
    rows: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    now: Rows,
    durable: Rows,
    /// Batches until the store gives up; never where absent.
    batches_left: Option<usize>,
}

impl MemoryBlocks {
    /// The store as a crash leaves it: the last durable batch and all before it, and nothing after.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        let durable = self.inner().durable.clone();
        Self { rows: Arc::new(Mutex::new(Inner { now: durable.clone(), durable, batches_left: None })) }
    }

    /// The store after a clean end.
    #[must_use]
    pub fn after_close(&self) -> Self {
        let now = self.inner().now.clone();
        Self { rows: Arc::new(Mutex::new(Inner { now: now.clone(), durable: now, batches_left: None })) }
    }

    /// Has the store give up after so many more batches.
    pub fn fail_after(&self, batches: usize) {
        self.inner().batches_left = Some(batches);
    }

    /// Every row in the order of their places, for whoever breaks them.
    pub fn edit(&self, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let mut inner = self.inner();
        let mut rows: Vec<Vec<u8>> = inner.now.values().cloned().collect();
        edit(&mut rows);
        inner.now.values_mut().zip(rows).for_each(|(row, edited)| *row = edited);
    }

    /// Takes the row out that is the `index`th, modulo their count.
    pub fn lose(&self, index: usize) {
        let mut inner = self.inner();
        let Some(key) = inner.now.keys().nth(index % inner.now.len().max(1)).copied() else { return };
        inner.now.remove(&key);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockStore for MemoryBlocks {
    fn rows(&self, shelf: Shelf) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let name = shelf.name();
        let inner = self.inner();
        let rows = inner.now.range((name, 0)..=(name, u64::MAX));
        Ok(rows.map(|((_, number), bytes)| (*number, bytes.clone())).collect())
    }

    fn row(&self, shelf: Shelf, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner().now.get(&(shelf.name(), number)).cloned())
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.batches_left == Some(0) {
            return Err(StoreError("it was told to give up".to_owned()));
        }
        inner.batches_left = inner.batches_left.map(|left| left - 1);
        for edit in batch.edits {
            let name = edit.shelf().name();
            match edit {
                Edit::Put { number, bytes, .. } => {
                    inner.now.insert((name, number), bytes);
                }
                Edit::Drop { number, .. } => {
                    inner.now.remove(&(name, number));
                }
                Edit::Clear { .. } => {
                    let rows = inner.now.range((name, 0)..=(name, u64::MAX));
                    let places: Vec<_> = rows.map(|(place, _)| *place).collect();
                    places.iter().for_each(|place| {
                        inner.now.remove(place);
                    });
                }
            }
        }
        if batch.is_durable {
            inner.durable = inner.now.clone();
        }
        Ok(())
    }

    fn is_busy(&self) -> bool {
        false
    }

    fn wait(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let mut inner = self.inner();
        *inner = Inner::default();
        Ok(())
    }
}
