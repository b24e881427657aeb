//! Durable before visible, seen from outside: `strace` delays, fails and counts the server's syncs.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use system::binary::run;
use system::caller::Caller;
use system::conversation::{CARRIERS, Conversation, json_of};
use system::server::{Launch, Server};
use system::stopwatch::Micros;
use system::strace::{Strace, Sync};
use system::sure;
use system::tokens::Signer;
use tidings_client::Transport;
use tidings_wire::{ClientFrame, Fetch, InboxName, PageQuery, ServerFrame};
use tokio::task::JoinSet;

/// Rates that no looking as fast as possible exceeds.
const UNLIMITED: &str = "
    [limits]
    commands_per_second = 1000000
    commands_burst = 1000000
    tenant_publishes_per_second = 1000000
    tenant_recipients_per_second = 1000000
    queries_per_second = 1000000
    queries_burst = 1000000
";

/// What one way of looking at an inbox has seen.
struct Seen {
    /// Which way.
    how: String,
    /// When the item was there.
    at: Micros,
    /// How many looks before had been answered without it.
    looks_before: u64,
}

/// A data directory in which ada and the tenant are known, so that what follows appends nothing of its own.
async fn known(folder: &Path) -> (PathBuf, Launch, Signer) {
    let data = folder.join("data");
    let launch = Launch::new(&data).with_config(UNLIMITED);
    let server = launch.start().await;
    let signer = Signer::dev(&data);
    let ada = Caller::new(&server.addresses, &signer.token("acme", "ada", "user"));
    assert_eq!(ada.count("me").await, 0);
    assert_eq!(server.stop().await, Some(0));
    (data, launch, signer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_shown_before_its_sync_has_returned() {
    let folder = tempfile::tempdir().unwrap();
    let (data, launch, signer) = known(folder.path()).await;
    let strace = Strace::new(folder.path(), &data, Some("delay_enter=2000000"));
    let server = launch.start_under(Some(&strace)).await;
    for (round, to, inbox) in [(1, json!("ada"), InboxName::Me), (2, json!({"type": "tenant"}), InboxName::Tenant)] {
        let body = format!("round {round}");
        let mut looking = JoinSet::new();
        for transport in CARRIERS {
            follow_until(&mut looking, &server, transport, &signer, &body).await;
            fetch_until(&mut looking, &server, transport, &signer, &inbox, &body).await;
        }
        ask_until(&mut looking, &server, &signer, &inbox, &body);
        let asked = Micros::now();
        Caller::new(&server.addresses, &signer.token("acme", "billing", "service")).publish(&to, &body).await;
        let acknowledged = Micros::now();
        let sync = strace.sync_since(asked).await;
        assert!(sync.is_done && sync.returned.0 - sync.entered.0 >= 2_000_000, "{sync:?} was not delayed");
        assert!(acknowledged >= sync.returned, "the 201 came before its sync returned");
        while let Some(seen) = sure("sight of the item", looking.join_next()).await {
            let Seen { how, at, looks_before } = seen.unwrap();
            assert!(at >= sync.returned, "{how} showed the item {} µs early", sync.returned.0 - at.0);
            assert!(looks_before > 0 || !how.starts_with("fetch"), "{how} has never looked before the item was there");
        }
    }
    drop(server);
}

/// A subscription of ada's: the first frame with the item.
async fn follow_until(looking: &mut JoinSet<Seen>, server: &Server, transport: Transport, signer: &Signer, body: &str) {
    let token = signer.token("acme", "ada", "user");
    let (mut following, _) = Conversation::follow(&server.addresses, transport, &token, InboxName::Me).await;
    let body = body.to_owned();
    looking.spawn(async move {
        loop {
            let frame = json_of(&following.must().await).to_string();
            if frame.contains(&body) {
                return Seen { how: format!("a frame over {transport:?}"), at: Micros::now(), looks_before: 0 };
            }
        }
    });
}

/// Pages asked for over a session, again and again: by ada of her own inbox, by an auditor of the tenant's.
async fn fetch_until(
    looking: &mut JoinSet<Seen>,
    server: &Server,
    transport: Transport,
    signer: &Signer,
    inbox: &InboxName,
    body: &str,
) {
    let token = match inbox {
        InboxName::Me => signer.token("acme", "ada", "user"),
        _ => signer.token("acme", "eve", "auditor"),
    };
    let opened = sure("welcome", Conversation::open(&server.addresses, transport, &token, None)).await;
    let (mut asking, body) = (opened.unwrap(), body.to_owned());
    let inbox = inbox.clone();
    looking.spawn(async move {
        let mut looks_before = 0;
        loop {
            let fetch = Fetch { id: "1".to_owned(), inbox: inbox.clone(), query: PageQuery::default() };
            let page = asking.ask(&ClientFrame::Fetch(fetch), "1").await.unwrap();
            assert!(matches!(page, ServerFrame::Reply { ok: true, .. }), "{page:?}");
            if json_of(&page).to_string().contains(&body) {
                return Seen { how: format!("fetch over {transport:?}"), at: Micros::now(), looks_before };
            }
            looks_before += 1;
        }
    });
}

/// Pages and counts over HTTP, again and again.
fn ask_until(looking: &mut JoinSet<Seen>, server: &Server, signer: &Signer, inbox: &InboxName, body: &str) {
    let (token, name) = match inbox {
        InboxName::Me => (signer.token("acme", "ada", "user"), "me"),
        _ => (signer.token("acme", "eve", "auditor"), "tenant"),
    };
    let caller = Caller::new(&server.addresses, &token);
    let (paging, body) = (caller.clone(), body.to_owned());
    looking.spawn(async move {
        let mut looks_before = 0;
        while !paging.bodies(name).await.contains(&body) {
            looks_before += 1;
        }
        Seen { how: "a page over HTTP".to_owned(), at: Micros::now(), looks_before }
    });
    looking.spawn(async move {
        let mut looks_before = 0;
        while caller.count(name).await == 0 {
            looks_before += 1;
        }
        Seen { how: "a count over HTTP".to_owned(), at: Micros::now(), looks_before }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_nothing_is_acknowledged_and_the_process_ends_with_4() {
    let folder = tempfile::tempdir().unwrap();
    let (data, launch, signer) = known(folder.path()).await;
    let strace = Strace::new(folder.path(), &data, Some("error=EIO:when=3"));
    let server = launch.start_under(Some(&strace)).await;
    let (mut following, _) = Conversation::follow(
        &server.addresses,
        Transport::WebSocket,
        &signer.token("acme", "ada", "user"),
        InboxName::Me,
    )
    .await;
    let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
    for body in ["first", "second"] {
        service.publish(&json!("ada"), body).await;
    }
    // The third sync fails under whichever of these comes first; the others wait behind it or come too late.
    let mut asking = JoinSet::new();
    for number in 0..20 {
        let service = service.clone();
        let body = json!({"to": "ada", "body": format!("doomed {number}")});
        asking.spawn(async move { service.call("POST", "/v1/notifications", Some(&body)).await });
    }
    while let Some(answer) = sure("answer", asking.join_next()).await {
        // No answer at all says as little as this one: whoever got either asks again with the same key.
        if let Ok(answer) = answer.unwrap() {
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let refused = (answer.status, body["code"].as_str());
            assert!(matches!(refused, (500, Some("outcome_unknown")) | (503, Some("unavailable"))), "{refused:?}");
        }
    }
    let (frames, _) = following.until_the_end().await;
    assert_eq!(bodies_added(&frames), ["first", "second"]);
    assert_eq!(server.exit_code().await, Some(4));
    let done: Vec<bool> = strace.all_syncs().await.iter().map(|sync| sync.is_done).collect();
    assert_eq!(done, [true, true, false], "nothing is synced after a failed sync");

    let server = launch.start().await;
    let ada = Caller::new(&server.addresses, &signer.token("acme", "ada", "user"));
    let bodies = ada.bodies("me").await;
    for body in ["first", "second"] {
        assert_eq!(bodies.iter().filter(|found| *found == body).count(), 1, "{body} among {bodies:?}");
    }
    assert_eq!(server.stop().await, Some(0));
    run(&["audit", "verify", "--data", data.to_str().unwrap()]).done();
}

fn bodies_added(frames: &[ServerFrame]) -> Vec<String> {
    let deltas = frames.iter().filter(|frame| matches!(frame, ServerFrame::Delta { .. })).map(json_of);
    let changes = deltas.flat_map(|delta| delta["changes"].as_array().cloned().unwrap_or_default());
    changes.filter_map(|change| change["item"]["body"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_are_as_many_as_group_commits() {
    /// Making a log: the zeros of its first segment, that one's header, the zeros of the reserve, and the adoption of the
    /// key for checkpoints.
    const CREATION: usize = 4;
    const ALONE: usize = 20;
    const TOGETHER: usize = 200;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let strace = Strace::new(folder.path(), &data, None);
    let server = Launch::new(&data).with_config(UNLIMITED).start_under(Some(&strace)).await;
    let created = strace.syncs();
    let service = Caller::new(&server.addresses, &Signer::dev(&data).token("acme", "billing", "service"));
    for number in 0..ALONE {
        service.publish(&json!("ada"), &format!("alone {number}")).await;
    }
    let commits = server.metric("tidings_commit_requests_count").await as usize;
    assert_eq!(commits, ALONE, "one that waits for its answer shares its commit with nobody");
    let mut asking = JoinSet::new();
    for number in 0..TOGETHER {
        let service = service.clone();
        asking.spawn(async move { service.publish(&json!("ada"), &format!("together {number}")).await });
    }
    sure("answers", asking.join_all()).await;
    let commits = server.metric("tidings_commit_requests_count").await as usize;
    assert!((ALONE + 1..=ALONE + TOGETHER).contains(&commits), "{commits} commits");
    assert_eq!(server.stop().await, Some(0));

    let syncs = strace.all_syncs().await;
    assert!(syncs.iter().all(|sync| sync.is_done));
    assert_eq!(syncs.len(), CREATION + commits, "{CREATION} made the log, and {commits} commits wrote to it");
    let writers: std::collections::BTreeSet<u32> =
        syncs[created.len()..].iter().map(|sync: &Sync| sync.thread).collect();
    assert_eq!((created.len(), writers.len()), (CREATION, 1), "one thread alone writes");
}
