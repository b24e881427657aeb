//! Server-sent events and connect tickets, on the release binary.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use system::caller::{Caller, connector, request, text};
use system::event_stream::{Event, EventStream, Refused};
use system::server::{Launch, Server};
use system::tokens::{Signer, claims};
use tempfile::TempDir;

struct World {
    server: Server,
    signer: Signer,
    service: Caller,
    _folder: TempDir,
}

impl World {
    async fn begin(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Launch::new(&data).with_config(config).with_log("debug").start().await;
        let signer = Signer::dev(&data);
        let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
        Self { server, signer, service, _folder: folder }
    }

    fn token(&self, subject: &str, role: &str) -> String {
        self.signer.token("acme", subject, role)
    }

    fn caller(&self, subject: &str, role: &str) -> Caller {
        Caller::new(&self.server.addresses, &self.token(subject, role))
    }

    async fn stream(&self, query: &str, token: &str) -> Result<EventStream, Refused> {
        EventStream::with_token(&self.server.addresses, query, token).await
    }

    async fn open(&self, query: &str, token: &str) -> EventStream {
        let mut opened = self.stream(query, token).await.map_err(|refused| refused.body).unwrap();
        let welcome = opened.must().await;
        assert_eq!((welcome.event.as_str(), &welcome.id), ("welcome", &None));
        opened
    }

    async fn ticket(&self, subject: &str) -> String {
        let answer = self.caller(subject, "user").ask("POST", "/v1/connect/ticket", None, 201).await;
        assert!(answer["data"]["expiresAt"].is_string(), "{answer}");
        text(&answer["data"]["ticket"])
    }

    async fn by_ticket(&self, ticket: &str) -> Result<EventStream, Refused> {
        EventStream::open(&self.server.addresses, &format!("?ticket={ticket}"), &[]).await
    }
}

/// Bodies of the items that a delta added.
fn added(event: &Event) -> Vec<String> {
    assert_eq!(event.event, "delta", "{event:?}");
    let changes = event.data["changes"].as_array().unwrap();
    // A removal may be told of what the reader never had.
    changes.iter().filter(|change| change["op"] == "added").map(|change| text(&change["item"]["body"])).collect()
}

fn cursor_of(event: &Event) -> String {
    assert_eq!(event.data["cursor"], json!(event.id), "the id is the cursor: {event:?}");
    event.id.clone().unwrap()
}

