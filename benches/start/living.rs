//! A node's life without its sockets: engine, inboxes, snapshots and keyring in the folders that a server has.

use anyhow::{Context, Result, ensure};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_benches::samples;
use tidings_benches::stopwatch::Stopwatch;
use tidings_engine::command::{Command, Request};
use tidings_engine::engine::Engine;
use tidings_engine::event::{Audience, Event};
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::{Filter, Mark};
use tidings_engine::keyring::Keyring;
use tidings_engine::keys::Keys;
use tidings_engine::log::{FileStorage, Log, LogOptions};
use tidings_engine::snapshot::Snapshots;
use tidings_engine::vault::Vault;
use tidings_server::blocks::{BLOCKS_FOLDER, Folding};
use tidings_server::saving::{self, Saving};
use tidings_server::{clock, secrets};

/// Requests of one commit.
const BATCH_COUNT: u64 = 2_000;

/// What a server gives inboxes in memory: 512 MiB.
const INBOX_BYTES: usize = 512 * 1024 * 1024;

/// How full the segment being written is to be, by the events of the one before it.
const SEGMENT_PART: f64 = 0.97;

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// After so many events, in order: everything is saved.
    Events(u64),
    /// When the segment being written is as good as full: it says so, and waits to be killed. Events come at a rate, and one
    /// whole segment at least comes before.
    Killed {
        /// Events a second.
        rate: u64,
    },
}

/// What is alive.
pub(crate) struct Living {
    engine: Engine<FileStorage>,
    keys: Arc<Keys>,
    folding: Folding,
    saving: Saving,
    thread: JoinHandle<()>,
    people: u64,
    service: Arc<Grant>,
}

/// Opens, or makes, the folders of a server.
pub(crate) fn open(path: &Path, people: u64) -> Result<Living> {
    let secret = secrets::log_secret(path)?;
    let (log, recovery) = Log::open(FileStorage::create(path.join("log"))?, LogOptions::default(), [7; 16])?;
    let folder = path.join("keyring");
    let storage = Arc::new(FileStorage::create(&folder)?);
    let (keyring, found) = Keyring::open(storage, &secrets::keyring_key(&folder)?, log.id())?;
    // No two lives draw the same nonces.
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&log.head().0.0.to_le_bytes());
    let vault = Vault::new(keyring, &found, seed)?;
    let keys = Arc::new(Keys::with_vault(&secret, Arc::new(vault)));
    let snapshots = Snapshots::new(Arc::new(FileStorage::create(path.join("snapshots"))?));
    let now = clock::now();
    let (engine, _) = Engine::over(log, &recovery, Arc::clone(&keys), now, Some(snapshots.clone()))?;
    let folding = Folding::open(engine.reader(), &path.join(BLOCKS_FOLDER), INBOX_BYTES, now)?;
    let (saving, thread) = saving::start(engine.reader(), snapshots)?;
    let service = samples::grant(&keys, "mailer", Role::Service);
    Ok(Living { engine, keys, folding, saving, thread, people, service })
}

impl Living {
    /// Lives on.
    pub(crate) fn live(mut self, until: Until) -> Result<()> {
        match until {
            Until::Events(count) => {
                let end = self.engine.head().0 + count;
                while self.engine.head().0 < end {
                    self.round(BATCH_COUNT.min(end - self.engine.head().0))?;
                }
                self.end()
            }
            Until::Killed { rate } => self.fill_a_segment(rate),
        }
    }

    fn end(self) -> Result<()> {
        self.saving.stop();
        self.thread.join().ok().context("the snapshot thread panicked")?;
        self.engine.save()?;
        self.engine.reader().index_segments()?;
        self.folding.close();
        Ok(())
    }

    fn fill_a_segment(mut self, rate: u64) -> Result<()> {
        let sealed = |engine: &Engine<FileStorage>| engine.reader().sealed_segments().len();
        let (mut rolls, mut begun) = (Vec::new(), sealed(&self.engine));
        let (watch, first) = (Stopwatch::start(), self.engine.head().0);
        loop {
            self.round(BATCH_COUNT / 8)?;
            let head = self.engine.head().0;
            if sealed(&self.engine) != begun {
                begun = sealed(&self.engine);
                rolls.push(head);
            }
            if let [.., before, last] = rolls[..]
                && (head - last) as f64 >= (last - before) as f64 * SEGMENT_PART
            {
                break;
            }
            let due = Duration::from_secs_f64((head - first) as f64 / rate as f64);
            // Events come at a rate; nothing is waited for.
            thread::park_timeout(due.saturating_sub(watch.elapsed()));
        }
        let mut out = std::io::stdout();
        writeln!(out, "full")?;
        out.flush()?;
        loop {
            thread::park();
        }
    }

    /// Publishes, and then people mark a fifth of what came to them; one in twenty of those marks everything.
    fn round(&mut self, count: u64) -> Result<()> {
        let first = self.engine.head().0;
        let published = (0..count).map(|index| self.publication(first + index));
        let published: Vec<Request> = published.collect();
        let events = self.commit(&published)?;
        let marks = events.iter().zip(first..).step_by(5);
        // What is for everyone is not for people whom nobody has seen yet.
        let marks = marks.filter(|(_, number)| !is_for_everyone(*number)).map(|(position, number)| {
            let reader = samples::grant(&self.keys, &format!("user-{}", self.person(number)), Role::User);
            let request = samples::mark(&reader, Mark::Read, vec![*position]);
            if number % 20 != 0 {
                return request;
            }
            let inbox = tidings_engine::command::Inbox::Own;
            let filter = Filter::default();
            let command = Command::MarkAll { inbox, mark: Mark::Read, filter, up_to: None };
            Request { command, ..request }
        });
        let marks: Vec<Request> = marks.collect();
        self.commit(&marks)?;
        Ok(())
    }

    /// Commits, and has the inboxes follow as a server does. Gives the positions of what was published.
    fn commit(&mut self, requests: &[Request]) -> Result<Vec<Position>> {
        let now: Time = clock::now();
        let commit = self.engine.commit(requests, now)?;
        let refused = commit.outcomes.iter().find_map(|outcome| outcome.as_ref().err());
        ensure!(refused.is_none(), "a sample was refused: {refused:?}");
        for recorded in &commit.events {
            self.folding.apply_live(recorded, &|_| false, &mut Vec::new())?;
        }
        self.folding.keep_house(&|_| false, now)?;
        let published = commit.events.iter().filter(|one| matches!(one.facts.event, Event::NotificationPublished(_)));
        Ok(published.map(|event| event.envelope.position).collect())
    }

    const fn person(&self, number: u64) -> u64 {
        number.wrapping_mul(0x9E37_79B9) % self.people
    }

    /// For everyone or for one person; one in ten has a key.
    fn publication(&self, number: u64) -> Request {
        let key = (number % 10 == 3).then(|| number.to_string());
        let direct = samples::publish(&self.keys, &self.service, self.person(number), key);
        if !is_for_everyone(number) {
            return direct;
        }
        let everyone = samples::publication(Audience::Tenant);
        Request { command: Command::Publish(Box::new(everyone)), ..direct }
    }
}

/// One in a hundred is.
const fn is_for_everyone(number: u64) -> bool {
    number % 100 == 99
}
