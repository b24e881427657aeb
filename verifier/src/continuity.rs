//! What the events so far oblige the next one to be.

use std::collections::HashMap;

use crate::damage::What;
use crate::event::Event;
use crate::sha256;

/// What was seen of the log so far.
#[derive(Debug)]
pub(crate) struct Continuity {
    /// Position of the last event.
    pub(crate) position: u64,
    /// The chain after it.
    pub(crate) chain: [u8; 32],
    /// Its time.
    pub(crate) time: Option<i64>,
    term: u64,
    revisions: HashMap<[u8; 16], u64>,
    sequences: HashMap<u32, u64>,
}

impl Continuity {
    /// Before the first event of a log.
    pub(crate) fn new(log: &[u8; 16]) -> Self {
        Self {
            position: 0,
            chain: sha256(&[log]),
            time: None,
            term: 0,
            revisions: HashMap::new(),
            sequences: HashMap::new(),
        }
    }

    /// How many streams have events.
    pub(crate) fn streams(&self) -> u64 {
        self.revisions.len() as u64
    }

    /// How many tenants have events, the platform included.
    pub(crate) fn tenants(&self) -> u64 {
        self.sequences.len() as u64
    }

    /// Takes in a group: its term, and the chain over its events, which is written into them.
    pub(crate) fn group(&mut self, term: u64, events: &mut [Event], stored: &[u8; 32]) -> Result<(), What> {
        if term < self.term {
            return Err(What::TermBackwards { found: term, before: self.term });
        }
        self.term = term;
        for event in events {
            event.link(&self.chain);
            self.chain = event.chain;
        }
        if self.chain == *stored { Ok(()) } else { Err(What::Chain) }
    }

    /// Takes in an event of the group just taken in.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), What> {
        if let Some(before) = self.time.filter(|before| event.time < *before) {
            return Err(What::TimeBackwards { found: event.time, before });
        }
        follow(self.revisions.entry(event.stream).or_default(), event.revision)
            .map_err(|expected| What::RevisionGap { found: event.revision, expected })?;
        follow(self.sequences.entry(event.tenant).or_default(), event.tenant_sequence)
            .map_err(|expected| What::TenantSequenceGap { found: event.tenant_sequence, expected })?;
        self.position = event.position;
        self.time = Some(event.time);
        Ok(())
    }
}

/// Goes on to the next number when that is the one found; otherwise says which it would be.
fn follow(last: &mut u64, found: u64) -> Result<(), u64> {
    *last += 1;
    if found == *last { Ok(()) } else { Err(*last) }
}
