//! Re-reading everything, beside a running server or without one.
//!
//! Trusts nothing but the code that decodes: no lock, no index, no state. Every byte of every segment file is covered:
//! by a checksum, by a field that follows from what is before it, or by having to be zero.

use super::chain::{Chain, LogId};
use super::copy::PartStart;
use super::damage::{Damage, What};
use super::directory::{Continuation, Segment, open_segment, segment_names};
use super::group::Group;
use super::record::Record;
use super::storage::Storage;
use super::tail::{Tail, examine};
use super::walk::{Step, Walk};
use crate::ids::{Position, StreamId, TenantId, Time};
use std::collections::HashMap;

/// Who else may be using the log while it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nobody: an unfinished group at the end is damage.
    Nobody,
    /// Perhaps a server: an unfinished group at the end is in flight, if somebody holds the lock.
    Server,
}

/// A log in which nothing was found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last position, which is also how many events there are, in a part those before it included.
    pub events: u64,
    /// The chain after the last one.
    pub chain: Chain,
    /// Its recorded time; 0 when there is none.
    pub last_time: Time,
    /// How many segment files.
    pub segments: u32,
    /// How many streams have events.
    pub streams: u64,
    /// How many tenants have events, the platform included.
    pub tenants: u64,
    /// Identity of the log.
    pub log: LogId,
    /// Its generation.
    pub epoch: u64,
    /// A group at the end that was being written, and was not verified. Only beside a server. One that is still there
    /// unchanged when the log is verified again is damage.
    pub in_flight: Option<Damage>,
}

/// Which log it is, by the header of its first segment.
///
/// # Errors
/// There is no first segment, or its header is damaged.
pub fn log_id(storage: &dyn Storage) -> Result<LogId, Damage> {
    let whole = |what| Damage { segment: String::new(), offset: 0, position: Position(1), what };
    let names = segment_names(storage).map_err(|error| whole(What::Unreadable(error)))?;
    let first = names.first().ok_or_else(|| whole(What::NoSegments))?;
    Ok(open_segment(storage, first, &Continuation::FIRST)?.header.identity.log)
}

/// Reads the whole log and checks all that can be checked without a key: headers, checksums, chain, positions, terms,
/// times, revisions of each stream, sequence of each tenant, zeros after the last group.
///
/// Takes no lock and changes nothing. Beside a server it ends where the last segment ended when it came there.
///
/// # Errors
/// The first damage, with segment, offset and position.
pub fn verify(storage: &dyn Storage, beside: Beside) -> Result<Verified, Damage> {
    verify_each(storage, beside, &mut |_| ())
}

/// Like [`verify`], and shows every record once it has been verified, in order.
///
/// # Errors
/// The first damage, with segment, offset and position. The records before it were shown.
pub fn verify_each(storage: &dyn Storage, beside: Beside, each: &mut dyn FnMut(&Record)) -> Result<Verified, Damage> {
    verify_from(storage, beside, None, each)
}

/// Like [`verify_each`], for a part of a log that begins with a segment. Revisions and sequences are checked from the first
/// ones of the part on. Whether `start` is right is shown by the first checkpoint within the part: its root covers it.
///
/// # Errors
/// The first damage, with segment, offset and position. The records before it were shown.
pub fn verify_part(
    storage: &dyn Storage,
    start: &PartStart,
    each: &mut dyn FnMut(&Record),
) -> Result<Verified, Damage> {
    verify_from(storage, Beside::Nobody, Some(start), each)
}

fn verify_from(
    storage: &dyn Storage,
    beside: Beside,
    start: Option<&PartStart>,
    each: &mut dyn FnMut(&Record),
) -> Result<Verified, Damage> {
    let whole = |what| Damage { segment: String::new(), offset: 0, position: Position(1), what };
    let names = segment_names(storage).map_err(|error| whole(What::Unreadable(error)))?;
    let (first, others) = names.split_first().ok_or_else(|| whole(What::NoSegments))?;
    let expected = start.map_or(Continuation::FIRST, |start| start.continuation(storage, first));
    let segment = open_segment(storage, first, &expected)?;
    let (mut identity, mut number) = (segment.header.identity, segment.header.number);
    let seen = Seen::new(expected.first, segment.header.chain);
    let mut auditor = Auditor { storage, beside, each, seen, in_flight: None };
    auditor.segment(segment, others.is_empty())?;
    for (index, name) in others.iter().enumerate() {
        number += 1;
        let expected =
            Continuation { number, first: auditor.seen.position.next(), before: Some((identity, auditor.seen.chain)) };
        let segment = open_segment(storage, name, &expected)?;
        identity = segment.header.identity;
        auditor.segment(segment, index + 1 == others.len())?;
    }
    let Auditor { seen, in_flight, .. } = auditor;
    Ok(Verified {
        events: seen.position.0,
        chain: seen.chain,
        last_time: seen.time.unwrap_or_default(),
        segments: u32::try_from(names.len()).expect("segment numbers have eight digits"),
        streams: seen.revisions.len() as u64,
        tenants: seen.sequences.len() as u64,
        log: identity.log,
        epoch: identity.epoch,
        in_flight,
    })
}

