//! `tidings publish`: one notification to a running server.

use super::{block_on, fail};
use crate::exit::Exit;
use crate::{clock, dev_token};
use serde_json::{Value, json};
use std::path::PathBuf;
use tidings_client::{Connector, Trust};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Person it is for; may be given several times. Everyone of the tenant when absent
    #[arg(long = "to")]
    to: Vec<String>,
    /// One line
    #[arg(long)]
    subject: Option<String>,
    /// The text
    #[arg(long)]
    body: String,
    /// high, medium, low or none
    #[arg(long, default_value = "none")]
    severity: String,
    /// Label; may be given several times
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// Your own name for it: publishing it again under the same name changes nothing
    #[arg(long)]
    transaction_id: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// Address of the server
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "TIDINGS_SERVER")]
    pub(super) server: String,
    /// Token; signed with the development key when absent
    #[arg(long, env = "TIDINGS_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Tenant of a token signed here
    #[arg(long, default_value = "acme")]
    pub(super) tenant: String,
    /// Data directory with the development key
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    pub(super) data: PathBuf,
}

impl Server {
    /// The token that was given, or one signed with the development key.
    pub(super) fn token(&self, subject: &str, role: &str) -> Result<String, dev_token::DevTokenError> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let roles = [role.to_owned()];
        let claims =
            dev_token::Claims { tenant: &self.tenant, subject, roles: &roles, topics: &[], life_seconds: 3_600 };
        dev_token::sign(&self.data, &claims, clock::now())
    }
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let token = match arguments.server.token("command-line", "service") {
        Ok(token) => token,
        Err(error) => return fail(Exit::Failed, &error),
    };
    block_on(publish(arguments, &token))
}

async fn publish(arguments: &Arguments, token: &str) -> Exit {
    let to = match arguments.to.as_slice() {
        [] => json!({"type": "tenant"}),
        [one] => json!(one),
        many => json!(many),
    };
    let mut body = json!({
        "to": to, "body": arguments.body, "severity": arguments.severity, "tags": arguments.tags,
    });
    for (field, value) in [("subject", &arguments.subject), ("transactionId", &arguments.transaction_id)] {
        if let Some(value) = value {
            body[field] = Value::String(value.clone());
        }
    }
    let url = format!("{}/v1/notifications", arguments.server.server.trim_end_matches('/'));
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let connector = Connector::new(&Trust::System);
    match connector.request("POST", &url, &headers, body.to_string().into()).await {
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            if answer.status == 201 {
                println!("{text}");
                return Exit::Done;
            }
            let said: Option<Value> = serde_json::from_str(&text).ok();
            let message = said.as_ref().and_then(|body| body["message"].as_str()).unwrap_or("no reason given");
            fail(Exit::Failed, &format!("the server answered {}: {message}", answer.status))
        }
        Err(error) => fail(Exit::Failed, &error),
    }
}
