//! What auditors ask arrives as they asked it, and what they are answered leaves as it was made.

use super::{call, fake};
use serde_json::json;
use tidings_adapters::http::AuditQuestion;
use tidings_engine::command::Scope;
use tidings_engine::ids::Time;
use tidings_engine::request::Who;

const AUDITOR: &str = "acme/olga/auditor";

#[tokio::test]
async fn events_are_lines_that_nobody_keeps() {
    let fake = fake();
    let path =
        "/v1/audit/events?type[]=ItemsMarked&type[]=TenantCreated&subscriberId=ada&from=1970-01-01T00:00:01Z&limit=7";
    let answer = call(&fake, AUDITOR, "GET", path, None).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, b"{}\n{}\n".as_slice()));
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let asked = fake.audited.lock().pop().unwrap();
    let AuditQuestion::Events(wanted) = asked else { panic!("{asked:?}") };
    assert_eq!((wanted.scope, wanted.types, wanted.limit), (Scope::Own, vec![5, 1], 7));
    assert_eq!((wanted.who, wanted.from), (Some(Who::Subscriber("ada".to_owned())), Some(Time(1_000))));
}

#[tokio::test]
async fn a_state_is_one_text_in_parts_and_a_replay_one_value() {
    let fake = fake();
    let answer = call(&fake, AUDITOR, "GET", "/v1/audit/state?subscriberId=ada", None).await;
    assert_eq!(
        (answer.header("content-type"), answer.body.as_slice()),
        (Some("application/json"), b"{\n}\n".as_slice())
    );
    let answer = call(&fake, AUDITOR, "POST", "/v1/audit/replays", Some(json!({"state": false}))).await;
    assert_eq!(answer.json(), json!({"verified": true}));
    let asked = fake.audited.lock().pop().unwrap();
    assert!(matches!(asked, AuditQuestion::Replay(wanted) if !wanted.state && wanted.after.is_none()));
    let platform = "platform/ruth/super_admin";
    call(&fake, platform, "GET", "/v1/audit/verify?tenant=acme", None).await;
    let asked = fake.audited.lock().pop().unwrap();
    assert!(matches!(asked, AuditQuestion::Verify(Scope::Tenant(tenant)) if tenant == "acme"));
}

#[tokio::test]
async fn what_may_not_be_asked_reaches_nobody() {
    let fake = fake();
    for (token, path, status) in [
        ("acme/ada/user", "/v1/audit/events", 403),
        (AUDITOR, "/v1/audit/events?tenant=acme", 403),
        (AUDITOR, "/v1/audit/events?content=true", 403),
        (AUDITOR, "/v1/audit/events?limit=0", 400),
        (AUDITOR, "/v1/audit/state", 400),
        (AUDITOR, "/v1/audit/state?subscriberId=ada&subscriberId=bob", 400),
    ] {
        assert_eq!(call(&fake, token, "GET", path, None).await.status, status, "{path}");
    }
    assert!(fake.audited.lock().is_empty());
}

#[tokio::test]
async fn the_schema_of_a_line_is_served_to_everybody() {
    let fake = fake();
    let answer = call(&fake, "", "GET", "/v1/audit/events.schema.json", None).await;
    assert_eq!(answer.header("content-type"), Some("application/schema+json"));
    assert_eq!(answer.json()["$id"], "urn:tidings:audit-events:1");
}
