//! The router, driven without a socket.

mod access;
mod auditing;
mod consents;
mod erasing;
mod errors;
mod fake;
mod headers;
mod inbox;
mod origins;
mod publish;
mod standing;
mod table;

use super::{Assets, router};
use crate::gateway::{Host, Refused};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use fake::{Crowded, Fake};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt as _;

const ADA: &str = "acme/ada/user";
const SERVICE: &str = "acme/desk/service";

/// An answer, read whole.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What must be true of every refusal. Gives its code.
    fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(self.header("content-length").is_none_or(|bytes| bytes == self.body.len().to_string()));
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["statusCode"], problem["status"]);
        assert_eq!(problem["detail"], problem["message"]);
        assert_eq!(problem["instance"], problem["path"]);
        assert_eq!(problem["requestId"], self.header("x-request-id").unwrap());
        assert_eq!(problem["timestamp"], "2026-01-31T09:00:00.007Z");
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:tidings:problem:{code}"));
        code.to_owned()
    }
}

/// Files as the server gives them under `--dev`.
fn assets() -> Assets {
    Assets {
        files: vec![("/", "text/html; charset=utf-8", b"<!doctype html>"), ("/sdk/index.js", "text/javascript", b"")],
    }
}

fn site(fake: &Arc<Fake>, assets: Assets) -> Router {
    router(Arc::clone(fake), Host::new(Arc::new(Crowded(Refused::Full))), assets)
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    let address = SocketAddr::from(([192, 0, 2, 1], 4_000));
    Request::builder().method(method).uri(path).extension(ConnectInfo(address))
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// One request with a token, and with a JSON body where there is one.
async fn call(fake: &Arc<Fake>, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = request(method, path).header("authorization", format!("Bearer {token}"));
    let request = match body {
        None => request.body(Body::empty()),
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
    };
    ask(&site(fake, assets()), request.unwrap()).await
}

fn fake() -> Arc<Fake> {
    Arc::new(Fake::new())
}
