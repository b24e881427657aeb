//! What every answer carries.

use super::{ADA, Fake, ask, assets, fake, request, site};
use axum::body::Body;
use std::sync::Arc;

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let site = site(&fake(), assets());
    for path in ["/", "/sdk/index.js", "/healthz", "/v1/connect", "/v1/nothing", "/v1/inbox/notifications", "/nothing"]
    {
        let answer = ask(&site, request("GET", path).body(Body::empty()).unwrap()).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe-"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("strict-transport-security"), None);
        assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("request-")));
        let is_file = matches!(path, "/" | "/sdk/index.js");
        assert_eq!(answer.header("cache-control"), Some(if is_file { "no-cache" } else { "no-store" }), "{path}");
    }
}

#[tokio::test]
async fn a_server_under_tls_asks_to_be_reached_so() {
    let fake = Arc::new(Fake { secure: true, ..Fake::new() });
    let answer = ask(&site(&fake, assets()), request("GET", "/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
}

#[tokio::test]
async fn the_caller_is_told_with_its_address_and_an_id_that_it_cannot_choose() {
    let fake = fake();
    let asked = request("GET", "/v1/inbox/notifications").header("authorization", format!("Bearer {ADA}"));
    let asked = asked.header("x-request-id", "mine").header("user-agent", "a".repeat(300)).body(Body::empty()).unwrap();
    let answer = ask(&site(&fake, assets()), asked).await;
    let caller = fake.callers.lock()[0].clone();
    assert_eq!(caller.address.to_string(), "192.0.2.1:4000");
    assert_eq!(caller.user_agent, Some("a".repeat(256)));
    assert_eq!(Some(caller.request_id.as_str()), answer.header("x-request-id"));
    assert_ne!(caller.request_id, "mine");
}

#[tokio::test]
async fn discovery_answers_for_the_host_that_was_asked() {
    let asked = request("GET", "/v1/connect").header("host", "tidings.example:8080").body(Body::empty()).unwrap();
    let answer = ask(&site(&fake(), assets()), asked).await;
    assert_eq!(answer.json()["websocket"]["url"], "ws://tidings.example:8080/v1/connect/websocket");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
