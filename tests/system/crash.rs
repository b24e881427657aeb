//! What was acknowledged survives SIGKILL under load, and each reader gets each of it once, in order. What the server decides
//! on and what it shows afterwards are, byte for byte, those of a run that nobody interrupted.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use system::binary::run;
use system::caller::{Caller, text};
use system::conversation::{CARRIERS, Conversation};
use system::server::{Addresses, Launch, Server};
use system::shown::{Person, copy_log_and_keys, remove_snapshots, shown, state_digests};
use system::sure;
use system::tokens::Signer;
use tidings_client::{ClientError, Transport};
use tidings_wire::{Change, ClientFrame, CommandFrame, Counts, InboxName, Publish, Recipients, ReplyCode, ServerFrame};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the server is killed, unless the environment says otherwise.
const KILLS: u64 = 50;

/// The variable by which a long run kills more often.
const KILLS_VARIABLE: &str = "TIDINGS_KILLS";

/// Rates that no publisher here exceeds, and room for few inboxes: the others are written to their blocks and read again.
const CONFIG: &str = "
    [limits]
    commands_per_second = 1000000
    commands_burst = 1000000
    tenant_publishes_per_second = 1000000
    tenant_recipients_per_second = 1000000
    queries_per_second = 1000000
    queries_burst = 1000000
    [log]
    segment_bytes = 262144
    [memory]
    inboxes = \"4 KiB\"
";

/// Tenants that are busy only before the first kill, so that a server saves its state when it ends: it does from 10,000 events.
const CROWDS: usize = 24;
const CROWD_EVENTS: usize = 420;
const CROWD_PEOPLE: usize = 10;

/// The body of the notification that ends the test.
const LAST: &str = "last:1";

/// The server as its clients know it: where it is, and which life it is in.
#[derive(Clone)]
struct World {
    addresses: Addresses,
    life: watch::Receiver<u64>,
    acknowledged: watch::Sender<u64>,
    enough: watch::Receiver<bool>,
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

/// How one publisher reaches the server.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `POST` with a `transactionId`.
    Http,
    /// The command `publish` with a `commandId`.
    Session(Transport),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_doubled_or_out_of_order_after_many_kills_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data).with_config(CONFIG);
    let server = launch.start().await;
    let addresses = server.addresses.clone();
    let launch = launch.at(&addresses);
    let signer = Signer::dev(&data);
    crowd(&addresses, &signer).await;
    assert_eq!(server.stop().await, Some(0));
    let mut server = launch.start().await;
    let (reborn, life) = watch::channel(0);
    let (acknowledged, mut progress) = watch::channel(0);
    let (stop, enough) = watch::channel(false);
    let world = World { addresses: addresses.clone(), life, acknowledged, enough };

    let (mut readers, mut publishers) = (JoinSet::new(), JoinSet::new());
    for transport in CARRIERS {
        let reader = Reader::begin(&world, transport, signer.token("acme", "ada", "user")).await;
        readers.spawn(reader.read(world.clone()));
    }
    for way in [Way::Http, Way::Session(Transport::WebSocket), Way::Session(Transport::WebTransport)] {
        let (world, token) = (world.clone(), signer.token("acme", &format!("{way:?}"), "service"));
        publishers.spawn(async move { (format!("{way:?}"), publish_all(&world, way, &token).await) });
    }
    let marking = tokio::spawn(mark_all_over(world.clone(), signer.clone()));
    let mut target = 0;
    let kills = std::env::var(KILLS_VARIABLE).map_or(KILLS, |kills| kills.parse().unwrap());
    for kill in 0..kills {
        // Between 1 and 12 acknowledgements a life; whatever else is under way when it ends is under way.
        target += 1 + kill * 7 % 12;
        sure("progress", progress.wait_for(|acknowledged| *acknowledged >= target)).await.unwrap();
        server.kill();
        server = launch.start().await;
        assert_eq!(server.addresses, addresses);
        target = target.max(*progress.borrow());
        reborn.send_modify(|life| *life += 1);
    }
    stop.send_replace(true);
    sure("end of marking", marking).await.unwrap();
    let mut published: BTreeMap<String, u64> = sure("ends", publishers.join_all()).await.into_iter().collect();
    let service = Caller::new(&addresses, &signer.token("acme", "billing", "service"));
    service.publish(&json!("ada"), LAST).await;
    published.insert("last".to_owned(), 1);
    let total: u64 = published.values().sum();
    assert!(total > target, "{total} were acknowledged, of which {target} before the last kill");

    let ada = signer.token("acme", "ada", "user");
    let shown = all_pages(&Caller::new(&addresses, &ada)).await;
    assert_in_order("a page", shown.iter().rev(), &published);
    assert_eq!(Caller::new(&addresses, &ada).count("me").await, total);
    let (_, fresh) = Conversation::follow(&addresses, Transport::WebSocket, &ada, InboxName::Me).await;
    assert_eq!(u64::from(fresh.counts.total), total);
    for reader in sure("last notification at the readers", readers.join_all()).await {
        assert_in_order(&format!("a reader over {:?}", reader.transport), reader.bodies.iter(), &published);
        assert_eq!(reader.counts, Some(fresh.counts), "over {:?}", reader.transport);
    }
    equals_an_uninterrupted_run(server, &signer, &data).await;
    run(&["audit", "verify", "--data", data.to_str().unwrap()]).done();
}

