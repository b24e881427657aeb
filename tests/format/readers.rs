//! The three readers of a log that share no code, each event as the JSON that the document gives.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::verdicts::{Files, storage_of};
use tidings_engine::log::Chain;
use tidings_engine::log::audit::{Beside, verify_each};
use tidings_verifier::MemorySource;
use xtask::workspace::root;

/// How the Python program ended.
pub(crate) struct Python {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// A line for each event.
    pub(crate) lines: String,
    /// What it says of damage.
    pub(crate) complaint: String,
}

/// The verifier's lines for a sound log.
pub(crate) fn verifier_lines(files: &Files) -> String {
    let mut lines = String::new();
    let verdict = tidings_verifier::verify(&MemorySource(files.clone()), &[], &mut |event| {
        lines.push_str(&format!("{event}\n"));
    });
    verdict.expect("the log is sound");
    lines
}

/// The engine's view of each event of a sound log. It has no hash of the facts to show: the leaf covers it.
pub(crate) fn engine_events(files: &Files) -> Vec<Value> {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let mut events = Vec::new();
    let mut chain: Option<Chain> = None;
    let storage = storage_of(files);
    let log = tidings_engine::log::audit::verify(&storage, Beside::Nobody).expect("the log is sound").log;
    let verdict = verify_each(&storage, Beside::Nobody, &mut |record| {
        let after = chain.unwrap_or(Chain::start(log)).then(&record.leaf());
        chain = Some(after);
        let envelope = &record.envelope;
        events.push(json!({
            "position": envelope.position.0,
            "tenant": envelope.tenant.0,
            "tenantSequence": envelope.tenant_sequence,
            "stream": hex(&envelope.stream.0),
            "revision": envelope.revision.0,
            "type": envelope.event_type,
            "version": envelope.event_version,
            "command": hex(&envelope.command.0),
            "commandIndex": envelope.command_index,
            "time": envelope.time.0,
            "keyId": envelope.key_id,
            "redacted": record.content.is_redacted(),
            "factsBytes": record.facts.len(),
            "contentBytes": record.content.stored_bytes(),
            "contentHash": hex(&record.content.hash()),
            "leaf": hex(&record.leaf()),
            "chain": hex(&after.0),
        }));
    });
    verdict.expect("the log is sound");
    events
}

/// What the Python program says of the logs in these directories. It takes a moment to start, so one run takes many.
pub(crate) fn python(directories: &[&Path]) -> Python {
    let program = root().unwrap().join("tests/foreign/read_log.py");
    let output = Command::new("python3").arg(program).args(directories).output();
    let output = output.unwrap_or_else(|error| {
        panic!("python3 does not start ({error}); `cargo xtask test` installs it, or: apt-get install python3")
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Python { code: output.status.code(), lines: text(output.stdout), complaint: text(output.stderr) }
}

/// Writes files into `directory`, which exists.
pub(crate) fn write(directory: &Path, files: &Files) {
    for (name, bytes) in files {
        std::fs::write(directory.join(name), bytes).unwrap();
    }
}

/// Checks that the three agree about a sound log, event by event, and gives the lines that they agree on.
#[track_caller]
pub(crate) fn agreed(files: &Files) -> String {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), files);
    let (python, verifier) = (python(&[directory.path()]), verifier_lines(files));
    assert_eq!((python.code, python.complaint.as_str()), (Some(0), ""));
    assert_eq!(python.lines, verifier, "Python and the verifier differ");
    let mut lines: Vec<Value> = verifier.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("factsHash").unwrap();
    }
    assert_eq!(engine_events(files), lines, "engine and verifier differ");
    verifier
}
