//! Cuts on real sockets: processes are killed, connections dropped, carriers changed, and everyone converges.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use system::caller::Caller;
use system::conversation::{CARRIERS, Conversation};
use system::follower::Follower;
use system::server::{Addresses, Launch};
use system::sure;
use system::tokens::Signer;
use testkit::chance::Chance;
use tidings_client::ClientError;
use tidings_wire::{ClientFrame, CommandFrame, InboxName, Item, Marked, ServerFrame};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Cuts that are wanted, kills of the process among them.
const CUTS: u64 = 300;

/// Kills of the process; each cuts everyone.
const KILLS: u64 = 30;

/// Who follows; `ada` has two tabs.
const FOLLOWERS: [&str; 6] = ["ada", "ada", "bob", "cleo", "dora", "emil"];

/// The server as its clients know it: where it is, which life it is in, and whether cutting has ended.
#[derive(Clone)]
struct World {
    addresses: Addresses,
    life: watch::Receiver<u64>,
    /// The number of the last notification, once it is known.
    last: watch::Receiver<Option<u64>>,
    cuts: Arc<AtomicU64>,
    /// How many have begun to follow.
    begun: watch::Sender<usize>,
}

impl World {
    /// What comes of `work`, unless the server dies meanwhile: then nothing, once it is back.
    async fn while_it_lives<T>(&self, work: impl Future<Output = Result<T, ClientError>>) -> Option<T> {
        let mut life = self.life.clone();
        let mut rebirth = self.life.clone();
        let mine = *life.borrow_and_update();
        // QUIC cannot tell a killed server from a silent one, so its clients are told.
        let reborn = async move { rebirth.wait_for(|now| *now > mine).await.map(|_| ()) };
        tokio::select! {
            done = work => match done {
                Ok(done) => return Some(done),
                Err(_) => drop(life.wait_for(|now| *now > mine).await),
            },
            _ = reborn => {}
        }
        None
    }
}

