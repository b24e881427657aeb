//! Content of notifications, read from the log and opened through a bounded cache, and never kept twice.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tidings_engine::event::{Content, Recorded};
use tidings_engine::ids::Position;
use tidings_engine::keys::Keys;
use tidings_engine::log::{Envelope, LogReader, Stored};
use tidings_projections::ContentSource;
use tracing::error;

/// Most bytes of content that are kept, counted as stored: 32 MiB.
const CACHE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The content of notifications, for one thread. What comes first goes first: new items are what is looked at.
pub struct Contents {
    reader: LogReader,
    keys: Arc<Keys>,
    cache: RefCell<Cache>,
}

#[derive(Default)]
struct Cache {
    known: HashMap<Position, Arc<Content>>,
    order: VecDeque<(Position, usize)>,
    bytes: usize,
}

impl Contents {
    /// Contents of the log that `reader` reads, as far as `keys` open them.
    #[must_use]
    pub fn new(reader: LogReader, keys: Arc<Keys>) -> Self {
        Self { reader, keys, cache: RefCell::default() }
    }

    /// Forgets all: somebody was erased, and what was theirs must not be told from here.
    pub fn clear(&self) {
        self.cache.take();
    }

    /// Keeps the content of an event that has just become durable: it is about to be sent.
    pub fn keep(&self, recorded: &Recorded) {
        if let Some(content) = self.opened(&recorded.envelope, &recorded.content) {
            let bytes = recorded.content.stored_bytes();
            self.cache.borrow_mut().insert(recorded.envelope.position, Arc::new(content), bytes);
        }
    }

    fn opened(&self, envelope: &Envelope, stored: &Stored) -> Option<Content> {
        let opened = self.keys.content(envelope, stored);
        opened.unwrap_or_else(|error| {
            error!(%error, position = envelope.position.0, "content cannot be opened");
            None
        })
    }
}

impl ContentSource for Contents {
    fn content(&self, notification: Position) -> Option<Arc<Content>> {
        if let Some(known) = self.cache.borrow().known.get(&notification) {
            return Some(Arc::clone(known));
        }
        let record = self
            .reader
            .read(notification)
            .inspect_err(|error| error!(%error, position = notification.0, "content cannot be read from the log"));
        let record = record.ok()?;
        let content = Arc::new(self.opened(&record.envelope, &record.content)?);
        self.cache.borrow_mut().insert(notification, Arc::clone(&content), record.content.stored_bytes());
        Some(content)
    }
}

impl Cache {
    fn insert(&mut self, position: Position, content: Arc<Content>, bytes: usize) {
        if self.known.insert(position, content).is_some() {
            return;
        }
        self.order.push_back((position, bytes));
        self.bytes += bytes;
        while self.bytes > CACHE_BYTES_MAX
            && let Some((oldest, bytes)) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.bytes -= bytes;
        }
    }
}
