//! `tidings audit export`: a directory that an auditor can take along.

use super::super::fail;
use super::checking::PART_START;
use super::signing::{Fresh, fresh};
use super::storage;
use crate::checkpoints::{folder, write_durably};
use crate::config::LOG_FOLDER;
use crate::exit::Exit;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::Accumulator;
use tidings_engine::ids::Position;
use tidings_engine::log::{FileStorage, LogError, StorageError, copy, part_start};

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
    /// Leave out the segments that end before this position. What precedes the rest is told by a file of about a kilobyte,
    /// and proven by the checkpoint. `tidings audit verify --key VKEY` checks it; other readers need a whole log
    #[arg(long, value_name = "N")]
    from: Option<u64>,
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
    /// The log has no such event.
    #[error("position {from} is not in the log, which ends at {last}")]
    From { from: u64, last: Position },
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
    let storage = match storage(data) {
        Ok(storage) => storage,
        Err(exit) => return exit,
    };
    let before = match arguments.from.map(|from| part_start(&storage, Position(from))).transpose() {
        Ok(before) => before.filter(|before| *before != Position::ZERO),
        Err(error) => return fail(Exit::Failed, &error),
    };
    let fresh = match fresh(data, &storage, before) {
        Ok(fresh) => fresh,
        Err(exit) => return exit,
    };
    if let Err(error) = write(&storage, &fresh, arguments) {
        return fail(Exit::Failed, &error);
    }
    let position = fresh.signed.checkpoint().position;
    let first = fresh.before.as_ref().map_or(Position::ZERO, Accumulator::position).next();
    println!("positions {first} to {position}, and a checkpoint of now, are in {}", out.display());
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

fn write(storage: &FileStorage, fresh: &Fresh, arguments: &ExportArguments) -> Result<(), ExportError> {
    let (out, last) = (&arguments.out, fresh.signed.checkpoint().position);
    if let Some(from) = arguments.from.filter(|from| *from > last.0) {
        return Err(ExportError::From { from, last });
    }
    let file = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        write_durably(&path, bytes).map_err(|source| ExportError::File { path, source })
    };
    let start = fresh.before.as_ref().map(Accumulator::part_start);
    copy(storage, start.as_ref(), last, &FileStorage::create(out.join(LOG_FOLDER))?)?;
    if let Some(before) = &fresh.before {
        file(PART_START, &before.encode())?;
    }
    folder::of_data(out)?.keep(&fresh.signed)?;
    let keys: String = fresh.keys.iter().map(|key| format!("{key}\n")).collect();
    file(KEYS, keys.as_bytes())?;
    file(README, readme(fresh).as_bytes())
}

fn readme(fresh: &Fresh) -> String {
    let checkpoint = fresh.signed.checkpoint();
    let first = fresh.before.as_ref().map_or(Position::ZERO, Accumulator::position).next();
    let (part, known) = match (&fresh.before, fresh.keys.split_first()) {
        (None, Some((known, _))) => (String::new(), known),
        (_, _) => (
            format!(
                "{PART_START}      chain and RFC 6962 frontier before position {first}, which the checkpoint's root covers\n"
            ),
            fresh.keys.last().expect("a checkpoint was signed by the key that the log adopted last"),
        ),
    };
    format!(
        "Positions {first} to {position} of the log {log} of Tidings, as they were at {time}.\n\
         \n\
         {LOG_FOLDER}/            byte copies of the segments; after the last event of the checkpoint there are zeros\n\
         {part}\
         checkpoints/    the signed checkpoint of position {position} (C2SP tlog-checkpoint in a C2SP signed note)\n\
         {KEYS}  the public keys that the log adopted for its checkpoints, in order, one a line\n\
         \n\
         To check it, compare this key with the one that you were given on another way, and run\n\
         \n\
         tidings audit verify --data . --key '{known}'\n\
         \n\
         Content is sealed; the keys that open it are not here.\n",
        log = checkpoint.log,
        position = checkpoint.position,
        time = checkpoint.time.rfc3339(),
    )
}
