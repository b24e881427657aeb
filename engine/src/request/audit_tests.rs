use super::{At, EventsAsked, StateAsked, Who, audit_events, audit_replay, audit_state, audit_verify};
use crate::command::Scope;
use crate::cursor::{Cursor, CursorKind};
use crate::grant::{Grant, Role};
use crate::ids::{Position, StreamId, Time};
use crate::keys::{Keys, StreamKind};
use crate::limits::AUDIT_EVENTS_MAX;
use crate::rejection::Rejection;
use crate::request::ReplayAsked;

fn keys() -> Keys {
    Keys::new(&[7; 32])
}

fn grant(keys: &Keys, roles: &[Role]) -> Grant {
    Grant {
        tenant: "acme".into(),
        tenant_stream: keys.stream("acme", StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag("acme"),
        subject: "olga".into(),
        stream: keys.stream("acme", StreamKind::User, "olga"),
        roles: roles.to_vec(),
        topics: Vec::new(),
        token_id: None,
        issued: None,
        expires: Time(i64::MAX),
        credential: crate::grant::Credential::Token,
    }
}

fn cursor(keys: &Keys, tenant: &str, kind: CursorKind) -> String {
    let cursor = Cursor { kind, epoch: 1, position: Position(9), chain: [1; 4], place: 0 };
    cursor.seal(keys, keys.tenant_tag(tenant))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn only_auditors_and_super_admins_may_audit_and_only_the_latter_beyond_their_tenant() {
    let keys = keys();
    for role in Role::ALL {
        let grant = grant(&keys, &[role]);
        let named = |tenant: Option<&str>| audit_verify(&keys, &grant, tenant.map(str::to_owned));
        match role {
            Role::Auditor => {
                assert_eq!(named(None), Ok(Scope::Own));
                // Its own name, another's and nobody's are all the same.
                for tenant in ["acme", "globex", "nowhere", ""] {
                    assert_eq!(named(Some(tenant)), Err(Rejection::Forbidden));
                }
            }
            Role::SuperAdmin => {
                assert_eq!(named(None), Ok(Scope::Everything));
                assert_eq!(named(Some("globex")), Ok(Scope::Tenant("globex".to_owned())));
                assert!(matches!(named(Some("")), Err(Rejection::Invalid { field: "tenant", .. })));
            }
            _ => assert_eq!(named(None), Err(Rejection::Forbidden), "{role:?}"),
        }
    }
}

#[test]
fn content_is_for_auditors_who_are_privacy_officers_too() {
    let keys = keys();
    let content = |roles: &[Role]| {
        let asked = EventsAsked { content: true, ..EventsAsked::default() };
        let events = audit_events(&keys, &grant(&keys, roles), asked).map(|wanted| wanted.content);
        let asked = StateAsked { content: true, subscriber_id: some("ada"), ..StateAsked::default() };
        let state = audit_state(&keys, &grant(&keys, roles), asked).map(|wanted| wanted.content);
        assert_eq!(events, state);
        state
    };
    assert_eq!(content(&[Role::Auditor, Role::PrivacyOfficer]), Ok(true));
    for roles in [&[Role::Auditor][..], &[Role::SuperAdmin], &[Role::PrivacyOfficer]] {
        assert_eq!(content(roles), Err(Rejection::Forbidden), "{roles:?}");
    }
}

#[test]
fn a_place_is_a_time_a_cursor_of_the_tenant_or_for_the_platform_a_position() {
    let keys = keys();
    let at = |role, text: &str| {
        let asked = StateAsked { subscriber_id: some("ada"), at: some(text), ..StateAsked::default() };
        audit_state(&keys, &grant(&keys, &[role]), asked).map(|wanted| wanted.at)
    };
    let own = cursor(&keys, "acme", CursorKind::Changes);
    assert_eq!(at(Role::Auditor, "1970-01-01T00:00:01Z"), Ok(At::Time(Time(1_000))));
    assert!(matches!(at(Role::Auditor, &own), Ok(At::Cursor(cursor)) if cursor.position == Position(9)));
    assert_eq!(at(Role::SuperAdmin, "12"), Ok(At::Position(Position(12))));
    let refused = at(Role::Auditor, "12");
    assert!(matches!(refused, Err(Rejection::Invalid { field: "at", .. })));
    // A foreign cursor is answered as one that never was.
    for text in
        ["", "x", "12:00", &cursor(&keys, "globex", CursorKind::Changes), &cursor(&keys, "acme", CursorKind::Page)]
    {
        let found = at(Role::Auditor, text);
        let is_foreign = matches!(found, Err(Rejection::ForeignCursor { .. }));
        assert_eq!(is_foreign, text == cursor(&keys, "globex", CursorKind::Changes), "{text}");
        assert_eq!(found.map_err(|no| no.body()), refused.clone().map_err(|no| no.body()), "{text}");
    }
    assert!(at(Role::SuperAdmin, "99999999999999999999").is_err());
}

#[test]
fn filters_that_are_not_of_their_kind_are_refused_by_name() {
    let keys = keys();
    let field = |asked: EventsAsked| match audit_events(&keys, &grant(&keys, &[Role::Auditor]), asked) {
        Err(Rejection::Invalid { field, .. } | Rejection::TooLarge { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let none = EventsAsked::default;
    assert_eq!(field(EventsAsked { limit: Some(0), ..none() }), "limit");
    assert_eq!(field(EventsAsked { limit: Some(AUDIT_EVENTS_MAX as u32 + 1), ..none() }), "limit");
    assert_eq!(field(EventsAsked { after: some("?"), ..none() }), "after");
    assert_eq!(field(EventsAsked { subscriber_id: some(""), ..none() }), "subscriberId");
    assert_eq!(field(EventsAsked { subscriber_id: some(&"x".repeat(200)), ..none() }), "subscriberId");
    assert_eq!(field(EventsAsked { stream: some("abc"), ..none() }), "stream");
    assert_eq!(field(EventsAsked { stream: some(&"a".repeat(32)), subscriber_id: some("ada"), ..none() }), "stream");
    assert_eq!(field(EventsAsked { types: vec!["Nothing".to_owned()], ..none() }), "type");
    assert_eq!(field(EventsAsked { types: vec!["ItemsMarked".to_owned(); 99], ..none() }), "type");
    assert_eq!(field(EventsAsked { from: some("today"), ..none() }), "from");
    assert_eq!(field(EventsAsked { to: some("1"), ..none() }), "to");
}

#[test]
fn everything_that_is_asked_arrives() {
    let keys = keys();
    let auditor = grant(&keys, &[Role::Auditor]);
    let asked = EventsAsked {
        limit: Some(AUDIT_EVENTS_MAX as u32),
        stream: some(&"0a".repeat(16)),
        types: vec!["ItemsMarked".to_owned(), "TenantCreated".to_owned()],
        from: some("1970-01-01T00:00:01Z"),
        to: some("1970-01-01T00:00:02Z"),
        ..EventsAsked::default()
    };
    let wanted = audit_events(&keys, &auditor, asked).unwrap();
    assert_eq!((wanted.limit, wanted.types), (AUDIT_EVENTS_MAX, vec![5, 1]));
    assert_eq!((wanted.from, wanted.to), (Some(Time(1_000)), Some(Time(2_000))));
    assert_eq!(wanted.who, Some(Who::Stream(StreamId([10; 16]))));
    let replay = audit_replay(&keys, &auditor, ReplayAsked::default()).unwrap();
    assert_eq!((replay.after, replay.through, replay.state), (None, At::Head, true));
    assert!(audit_state(&keys, &auditor, StateAsked::default()).is_err());
}
