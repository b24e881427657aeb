//! `tidings audit verify` and `replay`.

use super::remote::{Remote, query};
use super::{Source, offline};
use crate::auditing::{self, Whose};
use crate::command_line::{block_on, fail};
use crate::exit::Exit;
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use tidings_engine::audit::{Line, Seen, View};
use tidings_engine::event::Recorded;
use tidings_engine::ids::Position;
use tidings_engine::keys::TenantTag;
use tidings_engine::log::Record;
use tidings_engine::log::audit::verify_settled;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Print no events, but what was verified and what the inboxes come to, as one line of JSON; always so with --server
    #[arg(long)]
    summary: bool,
    /// Summary of this tenant alone
    #[arg(long)]
    tenant: Option<String>,
    /// Summary of the events after a time or position; with --server a time or cursor
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// Summary as of a time or position; with --server a time or cursor
    #[arg(long, value_name = "PLACE")]
    through: Option<String>,
    /// Summary without folding the inboxes
    #[arg(long)]
    no_state: bool,
}

/// Has a server verify.
pub(super) fn verify_at(remote: &Remote, tenant: Option<&str>) -> Exit {
    block_on(async {
        let path = format!("/v1/audit/verify{}", query(&[("tenant", tenant)]));
        remote.ask_whole("GET", &path, None).await.map_or_else(|exit| exit, |answer| judged(&answer))
    })
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let tenant = arguments.tenant.as_deref();
    match arguments.source.remote(tenant) {
        Some(Err(exit)) => exit,
        Some(Ok(remote)) => block_on(async {
            let body = json!({
                "tenant": arguments.source.named(tenant), "after": arguments.after, "through": arguments.through,
                "state": !arguments.no_state,
            });
            let answer = remote.ask_whole("POST", "/v1/audit/replays", Some(&body)).await;
            answer.map_or_else(|exit| exit, |answer| judged(&answer))
        }),
        None if arguments.summary => match summary(arguments) {
            Ok(answer) => judged(answer.to_string().as_bytes()),
            Err(error) => fail(error.exit(), &error),
        },
        None => every_event(&arguments.source.data),
    }
}

/// The answer that a server gives to the same question, made here.
fn summary(arguments: &Arguments) -> Result<Value, offline::OfflineError> {
    let log = offline::open(&arguments.source)?;
    let after = arguments.after.as_deref();
    let after = after.map_or(Ok(Position::ZERO), |text| offline::position(&log, "after", Some(text)))?;
    let through = offline::position(&log, "through", arguments.through.as_deref())?;
    let whose = match &arguments.tenant {
        None => Whose::Everything { tag: TenantTag::default() },
        Some(name) => {
            let (tenant, tag) = (offline::tenant(&log, name)?, log.keys.tenant_tag(name));
            Whose::Tenant { tenant, tag, is_platform: true }
        }
    };
    Ok(auditing::replayed(&log, whose, (after, through), !arguments.no_state))
}

/// Prints an answer; the exit code says whether it is good news.
fn judged(answer: &[u8]) -> Exit {
    let text = String::from_utf8_lossy(answer);
    println!("{}", text.trim_end());
    match serde_json::from_slice::<Value>(answer) {
        Ok(value) if value["verified"] == true => Exit::Done,
        Ok(_) => Exit::Damage,
        Err(error) => fail(Exit::Failed, &error),
    }
}

/// Verifies every byte, and prints every event.
fn every_event(data: &Path) -> Exit {
    let storage = match super::storage(data) {
        Ok(storage) => storage,
        Err(exit) => return exit,
    };
    let mut lines = BufWriter::new(io::stdout().lock());
    let mut trouble = None;
    let verified = verify_settled(&storage, &mut |record| {
        if trouble.is_none() {
            trouble = line(record).and_then(|line| writeln!(lines, "{line}")).err();
        }
    });
    if let Some(error) = trouble.or_else(|| lines.flush().err()) {
        // A reader that has seen enough, such as `head`, is no failure.
        let enough = error.kind() == io::ErrorKind::BrokenPipe;
        return if enough { Exit::Done } else { fail(Exit::Failed, &error) };
    }
    match verified {
        Ok(verified) => {
            eprintln!("{}", super::summary(&verified));
            Exit::Done
        }
        Err(damage) => fail(Exit::Damage, &damage),
    }
}

fn line(record: &Record) -> io::Result<String> {
    let recorded = Recorded::decode(record.clone()).map_err(io::Error::other)?;
    Ok(Line::new(&Seen::read(record, &recorded), None, View::Platform).text())
}
