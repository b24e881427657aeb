use super::{Place, person_stream, published, record, tenant_stream};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::{Position, StreamId, Time};
use tidings_engine::item::{Filter, Mark};
use tidings_wire::Severity;

pub const TENANTS: [u32; 2] = [1, 2];
pub const PEOPLE: [u8; 3] = [1, 2, 3];

/// Every inbox of the scripts.
pub fn places() -> impl Iterator<Item = Place> {
    TENANTS.into_iter().flat_map(|tenant| {
        let people = PEOPLE.into_iter().map(Some).chain([None]);
        people.map(move |person| Place { tenant, person })
    })
}

/// One step of a script. Numbers choose among what there is when the step comes.
#[derive(Clone, Debug)]
pub enum Step {
    Observe(Place),
    PublishTo {
        tenant: u32,
        people: Vec<u8>,
        number: u64,
    },
    PublishToAll {
        tenant: u32,
        count: u8,
        number: u64,
    },
    Retract {
        tenant: u32,
        back: u64,
    },
    Mark {
        place: Place,
        mark: Mark,
        back: Vec<u64>,
    },
    MarkAll {
        place: Place,
        mark: Mark,
        filter: Filter,
        back: u64,
    },
    /// Asks one inbox, which appends nothing.
    Look(Place),
}

fn place() -> impl Strategy<Value = Place> {
    let person = option::weighted(0.8, prop::sample::select(PEOPLE.to_vec()));
    (prop::sample::select(TENANTS.to_vec()), person).prop_map(|(tenant, person)| Place { tenant, person })
}

fn mark() -> impl Strategy<Value = Mark> {
    prop::sample::select(vec![
        Mark::Seen,
        Mark::Unseen,
        Mark::Read,
        Mark::Unread,
        Mark::Archived,
        Mark::Unarchived,
        Mark::Deleted,
    ])
}

/// Any filter, most parts absent.
pub fn filter() -> impl Strategy<Value = Filter> {
    let state = || option::weighted(0.3, any::<bool>());
    let tag = (0..4_u8).prop_map(|tag| format!("tag-{tag}"));
    let tags = vec(vec(tag, 0..3), 0..3);
    let severities = vec![Severity::High, Severity::Medium, Severity::Low, Severity::None];
    let severity = vec(prop::sample::select(severities), 0..3);
    let category = option::weighted(0.2, (0..4_u8).prop_map(|number| format!("category-{number}")));
    let moment = || option::weighted(0.2, (0..100_i64).prop_map(|s| Time(super::START_MS).plus(s * 1_000)));
    let rare = prop_oneof![3 => Just(None), 1 => (tags, severity, category).prop_map(Some)];
    let states = (state(), state(), state(), option::weighted(0.1, any::<bool>()));
    (states, rare, moment(), moment()).prop_map(|(states, rare, created_from, created_to)| {
        let (read, seen, archived, snoozed) = states;
        let (tags, severity, category) = rare.unwrap_or_default();
        Filter { read, seen, archived, snoozed, tags, severity, category, created_from, created_to }
    })
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let tenant = || prop::sample::select(TENANTS.to_vec());
    let people = vec(prop::sample::select(PEOPLE.to_vec()), 1..4);
    prop_oneof![
        1 => place().prop_map(Step::Observe),
        4 => (tenant(), people, any::<u64>()).prop_map(|(tenant, people, number)| Step::PublishTo { tenant, people, number }),
        3 => (tenant(), prop_oneof![9 => 1..4_u8, 1 => 30..90_u8], any::<u64>())
            .prop_map(|(tenant, count, number)| Step::PublishToAll { tenant, count, number }),
        1 => (tenant(), 0..20_u64).prop_map(|(tenant, back)| Step::Retract { tenant, back }),
        5 => (place(), mark(), vec(0..20_u64, 1..5)).prop_map(|(place, mark, back)| Step::Mark { place, mark, back }),
        2 => (place(), mark(), prop_oneof![Just(Filter::default()), filter()], prop_oneof![3 => Just(0), 1 => 1..30_u64])
            .prop_map(|(place, mark, filter, back)| Step::MarkAll { place, mark, filter, back }),
        2 => place().prop_map(Step::Look),
    ]
}

/// A script's log, and after which of its events somebody looks where.
#[derive(Debug, Default)]
pub struct Played {
    pub log: Vec<Recorded>,
    pub looks: Vec<(usize, Place)>,
}

/// The events of a script.
pub fn play(steps: &[Step]) -> Played {
    let mut played = Played::default();
    for step in steps {
        played.step(step);
    }
    played
}

impl Played {
    pub fn step(&mut self, step: &Step) {
        let log = &mut self.log;
        let before = |back: u64| Position((log.len() as u64 + 1).saturating_sub(back));
        match step {
            Step::Observe(place) => {
                let event = Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() };
                if place.person.is_some() {
                    record(log, place.tenant, place.stream(), event);
                }
            }
            Step::PublishTo { tenant, people, number } => {
                let people: Vec<StreamId> = people.iter().map(|person| person_stream(*tenant, *person)).collect();
                let event = Event::NotificationPublished(published(Audience::People(people), *number));
                record(log, *tenant, tenant_stream(*tenant), event);
            }
            Step::PublishToAll { tenant, count, number } => {
                for index in 0..u64::from(*count) {
                    let published = published(Audience::Tenant, number.wrapping_add(index));
                    record(log, *tenant, tenant_stream(*tenant), Event::NotificationPublished(published));
                }
            }
            Step::Retract { tenant, back } => {
                let notification = before(*back);
                record(log, *tenant, tenant_stream(*tenant), Event::NotificationRetracted { notification });
            }
            Step::Mark { place, mark, back } => {
                let items = back.iter().map(|back| before(*back)).collect();
                record(log, place.tenant, place.stream(), Event::ItemsMarked { mark: *mark, items });
            }
            Step::MarkAll { place, mark, filter, back } => {
                let event = Event::AllItemsMarked { mark: *mark, filter: filter.clone(), up_to: before(*back) };
                record(log, place.tenant, place.stream(), event);
            }
            Step::Look(place) => self.looks.push((log.len(), *place)),
        }
    }
}
