//! A person who was erased: nobody has their inbox, in memory or in the store.

mod support;

use support::keeping::{TestLog, open};
use support::{Place, person_stream, published, record, tenant_stream};
use tidings_engine::event::{Audience, Event};
use tidings_engine::ids::Position;
use tidings_engine::item::Mark;
use tidings_projections::{BlockStore, MemoryBlocks, Projections, Shelf};
use tidings_wire::Counts;

const ADA: Place = Place { tenant: 1, person: Some(1) };
const BOB: Place = Place { tenant: 1, person: Some(2) };

#[test]
fn the_block_of_a_person_who_was_erased_leaves_the_store_and_does_not_come_back() {
    let mut log = Vec::new();
    let both = Audience::People(vec![ADA.stream(), BOB.stream()]);
    let publish = |log: &mut Vec<_>, audience| {
        let number = log.len() as u64;
        record(log, 1, tenant_stream(1), Event::NotificationPublished(published(audience, number)))
    };
    let to_both = publish(&mut log, both);
    publish(&mut log, Audience::People(vec![ADA.stream()]));
    record(&mut log, 1, ADA.stream(), Event::ItemsMarked { mark: Mark::Read, items: vec![to_both] });
    let before_erasure = log.len();
    let event = Event::SubjectErased { subject: ADA.stream(), key: 1, fingerprint: [0; 16] };
    record(&mut log, 1, tenant_stream(1), event);
    record(&mut log, 1, tenant_stream(1), Event::NotificationRetracted { notification: to_both });
    let test_log = TestLog::new(&log);

    for erased_after in 0..=before_erasure {
        // The snapshot is of any event before the erasure, so that what comes again may begin the person anew.
        let store = MemoryBlocks::default();
        let (mut projections, _) = open(&store, &test_log, 0);
        let mut folded = Projections::new();
        for (index, recorded) in log.iter().enumerate() {
            projections.apply(recorded).unwrap();
            projections.save_erasures(&test_log).unwrap();
            folded.apply(recorded).unwrap();
            if index == erased_after {
                projections.save_all(&test_log).unwrap();
            }
        }
        assert_eq!(projections.digest().unwrap(), folded.digest().unwrap());
        for mut store in [store.after_crash(), store.after_close()] {
            let (mut projections, discarded) = open(&store, &test_log, 0);
            assert_eq!(discarded, None);
            for recorded in &log[projections.position().0 as usize..] {
                projections.apply(recorded).unwrap();
                projections.save_erasures(&test_log).unwrap();
            }
            assert_eq!(projections.position(), Position(log.len() as u64));
            assert_eq!(projections.counts(ADA.owner()).unwrap(), Counts::default());
            assert_eq!(projections.digest().unwrap(), folded.digest().unwrap());
            assert_eq!(store.rows(Shelf::Inbox(ADA.owner())).unwrap(), []);
            projections.save_all(&test_log).unwrap();
            let stream = person_stream(1, 1).0;
            store.edit(|rows| {
                let holds = |row: &Vec<u8>| row.windows(stream.len()).any(|bytes| bytes == stream);
                assert!(!rows.iter().any(holds), "a row names who was erased");
            });
            store.clear().unwrap();
        }
    }
}
