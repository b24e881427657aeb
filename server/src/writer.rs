//! The writer thread: sole owner of the engine, and the only place where bytes meet the disk.
//!
//! Group commit without a timer: it takes all that waits, commits it with one sync, and hands events and answers to the
//! inbox thread. A lone command waits for nobody; while one sync runs, the next batch gathers.

use crate::clock;
use crate::inbox::{self, Committed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use tidings_engine::command::{Outcome, Request};
use tidings_engine::engine::Engine;
use tidings_engine::log::{Rewritten, Storage};
use tidings_engine::rejection::Rejection;
use tracing::{error, info, warn};

/// Most requests that wait for the writer: 8,192. Beyond it the answer is `overloaded` at once.
const QUEUE_COUNT_MAX: usize = 8_192;

/// Most requests of one commit: 4,096. Bounds the time until the first of them is answered.
const BATCH_COUNT_MAX: usize = 4_096;

/// Who is told the outcome. Called on the inbox thread, after the projections know the events.
pub type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// A request and who waits for it.
pub struct Job {
    /// What to do.
    pub request: Request,
    /// Who waits.
    pub reply: Reply,
}

/// Something for the writer.
enum Work {
    Job(Job),
    /// A redacted segment, and who waits until it is in its place.
    Adopt(Rewritten, SyncSender<()>),
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Work>,
}

impl Writer {
    /// Queues a request. When the queue is full or the writer has ended, the answer comes at once, on this thread.
    pub fn submit(&self, job: Job) {
        match self.queue.try_send(Work::Job(job)) {
            Ok(()) | Err(TrySendError::Full(Work::Adopt(..)) | TrySendError::Disconnected(Work::Adopt(..))) => {}
            Err(TrySendError::Full(Work::Job(job))) => (job.reply)(Err(Rejection::Overloaded)),
            Err(TrySendError::Disconnected(Work::Job(job))) => (job.reply)(Err(Rejection::Unavailable)),
        }
    }

    /// Puts a redacted segment in its place, and waits for it. False: the writer has ended, or its storage failed.
    pub fn adopt(&self, rewritten: Rewritten) -> bool {
        let (done, waiting) = sync_channel(1);
        self.queue.send(Work::Adopt(rewritten, done)).is_ok() && waiting.recv().is_ok()
    }
}

/// Starts the thread. It ends when every [`Writer`] is dropped and the queue is empty, or when storage has failed.
///
/// # Errors
/// The system gives no thread.
pub fn start<S: Storage + 'static>(
    engine: Engine<S>,
    inbox: inbox::Inbox,
) -> std::io::Result<(Writer, JoinHandle<()>)> {
    let (queue, waiting) = sync_channel(QUEUE_COUNT_MAX);
    let thread = thread::Builder::new().name("writer".to_owned()).spawn(move || run(engine, &waiting, &inbox))?;
    Ok((Writer { queue }, thread))
}

fn run<S: Storage>(mut engine: Engine<S>, waiting: &Receiver<Work>, inbox: &inbox::Inbox) {
    let mut requests = Vec::new();
    let mut replies: Vec<Reply> = Vec::new();
    while let Ok(first) = waiting.recv() {
        let mut adopted = Vec::new();
        for work in std::iter::once(first).chain(waiting.try_iter()).take(BATCH_COUNT_MAX) {
            match work {
                Work::Job(job) => {
                    requests.push(job.request);
                    replies.push(job.reply);
                }
                Work::Adopt(rewritten, done) => adopted.push((rewritten, done)),
            }
        }
        metrics::histogram!("tidings_commit_requests").record(requests.len() as f64);
        match engine.commit(&requests, clock::now()) {
            Ok(commit) => {
                let answers = replies.drain(..).zip(commit.outcomes).collect();
                inbox.committed(Committed { events: commit.events, answers });
            }
            Err(failure) => {
                // What a failed sync left on the disk is unknown: nothing is retried in place, and nobody is told yes.
                error!(error = %failure.error, "storage failed; the process ends");
                let outcomes = failure.outcomes.into_iter().chain(std::iter::repeat(Err(Rejection::OutcomeUnknown)));
                let answers = replies.drain(..).zip(outcomes).collect();
                inbox.committed(Committed { events: failure.events, answers });
                give_up(waiting, inbox);
                return;
            }
        }
        requests.clear();
        for (rewritten, done) in adopted {
            if let Err(error) = engine.adopt(rewritten) {
                error!(%error, "storage failed; the process ends");
                give_up(waiting, inbox);
                return;
            }
            // Whoever gave up waiting finds the segment in its place at the next look.
            let _ = done.send(());
        }
    }
    match engine.save() {
        Ok(written) => info!(snapshot = written, "writer ended"),
        Err(error) => warn!(%error, "writer ended without a snapshot: the next start takes longer"),
    }
}

/// Tells everyone who waits that nobody knows what became of their requests.
fn give_up(waiting: &Receiver<Work>, inbox: &inbox::Inbox) {
    for work in waiting.try_iter() {
        if let Work::Job(job) = work {
            (job.reply)(Err(Rejection::OutcomeUnknown));
        }
    }
    inbox.storage_failed();
}
