//! The redaction thread: takes bytes that nobody can open any more out of sealed segments, beside everything else.
//!
//! An erased person's content is unreadable once the key is destroyed. This makes the bytes go too: it rewrites each sealed
//! segment that holds some, and has the writer put the new file in the old one's place. What still stands in the segment
//! that is being written goes when a later look finds that segment sealed.

use crate::writer::Writer;
use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_engine::log::LogReader;
use tracing::{error, info};

/// Time between two looks for segments that were sealed since: 10 minutes.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// The way to the thread. Cheap to clone; the thread ends when every one is dropped.
#[derive(Clone)]
pub struct Redaction {
    keys: Sender<u32>,
}

impl Redaction {
    /// Has everything that this key sealed removed.
    pub fn remove(&self, key: u32) {
        // The thread ends after everything else: what it was not told of is done at the next start.
        let _ = self.keys.send(key);
    }
}

/// Starts the thread. `erased` are the keys that were destroyed before.
///
/// # Errors
/// The system gives no thread.
pub fn start(reader: LogReader, writer: Writer, erased: BTreeSet<u32>) -> std::io::Result<(Redaction, JoinHandle<()>)> {
    let (keys, waiting) = channel();
    let work = Work { reader, writer, erased, looked: HashMap::new() };
    let thread = thread::Builder::new().name("redaction".to_owned()).spawn(move || work.run(&waiting))?;
    Ok((Redaction { keys }, thread))
}

struct Work {
    reader: LogReader,
    writer: Writer,
    erased: BTreeSet<u32>,
    /// How many keys were gone when a segment was last looked through.
    looked: HashMap<u32, usize>,
}

impl Work {
    fn run(mut self, waiting: &Receiver<u32>) {
        metrics::gauge!("tidings_redaction_backlog_segments").set(0.0);
        loop {
            if !self.erased.is_empty() {
                self.look();
            }
            match waiting.recv_timeout(LOOK) {
                Ok(key) => self.erased.extend(std::iter::once(key).chain(waiting.try_iter())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        let backlog = metrics::gauge!("tidings_redaction_backlog_segments");
        let segments = self.reader.sealed_segments();
        let to_do = segments.iter().filter(|number| self.looked.get(number) != Some(&self.erased.len())).count();
        backlog.set(to_do as f64);
        for number in segments {
            if self.looked.get(&number) == Some(&self.erased.len()) {
                continue;
            }
            match self.reader.rewrite(number, &|envelope| self.erased.contains(&envelope.key_id)) {
                Ok(None) => {}
                Ok(Some(rewritten)) => {
                    let (contents, freed_bytes) = (rewritten.contents, rewritten.freed_bytes);
                    if !self.writer.adopt(rewritten) {
                        return;
                    }
                    info!(segment = number, contents, freed_bytes, "contents of erased people removed");
                }
                Err(error) => {
                    // Nothing is worse than before, and the next look tries again.
                    error!(%error, segment = number, "segment cannot be redacted");
                    continue;
                }
            }
            self.looked.insert(number, self.erased.len());
            backlog.decrement(1.0);
        }
    }
}
