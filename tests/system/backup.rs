//! A backup is taken beside a running server and verified; what is restored from it is a log of its own, in which everyone
//! who was erased since stays erased.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::json;
use std::fs;
use std::path::Path;
use system::binary::{Finished, run, run_beside};
use system::caller::Caller;
use system::conversation::Conversation;
use system::server::Launch;
use system::tokens::Signer;
use tidings_client::Transport;
use tidings_wire::{InboxName, ServerFrame};

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn backup(data: &Path, to: &Path, keyring_to: &Path) -> Vec<String> {
    let words = ["backup", "--data", &text(data), "--to", &text(to), "--keyring-to", &text(keyring_to)];
    words.map(str::to_owned).to_vec()
}

fn restore(from: &Path, data: &Path, more: &[&str]) -> Finished {
    let words = ["restore", "--from", &text(from), "--data", &text(data)].map(str::to_owned);
    run(&words.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_running_server_restores_to_a_log_of_its_own_and_erasures_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (data, copy, ring) = (path("data"), path("copy"), path("ring"));
    let server = Launch::new(&data).start().await;
    let signer = Signer::dev(&data);
    let caller = |name: &str, role: &str| Caller::new(&server.addresses, &signer.token("acme", name, role));
    let service = caller("billing", "service");
    service.publish(&json!("ada"), "for ada").await;
    service.publish(&json!("bob"), "for bob").await;
    let bob = signer.token("acme", "bob", "user");
    let (_, before) = Conversation::follow(&server.addresses, Transport::WebSocket, &bob, InboxName::Me).await;
    // The server goes on while the backup is taken.
    let taken = run_beside(backup(&data, &copy, &ring));
    for number in 0..20 {
        service.publish(&json!("bob"), &format!("meanwhile {number}")).await;
    }
    let told = taken.await.done();
    assert!(told.contains("copied to") && told.contains("verified"), "{told}");
    run(&["audit", "verify", "--data", &text(&copy)]).done();
    let again = run_beside(backup(&data, &copy, &ring)).await;
    assert_eq!(again.code, Some(2), "a backup never overwrites another: {again:?}");
    let erased = json!({"subscriberId": "ada"});
    caller("olga", "privacy_officer").ask("POST", "/v1/privacy/erasures", Some(&erased), 201).await;
    assert_eq!(server.stop().await, Some(0));

    // The log is lost, the keyring is not.
    assert_eq!(restore(&copy, &data, &[]).code, Some(2), "a log is never overwritten");
    fs::rename(data.join("log"), path("lost")).unwrap();
    let restored = restore(&copy, &data, &[]).done();
    assert!(restored.contains("as epoch 2"), "{restored}");
    run(&["audit", "verify", "--data", &text(&data)]).done();
    let server = Launch::new(&data).start().await;
    let caller = |name: &str, role: &str| Caller::new(&server.addresses, &signer.token("acme", name, role));
    assert_eq!(caller("ada", "user").count("me").await, 0, "whoever was erased since stays erased");
    assert!(caller("bob", "user").bodies("me").await.contains(&"for bob".to_owned()));
    let from = Some((InboxName::Me, Some(before.cursor)));
    let mut resumed = Conversation::open(&server.addresses, Transport::WebSocket, &bob, from).await.unwrap();
    assert!(matches!(resumed.must().await, ServerFrame::Resync { .. }), "a cursor of the lost log is void");
    assert_eq!(server.stop().await, Some(0));

    // Everything is lost but the two backups.
    let fresh = path("fresh");
    fs::create_dir(&fresh).unwrap();
    assert_eq!(restore(&copy, &fresh, &[]).code, Some(2), "without a keyring nothing could be read");
    // A backup of the keyring that cannot be right changes nothing, and the right one can follow.
    let wrong = restore(&copy, &fresh, &["--keyring-from", &text(&copy)]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    let elsewhere = path("safe").join("ring");
    let more = ["--keyring-from", &text(&ring), "--keyring", &text(&elsewhere)];
    restore(&copy, &fresh, &more).done();
    let config = format!("[keyring]\nfolder = {:?}\n", text(&elsewhere));
    let server = Launch::new(&fresh).with_config(&config).start().await;
    let signer = Signer::dev(&fresh);
    let ada = Caller::new(&server.addresses, &signer.token("acme", "ada", "user"));
    assert_eq!(ada.bodies("me").await, ["for ada"], "the older keyring is how far back an erasure can be undone");
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_neither_backed_up_nor_restored() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (data, copy, ring) = (path("data"), path("copy"), path("ring"));
    let server = Launch::new(&data).start().await;
    let service = Caller::new(&server.addresses, &Signer::dev(&data).token("acme", "billing", "service"));
    service.publish(&json!("ada"), "one").await;
    service.publish(&json!("ada"), "two").await;
    assert_eq!(server.stop().await, Some(0));
    run(&backup(&data, &copy, &ring)).done();
    let flip = |data: &Path| {
        let segments = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path());
        let segment = segments.into_iter().find(|path| path.extension().is_some_and(|end| end == "seg")).unwrap();
        let mut bytes = fs::read(&segment).unwrap();
        bytes[4096 + 200] ^= 1;
        fs::write(&segment, bytes).unwrap();
    };
    flip(&copy);
    let fresh = path("fresh");
    let refused = restore(&copy, &fresh, &["--keyring-from", &text(&ring)]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(!fresh.join("log").exists());
    flip(&data);
    let refused = run(&backup(&data, &path("other"), &path("ring2")));
    assert_eq!(refused.code, Some(3), "{refused:?}");
}