/// What the last of many lives decides on and shows is what a fold of the log alone comes to.
async fn equals_an_uninterrupted_run(server: Server, signer: &Signer, data: &Path) {
    // This life began with what the ones before had saved, or there would be nothing to compare.
    for (line, field) in [("state folded", "snapshot"), ("inboxes ready", "from")] {
        let said = server.log.find(line, 0, |said| said.contains(line)).await;
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(said[field].as_u64().unwrap_or_default() > 10_000, "{said}");
    }
    remove_snapshots(data);
    let people = people();
    let live = shown(&server.addresses, signer, &people).await;
    assert_eq!(server.stop().await, Some(0));
    let (saved, folded) = state_digests(data);
    assert_eq!(saved, folded, "the state that the server decided on, and that of all events in order");

    let copy = data.with_file_name("uninterrupted");
    copy_log_and_keys(data, &copy);
    let uninterrupted = Launch::new(&copy).start().await;
    let wanted = shown(&uninterrupted.addresses, signer, &people).await;
    assert_eq!(uninterrupted.stop().await, Some(0));
    assert_eq!(live, wanted, "what the server showed, and what one shows that folded the log alone");
}

/// Whose inboxes are compared: of those that are marked all over, of the reader, and of some who were busy long ago.
fn people() -> Vec<Person> {
    let person = |tenant: &str, name: &str, role| (tenant.to_owned(), name.to_owned(), role);
    let mut people = vec![person("acme", "ada", "user"), person(MARKED, "olga", "tenant_admin")];
    people.extend(PEOPLE.map(|name| person(MARKED, name, "user")));
    for crowd in 0..CROWDS {
        people.extend((0..3).map(|number| person(&format!("crowd-{crowd}"), &format!("person-{number}"), "user")));
    }
    people
}

/// Many notifications to many people of many tenants. Some of them read and mark, so that a block has their items as they stand,
/// not only what waits for them.
async fn crowd(addresses: &Addresses, signer: &Signer) {
    let mut crowds = JoinSet::new();
    for crowd in 0..CROWDS {
        let (addresses, token) = (addresses.clone(), signer.token(&format!("crowd-{crowd}"), "billing", "service"));
        crowds.spawn(async move {
            let opened = Conversation::open(&addresses, Transport::WebSocket, &token, None).await;
            let mut conversation = opened.unwrap();
            for number in 0..CROWD_EVENTS {
                let to = format!("person-{}", number % CROWD_PEOPLE);
                let publish = serde_json::from_value(json!({"to": to, "body": format!("{crowd}:{number}")})).unwrap();
                let command = CommandFrame::Publish(Box::new(publish));
                let frame = ClientFrame::Command { id: number.to_string(), command_id: None, command };
                let reply = sure("reply", conversation.ask(&frame, &number.to_string())).await.unwrap();
                assert!(matches!(reply, ServerFrame::Reply { ok: true, .. }), "{reply:?}");
            }
        });
    }
    // However slow the machine is: each reply must come.
    crowds.join_all().await;
    for (tenant, name, role) in people().into_iter().filter(|(tenant, ..)| tenant.starts_with("crowd")) {
        let person = Caller::new(addresses, &signer.token(&tenant, &name, role));
        let page = person.ask("GET", "/v1/inbox/notifications?limit=20", None, 200).await;
        let oldest = page["data"].as_array().and_then(|items| items.last()).unwrap();
        let path = format!("/v1/inbox/notifications/{}/read", text(&oldest["id"]));
        person.ask("PATCH", &path, None, 200).await;
    }
}

