//! What `decide` sees of an inbox is what its owner sees: `State` and `Projections` hold the same items.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use support::{Place, person_stream, published, record, tenant_stream};
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::{Position, TenantId};
use tidings_engine::item::{Filter, Mark};
use tidings_engine::limits::INBOX_ITEMS_MAX;
use tidings_engine::log::{Log, LogOptions, MemoryStorage, Record};
use tidings_engine::snapshot::Snapshots;
use tidings_engine::state::State;
use tidings_projections::Projections;

const PEOPLE: [u8; 2] = [1, 2];

/// One step of a script in which inboxes overflow. Numbers look back from the last event, or are thousands.
#[derive(Clone, Debug)]
enum Step {
    Observe(u8),
    PublishToAll(u64),
    PublishTo(Vec<u8>, u64),
    /// Takes back so many, one every few positions.
    Retract {
        count: u64,
        back: u64,
        every: u64,
    },
    Mark {
        person: Option<u8>,
        mark: Mark,
        back: Vec<u64>,
    },
    MarkAll {
        person: Option<u8>,
        mark: Mark,
        filter: Filter,
        back: u64,
    },
    Erase(u8),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let person = || prop::sample::select(PEOPLE.to_vec());
    let owner = || prop::option::weighted(0.7, person());
    let mark = || prop::sample::select(vec![Mark::Read, Mark::Seen, Mark::Unread, Mark::Archived, Mark::Deleted]);
    let few_or_many = || prop_oneof![2 => 1..20_u64, 1 => 500..4_000_u64];
    prop_oneof![
        2 => person().prop_map(Step::Observe),
        4 => few_or_many().prop_map(Step::PublishToAll),
        5 => (vec(person(), 1..3), few_or_many()).prop_map(|(people, count)| Step::PublishTo(people, count)),
        3 => (1..300_u64, 0..12_000_u64, 1..40_u64)
            .prop_map(|(count, back, every)| Step::Retract { count, back, every }),
        4 => (owner(), mark(), vec(0..12_000_u64, 1..60))
            .prop_map(|(person, mark, back)| Step::Mark { person, mark, back }),
        2 => (owner(), mark(), prop_oneof![Just(Filter::default()), support::script::filter()], 0..9_000_u64)
            .prop_map(|(person, mark, filter, back)| Step::MarkAll { person, mark, filter, back }),
        1 => person().prop_map(Step::Erase),
        3 => Just(Step::Look),
    ]
}

/// Both folds of one log, event by event.
#[derive(Default)]
struct Both {
    log: Vec<Recorded>,
    applied: usize,
    state: State,
    projections: Projections,
}

impl Both {
    fn back(&self, count: u64) -> Position {
        Position((self.log.len() as u64).saturating_sub(count))
    }

