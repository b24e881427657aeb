//! The first minutes with Tidings: two commands, `curl`, and an auditor who trusts nobody.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use system::binary::{run, run_beside};
use system::caller::{Caller, text};
use system::server::Launch;
use tokio::task::JoinSet;

/// How many bytes of the log are changed, one at a time, spread over all that is written.
const CHANGES_COUNT: usize = 300;

/// How many servers are told to end the moment they are ready, at once and one after another. Starting at once is what
/// holds their main threads up: there one that listens to signals a little late is killed in a third of its runs.
const ENDS_AT_ONCE: usize = 6;
const ENDS_IN_TURN: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_as_soon_as_it_is_ready_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut ending = JoinSet::new();
    for number in 0..ENDS_AT_ONCE {
        let launch = Launch::new(&folder.path().join(number.to_string()));
        ending.spawn(async move {
            for _ in 0..ENDS_IN_TURN {
                assert_eq!(launch.start().await.stop().await, Some(0));
            }
        });
    }
    while let Some(ended) = ending.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_notification_is_in_the_inbox_the_count_the_tail_and_the_replay() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // Before the server has ever run, as somebody in a hurry does.
    let token = |user: &str, role: &str| {
        let data = data.to_str().unwrap();
        let printed = run(&["token", "--tenant", "acme", "--user", user, "--role", role, "--data", data]).done();
        printed.trim().to_owned()
    };
    let (service, ada) = (token("billing", "service"), token("ada", "user"));
    let server = Launch::new(&data).start().await;

    let wanted = json!({"to": "ada", "subject": "Invoice", "body": "It is due on Friday.", "severity": "high"});
    let billing = Caller::new(&server.addresses, &service);
    let published = billing.ask("POST", "/v1/notifications", Some(&wanted), 201).await["data"].take();
    assert_eq!(published["recipients"], 1);
    let id = text(&published["id"]);

    let reader = Caller::new(&server.addresses, &ada);
    let page = reader.ask("GET", "/v1/inbox/notifications", None, 200).await;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
    assert_eq!((&page["data"][0]["id"], &page["data"][0]["subject"]), (&json!(id), &json!("Invoice")));
    assert_eq!(reader.count("me").await, 1);

    let address = server.addresses.http.clone();
    let tail = |more: &[&str]| {
        let common = ["tail", "--count", "1", "--server", &address, "--data", data.to_str().unwrap()];
        run_beside(common.iter().chain(more).map(|word| (*word).to_owned()).collect())
    };
    for carrier in [&[][..], &["--websocket"], &["--carrier", "websocket"], &["--carrier", "quic"]] {
        let carrier = &[&["--user", "ada"], carrier].concat();
        let printed = tail(carrier).await.done();
        assert!(printed.lines().any(|line| line.contains(&id)), "{carrier:?} printed {printed}");
    }
    // Without a person it is the tenant's inbox, which `publish` without one goes to.
    let everyone = ["publish", "--body", "Welcome, all.", "--server", &address, "--data", data.to_str().unwrap()];
    let printed = run_beside(everyone.map(str::to_owned).to_vec()).await.done();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["data"]["recipients"], Value::Null);
    assert!(tail(&[]).await.done().contains("Welcome, all."));

    let replayed = replay(&data);
    let opened = run(&["audit", "events", "--content", "--data", data.to_str().unwrap()]).done();
    let opened = opened.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let contents: Vec<_> = opened.filter_map(|event| Some(event["content"]["body"].as_str()?.to_owned())).collect();
    assert_eq!(contents, ["It is due on Friday.", "Welcome, all."]);
    let positions: Vec<_> = replayed.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, (1..=replayed.len() as u64).collect::<Vec<_>>());
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_events_and_chain_and_finds_any_changed_byte() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start().await;
    let signer = system::tokens::Signer::dev(&data);
    let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
    for number in 1..=8 {
        service.publish(&json!(["ada", "bob"]), &format!("notification {number}")).await;
    }
    // Beside the running server, and again when it has left.
    let beside = verify(&data).done();
    assert_eq!(server.stop().await, Some(0));
    let told = verify(&data).done();
    // The server has signed one more checkpoint of the same events.
    assert_eq!(told.lines().next(), beside.lines().next());
    let events = replay(&data).len();
    assert!(told.starts_with(&format!("{events} events ")) && told.contains("chain "), "{told}");

    let segment = only_segment(&data);
    let written = fs::read(&segment).unwrap();
    let written = &written[..written.iter().rposition(|byte| *byte != 0).unwrap() + 1];
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    let mut unnoticed = Vec::new();
    let step = written.len().div_ceil(CHANGES_COUNT).max(1);
    for (turn, offset) in (0..written.len()).step_by(step).enumerate() {
        let changed = [written[offset] ^ (1 << (turn % 8))];
        file.write_all_at(&changed, offset as u64).unwrap();
        let found = verify(&data);
        if found.code != Some(3) || found.stderr.is_empty() {
            unnoticed.push((offset, found));
        }
        file.write_all_at(&written[offset..=offset], offset as u64).unwrap();
    }
    assert!(unnoticed.is_empty(), "of {} bytes, changes went unnoticed: {unnoticed:#?}", written.len());
    assert_eq!(verify(&data).done(), told);
}

fn verify(data: &Path) -> system::binary::Finished {
    run(&["audit", "verify", "--data", data.to_str().unwrap()])
}

fn replay(data: &Path) -> Vec<Value> {
    let printed = run(&["audit", "replay", "--data", data.to_str().unwrap()]).done();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn only_segment(data: &Path) -> PathBuf {
    let entries = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
    assert_eq!(segments.len(), 1, "{segments:?}");
    segments[0].clone()
}
