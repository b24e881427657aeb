//! What is revoked lets nobody in: open sessions end with 4503, and the same token or key is refused on every carrier and
//! over HTTP from the answer on, also after a restart.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use system::binary::{run, run_beside};
use system::caller::{Caller, connector, request, text};
use system::conversation::{CARRIERS, Conversation, carrier_name};
use system::event_stream::EventStream;
use system::server::{Launch, Server};
use system::sure;
use system::tokens::{Signer, claims};
use tidings_client::Transport;
use tidings_wire::{ClientFrame, Hello, InboxName, ServerFrame};

/// Rates that a test does not exceed.
const UNLIMITED: &str = "
    [limits]
    commands_per_second = 1000000
    commands_burst = 1000000
    tenant_publishes_per_second = 1000000
    tenant_recipients_per_second = 1000000
    queries_per_second = 1000000
    queries_burst = 1000000
";

struct World {
    data: PathBuf,
    launch: Launch,
    server: Server,
    signer: Signer,
}

impl World {
    async fn begin(folder: &Path) -> Self {
        let data = folder.join("data");
        let launch = Launch::new(&data).with_config(UNLIMITED);
        let server = launch.start().await;
        let signer = Signer::dev(&data);
        Self { data, launch, server, signer }
    }

    async fn restart(self) -> Self {
        let Self { data, launch, server, signer } = self;
        assert_eq!(server.stop().await, Some(0));
        let server = launch.start().await;
        Self { data, launch, server, signer }
    }

    fn caller(&self, token: &str) -> Caller {
        Caller::new(&self.server.addresses, token)
    }

    fn admin(&self) -> Caller {
        self.caller(&self.signer.token("acme", "anna", "tenant_admin"))
    }

    /// A token with this id, issued so many seconds before now; without `iat` where that is not told.
    fn token(&self, subject: &str, jti: &str, age: Option<i64>) -> String {
        let mut said = claims("acme", subject, "user", 3_600);
        said["jti"] = json!(jti);
        match age {
            Some(age) => said["iat"] = json!(said["iat"].as_i64().unwrap() - age),
            None => {
                said.as_object_mut().unwrap().remove("iat");
            }
        }
        self.signer.sign(&said)
    }

    /// One open session a carrier.
    async fn sessions(&self, token: &str) -> Vec<Conversation> {
        let mut open = Vec::new();
        for transport in CARRIERS {
            open.push(Conversation::follow(&self.server.addresses, transport, token, InboxName::Me).await.0);
        }
        open
    }

    /// The code that a hello with this token is answered by.
    async fn hello(&self, transport: Transport, token: &str) -> Option<u16> {
        let mut opened = sure("connection", Conversation::connect(&self.server.addresses, transport)).await.unwrap();
        let hello = Hello { token: token.to_owned(), ticket: None, client: None, subscribe: Vec::new() };
        opened.client().send(&ClientFrame::Hello(hello)).await.unwrap();
        match opened.must().await {
            ServerFrame::Welcome { .. } => None,
            ServerFrame::Close { code, .. } => Some(code),
            other => panic!("hello was answered by {other:?}"),
        }
    }

    async fn is_refused(&self, token: &str, code: u16) {
        for transport in CARRIERS {
            assert_eq!(self.hello(transport, token).await, Some(code), "{transport:?}");
        }
        let paths = ["/v1/inbox/notifications", "/v1/connect/events", "/v1/sessions"];
        for path in paths {
            assert_eq!(self.caller(token).call("GET", path, None).await.unwrap().status, 401, "{path}");
        }
        self.caller(token).ask("POST", "/v1/connect/ticket", None, 401).await;
    }

    async fn is_let_in(&self, token: &str) {
        for transport in CARRIERS {
            assert_eq!(self.hello(transport, token).await, None, "{transport:?}");
        }
        self.caller(token).count("me").await;
    }
}

