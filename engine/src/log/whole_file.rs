//! A small file that is there whole, or not at all.

use super::storage::{Storage, StorageError};

/// Writes a file durably under the name `draft`, gives it its name, and makes the name durable: after a crash the file has
/// these bytes, or those that it had before, or is not there. Once this returned it has these bytes.
///
/// # Errors
/// What the storage says; at most the draft is left behind, which the next writing replaces.
pub fn write_whole(storage: &dyn Storage, draft: &str, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    storage.create(draft, bytes.len() as u64)?;
    storage.write_at(draft, 0, bytes)?;
    storage.sync_data(draft)?;
    storage.rename(draft, name)?;
    storage.sync_directory("")
}
