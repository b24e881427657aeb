//! Inboxes against a naive model, over scripts of events: counts, filters, pages, deltas, catching up, rebuild.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::follower::Follower;
use support::naive::Naive;
use support::script::{Played, Step, filter, places, play, step};
use support::{Place, known, published, record, tenant_stream};
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::TenantId;
use tidings_engine::item::Filter;
use tidings_engine::keys::Keys;
use tidings_engine::limits::TOMBSTONES_COUNT_MAX;
use tidings_projections::{
    ChangePlace, Changes, Delta, InboxAsOf, ItemChange, ItemState, Page, Place as After, Projections, Target,
};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..80)
}

/// Which targets are subscribed to, by the bits of a number.
fn wants(bits: u64) -> impl Fn(Target) -> bool {
    move |target| {
        let (kind, stream) = match target {
            Target::User(stream) => (0, stream),
            Target::TenantAudience(stream) => (1, stream),
            Target::TenantInbox(stream) => (2, stream),
        };
        let index = u32::from(stream.0[0]) * 12 + u32::from(stream.0[2]) * 3 + kind;
        bits >> (index % 64) & 1 == 1
    }
}

/// Every item that matches, page by page.
fn all_pages(projections: &mut Projections, place: Place, filter: &Filter, limit: usize) -> Vec<ItemState> {
    let mut items: Vec<ItemState> = Vec::new();
    loop {
        let after = items.last().map(|item| After(item.order_key));
        let Page { items: more, has_more } = projections.page(place.owner(), filter, after, limit).expect("in memory");
        assert!(more.len() == limit || !has_more, "a page that is not the last is not full");
        items.extend(more);
        if !has_more {
            return items;
        }
    }
}

