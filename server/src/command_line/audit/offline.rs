//! The log of a data directory, read without its lock.

use super::Source;
use crate::auditing::AuditLog;
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::{entropy, secrets};
use std::path::Path;
use std::sync::Arc;
use tidings_engine::event::{Event, Recorded};
use tidings_engine::ids::{Position, TenantId, Time};
use tidings_engine::keyring::{Keyring, KeyringError};
use tidings_engine::keys::Keys;
use tidings_engine::log::{FileStorage, Log, LogError, LogId, LogOptions, Storage};
use tidings_engine::request::At;
use tidings_engine::vault::Vault;

/// Why the log of a data directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum OfflineError {
    /// There is none, or it is damaged.
    #[error("log {folder}: {source}")]
    Log {
        /// Where.
        folder: String,
        /// Why.
        source: LogError,
    },
    /// Its secret cannot be had.
    #[error(transparent)]
    Secret(#[from] secrets::SecretError),
    /// The keyring cannot be read.
    #[error("keyring: {0}")]
    Keyring(#[from] KeyringError),
    /// Nobody has the name.
    #[error("no tenant {0} is in the log")]
    NoTenant(String),
    /// A place is not one of this log.
    #[error("{0}")]
    Place(String),
    /// The log is damaged, or of a later version.
    #[error(transparent)]
    Fault(#[from] crate::auditing::Fault),
}

impl OfflineError {
    /// How the process ends.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Log { source: LogError::Corrupt(_), .. } => Exit::Damage,
            Self::Fault(fault) if fault.is_damage() => Exit::Damage,
            Self::NoTenant(_) | Self::Place(_) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// Opens the log with what its item ids and cursors are made with, and the keyring where there is one: without it nobody has
/// a name, and no content can be read. Nothing is locked or changed.
pub(super) fn open(source: &Source) -> Result<AuditLog, OfflineError> {
    let config = Config {
        data: source.data.clone(),
        keyring: config::Keyring { folder: source.keyring.clone() },
        ..Config::default()
    };
    let folder = config.log_folder();
    let failed = |source| OfflineError::Log { folder: folder.display().to_string(), source };
    let storage = FileStorage::existing(&folder).map_err(|error| failed(error.into()))?;
    let options = LogOptions { read_only: true, ..LogOptions::DEFAULT };
    let (log, _) = Log::open(storage, options, [0; 16]).map_err(failed)?;
    let secret = secrets::existing_log_secret(&config.data)?;
    let keys = match vault(&config.keyring_folder(), log.id())? {
        Some(vault) => Keys::with_vault(&secret, Arc::new(vault)),
        None => Keys::new(&secret),
    };
    Ok(AuditLog { reader: log.reader(), keys: Arc::new(keys), epoch: log.epoch() })
}

/// The keyring in a folder; `None` where there is no folder.
fn vault(folder: &Path, log: LogId) -> Result<Option<Vault>, OfflineError> {
    let storage = match FileStorage::existing(folder) {
        Ok(storage) => Arc::new(storage),
        Err(_) => return Ok(None),
    };
    let wrapping_key = secrets::existing_keyring_key(folder)?;
    let mut attempts_left = ATTEMPTS_COUNT_MAX;
    loop {
        attempts_left -= 1;
        match Keyring::open_read_only(Arc::clone(&storage) as Arc<dyn Storage>, &wrapping_key, log) {
            // A server may have been writing it just then.
            Err(KeyringError::Corrupt { .. }) if attempts_left > 0 => {}
            opened => {
                let (keyring, found) = opened?;
                let seed = entropy::bytes().map_err(|error| OfflineError::Place(error.to_string()))?;
                return Ok(Some(Vault::new(keyring, &found, seed)?));
            }
        }
    }
}

/// How often a keyring that a server may be writing is read before it is judged: 8.
const ATTEMPTS_COUNT_MAX: u32 = 8;

/// The number of a tenant by its name.
pub(super) fn tenant(log: &AuditLog, name: &str) -> Result<TenantId, OfflineError> {
    let mut found = None;
    for record in log.reader.scan(Position(1)) {
        let record = record.map_err(crate::auditing::Fault::Log)?;
        if let Ok(recorded) = Recorded::decode(record)
            && matches!(&recorded.facts.event, Event::TenantCreated { name: known } if known == name)
        {
            found = Some(recorded.envelope.tenant);
            break;
        }
    }
    found.ok_or_else(|| OfflineError::NoTenant(name.to_owned()))
}

/// A time or a position, as a place in the log.
pub(super) fn at(text: &str) -> Result<At, OfflineError> {
    let wrong = || OfflineError::Place(format!("{text} is no time such as 2026-01-31T09:00:00Z, and no position"));
    if text.contains(':') {
        return Time::parse(text).map(At::Time).ok_or_else(wrong);
    }
    text.parse().map(|position| At::Position(Position(position))).map_err(|_| wrong())
}

/// The last event of a place; the head when it is absent.
pub(super) fn position(log: &AuditLog, field: &'static str, text: Option<&str>) -> Result<Position, OfflineError> {
    let at = text.map_or(Ok(At::Head), at)?;
    log.position(field, &at).map_err(|rejection| OfflineError::Place(rejection.to_string()))
}
