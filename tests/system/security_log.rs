//! The security log of the real binary: every event is provoked, and every line is as `docs/security-events.md` says.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use system::caller::{Caller, connector, request};
use system::conversation::{CARRIERS, Conversation, carrier_name};
use system::document::{rows, table_after};
use system::server::{Launch, Server};
use system::sure;
use system::tokens::{Signer, claims};
use tidings_client::Transport;
use tidings_wire::{ClientFrame, CloseCode, Fetch, Hello, InboxName, PageQuery};

const DOCUMENT: &str = include_str!("../../docs/security-events.md");

/// What the notifications say, and nothing of which may be in the log.
const CONTENT: &str = "canary-of-the-security-log";

const NOTIFICATIONS: &str = "/v1/inbox/notifications";

/// A server with a second key, bound to a tenant of its own.
struct World {
    server: Server,
    signer: Signer,
    foreign_key: Signer,
    /// Every token that was shown, and the keys.
    secrets: Vec<String>,
}

impl World {
    async fn begin(folder: &Path, config: &str) -> Self {
        let data = folder.join("data");
        let secret = b"the secret of a key that speaks for the tenant other alone";
        let path = folder.join("other.key");
        std::fs::write(&path, secret).unwrap();
        let path = path.to_str().unwrap();
        let key = format!(
            "[[keys]]\nkid = \"other\"\nalgorithm = \"HS256\"\nsecret_file = \"{path}\"\ntenants = [\"other\"]"
        );
        let server = Launch::new(&data).with_config(&format!("{key}\n{config}\n")).start().await;
        let secrets = vec![std::fs::read_to_string(data.join("dev.key")).unwrap().trim().to_owned()];
        Self { server, signer: Signer::dev(&data), foreign_key: Signer::new("other", secret), secrets }
    }

    fn token(&mut self, subject: &str, role: &str) -> String {
        let token = self.signer.token("acme", subject, role);
        self.secrets.push(token.clone());
        token
    }

    fn caller(&mut self, subject: &str, role: &str) -> Caller {
        let token = self.token(subject, role);
        Caller::new(&self.server.addresses, &token)
    }

    /// The line of an event that `matches`, once it is written.
    async fn line(&self, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let is_it = |line: &str| security(line).is_some_and(|line| line["event"] == event && matches(&line));
        let line = self.server.log.find(&format!("line {event}"), 0, is_it).await;
        security(&line).unwrap()
    }
}

/// A line, if it is one of the security log.
fn security(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["target"] == "security").then_some(line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_is_written_as_documented_and_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "").await;
    for transport in CARRIERS {
        a_session_is_opened_authenticated_and_ended(&mut world, transport).await;
        tokens_and_rights_are_refused(&mut world, transport).await;
        what_is_foreign_is_told(&mut world, transport).await;
        a_limit_is_hit(&mut world, transport).await;
    }
    requests_are_refused(&mut world).await;
    a_session_is_revoked(&mut world).await;
    a_flood_is_counted(&mut world).await;

    world.server.terminate();
    let lines = world.server.log.all().await;
    let lines: Vec<Value> = lines.iter().filter_map(|line| security(line)).collect();
    let schema = Schema::read(DOCUMENT);
    let complaints: Vec<String> = lines.iter().filter_map(|line| schema.complaint(line)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let seen: BTreeSet<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(seen, schema.events.keys().map(String::as_str).collect(), "every event of the document was provoked");
    for line in &lines {
        nothing_secret_is_in(&line.to_string(), folder.path(), &world.secrets);
        assert!(line["address"].as_str().is_none_or(|address| address == "127.0.0.0/24"), "{line}");
    }
}

async fn a_session_is_opened_authenticated_and_ended(world: &mut World, transport: Transport) {
    let carrier = carrier_name(transport);
    let token = world.token("ada", "user");
    let opened = Conversation::open(&world.server.addresses, transport, &token, Some((InboxName::Me, None)));
    let mut session = sure("welcome", opened).await.unwrap();
    session.must().await;
    world.caller("billing", "service").publish(&json!("ada"), CONTENT).await;
    session.must().await;
    drop(session);
    let line = world.line("authenticated", |line| line["carrier"] == carrier).await;
    assert_eq!(
        (&line["tenant"], &line["subject"], &line["client"]),
        (&json!("acme"), &json!("ada"), &json!("testkit"))
    );
    let connection = line["connection"].clone();
    world.line("opened", |line| line["connection"] == connection).await;
    let line = world.line("ended", |line| line["connection"] == connection).await;
    assert_eq!((&line["tenant"], &line["subject"]), (&json!("acme"), &json!("ada")), "{line}");
    assert_ne!(line["end"], "closed_by_server", "{line}");
    // A hello with its token came in; a welcome, a snapshot and a delta went out.
    assert!(line["bytes_in"].as_u64() > Some(token.len() as u64), "{line}");
    assert!(line["bytes_out"].as_u64() > Some(CONTENT.len() as u64), "{line}");
}

