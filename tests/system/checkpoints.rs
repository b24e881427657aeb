//! An auditor with the command line, a public key and a folder of checkpoints that the machine's owner cannot reach.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use bytes::Bytes;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use system::binary::{Finished, run};
use system::caller::{Caller, connector, request};
use system::server::{Launch, Server};
use system::sure;
use system::tokens::Signer;

/// A machine with a data directory, and a place outside that keeps its checkpoints.
struct Machine {
    folder: tempfile::TempDir,
    launch: Launch,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        let outside = folder.path().join("outside");
        // Small segments, so that a few notifications fill several.
        let config = format!("[log]\nsegment_bytes = 8192\n[checkpoints]\nsinks = [{:?}]\n", outside.to_str().unwrap());
        let launch = Launch::new(&folder.path().join("data")).with_config(&config);
        Self { folder, launch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Publishes as often as asked, and signs.
    async fn publish(&self, server: &Server, count: usize) {
        let token = Signer::dev(&self.data()).token("acme", "billing", "service");
        let service = Caller::new(&server.addresses, &token);
        for number in 0..count {
            service.publish(&json!("ada"), &format!("number {number}")).await;
        }
        let url = format!("{}/checkpoints", server.addresses.admin);
        let signed = sure("checkpoint", request(&connector(), "POST", &url, &[], Bytes::new())).await.unwrap();
        assert_eq!(signed.status, 200, "{}", String::from_utf8_lossy(&signed.body));
    }

    fn verify(&self, more: &[&str]) -> Finished {
        let data = self.data();
        run(&[&["audit", "verify", "--data", data.to_str().unwrap()], more].concat())
    }

    fn audit(&self, command: &str) -> String {
        run(&["audit", command, "--data", self.data().to_str().unwrap()]).done().trim().to_owned()
    }

    /// Puts another directory in the place of the data.
    fn replace_data(&self, by: &Path) {
        fs::remove_dir_all(self.data()).unwrap();
        copy(by, &self.data());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn warnings(server: &Server) -> Vec<String> {
    let url = format!("{}/readyz", server.addresses.http);
    let answer = sure("readiness", request(&connector(), "GET", &url, &[], Bytes::new())).await.unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &body["status"]), (200, &json!("ok")));
    serde_json::from_value(body["warnings"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_rolled_back_replaced_or_damaged_ends_with_3_and_the_place() {
    let machine = Machine::new();
    let outside = machine.path("outside");
    let held = ["--checkpoint", outside.to_str().unwrap()];
    let server = machine.launch.start().await;
    machine.publish(&server, 3).await;
    let beside = machine.verify(&held).done();
    assert!(beside.contains("checkpoints agree, the newest at position "), "{beside}");
    copy(&machine.data(), &machine.path("older"));
    machine.publish(&server, 5).await;
    assert_eq!(warnings(&server).await, [""; 0]);
    assert_eq!(server.stop().await, Some(0));
    copy(&machine.data(), &machine.path("newest"));
    let events = |told: &str| told.split(' ').next().unwrap().parse::<u64>().unwrap();
    let (before, after) = (events(&beside), events(&machine.verify(&held).done()));

    // An older copy of the whole directory is sound by itself: what is outside knows better.
    machine.replace_data(&machine.path("older"));
    machine.verify(&[]).done();
    let found = machine.verify(&held);
    let place = format!(
        "the checkpoint knows {after} events, the log has {before}; the place is among positions {}",
        before + 1
    );
    assert_eq!(found.code, Some(3), "{found:?}");
    assert!(found.stderr.contains(&place), "{found:?}");
    // A server that starts with it sees that too, and does not sign a second history.
    let kept = || fs::read_dir(&outside).unwrap().count();
    let kept_before = kept();
    let server = machine.launch.start().await;
    let url = format!("{}/checkpoints", server.addresses.admin);
    let refused = sure("refusal", request(&connector(), "POST", &url, &[], Bytes::new())).await.unwrap();
    assert_eq!(refused.status, 503);
    assert_eq!(warnings(&server).await, ["checkpoints are not signed: one that was kept disagrees with the log"]);
    assert_eq!((server.stop().await, kept()), (Some(0), kept_before));

    // Another log.
    let other = Launch::new(&machine.path("other")).start().await;
    assert_eq!(other.stop().await, Some(0));
    let file = fs::read_dir(&outside).unwrap().next().unwrap().unwrap().path();
    let check = |more: &[&str]| {
        let found = machine.verify(more);
        assert_eq!(found.code, Some(3), "{found:?}");
        assert!(found.stderr.contains("replaced: the checkpoint is of log "), "{found:?}");
    };
    machine.replace_data(&machine.path("other"));
    check(&held);
    check(&["--checkpoint", file.to_str().unwrap()]);
    // The same where the checkpoints of the data directory were left alone.
    fs::remove_dir_all(machine.data().join("checkpoints")).unwrap();
    copy(&machine.path("newest/checkpoints"), &machine.data().join("checkpoints"));
    check(&[]);
    assert_eq!(machine.verify(&["--checkpoint", machine.path("older").to_str().unwrap()]).code, Some(1));

    // A changed bit after the first checkpoint.
    machine.replace_data(&machine.path("newest"));
    machine.verify(&held).done();
    let segments = fs::read_dir(machine.data().join("log")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().unwrap();
    let written = fs::read(&segment).unwrap();
    let last = written.iter().rposition(|byte| *byte != 0).unwrap();
    let file = OpenOptions::new().write(true).open(segment).unwrap();
    file.write_all_at(&[written[last] ^ 1], last as u64).unwrap();
    let found = machine.verify(&held);
    assert_eq!(found.code, Some(3), "{found:?}");
    assert!(
        found.stderr.contains("offset ") && found.stderr.contains("the last checkpoint before the damage agrees: ")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_trusted_through_the_one_before_and_a_lost_one_is_not() {
    let machine = Machine::new();
    let server = machine.launch.start().await;
    machine.publish(&server, 2).await;
    let first = machine.audit("key");
    let next = machine.audit("rotate-key");
    assert_ne!(first, next);
    // Nothing changes before the server starts again.
    assert_eq!(machine.audit("key"), first);
    assert_eq!(server.stop().await, Some(0));
    let server = machine.launch.start().await;
    machine.publish(&server, 2).await;
    assert_eq!(machine.audit("key"), next);
    let told = machine.verify(&["--key", &first]).done();
    assert!(told.trim_end().ends_with(&format!("signed by {next}")), "{told}");
    // Who knows the second key alone does not believe what the first one signed.
    assert_eq!(machine.verify(&["--key", &next]).code, Some(3));
    machine.verify(&["--key", &first, "--key", &next]).done();
    assert_eq!(machine.verify(&["--key", "tidings/x+00000000+AAAA"]).code, Some(2));
    assert_eq!(server.stop().await, Some(0));
    let files = ["checkpoint.key", "checkpoint.key.next"].map(|name| machine.data().join(name));
    assert!(!files[1].exists(), "the key before is gone");

    // A crash after the adoption and before the file took its place leaves both files.
    fs::rename(&files[0], &files[1]).unwrap();
    fs::write(&files[0], "07".repeat(32)).unwrap();
    let server = machine.launch.start().await;
    assert_eq!((machine.audit("key"), files[1].exists()), (next, false));
    assert_eq!(machine.audit("replay").matches("CheckpointKeyAdopted").count(), 2);
    assert_eq!(server.stop().await, Some(0));

    fs::remove_file(&files[0]).unwrap();
    let server = machine.launch.start().await;
    machine.publish(&server, 1).await;
    assert_eq!(server.stop().await, Some(0));
    let found = machine.verify(&["--key", &first]);
    assert_eq!(found.code, Some(3));
    assert!(found.stderr.contains("without the endorsement of a key that is trusted"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_and_a_fresh_checkpoint_of_a_running_server_verify_elsewhere() {
    let machine = Machine::new();
    let server = machine.launch.start().await;
    machine.publish(&server, 4).await;
    let key = machine.audit("key");
    let (data, out, fresh) = (machine.data(), machine.path("export"), machine.path("fresh.checkpoint"));
    let (data, out, fresh) = (data.to_str().unwrap(), out.to_str().unwrap(), fresh.to_str().unwrap());
    run(&["audit", "export", "--data", data, "--out", out]).done();
    run(&["audit", "checkpoint", "--data", data, "--out", fresh]).done();
    assert_eq!(run(&["audit", "export", "--data", data, "--out", out]).code, Some(2), "it is not written over");
    machine.publish(&server, 1).await;
    assert_eq!(server.stop().await, Some(0));
    let exported = run(&["audit", "verify", "--data", out, "--key", &key, "--checkpoint", fresh]).done();
    assert!(exported.contains("2 checkpoints agree"), "{exported}");
    machine.verify(&["--checkpoint", fresh, "--checkpoint", &format!("{out}/checkpoints"), "--key", &key]).done();
    let printed = machine.audit("checkpoint");
    assert!(printed.starts_with("tidings/") && printed.contains("\n\n\u{2014} tidings/"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_a_part_is_proven_by_its_checkpoint_and_by_nothing_less() {
    let machine = Machine::new();
    let server = machine.launch.start().await;
    machine.publish(&server, 40).await;
    let (key, data, out) = (machine.audit("key"), machine.data(), machine.path("part"));
    let (data, path) = (data.to_str().unwrap(), out.to_str().unwrap());
    let export = |from: &str| run(&["audit", "export", "--data", data, "--out", path, "--from", from]);
    let refused = export("1000000");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("position 1000000 is not in the log"));
    let said = export("30").done();
    let first: u64 = said.split(' ').nth(1).unwrap().parse().unwrap();
    assert!((2..=30).contains(&first), "{said}");
    assert_eq!(server.stop().await, Some(0));
    let check = || run(&["audit", "verify", "--data", path, "--key", &key]);
    let told = check().done();
    assert!(told.contains("1 checkpoint agrees"), "{told}");

    // What precedes it must be whole, and there must be a checkpoint which proves it.
    let start = fs::read(out.join("part.start")).unwrap();
    fs::write(out.join("part.start"), &start[..start.len() - 1]).unwrap();
    assert_eq!(check().code, Some(3));
    fs::write(out.join("part.start"), &start).unwrap();
    fs::rename(out.join("checkpoints"), out.join("elsewhere")).unwrap();
    let nothing = check();
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    fs::rename(out.join("elsewhere"), out.join("checkpoints")).unwrap();
    fs::remove_file(out.join("part.start")).unwrap();
    assert_eq!(check().code, Some(3), "a part without its start is a log without its beginning");
}
