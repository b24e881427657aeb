//! The thread that keeps checkpoints.

use super::folder::{self, CHECKPOINTS_FOLDER};
use super::orders::{Checkpoints, ORDERS_COUNT_MAX, Order, Signed};
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
use tidings_engine::checkpoint::{
    Accumulator, NoRecall, SignedCheckpoint, SigningKey, Standing, TakeInError, standing,
};
use tidings_engine::ids::Time;
use tidings_engine::log::{LogReader, StorageError};
use tracing::{error, info, warn};

/// How often new events are taken in: 1 s. Little by little, so that no checkpoint comes after a long reading.
const TICK: Duration = Duration::from_secs(1);

/// A log in which nothing happens is signed anew after this long, to say that nothing did: 1 hour.
const IDLE_MS: i64 = 60 * 60 * 1_000;

/// How many events are still taken in when the server is told to end: 250,000, which takes a fraction of a second.
const LAST_EVENTS_MAX: u64 = 250_000;

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
    let own = data.join(CHECKPOINTS_FOLDER);
    folder::of_data(data).map_err(io::Error::other)?;
    let status = Arc::new(Status::default());
    status.set(Trouble::NoSink, !settings.sinks.iter().any(|sink| is_outside(sink, data)));
    status.set(Trouble::NoKey, key.is_none());
    let stopping = Arc::new(AtomicBool::new(false));
    let (orders, waiting) = sync_channel(ORDERS_COUNT_MAX);
    let keeper = Keeper {
        accumulator: Accumulator::new(reader.id()),
        reader,
        key,
        folders: std::iter::once(own).chain(settings.sinks.iter().cloned()).collect(),
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
    /// The one of the data directory, then the sinks.
    folders: Vec<PathBuf>,
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
        let own = &self.folders[0];
        match folder::at(own).map_err(NoRecall::from).and_then(|own| own.recall(&self.reader)) {
            Ok(recalled) => self.accumulator = recalled.unwrap_or_else(|| Accumulator::new(self.reader.id())),
            Err(error) => warn!(folder = %own.display(), %error, "the accumulator is made anew from the log"),
        }
    }

    /// Compares the newest checkpoint of each folder with the log.
    fn compare(&mut self) {
        let Some(key) = &self.key else { return };
        let log = self.reader.id().to_string();
        let own = folder::at(&self.folders[0]).and_then(|own| own.all());
        if own.unwrap_or_default().iter().any(|kept| kept.log != log) {
            warn!(folder = %self.folders[0].display(), "has checkpoints of another log");
            self.status.set(Trouble::Doubtful, true);
        }
        for (index, path) in self.folders.iter().enumerate() {
            match folder::at(path).and_then(|folder| standing(&folder, &self.reader, key)) {
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
                    warn!(folder = %path.display(), %error, "kept checkpoints cannot be read");
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
    fn take_in(&mut self) -> Result<(), TakeInError> {
        let stopping = &self.stopping;
        let goes_on = |left: u64| left <= LAST_EVENTS_MAX || !stopping.load(Ordering::Relaxed);
        let taken = self.accumulator.take_in(&self.reader, &goes_on);
        if taken == Err(TakeInError::Leaving) {
            self.remember();
        }
        taken?;
        self.fault = None;
        self.status.set(Trouble::LogFailed, false);
        Ok(())
    }

    fn keep(&self, signed: &SignedCheckpoint, now: Time) {
        let mut failed = [false; 2];
        for (index, path) in self.folders.iter().enumerate() {
            if let Err(error) = keep(path, signed, now) {
                failed[index.min(1)] = true;
                metrics::counter!("tidings_checkpoint_failures_total").increment(1);
                error!(folder = %path.display(), %error, "a checkpoint could not be kept");
            }
        }
        self.status.set(Trouble::DataFailed, failed[0]);
        self.status.set(Trouble::SinkFailed, failed[1]);
        metrics::counter!("tidings_checkpoints_total").increment(1);
        metrics::gauge!("tidings_checkpoint_position").set(signed.checkpoint().position.0 as f64);
        metrics::gauge!("tidings_checkpoint_time_seconds").set(signed.checkpoint().time.0 as f64 / 1_000.0);
        self.remember();
    }

    /// Remembers what was taken in, for the next start.
    fn remember(&self) {
        let own = &self.folders[0];
        if let Err(error) = folder::at(own).and_then(|own| own.remember(&self.accumulator)) {
            warn!(folder = %own.display(), %error, "cannot be written: the next start reads the whole log");
        }
    }

    fn report(&mut self, error: &TakeInError) {
        if matches!(error, TakeInError::Leaving) {
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

fn keep(path: &Path, signed: &SignedCheckpoint, now: Time) -> Result<(), StorageError> {
    let folder = folder::at(path)?;
    folder.keep(signed)?;
    folder.thin(signed.checkpoint().log, now);
    Ok(())
}

const fn trouble_of(index: usize) -> Trouble {
    if index == 0 { Trouble::DataFailed } else { Trouble::SinkFailed }
}
