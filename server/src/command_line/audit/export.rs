//! `tidings audit export`: a directory that an auditor can take along.

use super::super::fail;
use super::signing::{Fresh, fresh};
use super::storage;
use crate::checkpoints::{Folder, write_durably};
use crate::exit::Exit;
use crate::node::LOG_FOLDER;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tidings_engine::log::{FileStorage, LogError, StorageError, copy};

/// The public keys of the log's checkpoints, one a line, in the order of their adoption.
const KEYS: &str = "checkpoint.pub";
const README: &str = "README.txt";

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    common: super::Arguments,
    /// Directory to make; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Why there is no whole export.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// Something is there already.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// A file or folder cannot be written.
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    /// The log of the export cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log cannot be copied.
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(crate) fn run(arguments: &ExportArguments) -> Exit {
    let (data, out) = (&arguments.common.data, &arguments.out);
    if let Err(error) = claim(out) {
        return fail(Exit::Usage, &error);
    }
    let fresh = match fresh(data) {
        Ok(fresh) => fresh,
        Err(exit) => return exit,
    };
    let storage = match storage(data) {
        Ok(storage) => storage,
        Err(exit) => return exit,
    };
    if let Err(error) = write(&storage, &fresh, out) {
        return fail(Exit::Failed, &error);
    }
    let position = fresh.signed.checkpoint().position;
    println!("{position} events up to the checkpoint of now are in {}", out.display());
    Exit::Done
}

/// Makes the directory, or takes it when it is empty.
fn claim(out: &Path) -> Result<(), ExportError> {
    let failed = |source| ExportError::File { path: out.to_owned(), source };
    fs::create_dir_all(out).map_err(failed)?;
    match fs::read_dir(out).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(ExportError::NotEmpty(out.to_owned())),
    }
}

fn write(storage: &FileStorage, fresh: &Fresh, out: &Path) -> Result<(), ExportError> {
    let file = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        write_durably(&path, bytes).map_err(|source| ExportError::File { path, source })
    };
    copy(storage, fresh.signed.checkpoint().position, &FileStorage::create(out.join(LOG_FOLDER))?)?;
    let kept = Folder::of_data(out).and_then(|folder| folder.keep(&fresh.signed));
    kept.map_err(|source| ExportError::File { path: out.to_owned(), source })?;
    let keys: String = fresh.keys.iter().map(|key| format!("{key}\n")).collect();
    file(KEYS, keys.as_bytes())?;
    file(README, readme(fresh).as_bytes())
}

fn readme(fresh: &Fresh) -> String {
    let checkpoint = fresh.signed.checkpoint();
    let first = fresh.keys.first().map(ToString::to_string).unwrap_or_default();
    format!(
        "A part of the log {log} of Tidings: positions 1 to {position}, as they were at {time}.\n\
         \n\
         {LOG_FOLDER}/          byte copies of the segments; after the last event of the checkpoint there are zeros\n\
         checkpoints/  the signed checkpoint of position {position} (C2SP tlog-checkpoint in a C2SP signed note)\n\
         {KEYS}  the public keys that the log adopted for its checkpoints, in order, one a line\n\
         \n\
         To check it, compare the first key with the one that you were given on another way, and run\n\
         \n\
         tidings audit verify --data . --key '{first}'\n\
         \n\
         Content is sealed; the keys that open it are not here.\n",
        log = checkpoint.log,
        position = checkpoint.position,
        time = checkpoint.time.rfc3339(),
    )
}
