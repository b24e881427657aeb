//! The thread that keeps checkpoints.

use super::folder::Folder;
use super::orders::{Checkpoints, ORDERS_COUNT_MAX, Order, Signed};
use super::standing::{Standing, standing};
use super::status::{Status, Trouble};
use crate::clock;
use crate::config::Checkpoints as Settings;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_engine::checkpoint::{Accumulator, SignedCheckpoint, SigningKey};
use tidings_engine::ids::{Position, Time};
use tidings_engine::log::{LogError, LogReader};
use tracing::{error, info, warn};

/// How often new events are taken in: 1 s. Little by little, so that no checkpoint comes after a long reading.
const TICK: Duration = Duration::from_secs(1);

/// A log in which nothing happens is signed anew after this long, to say that nothing did: 1 hour.
const IDLE_MS: i64 = 60 * 60 * 1_000;

/// How many events are still taken in when the server is told to end: 250,000, which takes a fraction of a second.
const LAST_EVENTS_MAX: u64 = 250_000;

/// How many events are taken in between two looks at whether the server is to end.
const LOOK_EVENTS: u64 = 4_096;

/// Name of the disposable file that saves reading the whole log at the next start.
const ACCUMULATOR: &str = "accumulator";

/// A frontier has at most 64 subtrees: 8 + 16 + 32 + 8 + 64 * 32 + 32 bytes.
const ACCUMULATOR_BYTES_MAX: u64 = 4 * 1024;

/// Why a checkpoint was not signed.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is read is not what was written: the chain of the records differs from the one that the writer kept.
    #[error("the events up to position {0} do not hash to the chain of the log")]
    Chain(Position),
    /// The server ends, and there is too much still to be read.
    #[error("the server ends before the log was read up to its head")]
    Leaving,
}

/// Starts the thread alone. `key` is the one that the log adopted last.
///
/// # Errors
/// The system gives no thread, or the folder in the data directory cannot be made.
pub(super) fn start(
    reader: LogReader,
    key: Option<SigningKey>,
    data: &Path,
    settings: &Settings,
) -> io::Result<(Checkpoints, JoinHandle<()>)> {
    let own = Folder::of_data(data)?;
    let status = Arc::new(Status::default());
    status.set(Trouble::NoSink, !settings.sinks.iter().any(|sink| is_outside(sink, data)));
    status.set(Trouble::NoKey, key.is_none());
    let sinks = settings.sinks.iter().map(|sink| Folder::at(sink));
    let stopping = Arc::new(AtomicBool::new(false));
    let (orders, waiting) = sync_channel(ORDERS_COUNT_MAX);
    let keeper = Keeper {
        accumulator: Accumulator::new(reader.id()),
        reader,
        key,
        stored: own.path().join(ACCUMULATOR),
        folders: std::iter::once(own).chain(sinks).collect(),
        interval_ms: i64::try_from(settings.interval.0.as_millis()).unwrap_or(i64::MAX),
        status: Arc::clone(&status),
        stopping: Arc::clone(&stopping),
        last: None,
        fault: None,
        is_refusing: false,
    };
    let thread = thread::Builder::new().name("checkpoints".to_owned()).spawn(move || keeper.run(&waiting))?;
    Ok((Checkpoints { orders, status, stopping }, thread))
}

/// Whether a sink outlives the data directory. One that is not there yet is judged by its name.
fn is_outside(sink: &Path, data: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or(path.to_owned());
    !real(sink).starts_with(real(data))
}

struct Keeper {
    reader: LogReader,
    key: Option<SigningKey>,
    accumulator: Accumulator,
    stored: PathBuf,
    /// The one of the data directory, then the sinks.
    folders: Vec<Folder>,
    interval_ms: i64,
    status: Arc<Status>,
    stopping: Arc<AtomicBool>,
    last: Option<SignedCheckpoint>,
    /// What is wrong with the log: told when it changes, not every second.
    fault: Option<String>,
    /// A kept checkpoint of ours disagrees with the log: another one would vouch for a second history.
    is_refusing: bool,
}

