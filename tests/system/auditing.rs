//! A running system is audited: over HTTP, by subscription and by the command line beside it, all of which agree. Whoever
//! audits one tenant learns of no other, and every reading is an event itself.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use system::audited::{UNLIMITED, World, all_events, audit, body, events, lines};
use system::caller::Caller;
use system::conversation::Conversation;
use system::sure;
use tidings_client::Transport;
use tidings_engine::audit::canonical;
use tidings_wire::{InboxName, ServerFrame};
use tokio::task::JoinHandle;

/// Somebody who keeps publishing until told to stop; how much was.
struct Load {
    stop: Arc<AtomicBool>,
    published: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Load {
    fn begin(world: &World) -> Self {
        let (stop, published) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (told, counted) = (Arc::clone(&stop), Arc::clone(&published));
        let (service, ada) = (world.caller("acme", "billing", "service"), world.caller("acme", "ada", "user"));
        let task = tokio::spawn(async move {
            while !told.load(Ordering::Relaxed) {
                let id = service.publish(&json!("ada"), "under load").await;
                ada.ask("PATCH", &format!("/v1/inbox/notifications/{id}/read"), None, 200).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { stop, published, task }
    }

    async fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.published.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_replay_and_state_run_while_events_are_written_and_agree_on_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("acme", 5).await;
    world.live("globex", 2).await;
    let load = Load::begin(&world);
    let (auditor, platform) = (world.auditor(), world.caller("root", "root", "super_admin"));
    for _ in 0..3 {
        let before = load.published.load(Ordering::Relaxed);
        // The inbox: a place that the server chose, and the same place asked for again.
        let now = body(&auditor, "/v1/audit/state?subscriberId=ada").await;
        let state: Value = serde_json::from_str(&now).unwrap();
        let cursor = state["cursor"].as_str().unwrap();
        assert_eq!(body(&auditor, &format!("/v1/audit/state?subscriberId=ada&at={cursor}")).await, now);
        // By its position on the command line, by its stream, and as the platform sees it: the same bytes.
        let (_, end) = events(&platform, "?limit=1&type=TenantCreated").await;
        assert!(end["position"].is_u64());
        let position = position_of(&platform, &state).await.to_string();
        let stream = state["state"]["stream"].as_str().unwrap();
        for who in [["--user", "ada"], ["--stream", stream]] {
            let arguments = ["state", "--tenant", "acme", who[0], who[1], "--at", &position];
            assert_eq!(world.offline(&arguments).await.done(), now);
        }
        assert_eq!(body(&platform, &format!("/v1/audit/state?tenant=acme&subscriberId=ada&at={position}")).await, now);
        // The replay of the tenant through that place, and of everybody's events.
        let through = json!({"through": cursor});
        let mut theirs = auditor.ask("POST", "/v1/audit/replays", Some(&through), 200).await;
        let ours = world.offline(&["replay", "--summary", "--tenant", "acme", "--through", &position]).await.done();
        assert_eq!(theirs["verified"], true);
        theirs.as_object_mut().unwrap().remove("cursor");
        assert_eq!(theirs, serde_json::from_str::<Value>(&ours).unwrap());
        let mut all = platform.ask("POST", "/v1/audit/replays", Some(&json!({"through": position})), 200).await;
        let ours = world.offline(&["replay", "--summary", "--through", &position]).await.done();
        all.as_object_mut().unwrap().remove("cursor");
        assert_eq!(all, serde_json::from_str::<Value>(&ours).unwrap());
        // Every byte, beside the server and through it.
        world.offline(&["verify"]).await.done();
        assert_eq!(platform.ask("GET", "/v1/audit/verify", None, 200).await["verified"], true);
        assert_eq!(auditor.ask("GET", "/v1/audit/verify", None, 200).await["verified"], true);
        // All of it ran while events were written.
        let target = before + 1;
        sure("load", async {
            while load.published.load(Ordering::Relaxed) < target {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert!(load.end().await >= 3);
}

/// The position of the last event that a state is as of.
async fn position_of(platform: &Caller, state: &Value) -> u64 {
    let sequence = state["asOf"]["tenantSequence"].as_u64().unwrap();
    let time = state["asOf"]["time"].as_str().unwrap();
    let (found, _) = events(platform, &format!("?tenant=acme&from={time}&to={time}&limit=10000")).await;
    let it = found.iter().find(|event| event["tenantSequence"] == sequence).unwrap();
    it["position"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_machine_makes_the_same_state_and_anybody_the_same_digest() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("acme", 4).await;
    let ours = body(&world.auditor(), "/v1/audit/state?subscriberId=ada").await;
    let value: Value = serde_json::from_str(&ours).unwrap();
    // With any JSON library and any SHA-256.
    let text = format!("tidings-state-1\n{}", canonical(&value["state"]));
    assert_eq!(value["digest"], HEXLOWER.encode(&sha256(text.as_bytes())));
    assert_eq!(value["state"]["items"].as_array().unwrap().len(), 8);
    assert_eq!(value["state"]["counts"]["unread"], 0);
    let World { data, server, .. } = world;
    assert_eq!(server.stop().await, Some(0));
    let copy = folder.path().join("elsewhere");
    copy_folder(&data, &copy);
    let time = value["asOf"]["time"].as_str().unwrap();
    let theirs = audit(&copy, &["state", "--tenant", "acme", "--user", "ada", "--at", time]).await.done();
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    assert_eq!((&theirs["state"], &theirs["digest"]), (&value["state"], &value["digest"]));
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_of_one_tenant_sees_no_other_and_all_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("globex", 3).await;
    world.live("acme", 3).await;
    world.live("globex", 3).await;
    let foreign = world.caller("globex", "olga", "auditor");
    let strange: BTreeSet<String> = all_events(&foreign, 7).await.iter().flat_map(names).collect();
    let auditor = world.auditor();
    let own = all_events(&auditor, 5).await;
    let known: BTreeSet<String> = own.iter().flat_map(names).collect();
    assert!(strange.len() > 10 && known.is_disjoint(&strange), "{:?}", known.intersection(&strange));
    // Gapless, so nothing of their own is missing, and without a number that counts the others.
    let sequences: Vec<u64> = own.iter().map(|event| event["tenantSequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    for event in &own {
        for name in ["position", "tenant", "keyId", "leaf", "factsHash"] {
            assert!(event.get(name).is_none(), "{event}");
        }
    }
    let mut everything = own.iter().map(Value::to_string).collect::<String>();
    for path in ["/v1/audit/state?subscriberId=ada", "/v1/audit/verify", "/v1/audit/events?type=AuditRead"] {
        everything += &body(&auditor, path).await;
    }
    everything += &auditor.ask("POST", "/v1/audit/replays", None, 200).await.to_string();
    assert!(!everything.contains("globex") && !everything.contains("canary"));
    assert!(strange.iter().all(|name| !everything.contains(name.as_str())));
    for path in ["/v1/audit/events?tenant=globex", "/v1/audit/verify?tenant=nowhere", "/v1/audit/verify?tenant=acme"] {
        auditor.ask("GET", path, None, 403).await;
    }
    // Whoever is somebody elsewhere is nobody here.
    world.caller("globex", "billing", "service").publish(&json!("only-there"), "x").await;
    for name in ["only-there", "nowhere-at-all"] {
        auditor.ask("GET", &format!("/v1/audit/state?subscriberId={name}"), None, 404).await;
    }
    // The tenant's chain is made of the lines that were given, by whoever kept them.
    let replay = json!({"state": false});
    let told = auditor.ask("POST", "/v1/audit/replays", Some(&replay), 200).await;
    let lines = all_events(&auditor, 10_000).await;
    let through = told["through"]["tenantSequence"].as_u64().unwrap();
    let chain = lines.iter().take(usize::try_from(through).unwrap()).fold([0; 32], |chain, line| {
        let mut line = line.clone();
        for name in ["content", "redacted"] {
            line.as_object_mut().unwrap().remove(name);
        }
        sha256(&[&chain[..], &sha256(canonical(&line).as_bytes())[..]].concat())
    });
    assert_eq!(told["tenantChain"], HEXLOWER.encode(&chain));
}

/// Everything in an event that is a name of its own: ids, streams and hashes that are not of nothing.
fn names(event: &Value) -> Vec<String> {
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut found = Vec::new();
    let mut waiting = vec![event];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) if text.len() >= 26 && !text.contains(':') && text != EMPTY => found.push(text.clone()),
            Value::Array(values) => waiting.extend(values),
            Value::Object(members) => waiting.extend(members.values()),
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_is_an_event_of_those_who_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("acme", 1).await;
    let (auditor, platform) = (world.auditor(), world.caller("root", "root", "super_admin"));
    let officer = world.with_roles("acme", &["auditor", "privacy_officer"]);
    let state = auditor.ask("GET", "/v1/audit/state?subscriberId=ada", None, 200).await;
    let ada = state["state"]["stream"].as_str().unwrap().to_owned();
    body(&auditor, "/v1/audit/events?limit=1").await;
    auditor.ask("POST", "/v1/audit/replays", None, 200).await;
    auditor.ask("GET", "/v1/audit/verify", None, 200).await;
    let seen = body(&officer, "/v1/audit/events?content=true&subscriberId=ada").await;
    assert!(
        seen.contains("canary-acme-0") && !body(&auditor, "/v1/audit/events?subscriberId=ada").await.contains("canary")
    );
    assert!(body(&officer, "/v1/audit/state?content=true&subscriberId=ada").await.contains("canary-acme-all-0"));
    body(&platform, "/v1/audit/events?tenant=acme&limit=1").await;
    body(&platform, "/v1/audit/events?limit=1").await;
    let token = world.signer.token("acme", "olga", "auditor");
    let follow = Some((InboxName::Audit, None));
    let mut following =
        sure("welcome", Conversation::open(&world.server.addresses, Transport::WebSocket, &token, follow))
            .await
            .unwrap();
    assert!(matches!(following.must().await, ServerFrame::CaughtUp { inbox: InboxName::Audit, .. }));
    let text = world.offline(&["events", "--type", "AuditRead"]).await.done();
    let (recorded, _) = lines(&text);
    let recorded: Vec<_> = recorded
        .iter()
        .map(|event| {
            let subject = event["facts"]["subject"].as_str().map(|stream| stream == ada);
            (event["tenant"].as_u64().unwrap(), event["facts"]["what"].as_str().unwrap(), subject)
        })
        .collect();
    let expected = [
        (1, "state", Some(true)),
        (1, "events", None),
        (1, "replay", None),
        (1, "verify", None),
        (1, "events_with_content", Some(true)),
        (1, "events", Some(true)),
        (1, "state_with_content", Some(true)),
        (1, "events", None),
        (0, "events", None),
        (1, "follow", None),
    ];
    assert_eq!(recorded, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_auditor_is_refused_and_what_is_malformed_has_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    world.live("acme", 1).await;
    let paths = ["/v1/audit/events", "/v1/audit/state?subscriberId=ada", "/v1/audit/verify"];
    for role in ["user", "service", "tenant_admin", "privacy_officer"] {
        let caller = world.caller("acme", "eve", role);
        for path in paths {
            assert_eq!(caller.ask("GET", path, None, 403).await["code"], "forbidden");
        }
        caller.ask("POST", "/v1/audit/replays", None, 403).await;
    }
    let auditor = world.auditor();
    for path in ["/v1/audit/events?content=true", "/v1/audit/state?subscriberId=ada&content=true"] {
        auditor.ask("GET", path, None, 403).await;
    }
    for path in [
        "/v1/audit/events?after=x",
        "/v1/audit/events?after=12",
        "/v1/audit/events?limit=0",
        "/v1/audit/events?limit=10001",
        "/v1/audit/events?limit=many",
        "/v1/audit/events?type=Nothing",
        "/v1/audit/events?from=today",
        "/v1/audit/events?stream=ada",
        "/v1/audit/events?unknown=1",
        "/v1/audit/events?content=yes",
        "/v1/audit/state",
        "/v1/audit/state?subscriberId=ada&at=x",
        "/v1/audit/state?subscriberId=ada&at=1",
        "/v1/audit/state?subscriberId=",
    ] {
        assert_eq!(auditor.ask("GET", path, None, 400).await["code"], "invalid", "{path}");
    }
    for body in [json!({"through": "x"}), json!({"state": 1}), json!({"unknown": 1})] {
        assert_eq!(auditor.ask("POST", "/v1/audit/replays", Some(&body), 400).await["code"], "invalid", "{body}");
    }
    let (none, end) = events(&auditor, "?type=ItemsMarked&to=1970-01-01T00:00:00Z").await;
    assert!(none.is_empty() && end["more"] == false);
    let schema = auditor.ask("GET", "/v1/audit/events.schema.json", None, 200).await;
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_and_limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("{}\n", UNLIMITED.replace("[log]", "tenant_audits_max = 1\n[log]"));
    let world = World::begin_with(folder.path(), &limits).await;
    world.live("acme", 3).await;
    world.caller("acme", "billing", "service").publish(&json!("bob"), "for bob").await;
    let auditor = world.auditor();
    let types = |events: &[Value]| {
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let (found, end) = events(&auditor, "?type[]=ItemsMarked&type[]=TenantCreated").await;
    assert_eq!(types(&found), BTreeSet::from(["TenantCreated".to_owned(), "ItemsMarked".to_owned()]));
    assert_eq!((found.len(), &end["more"]), (7, &json!(false)));
    let (found, end) = events(&auditor, "?type=ItemsMarked&limit=6").await;
    assert_eq!(
        (found.len(), &end["events"], &end["more"]),
        (6, &json!(6), &json!(true)),
        "the last was not looked at yet"
    );
    let (bobs, _) = events(&auditor, "?subscriberId=bob").await;
    assert_eq!((bobs.len(), types(&bobs)), (1, BTreeSet::from(["NotificationPublished".to_owned()])));
    let time = bobs[0]["time"].as_str().unwrap();
    let (since, _) = events(&auditor, &format!("?from={time}&type=NotificationPublished&subscriberId=bob")).await;
    assert_eq!(since, bobs);
    // One place for the tenant: a reading that nobody takes holds it, and no other tenant's.
    let service = world.caller("acme", "billing", "service");
    let people: Vec<String> = (0..1_000).map(|number| format!("person-{number}")).collect();
    for _ in 0..400 {
        service.publish(&json!(people), "lists make large events").await;
    }
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let address = world.server.addresses.http.trim_start_matches("http://").parse().unwrap();
    let mut held = socket.connect(address).await.unwrap();
    let token = world.signer.token("acme", "olga", "auditor");
    let request =
        format!("GET /v1/audit/events?limit=10000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut held, request.as_bytes()).await.unwrap();
    let mut first = [0; 16];
    tokio::io::AsyncReadExt::read_exact(&mut held, &mut first).await.unwrap();
    let refused = auditor.ask("GET", "/v1/audit/verify", None, 429).await;
    assert_eq!(refused["code"], "rate_limited");
    world.caller("globex", "olga", "auditor").ask("GET", "/v1/audit/verify", None, 200).await;
    drop(held);
    sure("the place given back", async {
        while auditor.call("GET", "/v1/audit/verify", None).await.unwrap().status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
