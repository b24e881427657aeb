//! Who is let in: what the routes make of what they are asked.

use super::{KNOWN, ask, assets, fake, request, site};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tidings_adapters::http::AccessQuestion;
use tidings_engine::command::{Command, Scope};
use tidings_engine::event::RevokedTokens;

const ADMIN: &str = "acme/anna/tenant_admin";
const USER: &str = "acme/ada/user";

fn call(verb: &str, path: &str, token: &str, body: &Value) -> Request<Body> {
    let request = request(verb, path).header("authorization", format!("Bearer {token}"));
    request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

fn bare(verb: &str, path: &str, token: &str) -> Request<Body> {
    request(verb, path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_revocation_names_one_thing_and_is_remembered_for_the_life_of_a_token() {
    let fake = fake();
    let site = site(&fake, assets());
    for body in [
        json!({}),
        json!({"jti": "a", "all": true}),
        json!({"all": false}),
        json!({"who": "ada"}),
        json!({"jti": "a", "issuedBefore": "2026-01-31T09:00:00Z"}),
        json!({"all": true, "issuedBefore": "yesterday"}),
        json!({"all": true, "issuedBefore": "2027-01-31T09:00:00Z"}),
        json!({"all": true, "expiresAt": "2027-01-31T09:00:00Z"}),
    ] {
        let answer = ask(&site, call("POST", "/v1/revocations", ADMIN, &body)).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert!(fake.submitted.lock().is_empty());
    let answer = ask(&site, call("POST", "/v1/revocations", ADMIN, &json!({"jti": "a"}))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let Command::RevokeTokens { scope, which, remember_ms, .. } = fake.submitted.lock()[0].command.clone() else {
        panic!("no revocation")
    };
    assert_eq!((scope, remember_ms), (Scope::Own, 3_605_000));
    assert!(matches!(which, RevokedTokens::Token { .. }));
    // A person brings nobody about by naming them.
    let answer = ask(&site, call("POST", "/v1/revocations", USER, &json!({"subscriberId": "bob"}))).await;
    assert_eq!(answer.status, 403);
    let answer = ask(&site, call("POST", "/v1/revocations", ADMIN, &json!({"all": true, "tenant": "globex"}))).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_key_is_told_once_and_its_hash_is_what_goes_to_the_log() {
    let fake = fake();
    let site = site(&fake, assets());
    let answer = ask(&site, call("POST", "/v1/keys", ADMIN, &json!({"name": "Billing"}))).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (201, Some("no-store")));
    let secret = answer.json()["data"]["secret"].as_str().unwrap().to_owned();
    let Command::CreateApiKey { hash, name, .. } = fake.submitted.lock()[0].command.clone() else { panic!("no key") };
    assert_eq!((hash, name.as_deref()), (tidings_engine::access::secret_hash(&secret), Some("Billing")));
    for body in [
        json!({"roles": []}),
        json!({"roles": ["king"]}),
        json!({"name": ""}),
        json!({"expiresAt": "2020-01-01T00:00:00Z"}),
    ] {
        assert_eq!(ask(&site, call("POST", "/v1/keys", ADMIN, &body)).await.status, 400, "{body}");
    }
    assert_eq!(ask(&site, call("POST", "/v1/keys", USER, &json!({}))).await.status, 403);
    let id = fake.id("acme", KNOWN);
    assert_eq!(ask(&site, bare("DELETE", &format!("/v1/keys/{id}"), ADMIN)).await.status, 204);
}

#[tokio::test]
async fn the_secret_of_a_key_is_taken_in_either_scheme() {
    let fake = fake();
    let site = site(&fake, assets());
    for scheme in ["Bearer", "ApiKey", "apikey"] {
        let request = request("GET", "/v1/sessions").header("authorization", format!("{scheme} sk_x"));
        ask(&site, request.body(Body::empty()).unwrap()).await;
    }
    assert_eq!(*fake.tokens.lock(), vec![Some("sk_x".to_owned()); 3]);
    let basic = request("GET", "/v1/sessions").header("authorization", "Basic sk_x").body(Body::empty()).unwrap();
    assert_eq!(ask(&site, basic).await.status, 401);
    assert_eq!(fake.tokens.lock()[3], None);
}

#[tokio::test]
async fn sessions_are_asked_for_as_they_are_named() {
    let fake = fake();
    let site = site(&fake, assets());
    assert_eq!(ask(&site, bare("GET", "/v1/sessions?current=mine", USER)).await.status, 200);
    assert_eq!(ask(&site, bare("DELETE", "/v1/sessions?except=mine", USER)).await.json()["data"]["ended"], 1);
    assert_eq!(ask(&site, bare("DELETE", "/v1/sessions/mine", USER)).await.status, 204);
    assert_eq!(ask(&site, bare("DELETE", "/v1/sessions/yours", USER)).await.status, 404);
    for path in ["/v1/keys?limit=0", "/v1/keys?limit=101", "/v1/revocations?limit=x", "/v1/keys?tenants=x"] {
        assert_eq!(ask(&site, bare("GET", path, ADMIN)).await.status, 400, "{path}");
    }
    let asked = fake.managed.lock();
    assert!(matches!(&asked[0], AccessQuestion::Sessions { current: Some(id), subscriber_id: None } if id == "mine"));
    assert!(matches!(&asked[1], AccessQuestion::EndSessions { except: Some(id), .. } if id == "mine"));
}