impl Keeper {
    fn run(mut self, waiting: &Receiver<Order>) {
        self.recall();
        self.compare();
        loop {
            if self.is_due() {
                let _ = self.sign();
            } else if let Err(error) = self.take_in() {
                self.report(&error);
            }
            match waiting.recv_timeout(TICK) {
                Ok(Order::Sign(tell)) => {
                    // Whoever asked may have gone meanwhile.
                    let _ = tell.send(self.sign());
                }
                Ok(Order::Stop) => break,
                Err(RecvTimeoutError::Timeout) if self.stopping.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let _ = self.sign();
        info!("checkpoints ended");
    }

    /// Goes on where the last server ended, if that was in this very log.
    fn recall(&mut self) {
        match fs::metadata(&self.stored) {
            Ok(stored) if stored.len() <= ACCUMULATOR_BYTES_MAX => {}
            _ => return,
        }
        let stored = fs::read(&self.stored).ok().and_then(|bytes| Accumulator::decode(&bytes));
        let fits = |stored: &Accumulator| {
            let (log, position) = (stored.log(), stored.position());
            log == self.reader.id() && self.reader.chain_at(position).is_ok_and(|chain| chain == stored.chain())
        };
        match stored.filter(fits) {
            Some(stored) => self.accumulator = stored,
            None => warn!(file = %self.stored.display(), "does not fit the log; it is made anew from the log"),
        }
    }

    /// Compares the newest checkpoint of each folder with the log.
    fn compare(&mut self) {
        let Some(key) = &self.key else { return };
        let log = self.reader.id().to_string();
        if self.folders[0].all().unwrap_or_default().iter().any(|kept| kept.log != log) {
            warn!(folder = %self.folders[0].path().display(), "has checkpoints of another log");
            self.status.set(Trouble::Doubtful, true);
        }
        for (index, folder) in self.folders.iter().enumerate() {
            match standing(folder, &self.reader, key) {
                Ok(Standing::Agrees) => {}
                Ok(Standing::Disagrees(text)) => {
                    error!(checkpoint = text, "a checkpoint that was kept disagrees with the log: no more are signed");
                    self.is_refusing = true;
                    self.status.set(Trouble::Disagrees, true);
                }
                Ok(Standing::EarlierEpoch(text)) => {
                    warn!(checkpoint = text, "a checkpoint of an earlier epoch knows events that were given up");
                }
                Ok(Standing::Doubtful(text)) => {
                    warn!(
                        checkpoint = text,
                        "a kept checkpoint is unreadable, or signed by another key, and disagrees"
                    );
                    self.status.set(Trouble::Doubtful, true);
                }
                Err(error) => {
                    warn!(folder = %folder.path().display(), %error, "kept checkpoints cannot be read");
                    self.status.set(trouble_of(index), true);
                }
            }
        }
    }

    fn is_due(&self) -> bool {
        let Some(last) = &self.last else { return true };
        let waited = clock::now().since(last.checkpoint().time);
        let has_news = self.reader.head().0 > last.checkpoint().position;
        waited >= if has_news { self.interval_ms } else { self.interval_ms.max(IDLE_MS) }
    }

    /// Signs the head, unless the last checkpoint is about it, and keeps the checkpoint everywhere.
    fn sign(&mut self) -> Signed {
        if let Err(error) = self.take_in() {
            self.report(&error);
            return Err("the log cannot be read");
        }
        let Some(key) = &self.key else { return Err("the log has not adopted a key") };
        if self.is_refusing {
            return Err("a checkpoint that was kept disagrees with the log");
        }
        let now = clock::now();
        let is_known = |last: &&SignedCheckpoint| {
            let checkpoint = last.checkpoint();
            checkpoint.position == self.accumulator.position() && now.since(checkpoint.time) < IDLE_MS
        };
        if let Some(last) = self.last.as_ref().filter(is_known) {
            return Ok(last.encode());
        }
        let signed = SignedCheckpoint::sign(self.accumulator.checkpoint(now, self.reader.epoch()), key);
        self.keep(&signed, now);
        let note = signed.encode();
        self.last = Some(signed);
        Ok(note)
    }

    /// Takes in the events since the last time, and checks them against the chain that the writer keeps.
    fn take_in(&mut self) -> Result<(), KeeperError> {
        let (head, chain) = self.reader.head();
        let from = self.accumulator.position();
        if from == head && self.accumulator.chain() == chain {
            return Ok(());
        }
        for record in self.reader.scan(from.next()) {
            let record = record?;
            if record.envelope.position > head {
                break;
            }
            self.accumulator.push(record.leaf());
            let position = self.accumulator.position().0;
            let is_leaving = position.is_multiple_of(LOOK_EVENTS) && self.stopping.load(Ordering::Relaxed);
            if is_leaving && head.0 - position > LAST_EVENTS_MAX {
                self.store();
                return Err(KeeperError::Leaving);
            }
        }
        if self.accumulator.chain() != chain {
            return Err(KeeperError::Chain(self.accumulator.position()));
        }
        self.fault = None;
        self.status.set(Trouble::LogFailed, false);
        Ok(())
    }

    fn keep(&self, signed: &SignedCheckpoint, now: Time) {
        let mut failed = [false; 2];
        for (index, folder) in self.folders.iter().enumerate() {
            match folder.keep(signed) {
                Ok(()) => folder.thin(signed.checkpoint().log, now),
                Err(error) => {
                    failed[index.min(1)] = true;
                    metrics::counter!("tidings_checkpoint_failures_total").increment(1);
                    error!(folder = %folder.path().display(), %error, "a checkpoint could not be kept");
                }
            }
        }
        self.status.set(Trouble::DataFailed, failed[0]);
        self.status.set(Trouble::SinkFailed, failed[1]);
        metrics::counter!("tidings_checkpoints_total").increment(1);
        metrics::gauge!("tidings_checkpoint_position").set(signed.checkpoint().position.0 as f64);
        self.store();
    }

    /// Remembers what was taken in. Not synced: a file that a crash spoils is made anew.
    fn store(&self) {
        let draft = self.stored.with_extension("draft");
        let stored = fs::write(&draft, self.accumulator.encode()).and_then(|()| fs::rename(&draft, &self.stored));
        if let Err(error) = stored {
            warn!(file = %self.stored.display(), %error, "cannot be written: the next start reads the whole log");
        }
    }

    fn report(&mut self, error: &KeeperError) {
        if matches!(error, KeeperError::Leaving) {
            info!(%error, "no checkpoint was signed");
            return;
        }
        let text = error.to_string();
        if self.fault.as_ref() != Some(&text) {
            error!(error = text, "no checkpoint is signed");
            metrics::counter!("tidings_checkpoint_failures_total").increment(1);
            self.status.set(Trouble::LogFailed, true);
            self.fault = Some(text);
        }
    }
}

const fn trouble_of(index: usize) -> Trouble {
    if index == 0 { Trouble::DataFailed } else { Trouble::SinkFailed }
}
