//! Where inboxes go that nobody looks at: a redb file in the data directory, disposable and checked by whoever reads it.
//!
//! A thread of its own writes, so that the inbox thread waits for no disk. What was handed over and is not written yet is read
//! from memory.

mod ahead;
mod database;
mod folding;

pub use ahead::FoldingAhead;
pub use folding::{Folding, LogOfBlocks};

use database::BlockDatabase;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tidings_projections::{Batch, BlockStore, Edit, Shelf, StoreError};
use tracing::info;

/// Folder of the block store within the data directory.
pub const BLOCKS_FOLDER: &str = "blocks";

/// The store's file in its folder.
const FILE: &str = "blocks.redb";

/// Batches that wait to be written before the next has to wait: 4, of about a MiB each.
const WAITING_COUNT_MAX: usize = 4;

/// A block store in a file.
pub struct FileBlocks {
    path: PathBuf,
    cache_bytes: usize,
    /// Absent only while it is cleared, or when that failed.
    opened: Option<Opened>,
}

struct Opened {
    database: Arc<BlockDatabase>,
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

/// What was handed over and is not written yet.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// In their order. The first is being written.
    batches: VecDeque<Arc<Batch>>,
    failed: Option<StoreError>,
    is_ending: bool,
}

impl fmt::Debug for FileBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBlocks").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileBlocks {
    /// Opens the store in a folder, which is made when it is not there. A file that is none of ours is replaced.
    ///
    /// # Errors
    /// [`StoreError`]: the folder or the file cannot be made, or the system gives no thread.
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.join(FILE);
        let mut blocks = Self { path, cache_bytes, opened: None };
        match Opened::new(&blocks.path, cache_bytes) {
            Ok(opened) => blocks.opened = Some(opened),
            Err(_) => blocks.clear()?,
        }
        Ok(blocks)
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        self.opened.as_ref().ok_or_else(|| StoreError("it could not be opened again".to_owned()))
    }
}

impl Opened {
    fn new(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        let database = Arc::new(BlockDatabase::open(path, cache_bytes)?);
        if database.was_walked() {
            info!("the block store was not closed in order, and was read whole");
        }
        let queue = Arc::new(Queue::default());
        let (writes, waiting) = (Arc::clone(&database), Arc::clone(&queue));
        let thread = thread::Builder::new().name("blocks".to_owned()).spawn(move || waiting.write_all(&writes));
        Ok(Self { database, queue, thread: thread.map_err(failed)? })
    }

    /// Writes what waits, unless that fails, and lets go of the file.
    fn close(self) {
        self.queue.state.lock().is_ending = true;
        self.queue.changed.notify_all();
        // Whether it ended well or not: the store is disposable.
        let _ = self.thread.join();
        database::caught(move || drop(self.database)).unwrap_or_default();
    }
}

impl Queue {
    /// The writing thread: until it is told to end and nothing waits, or until a batch cannot be written.
    fn write_all(&self, database: &BlockDatabase) {
        let mut state = self.state.lock();
        loop {
            let Some(next) = state.batches.front().map(Arc::clone) else {
                if state.is_ending {
                    return;
                }
                self.changed.wait(&mut state);
                continue;
            };
            drop(state);
            let written = database.write(&next);
            state = self.state.lock();
            if let Err(error) = written {
                state.failed = Some(error);
                state.batches.clear();
                self.changed.notify_all();
                return;
            }
            state.batches.pop_front();
            self.changed.notify_all();
        }
    }

    /// Waits until no more than so many batches wait.
    fn wait_for(&self, count_max: usize) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        loop {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if state.batches.len() <= count_max {
                return Ok(());
            }
            self.changed.wait(&mut state);
        }
    }

    /// What waits now. One thread alone hands over and reads, so that nothing is added meanwhile.
    fn waiting(&self) -> Result<Vec<Arc<Batch>>, StoreError> {
        let state = self.state.lock();
        match &state.failed {
            Some(error) => Err(error.clone()),
            None => Ok(state.batches.iter().map(Arc::clone).collect()),
        }
    }
}

impl BlockStore for FileBlocks {
    fn rows(&self, shelf: Shelf) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let opened = self.opened()?;
        // Before the file is read: what is written meanwhile is found twice, which is found once.
        let waiting = opened.queue.waiting()?;
        let rows = opened.database.rows(shelf)?;
        if waiting.iter().all(|batch| batch.edits.iter().all(|edit| edit.shelf() != shelf)) {
            return Ok(rows);
        }
        let mut rows: BTreeMap<u64, Vec<u8>> = rows.into_iter().collect();
        for edit in waiting.iter().flat_map(|batch| &batch.edits).filter(|edit| edit.shelf() == shelf) {
            match edit {
                Edit::Put { number, bytes, .. } => {
                    rows.insert(*number, bytes.clone());
                }
                Edit::Drop { number, .. } => {
                    rows.remove(number);
                }
                Edit::Clear { .. } => rows.clear(),
            }
        }
        Ok(rows.into_iter().collect())
    }

    fn row(&self, shelf: Shelf, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let opened = self.opened()?;
        let waiting = opened.queue.waiting()?;
        let edits = waiting.iter().rev().flat_map(|batch| batch.edits.iter().rev());
        for edit in edits.filter(|edit| edit.shelf() == shelf) {
            match edit {
                Edit::Put { number: its, bytes, .. } if *its == number => return Ok(Some(bytes.clone())),
                Edit::Drop { number: its, .. } if *its == number => return Ok(None),
                Edit::Clear { .. } => return Ok(None),
                Edit::Put { .. } | Edit::Drop { .. } => {}
            }
        }
        opened.database.row(shelf, number)
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        let opened = self.opened()?;
        opened.queue.wait_for(WAITING_COUNT_MAX - 1)?;
        opened.queue.state.lock().batches.push_back(Arc::new(batch));
        opened.queue.changed.notify_all();
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.queue.state.lock().batches.len() >= WAITING_COUNT_MAX)
    }

    fn wait(&mut self) -> Result<(), StoreError> {
        self.opened()?.queue.wait_for(0)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        if let Some(opened) = self.opened.take() {
            opened.close();
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        self.opened = Some(Opened::new(&self.path, self.cache_bytes)?);
        Ok(())
    }
}

impl Drop for FileBlocks {
    fn drop(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.close();
        }
    }
}

fn failed(error: impl fmt::Display) -> StoreError {
    StoreError(error.to_string())
}

#[cfg(test)]
mod tests;
