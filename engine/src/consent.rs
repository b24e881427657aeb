//! What people allow: a fold of the log, in the state and beside the inboxes, where it says what is pushed to whom.
//!
//! One rule says what of a person's inbox may be pushed: the consent of an item's category, else the one for all categories,
//! else what the tenant decided, which is that it may unless told. What a tenant calls critical is pushed whatever a person says.
//! What may not be pushed is *withheld*: it waits in the list.

#[cfg(test)]
mod tests;

use crate::event::{Channel, Event, Recorded, Setting};
use crate::ids::{Position, StreamId, Time};
use crate::limits::Limit;
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

/// What a tenant decides for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether nothing is pushed to people who said nothing.
    pub is_opt_in: bool,
    /// Categories whose items are pushed whatever a person says. Sorted, without doubles.
    pub critical: Vec<String>,
    /// Whether it is recorded what reached people's devices.
    pub records_delivered: bool,
}

/// Whose followers are shown something else since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Those of one person.
    Person(StreamId),
    /// Those of everybody of a tenant, by the tenant's stream.
    Tenant(StreamId),
}

/// What everybody said, and what their tenants decided.
#[derive(Clone, Debug, Default)]
pub struct Consents {
    people: BTreeMap<StreamId, OfPerson>,
    /// By their streams.
    tenants: BTreeMap<StreamId, OfTenant>,
    count: usize,
}

#[derive(Clone, Debug, Default)]
struct OfTenant {
    settings: Settings,
    /// The event since which what it decided about pushing is as it is.
    since: Position,
    /// How many consents its people have.
    count: usize,
}

#[derive(Clone, Debug)]
struct OfPerson {
    /// By its stream.
    tenant: StreamId,
    /// The event since which what is withheld is as it is.
    since: Position,
    /// One a channel and category.
    said: Vec<Consent>,
}

/// Stream, tenant, since; then channel, category, whether given, position and time of each.
pub(crate) type PersonRow = ([u8; 16], [u8; 16], u64, Vec<(u8, Option<String>, bool, u64, i64)>);

/// A tenant's stream, since when it is so, whether opt-in, critical categories, and whether deliveries are recorded.
pub(crate) type TenantRow = ([u8; 16], u64, bool, Vec<String>, bool);

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

impl OfTenant {
    /// Whether it never decided anything that is not so anyway.
    fn is_as_ever(&self) -> bool {
        self.since == Position::ZERO && self.settings == Settings::DEFAULT
    }
}

impl OfPerson {
    fn given(&self, channel: Channel, category: Option<&str>) -> Option<bool> {
        let one = self.said.iter().find(|one| one.channel == channel && one.category.as_deref() == category)?;
        Some(one.given)
    }
}

/// The one rule: whether an item of a category is withheld.
fn withholds(person: Option<&OfPerson>, settings: &Settings, category: Option<&str>) -> bool {
    if category.is_some_and(|category| settings.is_critical(category)) {
        return false;
    }
    let said = |category| person.and_then(|person| person.given(Channel::Realtime, category));
    let own = category.and_then(|category| said(Some(category)));
    !own.or_else(|| said(None)).unwrap_or(!settings.is_opt_in)
}

/// What stands for a tenant that decided nothing.
static NOTHING_DECIDED: Settings = Settings::DEFAULT;

impl Settings {
    const DEFAULT: Self = Self { is_opt_in: false, critical: Vec::new(), records_delivered: false };

    fn is_critical(&self, category: &str) -> bool {
        self.critical.binary_search_by(|critical| critical.as_str().cmp(category)).is_ok()
    }

    /// What is otherwise once this is so; nothing where it is so already.
    #[must_use]
    pub fn differs(&self, setting: &Setting) -> bool {
        match setting {
            Setting::Realtime { opt_in } => *opt_in != self.is_opt_in,
            Setting::Critical { categories } => *categories != self.critical,
            Setting::RecordDelivered { on } => *on != self.records_delivered,
        }
    }

