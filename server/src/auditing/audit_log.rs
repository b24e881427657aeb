//! The log as auditors read it: places, cursors, events of a scope. Everything here blocks on the disk.

use std::sync::Arc;
use tidings_engine::audit::View;
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::event::{Content, DecodeError, Recorded};
use tidings_engine::ids::{Position, TenantId, Time};
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::log::{Chain, LogError, LogReader, Record};
use tidings_engine::rejection::Rejection;
use tidings_engine::request::At;
use tidings_engine::vault::ContentError;
use tidings_projections::BlockError;
use tracing::error;

/// Whose events a reading is about, once that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Everybody's, for a reader of this tenant.
    Everything { tag: TenantTag },
    /// One tenant's, and whether the reader is shown positions.
    Tenant { tenant: TenantId, tag: TenantTag, is_platform: bool },
}

impl Whose {
    /// The one tenant.
    pub(crate) const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Everything { .. } => None,
            Self::Tenant { tenant, .. } => Some(tenant),
        }
    }

    /// What the reader is shown.
    pub(crate) const fn view(self, keys: &Keys) -> View<'_> {
        match self {
            Self::Everything { .. } | Self::Tenant { is_platform: true, .. } => View::Platform,
            Self::Tenant { tag, is_platform: false, .. } => View::Tenant { keys, tag },
        }
    }

    /// What the reader's cursors are sealed for.
    pub(crate) const fn tag(self) -> TenantTag {
        match self {
            Self::Everything { tag } | Self::Tenant { tag, .. } => tag,
        }
    }

    /// Whether the reader is shown positions.
    pub(crate) const fn is_platform(self) -> bool {
        matches!(self, Self::Everything { .. } | Self::Tenant { is_platform: true, .. })
    }
}

/// Why a reading ends before its range does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event is of no kind that is known here.
    #[error("event {position}: {error}")]
    Event { position: Position, error: DecodeError },
    /// The inboxes cannot be folded.
    #[error(transparent)]
    Inboxes(#[from] BlockError),
    /// A tenant's or stream's numbers have a gap.
    #[error("event {position} has number {found} of its {of}, expected {expected}")]
    Gap { position: Position, of: &'static str, found: u64, expected: u64 },
}

impl Fault {
    /// Whether bytes are not what was written.
    pub(crate) const fn is_damage(&self) -> bool {
        matches!(self, Self::Log(LogError::Corrupt(_)) | Self::Gap { .. })
    }

    /// What a caller is told: the place is for the server's own log.
    pub(crate) fn rejection(&self) -> Rejection {
        error!(error = %self, "an auditor's reading met what cannot be read");
        Rejection::Internal
    }
}

/// An event of the scope that was read.
pub(crate) struct Found {
    pub(crate) record: Record,
    pub(crate) recorded: Recorded,
}

/// The log and what cursors are made with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AuditLog {
    pub(crate) reader: LogReader,
    pub(crate) keys: Arc<Keys>,
    pub(crate) epoch: u64,
}

impl AuditLog {
    /// The last durable event.
    pub(crate) fn head(&self) -> Position {
        self.reader.head().0
    }

    /// The last event of a place, no later than the head.
    pub(crate) fn position(&self, field: &'static str, at: &At) -> Result<Position, Rejection> {
        let head = self.head();
        match at {
            At::Head => Ok(head),
            At::Position(position) if *position <= head => Ok(*position),
            At::Position(_) => Err(Rejection::invalid(field, "is after the last event")),
            At::Time(time) => self.last_at(*time).map_err(|error| Fault::Log(error).rejection()),
            At::Cursor(cursor) if self.is_of_this_log(cursor) => Ok(cursor.position),
            At::Cursor(_) => Err(Rejection::invalid(field, "is of another log")),
        }
    }

    /// Whether a cursor is of this log as it is now.
    pub(crate) fn is_of_this_log(&self, cursor: &Cursor) -> bool {
        let is_there = || self.reader.chain_prefix(cursor.position) == Some(cursor.chain);
        cursor.epoch == self.epoch && cursor.position <= self.head() && is_there()
    }