async fn all_end(open: &mut [Conversation]) {
    for conversation in open {
        assert_eq!(conversation.until_the_end().await.1, Some(4503));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_by_jti_user_or_time_ends_sessions_on_every_carrier_and_holds_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let admin = world.admin();
    // By jti: that token alone.
    let (gone, stays) = (world.token("ada", "t-1", Some(60)), world.token("ada", "t-2", Some(60)));
    let (mut open, mut others) = (world.sessions(&gone).await, world.sessions(&stays).await);
    let mut stream = EventStream::with_token(&world.server.addresses, "", &gone).await.unwrap();
    let ticket = text(&world.caller(&gone).ask("POST", "/v1/connect/ticket", None, 201).await["data"]["ticket"]);
    admin.ask("POST", "/v1/revocations", Some(&json!({"jti": "t-1"})), 201).await;
    world.is_refused(&gone, 4503).await;
    all_end(&mut open).await;
    let mut last = stream.must().await;
    while last.event != "close" {
        last = stream.must().await;
    }
    assert_eq!(last.data["code"], 4503);
    let url = format!("{}/v1/connect/events?ticket={ticket}", world.server.addresses.http);
    let answer = request(&connector(), "GET", &url, &[], bytes::Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 401, "a ticket stands for its token");
    for conversation in &mut others {
        let ping = ClientFrame::Unsubscribe { id: "1".into(), inbox: InboxName::Me };
        assert!(matches!(conversation.ask(&ping, "1").await.unwrap(), ServerFrame::Reply { ok: true, .. }));
    }
    // By user: what was issued before, and what does not say when.
    let undated = world.token("ada", "t-3", None);
    others.extend(world.sessions(&undated).await);
    let bob = world.token("bob", "t-4", Some(60));
    admin.ask("POST", "/v1/revocations", Some(&json!({"subscriberId": "ada"})), 201).await;
    for token in [&stays, &undated] {
        world.is_refused(token, 4503).await;
    }
    all_end(&mut others).await;
    let fresh = world.token("ada", "t-5", Some(-1));
    world.is_let_in(&fresh).await;
    // By time, everybody.
    let mut bobs = world.sessions(&bob).await;
    let now = tidings_engine::ids::Time(system::stopwatch::Micros::now().seconds() * 1_000);
    let before = |seconds: i64| json!({"all": true, "issuedBefore": now.plus(seconds * 1_000).rfc3339()});
    admin.ask("POST", "/v1/revocations", Some(&before(-120)), 201).await;
    world.is_let_in(&bob).await;
    admin.ask("POST", "/v1/revocations", Some(&before(-30)), 201).await;
    all_end(&mut bobs).await;
    world.is_refused(&bob, 4503).await;
    world.is_let_in(&fresh).await;
    let listed = admin.ask("GET", "/v1/revocations", None, 200).await;
    let kinds: Vec<_> = listed["data"].as_array().unwrap().iter().map(|one| text(&one["kind"])).collect();
    assert_eq!(kinds, ["tenant", "subject", "token"]);
    // The state of the log brings it back: from its snapshot and from the log itself.
    let world = world.restart().await;
    for token in [&gone, &stays, &undated, &bob] {
        world.is_refused(token, 4503).await;
    }
    world.is_let_in(&fresh).await;
    assert_eq!(world.server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_signs_themselves_out_everywhere_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let (ada, bob) = (world.token("ada", "a", Some(9)), world.token("bob", "b", Some(9)));
    let mut open = world.sessions(&ada).await;
    let own = world.caller(&ada);
    for body in [
        json!({"subscriberId": "bob"}),
        json!({"jti": "b"}),
        json!({"all": true}),
        json!({"subscriberId": "ada", "tenant": "globex"}),
    ] {
        own.ask("POST", "/v1/revocations", Some(&body), 403).await;
    }
    let officer = world.caller(&world.signer.token("acme", "olga", "privacy_officer"));
    officer.ask("POST", "/v1/revocations", Some(&json!({"subscriberId": "ada"})), 403).await;
    for body in
        [json!({}), json!({"jti": "a", "all": true}), json!({"all": false}), json!({"jit": "a"}), json!({"jti": 1})]
    {
        world.admin().ask("POST", "/v1/revocations", Some(&body), 400).await;
    }
    own.ask("POST", "/v1/revocations", Some(&json!({"subscriberId": "ada"})), 201).await;
    all_end(&mut open).await;
    world.is_refused(&ada, 4503).await;
    world.is_let_in(&bob).await;
    // The very token that is shown, and a session of it.
    world.caller(&bob).ask("POST", "/v1/revocations", Some(&json!({"jti": "b"})), 201).await;
    world.is_refused(&bob, 4503).await;
    assert_eq!(world.server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_lets_a_service_in_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let admin = world.admin();
    let made = admin.ask("POST", "/v1/keys", Some(&json!({"name": "Billing of München"})), 201).await["data"].take();
    let (id, secret) = (text(&made["id"]), text(&made["secret"]));
    assert!(secret.starts_with("sk_") && secret.len() == 46, "{secret}");
    let key = world.caller(&secret);
    key.publish(&json!("ada"), "by key").await;
    key.ask("GET", "/v1/inbox/notifications", None, 403).await;
    let headers = [("authorization", format!("ApiKey {secret}")), ("content-type", "application/json".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let url = format!("{}/v1/notifications", world.server.addresses.http);
    let body = json!({"to": "ada", "body": "by the other scheme"}).to_string();
    let answer = request(&connector(), "POST", &url, &headers, body.into()).await.unwrap();
    assert_eq!(answer.status, 201);
    let listed = admin.ask("GET", "/v1/keys", None, 200).await["data"].take();
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&json!(id), &json!("Billing of München")));
    assert_eq!(listed[0].get("secret"), None, "told once");
    for body in
        [json!({"roles": ["privacy_officer"]}), json!({"roles": ["super_admin"]}), json!({"roles": ["auditor"]})]
    {
        admin.ask("POST", "/v1/keys", Some(&body), 403).await;
    }
    key.ask("POST", "/v1/keys", Some(&json!({})), 403).await;
    let mut open = Vec::new();
    for transport in CARRIERS {
        open.push(
            sure("welcome", Conversation::open(&world.server.addresses, transport, &secret, None)).await.unwrap(),
        );
    }
    let path = format!("/v1/keys/{id}");
    world.caller(&world.signer.token("globex", "gina", "tenant_admin")).ask("DELETE", &path, None, 404).await;
    // Tokens of the tenant are revoked: a key is none.
    admin.ask("POST", "/v1/revocations", Some(&json!({"subscriberId": "ada"})), 201).await;
    let world = world.restart().await;
    all_fail(&mut open).await;
    let key = world.caller(&secret);
    key.publish(&json!("ada"), "after a restart").await;
    let mut open = Vec::new();
    for transport in CARRIERS {
        open.push(
            sure("welcome", Conversation::open(&world.server.addresses, transport, &secret, None)).await.unwrap(),
        );
    }
    world.admin().ask("DELETE", &path, None, 204).await;
    all_end(&mut open).await;
    world.is_refused(&secret, 4501).await;
    world.admin().ask("DELETE", &path, None, 404).await;
    assert_eq!(world.server.stop().await, Some(0));
    let whole = std::fs::read_dir(folder.path().join("data/log")).unwrap();
    for file in whole.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!bytes.contains(&secret) && !bytes.contains("München"), "{}", file.display());
    }
}

/// The server went away.
async fn all_fail(open: &mut [Conversation]) {
    for conversation in open {
        conversation.until_the_end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_by_their_owner_and_by_administrators() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let (ada, bob) = (world.token("ada", "a", Some(9)), world.token("bob", "b", Some(9)));
    let (mut open, mut bobs) = (world.sessions(&ada).await, world.sessions(&bob).await);
    let own = world.caller(&ada);
    let sessions = own.ask("GET", "/v1/sessions", None, 200).await["data"].take();
    let carriers: Vec<_> = sessions.as_array().unwrap().iter().map(|one| text(&one["carrier"])).collect();
    assert_eq!(carriers, CARRIERS.map(carrier_name));
    assert_eq!(sessions[0]["client"], "testkit");
    assert_eq!(sessions[0]["address"], "127.0.0.0/24");
    let (first, second) = (text(&sessions[0]["id"]), text(&sessions[1]["id"]));
    let marked = own.ask("GET", &format!("/v1/sessions?current={second}"), None, 200).await["data"].take();
    assert_eq!([&marked[0]["current"], &marked[1]["current"]], [&json!(false), &json!(true)]);
    own.ask("GET", "/v1/sessions?subscriberId=bob", None, 403).await;
    let of_bob = world.admin().ask("GET", "/v1/sessions?subscriberId=bob", None, 200).await["data"].take();
    assert_eq!(of_bob.as_array().unwrap().len(), CARRIERS.len());
    // Somebody else's, another tenant's, and one that never was.
    let stranger = world.caller(&world.signer.token("globex", "gina", "tenant_admin"));
    for (caller, id) in [(&own, text(&of_bob[0]["id"])), (&stranger, first.clone()), (&own, "0".repeat(26))] {
        caller.ask("DELETE", &format!("/v1/sessions/{id}"), None, 404).await;
    }
    // All but the one that goes on.
    let ended = own.ask("DELETE", &format!("/v1/sessions?except={second}"), None, 200).await;
    assert_eq!(ended["data"]["ended"], CARRIERS.len() - 1);
    let mut goes_on = open.remove(1);
    all_end(&mut open).await;
    let line = world.server.log.find("line of the end", 0, |line| line.contains("\"by\":\"owner\"")).await;
    assert!(line.contains("\"event\":\"revoked\"") && line.contains("\"subject\":\"ada\""), "{line}");
    own.ask("DELETE", &format!("/v1/sessions/{second}"), None, 204).await;
    assert_eq!(goes_on.until_the_end().await.1, Some(4503));
    world.admin().ask("DELETE", &format!("/v1/sessions/{}", text(&of_bob[1]["id"])), None, 204).await;
    assert_eq!(bobs[1].until_the_end().await.1, Some(4503));
    // The token was not revoked.
    world.is_let_in(&ada).await;
    assert_eq!(world.server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_revokes_and_makes_keys_with_and_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path()).await;
    let data = world.data.display().to_string();
    let token = world.signer.token("acme", "anna", "tenant_admin");
    let url = world.server.addresses.http.clone();
    let remote = |arguments: &[&str]| {
        let rest = ["--server", &url, "--token", &token];
        run_beside(arguments.iter().chain(&rest).map(|part| (*part).to_owned()).collect())
    };
    let gone = world.token("ada", "t-1", Some(9));
    let secret = remote(&["key", "create", "--name", "Billing"]).await.done().trim().to_owned();
    world.caller(&secret).publish(&json!("ada"), "by key").await;
    let listed: Value = serde_json::from_str(&remote(&["key", "list"]).await.done()).unwrap();
    assert_eq!(listed["name"], "Billing");
    remote(&["revoke", "--jti", "t-1"]).await.done();
    world.is_refused(&gone, 4503).await;
    remote(&["key", "revoke", &text(&listed["id"])]).await.done();
    world.is_refused(&secret, 4501).await;
    let World { launch, server, signer, .. } = world;
    assert_eq!(server.stop().await, Some(0));
    let local = |arguments: &[&str]| {
        let rest = ["--tenant", "acme", "--data", &data];
        run(&arguments.iter().chain(&rest).copied().collect::<Vec<_>>())
    };
    let secret = local(&["key", "create", "--role", "tenant_admin"]).done().trim().to_owned();
    local(&["revoke", "--user", "bob"]).done();
    let told = local(&["key", "list"]).done();
    let server = launch.start().await;
    let world = World { data: PathBuf::from(&data), launch, server, signer };
    world.is_refused(&world.token("bob", "t-2", Some(9)), 4503).await;
    let keys = world.caller(&secret).ask("GET", "/v1/keys", None, 200).await["data"].take();
    assert_eq!(keys[0], serde_json::from_str::<Value>(&told).unwrap());
    let World { server, .. } = world;
    assert_eq!(server.stop().await, Some(0));
    local(&["key", "revoke", &text(&keys[0]["id"])]).done();
    assert_eq!(local(&["key", "revoke", &text(&keys[0]["id"])]).code, Some(1));
    assert_eq!(local(&["key", "list"]).done(), "");
}
