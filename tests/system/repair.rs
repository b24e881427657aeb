//! A damaged log is served as far as it is sound, looked into, and repaired as it was shown.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use system::binary::{Finished, run};
use system::caller::Caller;
use system::server::{Launch, Server};
use system::tokens::Signer;

const PUBLISHED: usize = 12;

fn log(data: &Path, words: &[&str]) -> Finished {
    let data = ["--data", data.to_str().unwrap()];
    run(&["log"].iter().chain(words).chain(&data).copied().collect::<Vec<_>>())
}

fn only_segment(data: &Path) -> PathBuf {
    let files = fs::read_dir(data.join("log")).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "seg")).collect();
    assert_eq!(segments.len(), 1);
    segments.remove(0)
}

fn ada(server: &Server, data: &Path) -> Caller {
    Caller::new(&server.addresses, &Signer::dev(data).token("acme", "ada", "user"))
}

fn billing(server: &Server, data: &Path) -> Caller {
    Caller::new(&server.addresses, &Signer::dev(data).token("acme", "billing", "service"))
}

async fn code(caller: &Caller, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = caller.call(method, path, body).await.unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_read_up_to_the_damage_and_repaired_as_it_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let server = launch.start().await;
    for number in 0..PUBLISHED {
        billing(&server, &data).publish(&json!("ada"), &format!("text {number}")).await;
    }
    let beside = log(&data, &["inspect"]).done();
    assert!(beside.contains("a server has it open") && beside.contains("nothing wrong"), "{beside}");
    assert_eq!(server.stop().await, Some(0));

    // Bytes in the middle of what is written: too many for one bit to be set right.
    let segment = only_segment(&data);
    let written = fs::read(&segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let middle = (4096 + written as u64) / 2;
    OpenOptions::new().write(true).open(&segment).unwrap().write_all_at(&[0xEE; 40], middle).unwrap();

    let server = launch.start().await;
    let found = ada(&server, &data).bodies("me").await;
    assert!((1..PUBLISHED).contains(&found.len()), "{} are before the damage", found.len());
    let body = json!({"to": "ada", "body": "more"});
    let (status, refused) = code(&billing(&server, &data), "POST", "/v1/notifications", Some(&body)).await;
    assert_eq!((status, refused["code"].as_str()), (503, Some("read_only")));
    assert_eq!(code(&ada(&server, &data), "GET", "/readyz", None).await.0, 503);
    assert_eq!(code(&ada(&server, &data), "GET", "/healthz", None).await.0, 200);
    assert_eq!(server.stop().await, Some(0));

    let shown = log(&data, &["inspect"]);
    assert_eq!(shown.code, Some(3));
    let plan = shown.stdout.lines().find_map(|line| line.strip_prefix("plan       ")?.split(':').next()).unwrap();
    assert_eq!(log(&data, &["repair", "--plan", "0123456789abcdef", "--yes"]).code, Some(1), "another plan");
    assert_eq!(log(&data, &["repair", "--plan", plan]).code, Some(2), "nobody said yes");
    assert_eq!(log(&data, &["inspect"]).stdout, shown.stdout, "nothing was changed so far");
    assert!(log(&data, &["repair", "--plan", plan, "--yes"]).done().contains("lost: positions"));
    let after = log(&data, &["inspect"]).done();
    assert!(after.contains("epoch 2") && after.contains("nothing wrong"), "{after}");

    let server = launch.start().await;
    assert_eq!(ada(&server, &data).bodies("me").await, found);
    billing(&server, &data).publish(&json!("ada"), "after the repair").await;
    assert_eq!(ada(&server, &data).bodies("me").await.len(), found.len() + 1);
    assert_eq!(code(&ada(&server, &data), "GET", "/readyz", None).await.0, 200);
    assert_eq!(server.stop().await, Some(0));
}
