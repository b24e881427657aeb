//! The router, driven without a socket.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod auditing;
mod consents;
mod erasing;
mod errors;
mod headers;
mod inbox;
mod origins;
mod publish;
mod standing;
mod table;

use axum::body::Body;
use serde_json::Value;
use std::sync::Arc;
use testkit::http::{
    ADA, Answer, Crowded, DATA, Fake, KNOWN, Nobody, ORIGIN, SERVICE, ask, assets, request, site, site_of,
};
use tidings_adapters::http::Assets;

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
