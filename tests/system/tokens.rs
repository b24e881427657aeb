//! Tokens shown to a running server: one table with the same verdict on every carrier, keys that an issuer publishes,
//! new tokens for open sessions, and a configuration that is read again.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use bytes::Bytes;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use system::caller::{Caller, connector, request};
use system::conversation::{CARRIERS, Conversation, json_of};
use system::server::{Addresses, Launch, Server};
use system::stopwatch::Micros;
use system::sure;
use system::tokens::{Signer, claims};
use testkit::tokens::{Case, Kid, Signers, Verdict, cases};
use tidings_client::Transport;
use tidings_wire::{ClientFrame, Fetch, Hello, InboxName, PageQuery, ServerFrame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Where a token can be shown. A carrier more is a row here and an arm in [`shown`].
#[derive(Clone, Copy, Debug)]
enum Column {
    Http,
    Events,
    Session(Transport),
}

/// What was seen of a token: who it stands for, or the number that it was refused with.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// Welcomed, as `[tenant, subject, roles]`.
    Welcomed(Value),
    /// Answered.
    Status(u16),
    /// Closed.
    Code(Option<u16>),
}

fn expected(column: Column, verdict: &Verdict) -> Seen {
    match (column, verdict) {
        (Column::Http, Verdict::Granted { .. }) => Seen::Status(200),
        (_, Verdict::Granted { tenant, subject, roles }) => Seen::Welcomed(json!([tenant, subject, roles])),
        (Column::Http | Column::Events, Verdict::Refused(_, refusal)) => Seen::Status(refusal.status()),
        (Column::Session(_), Verdict::Refused(_, refusal)) => Seen::Code(Some(refusal.close_code())),
    }
}

async fn shown(column: Column, addresses: &Addresses, token: &str) -> Seen {
    match column {
        Column::Http => {
            let caller = Caller::new(addresses, token);
            Seen::Status(caller.call("GET", "/v1/inbox/notifications", None).await.unwrap().status)
        }
        Column::Events => events(addresses, token).await,
        Column::Session(transport) => {
            let mut session = Conversation::connect(addresses, transport).await.unwrap();
            session.client().send(&hello(token)).await.unwrap();
            match session.next().await {
                Ok(ServerFrame::Welcome { tenant, subject, roles, .. }) => {
                    Seen::Welcomed(json!([tenant, subject, roles]))
                }
                Ok(ServerFrame::Close { code, .. }) => Seen::Code(Some(code)),
                other => panic!("hello was answered by {other:?}"),
            }
        }
    }
}

fn hello(token: &str) -> ClientFrame {
    ClientFrame::Hello(Hello { token: token.to_owned(), ticket: None, client: None, subscribe: Vec::new() })
}