async fn tokens_and_rights_are_refused(world: &mut World, transport: Transport) {
    let carrier = carrier_name(transport);
    let expired = world.signer.sign(&claims("acme", "ada", "user", -600));
    let code = ends_with(world, transport, &expired).await;
    assert_eq!(code, Some(CloseCode::TokenExpired.number()));
    let line = world.line("refused", |line| line["carrier"] == carrier && line["reason"] == "token_expired").await;
    assert_eq!((&line["code"], &line["answer"]), (&json!(4502), &json!("token_expired")));
    assert!(line["subject"].is_null(), "an expired token speaks for nobody: {line}");
    let connection = line["connection"].clone();
    let line = world.line("ended", |line| line["connection"] == connection).await;
    assert_eq!((&line["code"], &line["end"]), (&json!(4502), &json!("closed_by_server")), "{line}");
    // A person has no right to what the tenant's inbox is told.
    let token = world.token("ada", "user");
    let mut session =
        sure("welcome", Conversation::open(&world.server.addresses, transport, &token, None)).await.unwrap();
    let fetch = Fetch { id: "1".into(), inbox: InboxName::Audit, query: PageQuery::default() };
    sure("reply", session.ask(&ClientFrame::Fetch(fetch), "1")).await.unwrap();
    let line = world.line("refused", |line| line["carrier"] == carrier && line["reason"] == "forbidden").await;
    assert_eq!(line["subject"], "ada", "{line}");
}

/// Says hello with a token that is refused: the code that the connection ends with.
async fn ends_with(world: &mut World, transport: Transport, token: &str) -> Option<u16> {
    world.secrets.push(token.to_owned());
    let connecting = Conversation::connect(&world.server.addresses, transport);
    let mut refused = sure("connection", connecting).await.unwrap();
    let hello = Hello { token: token.to_owned(), ticket: None, client: None, subscribe: Vec::new() };
    // The server may have ended it before all is said.
    let _ = refused.client().send(&ClientFrame::Hello(hello)).await;
    refused.until_the_end().await.1
}

async fn what_is_foreign_is_told(world: &mut World, transport: Transport) {
    let carrier = carrier_name(transport);
    let foreign = world.foreign_key.token("acme", "eve", "user");
    assert_eq!(ends_with(world, transport, &foreign).await, Some(CloseCode::Forbidden.number()));
    world.line("cross_tenant", |line| line["carrier"] == carrier && line["what"] == "token").await;
    world.line("refused", |line| line["carrier"] == carrier && line["reason"] == "tenant_not_allowed").await;
    // What another tenant was given: a cursor and an id.
    let other = world.foreign_key.token("other", "olga", "user");
    let (_, beginning) = Conversation::follow(&world.server.addresses, transport, &other, InboxName::Me).await;
    let service = Caller::new(&world.server.addresses, &world.foreign_key.token("other", "billing", "service"));
    let id = service.publish(&json!("olga"), CONTENT).await;
    let token = world.token("ada", "user");
    world.secrets.extend([other, beginning.cursor.clone()]);
    let opened = Conversation::open(&world.server.addresses, transport, &token, None);
    let mut session = sure("welcome", opened).await.unwrap();
    let from = Some(beginning.cursor.clone());
    let asked = ClientFrame::Subscribe { id: "1".into(), inbox: InboxName::Me, from };
    sure("reply", session.ask(&asked, "1")).await.unwrap();
    let is_hers = |line: &Value| line["carrier"] == carrier && line["subject"] == "ada";
    world.line("cross_tenant", |line| is_hers(line) && line["what"] == "cursor").await;
    // The same where it is to begin a page, as is an id.
    let (paging, pages) =
        (world.token("ida", "user"), |line: &Value| line["carrier"] == carrier && line["subject"] == "ida");
    let opened = Conversation::open(&world.server.addresses, transport, &paging, None);
    let mut pager = sure("welcome", opened).await.unwrap();
    for (after, what) in [(beginning.cursor, "cursor"), (id.clone(), "notification")] {
        let query = PageQuery { after: Some(after), ..PageQuery::default() };
        let fetch = ClientFrame::Fetch(Fetch { id: "1".into(), inbox: InboxName::Me, query });
        sure("reply", pager.ask(&fetch, "1")).await.unwrap();
        world.line("cross_tenant", |line| pages(line) && line["what"] == what).await;
    }
    let mark = json!({"type": "command", "id": "2", "command": "mark_read", "notifications": [id]});
    session.client().send_text(mark.to_string()).await.unwrap();
    world.line("cross_tenant", |line| is_hers(line) && line["what"] == "notification").await;
    // A session goes on as who it began as.
    let refresh = ClientFrame::Refresh { id: "3".into(), token: world.token("bob", "user") };
    sure("reply", session.ask(&refresh, "3")).await.unwrap();
    world.line("cross_tenant", |line| is_hers(line) && line["what"] == "refresh").await;
}

