//! What people allow: a fold of the log, in the state and beside the inboxes, where it says what is pushed to whom.
//!
//! One rule says what of a person's inbox may be pushed: the consent of an item's category, else the one for all categories,
//! else what stands for the tenant, which is that it may. What may not is *withheld*: it waits in the list.

#[cfg(test)]
mod tests;

use crate::event::{Channel, Event, Recorded};
use crate::ids::{Position, StreamId, TenantId, Time};
use crate::limits::{CONSENTS_NODE_MAX, CONSENTS_PERSON_MAX, CONSENTS_TENANT_MAX};
use crate::rejection::Rejection;
use std::collections::BTreeMap;

/// What one person said last of one channel and category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What is allowed or not.
    pub channel: Channel,
    /// For which category; for all others when absent.
    pub category: Option<Box<str>>,
    /// Whether it is allowed.
    pub given: bool,
    /// The event that said so.
    pub position: Position,
    /// When that was.
    pub at: Time,
}

/// What everybody said.
#[derive(Clone, Debug, Default)]
pub struct Consents {
    people: BTreeMap<StreamId, OfPerson>,
    of_tenants: BTreeMap<TenantId, usize>,
    count: usize,
}

#[derive(Clone, Debug)]
struct OfPerson {
    tenant: TenantId,
    /// The event since which what is withheld is as it is.
    since: Position,
    /// One a channel and category.
    said: Vec<Consent>,
}

/// Stream, tenant, since; then channel, category, whether given, position and time of each.
pub(crate) type PersonRow = ([u8; 16], u32, u64, Vec<(u8, Option<String>, bool, u64, i64)>);

/// What of a person's inbox is not pushed. Something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Whether everything is but the named categories; else they alone are.
    is_rest: bool,
    named: Vec<Box<str>>,
}

impl Withheld {
    /// What is withheld of items: everything but these categories, or these categories alone.
    #[must_use]
    pub fn new(is_rest: bool, named: impl IntoIterator<Item = Box<str>>) -> Self {
        Self { is_rest, named: named.into_iter().collect() }
    }

    /// Whether an item of this category is not pushed.
    #[must_use]
    pub fn withholds(&self, category: Option<&str>) -> bool {
        self.is_rest != category.is_some_and(|category| self.named.iter().any(|named| **named == *category))
    }

    /// Whether everything is withheld but [`Withheld::named`]; else those alone are.
    #[must_use]
    pub const fn is_rest(&self) -> bool {
        self.is_rest
    }

    /// The categories for which it is the other way round than for the rest.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|category| &**category)
    }
}

impl OfPerson {
    fn given(&self, channel: Channel, category: Option<&str>) -> Option<bool> {
        let one = self.said.iter().find(|one| one.channel == channel && one.category.as_deref() == category)?;
        Some(one.given)
    }

    fn withholds(&self, category: Option<&str>) -> bool {
        let own = category.and_then(|category| self.given(Channel::Realtime, Some(category)));
        !own.or_else(|| self.given(Channel::Realtime, None)).unwrap_or(true)
    }

    fn withheld(&self) -> Option<Withheld> {
        let is_rest = self.withholds(None);
        let of_realtime = self.said.iter().filter(|one| one.channel == Channel::Realtime);
        let named = of_realtime.filter(|one| one.given == is_rest).filter_map(|one| one.category.clone());
        let withheld = Withheld::new(is_rest, named);
        (withheld.is_rest || !withheld.named.is_empty()).then_some(withheld)
    }
}

impl Consents {
    /// Applies an event, if it is about any of this; gives the person of whose inbox something else is withheld since.
    pub fn apply(&mut self, recorded: &Recorded) -> Option<StreamId> {
        let envelope = &recorded.envelope;
        match &recorded.facts.event {
            Event::ConsentChanged { subject, channel, category, given, .. } => {
                let consent = Consent {
                    channel: *channel,
                    category: category.as_deref().map(Box::from),
                    given: *given,
                    position: envelope.position,
                    at: envelope.time,
                };
                let before = self.withheld(*subject);
                self.say(*subject, envelope.tenant, consent);
                let changed = self.withheld(*subject) != before;
                let person = self.people.get_mut(subject).filter(|_| changed)?;
                person.since = envelope.position;
                Some(*subject)
            }
            Event::SubjectErased { subject, .. } => {
                self.forget(*subject);
                None
            }
            _ => None,
        }
    }