/// The first event of the stream, or the status that it was refused with.
async fn events(addresses: &Addresses, token: &str) -> Seen {
    let url = format!("{}/v1/connect/events", addresses.http);
    let authorization = format!("Bearer {token}");
    let (told, mut welcomed) = tokio::sync::mpsc::unbounded_channel();
    let mut text = String::new();
    let mut each = move |part: Bytes| {
        text.push_str(&String::from_utf8_lossy(&part));
        let data = text.lines().find_map(|line| line.strip_prefix("data:"));
        if let Some(Ok(frame)) = data.map(serde_json::from_str::<Value>) {
            let _ = told.send(frame);
        }
    };
    let connector = connector();
    let headers = [("authorization", authorization.as_str())];
    let answer = Box::pin(connector.download("GET", &url, &headers, Bytes::new(), &mut each));
    tokio::select! {
        Some(frame) = welcomed.recv() => {
            assert_eq!(frame["type"], "welcome");
            Seen::Welcomed(json!([frame["tenant"], frame["subject"], frame["roles"]]))
        }
        answer = answer => Seen::Status(answer.unwrap().status),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_table_of_tokens_gives_the_same_verdict_on_every_carrier() {
    let folder = tempfile::tempdir().unwrap();
    let signers = Signers::new();
    let server = Launch::new(&folder.path().join("data")).with_config(&signers.configure(folder.path())).start().await;
    let cases = cases(&signers, Micros::now().seconds());
    let columns = CARRIERS.into_iter().map(Column::Session).chain([Column::Http, Column::Events]);
    let mut wrong = Vec::new();
    for column in columns {
        for Case { name, token, verdict } in &cases {
            let seen = sure(name, shown(column, &server.addresses, token)).await;
            if seen != expected(column, verdict) {
                wrong.push(format!("{name} over {column:?}: {seen:?} instead of {verdict:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An issuer that publishes a set of keys, and counts how often it was asked.
struct Publisher {
    url: String,
    asked: Arc<AtomicUsize>,
    /// The body of its answer; `None`: it answers 500.
    published: Arc<Mutex<Option<String>>>,
}

impl Publisher {
    async fn start(published: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (asked, published) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Some(published.to_string()))));
        let (count, answer) = (Arc::clone(&asked), Arc::clone(&published));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4_096]).await;
                count.fetch_add(1, Ordering::SeqCst);
                let body = answer.lock().unwrap().clone();
                let status = if body.is_some() { "200 OK" } else { "500 Internal Server Error" };
                let body = body.unwrap_or_default();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { url, asked, published }
    }

    fn publish(&self, set: Option<&Value>) {
        *self.published.lock().unwrap() = set.map(ToString::to_string);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn issuer(&self, name: &str, times: &str) -> String {
        let url = &self.url;
        format!(
            "[[issuers]]\niss = \"{name}\"\nalgorithms = [\"ES256\", \"RS256\"]\ntenants = [\"acme\"]\njwks_url = \"{url}\"\n{times}\n"
        )
    }
}

/// A token of an issuer for ada.
fn issued(signers: &Signers, kid: Kid, issuer: &str) -> String {
    let (name, alg) = Signers::header(kid);
    let mut claims = claims("acme", "ada", "user", 3_600);
    claims["iss"] = json!(issuer);
    signers.sign(kid, &json!({"alg": alg, "kid": name}).to_string(), &claims.to_string())
}

/// The set without one of its keys.
fn without(mut set: Value, kid: &str) -> Value {
    set["keys"].as_array_mut().unwrap().retain(|key| key["kid"] != kid);
    set
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_key_of_an_issuer_is_loaded_for_the_token_that_names_it_and_old_sets_end() {
    let folder = tempfile::tempdir().unwrap();
    let signers = Signers::new();
    let rotating = Publisher::start(&without(signers.jwks(), "2")).await;
    let failing = Publisher::start(&signers.jwks()).await;
    let config = rotating.issuer("idp", "") + &failing.issuer("brief", "refresh = \"1s\"\nkeep = \"1s\"");
    let server = Launch::new(&folder.path().join("data")).with_config(&config).start().await;
    let addresses = &server.addresses;
    let status = async |token: &str| shown(Column::Http, addresses, token).await;
    let (old, new) = (issued(&signers, Kid::IdpEc, "idp"), issued(&signers, Kid::IdpRsa, "idp"));
    assert_eq!(sure("old key", status(&old)).await, Seen::Status(200));
    assert_eq!(rotating.asked(), 1);
    // The issuer has a new key. The first token that names it has the set loaded; the session is welcomed all the same.
    rotating.publish(Some(&signers.jwks()));
    let welcomed = Seen::Welcomed(json!(["acme", "ada", ["user"]]));
    assert_eq!(sure("new key", shown(Column::Session(Transport::WebSocket), addresses, &new)).await, welcomed);
    assert_eq!((status(&new).await, rotating.asked()), (Seen::Status(200), 2));
    // Names that nobody publishes cause no more loads.
    let header = json!({"alg": "ES256", "kid": "invented"}).to_string();
    let mut said = claims("acme", "ada", "user", 3_600);
    said["iss"] = json!("idp");
    let invented = signers.sign(Kid::IdpEc, &header, &said.to_string());
    for _ in 0..5 {
        assert_eq!(sure("invented key", status(&invented)).await, Seen::Status(401));
    }
    assert_eq!(rotating.asked(), 2);
    // The other issuer fails: its keys are used for as long as they may be, and refused then.
    let brief = issued(&signers, Kid::IdpEc, "brief");
    let from = server.log.count();
    failing.publish(None);
    server.log.find("failed load", from, |line| line.contains("cannot be loaded")).await;
    let refused = async { while status(&brief).await != Seen::Status(503) {} };
    sure("refusal of keys that are too old", refused).await;
    assert_eq!(shown(Column::Session(Transport::WebSocket), addresses, &brief).await, Seen::Code(Some(4002)));
    assert_eq!(status(&old).await, Seen::Status(200), "the other issuer's keys are as they were");
    failing.publish(Some(&signers.jwks()));
    sure("keys again", async { while status(&brief).await != Seen::Status(200) {} }).await;
}

async fn refreshed(session: &mut Conversation, token: String) -> Value {
    let frame = ClientFrame::Refresh { id: "r".to_owned(), token };
    json_of(&sure("reply", session.ask(&frame, "r")).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refreshed_session_may_what_its_new_token_permits_and_lives_no_longer_than_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Launch::new(&data).start().await;
    let signer = Signer::dev(&data);
    for transport in CARRIERS {
        let token = |subject: &str, role: &str, life: i64| signer.sign(&claims("acme", subject, role, life));
        let (mut session, _) =
            Conversation::follow(&server.addresses, transport, &token("ada", "user", 600), InboxName::Me).await;
        let fetch = Fetch { id: "f".to_owned(), inbox: InboxName::Tenant, query: PageQuery::default() };
        let fetch = ClientFrame::Fetch(fetch);
        let fetched = json_of(&sure("page", session.ask(&fetch, "f")).await.unwrap());
        assert_eq!(fetched["error"]["code"], "forbidden", "{transport:?}");
        for (token, code) in [
            (token("bob", "user", 900), "forbidden"),
            (token("ada", "user", -60), "unauthenticated"),
            (token("ada", "user", 300), "invalid"),
        ] {
            assert_eq!(refreshed(&mut session, token).await["error"]["code"], code, "{transport:?}");
        }
        let reply = refreshed(&mut session, token("ada", "tenant_admin", 1_200)).await;
        assert!(reply["result"]["expires"].is_string(), "{transport:?}: {reply}");
        let fetched = json_of(&sure("page", session.ask(&fetch, "f")).await.unwrap());
        assert_eq!(fetched["ok"], true, "{transport:?}: {fetched}");
        let follow = ClientFrame::Subscribe { id: "s".to_owned(), inbox: InboxName::Tenant, from: None };
        assert_eq!(json_of(&sure("reply", session.ask(&follow, "s")).await.unwrap())["ok"], true);
        // A token that permits less ends what it does not permit, with a word.
        assert_eq!(refreshed(&mut session, token("ada", "user", 1_800)).await["ok"], true);
        let ended = async {
            loop {
                if let ServerFrame::Error { message, .. } = session.must().await {
                    return message;
                }
            }
        };
        assert_eq!(sure("word", ended).await, "the new token does not permit to follow tenant", "{transport:?}");
    }
}

/// Has the server read its configuration again; the line that says what came of it.
async fn reloaded(server: &Server, data: &Path, config: &str) -> Value {
    std::fs::write(data.with_extension("toml"), config).unwrap();
    let from = server.log.count();
    server.hang_up();
    let is_outcome = |line: &str| line.contains("configuration reloaded") || line.contains("reload refused");
    serde_json::from_str(&server.log.find("outcome of a reload", from, is_outcome).await).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_good_reload_takes_effect_and_a_bad_one_changes_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let secret = b"a secret that the configuration names only later";
    let path = folder.path().join("later.key");
    std::fs::write(&path, secret).unwrap();
    let later = format!(
        "[[keys]]\nkid = \"later\"\nalgorithm = \"HS256\"\nsecret_file = \"{}\"\ntenants = [\"acme\"]\n",
        path.display()
    );
    let server = Launch::new(&data).with_config("[limits]\nsubscriptions_max = 8\n").start().await;
    let token = Signer::new("later", secret).token("acme", "ada", "user");
    let addresses = &server.addresses;
    let status = async |token: &str| shown(Column::Http, addresses, token).await;
    let preflight = async |origin: &str| {
        let url = format!("{}/v1/inbox/notifications", addresses.http);
        let authorization = format!("Bearer {token}");
        let headers = [("origin", origin), ("authorization", authorization.as_str())];
        request(&connector(), "GET", &url, &headers, Bytes::new()).await.unwrap().status
    };
    assert_eq!(status(&token).await, Seen::Status(401));
    let good = format!("{later}[limits]\nsubscriptions_max = 4\n[origins]\nallow = [\"https://app.example\"]\n");
    let outcome = reloaded(&server, &data, &good).await;
    assert_eq!((&outcome["level"], &outcome["changes"]), (&json!("INFO"), &json!(3)), "{outcome}");
    let changed = server.log.since(0).join("\n");
    assert!(changed.contains(r#""key":"limits.subscriptions_max","before":"8","now":"4""#), "{changed}");
    assert!(!changed.contains("a secret that"), "secrets are not logged");
    assert_eq!((status(&token).await, preflight("https://app.example").await), (Seen::Status(200), 200));
    let mut session = Conversation::connect(addresses, Transport::WebSocket).await.unwrap();
    session.client().send(&hello(&token)).await.unwrap();
    assert_eq!(json_of(&session.must().await)["limits"]["subscriptionsMax"], 4);
    let missing = format!(
        "{good}[[keys]]\nkid = \"x\"\nalgorithm = \"EdDSA\"\npublic_key_file = \"/nowhere\"\ntenants = [\"a\"]\n"
    );
    for (bad, why) in [
        ("colour = 1\n".to_owned(), "colour"),
        ("[limits\n".to_owned(), "configuration"),
        (missing, "/nowhere"),
        (format!("{good}[log]\nsegment_bytes = 8388608\n"), "log.segment_bytes cannot be changed"),
        (format!("{good}[checkpoints]\ninterval = \"5m\"\n"), "checkpoints.interval cannot be changed"),
        ("[limits]\nping_ms = 50000\n".to_owned(), "ping_ms"),
        ("[logging]\nfilter = \"a=b=c\"\n".to_owned(), "logging.filter"),
    ] {
        let outcome = reloaded(&server, &data, &bad).await;
        assert_eq!(outcome["level"], "ERROR", "{bad}: {outcome}");
        assert!(outcome["why"].as_str().unwrap().contains(why), "{bad}: {outcome}");
        assert_eq!(status(&token).await, Seen::Status(200), "{bad} changed the keys");
        assert_eq!(preflight("https://app.example").await, 200, "{bad} changed the origins");
    }
    assert_eq!(server.metric("tidings_reloads_total{outcome=\"refused\"}").await as u64, 7);
    assert_eq!(server.metric("tidings_reload_refused").await as u64, 1);
    // Taken out again, the key is worth nothing.
    let outcome = reloaded(&server, &data, "").await;
    assert_eq!(outcome["level"], "INFO", "{outcome}");
    assert_eq!((status(&token).await, preflight("https://app.example").await), (Seen::Status(401), 403));
    assert_eq!(server.metric("tidings_reload_refused").await as u64, 0);
    assert_eq!(server.stop().await, Some(0));
}
