//! `tidings audit`: reads the log of a data directory, also beside a running server.

mod checking;
mod export;
mod signing;

use super::fail;
use crate::exit::Exit;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::Agreement;
use tidings_engine::event::{Content, Event, Recorded};
use tidings_engine::ids::Position;
use tidings_engine::log::audit::{self, Verified};
use tidings_engine::log::{Damage, FileStorage, Record};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Verify every byte: framing, checksums, chain, positions and revisions; and compare with signed checkpoints
    Verify(VerifyArguments),
    /// Verify and print every event as a line of JSON
    Replay(Arguments),
    /// Verify, sign a checkpoint of the log as it is now, and print it; also beside a running server
    Checkpoint(signing::CheckpointArguments),
    /// Verify, and write a directory that an auditor can take along
    ///
    /// It holds byte copies of the log's segments up to a checkpoint that is signed now, that checkpoint, and the public keys
    /// that the log adopted. `tidings audit verify --data DIR` and the independent verifier check it. Content stays sealed:
    /// the keyring is not part of it.
    Export(export::ExportArguments),
    /// Print the verifier key of the checkpoints, for auditors
    Key(Arguments),
    /// Make the key that is to sign checkpoints after the next start of the server, and print its verifier key
    RotateKey(Arguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    common: Arguments,
    #[command(flatten)]
    checking: checking::CheckingArguments,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
}

pub(crate) fn run(command: &Command) -> Exit {
    match command {
        Command::Verify(arguments) => verify(arguments),
        Command::Replay(arguments) => replay(arguments),
        Command::Checkpoint(arguments) => signing::checkpoint(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Key(arguments) => signing::key(arguments),
        Command::RotateKey(arguments) => signing::rotate_key(arguments),
    }
}

/// The log of a data directory. Says itself why there is none.
fn storage(data: &Path) -> Result<FileStorage, Exit> {
    let folder = data.join(crate::config::LOG_FOLDER);
    FileStorage::existing(&folder).map_err(|error| fail(Exit::Failed, &format!("log {}: {error}", folder.display())))
}

fn verify(arguments: &VerifyArguments) -> Exit {
    let data = &arguments.common.data;
    let storage = match storage(data) {
        Ok(storage) => storage,
        Err(exit) => return exit,
    };
    let mut comparison = match arguments.checking.comparison(data, &storage) {
        Ok(comparison) => comparison,
        Err(error) => return fail(error.exit(), &error),
    };
    let is_part = comparison.accumulator().position() != Position::ZERO;
    let verified = checking::verified(&storage, &mut comparison);
    match (&verified, &checking::judged(comparison, &verified)) {
        (Ok(_), Ok(Agreement { last: None, .. })) if is_part => {
            fail(Exit::Failed, &"a part of a log proves nothing without a checkpoint within it")
        }
        (Ok(verified), Ok(agreement)) => {
            println!("{}", summary(verified));
            if let Some(line) = checking::summary(agreement) {
                println!("{line}");
            }
            Exit::Done
        }
        (verified, judged) => checking::found(verified.as_ref().err(), judged),
    }
}

fn replay(arguments: &Arguments) -> Exit {
    let storage = match storage(&arguments.data) {
        Ok(storage) => storage,
        Err(exit) => return exit,
    };
    let mut lines = BufWriter::new(std::io::stdout().lock());
    let mut trouble = None;
    let verified = audit::verify_each(&storage, audit::Beside::Server, &mut |record| {
        if trouble.is_none() {
            trouble = line(record).and_then(|line| writeln!(lines, "{line}")).err();
        }
    });
    if let Some(error) = trouble.or_else(|| lines.flush().err()) {
        // A reader that has seen enough, such as `head`, is no failure.
        let enough = error.kind() == std::io::ErrorKind::BrokenPipe;
        return if enough { Exit::Done } else { fail(Exit::Failed, &error) };
    }
    match verified.and_then(|verified| settle(&storage, &verified).map(|()| verified)) {
        Ok(verified) => {
            eprintln!("{}", summary(&verified));
            Exit::Done
        }
        Err(damage) => fail(Exit::Damage, &damage),
    }
}

fn summary(verified: &Verified) -> String {
    let Verified { events, segments, chain, .. } = verified;
    format!("{events} events in {segments} segments verified, chain {chain}")
}

/// A group that a server is writing just now is no damage; one that is still the same at a second look is.
fn settle(storage: &FileStorage, verified: &Verified) -> Result<(), Damage> {
    let Some(first) = &verified.in_flight else { return Ok(()) };
    match audit::verify(storage, audit::Beside::Server)?.in_flight {
        Some(second) if second == *first => Err(second),
        _ => Ok(()),
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
