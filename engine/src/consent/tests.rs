use super::{Consents, Withheld};
use crate::event::{Channel, Event, Facts, Recorded};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::limits::CONSENTS_PERSON_MAX;
use crate::log::{Envelope, Stored};
use crate::rejection::Rejection;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TENANT: TenantId = TenantId(1);
const ADA: StreamId = StreamId([1; 16]);
const BOB: StreamId = StreamId([2; 16]);

fn recorded(position: u64, event: Event) -> Recorded {
    let envelope = Envelope {
        position: Position(position),
        tenant: TENANT,
        tenant_sequence: position,
        stream: StreamId([9; 16]),
        revision: Revision(position),
        event_type: event.type_number(),
        event_version: 1,
        command: CommandHash::NONE,
        command_index: 0,
        time: Time(1_000 + position as i64),
        key_id: 0,
    };
    Recorded { envelope, facts: Facts { actor: ADA, fingerprint: [0; 16], event }, content: Stored::EMPTY }
}

fn says(subject: StreamId, category: Option<&str>, given: bool) -> Event {
    let category = category.map(str::to_owned);
    Event::ConsentChanged { subject, channel: Channel::Realtime, category, given, text_version: None }
}

fn withheld(is_rest: bool, named: &[&str]) -> Option<Withheld> {
    Some(Withheld::new(is_rest, named.iter().map(|category| Box::from(*category))))
}

#[test]
fn the_consent_of_a_category_goes_before_the_one_for_all_and_without_any_all_is_pushed() {
    let mut consents = Consents::default();
    assert_eq!((consents.withheld(ADA), consents.since(ADA)), (None, Position::ZERO));
    let mut say = |position, category, given| {
        let changed = consents.apply(&recorded(position, says(ADA, category, given)));
        (changed, consents.withheld(ADA), consents.since(ADA).0)
    };
    // What is so already changes nothing that is shown.
    assert_eq!(say(1, None, true), (None, None, 0));
    assert_eq!(say(2, Some("ads"), false), (Some(ADA), withheld(false, &["ads"]), 2));
    assert_eq!(say(3, Some("ads"), false), (None, withheld(false, &["ads"]), 2));
    assert_eq!(say(4, None, false), (Some(ADA), withheld(true, &[]), 4));
    assert_eq!(say(5, Some("orders"), true), (Some(ADA), withheld(true, &["orders"]), 5));
    assert_eq!(say(6, None, true), (Some(ADA), withheld(false, &["ads"]), 6));
    assert_eq!(consents.of(ADA).count(), 3);
    assert!(consents.withholds(ADA, Some("ads")) && !consents.withholds(ADA, Some("orders")));
    assert!(!consents.withholds(ADA, None) && !consents.withholds(BOB, Some("ads")));
}

#[test]
fn an_erasure_forgets_what_a_person_said_and_makes_room() {
    let mut consents = Consents::default();
    for (category, position) in (1..=CONSENTS_PERSON_MAX as u64).map(|number| (format!("c{number}"), number)) {
        assert_eq!(consents.has_room(TENANT, ADA, Channel::Realtime, Some(&category)), Ok(()));
        consents.apply(&recorded(position, says(ADA, Some(&category), false)));
    }
    let room =
        |consents: &Consents, subject, category| consents.has_room(TENANT, subject, Channel::Realtime, Some(category));
    let too_many = Err(Rejection::TooLarge { field: "consents", found: 65, allowed: 64, unit: "together" });
    assert_eq!(room(&consents, ADA, "one more"), too_many);
    assert_eq!(room(&consents, ADA, "c7"), Ok(()), "what was said may be taken back");
    assert_eq!(room(&consents, BOB, "one more"), Ok(()));
    let erased = Event::SubjectErased { subject: ADA, key: 1, fingerprint: [0; 16] };
    assert_eq!(consents.apply(&recorded(100, erased)), None);
    assert_eq!((consents.withheld(ADA), consents.of(ADA).count()), (None, 0));
    assert_eq!(room(&consents, ADA, "one more"), Ok(()));
    assert_eq!((consents.count, consents.of_tenants.get(&TENANT)), (0, Some(&0)));
}

proptest! {
    /// Against a map that is asked one category at a time; and a snapshot in between changes nothing.
    #[test]
    fn what_is_withheld_is_what_was_said_last(
        all in prop::collection::vec((0..2_u8, prop::option::of(0..3_u8), any::<bool>()), 0..40),
        saved_at in 0..40_usize,
    ) {
        let mut consents = Consents::default();
        let mut model: BTreeMap<(u8, Option<u8>), bool> = BTreeMap::new();
        let names = ["a", "b", "c"];
        for (index, (person, category, given)) in all.into_iter().enumerate() {
            let subject = [ADA, BOB][usize::from(person)];
            let named = category.map(|category| names[usize::from(category)]);
            let before: Vec<bool> = (0..4).map(|at| consents.withholds(subject, names.get(at).copied())).collect();
            let changed = consents.apply(&recorded(1 + index as u64, says(subject, named, given)));
            model.insert((person, category), given);
            let mut differs = false;
            for at in 0..4_u8 {
                let own = model.get(&(person, Some(at))).filter(|_| at < 3);
                let expected = !own.or(model.get(&(person, None))).copied().unwrap_or(true);
                let category = names.get(usize::from(at)).copied();
                prop_assert_eq!(consents.withholds(subject, category), expected);
                let withheld = consents.withheld(subject);
                prop_assert_eq!(withheld.is_some_and(|withheld| withheld.withholds(category)), expected);
                differs |= before[usize::from(at)] != expected;
            }
            // Somebody is told anew whenever anything that can be asked differs.
            prop_assert!(changed.is_some() || !differs);
            if changed.is_some() {
                prop_assert_eq!(consents.since(subject), Position(1 + index as u64));
            }
            if index == saved_at {
                let mut restored = Consents::default();
                for row in consents.rows() {
                    prop_assert!(restored.restore(row).is_some());
                }
                prop_assert!(restored.rows().eq(consents.rows()));
                prop_assert_eq!(restored.count, consents.count);
                consents = restored;
            }
        }
    }
}
