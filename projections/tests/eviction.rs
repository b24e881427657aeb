//! Inboxes that come and go: whatever is evicted, saved, lost by a crash or damaged, what is seen is the fold of the log.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::Place;
use support::keeping::{TestLog, open};
use support::naive::Naive;
use support::script::{places, play, step};
use tidings_engine::event::Recorded;
use tidings_engine::ids::Position;
use tidings_engine::item::Filter;
use tidings_projections::{BlockError, MemoryBlocks, Owner, Projections, Target};

/// What is done to the store between two events.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Nothing,
    /// A whole snapshot.
    Save,
    /// One slice of a snapshot.
    Slice,
    /// The process ends and comes back: cleanly, or with what was durable alone.
    Close,
    Crash,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        12 => Just(Deed::Nothing), 2 => Just(Deed::Save), 4 => Just(Deed::Slice),
        1 => Just(Deed::Close), 1 => Just(Deed::Crash),
    ];
    vec(deed, 1..60)
}

/// Projections whose every inbox goes to the store as soon as nobody holds it.
struct Evicted {
    projections: Projections,
    store: MemoryBlocks,
    log: TestLog,
    inbox_bytes_max: usize,
}

impl Evicted {
    fn new(log: &[Recorded], inbox_bytes_max: usize) -> Self {
        let (store, log) = (MemoryBlocks::default(), TestLog::new(log));
        let (projections, _) = open(&store, &log, inbox_bytes_max);
        Self { projections, store, log, inbox_bytes_max }
    }

    fn apply(&mut self, recorded: &Recorded, wanted: &dyn Fn(Target) -> bool) {
        self.projections.apply_live(recorded, wanted, &mut Vec::new()).expect("the store works");
        self.make_room(&|owner| match owner {
            Owner::User(stream) => wanted(Target::User(stream)),
            Owner::Tenant(stream) => wanted(Target::TenantInbox(stream)),
        });
    }

    fn make_room(&mut self, held: &dyn Fn(Owner) -> bool) {
        self.projections.make_room(held, &self.log).expect("the store works");
    }

    fn come_back(&mut self, store: MemoryBlocks) {
        self.store = store;
        let (projections, discarded) = open(&self.store, &self.log, self.inbox_bytes_max);
        assert_eq!(discarded, None);
        let came_back_at = projections.position().0;
        assert!(came_back_at <= self.projections.position().0);
        let missed = came_back_at as usize..self.projections.position().0 as usize;
        self.projections = projections;
        for index in missed {
            let recorded = self.log.events[index].clone();
            self.apply(&recorded, &|_| false);
        }
    }

    fn deed(&mut self, deed: Deed) {
        match deed {
            Deed::Nothing => {}
            Deed::Save => {
                self.projections.save_all(&self.log).expect("the store works");
                assert_eq!(self.projections.unsaved_events(), 0);
            }
            Deed::Slice => {
                self.projections.begin_saving(&self.log).expect("the store works");
                self.projections.save_slice(&self.log).expect("the store works");
            }
            Deed::Close => self.come_back(self.store.after_close()),
            Deed::Crash => self.come_back(self.store.after_crash()),
        }
    }
}

fn check(projections: &mut Projections, log: &[Recorded], place: Place) {
    let naive = Naive::of(log, place);
    assert_eq!(projections.counts(place.owner()).expect("the store works"), naive.counts(), "counts of {place:?}");
    let page = projections.page(place.owner(), &Filter::default(), None, usize::MAX).expect("the store works");
    assert_eq!(page.items, naive.matching(&Filter::default()), "items of {place:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn evicted_saved_and_crashed_inboxes_are_the_fold_of_the_log(
        steps in vec(step(), 1..80), deeds in deeds(), bits in any::<u64>(),
        inbox_bytes_max in prop_oneof![Just(0), Just(2_000), Just(20_000)],
    ) {
        let played = play(&steps);
        let mut folded = Projections::new();
        let mut evicted = Evicted::new(&played.log, inbox_bytes_max);
        let wanted = |target: Target| match target {
            Target::User(stream) | Target::TenantAudience(stream) | Target::TenantInbox(stream) => {
                bits >> (stream.0[0] * 7 + stream.0[2]) & 1 == 1
            }
        };
        let mut looks = played.looks.iter().peekable();
        for (index, recorded) in played.log.iter().enumerate() {
            while let Some((_, place)) = looks.next_if(|(at, _)| *at == index) {
                check(&mut evicted.projections, &played.log[..index], *place);
                evicted.make_room(&|_| false);
            }
            folded.apply(recorded).unwrap();
            evicted.apply(recorded, &wanted);
            evicted.deed(deeds[index % deeds.len()]);
        }
        for place in places() {
            check(&mut evicted.projections, &played.log, place);
            evicted.make_room(&|_| false);
        }
        prop_assert_eq!(evicted.projections.digest().unwrap(), folded.digest().unwrap());
        evicted.deed(Deed::Save);
        evicted.deed(Deed::Crash);
        prop_assert_eq!(evicted.projections.position().0, played.log.len() as u64);
        prop_assert_eq!(evicted.projections.digest().unwrap(), folded.digest().unwrap());
    }

    /// One bit or one row of the store is wrong: it is noticed when it is read, or it is never read.
    #[test]
    fn a_changed_or_lost_row_is_never_shown(
        steps in vec(step(), 1..60), row in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>(),
        is_lost in any::<bool>(),
    ) {
        let played = play(&steps);
        if played.log.is_empty() {
            // Nothing happened, and there is no row to be wrong.
            return Ok(());
        }
        let mut evicted = Evicted::new(&played.log, 0);
        for (index, recorded) in played.log.iter().enumerate() {
            evicted.apply(recorded, &|_| false);
            if index % 16 == 15 {
                evicted.deed(Deed::Save);
            }
        }
        evicted.deed(Deed::Save);
        let store = evicted.store.after_close();
        if is_lost {
            store.lose(row.index(usize::MAX));
        } else {
            store.edit(|rows| {
                let row = row.index(rows.len());
                let at = bit.index(rows[row].len() * 8);
                rows[row][at / 8] ^= 1 << (at % 8);
            });
        }
        let (mut projections, discarded) = open(&store, &evicted.log, 0);
        if let Some(error) = discarded {
            prop_assert!(matches!(error, BlockError::Damaged { .. }), "{error}");
        }
        if projections.position() == Position::ZERO {
            return Ok(());
        }
        prop_assert_eq!(projections.position().0, played.log.len() as u64);
        for place in places() {
            match projections.counts(place.owner()) {
                Ok(counts) => prop_assert_eq!(counts, Naive::of(&played.log, place).counts()),
                Err(error) => {
                    prop_assert!(matches!(error, BlockError::Damaged { .. }), "{error}");
                    projections = projections.start_over().unwrap();
                    for recorded in &played.log {
                        projections.apply(recorded).unwrap();
                    }
                }
            }
            check(&mut projections, &played.log, place);
        }
    }
}