fn code(refused: Result<EventStream, Refused>) -> (u16, Value) {
    let Err(Refused { status, body }) = refused else { panic!("it was let in") };
    (status, body["code"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_gives_each_change_once_and_goes_on_from_a_cursor() {
    let world = World::begin("").await;
    world.service.publish(&json!("ada"), "before").await;
    let ada = world.token("ada", "user");
    let mut stream = world.open("", &ada).await;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.header("cache-control"), Some("no-store"));
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(stream.header("content-encoding"), None);
    let snapshot = stream.must().await;
    assert_eq!((snapshot.event.as_str(), &snapshot.data["items"][0]["body"]), ("snapshot", &json!("before")));
    let first = cursor_of(&snapshot);
    for body in ["one", "two", "three"] {
        world.service.publish(&json!("ada"), body).await;
        let delta = stream.must().await;
        assert_eq!(added(&delta), [body]);
        assert_ne!(cursor_of(&delta), first);
    }
    drop(stream);

    // By the header, by the query, and the header goes before the query.
    let bearer = format!("Bearer {ada}");
    let nonsense = "?from=nonsense";
    let by_header = [("Authorization", bearer.as_str()), ("Last-Event-ID", first.as_str())];
    for (query, headers) in [("", &by_header[..]), (&format!("?from={first}"), &by_header[..1]), (nonsense, &by_header)]
    {
        let mut back =
            EventStream::open(&world.server.addresses, query, headers).await.map_err(|why| why.body).unwrap();
        let mut bodies = Vec::new();
        loop {
            let event = back.must().await;
            match event.event.as_str() {
                "delta" => bodies.extend(added(&event)),
                "caught_up" => break,
                "welcome" | "behind" | "counts" => {}
                other => panic!("{other} {event:?}"),
            }
        }
        assert_eq!(bodies, ["one", "two", "three"], "{query}");
        world.service.publish(&json!("ada"), "live").await;
        assert_eq!(added(&back.must().await), ["live"]);
        let id = world.caller("ada", "user").ask("GET", "/v1/inbox/notifications?limit=1", None, 200).await;
        let path = format!("/v1/inbox/notifications/{}/delete", text(&id["data"][0]["id"]));
        world.caller("ada", "user").ask("DELETE", &path, None, 204).await;
    }
    let mut void = world.open(nonsense, &ada).await;
    assert_eq!((void.must().await.event, void.must().await.event), ("resync".to_owned(), "snapshot".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_follow_gets_the_problem_before_any_event() {
    let world = World::begin("").await;
    let forged = Signer::new("dev", b"not the secret of this server at all");
    let user = world.token("ada", "user");
    for (query, token, expected) in [
        ("", forged.token("acme", "ada", "user"), (401, "unauthenticated")),
        ("", world.signer.sign(&claims("acme", "ada", "user", -600)), (401, "unauthenticated")),
        ("", world.signer.sign(&claims("acme", "ada", "king", 600)), (403, "forbidden")),
        ("?inbox=tenant", user.clone(), (403, "forbidden")),
        ("?inbox=audit", user.clone(), (403, "forbidden")),
        ("", world.token("billing", "service"), (403, "forbidden")),
        ("?inbox=platform", world.token("root", "super_admin"), (400, "invalid")),
        ("?inbox=everything", user.clone(), (400, "invalid")),
        ("?token=x", user.clone(), (400, "invalid")),
        ("?ticket=ticket-x", user.clone(), (400, "invalid")),
    ] {
        let (status, code) = code(world.stream(query, &token).await);
        assert_eq!((status, code.as_str().unwrap()), expected, "{query}");
    }
    assert_eq!(code(EventStream::open(&world.server.addresses, "", &[]).await), (401, json!("unauthenticated")));
    for (inbox, subject, role) in [("tenant", "desk", "service"), ("audit", "olga", "auditor"), ("me", "ada", "user")] {
        world.open(&format!("?inbox={inbox}"), &world.token(subject, role)).await;
    }
    let url = format!("{}/v1/connect", world.server.addresses.http);
    let places = request(&connector(), "GET", &url, &[], bytes::Bytes::new()).await.unwrap();
    let places: Value = serde_json::from_slice(&places.body).unwrap();
    assert_eq!(places["events"]["url"], format!("{url}/events"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_stream_and_no_other_token_is_taken_in_a_url() {
    let world = World::begin("").await;
    let ticket = world.ticket("ada").await;
    let mut stream = world.by_ticket(&ticket).await.map_err(|refused| refused.body).unwrap();
    let welcome = stream.must().await;
    assert_eq!((&welcome.data["subject"], &welcome.data["tenant"]), (&json!("ada"), &json!("acme")));
    stream.must().await;
    world.service.publish(&json!("ada"), "by ticket").await;
    assert_eq!(added(&stream.must().await), ["by ticket"]);

    let unauthenticated = (401, json!("unauthenticated"));
    assert_eq!(code(world.by_ticket(&ticket).await), unauthenticated, "a second use");
    let jwt = world.token("ada", "user");
    for other in [jwt.as_str(), "", "ticket-", "ticket-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(code(world.by_ticket(other).await), unauthenticated, "{other}");
    }
    // A ticket is no token, and a token in a URL is none on any route.
    let fresh = world.ticket("ada").await;
    assert_eq!(code(world.stream("", &fresh).await), unauthenticated);
    let inbox = "/v1/inbox/notifications";
    Caller::new(&world.server.addresses, &fresh).ask("GET", inbox, None, 401).await;
    for name in ["token", "ticket", "access_token", "authorization", "jwt"] {
        for path in ["/v1/connect/events", inbox, "/v1/connect/ticket"] {
            let url = format!("{}{path}?{name}={jwt}", world.server.addresses.http);
            let method = if path.ends_with("ticket") { "POST" } else { "GET" };
            let answer = request(&connector(), method, &url, &[], bytes::Bytes::new()).await.unwrap();
            assert!(matches!(answer.status, 400 | 401), "{name} {path}: {}", answer.status);
        }
    }
    assert!(world.by_ticket(&fresh).await.is_ok(), "being refused elsewhere does not use a ticket up");

    let log = world.server.log.since(0).join("\n");
    assert!(log.contains("\"carrier\":\"events\""), "{log}");
    for secret in [&ticket, &fresh, &jwt] {
        assert!(!log.contains(secret.as_str()), "a ticket or token stands in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_is_kept_awake_and_lives_on_past_the_idle_time() {
    let world = World::begin("[limits]\nping_ms = 100\nidle_ms_max = 300\n").await;
    let mut stream = world.open("", &world.token("ada", "user")).await;
    // Nine pings are three times the idle time.
    stream.until_comments(9).await;
    world.service.publish(&json!("ada"), "still here").await;
    assert_eq!(added(&stream.must().await), ["still here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_says_so_and_when_to_come_back() {
    let world = World::begin("").await;
    let mut stream = world.open("", &world.token("ada", "user")).await;
    assert_eq!(stream.must().await.event, "snapshot");
    world.server.terminate();
    let drain = stream.must().await;
    assert_eq!((drain.event.as_str(), drain.retry), ("drain", drain.data["reconnectAfterMs"].as_u64()));
    let close = stream.must().await;
    assert_eq!((close.event.as_str(), &close.data["code"]), ("close", &json!(4000)));
    assert_eq!(close.retry, drain.retry);
    assert_eq!(stream.next().await, None);
    assert_eq!(world.server.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_ends_the_stream_for_good() {
    let world = World::begin("").await;
    // The leeway of five seconds is all the life it has left.
    let token = world.signer.sign(&claims("acme", "ada", "user", -3));
    let mut stream = world.open("", &token).await;
    assert_eq!(stream.must().await.event, "snapshot");
    let close = stream.must().await;
    assert_eq!((close.data["code"].as_u64(), &close.data["retry"]), (Some(4502), &json!("never")));
    assert_eq!(close.retry, Some(86_400_000));
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_count_as_connections_of_their_user_and_of_nobody_once_they_are_gone() {
    let world = World::begin("[limits]\nuser_connections_max = 2\n").await;
    let ada = world.token("ada", "user");
    let (first, _second) = (world.open("", &ada).await, world.open("", &ada).await);
    assert_eq!(code(world.stream("", &ada).await), (429, json!("rate_limited")));
    // The third is counted until the server has let go of it, a moment after its answer.
    let counted = async { while world.server.metric("tidings_connections{carrier=\"events\"}").await != 2.0 {} };
    system::sure("count of two", counted).await;
    let from = world.server.log.count();
    drop(first);
    world.server.log.find("end of the first", from, |line| line.contains("\"ended\"")).await;
    // Its connection lets go of the place a moment after its session.
    let again = async {
        while let Err(refused) = world.stream("", &ada).await {
            assert_eq!(refused.status, 429);
        }
    };
    system::sure("place", again).await;
}
