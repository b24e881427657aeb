//! What a server shows of inboxes, to the byte, and what its data directory comes to without what was saved beside the log.

use super::caller::{Caller, text};
use super::server::Addresses;
use super::tokens::Signer;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tidings_engine::event::Recorded;
use tidings_engine::ids::Position;
use tidings_engine::log::{FileStorage, Log, LogOptions, LogReader};
use tidings_engine::snapshot::Snapshots;
use tidings_engine::state::State;

/// Somebody with an inbox: tenant, name, role.
pub(crate) type Person = (String, String, &'static str);

/// `[{},{"read":false},{"seen":false},{"archived":true}]` in a URL.
const FILTERS: &str = "%5B%7B%7D,%7B%22read%22:false%7D,%7B%22seen%22:false%7D,%7B%22archived%22:true%7D%5D";

/// Every page and count of the inboxes of these people, as the server wrote them.
pub(crate) async fn shown(addresses: &Addresses, signer: &Signer, people: &[Person]) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (tenant, name, role) in people {
        let caller = Caller::new(addresses, &signer.token(tenant, name, role));
        let inbox = if *role == "user" { "me" } else { "tenant" };
        let counts = format!("/v1/inbox/notifications/count?inbox={inbox}&filters={FILTERS}");
        shown.insert(format!("{tenant} {name} counts"), body(&caller, &counts).await);
        let mut after = String::new();
        loop {
            let path = format!("/v1/inbox/notifications?inbox={inbox}&limit=100{after}");
            let body = body(&caller, &path).await;
            let page: serde_json::Value = serde_json::from_str(&body).expect("a page is JSON");
            shown.insert(format!("{tenant} {name} {path}"), body);
            match page["data"].as_array().and_then(|items| items.last()) {
                Some(last) if page["hasMore"] == true => after = format!("&after={}", text(&last["id"])),
                _ => break,
            }
        }
    }
    shown
}

async fn body(caller: &Caller, path: &str) -> String {
    let answer = caller.call("GET", path, None).await.unwrap_or_else(|error| panic!("GET {path}: {error}"));
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "GET {path}: {text}");
    text
}

/// Copies what a server stands on, and nothing of what it saves to start sooner: no snapshots, blocks, indexes, watermark.
pub(crate) fn copy_log_and_keys(data: &Path, to: &Path) {
    for folder in ["log", "keyring"] {
        fs::create_dir_all(to.join(folder)).expect("a folder of a test can be made");
        for entry in fs::read_dir(data.join(folder)).expect("a data directory has it") {
            let entry = entry.expect("it can be read");
            let name = entry.file_name();
            let is_log = Path::new(&name).extension().is_some_and(|end| end == "seg");
            if is_log || folder == "keyring" {
                fs::copy(entry.path(), to.join(folder).join(name)).expect("it can be copied");
            }
        }
    }
    for secret in ["log.secret", "keyring.key", "checkpoint.key", "dev.key"] {
        fs::copy(data.join(secret), to.join(secret)).expect("a server has made its secrets");
    }
}

/// The log of a data directory in which no server runs.
fn reader(data: &Path) -> (Log<FileStorage>, LogReader) {
    let storage = FileStorage::existing(data.join("log")).expect("a data directory has a log");
    let options = LogOptions { read_only: true, ..LogOptions::DEFAULT };
    let (log, _) = Log::open(storage, options, [0; 16]).expect("the log is sound");
    let reader = log.reader();
    (log, reader)
}

fn fold(mut state: State, reader: &LogReader) -> State {
    for record in reader.scan(Position(state.position().0 + 1)) {
        let record = record.expect("the log is sound");
        state.apply(&Recorded::decode(record).expect("the log is of this version"));
    }
    state
}

/// Digests of what decisions are made on, by the newest snapshot alone, and by every event in order from the first.
pub(crate) fn state_digests(data: &Path) -> ((Position, [u8; 32]), (Position, [u8; 32])) {
    let (_log, reader) = reader(data);
    let storage = FileStorage::existing(data.join("snapshots")).expect("a data directory has snapshots");
    let (snapshot, ignored) = Snapshots::new(std::sync::Arc::new(storage)).newest(&reader);
    assert!(ignored.is_empty(), "{ignored:?}");
    let snapshot = snapshot.expect("the server wrote a snapshot at its end");
    let whole = fold(State::default(), &reader);
    ((snapshot.position(), snapshot.digest()), (whole.position(), whole.digest()))
}

/// Removes the snapshots, so that a server that ends writes the next one.
pub(crate) fn remove_snapshots(data: &Path) {
    for entry in fs::read_dir(data.join("snapshots")).expect("a data directory has snapshots") {
        fs::remove_file(entry.expect("it can be read").path()).expect("it can be removed");
    }
}