async fn a_limit_is_hit(world: &mut World, transport: Transport) {
    let carrier = carrier_name(transport);
    let token = world.token("mallory", "user");
    let mut session =
        sure("welcome", Conversation::open(&world.server.addresses, transport, &token, None)).await.unwrap();
    for _ in 0..3 {
        // The third ends the session, perhaps while it is being sent.
        let _ = session.client().send_text("{\"type\":\"nothing\"}".into()).await;
    }
    assert_eq!(session.until_the_end().await.1, Some(CloseCode::ProtocolError.number()));
    let is_it = |line: &Value| line["carrier"] == carrier && line["limit"] == "protocol_errors_max";
    assert_eq!(world.line("limit_hit", is_it).await["subject"], "mallory");
}

async fn requests_are_refused(world: &mut World) {
    let url = format!("{}{NOTIFICATIONS}", world.server.addresses.http);
    let asked = |headers: Vec<(&'static str, String)>| {
        let url = url.clone();
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = request(&connector(), "GET", &url, &headers, Bytes::new()).await.unwrap();
            let id = answer.headers.iter().find(|(name, _)| name == "x-request-id").map(|(_, value)| value.clone());
            (answer.status, id.unwrap())
        }
    };
    let agent = ("user-agent", "tests ".repeat(100));
    let (status, id) = sure("answer", asked(vec![agent])).await;
    let line = world.line("refused", |line| line["request"] == *id).await;
    assert_eq!((status, &line["code"], &line["reason"]), (401, &json!(401), &json!("no_token")));
    assert_eq!(line["user_agent"].as_str().map(str::len), Some(256), "{line}");
    let (status, _) = sure("answer", asked(vec![("origin", "https://evil.example".to_owned())])).await;
    let line = world.line("refused", |line| line["reason"] == "origin").await;
    assert_eq!((status, &line["origin"]), (403, &json!("https://evil.example")));
    let ada = world.caller("ada", "user");
    // No right, not well formed, and an id that acme was never given.
    ada.ask("POST", "/v1/notifications", Some(&json!({"to": "bob", "body": CONTENT})), 403).await;
    let line = world.line("refused", |line| line["carrier"] == "http" && line["reason"] == "forbidden").await;
    assert_eq!((&line["tenant"], &line["subject"]), (&json!("acme"), &json!("ada")));
    ada.ask("GET", &format!("{NOTIFICATIONS}?limit=many"), None, 400).await;
    world.line("refused", |line| line["carrier"] == "http" && line["reason"] == "invalid").await;
    ada.ask("PATCH", &format!("{NOTIFICATIONS}/{}/read", "v".repeat(26)), None, 404).await;
    world.line("cross_tenant", |line| line["carrier"] == "http" && line["what"] == "notification").await;
    let ida = world.caller("ida", "user");
    for (after, status, what) in [("v".repeat(60), 400, "cursor"), ("v".repeat(26), 404, "notification")] {
        ida.ask("GET", &format!("{NOTIFICATIONS}?after={after}"), None, status).await;
        let is_it = |line: &Value| line["carrier"] == "http" && line["subject"] == "ida" && line["what"] == what;
        world.line("cross_tenant", is_it).await;
    }
}

async fn a_session_is_revoked(world: &mut World) {
    let token = world.token("doomed", "user");
    let following = Conversation::follow(&world.server.addresses, Transport::WebSocket, &token, InboxName::Me);
    let (mut session, _) = following.await;
    let officer = world.caller("olga", "privacy_officer");
    officer.ask("POST", "/v1/privacy/erasures", Some(&json!({"subscriberId": "doomed"})), 201).await;
    assert_eq!(session.until_the_end().await.1, Some(CloseCode::TokenRevoked.number()));
    let line = world.line("revoked", |line| line["subject"] == "doomed").await;
    assert_eq!(line["by"], "erasure");
}

