//! Whoever follows an inbox of which not all is pushed: what they hold through live deltas, gaps and changes of consent is
//! what a fresh follower is shown, and never an item that is withheld. The list shows everything all the same.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::naive::{Naive, counts};
use support::script::{Played, Step, places, step};
use support::{Place, known, person_stream, record, tenant_stream};
use tidings_engine::consent::{Consents, Withheld};
use tidings_engine::event::{Channel, Event, Recorded, Setting};
use tidings_engine::ids::Position;
use tidings_engine::item::Filter;
use tidings_projections::{
    ChangePlace, Changes, Delta, DeltaChange, ItemChange, ItemState, Owner, Projections, Target, pushed_changes,
};
use tidings_wire::Counts;

/// The person who is followed.
const ADA: Place = Place { tenant: 1, person: Some(1) };

/// A step, something that ada says, or a cut.
#[derive(Clone, Debug)]
enum Act {
    Step(Step),
    Say { category: Option<u8>, given: bool },
    Decide { opt_in: bool, critical: Option<u8> },
    Cut,
    Return,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => step().prop_map(Act::Step),
        1 => (prop::option::weighted(0.7, 0..3_u8), any::<bool>())
            .prop_map(|(category, given)| Act::Say { category, given }),
        1 => (any::<bool>(), prop::option::of(0..3_u8)).prop_map(|(opt_in, critical)| Act::Decide { opt_in, critical }),
        1 => Just(Act::Cut),
        1 => Just(Act::Return),
    ]
}

/// The log of some acts, and what happens to the follower after which of its events.
fn log(acts: &[Act]) -> (Vec<Recorded>, Vec<(usize, bool)>) {
    let (mut played, mut links) = (Played::default(), Vec::new());
    played.step(&Step::Observe(ADA));
    for act in acts {
        match act {
            Act::Step(step) => played.step(step),
            Act::Say { category, given } => {
                let category = category.map(|number| format!("category-{number}"));
                let (subject, channel) = (ADA.stream(), Channel::Realtime);
                let event = Event::ConsentChanged { subject, channel, category, given: *given, text_version: None };
                record(&mut played.log, ADA.tenant, tenant_stream(ADA.tenant), event);
            }
            Act::Decide { opt_in, critical } => {
                let categories = critical.iter().map(|number| format!("category-{number}")).collect();
                let settings = vec![Setting::Realtime { opt_in: *opt_in }, Setting::Critical { categories }];
                let event = Event::TenantSettingsChanged { settings };
                record(&mut played.log, ADA.tenant, tenant_stream(ADA.tenant), event);
            }
            Act::Cut => links.push((played.log.len(), false)),
            Act::Return => links.push((played.log.len(), true)),
        }
    }
    (played.log, links)
}

/// What was pushed to one who follows.
#[derive(Debug, Default)]
struct Follower {
    items: BTreeMap<Position, ItemState>,
    counts: Counts,
    at: ChangePlace,
    is_live: bool,
}

impl Follower {
    fn begin(&mut self, projections: &mut Projections, withheld: Option<&Withheld>) {
        let page = projections.pushed_page(ADA.owner(), &Filter::default(), withheld, usize::MAX).expect("in memory");
        self.items = page.items.iter().map(|item| (item.notification, known(item))).collect();
        self.counts = projections.pushed_counts(ADA.owner(), withheld).expect("in memory");
        (self.at, self.is_live) = (ChangePlace::at(projections.position()), true);
    }

    fn take(&mut self, delta: Delta, projections: &mut Projections, withheld: Option<&Withheld>) {
        let is_mine = match delta.target {
            Target::User(stream) => stream == ADA.stream(),
            Target::TenantAudience(stream) => stream == tenant_stream(ADA.tenant),
            Target::TenantInbox(_) => false,
        };
        let delta = match withheld {
            Some(withheld) if is_mine => delta.pushed(withheld),
            _ => Some(delta).filter(|_| is_mine),
        };
        let Some(delta) = delta else { return };
        let is_audience = matches!(delta.target, Target::TenantAudience(_));
        self.at = ChangePlace::at(delta.position);
        match delta.change {
            DeltaChange::Added(item) => self.put(&item, withheld),
            DeltaChange::Changed(items) => items.iter().for_each(|item| self.put(item, withheld)),
            DeltaChange::Removed(gone) => self.items.retain(|notification, _| !gone.contains(notification)),
            DeltaChange::MarkedAll { mark, filter, up_to } => {
                let covers = |item: &ItemState| {
                    filter.matches(item.flags, item.created, &item.published)
                        && item.order_key <= up_to.0
                        && !item.flags.skipped_by_all(mark)
                };
                self.items.retain(|_, item| mark != tidings_engine::item::Mark::Deleted || !covers(item));
                for item in self.items.values_mut().filter(|item| covers(item)) {
                    support::naive::marked(item, mark, delta.time);
                }
            }
        }
        // Of everyone's the client counts by itself, or is told.
        self.counts = match is_audience {
            true => counts(self.items.values()),
            false => projections.pushed_counts(ADA.owner(), withheld).expect("in memory"),
        };
    }

    fn put(&mut self, item: &ItemState, withheld: Option<&Withheld>) {
        let category = item.published.category.as_deref();
        assert!(!withheld.is_some_and(|withheld| withheld.withholds(category)), "{item:?} was pushed");
        self.items.insert(item.notification, known(item));
    }

