//! Erasure is real: afterwards no byte of the person's content is in any file, nor in an older backup of the log read with
//! today's keyring, and the log still verifies.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use system::binary::run;
use system::caller::{Caller, text};
use system::conversation::{CARRIERS, Conversation};
use system::server::Launch;
use system::tokens::Signer;
use tidings_wire::InboxName;

/// Small segments, so that most of the log is sealed.
const SMALL_SEGMENTS: &str = "[log]\nsegment_bytes = 32768\n[limits]\ncommands_per_second = 1000000\n\
                             commands_burst = 1000000\ntenant_publishes_per_second = 1000000\n\
                             tenant_recipients_per_second = 1000000\n";

/// Notifications to each of the two.
const EACH: usize = 60;

/// Nobody else writes this.
const CANARY: &str = "canary-4711";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every file below a folder that holds the text. A server may be at work there: where a file was renamed before it was
/// read, all are looked at again.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    loop {
        let (mut all, mut found) = (Vec::new(), Vec::new());
        files(folder, &mut all);
        let is_whole = all.into_iter().all(|path| match fs::read(&path) {
            Ok(bytes) => {
                if searchable(&bytes).contains(text) {
                    found.push(path);
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => panic!("{}: {error}", path.display()),
        });
        if is_whole {
            return found;
        }
    }
}

/// Bytes as a text of one character each, because the standard library searches texts quickly.
fn searchable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

fn verify(data: &Path) -> String {
    run(&["audit", "verify", "--data", data.to_str().unwrap()]).done()
}

/// The sealed bytes of every content in a log, by the log's own reader.
fn contents(data: &Path) -> Vec<Vec<u8>> {
    let storage = tidings_engine::log::FileStorage::existing(data.join("log")).unwrap();
    let options = tidings_engine::log::LogOptions { read_only: true, ..Default::default() };
    let (log, _) = tidings_engine::log::Log::open(storage, options, [0; 16]).unwrap();
    let records = log.reader().scan(tidings_engine::ids::Position(1)).map(Result::unwrap);
    records
        .filter_map(|record| record.content.bytes().filter(|bytes| !bytes.is_empty()).map(|bytes| bytes.to_vec()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_nowhere_and_everything_else_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let server = Launch::new(&data).with_config(SMALL_SEGMENTS).start().await;
    let signer = Signer::dev(&data);
    let caller = |name: &str, role: &str| Caller::new(&server.addresses, &signer.token("acme", name, role));
    let (service, officer) = (caller("billing", "service"), caller("olga", "privacy_officer"));
    for number in 0..EACH {
        service.publish(&json!("ada-lovelace"), &format!("{CANARY} {number}")).await;
        service.publish(&json!("bob"), &format!("for bob {number}")).await;
    }
    let token = signer.token("acme", "ada-lovelace", "user");
    let ada = caller("ada-lovelace", "user");
    assert_eq!(ada.count("me").await, EACH as u64);
    let mut followed = Vec::new();
    for transport in CARRIERS {
        followed.push(Conversation::follow(&server.addresses, transport, &token, InboxName::Me).await.0);
    }
    copy(&data, &backup);
    let sealed = contents(&backup);
    assert_eq!(holding(&data, CANARY), Vec::<PathBuf>::new(), "content is sealed");
    assert_eq!(holding(&data, "ada-lovelace"), Vec::<PathBuf>::new(), "names are not in the log");

    let wanted = json!({"subscriberId": "ada-lovelace"});
    let receipt = officer.ask("POST", "/v1/privacy/erasures", Some(&wanted), 201).await["data"].take();
    let again = officer.ask("GET", &format!("/v1/privacy/erasures/{}", text(&receipt["id"])), None, 200).await;
    assert_eq!(again["data"], receipt);
    assert!(text(&receipt["note"]).contains(&text(&receipt["leaf"])), "{receipt}");
    officer.ask("POST", "/v1/privacy/erasures", Some(&wanted), 404).await;
    for conversation in &mut followed {
        assert_eq!(conversation.until_the_end().await.1, Some(4503), "the sessions stood for somebody who is no more");
    }
    assert_eq!(ada.count("me").await, 0, "the same name is a new person");
    service.publish(&json!("ada-lovelace"), "welcome back").await;
    assert_eq!(ada.bodies("me").await, ["welcome back"]);
    assert_eq!(caller("bob", "user").count("me").await, EACH as u64);

    server.log.find("line of the redaction", 0, |line| line.contains("contents of erased people removed")).await;
    assert_eq!(server.stop().await, Some(0));
    let told = run(&["privacy", "redact", "--data", data.to_str().unwrap()]).done();
    assert!(told.contains("of 1 erased people"), "{told}");
    let mut segments = Vec::new();
    files(&data.join("log"), &mut segments);
    let whole: String = segments.iter().map(|path| searchable(&fs::read(path).unwrap())).collect();
    let left = sealed.iter().filter(|bytes| whole.contains(&searchable(bytes))).count();
    assert!(left < EACH + EACH / 2, "{left} of {} sealed contents are still there", sealed.len());
    verify(&data);

    // An older backup of the log, read with today's keyring.
    let restored = folder.path().join("restored");
    copy(&data, &restored);
    for part in ["log", "checkpoints"] {
        fs::remove_dir_all(restored.join(part)).unwrap();
        copy(&backup.join(part), &restored.join(part));
    }
    verify(&restored);
    let opened = run(&["audit", "events", "--content", "--data", restored.to_str().unwrap()]).done();
    assert!(opened.contains("for bob 1"), "the backup's content is read");
    assert!(!opened.contains(CANARY), "the backup's content opens with today's keyring");
    for place in [&data, &restored] {
        assert_eq!(holding(place, CANARY), Vec::<PathBuf>::new());
        assert_eq!(holding(place, "ada-lovelace"), Vec::<PathBuf>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_be_erased_without_a_server_and_never_beside_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start().await;
    let signer = Signer::dev(&data);
    let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
    service.publish(&json!("ada"), CANARY).await;
    let erase =
        |user: &str| run(&["privacy", "erase", "--tenant", "acme", "--user", user, "--data", data.to_str().unwrap()]);
    let beside = erase("ada");
    assert_eq!(beside.code, Some(1), "{beside:?}");
    assert!(beside.stderr.contains("locked"), "{beside:?}");
    assert_eq!(server.stop().await, Some(0));
    let receipt: Value = serde_json::from_str(&erase("ada").done()).unwrap();
    assert_eq!(text(&receipt["keyFingerprint"]).len(), 32);
    assert_eq!(erase("ada").code, Some(1));
    assert_eq!(erase("nobody").code, Some(1));

    let server = Launch::new(&data).start().await;
    let ada = Caller::new(&server.addresses, &signer.token("acme", "ada", "user"));
    assert_eq!(ada.count("me").await, 0);
    assert_eq!(server.stop().await, Some(0));
}