    fn publish(&mut self, audience: &Audience, count: u64) {
        for number in 0..count {
            let event = Event::NotificationPublished(published(audience.clone(), number));
            record(&mut self.log, 1, tenant_stream(1), event);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Observe(person) => {
                let event = Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() };
                record(&mut self.log, 1, person_stream(1, *person), event);
            }
            Step::PublishToAll(count) => self.publish(&Audience::Tenant, *count),
            Step::PublishTo(people, count) => {
                let people = people.iter().map(|person| person_stream(1, *person)).collect();
                self.publish(&Audience::People(people), *count);
            }
            Step::Retract { count, back, every } => {
                let from = self.back(*back).0;
                for number in 0..*count {
                    let notification = Position(from + number * every);
                    record(&mut self.log, 1, tenant_stream(1), Event::NotificationRetracted { notification });
                }
            }
            Step::Mark { person, mark, back } => {
                let items = back.iter().map(|back| self.back(*back)).collect();
                let place = Place { tenant: 1, person: *person };
                record(&mut self.log, 1, place.stream(), Event::ItemsMarked { mark: *mark, items });
            }
            Step::MarkAll { person, mark, filter, back } => {
                let up_to = self.back(*back);
                let place = Place { tenant: 1, person: *person };
                let event = Event::AllItemsMarked { mark: *mark, filter: filter.clone(), up_to };
                record(&mut self.log, 1, place.stream(), event);
            }
            Step::Erase(person) => {
                let subject = person_stream(1, *person);
                let event = Event::SubjectErased { subject, key: 1, fingerprint: [0; 16] };
                record(&mut self.log, 1, tenant_stream(1), event);
            }
            Step::Look => self.check(),
        }
        for recorded in &self.log[self.applied..] {
            self.state.apply(recorded);
            self.projections.apply(recorded).expect("in memory");
        }
        self.applied = self.log.len();
    }

    fn check(&mut self) {
        for person in PEOPLE.into_iter().map(Some).chain([None]) {
            let place = Place { tenant: 1, person };
            let page = self.projections.page(place.owner(), &Filter::default(), None, usize::MAX).expect("in memory");
            assert!(page.items.len() <= INBOX_ITEMS_MAX);
            // Wherever an inbox begins or an item is gone, both sides of the border are asked about.
            let oldest = page.items.last().map_or(0, |item| item.notification.0);
            let near = oldest.saturating_sub(20)..oldest + 20;
            let spread = (1..=self.log.len() as u64).step_by(self.log.len() / 150 + 1);
            for notification in near.chain(spread).map(Position) {
                let shown =
                    self.projections.item(place.owner(), notification).expect("in memory").map(|item| item.flags);
                let decided = self.state.item(TenantId(1), place.stream(), notification);
                assert_eq!(decided, shown, "{place:?} at {notification}");
            }
            for mark in [Mark::Read, Mark::Deleted, Mark::Archived] {
                let up_to = self.back(3_000);
                let would = self.state.would_mark(TenantId(1), place.stream(), mark, &Filter::default(), up_to);
                let changes = page.items.iter().any(|item| {
                    item.order_key <= up_to.0 && !item.flags.skipped_by_all(mark) && item.flags.with(mark) != item.flags
                });
                assert_eq!(would, changes, "{place:?} {mark:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_decide_sees_of_an_inbox_is_what_its_owner_sees(steps in vec(step(), 1..40)) {
        let mut both = Both::default();
        steps.iter().for_each(|step| both.step(step));
        both.check();
        let mut again = State::default();
        both.log.iter().for_each(|recorded| again.apply(recorded));
        prop_assert_eq!(again.digest(), both.state.digest());
    }
}

/// The events in a log, in groups.
fn logged(events: &[Recorded]) -> Log<MemoryStorage> {
    let (mut log, _) = Log::open(MemoryStorage::new(), LogOptions::default(), [9; 16]).expect("memory holds it");
    for group in events.chunks(500) {
        let record = |event: &Recorded| Record {
            envelope: event.envelope,
            facts: event.facts.encode(),
            content: event.content.clone(),
        };
        log.append(&group.iter().map(record).collect::<Vec<_>>()).expect("memory holds it");
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_state_from_a_snapshot_and_the_tail_is_that_of_the_whole_log(
        steps in vec(step(), 1..25),
        part in 0.0..1.0_f64,
    ) {
        let mut both = Both::default();
        steps.iter().filter(|step| !matches!(step, Step::Look)).for_each(|step| both.step(step));
        let log = logged(&both.log);
        let (before, tail) = both.log.split_at((both.log.len() as f64 * part) as usize);
        let mut saved = State::default();
        before.iter().for_each(|recorded| saved.apply(recorded));
        let snapshots = Snapshots::new(Arc::new(MemoryStorage::new()));
        snapshots.write(&saved, &log.reader()).expect("memory holds it");
        snapshots.read_ahead();
        let (found, ignored) = snapshots.newest(&log.reader());
        prop_assert!(ignored.is_empty());
        let mut found = found.expect("it was written just now");
        prop_assert_eq!(found.digest(), saved.digest());
        tail.iter().for_each(|recorded| found.apply(recorded));
        prop_assert_eq!(found.digest(), both.state.digest());
        // And what `decide` sees of it is what is shown, also beyond the digest.
        both.state = found;
        both.check();
    }
}

#[test]
fn an_item_that_dropped_off_is_not_found_by_decide_either() {
    let mut both = Both::default();
    both.step(&Step::Observe(1));
    both.step(&Step::PublishTo(vec![1], INBOX_ITEMS_MAX as u64));
    let (oldest, ada) = (Position(2), person_stream(1, 1));
    assert!(both.state.item(TenantId(1), ada, oldest).is_some());
    both.step(&Step::PublishToAll(1));
    assert_eq!(both.state.item(TenantId(1), ada, oldest), None);
    assert!(both.state.item(TenantId(1), ada, oldest.next()).is_some());
    both.step(&Step::Mark { person: Some(1), mark: Mark::Deleted, back: vec![10] });
    assert_eq!(both.state.item(TenantId(1), ada, oldest), None, "what dropped off does not come back");
    both.check();
}