fn check_inbox(projections: &mut Projections, played: &Played, place: Place, filters: &[Filter]) {
    let naive = Naive::of(&played.log, place);
    assert_eq!(projections.counts(place.owner()).expect("in memory"), naive.counts(), "counts of {place:?}");
    for filter in filters.iter().chain([&Filter::default()]) {
        let wanted = naive.matching(filter);
        assert_eq!(
            projections.count(place.owner(), filter).expect("in memory") as usize,
            wanted.len(),
            "{filter:?} in {place:?}"
        );
        assert_eq!(all_pages(projections, place, filter, 7), wanted, "{filter:?} in {place:?}");
    }
    for recorded in &played.log {
        let notification = recorded.envelope.position;
        let wanted = naive.items.iter().find(|item| item.notification == notification);
        assert_eq!(projections.item(place.owner(), notification).expect("in memory").as_ref(), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn counts_filters_and_pages_are_those_of_a_plain_fold(
        steps in steps(), bits in any::<u64>(), filters in vec(filter(), 1..4),
    ) {
        let played = play(&steps);
        let mut projections = Projections::new();
        let mut looks = played.looks.iter().peekable();
        for (index, recorded) in played.log.iter().enumerate() {
            while let Some((_, place)) = looks.next_if(|(at, _)| *at == index) {
                let naive = Naive::of(&played.log[..index], *place);
                prop_assert_eq!(projections.counts(place.owner()).expect("in memory"), naive.counts());
            }
            projections.apply_live(recorded, &wants(bits), &mut Vec::new()).expect("in memory");
        }
        for place in places() {
            check_inbox(&mut projections, &played, place, &filters);
        }
    }

    #[test]
    fn a_rebuild_equals_what_was_live(steps in steps(), bits in any::<u64>()) {
        let played = play(&steps);
        let (mut live, mut rebuilt) = (Projections::new(), Projections::new());
        let mut looks = played.looks.iter().peekable();
        for (index, recorded) in played.log.iter().enumerate() {
            while let Some((_, place)) = looks.next_if(|(at, _)| *at == index) {
                let before = live.digest().expect("in memory");
                live.counts(place.owner()).expect("in memory");
                prop_assert_eq!(live.digest().expect("in memory"), before, "looking changed what can be seen");
                prop_assert_eq!(rebuilt.digest().expect("in memory"), before);
            }
            live.apply_live(recorded, &wants(bits), &mut Vec::new()).expect("in memory");
            rebuilt.apply(recorded).expect("in memory");
        }
        prop_assert_eq!(live.digest().expect("in memory"), rebuilt.digest().expect("in memory"));
        // An event that comes again changes nothing.
        played.log.iter().for_each(|recorded| live.apply(recorded).expect("in memory"));
        prop_assert_eq!(live.digest().expect("in memory"), rebuilt.digest().expect("in memory"));
    }

    #[test]
    fn a_follower_of_deltas_holds_what_a_fresh_one_holds(steps in steps()) {
        let played = play(&steps);
        let began: Vec<_> = places().map(|place| Naive::of(&played.log, place).began).collect();
        let mut projections = Projections::new();
        let mut followers: Vec<_> = places().map(|place| (place, Follower::default())).collect();
        for recorded in &played.log {
            let mut deltas: Vec<Delta> = Vec::new();
            projections.apply_live(recorded, &|_| true, &mut deltas).expect("in memory");
            for ((place, follower), began) in followers.iter_mut().zip(&began) {
                for delta in &deltas {
                    let is_audience = matches!(delta.target, Target::TenantAudience(_));
                    if !is_audience || began.is_some_and(|began| began < delta.position) {
                        follower.receive(delta, *place);
                    }
                }
            }
            let mut targets: Vec<_> = deltas.iter().map(|delta| delta.target).collect();
            targets.sort_unstable();
            targets.dedup();
            prop_assert_eq!(targets.len(), deltas.len(), "one event told a target twice");
        }
        for (place, follower) in followers {
            let fresh = Follower::snapshot(&mut projections, place.owner());
            prop_assert_eq!(follower.items, fresh.items, "{:?}", place);
        }
    }

    /// Followers stop at any place of the log, return, and catch up in pages while the log goes on.
    #[test]
    fn whoever_returns_converges_and_gets_each_item_once(
        steps in steps(), left_at in 0..400_usize, back_at in 0..400_usize, limit in 1..9_usize,
    ) {
        let played = play(&steps);
        let left_at = left_at.min(played.log.len());
        let back_at = (left_at + back_at).min(played.log.len());
        let (before, after) = played.log.split_at(left_at);
        let mut projections = Projections::new();
        before.iter().for_each(|recorded| projections.apply(recorded).expect("in memory"));
        let mut followers: Vec<_> = places()
            .map(|place| (place, Follower::snapshot(&mut projections, place.owner()), ChangePlace::at(projections.position())))
            .collect();
        let (missed, meanwhile) = after.split_at(back_at - left_at);
        missed.iter().for_each(|recorded| projections.apply(recorded).expect("in memory"));
        for recorded in meanwhile {
            for (place, follower, since) in &mut followers {
                let changes = projections.changes(place.owner(), *since, limit).expect("in memory");
                match follower.catch_up(&changes) {
                    Some((next, _)) => *since = next,
                    None => {
                        *follower = Follower::snapshot(&mut projections, place.owner());
                        *since = ChangePlace::at(projections.position());
                    }
                }
            }
            projections.apply(recorded).expect("in memory");
        }
        for (place, follower, since) in followers {
            check_catch_up(&mut projections, &played, (place, follower, since), limit);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// An inbox as of any event, folded alone, is that inbox in a fold of everything up to there; and so is the digest of
    /// its tenant whoever folds it.
    #[test]
    fn an_inbox_as_of_a_place_is_the_inbox_of_the_whole_fold(steps in steps(), until in 0..200_usize) {
        let keys = Keys::new(&[7; 32]);
        let mut played = play(&steps);
        played.log.truncate(until);
        let mut whole = Projections::new();
        let mut again = Projections::new();
        for recorded in &played.log {
            whole.apply(recorded).unwrap();
            again.apply_live(recorded, &|_| true, &mut Vec::new()).unwrap();
        }
        for place in places() {
            let tag = keys.tenant_tag(&place.tenant.to_string());
            let mut alone = InboxAsOf::new(TenantId(place.tenant), place.stream());
            played.log.iter().for_each(|recorded| alone.apply(recorded).unwrap());
            let (alone, wanted) = (alone.state(&keys, tag).unwrap(), whole.state(place.owner(), &keys, tag).unwrap());
            prop_assert_eq!(alone.text(), wanted.text());
            prop_assert_eq!(alone.digest(), wanted.digest());
            let tenant = TenantId(place.tenant);
            prop_assert_eq!(whole.tenant_state(tenant, &keys, tag), again.tenant_state(tenant, &keys, tag));
        }
    }
}

/// Catches up with nothing else going on, and compares with the plain fold.
fn check_catch_up(
    projections: &mut Projections,
    played: &Played,
    (place, mut follower, mut since): (Place, Follower, ChangePlace),
    limit: usize,
) {
    let naive = Naive::of(&played.log, place);
    let start = since;
    let mut told = Vec::new();
    loop {
        let changes = projections.changes(place.owner(), since, limit).expect("in memory");
        if let Changes::Page { changes, .. } = &changes {
            assert!(changes.len() <= limit);
            told.extend(changes.iter().map(|changed| match &changed.change {
                ItemChange::Current { item, .. } => item.notification,
                ItemChange::Removed(notification) => *notification,
            }));
        }
        let Some((next, done)) = follower.catch_up(&changes) else {
            let removed_since = naive.removals.iter().filter(|at| **at > start.position).count();
            assert!(removed_since > TOMBSTONES_COUNT_MAX, "resync after {removed_since} removals");
            return;
        };
        since = next;
        if done {
            break;
        }
    }
    assert_eq!(since, ChangePlace::at(projections.position()));
    let wanted: Vec<_> = naive.items.iter().map(|item| (item.notification, known(item))).collect();
    assert_eq!(follower.items.into_iter().collect::<Vec<_>>(), wanted, "{place:?} from {start:?}");
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), count, "an item was told twice");
    let changed_since = naive.items.iter().filter(|item| item.changed > start.position);
    for item in changed_since.filter(|item| item.changed > start.position.next()) {
        assert!(told.contains(&item.notification), "{item:?} was not told");
    }
}

/// A page may be ahead of the changes: who was shown an item by one, and then lost the connection, must hear that it went.
#[test]
fn an_item_that_came_and_went_after_the_place_is_told_as_gone() {
    let (ada, mut log) = (Place { tenant: 1, person: Some(0) }, Vec::new());
    record(&mut log, 1, ada.stream(), Event::SubjectObserved { roles: Vec::new(), topics: Vec::new() });
    let since = ChangePlace::at(record(&mut log, 1, tenant_stream(1), publish(ada)));
    let item = record(&mut log, 1, tenant_stream(1), publish(ada));
    let shown = fold(&log).page(ada.owner(), &Filter::default(), None, 1).expect("in memory");
    assert_eq!(shown.items[0].notification, item);
    record(&mut log, 1, tenant_stream(1), Event::NotificationRetracted { notification: item });
    let changes = fold(&log).changes(ada.owner(), since, 10).expect("in memory");
    let Changes::Page { changes, .. } = changes else { panic!("{changes:?}") };
    assert_eq!(changes.iter().map(|one| &one.change).collect::<Vec<_>>(), [&ItemChange::Removed(item)]);
}

fn publish(to: Place) -> Event {
    Event::NotificationPublished(published(Audience::People(vec![to.stream()]), 0))
}

fn fold(log: &[Recorded]) -> Projections {
    let mut projections = Projections::new();
    log.iter().for_each(|recorded| projections.apply(recorded).expect("in memory"));
    projections
}