    fn say(&mut self, subject: StreamId, tenant: TenantId, consent: Consent) {
        let person = self.people.entry(subject);
        let person = person.or_insert_with(|| OfPerson { tenant, since: Position::ZERO, said: Vec::with_capacity(1) });
        let same = |one: &&mut Consent| one.channel == consent.channel && one.category == consent.category;
        match person.said.iter_mut().find(same) {
            Some(one) => *one = consent,
            None => {
                person.said.push(consent);
                *self.of_tenants.entry(person.tenant).or_default() += 1;
                self.count += 1;
            }
        }
    }

    fn forget(&mut self, subject: StreamId) {
        let Some(gone) = self.people.remove(&subject) else { return };
        self.count -= gone.said.len();
        if let Some(count) = self.of_tenants.get_mut(&gone.tenant) {
            *count -= gone.said.len();
        }
    }

    /// What of a person's inbox is withheld; `None`: nothing.
    #[must_use]
    pub fn withheld(&self, subject: StreamId) -> Option<Withheld> {
        self.people.get(&subject)?.withheld()
    }

    /// Whether an item of this category is withheld from a person. Allocates nothing.
    #[must_use]
    pub fn withholds(&self, subject: StreamId, category: Option<&str>) -> bool {
        self.people.get(&subject).is_some_and(|person| person.withholds(category))
    }

    /// The event since which what is withheld from a person is as it is; 0 where it never was otherwise. Whoever followed the
    /// inbox until before it was shown something else.
    #[must_use]
    pub fn since(&self, subject: StreamId) -> Position {
        self.people.get(&subject).map_or(Position::ZERO, |person| person.since)
    }

    /// What a person said, in the order in which they first spoke of it.
    pub fn of(&self, subject: StreamId) -> impl Iterator<Item = &Consent> {
        self.people.get(&subject).into_iter().flat_map(|person| &person.said)
    }

    /// Whether nobody said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether a person has said exactly this last.
    #[must_use]
    pub fn is_said(&self, subject: StreamId, channel: Channel, category: Option<&str>, given: bool) -> bool {
        self.people.get(&subject).and_then(|person| person.given(channel, category)) == Some(given)
    }

    /// Whether there is room for what a person says of a channel and category.
    pub(crate) fn has_room(
        &self,
        tenant: TenantId,
        subject: StreamId,
        channel: Channel,
        category: Option<&str>,
    ) -> Result<(), Rejection> {
        let person = self.people.get(&subject);
        if person.is_some_and(|person| person.given(channel, category).is_some()) {
            return Ok(());
        }
        let of_person = person.map_or(0, |person| person.said.len());
        let of_tenant = self.of_tenants.get(&tenant).copied().unwrap_or_default();
        let counts =
            [(of_person, CONSENTS_PERSON_MAX), (of_tenant, CONSENTS_TENANT_MAX), (self.count, CONSENTS_NODE_MAX)];
        match counts.into_iter().find(|(found, allowed)| found >= allowed) {
            None => Ok(()),
            Some((found, allowed)) => {
                let (found, allowed) = (found as u64 + 1, allowed as u64);
                Err(Rejection::TooLarge { field: "consents", found, allowed, unit: "together" })
            }
        }
    }

    /// Everybody, as rows of a snapshot in the order of their streams.
    pub(crate) fn rows(&self) -> impl Iterator<Item = PersonRow> {
        self.people.iter().map(|(subject, person)| {
            let said = person.said.iter().map(|one| {
                let category = one.category.as_deref().map(str::to_owned);
                (one.channel as u8, category, one.given, one.position.0, one.at.0)
            });
            (subject.0, person.tenant.0, person.since.0, said.collect())
        })
    }

    /// Takes in a row; `None`: it is none.
    pub(crate) fn restore(&mut self, (subject, tenant, since, said): PersonRow) -> Option<()> {
        let (subject, tenant) = (StreamId(subject), TenantId(tenant));
        for (channel, category, given, position, at) in said {
            let channel = Channel::ALL.into_iter().find(|known| *known as u8 == channel)?;
            let (category, position, at) = (category.map(Box::from), Position(position), Time(at));
            self.say(subject, tenant, Consent { channel, category, given, position, at });
        }
        self.people.get_mut(&subject)?.since = Position(since);
        Some(())
    }
}
