//! Reading the segments group by group, on a thread of its own, a bounded way ahead of who judges them.

use std::sync::mpsc::SyncSender;

use crate::damage::{Damage, Failure, What};
use crate::event::Event;
use crate::fields::first_not_zero;
use crate::group::{self, GROUP_BYTES_MAX};
use crate::segment::{Expected, HEADER_BYTES, Header, number_in};
use crate::source::{SegmentBytes, Source};

/// A group whose bytes hold by themselves.
pub(crate) struct Group {
    /// Index of its segment among the names.
    pub(crate) segment: usize,
    /// Its offset there.
    pub(crate) offset: u64,
    /// Its term.
    pub(crate) term: u64,
    /// Its events, whose chain is still to be computed.
    pub(crate) events: Vec<Event>,
    /// The chain stored after them.
    pub(crate) chain: [u8; 32],
}

/// The log's segments.
pub(crate) struct Segments<'a> {
    source: &'a dyn Source,
    /// Their names by number.
    pub(crate) names: Vec<String>,
}

impl<'a> Segments<'a> {
    /// Lists the segments of a log.
    pub(crate) fn list(source: &'a dyn Source) -> Result<Self, Failure> {
        let names = source.names().map_err(|error| Failure::Unreadable { segment: String::new(), error })?;
        let mut names: Vec<String> = names.into_iter().filter(|name| number_in(name).is_some()).collect();
        names.sort_unstable();
        if names.is_empty() {
            return Err(Damage { segment: String::new(), offset: 0, position: 1, what: What::NoSegments }.into());
        }
        Ok(Self { source, names })
    }

    /// Reads the first header, from which the log's identity is known.
    pub(crate) fn first(&self) -> Result<Header, Failure> {
        let expected = Expected { number: 1, first: 1, chain: [0; 32], before: None };
        Ok(Walk::open(self.source, &self.names[0], &expected)?.header)
    }

    /// Reads everything and sends the groups in batches. Ends early, without a word, when nobody receives them any more.
    pub(crate) fn read(&self, batches: &SyncSender<Vec<Group>>) -> Result<Header, Failure> {
        let mut expected = Expected { number: 1, first: 1, chain: [0; 32], before: None };
        let mut batch = Batch { batches, groups: Vec::new(), events: 0 };
        let mut last = None;
        for (index, name) in self.names.iter().enumerate() {
            let mut walk = Walk::open(self.source, name, &expected)?;
            let mut chain = walk.header.chain;
            while let Some(group) = walk.next(index)? {
                chain = group.chain;
                if !batch.push(group) {
                    return Ok(walk.header);
                }
            }
            batch.send();
            expected = Expected { number: expected.number + 1, first: walk.position, chain, before: Some(walk.header) };
            last = Some(walk.header);
        }
        last.ok_or_else(|| Damage { segment: String::new(), offset: 0, position: 1, what: What::NoSegments }.into())
    }
}

/// Groups that wait to be sent: waking a thread for each would cost more than judging it.
struct Batch<'a> {
    batches: &'a SyncSender<Vec<Group>>,
    groups: Vec<Group>,
    events: usize,
}

impl Batch<'_> {
    /// Whether somebody still receives.
    fn push(&mut self, group: Group) -> bool {
        self.events += group.events.len();
        self.groups.push(group);
        self.events < BATCH_EVENTS_MIN || self.send()
    }

    fn send(&mut self) -> bool {
        self.events = 0;
        self.batches.send(std::mem::take(&mut self.groups)).is_ok()
    }
}

/// Dropped when reading ends, by damage too: what was read before it is judged first.
impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.send();
    }
}

