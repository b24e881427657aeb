//! The writer: two threads, one that decides and one that makes durable, and a third that writes zeros ahead of them.
//!
//! Group commit without a timer. The deciding thread takes all that waits and closes a group; while that group is synced,
//! the next one is decided and encoded. At most one group is unsynced on the disk and one more is decided. Events and
//! answers go to the inbox thread in the order of the log, each after its own group is durable.

use crate::clock::{self, Stopwatch};
use crate::inbox::{self, Committed};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use tidings_engine::command::{Outcome, Request};
use tidings_engine::engine::{Committer, Decider, Engine, Offer, Prepared, Restart, StorageFailure, Unwritten};
use tidings_engine::log::{Rewritten, Space, Storage};
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
        let job = measured(job);
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

/// Counts a request as waiting until it is answered, and measures that wait. A request is answered once.
fn measured(Job { request, reply }: Job) -> Job {
    let waiting = metrics::gauge!("tidings_requests_waiting");
    let (submitted, counted) = (Stopwatch::start(), waiting.clone());
    counted.increment(1.0);
    let reply = Box::new(move |outcome| {
        waiting.decrement(1.0);
        metrics::histogram!("tidings_acknowledge_seconds").record(submitted.seconds());
        reply(outcome);
    });
    Job { request, reply }
}

/// Something for the thread that makes durable.
enum Task {
    /// A group, and who waits for each of its outcomes. `round`: how often something was refused when it was decided.
    Commit { group: Prepared, replies: Vec<Reply>, round: u64 },
    /// A redacted segment, and who waits until it is in its place.
    Adopt(Rewritten, SyncSender<()>),
}

/// What the thread that makes durable tells the one that decides.
enum Told {
    /// A group with events is durable, and so many bytes of the segment are left.
    Written(u64),
    /// A group was refused for want of room: what rests on it is undone from here.
    Refused(Restart),
}

/// Starts the threads. They end when every [`Writer`] is dropped and the queue is empty, or when storage has failed.
///
/// # Errors
/// The system gives no thread.
pub fn start<S: Storage + 'static>(
    engine: Engine<S>,
    inbox: inbox::Inbox,
) -> std::io::Result<(Writer, Vec<JoinHandle<()>>)> {
    let (queue, waiting) = sync_channel(QUEUE_COUNT_MAX);
    // Handed over from thread to thread: nothing lies between, so no more than one group is decided ahead.
    let (tasks, to_do) = sync_channel(0);
    let (tell, told) = channel();
    let (want_room, room_wanted) = sync_channel(1);
    let (decider, committer) = engine.split();
    let space = committer.log().space();
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let zeros = named("zeros").spawn(move || keep_room(&space, &room_wanted))?;
    let writing = Writing { committer, tell, want_room, inbox: inbox.clone(), refused: 0 };
    let sync = named("sync").spawn(move || writing.run(&to_do))?;
    let deciding = Deciding { decider, tasks, told, replies: Vec::new(), round: 0 };
    let writer = named("writer").spawn(move || deciding.run(&waiting, &inbox))?;
    Ok((Writer { queue }, vec![writer, sync, zeros]))
}

/// Writes the zeros of the next segment while the active one is being filled.
fn keep_room(space: &Arc<Space>, wanted: &Receiver<()>) {
    while wanted.recv().is_ok() {
        if let Err(error) = space.prepare() {
            // Whoever needs the room meets the same failure, and ends the process.
            error!(%error, "the next segment cannot be made");
            return;
        }
    }
}

/// Storage failed, and the thread that makes durable has ended or will.
struct Stopped;

/// The thread that decides.
struct Deciding {
    decider: Decider,
    tasks: SyncSender<Task>,
    told: Receiver<Told>,
    /// Who waits for the outcomes of the pending group, in order.
    replies: Vec<Reply>,
    round: u64,
}

impl Deciding {
    fn run(mut self, waiting: &Receiver<Work>, inbox: &inbox::Inbox) {
        while let Ok(first) = waiting.recv() {
            if self.batch(first, waiting).is_err() {
                give_up(self.replies, waiting, inbox);
                return;
            }
        }
        self.save();
    }

    /// The last thing it does, once all that it decided is durable.
    fn save(mut self) {
        while !self.decider.is_idle() {
            let Ok(told) = self.told.recv() else { return };
            if self.hear(told).is_err() {
                return;
            }
        }
        match self.decider.save() {
            Ok(written) => info!(snapshot = written, "writer ended"),
            Err(error) => warn!(%error, "writer ended without a snapshot: the next start takes longer"),
        }
    }

    /// Decides all that waits, and hands it over.
    fn batch(&mut self, first: Work, waiting: &Receiver<Work>) -> Result<(), Stopped> {
        let now = clock::now();
        let mut adopted = Vec::new();
        for work in std::iter::once(first).chain(waiting.try_iter()).take(BATCH_COUNT_MAX) {
            match work {
                Work::Job(job) => self.decide(job, now)?,
                Work::Adopt(rewritten, done) => adopted.push(Task::Adopt(rewritten, done)),
            }
        }
        let last = self.decider.close().map_err(|error| failed(&error))?;
        last.map_or(Ok(()), |group| self.hand_over(group))?;
        adopted.into_iter().try_for_each(|task| self.tasks.send(task).map_err(|_| Stopped))
    }

