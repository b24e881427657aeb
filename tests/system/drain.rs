//! A server that leaves: every client gets its own moment to come back, the rate stays flat, and nothing is lost.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use system::caller::{Caller, connector, request};
use system::conversation::{CARRIERS, Conversation};
use system::follower::Follower;
use system::server::{Addresses, Launch};
use system::stopwatch::Micros;
use system::sure;
use system::tokens::Signer;
use tidings_client::Transport;
use tidings_wire::{InboxName, ServerFrame};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Clients that are to come back.
const CLIENTS: usize = 2_000;

/// How many of them a second.
const PER_SECOND: usize = 200;

/// How long each stays away besides: the rest of the window and the start of the next server.
const PAUSE_MS: u64 = 14_000;

/// Connections that are opened at a time.
const OPENING: usize = 64;

/// Parts of the window in which the rate is measured: long enough that a moment's delay of this machine is no tenth of one.
const PART_MS: usize = 2_500;

/// Notifications before the server leaves, while it does, and after.
const PUBLISHED: u64 = 4;

/// When a client was told to come back, in microseconds, and what it holds in the end.
struct Returned {
    planned: u64,
    follower: Follower,
}

/// What all clients of the test share.
#[derive(Clone)]
struct World {
    addresses: Addresses,
    opening: Arc<Semaphore>,
    is_back: watch::Receiver<bool>,
    ready: watch::Sender<usize>,
}

/// One client: it follows until it is sent away, comes back at its moment, and stays until it has everything.
async fn client(world: World, token: String, last: u64) -> Returned {
    let mut follower = Follower::default();
    let mut conversation = open(&world, &token, &follower).await;
    let planned = loop {
        let frame = conversation.must().await;
        let was_live = follower.is_live;
        follower.receive(&frame);
        if follower.is_live && !was_live {
            world.ready.send_modify(|ready| *ready += 1);
        }
        if let ServerFrame::Close { code, retry_after_ms, .. } = frame {
            assert_eq!(code, 4000);
            let after_ms = retry_after_ms.expect("a leaving server names a delay");
            // The client's own wait, as the wire asks for it.
            let now = Micros::now().0;
            drop(conversation);
            let _ = tokio::time::timeout(Duration::from_millis(after_ms), std::future::pending::<()>()).await;
            break now + after_ms * 1_000;
        }
    };
    follower.cut();
    let mut is_back = world.is_back.clone();
    sure("start of the next server", is_back.wait_for(|is_back| *is_back)).await.expect("the test goes on");
    let mut conversation = open(&world, &token, &follower).await;
    while !follower.is_live || follower.items.len() < usize::try_from(last).unwrap() {
        follower.receive(&conversation.must().await);
    }
    Returned { planned, follower }
}

async fn open(world: &World, token: &str, follower: &Follower) -> Conversation {
    let _place = world.opening.acquire().await.expect("it is never closed");
    let follow = Some((InboxName::Me, follower.cursor.clone()));
    let opened = Conversation::open(&world.addresses, Transport::WebSocket, token, follow);
    sure("welcome", opened).await.expect("the server is there")
}

