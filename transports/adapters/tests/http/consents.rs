//! Consents: what the routes make of what they are asked.

use super::{ask, assets, fake, request, site};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tidings_adapters::http::AccessQuestion;
use tidings_engine::command::{Command, ConsentWanted};
use tidings_engine::keys::StreamKind;

const USER: &str = "acme/ada/user";
const SERVICE: &str = "acme/billing/service";
const PATH: &str = "/v1/privacy/consents";

fn call(verb: &str, path: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let request = request(verb, path).header("authorization", format!("Bearer {token}"));
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

#[tokio::test]
async fn a_consent_is_given_unless_it_says_otherwise_and_taken_back_by_delete() {
    let fake = fake();
    let site = site(&fake, assets());
    let asked = json!({"category": "orders", "purpose": "to know at once", "textVersion": "7"});
    assert_eq!(ask(&site, call("POST", PATH, USER, Some(asked))).await.status, 201);
    let for_ada = json!({"subscriberId": "ada", "given": false, "channel": "realtime"});
    assert_eq!(ask(&site, call("POST", PATH, SERVICE, Some(for_ada))).await.status, 201);
    let path = format!("{PATH}?category=orders");
    assert_eq!(ask(&site, call("DELETE", &path, USER, None)).await.status, 204);
    let ada = fake.keys.stream("acme", StreamKind::User, "ada");
    let wanted: Vec<ConsentWanted> = fake
        .submitted
        .lock()
        .iter()
        .map(|request| match &request.command {
            Command::ChangeConsent(wanted) => (**wanted).clone(),
            other => panic!("{other:?} is no consent"),
        })
        .collect();
    assert!(wanted.iter().all(|wanted| wanted.subject == ada));
    assert_eq!(wanted.iter().map(|wanted| wanted.given).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(wanted[0].purpose.as_deref(), Some("to know at once"));
    assert_eq!(
        wanted.iter().map(|wanted| wanted.category.as_deref()).collect::<Vec<_>>(),
        [Some("orders"), None, Some("orders")]
    );
}

#[tokio::test]
async fn nobody_names_another_person_without_the_right_and_what_is_malformed_is_refused() {
    let fake = fake();
    let site = site(&fake, assets());
    for (verb, path, token, body, status) in [
        ("POST", PATH, USER, Some(json!({"subscriberId": "bob"})), 403),
        ("DELETE", "/v1/privacy/consents?subscriberId=bob", USER, None, 403),
        ("GET", "/v1/privacy/consents?subscriberId=bob", USER, None, 403),
        ("POST", PATH, "acme/otto/auditor", Some(json!({})), 403),
        ("POST", PATH, SERVICE, Some(json!({})), 400),
        ("GET", PATH, SERVICE, None, 400),
        ("POST", PATH, USER, Some(json!({"channel": "email"})), 400),
        ("POST", PATH, USER, Some(json!({"category": ""})), 400),
        ("POST", PATH, USER, Some(json!({"purpose": "x".repeat(513)})), 413),
        ("POST", PATH, USER, Some(json!({"tenant": "globex"})), 400),
        ("GET", "/v1/privacy/consents?tenant=globex", USER, None, 400),
    ] {
        let answer = ask(&site, call(verb, path, token, body.clone())).await;
        assert_eq!(answer.status, status, "{verb} {path} {body:?}: {answer:?}");
    }
    assert!(fake.submitted.lock().is_empty() && fake.managed.lock().is_empty());
    for (path, token) in [(PATH, USER), ("/v1/privacy/consents?subscriberId=ada", SERVICE)] {
        assert_eq!(ask(&site, call("GET", path, token, None)).await.status, 200);
    }
    let ada = fake.keys.stream("acme", StreamKind::User, "ada");
    for asked in fake.managed.lock().iter() {
        assert!(matches!(asked, AccessQuestion::Consents { subject: Some(subject) } if *subject == ada));
    }
}
