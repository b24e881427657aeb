//! Inboxes at their limits: full ones, forgotten removals, long absences.

mod support;

use support::follower::Follower;
use support::naive::Naive;
use support::{Place, known, person_stream, published, record, tenant_stream};
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::Position;
use tidings_engine::item::{Filter, Mark};
use tidings_engine::limits::{INBOX_ITEMS_MAX, TOMBSTONES_COUNT_MAX};
use tidings_projections::{ChangePlace, Changes, Delta, DeltaChange, Projections, ResyncReason, Target};

const ADA: Place = Place { tenant: 1, person: Some(1) };
const TENANT: Place = Place { tenant: 1, person: None };

fn observe(log: &mut Vec<Recorded>) -> Position {
    record(log, 1, ADA.stream(), Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() })
}

fn publish(log: &mut Vec<Recorded>, audience: Audience) -> Position {
    let number = log.len() as u64;
    record(log, 1, tenant_stream(1), Event::NotificationPublished(published(audience, number)))
}

fn publish_to_ada(log: &mut Vec<Recorded>) -> Position {
    publish(log, Audience::People(vec![person_stream(1, 1)]))
}

fn mark(log: &mut Vec<Recorded>, mark: Mark, items: Vec<Position>) -> Position {
    record(log, 1, ADA.stream(), Event::ItemsMarked { mark, items })
}

fn mark_all(log: &mut Vec<Recorded>, place: Place, mark: Mark) -> Position {
    let up_to = Position(log.len() as u64 + 1);
    record(log, 1, place.stream(), Event::AllItemsMarked { mark, filter: Filter::default(), up_to })
}

fn folded(log: &[Recorded]) -> Projections {
    let mut projections = Projections::new();
    log.iter().for_each(|recorded| projections.apply(recorded).expect("in memory"));
    projections
}

fn check(projections: &mut Projections, log: &[Recorded], place: Place) {
    let naive = Naive::of(log, place);
    assert_eq!(projections.counts(place.owner()).expect("in memory"), naive.counts());
    let page = projections.page(place.owner(), &Filter::default(), None, usize::MAX).expect("in memory");
    assert_eq!(page.items, naive.matching(&Filter::default()));
}

#[test]
fn a_full_inbox_shows_the_newest_and_tells_its_follower_what_dropped_off() {
    let mut log = Vec::new();
    observe(&mut log);
    for index in 0..INBOX_ITEMS_MAX - 1 {
        let audience = if index % 2 == 0 { Audience::Tenant } else { Audience::People(vec![ADA.stream()]) };
        publish(&mut log, audience);
    }
    let mut projections = folded(&log);
    let mut follower = Follower::snapshot(&mut projections, ADA.owner());
    assert_eq!(follower.items.len(), INBOX_ITEMS_MAX - 1);
    assert!(!projections.may_overflow(ADA.owner()));
    let deleted = Position(INBOX_ITEMS_MAX as u64 - 3);
    for step in 0..5 {
        match step {
            2 => mark(&mut log, Mark::Deleted, vec![deleted]),
            _ => publish_to_ada(&mut log),
        };
        let mut deltas = Vec::new();
        projections
            .apply_live(log.last().unwrap(), &|target| target == Target::User(ADA.stream()), &mut deltas)
            .expect("in memory");
        assert_eq!(deltas.len(), 1);
        assert_eq!(deltas[0].dropped.is_some(), matches!(step, 1 | 4), "step {step}");
        follower.receive(&deltas[0], ADA);
        check(&mut projections, &log, ADA);
    }
    assert!(projections.may_overflow(ADA.owner()));
    assert_eq!(follower.items, Follower::snapshot(&mut projections, ADA.owner()).items);
    assert_eq!(projections.digest().expect("in memory"), folded(&log).digest().expect("in memory"));
}

#[test]
fn who_was_away_for_longer_than_removals_are_remembered_starts_over() {
    let mut log = Vec::new();
    observe(&mut log);
    let count = TOMBSTONES_COUNT_MAX + 10;
    let items: Vec<_> = (0..count).map(|_| publish_to_ada(&mut log)).collect();
    let before = ChangePlace::at(Position(log.len() as u64));
    for item in &items[..TOMBSTONES_COUNT_MAX] {
        mark(&mut log, Mark::Deleted, vec![*item]);
    }
    let mut projections = folded(&log);
    let Changes::Page { changes, done: true, .. } =
        projections.changes(ADA.owner(), before, usize::MAX).expect("in memory")
    else {
        panic!("as many removals as are remembered were not told");
    };
    assert_eq!(changes.len(), TOMBSTONES_COUNT_MAX);

    let one_more = mark(&mut log, Mark::Deleted, vec![items[TOMBSTONES_COUNT_MAX]]);
    let first_removal = Position(before.position.0 + 1);
    projections.apply(log.last().unwrap()).expect("in memory");
    let resync = Changes::Resync(ResyncReason::TooFarBehind);
    assert_eq!(projections.changes(ADA.owner(), before, 9).expect("in memory"), resync);
    let after_first = ChangePlace::at(first_removal);
    assert!(matches!(projections.changes(ADA.owner(), after_first, 9).expect("in memory"), Changes::Page { .. }));
    let ahead = ChangePlace::at(one_more.next());
    assert_eq!(
        projections.changes(ADA.owner(), ahead, 9).expect("in memory"),
        Changes::Resync(ResyncReason::AheadOfTheLog)
    );
}