/// Publishes one after the other. What is not answered because the server is gone is asked of the next one.
async fn publish(world: World, token: String, numbers: std::ops::RangeInclusive<u64>) {
    let service = Caller::new(&world.addresses, &token);
    for number in numbers {
        let body = json!({"to": {"type": "tenant"}, "body": number.to_string(), "transactionId": format!("n{number}")});
        let asked = service.call("POST", "/v1/notifications", Some(&body)).await;
        if asked.is_err() {
            let mut is_back = world.is_back.clone();
            sure("start of the next server", is_back.wait_for(|is_back| *is_back)).await.expect("the test goes on");
            service.ask("POST", "/v1/notifications", Some(&body), 201).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_clients_come_back_at_the_rate_of_the_plan_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = format!("[drain]\nreconnects_per_second = {PER_SECOND}\npause_ms = {PAUSE_MS}\n");
    let launch = Launch::new(&data).with_config(&config);
    let server = launch.start().await;
    let addresses = server.addresses.clone();
    let signer = Signer::dev(&data);
    let (ready, mut are_ready) = watch::channel(0);
    let (back, is_back) = watch::channel(false);
    let world = World { addresses: addresses.clone(), opening: Arc::new(Semaphore::new(OPENING)), is_back, ready };
    let total = 3 * PUBLISHED;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let token = signer.token("acme", &format!("person-{number}"), "user");
        clients.spawn(client(world.clone(), token, total));
    }
    sure("all who connect", are_ready.wait_for(|ready| *ready == CLIENTS)).await.unwrap();

    let service = signer.token("acme", "billing", "service");
    let publish = |numbers| publish(world.clone(), service.clone(), numbers);
    publish(1..=PUBLISHED).await;
    let in_between = tokio::spawn(publish(PUBLISHED + 1..=2 * PUBLISHED));
    server.terminate();
    assert_eq!(sure("end", server.exit_code()).await, Some(0));
    let server = launch.at(&addresses).start().await;
    back.send_replace(true);
    sure("all that was published", in_between).await.unwrap();
    publish(2 * PUBLISHED + 1..=total).await;

    let returned = sure("all who return", clients.join_all()).await;
    for one in &returned {
        assert_eq!(one.follower.items.len() as u64, total, "not everything arrived");
        assert_eq!(one.follower.catch_ups, 1);
    }
    check_rate(returned.iter().map(|one| one.planned).collect());
    assert_eq!(server.stop().await, Some(0));
}

/// Each part of the window keeps within a tenth of the plan.
fn check_rate(mut planned: Vec<u64>) {
    planned.sort_unstable();
    let first = planned[0];
    let mut parts = [0_usize; CLIENTS * 1_000 / PER_SECOND / PART_MS + 1];
    let last = parts.len() - 1;
    planned.iter().for_each(|at| parts[(usize::try_from((at - first) / 1_000).unwrap() / PART_MS).min(last)] += 1);
    let wanted = PER_SECOND * PART_MS / 1_000;
    for count in &parts[..last] {
        assert!(count.abs_diff(wanted) <= wanted / 10, "{wanted} are planned in {PART_MS} ms: {parts:?}");
    }
}

/// A server that is asked to leave twice does not wait, and one that leaves takes nobody new on any carrier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaving_server_refuses_newcomers_and_says_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data).with_config("[drain]\nreconnects_per_second = 1\nwindow_ms_max = 50000\n");
    let server = launch.start().await;
    let signer = Signer::dev(&data);
    let mut followers = Vec::new();
    // One a second: far more seconds than what follows takes.
    for number in 0..30 {
        let token = signer.token("acme", &format!("u{number}"), "user");
        followers.push(Conversation::follow(&server.addresses, CARRIERS[0], &token, InboxName::Me).await.0);
    }
    server.terminate();
    // One goes at once: by then the server is leaving.
    let mut told = Vec::new();
    for follower in &mut followers {
        told.push(async move { while !matches!(follower.must().await, ServerFrame::Close { code: 4000, .. }) {} });
    }
    let told = told.into_iter().map(Box::pin);
    sure("first close", futures_util::future::select_all(told)).await;

    let refused = Conversation::connect(&server.addresses, Transport::WebTransport).await;
    assert!(refused.is_err(), "a leaving server took a WebTransport session");
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "tidings.v1"),
    ];
    let url = format!("{}/v1/connect/websocket", server.addresses.http);
    let answer = request(&connector(), "GET", &url, &headers, bytes::Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 503);
    let url = format!("{}/readyz", server.addresses.http);
    let ready = request(&connector(), "GET", &url, &[], bytes::Bytes::new()).await.unwrap();
    assert_eq!(ready.status, 503);
    server.terminate();
    assert_eq!(sure("end", server.exit_code()).await, Some(0));
}
