//! The real router of the HTTP routes, driven without a socket, and what may stand behind it in tests.

mod crowded;
mod fake;
mod followed;
mod spoken;

pub use crowded::{Crowded, Nobody};
pub use fake::{DATA, Fake, KNOWN, NOW, ORIGIN};
pub use followed::{Followed, Follower};
pub use spoken::{Speaker, Spoken};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tidings_adapters::gateway::{Gateway, Host, Refused};
use tidings_adapters::http::{Assets, router};
use tower::ServiceExt as _;

/// The token of a person, for [`Fake`].
pub const ADA: &str = "acme/ada/user";
/// The token of a service, for [`Fake`].
pub const SERVICE: &str = "acme/desk/service";

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    /// A header that is text.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("the header is text"))
    }

    /// What must be true of every refusal. Gives its code.
    ///
    /// # Panics
    /// It is not.
    #[must_use]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(self.header("content-length").is_none_or(|bytes| bytes == self.body.len().to_string()));
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["statusCode"], problem["status"]);
        assert_eq!(problem["detail"], problem["message"]);
        assert_eq!(problem["instance"], problem["path"]);
        assert_eq!(problem["requestId"], self.header("x-request-id").expect("every answer has an id"));
        assert_eq!(problem["timestamp"], "2026-01-31T09:00:00.007Z");
        let code = problem["code"].as_str().expect("a code is text");
        assert_eq!(problem["type"], format!("urn:tidings:problem:{code}"));
        code.to_owned()
    }
}

/// Files as the server gives them under `--dev`.
#[must_use]
pub fn assets() -> Assets {
    Assets {
        files: vec![("/", "text/html; charset=utf-8", b"<!doctype html>"), ("/sdk/index.js", "text/javascript", b"")],
    }
}

/// The router over a server that has no place for sessions.
pub fn site(fake: &Arc<Fake>, assets: Assets) -> Router {
    site_of(fake, &Host::new(Arc::new(Crowded(Refused::Full))), assets)
}

/// The router over a server and its gateway.
pub fn site_of<G: Gateway>(fake: &Arc<Fake>, host: &Host<G>, assets: Assets) -> Router {
    router(Arc::clone(fake), host.clone(), assets)
}

/// The beginning of a request from 192.0.2.1.
#[must_use]
pub fn request(method: &str, path: &str) -> request::Builder {
    let address = SocketAddr::from(([192, 0, 2, 1], 4_000));
    Request::builder().method(method).uri(path).extension(ConnectInfo(address))
}

/// Asks, and reads the answer to its end.
///
/// # Panics
/// The answer breaks off, which none of these does.
pub async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let Ok(response) = router.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the answer is whole").to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}