/// Follows until everything has arrived: by another carrier after each cut, with the cursor that it holds.
async fn follow(world: World, number: usize, token: String) -> Follower {
    let mut chance = Chance::of(1, &[number as u64]);
    let mut held = Follower::default();
    let mut connections = number;
    // Marks without an answer: sent again after a cut, which changes nothing where they were done.
    let mut waiting: BTreeMap<String, ClientFrame> = BTreeMap::new();
    'connections: loop {
        let carrier = CARRIERS[connections % CARRIERS.len()];
        connections += 1;
        held.cut();
        let from = Some((InboxName::Me, held.cursor.clone()));
        let opened = Conversation::open(&world.addresses, carrier, &token, from);
        let Some(mut conversation) = world.while_it_lives(opened).await else { continue };
        for command in waiting.values() {
            if world.while_it_lives(conversation.client().send(command)).await.is_none() {
                continue 'connections;
            }
        }
        let patience = 3 + chance.below(20);
        for frames in 0.. {
            if waiting.is_empty() && has_all(&world, &held) {
                return held;
            }
            let is_enough = world.last.borrow().is_some();
            if frames >= patience && !is_enough {
                break;
            }
            let mut last = world.last.clone();
            let frame = tokio::select! {
                frame = world.while_it_lives(conversation.next()) => frame,
                // Nothing may come any more, once the last one is known.
                _ = last.wait_for(Option::is_some), if !is_enough => continue,
            };
            let Some(frame) = frame else { break };
            let is_first = held.cursor.is_none();
            let arrived = held.receive(&frame);
            if is_first && held.cursor.is_some() {
                world.begun.send_modify(|begun| *begun += 1);
            }
            if let ServerFrame::Reply { id, ok: true, .. } = &frame {
                waiting.remove(id);
            }
            if let Some(id) = arrived.first().filter(|_| chance.one_in(4)) {
                let command = mark_read(id);
                let sent = world.while_it_lives(conversation.client().send(&command)).await;
                waiting.insert(id.clone(), command);
                if sent.is_none() {
                    break;
                }
            }
        }
        world.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

/// Names the command by the item, so that it is the same one when it is sent again.
fn mark_read(id: &str) -> ClientFrame {
    let marked = Marked { notifications: vec![id.to_owned()], inbox: None };
    let name = id.to_owned();
    ClientFrame::Command { id: name.clone(), command_id: Some(name), command: CommandFrame::MarkRead(marked) }
}

/// Comes back once more, when everything has come to rest.
async fn come_to_rest(addresses: &Addresses, token: &str, held: &mut Follower) {
    held.cut();
    let from = Some((InboxName::Me, held.cursor.clone()));
    let opened = sure("welcome", Conversation::open(addresses, CARRIERS[0], token, from)).await;
    let mut conversation = opened.expect("the server is there");
    while !held.is_live {
        held.receive(&conversation.must().await);
    }
}

fn has_all(world: &World, held: &Follower) -> bool {
    let last = *world.last.borrow();
    held.is_live && last.is_some_and(|last| held.items.len() as u64 == last)
}

/// Publishes one after the other, each until it is acknowledged, and says how many there were.
async fn publish(world: World, token: String, acknowledged: watch::Sender<u64>, enough: watch::Receiver<bool>) -> u64 {
    let service = Caller::new(&world.addresses, &token);
    let mut number = 0;
    while !*enough.borrow() {
        number += 1;
        let key = format!("n{number}");
        let body = json!({"to": {"type": "tenant"}, "body": number.to_string(), "transactionId": key});
        loop {
            let done = world.while_it_lives(service.call("POST", "/v1/notifications", Some(&body))).await;
            if done.is_some_and(|answer| (200..300).contains(&answer.status)) {
                break;
            }
        }
        acknowledged.send_replace(number);
    }
    number
}

/// What somebody finds who comes now: every item by its id, page by page.
async fn fresh(addresses: &Addresses, token: &str) -> BTreeMap<String, Item> {
    let caller = Caller::new(addresses, token);
    let (mut items, mut after) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/v1/inbox/notifications?limit=100{after}");
        let page = caller.ask("GET", &path, None, 200).await;
        let found: Vec<Item> = serde_json::from_value(page["data"].clone()).expect("a page has its items");
        let Some(oldest) = found.last() else { return items };
        after = format!("&after={}", oldest.id);
        items.extend(found.into_iter().map(|item| (item.id.clone(), item)));
        if page["hasMore"] == false {
            return items;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_cuts_with_kills_and_changes_of_carrier_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let limits = "[limits]\ncommands_per_second = 1000000\ncommands_burst = 1000000\n\
                  queries_per_second = 1000000\nqueries_burst = 1000000\n\
                  tenant_publishes_per_second = 1000000\ntenant_recipients_per_second = 1000000\n";
    let launch = Launch::new(&data).with_config(limits);
    let mut server = launch.start().await;
    let addresses = server.addresses.clone();
    let launch = launch.at(&addresses);
    let signer = Signer::dev(&data);
    let (reborn, life) = watch::channel(0);
    let (tell_last, last) = watch::channel(None);
    let (acknowledged, mut progress) = watch::channel(0);
    let (stop, enough) = watch::channel(false);
    let cuts = Arc::new(AtomicU64::new(0));
    let (begun, mut have_begun) = watch::channel(0);
    let world = World { addresses: addresses.clone(), life, last, cuts: Arc::clone(&cuts), begun };
    // Everyone is known before the first notification, so that all are theirs.
    for name in FOLLOWERS {
        let token = signer.token("acme", name, "user");
        Conversation::follow(&addresses, CARRIERS[0], &token, InboxName::Me).await;
    }
    let mut followers = JoinSet::new();
    for (number, name) in FOLLOWERS.iter().enumerate() {
        let (world, token) = (world.clone(), signer.token("acme", name, "user"));
        followers.spawn(async move { (*name, follow(world, number, token).await) });
    }
    sure("beginning", have_begun.wait_for(|begun| *begun == FOLLOWERS.len())).await.unwrap();
    let service = signer.token("acme", "billing", "service");
    let publisher = tokio::spawn(publish(world.clone(), service, acknowledged, enough));
    let (mut kills, mut target) = (0, 0);
    while kills < KILLS || cuts.load(Ordering::Relaxed) < CUTS {
        target += 4 + kills * 7 % 12;
        sure("progress", progress.wait_for(|acknowledged| *acknowledged >= target)).await.unwrap();
        server.kill();
        server = launch.start().await;
        kills += 1;
        target = target.max(*progress.borrow());
        reborn.send_modify(|life| *life += 1);
    }
    stop.send_replace(true);
    let published = sure("last notification", publisher).await.unwrap();
    tell_last.send_replace(Some(published));
    let followed = sure("all who converge", followers.join_all()).await;

    for (name, mut held) in followed {
        let token = signer.token("acme", name, "user");
        come_to_rest(&addresses, &token, &mut held).await;
        let fresh = fresh(&addresses, &token).await;
        assert_eq!(fresh.len() as u64, published, "what {name} finds");
        let read = |items: &BTreeMap<String, Item>| -> Vec<(String, bool)> {
            items.values().map(|item| (item.body.clone(), item.is_read)).collect()
        };
        assert_eq!(read(&held.items), read(&fresh), "{name} does not hold what a fresh client does");
    }
    assert!(cuts.load(Ordering::Relaxed) >= CUTS && kills >= KILLS);
    assert_eq!(server.stop().await, Some(0));
}

/// A page that is asked for on the stream for pages comes there, and what is ordered does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_on_the_second_stream_does_not_hold_up_what_is_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start().await;
    let signer = Signer::dev(&data);
    let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
    let ada = signer.token("acme", "ada", "user");
    for number in 0..12 {
        service.publish(&json!("ada"), &format!("{number} {}", "x".repeat(4_000))).await;
    }
    let carrier = tidings_client::Transport::WebTransport;
    let (mut conversation, _) = Conversation::follow(&server.addresses, carrier, &ada, InboxName::Me).await;
    let fetch = |id: &str| json!({"type": "fetch", "id": id, "inbox": "me", "query": {"limit": 100}});
    for number in 0..8 {
        let id = format!("f{number}");
        let answer = sure("page", conversation.client().fetch(&fetch(&id))).await.unwrap();
        let ServerFrame::Reply { id: answered, ok: true, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(answered, id);
        service.publish(&json!("ada"), &format!("delta {number}")).await;
        // It came on the ordered stream, and no page did.
        let ServerFrame::Delta { .. } = conversation.must().await else { panic!("no delta") };
    }
    // Anything but `fetch` there is a protocol error, told on the ordered stream.
    let ping = json!({"type": "ping"});
    tokio::select! {
        biased;
        answer = conversation.client().fetch(&ping) => panic!("answered on the stream for pages: {answer:?}"),
        // It has been sent.
        () = tokio::task::yield_now() => {}
    }
    let ServerFrame::Error { .. } = conversation.must().await else { panic!("no error") };
}