/// One segment, being read.
struct Walk<'a> {
    name: &'a str,
    file: Box<dyn SegmentBytes + 'a>,
    header: Header,
    /// Where the next group starts.
    offset: u64,
    /// Position of its first event.
    position: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Walk<'a> {
    fn open(source: &'a dyn Source, name: &'a str, expected: &Expected) -> Result<Self, Failure> {
        let damage = |offset, what| Damage { segment: name.to_owned(), offset, position: expected.first, what };
        let unreadable = |error| Failure::Unreadable { segment: name.to_owned(), error };
        if number_in(name).is_some_and(|number| number > expected.number) {
            return Err(damage(0, What::SegmentMissing(expected.number)).into());
        }
        let mut file = source.open(name).map_err(unreadable)?;
        let found = file.count().map_err(unreadable)?;
        if found < HEADER_BYTES as u64 {
            return Err(damage(found, What::SegmentHeader).into());
        }
        let mut bytes = [0; HEADER_BYTES];
        file.read_at(0, &mut bytes).map_err(unreadable)?;
        let header = Header::read(&bytes).map_err(|what| damage(0, what))?;
        if !header.continues(expected, name) {
            return Err(damage(0, What::SegmentForeign).into());
        }
        if found != header.bytes {
            let what = What::SegmentBytes { found, expected: header.bytes };
            return Err(damage(found.min(header.bytes), what).into());
        }
        let (offset, position) = (HEADER_BYTES as u64, header.first);
        Ok(Self { name, file, header, offset, position, window: Vec::new(), window_at: 0 })
    }

    /// The next group; `None` behind the last one, when all that follows is zero.
    fn next(&mut self, segment: usize) -> Result<Option<Group>, Failure> {
        let Some(header) = self.group_header()? else { return Ok(None) };
        let (offset, position) = (self.offset, self.position);
        let bytes = self.bytes(header.group_bytes())?;
        let (events, chain) = group::read(&header, bytes).map_err(|inside| {
            let position = position + u64::from(inside.index);
            let offset = offset + inside.offset as u64;
            Damage { segment: self.name.to_owned(), offset, position, what: inside.what }
        })?;
        self.offset += header.group_bytes() as u64;
        self.position += u64::from(header.count);
        Ok(Some(Group { segment, offset, term: header.term, events, chain }))
    }

    fn group_header(&mut self) -> Result<Option<group::Header>, Failure> {
        let left = self.header.bytes - self.offset;
        if left < group::HEADER_BYTES as u64 {
            return self.zeros().map(|()| None);
        }
        let bytes: [u8; group::HEADER_BYTES] = crate::fields::bytes_at(self.bytes(group::HEADER_BYTES)?, 0);
        let Some(header) = group::Header::read(&bytes) else {
            return match first_not_zero(&bytes) {
                None => self.zeros().map(|()| None),
                Some(_) => Err(self.damage(What::GroupHeader)),
            };
        };
        if header.salt != self.header.salt {
            return Err(self.damage(What::GroupForeign));
        }
        if header.first != self.position {
            return Err(self.damage(What::PositionGap(header.first)));
        }
        if header.group_bytes() as u64 > left {
            return Err(self.damage(What::GroupCut));
        }
        Ok(Some(header))
    }

    /// The `count` bytes from here on, which are in the file.
    fn bytes(&mut self, count: usize) -> Result<&[u8], Failure> {
        let start = usize::try_from(self.offset - self.window_at).unwrap_or(usize::MAX);
        if self.window.len().saturating_sub(start) < count {
            let left = usize::try_from(self.header.bytes - self.offset).unwrap_or(usize::MAX);
            self.fill(WINDOW_BYTES.max(count).min(left))?;
            return Ok(&self.window[..count]);
        }
        Ok(&self.window[start..start + count])
    }

    /// Checks that everything from here on is zero.
    fn zeros(&mut self) -> Result<(), Failure> {
        while self.offset < self.header.bytes {
            let left = usize::try_from(self.header.bytes - self.offset).unwrap_or(usize::MAX);
            self.fill(WINDOW_BYTES.min(left))?;
            if let Some(inside) = first_not_zero(&self.window) {
                self.offset += inside as u64;
                return Err(self.damage(What::NotZero));
            }
            self.offset += self.window.len() as u64;
        }
        Ok(())
    }

    fn fill(&mut self, count: usize) -> Result<(), Failure> {
        self.window.resize(count, 0);
        self.window_at = self.offset;
        let read = self.file.read_at(self.offset, &mut self.window);
        read.map_err(|error| Failure::Unreadable { segment: self.name.to_owned(), error })
    }

    fn damage(&self, what: What) -> Failure {
        Damage { segment: self.name.to_owned(), offset: self.offset, position: self.position, what }.into()
    }
}

/// Bytes read at a time: every group fits.
const WINDOW_BYTES: usize = 1 << 20;
const _: () = assert!(WINDOW_BYTES >= GROUP_BYTES_MAX);

/// Events that are worth waking the judging thread for.
const BATCH_EVENTS_MIN: usize = 256;
