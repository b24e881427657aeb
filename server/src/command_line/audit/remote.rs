//! A server asked with an auditor's token.

use super::Source;
use crate::command_line::fail;
use crate::exit::Exit;
use crate::{clock, dev_token};
use bytes::Bytes;
use serde_json::Value;
use tidings_client::{Connector, Trust};

/// Life of a token that is signed here: 300 s.
const TOKEN_SECONDS: i64 = 300;

/// One server, and as whom it is asked.
pub(super) struct Remote {
    connector: Connector,
    server: String,
    token: String,
}

impl Source {
    /// The server that is asked, if one is. Without a token, one of `tenant` is signed with the development key.
    pub(super) fn remote(&self, tenant: Option<&str>) -> Option<Result<Remote, Exit>> {
        let server = self.server.as_ref()?.trim_end_matches('/').to_owned();
        let token = match &self.token {
            Some(token) => Ok(token.clone()),
            None => {
                let roles = ["auditor".to_owned()];
                let (tenant, subject) = (tenant.unwrap_or("acme"), "command-line");
                let claims =
                    dev_token::Claims { tenant, subject, roles: &roles, topics: &[], life_seconds: TOKEN_SECONDS };
                dev_token::sign(&self.data, &claims, clock::now())
            }
        };
        let token = token.map_err(|error| fail(Exit::Failed, &error));
        Some(token.map(|token| Remote { connector: Connector::new(&Trust::System), server, token }))
    }

    /// The tenant to name in a request: a token that is signed here is of the tenant itself.
    pub(super) fn named<'a>(&self, tenant: Option<&'a str>) -> Option<&'a str> {
        tenant.filter(|_| self.token.is_some())
    }
}

impl Remote {
    /// Hands over each part of the body of a request that is answered with 200.
    ///
    /// # Errors
    /// How the process ends, after saying why.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        each: &mut (dyn FnMut(Bytes) + Send),
    ) -> Result<(), Exit> {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let url = format!("{}{path}", self.server);
        let answer = self.connector.download(method, &url, &headers, body, each).await;
        let answer = answer.map_err(|error| fail(Exit::Failed, &error))?;
        if answer.status == 200 {
            return Ok(());
        }
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let message = said.as_ref().and_then(|body| body["message"].as_str()).unwrap_or("no reason given");
        Err(fail(Exit::Failed, &format!("the server answered {}: {message}", answer.status)))
    }

    /// As [`ask`](Self::ask), with the body whole.
    pub(super) async fn ask_whole(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>, Exit> {
        let mut whole = Vec::new();
        self.ask(method, path, body, &mut |part| whole.extend_from_slice(&part)).await?;
        Ok(whole)
    }
}

/// A query string of the parameters that are given.
pub(super) fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_query_holds_what_is_given_and_escapes_it() {
        assert_eq!(query(&[("a", None)]), "");
        assert_eq!(query(&[("a", Some("1")), ("b", None), ("c", Some("ä &"))]), "?a=1&c=%C3%A4%20%26");
    }
}
