//! Which pages may ask and read.

use super::{ADA, Crowded, ORIGIN, ask, assets, fake, request, site, site_of};
use axum::body::Body;
use std::sync::Arc;
use tidings_adapters::gateway::{Host, Refused};

const PAGE: &str = "/v1/inbox/notifications";

#[tokio::test]
async fn a_foreign_page_is_refused_before_any_work() {
    let fake = fake();
    let site = site(&fake, assets());
    for (method, path) in [
        ("GET", PAGE),
        ("POST", "/v1/notifications"),
        ("GET", "/v1/connect"),
        ("GET", "/v1/connect/websocket"),
        ("POST", "/dev/token"),
        ("GET", "/v1/nothing"),
        ("OPTIONS", PAGE),
    ] {
        for origin in ["https://app.example.evil", "null", "http://app.example", "https://APP.example"] {
            let asked = request(method, path).header("origin", origin).header("authorization", format!("Bearer {ADA}"));
            let asked = asked.header("access-control-request-method", "GET").body(Body::empty()).unwrap();
            let answer = ask(&site, asked).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "forbidden"),
                "{method} {path} {origin}"
            );
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    let two = request("GET", PAGE).header("origin", ORIGIN).header("origin", "https://other.example");
    assert_eq!(ask(&site, two.body(Body::empty()).unwrap()).await.status, 403);
    assert_eq!(fake.work(), 0);
}

#[tokio::test]
async fn an_allowed_page_reads_answers_and_refusals_of_its_own_origin_alone() {
    let site = site(&fake(), assets());
    for (path, status) in [(PAGE, 200), ("/v1/inbox/notifications?limit=x", 400), ("/v1/nothing", 404)] {
        let asked = request("GET", path).header("origin", ORIGIN).header("authorization", format!("Bearer {ADA}"));
        let answer = ask(&site, asked.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let native = request("GET", PAGE).header("authorization", format!("Bearer {ADA}")).body(Body::empty()).unwrap();
    let native = ask(&site, native).await;
    assert_eq!((native.status.as_u16(), native.header("access-control-allow-origin")), (200, None));
    assert_eq!(native.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn a_preflight_allows_the_headers_of_the_clients_for_two_hours() {
    let fake = fake();
    let asked = request("OPTIONS", PAGE).header("origin", ORIGIN).header("access-control-request-method", "GET");
    let answer = ask(&site(&fake, assets()), asked.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, PATCH, DELETE"));
    let headers = answer.header("access-control-allow-headers").unwrap();
    let headers: Vec<_> = headers.split(", ").collect();
    for name in [
        "Content-Type",
        "Novu-API-Version",
        "Novu-Client-Version",
        "Authorization",
        "Novu-Application-Identifier",
        "Idempotency-Key",
        "Last-Event-ID",
    ] {
        assert!(headers.contains(&name), "{name}");
    }
    assert_eq!(fake.work(), 0);
}

#[tokio::test]
async fn an_upgrade_that_gets_no_place_is_a_problem() {
    for (refused, status, code) in [(Refused::TooMany, 429, "rate_limited"), (Refused::Full, 503, "unavailable")] {
        let site = site_of(&fake(), &Host::new(Arc::new(Crowded(refused))), assets());
        let asked = |subprotocol: &str| {
            request("GET", "/v1/connect/websocket")
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .header("sec-websocket-protocol", subprotocol)
                .body(Body::empty())
                .unwrap()
        };
        let answer = ask(&site, asked("tidings.v1")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(answer.header("retry-after"), Some("1"));
        let other = ask(&site, asked("chat")).await;
        assert_eq!((other.status.as_u16(), other.code().as_str()), (400, "invalid"));
        let plain = ask(&site, request("GET", "/v1/connect/websocket").body(Body::empty()).unwrap()).await;
        assert_eq!((plain.status.as_u16(), plain.code().as_str()), (400, "invalid"));
    }
}
