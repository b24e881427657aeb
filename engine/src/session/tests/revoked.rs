//! A token that is revoked lets nobody in, whenever that happens.

use super::fixture::{Fixture, NOW, token};
use crate::access::{secret_hash, secret_text};
use crate::event::{Event, Facts, Recorded, RevokedTokens};
use crate::grant::Role;
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::keys::StreamKind;
use crate::limits::Limits;
use crate::log::{Envelope, Stored};
use crate::rejection::Rejection;
use crate::session::{Input, Output, SecurityEvent};
use serde_json::json;
use tidings_wire::CloseCode;

/// Something of acme's becomes durable.
fn happen(fixture: &Fixture, position: u64, event: Event) {
    let envelope = Envelope {
        position: Position(position),
        tenant: TenantId(1),
        tenant_sequence: position,
        stream: fixture.context.keys.stream("acme", StreamKind::Tenant, ""),
        revision: Revision(position),
        event_type: event.type_number(),
        event_version: event.version(),
        command: CommandHash::NONE,
        command_index: 0,
        time: NOW,
        key_id: 0,
    };
    let facts = Facts { actor: StreamId::default(), fingerprint: [0; 16], event };
    fixture.context.access().apply(&Recorded { envelope, facts, content: Stored::EMPTY });
}

fn revoke_ada(fixture: &Fixture) {
    let subject = fixture.context.keys.stream("acme", StreamKind::User, "ada");
    let which = RevokedTokens::Subject { subject, issued_before: NOW };
    happen(fixture, 2, Event::TokensRevoked { which, until: Time(i64::MAX) });
}

#[test]
fn a_revoked_token_is_refused_at_hello() {
    let mut fixture = Fixture::new(Limits::default());
    revoke_ada(&fixture);
    fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
    let outputs = fixture.outputs();
    let refused = |output: &Output| {
        matches!(
            output,
            Output::Security(SecurityEvent::Refused { code: CloseCode::TokenRevoked, why: "token_revoked" })
        )
    };
    assert!(outputs.len() == 1 && refused(&outputs[0]), "{outputs:?}");
    fixture.assert_closed(CloseCode::TokenRevoked);
}

#[test]
fn a_token_that_is_revoked_between_hello_and_welcome_is_not_welcomed() {
    for observed in [Ok(()), Err(Rejection::Unauthenticated)] {
        let mut fixture = Fixture::new(Limits::default());
        fixture.send(&json!({"type": "hello", "token": token("ada", "user", 60_000)}));
        fixture.give(Input::Admitted(Ok(())));
        revoke_ada(&fixture);
        fixture.give(Input::Observed(observed));
        assert!(fixture.session.grant().is_none());
        fixture.assert_closed(CloseCode::TokenRevoked);
    }
}

#[test]
fn a_refresh_with_a_revoked_token_is_refused_and_prolongs_nothing() {
    let mut fixture = Fixture::open(Limits::default(), "user");
    let expires = fixture.session.grant().unwrap().expires;
    revoke_ada(&fixture);
    fixture.send(&json!({"type": "refresh", "id": "r", "token": token("ada", "user", 7_200_000)}));
    assert_eq!(fixture.refusal(), "unauthenticated");
    assert_eq!(fixture.session.grant().unwrap().expires, expires);
}

#[test]
fn the_secret_of_a_key_opens_a_session_as_a_token_does() {
    let secret = secret_text(&[9; 32]);
    let mut fixture = Fixture::new(Limits::default());
    happen(&fixture, 1, Event::TenantCreated { name: "acme".to_owned() });
    let created = Event::ApiKeyCreated { hash: secret_hash(&secret), roles: vec![Role::Service], expires: None };
    happen(&fixture, 2, created);
    fixture.send(&json!({"type": "hello", "token": secret}));
    fixture.give(Input::Admitted(Ok(())));
    let welcome = fixture.frame();
    assert_eq!((&welcome["tenant"], &welcome["roles"]), (&json!("acme"), &json!(["service"])));
    assert_eq!(welcome["expires"].as_str().unwrap().len(), "9999-12-30T22:00:00.999Z".len());
    happen(&fixture, 3, Event::ApiKeyRevoked { key: Position(2) });
    assert!(fixture.context.refuses(fixture.session.grant().unwrap()));
    let mut late = Fixture::new(Limits::default());
    late.send(&json!({"type": "hello", "token": secret}));
    late.assert_closed(CloseCode::Unauthenticated);
}
