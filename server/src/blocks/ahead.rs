use super::{BLOCKS_FOLDER, Folding};
use crate::clock;
use crate::config::Config;
use std::io;
use std::thread::{self, JoinHandle};
use tidings_engine::log::LogReader;

/// Inboxes that are being folded on a thread of their own, while the keyring is opened and the state folded.
///
/// Dropping it waits for the thread: whoever tries to start again finds the store let go.
pub struct FoldingAhead {
    thread: Option<JoinHandle<io::Result<Folding>>>,
}

impl FoldingAhead {
    /// Starts the thread, on a log that was opened just now.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(reader: LogReader, config: &Config) -> io::Result<Self> {
        let inbox_bytes = usize::try_from(config.memory.inboxes.0).unwrap_or(usize::MAX);
        let folder = config.data.join(BLOCKS_FOLDER);
        let work = move || Folding::open(reader, &folder, inbox_bytes, clock::now());
        let thread = thread::Builder::new().name("inboxes-ahead".to_owned()).spawn(work)?;
        Ok(Self { thread: Some(thread) })
    }

    /// The inboxes as of now, with what the log got meanwhile.
    ///
    /// # Errors
    /// The log cannot be read to its end.
    pub fn finish(mut self) -> io::Result<Folding> {
        let thread = self.thread.take().ok_or_else(|| io::Error::other("inboxes are folded once"))?;
        let mut folding = thread.join().map_err(|_| io::Error::other("folding the inboxes panicked"))??;
        folding.catch_up()?;
        Ok(folding)
    }
}

impl Drop for FoldingAhead {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Whatever came of it: the start failed for another reason, which is told.
            let _ = thread.join();
        }
    }
}