/// More refusals of one kind than have lines of their own: all are counted, few are written.
async fn a_flood_is_counted(world: &mut World) {
    const REQUESTS: u64 = 200;

    let name = "tidings_refusals_total{carrier=\"http\",code=\"unauthenticated\"}";
    let is_it = |line: &Value| line["carrier"] == "http" && line["reason"] == "token_malformed";
    let before = world.server.metric(name).await;
    let caller = Caller::new(&world.server.addresses, "no token");
    for _ in 0..REQUESTS {
        caller.ask("GET", NOTIFICATIONS, None, 401).await;
    }
    assert_eq!(world.server.metric(name).await - before, REQUESTS as f64);
    // Nothing more of the kind comes, so a line of its own tells the rest.
    world.line("left_out", |line| is_it(line) && line["of"] == "refused").await;
    let lines: Vec<Value> = world.server.log.since(0).iter().filter_map(|line| security(line)).filter(is_it).collect();
    let written = lines.iter().filter(|line| line["event"] == "refused").count() as u64;
    let left_out: u64 = lines.iter().filter_map(|line| line["left_out"].as_u64()).sum();
    assert_eq!(written + left_out, REQUESTS, "{written} lines, {left_out} left out");
    assert!(written < REQUESTS / 2, "{written} lines were written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn addresses_are_written_as_configured_and_no_level_silences_the_log() {
    for (setting, address) in [("full", json!("127.0.0.1")), ("none", Value::Null)] {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("[security_log]\naddresses = \"{setting}\"");
        let world = World::begin(folder.path(), &config).await;
        let caller = Caller::new(&world.server.addresses, "no token");
        caller.ask("GET", NOTIFICATIONS, None, 401).await;
        assert_eq!(world.line("refused", |_| true).await["address"], address, "{setting}");
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).with_log("error").start().await;
    Caller::new(&server.addresses, "no token").ask("GET", NOTIFICATIONS, None, 401).await;
    server.log.find("line refused", 0, |line| security(line).is_some_and(|line| line["event"] == "refused")).await;
    assert!(server.log.since(0).iter().all(|line| security(line).is_some()), "nothing else is written at this level");
}

/// The document's tables.
struct Schema {
    /// Type of each field.
    fields: BTreeMap<String, String>,
    /// Level of each event, and the fields that it always and may have.
    events: BTreeMap<String, (String, BTreeSet<String>, BTreeSet<String>)>,
}

/// Names in a cell.
fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split(", ").filter(|name| !name.is_empty()).map(|name| name.trim_matches('`').to_owned())
}

impl Schema {
    fn read(document: &str) -> Self {
        let fields = rows(table_after(document, "## Fields"));
        let fields = fields.into_iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone())).collect();
        let events = rows(table_after(document, "## Events")).into_iter().map(|row| {
            let always = names(&row[2]).chain(["timestamp", "level", "target", "event"].map(str::to_owned)).collect();
            let level = row[1].trim_matches('`').to_owned();
            (row[0].trim_matches('`').to_owned(), (level, always, names(&row[3]).collect()))
        });
        Self { fields, events: events.collect() }
    }

    /// What is wrong with a line, if anything is.
    fn complaint(&self, line: &Value) -> Option<String> {
        let event = line["event"].as_str().unwrap_or_default();
        let Some((level, always, known)) = self.events.get(event) else {
            return Some(format!("no such event: {line}"));
        };
        if line["level"] != **level {
            return Some(format!("{event} has level {level}: {line}"));
        }
        if let Some(missing) = always.iter().find(|field| line[field.as_str()].is_null()) {
            return Some(format!("{event} always has {missing}: {line}"));
        }
        line.as_object()?.iter().find_map(|(field, value)| match self.fields.get(field).map(String::as_str) {
            _ if !always.contains(field) && !known.contains(field) => Some(format!("{event} has no {field}: {line}")),
            Some("string") if value.is_string() => None,
            Some("number") if value.is_number() => None,
            wanted => Some(format!("{field} is not of type {wanted:?}: {line}")),
        })
    }
}

/// No token, key, content or path of this machine.
fn nothing_secret_is_in(line: &str, folder: &Path, secrets: &[String]) {
    for secret in secrets.iter().map(String::as_str).chain([CONTENT, "eyJ", folder.to_str().unwrap(), ".key", "src/"]) {
        assert!(!line.contains(secret), "{secret} stands in {line}");
    }
}

#[test]
fn a_line_that_is_not_as_documented_is_found() {
    let schema = Schema::read(DOCUMENT);
    let line = json!({"timestamp": "t", "level": "INFO", "target": "security", "event": "opened", "connection": 1, "carrier": "quic"});
    assert_eq!(schema.complaint(&line), None);
    let with = |field: &str, value: Value| {
        let mut changed = line.clone();
        changed[field] = value;
        schema.complaint(&changed)
    };
    for (field, value) in [
        ("event", json!("entered")),
        ("level", json!("WARN")),
        ("connection", Value::Null),
        ("connection", json!("1")),
        ("token", json!("eyJ")),
        ("reason", json!("x")),
    ] {
        assert!(with(field, value.clone()).is_some(), "{field} = {value} was taken");
    }
}
