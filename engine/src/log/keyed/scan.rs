use super::Key;
use super::sidecar::{Found, look_up, read_through};
use crate::ids::Position;
use crate::log::damage::{Damage, What};
use crate::log::directory::Segment;
use crate::log::error::LogError;
use crate::log::reader::LogReader;
use crate::log::record::{RECORD_HEADER_BYTES, Record, RecordHeader};
use crate::log::walk::{SCAN_READ_BYTES, Walk};
use bytes::Bytes;

/// Iterator over the durable events of one stream or one tenant, in order, up to what was durable when it was made. Ends
/// after the first error.
///
/// Its records share no buffers.
pub struct KeyedScan {
    reader: LogReader,
    key: Key,
    /// Number that the next event has.
    next: u64,
    until: Position,
    /// Number of the segment that is looked into, or will be.
    segment: u32,
    within: Option<Within>,
    is_over: bool,
}

/// What is left of one segment.
struct Within {
    walk: Walk,
    offsets: std::vec::IntoIter<u32>,
    source: Source,
    /// Replacements of segment files before the offsets were found: after another one they may be wrong.
    replacements: u64,
}

/// Who told the offsets. Only what was read through is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Told,
    ReadThrough,
}

impl KeyedScan {
    pub(in crate::log) fn new(reader: LogReader, key: Key, from: u64) -> Self {
        let until = reader.head().0;
        Self { reader, key, next: from.max(1), until, segment: 1, within: None, is_over: false }
    }

    fn advance(&mut self) -> Result<Option<Record>, LogError> {
        loop {
            let Some(within) = &mut self.within else {
                if !self.enter(Source::Told)? {
                    return Ok(None);
                }
                continue;
            };
            let Some(offset) = within.offsets.next() else {
                self.within = None;
                self.segment += 1;
                continue;
            };
            let found = within.record(&self.reader, offset).and_then(|record| self.check(record, offset));
            match found {
                Ok(record) if record.envelope.position > self.until => return Ok(None),
                Ok(record) => {
                    self.next += 1;
                    return Ok(Some(record));
                }
                Err(damage) => self.mend(damage)?,
            }
        }
    }

    /// What was found must be the next event of the key: none can be left out unnoticed.
    fn check(&self, record: Record, offset: u32) -> Result<Record, Damage> {
        if self.key.number(&record.envelope) == Some(self.next) {
            return Ok(record);
        }
        let within = self.within.as_ref().expect("a record was found in a segment");
        let position = record.envelope.position;
        let (found, expected) = (self.key.number(&record.envelope).unwrap_or_default(), self.next);
        let what = match self.key {
            Key::Stream(stream) => What::RevisionGap { stream, found, expected },
            Key::Tenant(tenant) => What::TenantSequenceGap { tenant, found, expected },
        };
        Err(Damage { position, offset: u64::from(offset), ..within.walk.damage(what) })
    }

    /// The segment is looked into again when its file was replaced meanwhile, and read through when it was not. What
    /// reading through finds is damage.
    fn mend(&mut self, damage: Damage) -> Result<(), LogError> {
        let Some(within) = self.within.take() else { return Err(damage.into()) };
        let is_stale = within.replacements != self.reader.shared.index().replacements();
        match within.source {
            _ if is_stale => self.enter(Source::Told)?,
            Source::Told => self.enter(Source::ReadThrough)?,
            Source::ReadThrough => return Err(damage.into()),
        };
        Ok(())
    }

    /// Looks into the current segment, or the first one after it that may hold something; whether there is one.
    fn enter(&mut self, source: Source) -> Result<bool, LogError> {
        let storage = &*self.reader.shared.storage;
        let index = self.reader.shared.index();
        let Some(segment) = index.segment(self.segment).cloned() else { return Ok(false) };
        if segment.header.first > self.until {
            return Ok(false);
        }
        let next = index.segment(self.segment + 1).cloned();
        let last = next.as_ref().map_or(self.until, |next| Position(next.header.first.0 - 1));
        let located = index.located(self.segment).filter(|located| located.reaches(last)).cloned();
        let replacements = index.replacements();
        drop(index);
        let told = match (source, located, &next) {
            (Source::ReadThrough, ..) => None,
            (Source::Told, Some(located), _) => self.told_by_list(&segment, located.offsets(self.key)).ok(),
            (Source::Told, None, Some(next)) => look_up(storage, &segment, next, self.key).ok(),
            (Source::Told, None, None) => None,
        };
        let (mut found, source) = match told {
            Some(found) => (found, Source::Told),
            None => match read_through(storage, &segment, self.key, self.next, last) {
                Ok(found) => (found, Source::ReadThrough),
                // The file was replaced by a redacted one meanwhile: the places of the new one are known now.
                Err(_) if self.reader.shared.index().replacements() != replacements => return self.enter(source),
                Err(damage) => return Err(damage.into()),
            },
        };
        let skip = usize::try_from(self.next.saturating_sub(found.first)).unwrap_or(usize::MAX);
        found.offsets.drain(..skip.min(found.offsets.len()));
        let walk = Walk::at(segment, 0, Position::ZERO, read_bytes(&found.offsets));
        self.within = Some(Within { walk, offsets: found.offsets.into_iter(), source, replacements });
        Ok(true)
    }

    /// A list in memory does not tell numbers: the first record does.
    fn told_by_list(&self, segment: &Segment, offsets: Vec<u32>) -> Result<Found, Damage> {
        let Some(offset) = offsets.first() else { return Ok(Found::default()) };
        let mut walk = Walk::at(segment.clone(), 0, segment.header.first, ONE_READ_BYTES);
        let record = record_at(&mut walk, &self.reader, *offset)?;
        let first = self.key.number(&record.envelope).unwrap_or(self.next);
        Ok(Found { first, offsets })
    }
}

impl Iterator for KeyedScan {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let found = self.advance().transpose();
        self.is_over = !matches!(found, Some(Ok(_)));
        found
    }
}

impl Within {
    fn record(&mut self, reader: &LogReader, offset: u32) -> Result<Record, Damage> {
        record_at(&mut self.walk, reader, offset)
    }
}

/// The record that stands at an offset, checked by its own checksums.
fn record_at(walk: &mut Walk, reader: &LogReader, offset: u32) -> Result<Record, Damage> {
    let storage = &*reader.shared.storage;
    let at = u64::from(offset);
    let damage = |walk: &Walk, what| Damage { offset: at, ..walk.damage(what) };
    let header = walk.bytes(storage, at, RECORD_HEADER_BYTES)?;
    let count = RecordHeader::decode(&header).map_err(|what| damage(walk, what))?.record_bytes();
    drop(header);
    let bytes = walk.bytes(storage, at, count)?;
    Record::decode(&Bytes::copy_from_slice(&bytes)).map_err(|what| damage(walk, what))
}

/// How much to read at a time: records that stand close together are read together.
fn read_bytes(offsets: &[u32]) -> usize {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return ONE_READ_BYTES };
    let distance = (last - first) as usize / offsets.len();
    if distance < DENSE_BYTES { SCAN_READ_BYTES } else { ONE_READ_BYTES }
}

/// Read at a time for one record: holds most of them whole.
const ONE_READ_BYTES: usize = 2 * 1024;
/// Mean distance of records below which what is between them is read along.
const DENSE_BYTES: usize = 4 * 1024;
