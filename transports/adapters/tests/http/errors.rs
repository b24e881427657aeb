//! Every no is a problem, tells what is wrong and nothing of ours.

use super::{ADA, Answer, Assets, KNOWN, SERVICE, ask, assets, call, fake, request, site};
use axum::body::{Body, HttpBody as _};
use serde_json::{Value, json};
use std::convert::Infallible;
use tidings_engine::command::Outcome;
use tidings_engine::ids::Position;
use tidings_engine::limits::{HTTP_BODY_BYTES_MAX, HTTP_OPEN_BODY_BYTES_MAX, Limit, TOKEN_BYTES_MAX};
use tidings_engine::rejection::Rejection;

const PUBLISH: &str = "/v1/notifications";

async fn publish_raw(content_type: &str, body: Body) -> Answer {
    let fake = fake();
    let mut asked = request("POST", PUBLISH).header("authorization", format!("Bearer {SERVICE}"));
    if let Some(bytes) = body.size_hint().exact() {
        asked = asked.header("content-length", bytes);
    }
    let answer = ask(&site(&fake, assets()), asked.header("content-type", content_type).body(body).unwrap()).await;
    assert!(answer.status.is_success() || fake.submitted.lock().is_empty());
    answer
}

#[tokio::test]
async fn a_path_without_a_route_and_a_method_without_one_are_problems() {
    let site = site(&fake(), assets());
    let absent = ask(&site, request("GET", "/v1/nothing?secret=1").body(Body::empty()).unwrap()).await;
    assert_eq!((absent.status.as_u16(), absent.code().as_str()), (404, "not_found"));
    assert_eq!(absent.json()["path"], "/v1/nothing");
    let method = ask(&site, request("PUT", PUBLISH).body(Body::empty()).unwrap()).await;
    assert_eq!((method.status.as_u16(), method.code().as_str()), (405, "invalid"));
    assert_eq!(method.header("allow"), Some("POST"));
}

#[tokio::test]
async fn a_foreign_id_and_an_absent_one_get_the_same_bytes() {
    let fake = fake();
    let ids = [fake.id("other", KNOWN), fake.id("acme", Position(999)), "%ff".to_owned(), "x".to_owned()];
    for (token, method, tail) in
        [(ADA, "PATCH", "/read"), (ADA, "PATCH", "/unarchive"), (ADA, "DELETE", "/delete"), (SERVICE, "DELETE", "")]
    {
        let base = if tail.is_empty() { PUBLISH } else { "/v1/inbox/notifications" };
        let mut first: Option<Vec<(String, Value)>> = None;
        for id in &ids {
            let answer = call(&fake, token, method, &format!("{base}/{id}{tail}"), None).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"));
            let mut problem = answer.json();
            assert_eq!(problem["path"], format!("{base}/{{id}}{tail}"));
            problem.as_object_mut().unwrap().remove("requestId");
            let mut seen = vec![("body".to_owned(), problem)];
            let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
            seen.extend(headers.map(|(name, value)| (name.to_string(), Value::from(value.to_str().unwrap()))));
            assert_eq!(*first.get_or_insert_with(|| seen.clone()), seen);
        }
    }
}

