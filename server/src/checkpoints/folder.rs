//! Folders of kept checkpoints in the file system, and files that are written durably.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use tidings_engine::checkpoint::{Folder, NOTE_BYTES_MAX, Named, SignedCheckpoint};
use tidings_engine::log::{FileStorage, StorageError, write_whole};

/// Folder of the checkpoints within the data directory.
pub const CHECKPOINTS_FOLDER: &str = "checkpoints";

/// The folder of a data directory, which is made when it is not there.
///
/// # Errors
/// It cannot be made.
pub fn of_data(data: &Path) -> Result<Folder, StorageError> {
    let path = data.join(CHECKPOINTS_FOLDER);
    Ok(folder(FileStorage::create(&path)?, &path))
}

/// A folder that is there. A sink is never made: where it is missing, something is not mounted. It is to be asked for each
/// time, and dropped: what is open in it keeps a file system from being taken away and mounted again.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn at(path: &Path) -> Result<Folder, StorageError> {
    Ok(folder(FileStorage::existing(path)?, path))
}

fn folder(storage: FileStorage, path: &Path) -> Folder {
    Folder::new(Arc::new(storage), path.display().to_string())
}

/// Reads a file that is to hold a checkpoint. It is called by its path.
///
/// # Errors
/// The file cannot be read. What it holds may still be no checkpoint.
pub(crate) fn read(path: &Path) -> io::Result<Named> {
    let mut bytes = Vec::new();
    // One byte more than is allowed is enough to be refused.
    File::open(path)?.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Named { name: path.display().to_string(), signed: SignedCheckpoint::parse(&bytes) })
}

/// Writes a file so that after a crash it has these bytes, or those that it had, or is not there.
///
/// # Errors
/// What the system says; at most a draft is left behind.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
    let storage = FileStorage::existing(folder).map_err(io::Error::other)?;
    write_whole(&storage, &format!(".{name}.draft"), name, bytes).map_err(io::Error::other)
}
