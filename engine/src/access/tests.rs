use super::{Access, secret_hash, secret_text};
use crate::command::{Command, Request, Scope};
use crate::decide::{Decision, decide};
use crate::event::{Event, Facts, Recorded, RevokedTokens};
use crate::grant::{Credential, Grant, Right, Role};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::keys::{Keys, StreamKind};
use crate::limits::{API_KEYS_TENANT_MAX, REVOCATIONS_TENANT_MAX};
use crate::log::{Envelope, Stored};
use crate::rejection::Rejection;
use crate::state::State;
use std::sync::Arc;

const NOW: Time = Time(1_769_850_000_000);
const DAY: i64 = 24 * 60 * 60 * 1_000;

fn keys() -> Keys {
    Keys::new(&[7; 32])
}

fn grant(subject: &str, roles: &[Role], jti: Option<&str>, issued: Option<Time>) -> Grant {
    let keys = keys();
    Grant {
        tenant: "acme".into(),
        tenant_stream: keys.stream("acme", StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag("acme"),
        subject: subject.into(),
        stream: keys.stream("acme", StreamKind::User, subject),
        roles: roles.to_vec(),
        topics: Vec::new(),
        token_id: jti.map(str::to_owned),
        issued,
        expires: NOW.plus(DAY),
        credential: Credential::Token,
    }
}

fn ada(jti: Option<&str>, issued: Option<Time>) -> Grant {
    grant("ada", &[Role::User], jti, issued)
}

/// The events of acme, recorded one after the other at these times.
fn record(all: Vec<(Time, Event)>) -> Vec<Recorded> {
    let stream = keys().stream("acme", StreamKind::Tenant, "");
    let recorded = (1..).zip(all).map(|(position, (time, event))| Recorded {
        envelope: Envelope {
            position: Position(position),
            tenant: TenantId(1),
            tenant_sequence: position,
            stream,
            revision: Revision(position),
            event_type: event.type_number(),
            event_version: event.version(),
            command: CommandHash::NONE,
            command_index: 0,
            time,
            key_id: 0,
        },
        facts: Facts { actor: StreamId::default(), fingerprint: [0; 16], event },
        content: Stored::EMPTY,
    });
    recorded.collect()
}

fn created() -> (Time, Event) {
    (NOW, Event::TenantCreated { name: "acme".to_owned() })
}

fn revoked(which: RevokedTokens, at: Time) -> (Time, Event) {
    (at, Event::TokensRevoked { which, until: at.plus(DAY) })
}

fn access(all: Vec<(Time, Event)>) -> Access {
    let mut access = Access::default();
    record(all).iter().for_each(|recorded| access.apply(recorded));
    access
}

fn state(all: Vec<(Time, Event)>) -> State {
    let mut state = State::default();
    record(all).iter().for_each(|recorded| state.apply(recorded));
    state
}

fn of_ada(issued_before: Time) -> RevokedTokens {
    RevokedTokens::Subject { subject: ada(None, None).stream, issued_before }
}

#[test]
fn a_revocation_by_jti_concerns_that_token_of_that_tenant_alone() {
    let keys = keys();
    let access = access(vec![created(), revoked(RevokedTokens::Token { id: keys.token_id("acme", "t-1") }, NOW)]);
    assert!(access.refuses(&keys, &ada(Some("t-1"), Some(NOW))));
    assert!(!access.refuses(&keys, &ada(Some("t-2"), None)));
    assert!(!access.refuses(&keys, &ada(None, None)));
    let elsewhere = Grant {
        tenant: "globex".into(),
        tenant_stream: keys.stream("globex", StreamKind::Tenant, ""),
        ..ada(Some("t-1"), None)
    };
    assert!(!access.refuses(&keys, &elsewhere));
}

#[test]
fn a_revocation_by_time_concerns_what_was_issued_before_and_what_does_not_say_when() {
    let keys = keys();
    for which in [of_ada(NOW), RevokedTokens::Tenant { issued_before: NOW }] {
        let access = access(vec![created(), revoked(which, NOW)]);
        assert!(access.refuses(&keys, &ada(None, Some(NOW.plus(-1)))));
        assert!(!access.refuses(&keys, &ada(None, Some(NOW))), "issued at that very moment");
        assert!(access.refuses(&keys, &ada(None, None)), "no iat");
        let bob = grant("bob", &[Role::User], None, None);
        assert_eq!(access.refuses(&keys, &bob), matches!(which, RevokedTokens::Tenant { .. }));
        let of_the_engine = Grant { credential: Credential::Engine, ..ada(None, None) };
        assert!(!access.refuses(&keys, &of_the_engine));
    }
}

#[test]
fn a_later_revocation_never_takes_back_an_earlier_one() {
    let keys = keys();
    let access = access(vec![created(), revoked(of_ada(NOW), NOW), revoked(of_ada(NOW.plus(-DAY)), NOW.plus(5))]);
    assert!(access.refuses(&keys, &ada(None, Some(NOW.plus(-1)))));
    let stands: Vec<_> = access.revocations(ada(None, None).tenant_stream).copied().collect();
    assert_eq!((stands.len(), stands[0].position, stands[0].which), (1, Position(3), of_ada(NOW)));
}

#[test]
fn what_ran_out_by_recorded_time_is_forgotten_and_nothing_before() {
    let keys = keys();
    let one = |number: u8, at| revoked(RevokedTokens::Token { id: [number; 16] }, at);
    let count = |last: Time| {
        let access = access(vec![created(), one(1, NOW), one(2, NOW.plus(1)), one(3, last)]);
        access.revocations(keys.stream("acme", StreamKind::Tenant, "")).count()
    };
    assert_eq!([count(NOW.plus(DAY)), count(NOW.plus(DAY + 1)), count(NOW.plus(DAY + 2))], [3, 2, 1]);
}

fn key(secret: &str, roles: &[Role], expires: Option<Time>) -> (Time, Event) {
    (NOW, Event::ApiKeyCreated { hash: secret_hash(secret), roles: roles.to_vec(), expires })
}

#[test]
fn a_key_lets_a_service_in_until_it_is_revoked_or_ends() {
    let keys = keys();
    let (secret, other) = (secret_text(&[1; 32]), secret_text(&[2; 32]));
    let mut access =
        access(vec![created(), key(&secret, &[Role::Service], None), key(&other, &[Role::User], Some(NOW.plus(5)))]);
    let grant = access.grant_of(&keys, &secret, NOW).unwrap();
    assert_eq!((&*grant.tenant, grant.roles.as_slice(), grant.topics.len()), ("acme", &[Role::Service][..], 0));
    assert!(grant.subject.starts_with("key:") && !access.refuses(&keys, &grant));
    assert!(access.grant_of(&keys, &other, NOW.plus(4)).is_some());
    assert!(access.grant_of(&keys, &other, NOW.plus(5)).is_none(), "past its time");
    for wrong in ["sk_", "", &secret[..45], &secret_text(&[3; 32]), &format!("{secret}A")] {
        assert!(access.grant_of(&keys, wrong, NOW).is_none(), "{wrong} was taken");
    }
    // Tokens of the tenant are revoked: a key is none.
    let stream = grant.tenant_stream;
    let mut more = record(vec![revoked(RevokedTokens::Tenant { issued_before: NOW.plus(9) }, NOW)]);
    access.apply(&more.remove(0));
    assert!(!access.refuses(&keys, &grant));
    let mut gone = record(vec![(NOW, Event::ApiKeyRevoked { key: Position(2) })]);
    gone[0].envelope.stream = stream;
    access.apply(&gone[0]);
    assert!(access.grant_of(&keys, &secret, NOW).is_none() && access.refuses(&keys, &grant));
    assert_eq!(access.keys(TenantId(1)).map(|key| key.position).collect::<Vec<_>>(), [Position(3)]);
}

fn ask(state: &State, grant: Grant, command: Command) -> Result<Vec<Event>, Rejection> {
    let request = Request { grant: Arc::new(grant), key: None, fingerprint: [0; 16], command };
    match decide(state, &keys(), &request)? {
        Decision::Record { drafts, .. } => Ok(drafts.into_iter().map(|draft| draft.event).collect()),
        Decision::Nothing(_) => Ok(Vec::new()),
    }
}

fn revoke(scope: Scope, which: RevokedTokens) -> Command {
    Command::RevokeTokens { scope, which, now: NOW, remember_ms: DAY }
}

#[test]
fn everybody_revokes_their_own_and_administrators_those_of_the_tenant() {
    let keys = keys();
    let state = state(vec![created()]);
    let bob = RevokedTokens::Subject { subject: keys.stream("acme", StreamKind::User, "bob"), issued_before: NOW };
    let all = RevokedTokens::Tenant { issued_before: NOW };
    let (own, other) = (["t-1", "t-2"].map(|jti| keys.token_id("acme", jti))).into();
    for role in Role::ALL {
        let may = Right::ManageAccess.is_given_by(role);
        let ask = |which| ask(&state, grant("ada", &[role], Some("t-1"), None), revoke(Scope::Own, which)).is_ok();
        assert!(ask(of_ada(NOW)) && ask(RevokedTokens::Token { id: own }), "{role:?}");
        assert_eq!([bob, all, RevokedTokens::Token { id: other }].map(ask), [may; 3], "{role:?}");
    }
    assert_eq!(
        [Role::TenantAdmin, Role::SuperAdmin, Role::PrivacyOfficer].map(|role| Right::ManageAccess.is_given_by(role)),
        [true, true, false]
    );
}

#[test]
fn another_tenants_name_is_for_the_platform_alone() {
    let state = state(vec![created()]);
    let all = RevokedTokens::Tenant { issued_before: NOW };
    let named = |role, name: &str| {
        ask(&state, grant("ada", &[role], None, None), revoke(Scope::Tenant(name.to_owned()), all)).map(|all| all.len())
    };
    for name in ["acme", "globex"] {
        assert_eq!(named(Role::TenantAdmin, name), Err(Rejection::Forbidden));
    }
    assert_eq!(named(Role::SuperAdmin, "globex"), Err(Rejection::NotFound));
    assert_eq!(named(Role::SuperAdmin, "acme"), Ok(1));
}

#[test]
fn a_revocation_is_remembered_by_recorded_time_also_where_that_is_ahead_of_the_clock() {
    let ahead = NOW.plus(9 * DAY);
    let state = state(vec![(ahead, created().1)]);
    let events = ask(&state, ada(None, None), revoke(Scope::Own, of_ada(NOW))).unwrap();
    assert_eq!(events, [Event::TokensRevoked { which: of_ada(NOW), until: ahead.plus(DAY) }]);
}

#[test]
fn what_a_revoked_token_asked_for_before_is_not_decided_after() {
    let state = state(vec![created(), revoked(of_ada(NOW), NOW)]);
    assert_eq!(ask(&state, ada(None, None), Command::Observe), Err(Rejection::Unauthenticated));
    assert!(ask(&state, ada(None, Some(NOW)), Command::Observe).is_ok());
}

#[test]
fn nobody_makes_a_key_that_may_do_what_they_may_not() {
    let state = state(vec![created()]);
    let make = |role, roles: &[Role]| {
        let (scope, hash, roles) = (Scope::Own, [1; 32], roles.to_vec());
        let command = Command::CreateApiKey { scope, hash, roles, expires: None, name: None };
        ask(&state, grant("ada", &[role], None, None), command).is_ok()
    };
    let made = |role| Role::ALL.map(|wanted| make(role, &[wanted]));
    assert_eq!(made(Role::TenantAdmin), [true, true, true, false, false, false]);
    assert_eq!(made(Role::SuperAdmin), [true, true, true, true, false, true]);
    for role in [Role::User, Role::Service, Role::Auditor, Role::PrivacyOfficer] {
        assert_eq!(made(role), [false; 6]);
    }
}

#[test]
fn keys_and_revocations_of_a_tenant_are_bounded() {
    let mut events = vec![created()];
    let fill = |count: usize, one: &dyn Fn([u8; 32]) -> (Time, Event)| {
        let number = |index: usize| {
            let mut id = [9; 32];
            id[..8].copy_from_slice(&index.to_le_bytes());
            id
        };
        (0..count).map(|index| one(number(index))).collect::<Vec<_>>()
    };
    let key = |hash| (NOW, Event::ApiKeyCreated { hash, roles: vec![Role::Service], expires: None });
    let token = |id: [u8; 32]| revoked(RevokedTokens::Token { id: *id.first_chunk().unwrap() }, NOW);
    events.extend(fill(API_KEYS_TENANT_MAX - 1, &key));
    events.extend(fill(REVOCATIONS_TENANT_MAX - 1, &token));
    let admin = || grant("anna", &[Role::TenantAdmin], None, None);
    let create = || Command::CreateApiKey {
        scope: Scope::Own,
        hash: [1; 32],
        roles: vec![Role::Service],
        expires: None,
        name: None,
    };
    let refuse = || revoke(Scope::Own, RevokedTokens::Token { id: [1; 16] });
    let room = state(events.clone());
    assert!(ask(&room, admin(), create()).is_ok() && ask(&room, admin(), refuse()).is_ok());
    events.extend([key([1; 32]), token([1; 32])]);
    let full = state(events);
    let too_large = |outcome| matches!(outcome, Err(Rejection::TooLarge { .. }));
    assert!(too_large(ask(&full, admin(), create())) && too_large(ask(&full, admin(), refuse())));
}
