//! `tidings audit`: reads the log of a data directory, also beside a running server.

use super::fail;
use crate::exit::Exit;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use tidings_engine::event::{Content, Event, Recorded};
use tidings_engine::log::audit::{self, Verified};
use tidings_engine::log::{Damage, FileStorage, Record};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Verify every byte: framing, checksums, chain, positions and revisions
    Verify(Arguments),
    /// Verify and print every event as a line of JSON
    Replay(Arguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
}

pub(crate) fn run(command: &Command) -> Exit {
    let (Command::Verify(arguments) | Command::Replay(arguments)) = command;
    let folder = arguments.data.join(crate::node::LOG_FOLDER);
    let storage = match FileStorage::existing(&folder) {
        Ok(storage) => storage,
        Err(error) => return fail(Exit::Failed, &format!("log {}: {error}", folder.display())),
    };
    let mut lines = BufWriter::new(std::io::stdout().lock());
    let is_replay = matches!(command, Command::Replay(_));
    let mut trouble = None;
    let verified = audit::verify_each(&storage, audit::Beside::Server, &mut |record| {
        if is_replay && trouble.is_none() {
            trouble = line(record).and_then(|line| writeln!(lines, "{line}")).err();
        }
    });
    if let Some(error) = trouble.or_else(|| lines.flush().err()) {
        // A reader that has seen enough, such as `head`, is no failure.
        let enough = error.kind() == std::io::ErrorKind::BrokenPipe;
        return if enough { Exit::Done } else { fail(Exit::Failed, &error) };
    }
    match verified.and_then(|verified| settle(&storage, verified)) {
        Ok(verified) => {
            let summary = format!(
                "{} events in {} segments verified, chain {}",
                verified.events,
                verified.segments,
                HEXLOWER.encode(&verified.chain.0)
            );
            if is_replay {
                eprintln!("{summary}");
            } else {
                println!("{summary}");
            }
            Exit::Done
        }
        Err(damage) => fail(Exit::Damage, &damage),
    }
}

/// A group that a server is writing just now is no damage; one that is still the same at a second look is.
fn settle(storage: &FileStorage, verified: Verified) -> Result<Verified, Damage> {
    match verified.in_flight {
        None => Ok(verified),
        Some(first) => {
            let again = audit::verify(storage, audit::Beside::Server)?;
            match again.in_flight.clone() {
                Some(second) if second == first => Err(second),
                _ => Ok(again),
            }
        }
    }
}

/// One event for an auditor: envelope, facts, hashes and content.
fn line(record: &Record) -> std::io::Result<String> {
    let leaf = HEXLOWER.encode(&record.leaf());
    let recorded = Recorded::decode(record.clone()).map_err(std::io::Error::other)?;
    let envelope = &recorded.envelope;
    let content = recorded.content.bytes().and_then(|stored| Content::decode(stored).ok());
    let value = json!({
        "position": envelope.position.0,
        "time": envelope.time.rfc3339(),
        "type": recorded.facts.event.type_name(),
        "version": envelope.event_version,
        "tenant": envelope.tenant.0,
        "tenantSequence": envelope.tenant_sequence,
        "stream": envelope.stream.to_string(),
        "revision": envelope.revision.0,
        "actor": recorded.facts.actor.to_string(),
        "facts": facts(&recorded.facts.event),
        "content": content,
        "leaf": leaf,
    });
    Ok(value.to_string())
}

/// The facts without the name of their type, which stands beside them.
fn facts(event: &Event) -> Value {
    match serde_json::to_value(event) {
        Ok(Value::Object(mut named)) => named.remove(event.type_name()).unwrap_or_default(),
        _ => Value::Null,
    }
}