    fn decide(&mut self, Job { request, reply }: Job, now: tidings_engine::ids::Time) -> Result<(), Stopped> {
        self.listen()?;
        loop {
            let offer = match self.decider.offer(&request, now) {
                Ok(offer) => offer,
                Err(error) => {
                    self.replies.push(reply);
                    return Err(failed(&error));
                }
            };
            let (group, is_taken) = match offer {
                Offer::Taken(full) => (full, true),
                Offer::Before(group) => (Some(group), false),
                Offer::Wait => {
                    let told = self.told.recv();
                    let heard = told.map_err(|_| Stopped).and_then(|told| self.hear(told));
                    if heard.is_err() {
                        self.replies.push(reply);
                        return heard;
                    }
                    continue;
                }
            };
            let handed = group.map_or(Ok(()), |group| self.hand_over(group));
            if is_taken || handed.is_err() {
                self.replies.push(reply);
                return handed;
            }
        }
    }

    /// Gives a group to the thread that makes durable, and waits until that one takes it: the group before is durable then.
    fn hand_over(&mut self, group: Prepared) -> Result<(), Stopped> {
        let rest = self.replies.split_off(group.outcomes_count());
        let replies = std::mem::replace(&mut self.replies, rest);
        let task = Task::Commit { group, replies, round: self.round };
        if let Err(unsent) = self.tasks.send(task) {
            if let Task::Commit { replies, .. } = unsent.0 {
                self.replies.splice(..0, replies);
            }
            return Err(Stopped);
        }
        self.listen()
    }

    /// Hears what was told meanwhile.
    fn listen(&mut self) -> Result<(), Stopped> {
        while let Ok(told) = self.told.try_recv() {
            self.hear(told)?;
        }
        Ok(())
    }

    fn hear(&mut self, told: Told) -> Result<(), Stopped> {
        match told {
            Told::Written(left) => self.decider.written(left),
            Told::Refused(restart) => {
                self.round += 1;
                self.decider.undo(restart).map_err(|error| {
                    error!(%error, "the log cannot be read; the process ends");
                    Stopped
                })?;
            }
        }
        Ok(())
    }
}

/// The thread that makes durable: the only one that writes to the log.
struct Writing<S: Storage> {
    committer: Committer<S>,
    tell: Sender<Told>,
    want_room: SyncSender<()>,
    inbox: inbox::Inbox,
    /// How many groups were refused: what was decided before the last of them was heard of is undone.
    refused: u64,
}

impl<S: Storage> Writing<S> {
    fn run(mut self, to_do: &Receiver<Task>) {
        self.ask_for_room();
        while let Ok(task) = to_do.recv() {
            let done = match task {
                Task::Commit { group, replies, round } => self.commit(group, replies, round),
                Task::Adopt(rewritten, done) => self.adopt(rewritten, &done),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn commit(&mut self, group: Prepared, replies: Vec<Reply>, round: u64) -> Result<(), Stopped> {
        metrics::histogram!("tidings_commit_requests").record(replies.len() as f64);
        if round < self.refused {
            self.answer(Vec::new(), replies, group.refused());
            return Ok(());
        }
        let has_events = group.has_events();
        let begun = Stopwatch::start();
        match self.committer.commit(group) {
            Ok(commit) => {
                if has_events {
                    metrics::histogram!("tidings_sync_seconds").record(begun.seconds());
                    // Told first: the next group can be handed over at once.
                    let _ = self.tell.send(Told::Written(self.committer.left()));
                }
                self.answer(commit.events, replies, commit.outcomes);
                self.ask_for_room();
                Ok(())
            }
            Err(Unwritten::Refused(refused)) => {
                let (group, restart) = *refused;
                self.refused += 1;
                let _ = self.tell.send(Told::Refused(restart));
                self.answer(Vec::new(), replies, group.refused());
                Ok(())
            }
            Err(Unwritten::Failed(error)) => {
                // What a failed sync left on the disk is unknown: nothing is retried in place, and nobody is told yes.
                let stopped = failed(&error);
                let unknown = replies.iter().map(|_| Err(Rejection::OutcomeUnknown)).collect();
                self.answer(Vec::new(), replies, unknown);
                self.inbox.storage_failed();
                Err(stopped)
            }
        }
    }

    fn adopt(&mut self, rewritten: Rewritten, done: &SyncSender<()>) -> Result<(), Stopped> {
        if self.committer.log().is_read_only() {
            return Ok(());
        }
        self.committer.adopt(rewritten).map_err(|error| {
            let stopped = failed(&error.into());
            self.inbox.storage_failed();
            stopped
        })?;
        // Whoever gave up waiting finds the segment in its place at the next look.
        let _ = done.send(());
        Ok(())
    }

    fn answer(&self, events: Vec<Arc<tidings_engine::event::Recorded>>, replies: Vec<Reply>, outcomes: Vec<Outcome>) {
        let answers = replies.into_iter().zip(outcomes).collect();
        self.inbox.committed(Committed { events, answers });
    }

    fn ask_for_room(&self) {
        if self.committer.wants_room() {
            // When it was asked for already, it comes.
            let _ = self.want_room.try_send(());
        }
    }
}

fn failed(error: &StorageFailure) -> Stopped {
    error!(%error, "storage failed; the process ends");
    Stopped
}

/// Tells everyone who waits that nobody knows what became of their requests.
fn give_up(replies: Vec<Reply>, waiting: &Receiver<Work>, inbox: &inbox::Inbox) {
    for reply in replies {
        reply(Err(Rejection::OutcomeUnknown));
    }
    for work in waiting.try_iter() {
        if let Work::Job(job) = work {
            (job.reply)(Err(Rejection::OutcomeUnknown));
        }
    }
    inbox.storage_failed();
}
