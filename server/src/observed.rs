//! Whose roles and topics are on record as they are now, so that a read need not ask the writer again.

use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashMap;
use tidings_engine::grant::Grant;
use tidings_engine::ids::StreamId;

/// Most people that are remembered: 100,000. Whoever is forgotten is asked about again, which changes nothing.
const PEOPLE_COUNT_MAX: usize = 100_000;

/// What this node has had recorded last, by person.
#[derive(Debug, Default)]
pub struct Observed {
    people: HashMap<StreamId, [u8; 32]>,
}

impl Observed {
    /// Whether exactly these roles and topics were recorded last.
    #[must_use]
    pub fn is_known(&self, grant: &Grant) -> bool {
        self.people.get(&grant.stream) == Some(&standing(grant))
    }

    /// They are recorded now.
    pub fn insert(&mut self, grant: &Grant) {
        if self.people.len() >= PEOPLE_COUNT_MAX {
            self.people.clear();
        }
        self.people.insert(grant.stream, standing(grant));
    }

    /// They may have been recorded otherwise.
    pub fn forget(&mut self, person: StreamId) {
        self.people.remove(&person);
    }
}

fn standing(grant: &Grant) -> [u8; 32] {
    let standing = format!("{:?}{:?}", grant.roles, grant.topics);
    digest(&SHA256, standing.as_bytes()).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
