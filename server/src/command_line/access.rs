//! What `tidings revoke` and `tidings key` share: a data directory, or a server that is asked.

use super::{Sources, fail};
use crate::exit::Exit;
use crate::node::Profile;
use crate::{clock, opening};
use serde_json::Value;
use std::sync::Arc;
use tidings_client::{Connector, Trust};
use tidings_engine::command::{Done, Request};
use tidings_engine::engine::Engine;
use tidings_engine::grant::Grant;
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::log::FileStorage;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::Asker;

/// Whose access is managed, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    #[command(flatten)]
    pub(super) sources: Sources,
    /// The tenant; through a server, that of the token unless it is a super_admin's
    #[arg(long, required_unless_present = "server")]
    pub(super) tenant: Option<String>,
    /// Ask a running server, whose log is not to be opened twice
    #[arg(long, value_name = "URL", requires = "token")]
    server: Option<String>,
    /// Token of an administrator of the tenant
    #[arg(long, env = "TIDINGS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A running server, and as whom it is asked.
pub(super) struct Remote<'a> {
    server: &'a str,
    token: &'a str,
}

/// The log of a data directory, locked.
pub(super) struct Local {
    pub(super) engine: Engine<FileStorage>,
    pub(super) keys: Arc<Keys>,
    pub(super) grant: Arc<Grant>,
    pub(super) lifetime_ms_max: i64,
}

impl Place {
    /// The server that is asked, if one is.
    pub(super) fn remote(&self) -> Option<Remote<'_>> {
        Some(Remote { server: self.server.as_deref()?.trim_end_matches('/'), token: self.token.as_deref()? })
    }

    /// Opens the data directory. Whoever can do that may do anything in it.
    ///
    /// # Errors
    /// How the process ends, after saying why.
    pub(super) fn open(&self) -> Result<Local, Exit> {
        let config = self.sources.load().map_err(|error| fail(Exit::Usage, &error))?;
        let opened = opening::open(&config, Profile::Production, false, |_| Ok(()));
        let (engine, keys) = opened.map_err(|error| fail(error.exit(), &error))?;
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let grant = Grant {
            tenant: tenant.into(),
            tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
            tenant_tag: keys.tenant_tag(tenant),
            ..Grant::of_the_engine()
        };
        Ok(Local { engine, keys, grant: Arc::new(grant), lifetime_ms_max: config.limits.token_lifetime_ms_max })
    }
}

impl Remote<'_> {
    /// What a server answers to what it does; nothing where the answer has no body.
    ///
    /// # Errors
    /// How the process ends, after saying why.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Exit> {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let url = format!("{}{path}", self.server);
        let body = body.map_or_else(bytes::Bytes::new, |body| body.to_string().into());
        let answer = Connector::new(&Trust::System).request(method, &url, &headers, body).await;
        let answer = answer.map_err(|error| fail(Exit::Failed, &error))?;
        let mut told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status >= 300 {
            return Err(fail(Exit::Failed, &format!("server says {}: {}", answer.status, told["detail"])));
        }
        Ok(told["data"].take())
    }
}

impl Local {
    /// Who asks: whoever has the data directory.
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker { keys: &self.keys, grant: &self.grant, now: clock::now(), idempotency_key: None }
    }

    /// Makes a request durable.
    ///
    /// # Errors
    /// How the process ends, after saying why.
    pub(super) fn commit(&mut self, request: Result<Request, Rejection>) -> Result<Done, Exit> {
        let request = request.map_err(|rejection| fail(Exit::Usage, &rejection))?;
        let outcome = match self.engine.commit(&[request], clock::now()) {
            Ok(mut commit) => commit.outcomes.remove(0),
            Err(failure) => return Err(fail(Exit::Storage, &failure)),
        };
        outcome.map_err(|rejection| fail(Exit::Failed, &rejection))
    }
}
