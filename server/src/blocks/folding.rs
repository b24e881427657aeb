use super::FileBlocks;
use std::io;
use std::path::Path;
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::{Position, TenantId, Time};
use tidings_engine::log::{LogError, LogReader};
use tidings_projections::{Audiences, BlockError, BlockStore, Chains, Delta, Keeping, Owner, Projections, Target};
use tracing::{error, info, warn};

/// Events after which the store is made complete again: 100,000. A start applies as many in about 0.3 s
/// (`benches/start`).
const UNSAVED_COUNT_MAX: u64 = 100_000;

/// Time after which the store is made complete again, when anything happened: 60 s.
const UNSAVED_MS_MAX: i64 = 60_000;

/// Bytes of the store's own cache: an eighth of what inboxes may take, within these.
const CACHE_BYTES: (usize, usize) = (8 * 1024 * 1024, 64 * 1024 * 1024);

/// The log as blocks refer to it.
#[derive(Clone)]
pub struct LogOfBlocks(pub LogReader);

impl std::fmt::Debug for LogOfBlocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogOfBlocks")
    }
}

impl Chains for LogOfBlocks {
    fn chain(&self, position: Position) -> Result<Option<[u8; 32]>, String> {
        match self.0.chain_at(position) {
            Ok(chain) => Ok(Some(chain.0)),
            Err(LogError::NoSuchPosition { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Audiences for LogOfBlocks {
    fn audience(&self, notification: Position) -> Result<Option<(TenantId, Audience)>, String> {
        let record = match self.0.read(notification) {
            Ok(record) => record,
            Err(LogError::NoSuchPosition { .. }) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let tenant = record.envelope.tenant;
        let recorded = Recorded::decode(record).map_err(|error| error.to_string())?;
        Ok(match recorded.facts.event {
            Event::NotificationPublished(published) => Some((tenant, published.audience)),
            _ => None,
        })
    }
}

/// The projections, folded anew from the log whenever their blocks turn out to be wrong.
pub struct Folding {
    projections: Projections,
    log: LogOfBlocks,
    saved: Time,
}

impl Folding {
    /// Goes on where the store was left, and applies the rest of the log; everything, where the store is not of this log,
    /// damaged or not there. Without a store that works, everything is held in memory.
    ///
    /// # Errors
    /// The log cannot be read to its end.
    pub fn open(reader: LogReader, folder: &Path, inbox_bytes_max: usize, now: Time) -> io::Result<Self> {
        let cache_bytes = (inbox_bytes_max / 8).clamp(CACHE_BYTES.0, CACHE_BYTES.1);
        match FileBlocks::open(folder, cache_bytes) {
            Ok(store) => Self::on(reader, Box::new(store), inbox_bytes_max, now),
            Err(error) => {
                let mut folding = Self { projections: Projections::new(), log: LogOfBlocks(reader), saved: now };
                folding.hold_all(&error, folding.head())?;
                Ok(folding)
            }
        }
    }

    /// Like [`Folding::open`], with a store.
    ///
    /// # Errors
    /// The log cannot be read to its end.
    pub fn on(reader: LogReader, store: Box<dyn BlockStore>, inbox_bytes_max: usize, now: Time) -> io::Result<Self> {
        let log = LogOfBlocks(reader);
        let keeping = Keeping { store, audiences: Box::new(log.clone()), inbox_bytes_max };
        let mut folding = Self { projections: Projections::new(), log, saved: now };
        let head = folding.head();
        match Projections::open(keeping, &folding.log) {
            Ok((projections, discarded)) => {
                if let Some(reason) = discarded {
                    warn!(%reason, "blocks thrown away; inboxes are folded from the log");
                }
                let from = projections.position();
                folding.projections = projections;
                info!(from = from.0, "block store open");
                folding.catch_up()?;
                info!(from = from.0, through = head.0, "inboxes ready");
            }
            Err(error) => folding.hold_all(&error, head)?,
        }
        Ok(folding)
    }

    /// Applies what the log has beyond what was applied.
    ///
    /// # Errors
    /// The log cannot be read to its end.
    pub fn catch_up(&mut self) -> io::Result<()> {
        let head = self.head();
        match self.fold_through(head)? {
            Ok(()) => Ok(()),
            Err(error) => self.start_over(&error, head),
        }
    }

    fn head(&self) -> Position {
        self.log.0.head().0
    }

    /// The last event that was applied.
    #[must_use]
    pub fn position(&self) -> Position {
        self.projections.position()
    }

    /// See [`Projections::may_overflow`].
    #[must_use]
    pub fn may_overflow(&self, owner: Owner) -> bool {
        self.projections.may_overflow(owner)
    }

    /// Asks the projections. Blocks that turn out to be wrong are thrown away, and the question is put again.
    ///
    /// # Errors
    /// The log cannot be read: nothing can be answered any more.
    pub fn ask<T>(&mut self, question: impl Fn(&mut Projections) -> Result<T, BlockError>) -> io::Result<T> {
        let position = self.position();
        for _ in 0..2 {
            match question(&mut self.projections) {
                Ok(answer) => return Ok(answer),
                Err(error) => self.start_over(&error, position)?,
            }
        }
        // The store does not last for one fold.
        self.hold_all(&"blocks turned out to be wrong again and again", position)?;
        question(&mut self.projections).map_err(io::Error::other)
    }

    /// Applies the next event, and adds to `out` what it changed for each target that is `wanted`.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn apply_live(
        &mut self,
        recorded: &Recorded,
        wanted: &dyn Fn(Target) -> bool,
        out: &mut Vec<Delta>,
    ) -> io::Result<()> {
        let before = self.position();
        let Err(error) = self.projections.apply_live(recorded, wanted, out) else { return Ok(()) };
        out.clear();
        self.start_over(&error, before)?;
        let Err(error) = self.projections.apply_live(recorded, wanted, out) else { return Ok(()) };
        out.clear();
        self.hold_all(&error, before)?;
        self.projections.apply_live(recorded, wanted, out).map_err(io::Error::other)
    }

    /// Takes inboxes of people who were erased out of the store, durably. Mostly there are none.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn save_erasures(&mut self) -> io::Result<()> {
        let position = self.position();
        match self.projections.save_erasures(&self.log) {
            Ok(()) => Ok(()),
            Err(error) => self.start_over(&error, position),
        }
    }

    /// Keeps memory within its bound and the store not far behind: a few milliseconds at most. Call it after each work.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn keep_house(&mut self, held: &dyn Fn(Owner) -> bool, now: Time) -> io::Result<()> {
        let Self { projections, log, saved } = self;
        let unsaved = projections.unsaved_events();
        let is_due = unsaved >= UNSAVED_COUNT_MAX || (unsaved > 0 && now.since(*saved) >= UNSAVED_MS_MAX);
        let mut kept = || {
            projections.make_room(held, log)?;
            if is_due {
                projections.begin_saving(log)?;
                *saved = now;
            }
            projections.save_slice(log)
        };
        if let Err(error) = kept() {
            let position = self.position();
            self.start_over(&error, position)?;
        }
        metrics::gauge!("tidings_inbox_bytes").set(self.projections.inbox_bytes() as f64);
        Ok(())
    }

    /// Whether [`Folding::keep_house`] has more to do although nothing happens.
    #[must_use]
    pub fn is_saving(&self) -> bool {
        self.projections.is_saving()
    }

    /// Whether the store will be behind until something is saved.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.projections.unsaved_events() > 0
    }

    /// Makes the store complete, for the next start. What cannot be saved is folded again then.
    pub fn close(mut self) {
        match self.projections.save_all(&self.log) {
            Ok(()) => info!(through = self.position().0, "inboxes saved"),
            Err(error) => warn!(%error, "inboxes not saved: the next start folds them from the log"),
        }
    }

    /// Throws the blocks away and folds everything up to a position.
    fn start_over(&mut self, error: &BlockError, through: Position) -> io::Result<()> {
        error!(%error, "blocks are wrong: thrown away, and folded from the log");
        metrics::counter!("tidings_blocks_thrown_away_total").increment(1);
        let projections = std::mem::take(&mut self.projections);
        match projections.start_over() {
            Ok(empty) => self.projections = empty,
            Err(error) => return self.hold_all(&error, through),
        }
        match self.fold_through(through)? {
            Ok(()) => Ok(()),
            Err(error) => self.hold_all(&error, through),
        }
    }

    /// Goes on without a store.
    fn hold_all(&mut self, error: &dyn std::fmt::Display, through: Position) -> io::Result<()> {
        error!(%error, "no block store: every inbox is held in memory, however many there are");
        self.projections = Projections::new();
        self.fold_through(through)?.map_err(io::Error::other)
    }

    /// Applies the log up to a position. The outer error is the log's, the inner one that of the blocks.
    fn fold_through(&mut self, through: Position) -> io::Result<Result<(), BlockError>> {
        let Self { projections, log, .. } = self;
        for record in log.0.scan(projections.position().next()) {
            let record = record.map_err(io::Error::other)?;
            if record.envelope.position > through {
                break;
            }
            let recorded = Recorded::decode(record).map_err(io::Error::other)?;
            let mut apply = || {
                projections.apply(&recorded)?;
                projections.save_erasures(log)?;
                projections.make_room(&|_| false, log)
            };
            if let Err(error) = apply() {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}
