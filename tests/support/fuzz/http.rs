//! Bytes from a client, as a request to the real routes.

use super::asked::{Asked, CHUNK_BYTES_MAX};
use super::reach;
use crate::http::{Answer, Crowded, Fake, ORIGIN, ask, assets, site_of};
use crate::insides;
use axum::Router;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidings_adapters::gateway::{Host, Refused};
use tidings_adapters::http::{Access, Operation, Payload, ROUTES, Route};
use tidings_engine::limits::HTTP_BODY_BYTES_MAX;
use tidings_wire::ReplyCode;
use tokio::runtime::{Builder, Runtime};

/// What becomes of the inputs.
pub const MARKS: &[&str] = &[
    "done",
    "submitted",
    "preflight",
    "invalid",
    "unauthenticated",
    "forbidden",
    "not_found",
    "too_large",
    "rate_limited",
    "unavailable",
    "no route",
    "no method",
    "no head",
    "body of another kind",
    "body too long while it came",
    "a name is repeated",
];

/// Most bytes of an answer that says no. It may repeat 256 characters of a path and 64 of a name, escaped.
const PROBLEM_BYTES_MAX: usize = 8 * 1024;

/// Most bytes of an answer that says yes, beside what it repeats of the request.
const DONE_BYTES_MAX: usize = 256 * 1024;

/// Most bytes of a body without a token.
const OPEN_BODY_BYTES_MAX: usize = 4 * 1024;

/// Most characters of the path that a refusal repeats where there is no route.
const PATH_CHARACTERS_MAX: usize = 256;

/// The routes with what stands behind them. Made once: the document of the routes is not small.
struct Site {
    runtime: Runtime,
    fake: Arc<Fake>,
    router: Router,
}

thread_local! {
    static SITE: Site = Site::new();
}

impl Site {
    fn new() -> Self {
        let fake = Arc::new(Fake::new());
        let host = Host::new(Arc::new(Crowded(Refused::Leaving { retry_after_ms: 4_001 })));
        Self {
            runtime: Builder::new_current_thread().enable_time().build().expect("a runtime needs no sockets"),
            router: site_of(&fake, &host, assets()),
            fake,
        }
    }
}

/// Asks, and judges the answer. Every refusal is a problem with a code of the table, no fault of a client is one of the
/// server, no text tells of insides, and no more of a body is taken than the route may have.
pub fn run(data: &[u8]) {
    SITE.with(|site| {
        site.fake.forget();
        let Some(asked) = Asked::read(data, &site.fake) else { return };
        let taken = Arc::new(AtomicUsize::new(0));
        let Some(request) = asked.request(&taken) else { return };
        let answer = site.runtime.block_on(ask(&site.router, request));
        assert_headers(&asked, &answer);
        assert_body(&asked, &answer, taken.load(Ordering::Relaxed));
        if answer.status.is_client_error() || answer.status.is_server_error() {
            assert_refused(&asked, &answer, &site.fake);
        } else {
            assert_done(&asked, &answer);
        }
        let submitted = site.fake.submitted.lock();
        assert!(submitted.len() <= 1, "one request gave {} commands", submitted.len());
        for request in submitted.iter() {
            reach("submitted");
            assert_eq!(Some(&*request.grant.tenant), asked.tenant(), "a command of another tenant");
        }
    });
}

fn assert_headers(asked: &Asked, answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("content-security-policy").is_some() && answer.header("x-request-id").is_some());
    if let Some(allowed) = answer.header("access-control-allow-origin") {
        assert_eq!((allowed, asked.header("origin").is_some_and(|origin| origin == ORIGIN)), (ORIGIN, true));
    }
    if asked.method == "HEAD" {
        assert!(answer.body.is_empty(), "an answer to HEAD has a body");
    }
}