    fn take(&mut self, setting: &Setting) {
        match setting {
            Setting::Realtime { opt_in } => self.is_opt_in = *opt_in,
            Setting::Critical { categories } => self.critical.clone_from(categories),
            Setting::RecordDelivered { on } => self.records_delivered = *on,
        }
    }
}

impl Consents {
    /// Applies an event, if it is about any of this; gives of whose inboxes something else may be withheld since.
    pub fn apply(&mut self, recorded: &Recorded) -> Option<Otherwise> {
        let (envelope, tenant) = (&recorded.envelope, recorded.envelope.stream);
        match &recorded.facts.event {
            Event::ConsentChanged { subject, channel, category, given, .. } => {
                let consent = Consent {
                    channel: *channel,
                    category: category.as_deref().map(Box::from),
                    given: *given,
                    position: envelope.position,
                    at: envelope.time,
                };
                let before = self.withheld(tenant, *subject);
                self.say(*subject, tenant, consent);
                let changed = self.withheld(tenant, *subject) != before;
                let person = self.people.get_mut(subject).filter(|_| changed)?;
                person.since = envelope.position;
                Some(Otherwise::Person(*subject))
            }
            Event::TenantSettingsChanged { settings } => {
                let of_tenant = self.tenants.entry(tenant).or_default();
                let is_about_pushing = |setting: &&Setting| !matches!(setting, Setting::RecordDelivered { .. });
                let mut about_pushing = settings.iter().filter(is_about_pushing);
                let differs = about_pushing.any(|setting| of_tenant.settings.differs(setting));
                settings.iter().for_each(|setting| of_tenant.settings.take(setting));
                if !differs {
                    return None;
                }
                of_tenant.since = envelope.position;
                Some(Otherwise::Tenant(tenant))
            }
            Event::SubjectErased { subject, .. } => {
                self.forget(*subject);
                None
            }
            _ => None,
        }
    }

    fn say(&mut self, subject: StreamId, tenant: StreamId, consent: Consent) {
        let person = self.people.entry(subject);
        let person = person.or_insert_with(|| OfPerson { tenant, since: Position::ZERO, said: Vec::with_capacity(1) });
        let same = |one: &&mut Consent| one.channel == consent.channel && one.category == consent.category;
        match person.said.iter_mut().find(same) {
            Some(one) => *one = consent,
            None => {
                person.said.push(consent);
                self.tenants.entry(person.tenant).or_default().count += 1;
                self.count += 1;
            }
        }
    }

    fn forget(&mut self, subject: StreamId) {
        let Some(gone) = self.people.remove(&subject) else { return };
        self.count -= gone.said.len();
        if let Some(tenant) = self.tenants.get_mut(&gone.tenant) {
            tenant.count -= gone.said.len();
            if tenant.count == 0 && tenant.is_as_ever() {
                self.tenants.remove(&gone.tenant);
            }
        }
    }

    /// What a tenant decided, by its stream.
    #[must_use]
    pub fn settings(&self, tenant: StreamId) -> &Settings {
        self.tenants.get(&tenant).map_or(&NOTHING_DECIDED, |tenant| &tenant.settings)
    }

    /// What of a person's inbox is withheld; `None`: nothing. Tenants are named by their streams.
    #[must_use]
    pub fn withheld(&self, tenant: StreamId, subject: StreamId) -> Option<Withheld> {
        let (person, settings) = (self.people.get(&subject), self.settings(tenant));
        let is_rest = withholds(person, settings, None);
        let said = person.into_iter().flat_map(|person| &person.said).filter_map(|one| one.category.as_deref());
        let mut named: Vec<&str> = said.chain(settings.critical.iter().map(String::as_str)).collect();
        named.sort_unstable();
        named.dedup();
        let named = named.into_iter().filter(|category| withholds(person, settings, Some(category)) != is_rest);
        let withheld = Withheld::new(is_rest, named.map(Box::from));
        (withheld.is_rest || !withheld.named.is_empty()).then_some(withheld)
    }