    fn come_back(&mut self, projections: &mut Projections, consents: &Consents) {
        let withheld = consents.withheld(tenant_stream(ADA.tenant), ADA.stream());
        if self.at.position < consents.since(tenant_stream(ADA.tenant), ADA.stream()) {
            return self.begin(projections, withheld.as_ref());
        }
        loop {
            let Changes::Page { changes, next, done } =
                projections.changes(ADA.owner(), self.at, 3).expect("in memory")
            else {
                return self.begin(projections, withheld.as_ref());
            };
            for changed in pushed_changes(changes, withheld.as_ref()) {
                match changed.change {
                    ItemChange::Current { item, .. } => self.put(&item, withheld.as_ref()),
                    ItemChange::Removed(notification) => drop(self.items.remove(&notification)),
                }
            }
            self.at = next;
            if done {
                self.counts = projections.pushed_counts(ADA.owner(), withheld.as_ref()).expect("in memory");
                self.is_live = true;
                return;
            }
        }
    }
}

proptest! {
    #[test]
    fn a_follower_without_consent_holds_what_a_fresh_one_is_shown_and_nothing_that_is_withheld(
        acts in vec(act(), 1..90),
    ) {
        let (log, links) = log(&acts);
        let (mut projections, mut consents) = (Projections::new(), Consents::default());
        let mut follower = Follower::default();
        follower.begin(&mut projections, None);
        let mut links = links.into_iter().peekable();
        for index in 0..=log.len() {
            while let Some((_, is_back)) = links.next_if(|(at, _)| *at == index) {
                match (is_back, follower.is_live) {
                    (true, false) => follower.come_back(&mut projections, &consents),
                    (false, _) => follower.is_live = false,
                    (true, true) => {}
                }
            }
            let Some(recorded) = log.get(index) else { break };
            let otherwise = consents.apply(recorded).is_some();
            let withheld = consents.withheld(tenant_stream(ADA.tenant), ADA.stream());
            let mut deltas = Vec::new();
            let is_live = follower.is_live;
            projections.apply_live(recorded, &|_| is_live, &mut deltas).expect("in memory");
            for delta in deltas {
                follower.take(delta, &mut projections, withheld.as_ref());
            }
            if otherwise && follower.is_live {
                follower.begin(&mut projections, withheld.as_ref());
            }
            if follower.is_live && (otherwise || index % 5 == 0) {
                check(&follower, &mut projections, &log[..=index], withheld.as_ref());
            }
        }
        if !follower.is_live {
            follower.come_back(&mut projections, &consents);
        }
        check(&follower, &mut projections, &log, consents.withheld(tenant_stream(ADA.tenant), ADA.stream()).as_ref());
        for place in places() {
            let all = Naive::of(&log, place);
            prop_assert_eq!(projections.counts(place.owner()).expect("in memory"), all.counts());
        }
    }
}

/// Against a fresh follower, and against the naive inbox without what is withheld.
fn check(follower: &Follower, projections: &mut Projections, log: &[Recorded], withheld: Option<&Withheld>) {
    let mut fresh = Follower::default();
    fresh.begin(projections, withheld);
    assert_eq!((&follower.items, follower.counts), (&fresh.items, fresh.counts));
    let naive = Naive::of(log, ADA);
    let is_pushed =
        |item: &&ItemState| !withheld.is_some_and(|withheld| withheld.withholds(item.published.category.as_deref()));
    let pushed: Vec<ItemState> = naive.items.iter().filter(is_pushed).map(known).collect();
    assert_eq!(fresh.counts, counts(&pushed));
    assert_eq!(fresh.items.into_values().collect::<Vec<_>>(), pushed);
}

/// A full inbox lets its oldest item go for one that is withheld, and tells that it is gone.
#[test]
fn what_drops_off_for_a_withheld_item_is_told_to_be_gone() {
    let item = |position: u64, category: &str| {
        let published = support::published(tidings_engine::event::Audience::Tenant, 0);
        ItemState {
            notification: Position(position),
            order_key: position,
            flags: tidings_engine::item::Flags::default(),
            created: tidings_engine::ids::Time(0),
            read: None,
            first_seen: None,
            archived: None,
            changed: Position(position),
            published: std::sync::Arc::new(tidings_engine::event::Published {
                category: Some(category.to_owned()),
                ..published
            }),
        }
    };
    let delta = |dropped: Option<u64>| Delta {
        target: Target::User(person_stream(1, 1)),
        tenant: tidings_engine::ids::TenantId(1),
        position: Position(9),
        time: tidings_engine::ids::Time(0),
        change: DeltaChange::Added(item(9, "ads")),
        dropped: dropped.map(Position),
        counts: None,
    };
    let withheld = Withheld::new(false, [Box::from("ads")]);
    assert_eq!(delta(None).pushed(&withheld), None);
    let pushed = delta(Some(2)).pushed(&withheld).expect("in memory");
    assert_eq!((pushed.change, pushed.dropped), (DeltaChange::Removed(vec![Position(2)]), None));
    let all_but_ads = Withheld::new(true, [Box::from("ads")]);
    assert_eq!(delta(Some(2)).pushed(&all_but_ads), Some(delta(Some(2))));
    assert_eq!(Owner::User(person_stream(1, 1)), ADA.owner());
}
