//! `tidings audit checkpoint`, `key` and `rotate-key`: signing by the key of the data directory.

use super::super::fail;
use super::checking;
use super::{Arguments, storage};
use crate::checkpoints::{self, CheckpointKeys};
use crate::clock;
use crate::exit::Exit;
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::{Accumulator, SignedCheckpoint, SigningKey, VerifierKey, origin};
use tidings_engine::ids::Position;
use tidings_engine::log::FileStorage;
use tidings_engine::log::audit;

#[derive(Debug, clap::Args)]
pub(crate) struct CheckpointArguments {
    #[command(flatten)]
    common: Arguments,
    /// File to write it to, durably; standard output when absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A checkpoint of the log as it is now.
pub(crate) struct Fresh {
    pub(crate) signed: SignedCheckpoint,
    /// The keys that the log adopted, in order.
    pub(crate) keys: Vec<VerifierKey>,
    /// What precedes the part that was asked for.
    pub(crate) before: Option<Accumulator>,
}

/// Verifies the log, compares it with the checkpoints of its data directory, and signs what it has come to; remembers what
/// it had come to at `before`. Says itself why it does not.
pub(crate) fn fresh(data: &Path, storage: &FileStorage, before: Option<Position>) -> Result<Fresh, Exit> {
    let comparison = checking::CheckingArguments::default().comparison(data, storage);
    let mut comparison = comparison.map_err(|error| fail(error.exit(), &error))?;
    let mut remembered = before.map(|_| comparison.accumulator().clone());
    let verified = audit::verify_settled(storage, &mut |record| {
        comparison.record(record);
        if before == Some(record.envelope.position) {
            remembered = Some(comparison.accumulator().clone());
        }
    });
    let keys = comparison.trust().adopted_keys().to_vec();
    let accumulator = comparison.accumulator().clone();
    let judged = checking::judged(comparison, &verified);
    let (Ok(verified), Ok(_)) = (&verified, &judged) else {
        return Err(checking::found(verified.as_ref().err(), &judged));
    };
    let Some(adopted) = keys.last() else {
        return Err(fail(Exit::Failed, &"the log has not adopted a key yet: it does when the server starts"));
    };
    let files = CheckpointKeys::read(data).map_err(|error| fail(Exit::Failed, &error))?;
    let Some(key) = files.signer(Some(adopted.public())) else {
        let why = format!("no key file in {} is that of the key which the log adopted last, {adopted}", data.display());
        return Err(fail(Exit::Failed, &why));
    };
    let signed = SignedCheckpoint::sign(accumulator.checkpoint(clock::now(), verified.epoch), key);
    Ok(Fresh { signed, keys, before: remembered })
}

pub(crate) fn checkpoint(arguments: &CheckpointArguments) -> Exit {
    let data = &arguments.common.data;
    let fresh = match storage(data).and_then(|storage| fresh(data, &storage, None)) {
        Ok(fresh) => fresh,
        Err(exit) => return exit,
    };
    match &arguments.out {
        None => print!("{}", fresh.signed.note()),
        Some(path) => {
            if let Err(error) = checkpoints::write_durably(path, &fresh.signed.encode()) {
                return fail(Exit::Failed, &format!("{}: {error}", path.display()));
            }
        }
    }
    Exit::Done
}

pub(crate) fn key(arguments: &Arguments) -> Exit {
    match CheckpointKeys::read(&arguments.data) {
        Ok(keys) => match keys.signer(None) {
            Some(key) => print_key(&arguments.data, key),
            None => fail(Exit::Failed, &"there is no key yet: the server makes it at its first start"),
        },
        Err(error) => fail(Exit::Failed, &error),
    }
}

pub(crate) fn rotate_key(arguments: &Arguments) -> Exit {
    match CheckpointKeys::prepare(&arguments.data) {
        Ok(next) => {
            let exit = print_key(&arguments.data, &next);
            eprintln!("the server adopts this key at its next start, endorsed by the one that signs now");
            exit
        }
        Err(error) => fail(Exit::Failed, &error),
    }
}

fn print_key(data: &Path, key: &SigningKey) -> Exit {
    let storage = match storage(data) {
        Ok(storage) => storage,
        Err(exit) => return exit,
    };
    match audit::log_id(&storage) {
        Ok(log) => {
            let key = key.verifier(&origin(log)).expect("an origin has neither space nor plus");
            println!("{key}");
            Exit::Done
        }
        Err(damage) => fail(Exit::Damage, &damage),
    }
}