    /// Whether an item of this category is withheld from a person. Allocates nothing.
    #[must_use]
    pub fn withholds(&self, tenant: StreamId, subject: StreamId, category: Option<&str>) -> bool {
        withholds(self.people.get(&subject), self.settings(tenant), category)
    }

    /// The event since which what is withheld from a person is as it is; 0 where it never was otherwise. Whoever followed the
    /// inbox until before it was shown something else.
    #[must_use]
    pub fn since(&self, tenant: StreamId, subject: StreamId) -> Position {
        let of_person = self.people.get(&subject).map(|person| person.since);
        of_person.max(self.tenants.get(&tenant).map(|tenant| tenant.since)).unwrap_or_default()
    }

    /// What a person said, in the order in which they first spoke of it.
    pub fn of(&self, subject: StreamId) -> impl Iterator<Item = &Consent> {
        self.people.get(&subject).into_iter().flat_map(|person| &person.said)
    }

    /// Whether nobody said anything, and no tenant decided anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.tenants.is_empty()
    }

    /// Whether a person has said exactly this last.
    #[must_use]
    pub fn is_said(&self, subject: StreamId, channel: Channel, category: Option<&str>, given: bool) -> bool {
        self.people.get(&subject).and_then(|person| person.given(channel, category)) == Some(given)
    }

    /// Whether there is room for what a person says of a channel and category.
    pub(crate) fn has_room(
        &self,
        tenant: StreamId,
        subject: StreamId,
        channel: Channel,
        category: Option<&str>,
    ) -> Result<(), Rejection> {
        let person = self.people.get(&subject);
        if person.is_some_and(|person| person.given(channel, category).is_some()) {
            return Ok(());
        }
        let of_person = person.map_or(0, |person| person.said.len());
        let of_tenant = self.tenants.get(&tenant).map_or(0, |tenant| tenant.count);
        let counts = [
            (of_person, Limit::ConsentsPersonMax),
            (of_tenant, Limit::ConsentsTenantMax),
            (self.count, Limit::ConsentsNodeMax),
        ];
        for (found, limit) in counts {
            let (found, allowed) = (found as u64 + 1, limit.describe().default);
            if found > allowed {
                return Err(Rejection::TooLarge { limit, field: "consents", found, allowed, unit: "together" });
            }
        }
        Ok(())
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

    /// Every tenant that decided something, as rows of a snapshot.
    pub(crate) fn tenant_rows(&self) -> impl Iterator<Item = TenantRow> {
        let decided = self.tenants.iter().filter(|(_, tenant)| !tenant.is_as_ever());
        decided.map(|(stream, OfTenant { settings, since, .. })| {
            (stream.0, since.0, settings.is_opt_in, settings.critical.clone(), settings.records_delivered)
        })
    }

    /// Takes in the row of a tenant.
    pub(crate) fn restore_tenant(&mut self, (tenant, since, is_opt_in, critical, records_delivered): TenantRow) {
        let tenant = self.tenants.entry(StreamId(tenant)).or_default();
        (tenant.since, tenant.settings) = (Position(since), Settings { is_opt_in, critical, records_delivered });
    }

    /// Takes in the row of a person; `None`: it is none.
    pub(crate) fn restore(&mut self, (subject, tenant, since, said): PersonRow) -> Option<()> {
        let (subject, tenant) = (StreamId(subject), StreamId(tenant));
        for (channel, category, given, position, at) in said {
            let channel = Channel::ALL.into_iter().find(|known| *known as u8 == channel)?;
            let (category, position, at) = (category.map(Box::from), Position(position), Time(at));
            self.say(subject, tenant, Consent { channel, category, given, position, at });
        }
        self.people.get_mut(&subject)?.since = Position(since);
        Some(())
    }
}
