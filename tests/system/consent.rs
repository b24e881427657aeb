//! Without consent nothing is pushed: what a person does not allow waits in the list, on every carrier, before and after a cut
//! and a restart, and no frame tells of it.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use system::binary::run;
use system::caller::{Caller, text};
use system::conversation::{CARRIERS, Conversation, json_of};
use system::event_stream::EventStream;
use system::server::{Launch, Server};
use system::sure;
use system::tokens::Signer;
use tidings_client::Transport;
use tidings_wire::{Change, ClientFrame, Counts, Fetch, InboxName, PageQuery, ServerFrame};

/// Where consents are.
const CONSENTS: &str = "/v1/privacy/consents";

struct World {
    data: PathBuf,
    launch: Launch,
    server: Server,
    token: String,
    service: Caller,
    ada: Caller,
}

impl World {
    async fn begin(folder: &Path) -> Self {
        let data = folder.join("data");
        let launch = Launch::new(&data);
        let server = launch.start().await;
        let signer = Signer::dev(&data);
        let token = signer.token("acme", "ada", "user");
        let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
        let ada = Caller::new(&server.addresses, &token);
        Self { data, launch, server, token, service, ada }
    }

    async fn restart(self) -> Self {
        let Self { data, launch, server, token, .. } = self;
        assert_eq!(server.stop().await, Some(0));
        let server = launch.start().await;
        let signer = Signer::dev(&data);
        let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
        let ada = Caller::new(&server.addresses, &token);
        Self { data, launch, server, token, service, ada }
    }

    async fn publish(&self, to: &Value, category: &str, body: &str) {
        let publish = json!({"to": to, "body": body, "category": category});
        self.service.ask("POST", "/v1/notifications", Some(&publish), 201).await;
    }

    async fn withdraw(&self, category: &str) {
        self.ada.ask("DELETE", &format!("{CONSENTS}?category={category}"), None, 204).await;
    }

    async fn give(&self, category: &str) {
        self.ada.ask("POST", CONSENTS, Some(&json!({"category": category})), 201).await;
    }

    async fn follower(&self, transport: Transport, from: Option<String>) -> Follower {
        let follow = Some((InboxName::Me, from));
        let opened = Conversation::open(&self.server.addresses, transport, &self.token, follow);
        let conversation = sure("welcome", opened).await.unwrap();
        Follower { conversation, items: BTreeMap::new(), counts: Counts::default(), cursor: String::new() }
    }
}

/// Somebody who holds what was pushed: texts by id.
struct Follower {
    conversation: Conversation,
    items: BTreeMap<String, String>,
    counts: Counts,
    cursor: String,
}

