//! Who records a consent, when it is news, and what it is refused for.

use super::tests::{Scene, grant};
use crate::command::{Answer, Command, ConsentWanted};
use crate::event::Channel;
use crate::grant::Role;
use crate::ids::StreamId;
use crate::limits::CONSENTS_PERSON_MAX;
use crate::log::RoomFor;
use crate::rejection::Rejection;

fn says(subject: StreamId, category: Option<&str>, given: bool) -> Command {
    Command::ChangeConsent(Box::new(ConsentWanted {
        subject,
        channel: Channel::Realtime,
        category: category.map(str::to_owned),
        given,
        text_version: None,
        purpose: None,
    }))
}

#[test]
fn a_person_speaks_for_themself_and_a_service_or_administrator_for_anybody_of_the_tenant() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    for role in Role::ALL {
        let (own, other) = (grant("acme", "bob", role), ada.stream);
        let may = |subject, scene: &mut Scene| scene.ask(&own, None, says(subject, None, true)).is_ok();
        let manages = matches!(role, Role::Service | Role::TenantAdmin | Role::SuperAdmin);
        assert_eq!(may(other, &mut scene), manages, "{role:?} for another");
        assert_eq!(may(own.stream, &mut scene), manages || role == Role::User, "{role:?} for themself");
    }
}

#[test]
fn taking_back_again_records_nothing_and_a_repeated_key_is_answered_as_before() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    let answer = |replayed| Ok((Answer::ConsentChanged, replayed));
    assert_eq!(scene.ask(&ada, None, says(ada.stream, None, false)), answer(false));
    let head = scene.head();
    assert_eq!(scene.ask(&ada, None, says(ada.stream, None, false)), answer(false));
    assert_eq!(scene.head(), head, "nothing new was said");
    scene.ask(&ada, None, says(ada.stream, None, true)).unwrap();
    scene.ask(&ada, None, says(ada.stream, None, true)).unwrap();
    assert_eq!(scene.head().0, head.0 + 2, "another yes is another text or another day");
    assert_eq!(scene.ask(&ada, Some("k"), says(ada.stream, None, false)), answer(false));
    let mut scene = scene.reopened();
    let head = scene.head();
    assert_eq!(scene.ask(&ada, Some("k"), says(ada.stream, None, false)), answer(true));
    let other = scene.ask(&ada, Some("k"), says(ada.stream, None, true));
    assert_eq!((other, scene.head()), (Err(Rejection::IdempotencyConflict), head));
    assert!(scene.engine.state().consents().withholds(ada.tenant_stream, ada.stream, None));
}

#[test]
fn a_person_has_as_many_consents_as_there_may_be_and_not_one_more() {
    let mut scene = Scene::new();
    let ada = grant("acme", "ada", Role::User);
    for number in 0..CONSENTS_PERSON_MAX {
        scene.ask(&ada, None, says(ada.stream, Some(&number.to_string()), false)).unwrap();
    }
    let refused = scene.ask(&ada, None, says(ada.stream, None, false));
    assert!(matches!(refused, Err(Rejection::TooLarge { field: "consents", found: 65, allowed: 64, .. })));
    scene.ask(&ada, None, says(ada.stream, Some("7"), true)).unwrap();
}

#[test]
fn a_full_disk_keeps_nobody_from_taking_a_consent_back() {
    assert_eq!(says(StreamId::default(), None, false).room_for(), RoomFor::Urgent);
    assert_eq!(says(StreamId::default(), None, true).room_for(), RoomFor::Ordinary);
}