#[tokio::test]
async fn a_body_may_have_its_most_bytes_and_not_one_more() {
    let with_bytes = |count: usize| {
        let rest = count - r#"{"to":"ada","body":"b","more":""}"#.len();
        format!(r#"{{"to":"ada","body":"b","more":"{}"}}"#, "m".repeat(rest))
    };
    let at = publish_raw("application/json", Body::from(with_bytes(HTTP_BODY_BYTES_MAX))).await;
    assert_eq!(at.status, 201, "{at:?}");
    // Told by its length: refused before it is read, so the body may even be nothing.
    let told = request("POST", PUBLISH).header("authorization", format!("Bearer {SERVICE}"));
    let told = told.header("content-type", "application/json").header("content-length", HTTP_BODY_BYTES_MAX + 1);
    let told = ask(&site(&fake(), assets()), told.body(Body::empty()).unwrap()).await;
    assert_eq!((told.status.as_u16(), told.code().as_str()), (413, "too_large"));
    // Not told: refused while it is read.
    let chunks =
        with_bytes(HTTP_BODY_BYTES_MAX + 1).into_bytes().chunks(60_000).map(|chunk| Ok(chunk.to_vec())).collect();
    let chunks: Vec<Result<Vec<u8>, Infallible>> = chunks;
    let untold = publish_raw("application/json", Body::from_stream(futures_util::stream::iter(chunks))).await;
    assert_eq!((untold.status.as_u16(), untold.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn a_body_of_somebody_unknown_may_have_4_kib_and_not_one_byte_more() {
    let fake = fake();
    let site = site(&fake, assets());
    let with_bytes = |count: usize| {
        let text = |name: String| format!(r#"{{"tenant":"acme","user":"{name}"}}"#);
        text("u".repeat(count - text(String::new()).len()))
    };
    for (count, status) in [(HTTP_OPEN_BODY_BYTES_MAX, 200), (HTTP_OPEN_BODY_BYTES_MAX + 1, 413)] {
        let asked = request("POST", "/dev/token").header("content-type", "application/json");
        let answer = ask(&site, asked.body(Body::from(with_bytes(count))).unwrap()).await;
        assert_eq!(answer.status, status, "{count} bytes");
    }
    assert_eq!(*fake.limits_hit.lock(), [Limit::HttpOpenBodyBytesMax]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let never = futures_util::stream::pending::<Result<Vec<u8>, Infallible>>();
    let answer = publish_raw("application/json", Body::from_stream(never)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (408, "invalid"));
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_in_plain_words() {
    let other = publish_raw("text/plain", Body::from(r#"{"to":"ada","body":"b"}"#)).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (415, "invalid"));
    let charset = publish_raw("Application/JSON; charset=utf-8", Body::from(r#"{"to":"ada","body":"b"}"#)).await;
    assert_eq!(charset.status, 201);
    let deep = format!(r#"{{"to":"ada","body":"b","data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 7] =
        [b"", b"{", b"[]", b"{\"to\":\"\xff\"}", b"null", br#"{"to":5,"body":"b"}"#, deep.as_bytes()];
    for body in bodies {
        let answer = publish_raw("application/json", Body::from(body.to_vec())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        for inside in ["serde", "struct", "enum", "untagged", "variant", "Publish", "tidings_"] {
            assert!(!detail.contains(inside), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_token_is_a_bearer_of_at_most_8_kib_and_stands_in_no_url() {
    let fake = fake();
    let site = site(&fake, assets());
    let page = "/v1/inbox/notifications";
    let long = format!("Bearer {}", "t".repeat(TOKEN_BYTES_MAX + 1));
    for value in ["", "Bearer", "Basic YQ==", "acme/ada/user", long.as_str(), "Bearer nonsense"] {
        let answer = ask(&site, request("GET", page).header("authorization", value).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "unauthenticated"), "{value}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let asked = fake.tokens.lock().iter().flatten().cloned().collect::<Vec<_>>();
    assert_eq!(asked, ["nonsense"]);
    let in_url = ask(&site, request("GET", &format!("{page}?token={ADA}")).body(Body::empty()).unwrap()).await;
    assert_eq!(in_url.status, 401);
    let at = format!("Bearer {ADA}{}", " ".repeat(TOKEN_BYTES_MAX - ADA.len()));
    let twice =
        request("GET", page).header("authorization", format!("Bearer {ADA}")).header("authorization", at.as_str());
    assert_eq!(ask(&site, twice.body(Body::empty()).unwrap()).await.status, 401);
    let lower = request("GET", page).header("authorization", format!("bearer {ADA}")).body(Body::empty()).unwrap();
    assert_eq!(ask(&site, lower).await.status, 200);
}

#[tokio::test]
async fn nothing_is_read_or_done_without_the_right() {
    let fake = fake();
    for (token, method, path) in [
        (ADA, "POST", "/v1/notifications"),
        (ADA, "DELETE", "/v1/notifications/x"),
        (SERVICE, "GET", "/v1/inbox/notifications"),
        (ADA, "GET", "/v1/inbox/notifications?inbox=tenant"),
        (SERVICE, "POST", "/v1/inbox/notifications/read?inbox=tenant"),
    ] {
        let answer = call(&fake, token, method, path, Some(json!({}))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "forbidden"), "{method} {path}");
    }
    assert!(fake.submitted.lock().is_empty() && fake.asked.lock().is_empty());
}

#[tokio::test]
async fn each_rejection_has_its_status_and_says_when_to_return() {
    let cases: [(Rejection, u16, Option<&str>); 8] = [
        (Rejection::Snoozed, 409, None),
        (Rejection::IdempotencyConflict, 422, None),
        (Rejection::RateLimited { limit: Limit::CommandsPerSecond, retry_after_ms: 2_001 }, 429, Some("3")),
        (Rejection::OutcomeUnknown, 500, None),
        (Rejection::Internal, 500, None),
        (Rejection::Overloaded, 503, Some("1")),
        (Rejection::Unavailable, 503, Some("1")),
        (Rejection::ReadOnly, 503, Some("1")),
    ];
    for (rejection, status, retry_after) in cases {
        let fake = fake();
        let code = rejection.code().word();
        *fake.outcome.lock() = Some(Outcome::Err(rejection));
        let path = format!("/v1/inbox/notifications/{}/read", fake.id("acme", KNOWN));
        let answer = call(&fake, ADA, "PATCH", &path, None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(answer.header("retry-after"), retry_after);
    }
    let hasty = call(&fake(), "acme/hasty/user", "GET", "/v1/inbox/notifications", None).await;
    assert_eq!((hasty.status.as_u16(), hasty.header("retry-after")), (429, Some("3")));
}

/// `limit`, `remaining`, `reset` and `policy`.
fn rates(answer: &Answer) -> [Option<&str>; 4] {
    ["limit", "remaining", "reset", "policy"].map(|name| answer.header(&format!("ratelimit-{name}")))
}

#[tokio::test]
async fn every_answer_to_somebody_known_tells_what_is_left_of_the_rate() {
    let fake = fake();
    let some = [Some("41"), Some("40"), Some("1"), Some("41;w=3")];
    for (method, path, status) in [
        ("GET", "/v1/inbox/notifications", 200),
        ("GET", "/v1/inbox/notifications?colour=1", 400),
        ("GET", "/v1/audit/verify", 403),
        ("POST", "/v1/inbox/notifications/read", 204),
        ("PATCH", "/v1/inbox/notifications/nobody/read", 404),
    ] {
        let answer = call(&fake, ADA, method, path, None).await;
        assert_eq!((answer.status.as_u16(), rates(&answer)), (status, some), "{method} {path}");
    }
    let over = call(&fake, "acme/hasty/user", "GET", "/v1/inbox/notifications", None).await;
    assert_eq!(rates(&over), [Some("41"), Some("0"), Some("3"), Some("41;w=3")]);
    assert_eq!(rates(&call(&fake, "nobody", "GET", "/v1/inbox/notifications", None).await), [None; 4]);
    assert_eq!(rates(&call(&fake, ADA, "GET", "/healthz", None).await), [None; 4]);
    assert_eq!(*fake.limits_hit.lock(), [Limit::CommandsPerSecond]);
}

#[tokio::test]
async fn a_server_that_is_not_ready_says_so_and_lives_all_the_same() {
    let fake = fake();
    *fake.not_ready.lock() = Some("the log is being replayed");
    let site = site(&fake, Assets::default());
    let ready = ask(&site, request("GET", "/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!((ready.status.as_u16(), ready.code().as_str()), (503, "unavailable"));
    assert_eq!(ready.json()["detail"], "the log is being replayed");
    assert_eq!(ask(&site, request("GET", "/healthz").body(Body::empty()).unwrap()).await.status, 200);
    *fake.not_ready.lock() = None;
    assert_eq!(ask(&site, request("GET", "/readyz").body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_ready_server_tells_what_to_look_into_and_stays_ready() {
    let fake = fake();
    let site = site(&fake, Assets::default());
    for warnings in [vec![], vec!["a checkpoint sink failed"]] {
        fake.warnings.lock().clone_from(&warnings);
        let ready = ask(&site, request("GET", "/readyz").body(Body::empty()).unwrap()).await;
        assert_eq!((ready.status.as_u16(), &ready.json()["warnings"]), (200, &serde_json::json!(warnings)));
    }
}
