//! The snapshot thread: keeps what saves work at the next start, beside everything else.
//!
//! It folds the log behind the writer from the last snapshot on and writes the next one, and it writes the sidecars by which
//! one stream or tenant is read. All of it is disposable: what it does not get done costs time at the next start.

use crate::clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_engine::ids::Time;
use tidings_engine::log::LogReader;
use tidings_engine::snapshot::Snapshots;
use tracing::{info, warn};

/// Time between two looks at how far the log went: 1 s.
const LOOK: Duration = Duration::from_secs(1);

/// Events after which the next snapshot is due, whatever else: 50,000, which take about a fifth of a second to fold again.
const SNAPSHOT_EVENTS: u64 = 50_000;

/// Events that are not worth a snapshot although a segment ended: 10,000.
const SNAPSHOT_EVENTS_MIN: u64 = 10_000;

/// A snapshot is begun no sooner than after this many times what the last one took: writing them takes a fifth of a core and
/// of the disk at most, however large the state and fast the log.
const REST_RATIO: i64 = 4;

/// The way to the thread, which ends when this is dropped or stopped.
pub struct Saving {
    stopping: Arc<AtomicBool>,
    waker: Sender<()>,
}

impl Saving {
    /// Has the thread end soon, whatever it is at.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.waker);
    }
}

/// Starts the thread.
///
/// # Errors
/// The system gives no thread.
pub fn start(reader: LogReader, snapshots: Snapshots) -> std::io::Result<(Saving, JoinHandle<()>)> {
    let (waker, waiting) = channel();
    let stopping = Arc::new(AtomicBool::new(false));
    let covered = reader.sealed_segments().len();
    let work = Work {
        reader,
        snapshots,
        stopping: Arc::clone(&stopping),
        indexed: 0,
        covered,
        ended: Time::default(),
        rest_ms: 0,
        is_failing: false,
    };
    let thread = thread::Builder::new().name("snapshots".to_owned()).spawn(move || work.run(&waiting))?;
    Ok((Saving { stopping, waker }, thread))
}

struct Work {
    reader: LogReader,
    snapshots: Snapshots,
    stopping: Arc<AtomicBool>,
    /// How many sealed segments had their sidecars at the last look.
    indexed: usize,
    /// How many segments were sealed when the last snapshot was begun.
    covered: usize,
    /// When the last snapshot ended, and for how long none is begun then.
    ended: Time,
    rest_ms: i64,
    /// The last try failed: said once, not every few seconds.
    is_failing: bool,
}

impl Work {
    fn run(mut self, waiting: &Receiver<()>) {
        while waiting.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            self.index();
            if self.is_due() {
                self.covered = self.reader.sealed_segments().len();
                let begun = clock::now();
                self.snapshot();
                self.ended = clock::now();
                self.rest_ms = self.ended.since(begun) * REST_RATIO;
            }
        }
    }

    /// With each segment that ended, and otherwise after a number of events: what a start after a crash folds is about what
    /// the segment being written holds.
    fn is_due(&self) -> bool {
        let behind = self.reader.head().0.0.saturating_sub(self.snapshots.newest_position().0);
        let has_rolled = self.reader.sealed_segments().len() > self.covered;
        let events = if has_rolled { SNAPSHOT_EVENTS_MIN } else { SNAPSHOT_EVENTS };
        let rested = clock::now().since(self.ended);
        // A clock that was put back counts as rested.
        behind >= events && (rested < 0 || rested >= self.rest_ms)
    }

    fn index(&mut self) {
        let sealed = self.reader.sealed_segments().len();
        if sealed == self.indexed {
            return;
        }
        self.indexed = sealed;
        match self.reader.index_segments() {
            Ok(0) => {}
            Ok(written) => info!(segments = written, "segments indexed"),
            Err(error) => warn!(%error, "segments cannot be indexed: reading one stream or tenant takes longer"),
        }
    }

    fn snapshot(&mut self) {
        let goes_on = || !self.stopping.load(Ordering::Relaxed);
        match self.snapshots.advance(&self.reader, &goes_on) {
            Ok(Some(position)) => {
                info!(position = position.0, "snapshot written");
                self.is_failing = false;
            }
            Ok(None) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    warn!(%error, "no snapshot can be written: the next start takes longer");
                }
            }
        }
    }
}
