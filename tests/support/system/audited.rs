//! A server that is audited, and those who do.

use super::binary::{Finished, run_beside};
use super::caller::Caller;
use super::server::{Launch, Server};
use super::tokens::{Signer, claims};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Rates that a test does not exceed, and segments that many of are needed.
pub(crate) const UNLIMITED: &str = "
    [limits]
    commands_per_second = 1000000
    commands_burst = 1000000
    tenant_publishes_per_second = 1000000
    tenant_recipients_per_second = 1000000
    queries_per_second = 1000000
    queries_burst = 1000000
    [log]
    segment_bytes = 65536
";

/// A server whose log is read.
pub(crate) struct World {
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// The server.
    pub(crate) server: Server,
    /// Its tokens.
    pub(crate) signer: Signer,
}

impl World {
    /// Starts one with its data in `folder`.
    pub(crate) async fn begin(folder: &Path) -> Self {
        Self::begin_with(folder, UNLIMITED).await
    }

    /// As [`begin`](Self::begin), with a configuration.
    pub(crate) async fn begin_with(folder: &Path, config: &str) -> Self {
        let data = folder.join("data");
        let server = Launch::new(&data).with_config(config).start().await;
        let signer = Signer::dev(&data);
        Self { data, server, signer }
    }

    /// Somebody with one role.
    pub(crate) fn caller(&self, tenant: &str, subject: &str, role: &str) -> Caller {
        Caller::new(&self.server.addresses, &self.signer.token(tenant, subject, role))
    }

    /// Somebody with several roles.
    pub(crate) fn with_roles(&self, tenant: &str, roles: &[&str]) -> Caller {
        let mut said = claims(tenant, "olga", "auditor", 3_600);
        said["roles"] = json!(roles);
        Caller::new(&self.server.addresses, &self.signer.sign(&said))
    }

    /// An auditor of acme.
    pub(crate) fn auditor(&self) -> Caller {
        self.caller("acme", "olga", "auditor")
    }

    /// `tidings audit …` beside the server.
    pub(crate) async fn offline(&self, arguments: &[&str]) -> Finished {
        audit(&self.data, arguments).await
    }

    /// What happens in a tenant: things are published, read and archived.
    pub(crate) async fn live(&self, tenant: &str, rounds: usize) {
        let (service, ada) = (self.caller(tenant, "billing", "service"), self.caller(tenant, "ada", "user"));
        for round in 0..rounds {
            let first = service.publish(&json!("ada"), &format!("canary-{tenant}-{round}")).await;
            let all = service.publish(&json!({"type": "tenant"}), &format!("canary-{tenant}-all-{round}")).await;
            ada.ask("PATCH", &format!("/v1/inbox/notifications/{first}/read"), None, 200).await;
            ada.ask("PATCH", &format!("/v1/inbox/notifications/{all}/archive"), None, 200).await;
        }
        ada.ask("POST", "/v1/inbox/notifications/seen", None, 204).await;
    }
}

/// `tidings audit …` of a data directory.
pub(crate) async fn audit(data: &Path, arguments: &[&str]) -> Finished {
    let (command, rest) = arguments.split_first().expect("a command is named");
    let mut all = vec!["audit".to_owned(), (*command).to_owned(), "--data".to_owned(), data.display().to_string()];
    all.extend(rest.iter().map(|argument| (*argument).to_owned()));
    run_beside(all).await
}

/// The body of an answer with status 200.
pub(crate) async fn body(caller: &Caller, path: &str) -> String {
    let answer = caller.call("GET", path, None).await.unwrap();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(answer.status, 200, "{path}: {text}");
    text
}

/// The events of a reading, and what its last line says.
pub(crate) fn lines(text: &str) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.pop().and_then(|mut last| last.get_mut("end").map(Value::take));
    (lines, end.unwrap_or_else(|| panic!("there is no last line in {text}")))
}

/// One reading of events.
pub(crate) async fn events(caller: &Caller, query: &str) -> (Vec<Value>, Value) {
    lines(&body(caller, &format!("/v1/audit/events{query}")).await)
}

/// All events of a caller's scope, some at a time.
pub(crate) async fn all_events(caller: &Caller, at_a_time: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let (some, end) = events(caller, &format!("?limit={at_a_time}{after}")).await;
        assert_eq!(end["events"], some.len());
        all.extend(some);
        if end["more"] == false {
            return all;
        }
        after = format!("&after={}", end["cursor"].as_str().unwrap());
    }
}
