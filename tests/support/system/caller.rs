//! HTTP as a back end or a page speaks it.

use super::server::Addresses;
use bytes::Bytes;
use serde_json::{Value, json};
use tidings_client::{Answer, ClientError, Connector, Trust};

/// Somebody who calls the HTTP routes of one server with one token.
#[derive(Clone)]
pub(crate) struct Caller {
    connector: Connector,
    server: String,
    token: String,
}

/// A connector for a server on this machine, which no authority vouches for.
pub(crate) fn connector() -> Connector {
    Connector::new(&Trust::Roots(Vec::new()))
}

/// One request. Boxed, since each holds a connection of its own.
///
/// # Errors
/// There is no server, or it went away.
pub(crate) async fn request(
    connector: &Connector,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Answer, ClientError> {
    Box::pin(connector.request(method, url, headers, body)).await
}

impl Caller {
    /// A caller with this token.
    pub(crate) fn new(addresses: &Addresses, token: &str) -> Self {
        Self { connector: connector(), server: addresses.http.clone(), token: token.to_owned() }
    }

    /// One request with the token.
    ///
    /// # Errors
    /// There is no server, or it went away.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        request(&self.connector, method, &format!("{}{path}", self.server), &headers, body).await
    }

    /// One request that must be answered with `status`; its body as JSON, `null` when it has none.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Value {
        let answer = self.call(method, path, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{method} {path}: {text}");
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Publishes and returns the notification's id.
    pub(crate) async fn publish(&self, to: &Value, body: &str) -> String {
        let answer = self.ask("POST", "/v1/notifications", Some(&json!({"to": to, "body": body})), 201).await;
        text(&answer["data"]["id"])
    }

    /// Bodies of the newest items of an inbox, newest first.
    pub(crate) async fn bodies(&self, inbox: &str) -> Vec<String> {
        let page = self.ask("GET", &format!("/v1/inbox/notifications?inbox={inbox}&limit=100"), None, 200).await;
        page["data"].as_array().expect("a page has its items").iter().map(|item| text(&item["body"])).collect()
    }

    /// How many items an inbox shows.
    pub(crate) async fn count(&self, inbox: &str) -> u64 {
        let answer = self.ask("GET", &format!("/v1/inbox/notifications/count?inbox={inbox}"), None, 200).await;
        answer["data"][0]["count"].as_u64().expect("a count is a number")
    }
}

/// A value that must be a text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