/// The tenant whose inboxes are marked all over while the server is killed.
const MARKED: &str = "globex";
const PEOPLE: [&str; 3] = ["bob", "cleo", "dan"];

/// Publishes to some and to everyone, and marks in every way, until it is enough. What a kill interrupts may have happened.
async fn mark_all_over(world: World, signer: Signer) {
    let caller = |name: &str, role: &str| Caller::new(&world.addresses, &signer.token(MARKED, name, role));
    let (service, admin) = (caller("billing", "service"), caller("olga", "tenant_admin"));
    let people = PEOPLE.map(|name| caller(name, "user"));
    let mut turn = 0;
    while !*world.enough.borrow() {
        turn += 1;
        let person = &people[turn % people.len()];
        let work = async {
            let to = [json!("bob"), json!(PEOPLE), json!({"type": "tenant"})][turn % 3].clone();
            let wanted = json!({"to": to, "body": format!("marked:{turn}")});
            service.call("POST", "/v1/notifications", Some(&wanted)).await?;
            let page = person.call("GET", "/v1/inbox/notifications?limit=10", None).await?;
            let page: serde_json::Value = serde_json::from_slice(&page.body)?;
            let id = page["data"][turn * 5 % 7]["id"].as_str().unwrap_or("none").to_owned();
            let mark = ["read", "archive", "unread", "unarchive", "seen", "delete"][turn / 2 % 6];
            let method = if mark == "delete" { "DELETE" } else { "PATCH" };
            person.call(method, &format!("/v1/inbox/notifications/{id}/{mark}"), None).await?;
            if turn.is_multiple_of(5) {
                let all = ["seen", "read-archive", "read"][turn / 5 % 3];
                person.call("POST", &format!("/v1/inbox/notifications/{all}"), None).await?;
            }
            let path = "/v1/inbox/notifications/seen?inbox=tenant";
            if turn.is_multiple_of(9) { admin.call("POST", path, None).await.map(drop) } else { Ok(()) }
        };
        world.while_it_lives(work).await;
    }
}

/// Each publisher's bodies are there once, from its first to its last that was acknowledged, in the order of publishing.
fn assert_in_order<'a>(what: &str, bodies: impl Iterator<Item = &'a String>, published: &BTreeMap<String, u64>) {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for body in bodies {
        let (publisher, number) = body.rsplit_once(':').unwrap();
        found.entry(publisher.to_owned()).or_default().push(number.parse().unwrap());
    }
    let wanted: BTreeMap<String, Vec<u64>> =
        published.iter().map(|(publisher, last)| (publisher.clone(), (1..=*last).collect())).collect();
    assert_eq!(found, wanted, "{what}");
}

/// Publishes number after number, each until it is acknowledged; returns the last.
async fn publish_all(world: &World, way: Way, token: &str) -> u64 {
    let mut number = 0;
    let mut conversation = None;
    while !*world.enough.borrow() {
        number += 1;
        let (key, body) = (format!("key-{number}"), format!("{way:?}:{number}"));
        loop {
            let done = match way {
                Way::Http => world.while_it_lives(publish_by_http(world, token, &key, &body)).await,
                Way::Session(transport) => {
                    let said = publish_by_session(world, transport, token, &mut conversation, &key, &body);
                    let done = world.while_it_lives(said).await;
                    if done.is_none() {
                        conversation = None;
                    }
                    done
                }
            };
            if done == Some(true) {
                break;
            }
        }
        world.acknowledged.send_modify(|count| *count += 1);
    }
    number
}

/// Whether it was acknowledged.
async fn publish_by_http(world: &World, token: &str, key: &str, body: &str) -> Result<bool, ClientError> {
    let wanted = json!({"to": "ada", "body": body, "transactionId": key});
    let answer = Caller::new(&world.addresses, token).call("POST", "/v1/notifications", Some(&wanted)).await?;
    let said = String::from_utf8_lossy(&answer.body);
    assert!(matches!(answer.status, 201 | 500 | 503), "{} {said}", answer.status);
    Ok(answer.status == 201)
}

