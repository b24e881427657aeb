//! Events as lines of JSON, a chunk at a time: what waits for a slow reader is one chunk and no thread.

use super::audit_log::{AuditLog, Found, Whose};
use bytes::Bytes;
use tidings_engine::audit::{Line, RangeEnd, Seen, Selection};
use tidings_engine::ids::Position;
use tidings_engine::keys::TenantTag;

/// Bytes from which a chunk is given: 48 KiB. One line more may be in it.
const CHUNK_BYTES: usize = 48 * 1024;

/// Most events that are looked at for one chunk: 50,000. Bounds how long a reading that finds nothing keeps its place.
const LOOKED_COUNT_MAX: u64 = 50_000;

/// One reading under way.
pub(crate) struct EventsReading {
    log: AuditLog,
    whose: Whose,
    selection: Selection,
    content: bool,
    /// The last event that was looked at.
    after: Position,
    /// The last event of the reading.
    through: Position,
    /// How many may still be given.
    left: usize,
    /// How many were.
    given: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl EventsReading {
    /// A reading of the events after the first place and up to the second, of `left` at most.
    pub(crate) fn new(
        log: AuditLog,
        whose: Whose,
        selection: Selection,
        range: (Position, Position),
        left: usize,
        content: bool,
    ) -> Self {
        let (after, through) = range;
        Self { log, whose, selection, content, after, through, left, given: 0, state: State::Reading }
    }

    /// Whether it ended early, at what cannot be read.
    pub(crate) fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// The next lines; the last one says how it ended. `None` after that. May be empty where many events were looked at.
    pub(crate) fn chunk(&mut self) -> Option<Bytes> {
        if self.state != State::Reading {
            return None;
        }
        let mut text = String::with_capacity(CHUNK_BYTES + 8 * 1024);
        let (log, whose, content) = (self.log.clone(), self.whose, self.content);
        let view = whose.view(&log.keys);
        let (selection, left, given) = (&self.selection, &mut self.left, &mut self.given);
        let looked = log.each(whose, (self.after, self.through), LOOKED_COUNT_MAX, |found| {
            if selection.matches(&found.recorded) {
                text.push_str(&line(&log, &found, content, view).text());
                text.push('\n');
                *left -= 1;
                *given += 1;
            }
            Ok(*left > 0 && text.len() < CHUNK_BYTES)
        });
        match looked {
            Ok(looked) => {
                self.after = looked;
                if self.left == 0 || looked >= self.through {
                    self.end(&mut text, None);
                }
            }
            Err(fault) => {
                let told = fault.rejection().to_string();
                self.end(&mut text, Some(if whose.is_platform() { fault.to_string() } else { told }));
            }
        }
        Some(Bytes::from(text))
    }

    fn end(&mut self, text: &mut String, error: Option<String>) {
        self.state = if error.is_some() { State::Failed } else { State::Ended };
        let is_platform = self.whose.is_platform();
        let chain = if is_platform { self.log.chain(self.after).ok() } else { None };
        // On the command line, all of the log is nobody's in particular.
        let tag = Some(self.whose.tag()).filter(|tag| *tag != TenantTag::default());
        let end = RangeEnd {
            events: self.given,
            more: error.is_none() && self.after < self.through,
            cursor: tag.map(|tag| self.log.cursor(self.after).seal(&self.log.keys, tag)),
            position: is_platform.then_some(self.after.0),
            chain: chain.map(RangeEnd::hex),
            error,
        };
        text.push_str(&end.text());
        text.push('\n');
    }
}

/// The line of an event for a reader.
pub(crate) fn line(log: &AuditLog, found: &Found, content: bool, view: tidings_engine::audit::View<'_>) -> Line {
    let content = if content { log.content(&found.recorded) } else { None };
    Line::new(&Seen::read(&found.record, &found.recorded), content.as_ref(), view)
}
