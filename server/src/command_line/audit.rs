//! `tidings audit`: reads the log of a data directory, without its lock and so also beside a running server, or asks a
//! server with an auditor's token.

mod checking;
mod events;
mod export;
mod offline;
mod printer;
mod remote;
mod replay;
mod signing;
mod state;

use super::fail;
use crate::exit::Exit;
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::Agreement;
use tidings_engine::ids::Position;
use tidings_engine::log::FileStorage;
use tidings_engine::log::audit::Verified;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Verify every byte: framing, checksums, chain, positions and revisions; and compare with signed checkpoints
    Verify(VerifyArguments),
    /// Verify and print every event as a line of JSON; with --summary what the inboxes come to
    Replay(replay::Arguments),
    /// Print events as lines of JSON, filtered
    Events(events::Arguments),
    /// Print an inbox as of a time, with its digest
    State(state::Arguments),
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
    source: Source,
    /// With --server and a super_admin's token: the tenant to verify; all when absent
    #[arg(long, requires = "server")]
    tenant: Option<String>,
    #[command(flatten)]
    checking: checking::CheckingArguments,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
}

/// Where the log is.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
    /// Keyring of the log, without which nobody has a name and no content can be read; the one in --data when absent
    #[arg(long, value_name = "DIR")]
    keyring: Option<PathBuf>,
    /// Ask this server instead of reading the data directory
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Auditor's token for --server; signed with the development key of --data when absent
    #[arg(long, env = "TIDINGS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(crate) fn run(command: &Command) -> Exit {
    match command {
        Command::Verify(arguments) => verify(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Events(arguments) => events::run(arguments),
        Command::State(arguments) => state::run(arguments),
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
    if let Some(remote) = arguments.source.remote(arguments.tenant.as_deref()) {
        let named = arguments.source.named(arguments.tenant.as_deref());
        return remote.map_or_else(|exit| exit, |remote| replay::verify_at(&remote, named));
    }
    let data = &arguments.source.data;
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

fn summary(verified: &Verified) -> String {
    let Verified { events, segments, chain, .. } = verified;
    format!("{events} events in {segments} segments verified, chain {chain}")
}
