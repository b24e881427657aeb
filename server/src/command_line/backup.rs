//! `tidings backup` and `restore`: the log, verified, and the keyring apart from it.

use super::fail;
use crate::config::{KEYRING_FOLDER, LOG_FOLDER};
use crate::exit::Exit;
use crate::{opening, secrets};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_engine::ids::Position;
use tidings_engine::keyring::{Keyring, KeyringError};
use tidings_engine::log::audit::{self, Beside, Verified};
use tidings_engine::log::{FileStorage, LogError, LogId, StorageError, begin_epoch, copy};

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArguments {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
    /// Keyring of the log; the one in --data when absent
    #[arg(long, value_name = "DIR")]
    keyring: Option<PathBuf>,
    /// Directory to make for the log and its checkpoints; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Directory to make for the keyring and the secrets. Keep it apart from the log, and no longer than you must: an older
    /// keyring knows the keys of people who were erased since
    #[arg(long, value_name = "DIR")]
    keyring_to: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArguments {
    /// Backup of the log
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Backup of the keyring and the secrets. Without it the data directory must hold today's, which is better: then
    /// everyone who was erased since stays erased
    #[arg(long, value_name = "DIR")]
    keyring_from: Option<PathBuf>,
    /// Data directory to restore into; it must have no log
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
    /// Where the keyring is, or is to be; in --data when absent
    #[arg(long, value_name = "DIR")]
    keyring: Option<PathBuf>,
}

/// Files of the data directory that go with the keyring. Not all need be there.
const SECRETS: [&str; 3] = ["log.secret", "checkpoint.key", "checkpoint.key.next"];
/// Wraps the keys of the keyring, beside which it stands.
const KEYRING_KEY: &str = "keyring.key";
const CHECKPOINTS_FOLDER: &str = "checkpoints";
/// The log while it is copied: it gets its name once it is whole.
const UNFINISHED: &str = "log.restoring";

/// How often a keyring is copied that changes meanwhile.
const ATTEMPTS_COUNT_MAX: u32 = 8;

/// Why there is no backup, or no restored directory.
#[derive(Debug, thiserror::Error)]
enum BackupError {
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    #[error("{0} has a log already")]
    HasLog(PathBuf),
    #[error("{0} has no keyring and no secrets: put today's there, or name a backup of them by --keyring-from")]
    NoKeyring(PathBuf),
    #[error("{0} has a keyring already: restore beside it without --keyring-from, or move it away")]
    HasKeyring(PathBuf),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Secret(#[from] secrets::SecretError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("log: {0}")]
    Damage(#[from] tidings_engine::log::Damage),
    #[error("keyring: {0}")]
    Keyring(#[from] KeyringError),
    #[error("the copy of the keyring is older than the log: it gave {given} keys, the log uses key {used}")]
    KeyringBehind { used: u32, given: u32 },
    #[error("{0}")]
    Start(#[from] crate::node::StartError),
}

impl BackupError {
    const fn exit(&self) -> Exit {
        match self {
            Self::NotEmpty(_) | Self::HasLog(_) | Self::NoKeyring(_) | Self::HasKeyring(_) => Exit::Usage,
            Self::Damage(_) | Self::Log(LogError::Corrupt(_)) | Self::Keyring(KeyringError::Corrupt(_)) => Exit::Damage,
            _ => Exit::Failed,
        }
    }
}

pub(crate) fn backup(arguments: &BackupArguments) -> Exit {
    match back_up(arguments) {
        Ok(verified) => {
            println!("{} events copied to {} and verified", verified.events, arguments.to.display());
            match &arguments.keyring_to {
                Some(folder) => println!("keyring and secrets copied to {}", folder.display()),
                None => {
                    eprintln!("the keyring is not part of it: without one, the content of this backup cannot be read");
                }
            }
            Exit::Done
        }
        Err(error) => fail(error.exit(), &error),
    }
}

fn back_up(arguments: &BackupArguments) -> Result<Verified, BackupError> {
    let data = &arguments.data;
    for folder in std::iter::once(&arguments.to).chain(&arguments.keyring_to) {
        claim(folder)?;
    }
    let source = FileStorage::existing(data.join(LOG_FOLDER))?;
    let mut key_max = 0;
    let verified =
        audit::verify_each(&source, Beside::Server, &mut |record| key_max = key_max.max(record.envelope.key_id))?;
    let copied = copy_log(&source, verified.events, &arguments.to.join(LOG_FOLDER))?;
    let checkpoints = data.join(CHECKPOINTS_FOLDER);
    if checkpoints.is_dir() {
        copy_folder(&checkpoints, &arguments.to.join(CHECKPOINTS_FOLDER))?;
    }
    if let Some(folder) = &arguments.keyring_to {
        // After the log, so that it knows every key that the log uses.
        for secret in SECRETS.iter().map(|name| data.join(name)).filter(|path| path.is_file()) {
            copy_file(&secret, folder)?;
        }
        copy_keyring(&keyring_of(data, arguments.keyring.as_ref()), folder, &verified, key_max)?;
    }
    Ok(copied)
}

pub(crate) fn restore(arguments: &RestoreArguments) -> Exit {
    match restore_into(arguments) {
        Ok((events, epoch)) => {
            println!("{events} events restored to {} as epoch {epoch}", arguments.data.display());
            eprintln!(
                "clients start afresh, since cursors of other epochs are void; what was recorded after position {events} is not here"
            );
            Exit::Done
        }
        Err(error) => fail(error.exit(), &error),
    }
}

fn restore_into(arguments: &RestoreArguments) -> Result<(u64, u64), BackupError> {
    let RestoreArguments { from, keyring_from, data, keyring } = arguments;
    let keyring = keyring_of(data, keyring.as_ref());
    let log = data.join(LOG_FOLDER);
    if log.exists() {
        return Err(BackupError::HasLog(data.clone()));
    }
    let has_keyring = keyring.is_dir();
    match keyring_from {
        None if !has_keyring => return Err(BackupError::NoKeyring(data.clone())),
        Some(_) if has_keyring => return Err(BackupError::HasKeyring(data.clone())),
        _ => {}
    }
    let source = FileStorage::existing(from.join(LOG_FOLDER))?;
    let mut used = 0;
    let verified = audit::verify_each(&source, Beside::Nobody, &mut |record| used = used.max(record.envelope.key_id))?;
    let unfinished = data.join(UNFINISHED);
    if unfinished.exists() {
        // What an interrupted restore left: a copy of a copy.
        fs::remove_dir_all(&unfinished).map_err(|source| failed(&unfinished, source))?;
    }
    copy_log(&source, verified.events, &unfinished)?;
    let restored = begin_epoch(&FileStorage::existing(&unfinished)?)?;
    let source = keyring_from.as_ref().map_or_else(|| keyring.clone(), |folder| folder.join(KEYRING_FOLDER));
    knows_keys(&source, verified.log, used)?;
    if let Some(folder) = keyring_from {
        restore_keyring(folder, data, &keyring)?;
    }
    opening::accept_log(&unfinished, &keyring)?;
    restore_checkpoints(from, data, restored.epoch)?;
    // Last of all: before this there is no log, and restoring again begins anew.
    fs::rename(&unfinished, &log).map_err(|source| failed(&log, source))?;
    sync(data)?;
    Ok((restored.last.0, restored.epoch))
}

fn keyring_of(data: &Path, named: Option<&PathBuf>) -> PathBuf {
    named.cloned().unwrap_or_else(|| data.join(KEYRING_FOLDER))
}

/// Puts a backup of the keyring in its place. The folder gets its name once it is whole, so a restore that was interrupted
/// before can be run again as it was.
fn restore_keyring(from: &Path, data: &Path, keyring: &Path) -> Result<(), BackupError> {
    for secret in SECRETS.iter().map(|name| from.join(name)).filter(|path| path.is_file()) {
        copy_file(&secret, data)?;
    }
    let beside = keyring.parent().unwrap_or(data);
    fs::create_dir_all(beside).map_err(|source| failed(beside, source))?;
    copy_file(&from.join(KEYRING_KEY), beside)?;
    let unfinished = keyring.with_extension("restoring");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|source| failed(&unfinished, source))?;
    }
    copy_folder(&from.join(KEYRING_FOLDER), &unfinished)?;
    fs::rename(&unfinished, keyring).map_err(|source| failed(keyring, source))?;
    sync(beside)
}

/// Takes over the checkpoints of a backup. Those that vouch for what is given up are put aside: an auditor may want them, and
/// this log cannot agree with them.
fn restore_checkpoints(from: &Path, data: &Path, epoch: u64) -> Result<(), BackupError> {
    let (theirs, own) = (from.join(CHECKPOINTS_FOLDER), data.join(CHECKPOINTS_FOLDER));
    if own.exists() {
        let stem = format!("{CHECKPOINTS_FOLDER}.before-epoch-{epoch}");
        let names = std::iter::once(stem.clone()).chain((2..).map(|number: u32| format!("{stem}-{number}")));
        let aside = names.map(|name| data.join(name)).find(|path| !path.exists()).expect("numbers do not end");
        fs::rename(&own, &aside).map_err(|source| failed(&aside, source))?;
    }
    if theirs.is_dir() { copy_folder(&theirs, &own) } else { Ok(()) }
}

/// Reads a keyring through, and sees that it knows every key that the log uses.
fn knows_keys(keyring: &Path, log: LogId, used: u32) -> Result<(), BackupError> {
    let storage = Arc::new(FileStorage::existing(keyring)?);
    let keyring = Keyring::open_read_only(storage, &secrets::existing_keyring_key(keyring)?, log)?.0;
    keyring.people().try_for_each(|person| person.map(|_| ()))?;
    let given = keyring.next_id().0 - 1;
    if given < used { Err(BackupError::KeyringBehind { used, given }) } else { Ok(()) }
}

/// Copies the log and reads the copy back.
fn copy_log(source: &FileStorage, events: u64, into: &Path) -> Result<Verified, BackupError> {
    let target = FileStorage::create(into)?;
    copy(source, None, Position(events), &target)?;
    drop(target);
    Ok(audit::verify(&FileStorage::existing(into)?, Beside::Nobody)?)
}

/// Copies a keyring that a server may be changing: a copy that is whole opens, and knows every key of the log.
fn copy_keyring(from: &Path, into: &Path, log: &Verified, used: u32) -> Result<(), BackupError> {
    let copied = into.join(KEYRING_FOLDER);
    copy_file(&from.with_file_name(KEYRING_KEY), into)?;
    for attempt in 1.. {
        if copied.exists() {
            fs::remove_dir_all(&copied).map_err(|source| failed(&copied, source))?;
        }
        let whole = copy_folder(from, &copied).and_then(|()| knows_keys(&copied, log.log, used));
        match whole {
            Ok(()) => return Ok(()),
            Err(error) if attempt == ATTEMPTS_COUNT_MAX => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Makes a directory, or takes it when it is empty.
fn claim(folder: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    match fs::read_dir(folder).map_err(|source| failed(folder, source))?.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::NotEmpty(folder.to_owned())),
    }
}

fn copy_folder(from: &Path, into: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(into).map_err(|source| failed(into, source))?;
    for entry in fs::read_dir(from).map_err(|source| failed(from, source))? {
        let path = entry.map_err(|source| failed(from, source))?.path();
        if path.is_file() {
            copy_file(&path, into)?;
        }
    }
    sync(into)
}

/// Copies a file into a folder, durably, with its permissions.
fn copy_file(from: &Path, into: &Path) -> Result<(), BackupError> {
    let name = from.file_name().unwrap_or_default();
    let target = into.join(name);
    fs::copy(from, &target).and_then(|_| fs::File::open(&target)?.sync_all()).map_err(|source| failed(&target, source))
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| failed(folder, source))
}

fn failed(path: &Path, source: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), source }
}