#[test]
fn removing_many_at_once_keeps_the_place_of_what_is_forgotten() {
    let mut log = Vec::new();
    observe(&mut log);
    (0..400).for_each(|_| {
        publish_to_ada(&mut log);
    });
    let before = ChangePlace::at(Position(log.len() as u64));
    let removal = mark_all(&mut log, ADA, Mark::Deleted);
    let mut projections = folded(&log);
    check(&mut projections, &log, ADA);
    assert_eq!(
        projections.changes(ADA.owner(), before, 9).expect("in memory"),
        Changes::Resync(ResyncReason::TooFarBehind)
    );
    let within = ChangePlace { position: before.position, place: 300 };
    assert_eq!(
        projections.changes(ADA.owner(), within, 9).expect("in memory"),
        Changes::Resync(ResyncReason::TooFarBehind)
    );
    let next = ChangePlace::at(removal);
    assert_eq!(
        projections.changes(ADA.owner(), next, 9).expect("in memory"),
        Changes::Page { changes: Vec::new(), next, done: true }
    );
}

#[test]
fn an_item_that_is_removed_right_after_it_was_told_does_not_stay_with_the_follower() {
    let mut log = Vec::new();
    let start = ChangePlace::at(observe(&mut log));
    let first = publish_to_ada(&mut log);
    publish_to_ada(&mut log);
    let mut projections = folded(&log);
    let mut follower = Follower::default();
    let (since, done) = follower.catch_up(&projections.changes(ADA.owner(), start, 1).expect("in memory")).unwrap();
    assert!(!done && follower.items.contains_key(&first));
    mark(&mut log, Mark::Deleted, vec![first]);
    projections.apply(log.last().unwrap()).expect("in memory");
    follower.catch_up(&projections.changes(ADA.owner(), since, 9).expect("in memory")).unwrap();
    assert_eq!(follower.items, Follower::snapshot(&mut projections, ADA.owner()).items);
}

/// Whoever never looks takes over only what still matters; whoever always looks takes over everything.
#[test]
fn a_long_absence_ends_in_the_same_inbox_as_none() {
    let mut log = Vec::new();
    observe(&mut log);
    for index in 0..4 * INBOX_ITEMS_MAX + 5_000 {
        match index % 50 {
            7 => {
                let notification = Position(log.len() as u64 - 3);
                record(&mut log, 1, tenant_stream(1), Event::NotificationRetracted { notification });
            }
            8 => {
                publish_to_ada(&mut log);
            }
            _ => {
                publish(&mut log, Audience::Tenant);
            }
        }
    }
    let mut away = folded(&log);
    let mut present = Projections::new();
    for recorded in &log {
        present.apply(recorded).expect("in memory");
        present.counts(ADA.owner()).expect("in memory");
        present.count(TENANT.owner(), &Filter::default()).expect("in memory");
    }
    assert_eq!(present.digest().expect("in memory"), away.digest().expect("in memory"));
    check(&mut away, &log, ADA);
    check(&mut away, &log, TENANT);
}

#[test]
fn a_publish_to_the_tenant_is_told_once_whoever_has_an_inbox() {
    let mut log = Vec::new();
    observe(&mut log);
    for person in 2..50 {
        let event = Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() };
        record(&mut log, 1, person_stream(1, person), event);
    }
    let notification = publish(&mut log, Audience::Tenant);
    mark_all(&mut log, TENANT, Mark::Read);
    let mut projections = Projections::new();
    let mut deltas: Vec<Delta> = Vec::new();
    log.iter().for_each(|recorded| projections.apply_live(recorded, &|_| true, &mut deltas).expect("in memory"));
    let targets: Vec<_> = deltas.iter().map(|delta| (delta.target, delta.counts.is_some())).collect();
    let (audience, inbox) = (Target::TenantAudience(tenant_stream(1)), Target::TenantInbox(tenant_stream(1)));
    assert_eq!(targets, [(audience, false), (inbox, true), (inbox, true)]);
    let of_everyone = projections.item(ADA.owner(), notification).expect("in memory").unwrap();
    let DeltaChange::Added(told) = &deltas[0].change else { panic!("not added") };
    assert_eq!(known(told), known(&of_everyone));
    assert_eq!(projections.counts(TENANT.owner()).expect("in memory").unread, 0);
    assert_eq!(projections.counts(ADA.owner()).expect("in memory").unread, 1, "the tenant inbox has marks of its own");
}

#[test]
fn what_was_published_before_someone_was_first_seen_is_not_theirs() {
    let mut log = Vec::new();
    publish(&mut log, Audience::Tenant);
    observe(&mut log);
    let theirs = publish(&mut log, Audience::Tenant);
    record(&mut log, 2, ADA.stream(), Event::ItemsMarked { mark: Mark::Read, items: vec![theirs] });
    let mut projections = folded(&log);
    check(&mut projections, &log, ADA);
    assert_eq!(
        projections.counts(ADA.owner()).expect("in memory").unread,
        1,
        "an event of another tenant marked an item"
    );
    let stranger = Place { tenant: 1, person: Some(9) };
    assert_eq!(projections.counts(stranger.owner()).expect("in memory"), tidings_wire::Counts::default());
    let empty = projections.changes(stranger.owner(), ChangePlace::default(), 9).expect("in memory");
    let next = ChangePlace::at(projections.position());
    assert_eq!(empty, Changes::Page { changes: Vec::new(), next, done: true });
}
