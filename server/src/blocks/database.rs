use super::failed;
use redb::{Database, Durability, ReadableDatabase, TableDefinition, TableError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tidings_projections::{Batch, Edit, SHELF_BYTES, Shelf, StoreError};

/// Rows by shelf and number, big endian.
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

const KEY_BYTES: usize = SHELF_BYTES + 8;

/// The file. It checks nothing that was changed while nobody looked, and may panic over it: that is caught, and told as an
/// error, since everything in it can be made again.
pub(super) struct BlockDatabase {
    database: Database,
    was_walked: bool,
}

impl BlockDatabase {
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        caught(|| {
            let mut builder = Database::builder();
            let is_walked = Arc::new(AtomicBool::new(false));
            let walks = Arc::clone(&is_walked);
            builder.set_cache_size(cache_bytes).set_repair_callback(move |_| walks.store(true, Relaxed));
            let database = builder.create(path).map_err(failed)?;
            let made = database.begin_read().map_err(failed)?.open_table(ROWS).map(drop);
            match made {
                Ok(()) => {}
                Err(TableError::TableDoesNotExist(_)) => {
                    let mut transaction = database.begin_write().map_err(failed)?;
                    transaction.set_quick_repair(true);
                    transaction.open_table(ROWS).map_err(failed)?;
                    transaction.commit().map_err(failed)?;
                }
                Err(error) => return Err(failed(error)),
            }
            Ok(Self { database, was_walked: is_walked.load(Relaxed) })
        })?
    }

    /// Whether all of the file had to be read to open it, as after a crash without what [`BlockDatabase::write`] leaves for it.
    pub(super) const fn was_walked(&self) -> bool {
        self.was_walked
    }

    pub(super) fn rows(&self, shelf: Shelf) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        caught(|| {
            let table = self.database.begin_read().map_err(failed)?.open_table(ROWS).map_err(failed)?;
            let (first, last) = (key(shelf, 0), key(shelf, u64::MAX));
            let rows = table.range(first.as_slice()..=last.as_slice()).map_err(failed)?;
            let rows = rows.map(|row| {
                let (key, bytes) = row.map_err(failed)?;
                let number = key.value().last_chunk().map(|number| u64::from_be_bytes(*number));
                Ok((number.ok_or_else(|| failed("a key is cut short"))?, bytes.value().to_vec()))
            });
            rows.collect()
        })?
    }

    pub(super) fn row(&self, shelf: Shelf, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        caught(|| {
            let table = self.database.begin_read().map_err(failed)?.open_table(ROWS).map_err(failed)?;
            let row = table.get(key(shelf, number).as_slice()).map_err(failed)?;
            Ok(row.map(|bytes| bytes.value().to_vec()))
        })?
    }

    pub(super) fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        caught(|| {
            let mut transaction = self.database.begin_write().map_err(failed)?;
            if batch.is_durable {
                // Otherwise a start after a crash walks the whole file. So it must be with each durable commit.
                transaction.set_quick_repair(true);
            } else {
                transaction.set_durability(Durability::None).map_err(failed)?;
            }
            {
                let mut table = transaction.open_table(ROWS).map_err(failed)?;
                for edit in &batch.edits {
                    match edit {
                        Edit::Put { shelf, number, bytes } => {
                            table.insert(key(*shelf, *number).as_slice(), bytes.as_slice()).map_err(failed)?;
                        }
                        Edit::Drop { shelf, number } => {
                            table.remove(key(*shelf, *number).as_slice()).map_err(failed)?;
                        }
                        Edit::Clear { shelf } => {
                            let (first, last) = (key(*shelf, 0), key(*shelf, u64::MAX));
                            table.retain_in(first.as_slice()..=last.as_slice(), |_, _| false).map_err(failed)?;
                        }
                    }
                }
            }
            transaction.commit().map_err(failed)
        })?
    }
}

/// What comes of something that may panic over bytes that were changed.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| failed("it panicked, so its file is damaged"))
}

fn key(shelf: Shelf, number: u64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..SHELF_BYTES].copy_from_slice(&shelf.name());
    key[SHELF_BYTES..].copy_from_slice(&number.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::BlockDatabase;
    use std::path::Path;
    use tidings_projections::{Batch, Edit, Shelf};

    /// A process that is killed leaves the file as it is now.
    fn killed(file: &Path, number: u64) -> std::path::PathBuf {
        let left = file.with_extension(number.to_string());
        std::fs::copy(file, &left).unwrap();
        left
    }

    #[test]
    fn a_start_after_a_kill_does_not_walk_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = folder.path().join("blocks.redb");
        for number in 0..6 {
            let database = BlockDatabase::open(&file, 1 << 20).unwrap();
            assert!(!database.was_walked(), "after {number} kills");
            // In the second life nothing is written, in the third nothing durably.
            for is_durable in [true, false].into_iter().filter(|durable| number != 1 && !(*durable && number == 2)) {
                let mut batch = Batch::default();
                batch.is_durable = is_durable;
                batch.edits.push(Edit::Put { shelf: Shelf::Tenants, number, bytes: vec![7; 9_000] });
                database.write(&batch).unwrap();
            }
            let left = killed(&file, number);
            drop(database);
            file = left;
        }
    }
}
