//! What reached people's devices, where their tenants have it recorded: acknowledgements become at most one event a minute and
//! inbox, however many devices acknowledge however often.
//!
//! Two halves keep that: [`Deliveries`] gathers what the sessions of a node are told and says when something is due, and
//! [`Delivered`], a fold of the log, is what `decide` holds each against, so that neither a second node nor a restart is a way
//! around. What a server has gathered and not recorded when it ends is not recorded.

#[cfg(test)]
mod tests;

use crate::grant::Grant;
use crate::ids::{Position, StreamId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Least time between two records of one inbox: a minute.
pub const DELIVERED_MS_MIN: i64 = 60_000;

/// What was recorded last of each person.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    people: BTreeMap<StreamId, (Position, Time)>,
}

/// A person's stream, up to which event, and when that was recorded.
pub(crate) type DeliveredRow = ([u8; 16], u64, i64);

impl Delivered {
    pub(crate) fn note(&mut self, person: StreamId, up_to: Position, time: Time) {
        self.people.insert(person, (up_to, time));
    }

    pub(crate) fn forget(&mut self, person: StreamId) {
        self.people.remove(&person);
    }

    /// Whether it would be news, and a minute after the last.
    pub(crate) fn is_due(&self, person: StreamId, up_to: Position, time: Time) -> bool {
        let last = self.people.get(&person);
        last.is_none_or(|(known, last)| up_to > *known && time.since(*last) >= DELIVERED_MS_MIN)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = DeliveredRow> {
        self.people.iter().map(|(person, (up_to, time))| (person.0, up_to.0, time.0))
    }

    pub(crate) fn restore(&mut self, (person, up_to, time): DeliveredRow) {
        self.note(StreamId(person), Position(up_to), Time(time));
    }
}

/// What the sessions of a node were told and is not recorded yet.
#[derive(Debug, Default)]
pub struct Deliveries {
    people: BTreeMap<StreamId, Gathered>,
    due: BTreeSet<(Time, StreamId)>,
}

/// What is known of one person. It is forgotten a minute after nothing is owed any more.
#[derive(Debug)]
struct Gathered {
    /// What waits to be recorded, and as whom.
    owed: Option<(Arc<Grant>, Position)>,
    /// Up to which event it was told that something is due.
    told: Position,
    /// Not before this moment.
    not_before: Time,
    /// When something is due, or it is to be forgotten.
    at: Time,
}

impl Deliveries {
    /// A device of the grant's holder has everything up to an event. It is due in a minute, with all that comes until then.
    pub fn acknowledged(&mut self, grant: Arc<Grant>, up_to: Position, now: Time) {
        let person = grant.stream;
        let at = now.plus(DELIVERED_MS_MIN);
        let gathered = self.people.entry(person).or_insert_with(|| {
            self.due.insert((at, person));
            Gathered { owed: None, told: Position::ZERO, not_before: now, at }
        });
        match &mut gathered.owed {
            Some((_, owed)) => *owed = up_to.max(*owed),
            None if up_to > gathered.told => {
                gathered.owed = Some((grant, up_to));
                let at = at.max(gathered.not_before);
                self.set(person, at);
            }
            None => {}
        }
    }

    /// A session of a person ended: what is owed is due as soon as it may be.
    pub fn closed(&mut self, person: StreamId, now: Time) {
        let Some(gathered) = self.people.get(&person).filter(|gathered| gathered.owed.is_some()) else { return };
        let at = gathered.not_before.max(now).min(gathered.at);
        self.set(person, at);
    }

    fn set(&mut self, person: StreamId, at: Time) {
        let Some(gathered) = self.people.get_mut(&person) else { return };
        self.due.remove(&(gathered.at, person));
        gathered.at = at;
        self.due.insert((at, person));
    }

    /// When [`Deliveries::due`] is to be asked next; `None`: nothing is gathered.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next that is due at `now`: who has everything up to which event.
    pub fn due(&mut self, now: Time) -> Option<(Arc<Grant>, Position)> {
        while let Some((_, person)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            let Some(gathered) = self.people.get_mut(&person) else {
                self.due.pop_first();
                continue;
            };
            let Some((grant, up_to)) = gathered.owed.take() else {
                self.due.pop_first();
                self.people.remove(&person);
                continue;
            };
            (gathered.told, gathered.not_before) = (up_to, now.plus(DELIVERED_MS_MIN));
            let at = gathered.not_before;
            self.set(person, at);
            return Some((grant, up_to));
        }
        None
    }
}