    /// The last event that was recorded at a time or before.
    pub(crate) fn last_at(&self, time: Time) -> Result<Position, LogError> {
        // Recorded times never go backwards.
        let (mut known, mut after) = (Position::ZERO, self.head().next());
        while known.next() < after {
            let middle = Position(known.0 + (after.0 - known.0) / 2);
            if self.reader.read(middle)?.envelope.time <= time { known = middle } else { after = middle }
        }
        Ok(known)
    }

    /// A place as a cursor.
    pub(crate) fn cursor(&self, position: Position) -> Cursor {
        let chain = self.reader.chain_prefix(position).unwrap_or_default();
        Cursor { kind: CursorKind::Changes, epoch: self.epoch, position, chain, place: 0 }
    }

    /// The chain after a position.
    pub(crate) fn chain(&self, position: Position) -> Result<Chain, Rejection> {
        self.reader.chain_at(position).map_err(|error| Fault::Log(error).rejection())
    }

    /// Shows every event of a scope after `after` and up to `through`, until `each` has seen enough; the last position up to
    /// which there is no other. At most `looked_max` events are looked at. Of one tenant no other's events are read, so that
    /// neither the time it takes tells of them.
    pub(crate) fn each(
        &self,
        whose: Whose,
        range: (Position, Position),
        looked_max: u64,
        mut each: impl FnMut(Found) -> Result<bool, Fault>,
    ) -> Result<Position, Fault> {
        let (after, through) = range;
        if after >= through {
            return Ok(after);
        }
        let mut last = after;
        for (looked, record) in (0..).zip(self.events(whose.tenant(), after)?) {
            let record = record?;
            let position = record.envelope.position;
            if position > through {
                return Ok(through);
            }
            if looked == looked_max {
                return Ok(last);
            }
            last = position;
            let recorded = decoded(record.clone())?;
            if !each(Found { record, recorded })? {
                return Ok(position);
            }
        }
        Ok(through)
    }

    fn events(
        &self,
        tenant: Option<TenantId>,
        after: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Record, LogError>>>, Fault> {
        Ok(match tenant {
            None => Box::new(self.reader.scan(after.next())),
            Some(tenant) => Box::new(self.reader.tenant(tenant, self.sequence_after(tenant, after)?)),
        })
    }

    /// Sequence of a tenant's first event after a position.
    fn sequence_after(&self, tenant: TenantId, position: Position) -> Result<u64, LogError> {
        let is_after = |sequence| -> Result<bool, LogError> {
            let record = self.reader.tenant(tenant, sequence).next().transpose()?;
            Ok(record.is_none_or(|record| record.envelope.position > position))
        };
        if position == Position::ZERO {
            return Ok(1);
        }
        // None of a tenant's events has a position before its sequence.
        let (mut before, mut after) = (0, 1);
        while !is_after(after)? {
            (before, after) = (after, after * 2);
        }
        while before + 1 < after {
            let middle = before + (after - before) / 2;
            if is_after(middle)? { after = middle } else { before = middle }
        }
        Ok(after)
    }

    /// The content of the event at a position, where it can still be read.
    pub(crate) fn content_at(&self, position: Position) -> Option<Content> {
        let record = self.reader.read(position).inspect_err(|error| error!(%error, "content cannot be read")).ok()?;
        self.content(&decoded(record).ok()?)
    }

    /// The content of an event, where it can still be read.
    pub(crate) fn content(&self, recorded: &Recorded) -> Option<Content> {
        match self.keys.content(&recorded.envelope, &recorded.content) {
            Ok(content) => content,
            Err(ContentError::NoKeyring) => None,
            Err(error) => {
                error!(%error, position = recorded.envelope.position.0, "content does not open");
                None
            }
        }
    }
}

fn decoded(record: Record) -> Result<Recorded, Fault> {
    let position = record.envelope.position;
    Recorded::decode(record).map_err(|error| Fault::Event { position, error })
}
