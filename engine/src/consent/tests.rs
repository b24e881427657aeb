use super::{Consents, Otherwise, Withheld};
use crate::event::{Channel, Event, Facts, Recorded, Setting};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::limits::{CONSENTS_PERSON_MAX, Limit};
use crate::log::{Envelope, Stored};
use crate::rejection::Rejection;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TENANT: StreamId = StreamId([9; 16]);
const ADA: StreamId = StreamId([1; 16]);
const BOB: StreamId = StreamId([2; 16]);

fn recorded(position: u64, event: Event) -> Recorded {
    let envelope = Envelope {
        position: Position(position),
        tenant: TenantId(1),
        tenant_sequence: position,
        stream: TENANT,
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
    assert_eq!((consents.withheld(TENANT, ADA), consents.since(TENANT, ADA)), (None, Position::ZERO));
    let mut say = |position, category, given| {
        let changed = consents.apply(&recorded(position, says(ADA, category, given)));
        (changed, consents.withheld(TENANT, ADA), consents.since(TENANT, ADA).0)
    };
    // What is so already changes nothing that is shown.
    assert_eq!(say(1, None, true), (None, None, 0));
    assert_eq!(say(2, Some("ads"), false), (Some(Otherwise::Person(ADA)), withheld(false, &["ads"]), 2));
    assert_eq!(say(3, Some("ads"), false), (None, withheld(false, &["ads"]), 2));
    assert_eq!(say(4, None, false), (Some(Otherwise::Person(ADA)), withheld(true, &[]), 4));
    assert_eq!(say(5, Some("orders"), true), (Some(Otherwise::Person(ADA)), withheld(true, &["orders"]), 5));
    assert_eq!(say(6, None, true), (Some(Otherwise::Person(ADA)), withheld(false, &["ads"]), 6));
    assert_eq!(consents.of(ADA).count(), 3);
    assert!(consents.withholds(TENANT, ADA, Some("ads")) && !consents.withholds(TENANT, ADA, Some("orders")));
    assert!(!consents.withholds(TENANT, ADA, None) && !consents.withholds(TENANT, BOB, Some("ads")));
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
    let limit = Limit::ConsentsPersonMax;
    let too_many = Err(Rejection::TooLarge { limit, field: "consents", found: 65, allowed: 64, unit: "together" });
    assert_eq!(room(&consents, ADA, "one more"), too_many);
    assert_eq!(room(&consents, ADA, "c7"), Ok(()), "what was said may be taken back");
    assert_eq!(room(&consents, BOB, "one more"), Ok(()));
    let erased = Event::SubjectErased { subject: ADA, key: 1, fingerprint: [0; 16] };
    assert_eq!(consents.apply(&recorded(100, erased)), None);
    assert_eq!((consents.withheld(TENANT, ADA), consents.of(ADA).count()), (None, 0));
    assert_eq!(room(&consents, ADA, "one more"), Ok(()));
    assert_eq!((consents.count, consents.is_empty()), (0, true));
}

fn decides(settings: &[Setting]) -> Event {
    Event::TenantSettingsChanged { settings: settings.to_vec() }
}

#[test]
fn a_tenants_default_stands_until_a_person_speaks_and_what_is_critical_is_always_pushed() {
    let mut consents = Consents::default();
    let critical = |names: &[&str]| Setting::Critical { categories: names.iter().map(|name| (*name).into()).collect() };
    let (opt_in, opt_out) = (Setting::Realtime { opt_in: true }, Setting::Realtime { opt_in: false });
    let everybody = Some(Otherwise::Tenant(TENANT));
    assert_eq!(consents.apply(&recorded(1, decides(std::slice::from_ref(&opt_out)))), None, "it was so before");
    assert_eq!(consents.apply(&recorded(2, decides(&[opt_in, critical(&["security"])]))), everybody);
    assert_eq!((consents.withheld(TENANT, BOB), consents.since(TENANT, BOB).0), (withheld(true, &["security"]), 2));
    assert_eq!(consents.withheld(StreamId([8; 16]), BOB), None, "another tenant decided nothing");
    consents.apply(&recorded(3, says(ADA, Some("security"), false)));
    assert_eq!((consents.withheld(TENANT, ADA), consents.since(TENANT, ADA).0), (withheld(true, &["security"]), 2));
    consents.apply(&recorded(4, says(ADA, None, true)));
    assert_eq!((consents.withheld(TENANT, ADA), consents.since(TENANT, ADA).0), (None, 4));
    assert_eq!(consents.apply(&recorded(5, decides(&[critical(&[])]))), everybody);
    assert_eq!((consents.withheld(TENANT, ADA), consents.since(TENANT, ADA).0), (withheld(false, &["security"]), 5));
    let mut restored = Consents::default();
    consents.tenant_rows().for_each(|row| restored.restore_tenant(row));
    assert!(consents.rows().all(|row| restored.restore(row).is_some()));
    assert_eq!(restored.withheld(TENANT, BOB), consents.withheld(TENANT, BOB));
    assert_eq!((restored.since(TENANT, ADA), restored.settings(TENANT)), (Position(5), consents.settings(TENANT)));
    assert_eq!(consents.apply(&recorded(6, decides(&[opt_out]))), everybody);
    assert_eq!(consents.withheld(TENANT, BOB), None);
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
            let before: Vec<bool> = (0..4).map(|at| consents.withholds(TENANT, subject, names.get(at).copied())).collect();
            let changed = consents.apply(&recorded(1 + index as u64, says(subject, named, given)));
            model.insert((person, category), given);
            let mut differs = false;
            for at in 0..4_u8 {
                let own = model.get(&(person, Some(at))).filter(|_| at < 3);
                let expected = !own.or(model.get(&(person, None))).copied().unwrap_or(true);
                let category = names.get(usize::from(at)).copied();
                prop_assert_eq!(consents.withholds(TENANT, subject, category), expected);
                let withheld = consents.withheld(TENANT, subject);
                prop_assert_eq!(withheld.is_some_and(|withheld| withheld.withholds(category)), expected);
                differs |= before[usize::from(at)] != expected;
            }
            // Somebody is told anew whenever anything that can be asked differs.
            prop_assert!(changed.is_some() || !differs);
            if changed.is_some() {
                prop_assert_eq!(consents.since(TENANT, subject), Position(1 + index as u64));
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