async fn publish_by_session(
    world: &World,
    transport: Transport,
    token: &str,
    conversation: &mut Option<Conversation>,
    key: &str,
    body: &str,
) -> Result<bool, ClientError> {
    if conversation.is_none() {
        *conversation = Some(Conversation::open(&world.addresses, transport, token, None).await?);
    }
    let conversation = conversation.as_mut().expect("it was opened above");
    let publish: Publish = serde_json::from_value(json!({"to": Recipients::One("ada".to_owned()), "body": body}))?;
    let command = CommandFrame::Publish(Box::new(publish));
    let frame = ClientFrame::Command { id: "1".to_owned(), command_id: Some(key.to_owned()), command };
    match conversation.ask(&frame, "1").await? {
        ServerFrame::Reply { ok: true, .. } => Ok(true),
        ServerFrame::Reply { error: Some(error), .. } => {
            assert!(matches!(error.code, ReplyCode::OutcomeUnknown | ReplyCode::Unavailable), "{error:?}");
            Ok(false)
        }
        other => panic!("the reply is {other:?}"),
    }
}

/// Somebody who follows ada's inbox through all lives of the server, by the cursor alone.
struct Reader {
    transport: Transport,
    token: String,
    cursor: String,
    ids: HashSet<String>,
    bodies: Vec<String>,
    counts: Option<Counts>,
}

impl Reader {
    async fn begin(world: &World, transport: Transport, token: String) -> Self {
        let (_, beginning) = Conversation::follow(&world.addresses, transport, &token, InboxName::Me).await;
        assert!(beginning.items.is_empty(), "nothing was published yet");
        let (ids, bodies) = (HashSet::new(), Vec::new());
        Self { transport, token, cursor: beginning.cursor, ids, bodies, counts: None }
    }

    /// Reads until the last notification and the counts after it were there.
    async fn read(mut self, world: World) -> Self {
        while !self.has_all() {
            world.while_it_lives(self.read_one_life(&world.addresses)).await;
        }
        self
    }

    fn has_all(&self) -> bool {
        self.bodies.last().is_some_and(|body| body == LAST)
            && self.counts.is_some_and(|counts| counts.total as usize == self.bodies.len())
    }

    async fn read_one_life(&mut self, addresses: &Addresses) -> Result<(), ClientError> {
        let from = Some((InboxName::Me, Some(self.cursor.clone())));
        let mut conversation = Conversation::open(addresses, self.transport, &self.token, from).await?;
        while !self.has_all() {
            match conversation.next().await? {
                ServerFrame::Delta { cursor, changes, counts, .. } => {
                    changes.into_iter().for_each(|change| self.take(change));
                    self.counts = counts.or(self.counts);
                    self.cursor = cursor;
                }
                ServerFrame::Counts { cursor, counts, .. } => {
                    self.counts = Some(counts);
                    self.cursor = cursor;
                }
                ServerFrame::Behind { .. } => {}
                ServerFrame::CaughtUp { cursor, .. } => self.cursor = cursor,
                ServerFrame::Drain { .. } | ServerFrame::Close { .. } => {}
                other => panic!("over {:?} with a cursor that was given came {other:?}", self.transport),
            }
        }
        Ok(())
    }

    fn take(&mut self, change: Change) {
        let Change::Added { item } = change else { panic!("nothing was marked, and there is {change:?}") };
        assert!(self.ids.insert(item.id.clone()), "{} came twice over {:?}", item.body, self.transport);
        self.bodies.push(item.body);
    }
}

/// Bodies of all items, newest first.
async fn all_pages(caller: &Caller) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/inbox/notifications?limit=100{after}");
        let page = caller.ask("GET", &path, None, 200).await;
        let items = page["data"].as_array().unwrap();
        bodies.extend(items.iter().map(|item| text(&item["body"])));
        match (items.last(), page["hasMore"].as_bool().unwrap()) {
            (Some(last), true) => after = format!("&after={}", text(&last["id"])),
            _ => return bodies,
        }
    }
}
