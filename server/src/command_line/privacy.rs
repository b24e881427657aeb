//! `tidings privacy`: erases people, in a data directory or through a running server. What they allow is in `consent`.

use super::{Sources, block_on, consent, fail};
use crate::checkpoints::keys;
use crate::exit::Exit;
use crate::node::{Profile, StartError};
use crate::receipt::Receipts;
use crate::{clock, opening};
use std::sync::Arc;
use tidings_client::{Connector, Trust};
use tidings_engine::command::{Command as Asked, Request};
use tidings_engine::engine::Engine;
use tidings_engine::grant::{Grant, Role};
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::log::FileStorage;
use tidings_wire::Receipt;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Erase a person: destroy the key of all that is theirs, and print the signed receipt
    Erase(Erase),
    /// Take the bytes of erased people out of the log's sealed segments. A running server does so by itself
    Redact(Sources),
    /// Record what a person allows, or takes back
    Consent(consent::Record),
    /// List what a person allows, and does not, as lines of JSON
    Consents(consent::List),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    sources: Sources,
    /// The person's tenant
    #[arg(long, required_unless_present = "server")]
    tenant: Option<String>,
    /// The person's name within the tenant
    #[arg(long)]
    user: String,
    /// Ask a running server, whose log is not to be opened twice
    #[arg(long, value_name = "URL", requires = "token")]
    server: Option<String>,
    /// Token of a privacy officer of the tenant
    #[arg(long, env = "TIDINGS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(crate) fn run(command: &Command) -> Exit {
    match command {
        Command::Erase(Erase { server: Some(server), token: Some(token), user, .. }) => {
            block_on(erase_through(server, token, user))
        }
        Command::Erase(erase) => match open(&erase.sources) {
            Ok(opened) => erase_here(opened, erase.tenant.as_deref().unwrap_or_default(), &erase.user),
            Err(exit) => exit,
        },
        Command::Redact(sources) => match open(sources) {
            Ok(opened) => redact(opened),
            Err(exit) => exit,
        },
        Command::Consent(record) => consent::record(record),
        Command::Consents(list) => consent::list(list),
    }
}

async fn erase_through(server: &str, token: &str, user: &str) -> Exit {
    let url = format!("{}/v1/privacy/erasures", server.trim_end_matches('/'));
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let body = serde_json::json!({ "subscriberId": user }).to_string();
    let answer = match Connector::new(&Trust::System).request("POST", &url, &headers, body.into()).await {
        Ok(answer) => answer,
        Err(error) => return fail(Exit::Failed, &error),
    };
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != 201 {
        return fail(Exit::Failed, &format!("server says {}: {}", answer.status, told["detail"]));
    }
    println!("{:#}", told["data"]);
    Exit::Done
}

/// What an offline command works on. It holds the lock of the log and of the keyring.
struct Opened {
    engine: Engine<FileStorage>,
    keys: Arc<Keys>,
    receipts: Receipts,
}

fn open(sources: &Sources) -> Result<Opened, Exit> {
    let config = sources.load().map_err(|error| fail(Exit::Usage, &error))?;
    let opened = opening::open(&config, Profile::Production, false, |_| Ok(())).and_then(|(mut engine, keys)| {
        // The receipt is signed by a key that the log has adopted.
        keys::adopt(&mut engine, &config.data, clock::now())?;
        let receipts = Receipts::of(&config.data, engine.state().checkpoint_key().copied())?;
        Ok(Opened { engine, keys, receipts })
    });
    opened.map_err(|error: StartError| fail(error.exit(), &error))
}

fn erase_here(mut opened: Opened, tenant: &str, user: &str) -> Exit {
    let keys = &opened.keys;
    let grant = Arc::new(Grant {
        tenant: tenant.into(),
        tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag(tenant),
        roles: vec![Role::PrivacyOfficer],
        ..Grant::of_the_engine()
    });
    let command = Asked::Erase { subject: keys.known_person(tenant, user) };
    let request = Request { grant: Arc::clone(&grant), key: None, fingerprint: [0; 16], command };
    let outcome = match opened.engine.commit(&[request], clock::now()) {
        Ok(mut commit) => commit.outcomes.remove(0),
        Err(failure) => return fail(Exit::Storage, &failure),
    };
    let reader = opened.engine.reader();
    let receipt = outcome.and_then(|done| opened.receipts.receipt(&reader, keys, &grant, done.position));
    match receipt.as_ref().map(serde_json::to_string_pretty::<Receipt>) {
        Ok(Ok(text)) => {
            println!("{text}");
            Exit::Done
        }
        Ok(Err(error)) => fail(Exit::Failed, &error),
        Err(rejection) => fail(Exit::Failed, rejection),
    }
}

fn redact(mut opened: Opened) -> Exit {
    let gone: std::collections::BTreeSet<u32> = opened.engine.state().erased().map(|(_, key)| key).collect();
    let (mut contents, mut freed_bytes) = (0, 0);
    for number in opened.engine.reader().sealed_segments() {
        let rewritten = opened.engine.reader().rewrite(number, &|envelope| gone.contains(&envelope.key_id));
        match rewritten {
            Ok(None) => {}
            Ok(Some(rewritten)) => {
                contents += rewritten.contents;
                freed_bytes += rewritten.freed_bytes;
                if let Err(error) = opened.engine.adopt(rewritten) {
                    return fail(Exit::Storage, &error);
                }
            }
            Err(error @ tidings_engine::log::LogError::Corrupt(_)) => return fail(Exit::Damage, &error),
            Err(error) => return fail(Exit::Failed, &error),
        }
    }
    println!("{contents} contents of {} erased people removed, {freed_bytes} bytes freed", gone.len());
    Exit::Done
}