/// A body is taken as far as the route may have it, and only of who showed a token.
fn assert_body(asked: &Asked, answer: &Answer, taken: usize) {
    let route = asked.route.filter(|route| route.payload != Payload::Nothing && asked.method == route.verb.name());
    let allowed = match route {
        _ if answer.status == 401 => 0,
        Some(Route { access: Access::Open | Access::Session, .. }) => OPEN_BODY_BYTES_MAX + CHUNK_BYTES_MAX,
        Some(_) => HTTP_BODY_BYTES_MAX + CHUNK_BYTES_MAX,
        None if asked.route.is_some() => 0,
        // A path that the bytes tell may be any route's.
        None => HTTP_BODY_BYTES_MAX + CHUNK_BYTES_MAX,
    };
    assert!(taken <= allowed, "{taken} bytes of a body were taken, {allowed} are allowed");
    if taken > OPEN_BODY_BYTES_MAX && answer.status == 413 {
        reach("body too long while it came");
    }
}

fn assert_refused(asked: &Asked, answer: &Answer, fake: &Fake) {
    let status = answer.status.as_u16();
    if answer.body.is_empty() {
        reach("no head");
        assert!(asked.method == "HEAD" && status < 500 || status == 503, "a refusal without a body: {answer:?}");
        return;
    }
    let code = answer.code();
    reach(&code);
    let code = ReplyCode::ALL.into_iter().find(|known| known.word() == code).expect("the code is in the table");
    let says_more = code == ReplyCode::Invalid && matches!(status, 405 | 408 | 415);
    assert!(status == code.http_status() || says_more, "{status} for {code:?}");
    match status {
        405 => reach("no method"),
        415 => reach("body of another kind"),
        _ => {}
    }
    let carries = |route: &&Route| matches!(route.operation, Operation::WebSocket | Operation::Events);
    let is_session = ROUTES.iter().filter(carries).any(|route| asked.uri.path() == route.path);
    assert!(status < 500 || is_session && status == 503, "a client's fault is the server's: {answer:?}");
    assert!(answer.body.len() <= PROBLEM_BYTES_MAX, "a problem of {} bytes", answer.body.len());
    // What is not there was looked for; all else is refused before anything is asked of the server.
    assert!(status == 404 || fake.submitted.lock().is_empty(), "refused, and done nevertheless: {answer:?}");
    assert_nothing_of_ours(asked, answer.json());
}

/// Takes out of a problem what it repeats of the request; the rest tells nothing of ours.
fn assert_nothing_of_ours(asked: &Asked, mut problem: Value) {
    let path = problem["path"].as_str().expect("a problem has a path").to_owned();
    if ROUTES.iter().all(|route| route.path != path) {
        reach("no route");
        let shown: String = asked.uri.path().chars().take(PATH_CHARACTERS_MAX).collect();
        assert_eq!(path, shown, "a path that nobody asked for");
    }
    let detail = problem["detail"].as_str().expect("a problem has a detail").to_owned();
    let ours = match detail.split_once("].").filter(|(first, _)| first.starts_with("filters[")) {
        Some((place, rest)) => {
            reach("a name is repeated");
            format!("{place}{}", rest.strip_suffix(" is not known or not of its kind").map_or(rest, |_| ""))
        }
        None => detail,
    };
    for (name, ours) in [("path", ""), ("instance", ""), ("detail", ours.as_str()), ("message", ours.as_str())] {
        problem[name] = Value::from(ours);
    }
    let text = problem.to_string();
    assert_eq!(insides::told(text.as_bytes(), &[]), None, "in {text}");
}

fn assert_done(asked: &Asked, answer: &Answer) {
    let status = answer.status.as_u16();
    if asked.method == "OPTIONS" {
        reach("preflight");
        assert_eq!((status, asked.header("origin").is_some_and(|origin| origin == ORIGIN)), (204, true));
        return;
    }
    reach("done");
    let said = asked.uri.to_string().len() + asked.body.len();
    assert!(answer.body.len() <= DONE_BYTES_MAX + 8 * said, "{} bytes of an answer", answer.body.len());
    let Some(route) = asked.route else { return };
    assert_eq!(status, route.status, "{answer:?}");
    // These two are texts of ours by their nature, and those two repeat what they were told within one of ours.
    let tells = [Operation::OpenApi, Operation::AuditSchema, Operation::DevToken, Operation::Discovery];
    if tells.contains(&route.operation) {
        return;
    }
    let said = asked.said();
    let ours = insides::all_told(&answer.body).find(|word| !said.contains(word));
    assert_eq!(ours, None, "in {}", String::from_utf8_lossy(&answer.body));
}
