//! Opening what a node stands on: the log, its secret and its keyring, held against each other.

use crate::blocks::FoldingAhead;
use crate::config::Config;
use crate::node::{Profile, StartError};
use crate::{clock, entropy, secrets};
use std::path::Path;
use std::sync::Arc;
use tidings_engine::engine::{Engine, OpenError};
use tidings_engine::keyring::{DataKey, Keyring, Mark, NewKey};
use tidings_engine::keys::Keys;
use tidings_engine::log::{FileStorage, Log, LogOptions, LogReader};
use tidings_engine::snapshot::{Ignored, Snapshots};
use tidings_engine::vault::Vault;
use tracing::{error, info, warn};

/// Bytes of a segment under `--dev`: 4 MiB, so that a first start is instant.
const DEV_SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

/// Has the keyring take the log as it is now for the newest: after a repair or a restore, which gave up events on purpose, it
/// would be refused as an older copy. Gives the number of keys that the keyring gave so far; `None` where there is none.
///
/// # Errors
/// [`StartError`]; the log is not changed.
pub fn accept_log(log_folder: &Path, keyring_folder: &Path) -> Result<Option<u32>, StartError> {
    if !keyring_folder.is_dir() {
        return Ok(None);
    }
    let storage = FileStorage::existing(log_folder).map_err(std::io::Error::other)?;
    let options = LogOptions { read_only: true, ..LogOptions::DEFAULT };
    let (log, _) = Log::open(storage, options, [0; 16]).map_err(OpenError::Log)?;
    let storage = Arc::new(FileStorage::existing(keyring_folder).map_err(std::io::Error::other)?);
    let wrapping_key = secrets::existing_keyring_key(keyring_folder)?;
    let keyring = Keyring::open(storage, &wrapping_key, log.id()).map_err(OpenError::Keyring)?.0;
    let given = keyring.next_id().0 - 1;
    if keyring.mark().is_some() {
        // The place stands beside a key: this one seals nothing.
        let (position, chain) = log.head();
        let unused = (NewKey::Notification, DataKey::new(entropy::bytes()?));
        keyring.add(&[unused], Mark { position, chain }).map_err(OpenError::Keyring)?;
    }
    Ok(Some(given))
}

/// Opens the log and the keyring, or makes them. `read_only`: changes nothing, and goes as far as the log is sound.
/// `log_is_open` is told as soon as the log can be read, so that other things are made of it beside the state.
///
/// The newest snapshot is read while the log is opened: neither needs the other before both are there.
///
/// # Errors
/// [`StartError`]; a torn tail may have been put into quarantine, and an interrupted erasure finished.
pub fn open(
    config: &Config,
    profile: Profile,
    read_only: bool,
    log_is_open: impl FnOnce(LogReader) -> std::io::Result<()>,
) -> Result<(Engine<FileStorage>, Arc<Keys>), StartError> {
    let storage = FileStorage::create(config.snapshots_folder()).map_err(std::io::Error::other)?;
    let snapshots = Snapshots::new(Arc::new(storage));
    std::thread::scope(|scope| {
        let ahead = std::thread::Builder::new().name("snapshot-ahead".to_owned());
        let ahead = ahead.spawn_scoped(scope, || {
            if snapshots.read_ahead() {
                info!("snapshot read");
            }
        })?;
        let wait = || {
            // Whether it went well or not: what was not read ahead is read now.
            let _ = ahead.join();
            snapshots.clone()
        };
        open_all(config, profile, read_only, log_is_open, wait)
    })
}

/// [`open`], with the inboxes that are folded meanwhile.
///
/// # Errors
/// As for [`open`], or the system gives no thread.
pub fn open_with_inboxes(
    config: &Config,
    profile: Profile,
    read_only: bool,
) -> Result<(Engine<FileStorage>, Arc<Keys>, FoldingAhead), StartError> {
    let mut folding = None;
    let log_is_open = |reader| FoldingAhead::start(reader, config).map(|ahead| folding = Some(ahead));
    let (engine, keys) = open(config, profile, read_only, log_is_open)?;
    let folding = folding.ok_or_else(|| std::io::Error::other("the log was opened without its inboxes"))?;
    Ok((engine, keys, folding))
}

/// `snapshots` are had once the newest is read.
fn open_all(
    config: &Config,
    profile: Profile,
    read_only: bool,
    log_is_open: impl FnOnce(LogReader) -> std::io::Result<()>,
    snapshots: impl FnOnce() -> Snapshots,
) -> Result<(Engine<FileStorage>, Arc<Keys>), StartError> {
    let secret = secrets::log_secret(&config.data)?;
    let (log_folder, keyring_folder) = (config.log_folder(), config.keyring_folder());
    let reserve_bytes = config.log.reserve_bytes;
    let mut options = LogOptions { reserve_bytes, read_only, read_all: read_only, ..LogOptions::DEFAULT };
    match (config.log.segment_bytes, profile) {
        (Some(bytes), _) => options.segment_bytes = bytes,
        (None, Profile::Development) => options.segment_bytes = DEV_SEGMENT_BYTES,
        (None, Profile::Production) => {}
    }
    let storage = FileStorage::create(&log_folder).map_err(std::io::Error::other)?;
    let (log, recovery) = Log::open(storage, options, entropy::bytes()?).map_err(OpenError::Log)?;
    if let Some(lost) = &recovery.quarantined {
        warn!(%lost, "torn tail quarantined");
    }
    log_is_open(log.reader())?;
    info!(events = recovery.last.0, log = %log_folder.display(), fresh = recovery.fresh, "log open");
    if let Some(damage) = &recovery.damage {
        error!(%damage, "the log is damaged: everything before is served read-only; see `tidings log inspect`");
    }
    let storage = Arc::new(FileStorage::create(&keyring_folder).map_err(std::io::Error::other)?);
    let wrapping_key = secrets::keyring_key(&keyring_folder)?;
    let (keyring, found) = Keyring::open(storage, &wrapping_key, log.id()).map_err(OpenError::Keyring)?;
    if let Some(discarded) = &found.discarded {
        warn!(%discarded, "unfinished keys of the keyring discarded: nothing was sealed with them");
    }
    info!(keys = keyring.live_count(), keyring = %keyring_folder.display(),
        "keyring open: losing it, or keyring.key beside it, makes all content unreadable for ever");
    let vault = Vault::new(keyring, &found, entropy::bytes()?).map_err(OpenError::Keyring)?;
    let keys = Arc::new(Keys::with_vault(&secret, Arc::new(vault)));
    let snapshots = snapshots();
    // Recorded time never goes back: a clock that is accepted as it is counts as standing at the last one.
    let now = if config.log.accept_clock { clock::now().max(log.last_time()) } else { clock::now() };
    let (engine, folding) = Engine::over(log, &recovery, Arc::clone(&keys), now, Some(snapshots))?;
    for Ignored { file, why } in &folding.ignored {
        warn!(file, %why, "snapshot passed by: the log itself is read instead");
    }
    if let Some(Err(error)) = engine.snapshots().map(|snapshots| snapshots.discard(&folding.ignored)) {
        warn!(%error, "snapshot of no use cannot be removed");
    }
    let streams = engine.state().streams_count();
    info!(snapshot = folding.snapshot.0, events = recovery.last.0, streams, "state folded");
    Ok((engine, keys))
}