impl Follower {
    /// Takes frames until one of a type has come; all of them as JSON.
    async fn until(&mut self, wanted: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.conversation.must().await;
            let shown = json_of(&frame);
            let is_wanted = shown["type"] == wanted;
            self.take(frame);
            frames.push(shown);
            if is_wanted {
                return frames;
            }
        }
    }

    fn take(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Snapshot { cursor, counts, items, .. } => {
                self.items = items.into_iter().map(|item| (item.id, item.body)).collect();
                (self.cursor, self.counts) = (cursor, counts);
            }
            ServerFrame::Delta { cursor, changes, counts, .. } => {
                for change in changes {
                    match change {
                        Change::Added { item } => {
                            self.items.insert(item.id.clone(), item.body.clone());
                        }
                        Change::Removed { id } => {
                            self.items.remove(&id);
                        }
                        Change::Changed { .. } | Change::MarkedAll { .. } => {}
                    }
                }
                self.cursor = cursor;
                self.counts = counts.unwrap_or(Counts { total: self.counts.total + 1, ..self.counts });
            }
            ServerFrame::Counts { cursor, counts, .. } => (self.cursor, self.counts) = (cursor, counts),
            ServerFrame::CaughtUp { cursor, .. } => self.cursor = cursor,
            _ => {}
        }
    }

    fn held(&self) -> Vec<&str> {
        let mut held: Vec<&str> = self.items.values().map(String::as_str).collect();
        held.sort_unstable();
        held
    }

    #[track_caller]
    fn holds(&self, bodies: &[&str]) {
        assert_eq!(self.held(), bodies);
        assert_eq!(self.counts.total as usize, bodies.len(), "counts are of what is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_waits_in_the_list_on_every_carrier_and_over_every_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path()).await;
    let everyone = json!({"type": "tenant"});
    world.publish(&json!("ada"), "orders", "a order").await;
    world.publish(&json!("ada"), "ads", "b ad").await;
    world.withdraw("ads").await;
    let mut followers = Vec::new();
    for transport in CARRIERS {
        let mut follower = world.follower(transport, None).await;
        follower.until("snapshot").await;
        follower.holds(&["a order"]);
        followers.push(follower);
    }
    let mut events = EventStream::with_token(&world.server.addresses, "", &world.token).await.map_err(|_| ()).unwrap();
    // Neither of one's own nor of everyone's is pushed; what comes next is the first frame.
    world.publish(&json!("ada"), "ads", "c ad").await;
    world.publish(&everyone, "ads", "d ad").await;
    world.publish(&json!("ada"), "orders", "e order").await;
    world.publish(&everyone, "orders", "f order").await;
    for follower in &mut followers {
        for body in ["e order", "f order"] {
            let frames = follower.until("delta").await;
            assert_eq!((frames.len(), frames[0]["changes"][0]["item"]["body"].as_str()), (1, Some(body)));
        }
        follower.holds(&["a order", "e order", "f order"]);
    }
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.push(sure("event", events.next()).await.unwrap().data.to_string());
    }
    assert!(!heard.concat().contains(" ad") && heard[3].contains("f order"), "{heard:?}");
    // The list has it all, and so have its counts.
    assert_eq!(world.ada.bodies("me").await, ["f order", "e order", "d ad", "c ad", "b ad", "a order"]);
    assert_eq!(world.ada.count("me").await, 6);

    // Over a cut and a restart: what is caught up with has none of it either.
    let cursors: Vec<String> = followers.into_iter().map(|follower| follower.cursor).collect();
    world.publish(&json!("ada"), "ads", "g ad").await;
    world.publish(&everyone, "orders", "h order").await;
    world = world.restart().await;
    let mut followers = Vec::new();
    for (transport, cursor) in CARRIERS.into_iter().zip(cursors) {
        let mut follower = world.follower(transport, Some(cursor)).await;
        let told = Value::from(follower.until("caught_up").await).to_string();
        assert!(told.contains("h order") && !told.contains(" ad"), "{transport:?}: {told}");
        assert_eq!((follower.held(), follower.counts.total), (vec!["h order"], 4), "{transport:?}");
        followers.push(follower);
    }

    // With consent again everything is shown, and whoever was away begins anew.
    let away = followers.remove(0);
    let cursor = away.cursor.clone();
    drop(away);
    world.give("ads").await;
    let all = ["a order", "b ad", "c ad", "d ad", "e order", "f order", "g ad", "h order"];
    for follower in &mut followers {
        let frames = follower.until("snapshot").await;
        assert_eq!((&frames[0]["type"], &frames[0]["reason"]), (&json!("resync"), &json!("consent")));
        follower.holds(&all);
    }
    let mut back = world.follower(CARRIERS[0], Some(cursor)).await;
    let frames = back.until("snapshot").await;
    assert_eq!(frames[0]["reason"], "consent");
    back.holds(&all);
    world.publish(&everyone, "ads", "i ad").await;
    back.until("delta").await;
    assert!(back.held().contains(&"i ad"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_recorded_by_who_may_listed_audited_and_gone_with_its_person() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let signer = Signer::dev(&world.data);
    let caller = |subject: &str, role: &str| Caller::new(&world.server.addresses, &signer.token("acme", subject, role));
    let eve = caller("eve", "user");
    let auditor = caller("otto", "auditor");
    let given = json!({"category": "orders", "purpose": "orders the moment they change", "textVersion": "2026-03"});
    world.ada.ask("POST", CONSENTS, Some(&given), 201).await;
    let mut by_service = given.clone();
    (by_service["subscriberId"], by_service["given"], by_service["category"]) =
        (json!("ada"), json!(false), json!("ads"));
    world.service.ask("POST", CONSENTS, Some(&by_service), 201).await;
    let listed = world.service.ask("GET", &format!("{CONSENTS}?subscriberId=ada"), None, 200).await["data"].take();
    assert_eq!(world.ada.ask("GET", CONSENTS, None, 200).await["data"], listed);
    let shown = |index: usize| {
        let one = &listed[index];
        (one["category"].clone(), one["given"].clone(), one["recordedBy"].clone(), one["textVersion"].clone())
    };
    assert_eq!(shown(0), (json!("orders"), json!(true), json!("self"), json!("2026-03")));
    assert_eq!(shown(1), (json!("ads"), json!(false), json!("other"), json!("2026-03")));
    assert_eq!(listed[0]["purpose"], "orders the moment they change");
    // Nobody else records, takes back or sees it.
    eve.ask("POST", CONSENTS, Some(&json!({"subscriberId": "ada"})), 403).await;
    eve.ask("DELETE", &format!("{CONSENTS}?subscriberId=ada&category=orders"), None, 403).await;
    eve.ask("GET", &format!("{CONSENTS}?subscriberId=ada"), None, 403).await;
    auditor.ask("GET", &format!("{CONSENTS}?subscriberId=ada"), None, 403).await;
    auditor.ask("POST", CONSENTS, Some(&json!({})), 403).await;
    for wrong in [json!({"channel": "email"}), json!({"category": ""}), json!({"who": "ada"}), json!({"given": "no"})] {
        world.ada.ask("POST", CONSENTS, Some(&wrong), 400).await;
    }
    // The log says who said what, and not what for.
    let lines = auditor.call("GET", "/v1/audit/events?type=ConsentChanged&subscriberId=ada", None).await.unwrap();
    let lines = text(&json!(String::from_utf8(lines.body.to_vec()).unwrap()));
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 3, "{lines}");
    assert_eq!(events[0]["actor"], events[0]["facts"]["subject"]);
    assert_ne!(events[1]["actor"], events[1]["facts"]["subject"]);
    assert!(events[0]["sealed"] == true && !lines.contains("the moment"), "{lines}");
    // With the person all of it goes.
    let officer = caller("olga", "privacy_officer");
    officer.ask("POST", "/v1/privacy/erasures", Some(&json!({"subscriberId": "ada"})), 201).await;
    assert_eq!(world.service.ask("GET", &format!("{CONSENTS}?subscriberId=ada"), None, 200).await["data"], json!([]));
    assert_eq!(world.server.stop().await, Some(0));
    let data = world.data.to_str().unwrap().to_owned();
    let place = ["--data", &data, "--tenant", "acme", "--user", "bob"];
    let command = |more: &[&str]| run(&[&["privacy"], more, &place[..]].concat()).done();
    command(&["consent", "--withdraw", "--purpose", "asked by letter"]);
    let listed: Value = serde_json::from_str(&command(&["consents"])).unwrap();
    assert_eq!((&listed["given"], &listed["purpose"]), (&json!(false), &json!("asked by letter")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_decides_whether_people_are_asked_and_what_nobody_may_miss() {
    const SETTINGS: &str = "/v1/tenants/acme/settings";
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path()).await;
    let signer = Signer::dev(&world.data);
    let anna = Caller::new(&world.server.addresses, &signer.token("acme", "anna", "tenant_admin"));
    let default = json!({"realtime": "opt_out", "critical": [], "recordDelivered": false});
    assert_eq!(anna.ask("GET", SETTINGS, None, 200).await["data"], default);
    let mut follower = world.follower(Transport::WebTransport, None).await;
    follower.until("snapshot").await;
    let decided = json!({"realtime": "opt_in", "critical": ["security", "alarm", "alarm"]});
    let shown = json!({"realtime": "opt_in", "critical": ["alarm", "security"], "recordDelivered": false});
    assert_eq!(anna.ask("PATCH", SETTINGS, Some(&decided), 200).await["data"], shown);
    let frames = follower.until("snapshot").await;
    assert_eq!(frames[0]["reason"], "consent");
    // Nobody was asked yet: only what is critical comes.
    world.publish(&json!("ada"), "orders", "a order").await;
    world.publish(&json!({"type": "tenant"}), "orders", "b order").await;
    world.publish(&json!({"type": "tenant"}), "alarm", "c alarm").await;
    let frames = follower.until("delta").await;
    assert_eq!((frames.len(), &frames[0]["changes"][0]["item"]["body"]), (1, &json!("c alarm")));
    // Who is asked and says yes gets the rest, and who says no still gets what is critical, after a restart too.
    world.give("orders").await;
    follower.until("snapshot").await;
    follower.holds(&["a order", "b order", "c alarm"]);
    world.withdraw("alarm").await;
    drop(follower);
    world = world.restart().await;
    let mut follower = world.follower(Transport::Quic, None).await;
    follower.until("snapshot").await;
    follower.holds(&["a order", "b order", "c alarm"]);
    let anna = Caller::new(&world.server.addresses, &signer.token("acme", "anna", "tenant_admin"));
    assert_eq!(anna.ask("GET", SETTINGS, None, 200).await["data"], shown);
    // It is the tenant's own to decide, and the platform's.
    let root = Caller::new(&world.server.addresses, &signer.token("globex", "root", "super_admin"));
    root.ask("PATCH", SETTINGS, Some(&json!({"critical": []})), 200).await;
    follower.until("snapshot").await;
    follower.holds(&["a order", "b order"]);
    root.ask("GET", "/v1/tenants/nowhere/settings", None, 404).await;
    for (subject, role, status) in [("ada", "user", 403), ("billing", "service", 403)] {
        let caller = Caller::new(&world.server.addresses, &signer.token("acme", subject, role));
        caller.ask("GET", SETTINGS, None, status).await;
        caller.ask("PATCH", SETTINGS, Some(&decided), status).await;
    }
    let other = Caller::new(&world.server.addresses, &signer.token("globex", "gina", "tenant_admin"));
    other.ask("PATCH", SETTINGS, Some(&decided), 403).await;
    for wrong in
        [json!({}), json!({"realtime": "never"}), json!({"critical": [""]}), json!({"critical": vec!["x"; 33]})]
    {
        let status = if wrong["critical"].as_array().is_some_and(|all| all.len() > 32) { 413 } else { 400 };
        anna.ask("PATCH", SETTINGS, Some(&wrong), status).await;
    }
    assert_eq!(world.server.stop().await, Some(0));
    let settings = ["tenant", "settings", "--tenant", "acme", "--data", world.data.to_str().unwrap()];
    let shown: Value = serde_json::from_str(&run(&settings).done()).unwrap();
    assert_eq!(shown, json!({"realtime": "opt_in", "critical": [], "recordDelivered": false}));
    let changed = run(&[&settings[..], &["--realtime", "opt_out", "--critical", "alarm"]].concat()).done();
    let changed: Value = serde_json::from_str(&changed).unwrap();
    assert_eq!(changed, json!({"realtime": "opt_out", "critical": ["alarm"], "recordDelivered": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_is_on_record_where_the_tenant_wants_it_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let signer = Signer::dev(&world.data);
    let anna = Caller::new(&world.server.addresses, &signer.token("acme", "anna", "tenant_admin"));
    let auditor = Caller::new(&world.server.addresses, &signer.token("acme", "otto", "auditor"));
    let audit = signer.token("acme", "otto", "auditor");
    let follow = Some((InboxName::Audit, None));
    let opened = Conversation::open(&world.server.addresses, Transport::WebSocket, &audit, follow);
    let mut audit = sure("welcome", opened).await.unwrap();
    let acknowledges = async |transport: Transport| {
        let mut follower = world.follower(transport, None).await;
        follower.until("snapshot").await;
        world.publish(&json!("ada"), "orders", "an order").await;
        follower.until("delta").await;
        let cursor = follower.cursor.clone();
        follower.conversation.client().send(&ClientFrame::Ack { cursor }).await.unwrap();
        // Answered after the acknowledgement was heard.
        let fence = Fetch { id: "fence".into(), inbox: InboxName::Me, query: PageQuery::default() };
        follower.conversation.ask(&ClientFrame::Fetch(fence), "fence").await.unwrap();
    };
    let recorded = async || {
        let lines = auditor.call("GET", "/v1/audit/events?type=ItemsDelivered", None).await.unwrap();
        String::from_utf8(lines.body.to_vec()).unwrap().lines().count() - 1
    };
    for transport in CARRIERS {
        acknowledges(transport).await;
    }
    assert_eq!(recorded().await, 0, "nobody wanted it");
    anna.ask("PATCH", "/v1/tenants/acme/settings", Some(&json!({"recordDelivered": true})), 200).await;
    acknowledges(Transport::WebTransport).await;
    // The session has ended with the follower, so it is recorded at once.
    let event = loop {
        let frame = json_of(&audit.must().await);
        let events = frame["events"].as_array().cloned().unwrap_or_default();
        if let Some(event) = events.into_iter().find(|event| event["type"] == "ItemsDelivered") {
            break event;
        }
    };
    assert_eq!(event["actor"], event["stream"]);
    assert!(event["facts"]["upTo"].is_string() && event["sealed"] == false, "{event}");
    // Within the minute nothing more is.
    acknowledges(Transport::Quic).await;
    world.withdraw("orders").await;
    assert_eq!(recorded().await, 1);
}