/// Like [`verify_each`] beside a server. A group that the server is writing just now is no damage; one that is still the
/// same at a second look is.
///
/// # Errors
/// The first damage, with segment, offset and position. The records before it were shown.
pub fn verify_settled(storage: &dyn Storage, each: &mut dyn FnMut(&Record)) -> Result<Verified, Damage> {
    let verified = verify_each(storage, Beside::Server, each)?;
    let Some(first) = &verified.in_flight else { return Ok(verified) };
    match verify(storage, Beside::Server)?.in_flight {
        Some(second) if second == *first => Err(second),
        _ => Ok(Verified { in_flight: None, ..verified }),
    }
}

struct Auditor<'a> {
    storage: &'a dyn Storage,
    beside: Beside,
    each: &'a mut dyn FnMut(&Record),
    seen: Seen,
    in_flight: Option<Damage>,
}

impl Auditor<'_> {
    fn segment(&mut self, segment: Segment, is_last: bool) -> Result<(), Damage> {
        let mut walk = Walk::whole(segment);
        let mut attempts_left = ATTEMPTS_COUNT_MAX;
        loop {
            let damage = match walk.step(self.storage) {
                Step::Group(offset, group) => {
                    self.group(&walk, offset, &group)?;
                    attempts_left = ATTEMPTS_COUNT_MAX;
                    continue;
                }
                Step::End => return Ok(()),
                Step::Invalid(damage) => damage,
            };
            if !is_last || self.beside == Beside::Nobody || !damage.what.may_be_torn() || attempts_left == 0 {
                return Err(damage);
            }
            // A server may have written here since the bytes were read: what counts is what stands there now.
            attempts_left -= 1;
            walk.refresh();
            if attempts_left == 0 && self.may_be_in_flight(&mut walk)? {
                self.in_flight = Some(walk.damage(damage.what));
                return Ok(());
            }
        }
    }

    fn may_be_in_flight(&self, walk: &mut Walk) -> Result<bool, Damage> {
        let unreadable = |error| What::Unreadable(error);
        if !self.storage.is_locked().map_err(|error| walk.damage(unreadable(error)))? {
            return Ok(false);
        }
        let tail = examine(self.storage, walk).map_err(|error| walk.damage(unreadable(error)))?;
        Ok(matches!(tail, Tail::Torn { .. }))
    }

    fn group(&mut self, walk: &Walk, offset: u64, group: &Group) -> Result<(), Damage> {
        let damage = |position, what| Damage { segment: walk.segment().name.to_string(), offset, position, what };
        let first = group.header.first;
        if group.header.term < self.seen.term {
            let what = What::TermBackwards { found: group.header.term, before: self.seen.term };
            return Err(damage(first, what));
        }
        self.seen.term = group.header.term;
        let chain = group.chains(self.seen.chain).last().unwrap_or(self.seen.chain);
        if chain != group.chain {
            return Err(damage(first, What::Chain));
        }
        self.seen.chain = chain;
        for record in &group.records {
            self.seen.record(record).map_err(|what| damage(record.envelope.position, what))?;
            (self.each)(record);
        }
        Ok(())
    }
}

/// What the events so far oblige the next one to be.
struct Seen {
    position: Position,
    /// Events before the first one are not known: the first number of each stream and tenant is believed.
    is_part: bool,
    chain: Chain,
    term: u64,
    time: Option<Time>,
    revisions: HashMap<StreamId, u64>,
    sequences: HashMap<TenantId, u64>,
}

impl Seen {
    /// Before the event `first`.
    fn new(first: Position, chain: Chain) -> Self {
        Self {
            position: Position(first.0 - 1),
            is_part: first != Position(1),
            chain,
            term: 0,
            time: None,
            revisions: HashMap::new(),
            sequences: HashMap::new(),
        }
    }

    fn record(&mut self, record: &Record) -> Result<(), What> {
        let envelope = &record.envelope;
        if let Some(before) = self.time.filter(|before| envelope.time < *before) {
            return Err(What::TimeBackwards { found: envelope.time.0, before: before.0 });
        }
        let before = |found: u64| if self.is_part { found.saturating_sub(1) } else { 0 };
        let revision = self.revisions.entry(envelope.stream).or_insert(before(envelope.revision.0));
        let (found, expected) = (envelope.revision.0, *revision + 1);
        if found != expected {
            return Err(What::RevisionGap { stream: envelope.stream, found, expected });
        }
        *revision = expected;
        let sequence = self.sequences.entry(envelope.tenant).or_insert(before(envelope.tenant_sequence));
        let (found, expected) = (envelope.tenant_sequence, *sequence + 1);
        if found != expected {
            return Err(What::TenantSequenceGap { tenant: envelope.tenant, found, expected });
        }
        *sequence = expected;
        self.position = envelope.position;
        self.time = Some(envelope.time);
        Ok(())
    }
}

/// How often a place that a server may be writing to is read before it is judged: 8.
const ATTEMPTS_COUNT_MAX: u32 = 8;
