//! What one request, frame or token may hold.

use super::carriers::{Ask, Asker, Carrier, reply};
use super::kept::Kept;
use super::system::conversation::json_of;
use super::table::Claims;
use super::world::World;
use serde_json::{Value, json};
use tidings_engine::limits::{
    CONSENTS_PERSON_MAX, FRAME_BYTES_MAX, ITEM_BYTES_MAX, PAGE_BYTES_MAX, TICKETS_OF_ONE_MAX,
};

/// The first is taken, or names nothing that is there; the second is refused with `code`.
pub(crate) async fn asked(asker: &mut Asker, at: &Ask, over: &Ask, code: &str) {
    match asker.ask(at).await {
        Ok(_) => {}
        Err(no) => assert_eq!(no.code, "not_found", "at the limit: {}", no.message),
    }
    let no = asker.ask(over).await.expect_err("it is one over the limit");
    assert_eq!(no.code, code, "{}", no.message);
}

/// A token of these claims with so many bytes, or one less where no token has so many.
fn token(world: &World, tenant: &str, change: Claims) -> String {
    let mut claims = World::claims(tenant, "ada", "user");
    let bytes = change(&mut claims);
    let plain = world.signer.sign(&claims);
    if bytes == 0 {
        return plain;
    }
    let (at_least, at_most) = ((bytes - plain.len()) * 3 / 4 - 20, (bytes - plain.len()) * 3 / 4);
    let padded = |pad: usize| {
        claims["pad"] = json!("p".repeat(pad));
        world.signer.sign(&claims)
    };
    let tokens: Vec<_> = (at_least..at_most).map(padded).collect();
    let longest = tokens.into_iter().filter(|token| token.len() <= bytes).max_by_key(String::len);
    longest.filter(|token| token.len() + 1 >= bytes).expect("a base64 text may lack one length of four")
}

pub(crate) async fn tokens(world: &World, carrier: Carrier, tenant: &str, at: Claims, over: Claims) {
    let kept = world.open(carrier, &token(world, tenant, at)).await.map(drop);
    assert_eq!(kept, Ok(()), "at the limit");
    let refused = if carrier.transport().is_some() { 4_501 } else { 401 };
    assert_eq!(world.open(carrier, &token(world, tenant, over)).await.map(drop), Err(refused), "one over");
}

/// JSON with spaces after it, so that it has so many bytes.
fn padded(json: &str, bytes: usize) -> String {
    format!("{json}{}", " ".repeat(bytes - json.len()))
}

pub(crate) async fn frame(asker: Asker) {
    let mut session = asker.session();
    let subscribe = |bytes: usize| padded(r#"{"type":"subscribe","id":"1","inbox":"me"}"#, bytes);
    session.client().send_text(subscribe(FRAME_BYTES_MAX)).await.expect("the session is open");
    assert_eq!(reply(&mut session, "1").await["ok"], true);
    let _ = session.client().send_text(subscribe(FRAME_BYTES_MAX + 1)).await;
    assert_eq!(session.until_the_end().await.1, Some(4_505));
}

pub(crate) async fn body(world: &World, tenant: &str, path: &str, bytes: usize) {
    let authorization = format!("Authorization: Bearer {}\r\n", world.token(tenant, "service"));
    let head = format!("{authorization}Content-Type: application/json\r\n");
    let text = match path {
        "/dev/token" => json!({"tenant": tenant, "user": "ada"}),
        _ => json!({"to": "ada", "body": "b"}),
    };
    let text = text.to_string();
    for (bytes, is_taken) in [(bytes, true), (bytes + 1, false)] {
        let told = world.kept().await.ask("POST", path, &head, padded(&text, bytes).as_bytes()).await;
        let told = told.expect("an answer comes");
        assert_eq!((told.status < 300, told.status == 413), (is_taken, !is_taken), "{bytes}: {told:?}");
    }
}

/// How many headers and bytes a head has: 0 for as many as it needs.
pub(crate) async fn head(world: &World, carrier: Carrier, tenant: &str, at: [usize; 2], over: [usize; 2]) {
    let token = world.token(tenant, "user");
    let (path, needed, status) = match carrier {
        Carrier::WebSocket => (
            "/v1/connect/websocket",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tidings.v1\r\n"
                .to_owned(),
            101,
        ),
        Carrier::Events => ("/v1/connect/events", format!("Authorization: Bearer {token}\r\n"), 200),
        _ => ("/v1/connect", String::new(), 200),
    };
    let with = |[headers, bytes]: [usize; 2]| {
        // `Host` is one more.
        let present = needed.matches("\r\n").count() + 1;
        let more: String = (present..headers).map(|one| format!("X-{one}: y\r\n")).collect();
        let rest = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{needed}{more}X: \r\n\r\n").len();
        let pad = if bytes > 0 { format!("X: {}\r\n", "y".repeat(bytes - rest)) } else { String::new() };
        format!("{needed}{more}{pad}")
    };
    for (shape, expected) in [(at, status), (over, 431)] {
        let told = world.kept().await.ask("GET", path, &with(shape), b"").await;
        assert_eq!(told.map(|told| told.status), Some(expected), "{shape:?}");
    }
}

/// The sentence that refuses an item tells how large it is.
pub(crate) async fn item(asker: &mut Asker) {
    let publish = |bytes: usize| {
        let data = json!("d".repeat(bytes));
        Ask::Publish(json!({"to": "ada", "subject": "s".repeat(512), "body": "b".repeat(16_384), "data": data}))
    };
    let first = 32_700;
    let no = asker.ask(&publish(first)).await.expect_err("it is far over");
    let found: usize = no.message.split(' ').find_map(|word| word.parse().ok()).expect("it tells how large it is");
    let at = first - (found - ITEM_BYTES_MAX);
    asked(asker, &publish(at), &publish(at + 1), "too_large").await;
}

/// Three items of a third each do not fit with their envelopes: two do, and the page says that there is more.
pub(crate) async fn page(world: &World, carrier: Carrier, asker: &mut Asker, tenant: &str) {
    let mut service = world.asker(carrier, tenant, "service").await;
    for _ in 0..3 {
        let publish = Ask::Publish(json!({"to": "ada", "body": "b".repeat(PAGE_BYTES_MAX / 3)}));
        service.ask(&publish).await.expect("a body may have so many bytes");
    }
    let page = Ask::Page { limit: 100, tags: Vec::new() };
    let found = asker.ask(&page).await.expect("a page is given");
    let items = found.get("items").or(found.get("data")).and_then(Value::as_array).expect("a page has items");
    assert_eq!((items.len(), &found["hasMore"]), (2, &json!(true)));
    assert!(items.iter().map(|item| item.to_string().len()).sum::<usize>() <= PAGE_BYTES_MAX);
}

pub(crate) async fn tickets(world: &World, tenant: &str) {
    let head = format!("Authorization: Bearer {}\r\n", world.token(tenant, "user"));
    let mut kept = world.kept().await;
    for _ in 0..TICKETS_OF_ONE_MAX {
        assert_eq!(posted(&mut kept, &head).await, 201);
    }
    assert_eq!(posted(&mut kept, &head).await, 429);
}

pub(crate) async fn critical(world: &World, tenant: &str) {
    let token = world.token(tenant, "tenant_admin");
    let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    for (count, is_taken) in [(32, true), (33, false)] {
        let categories: Vec<_> = (0..count).map(|one| format!("c{one}")).collect();
        let body = json!({"critical": categories}).to_string();
        let told =
            world.kept().await.ask("PATCH", &format!("/v1/tenants/{tenant}/settings"), &head, body.as_bytes()).await;
        let told = told.expect("an answer comes");
        assert_eq!((told.status < 300, told.status == 413), (is_taken, !is_taken), "{told:?}");
    }
}

pub(crate) async fn consents(world: &World, tenant: &str) {
    let token = world.token(tenant, "user");
    let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    let mut kept = world.kept().await;
    for number in 0..=CONSENTS_PERSON_MAX {
        let body = json!({"category": format!("c{number}"), "given": false}).to_string();
        let told = kept.ask("POST", "/v1/privacy/consents", &head, body.as_bytes()).await;
        let status = told.expect("the connection is kept").status;
        assert_eq!((status < 300, status == 413), (number < CONSENTS_PERSON_MAX, number == CONSENTS_PERSON_MAX));
    }
}

async fn posted(kept: &mut Kept, head: &str) -> u16 {
    kept.ask("POST", "/v1/connect/ticket", head, b"").await.expect("the connection is kept").status
}

pub(crate) async fn paths(world: &World, tenant: &str, role: &str, cases: [(String, u16); 2]) {
    let head = format!("Authorization: Bearer {}\r\n", world.token(tenant, role));
    for (path, status) in cases {
        // Each on a connection of its own: a reading of the log has no length.
        let told = world.kept().await.ask("GET", &path, &head, b"").await.expect("an answer comes");
        assert_eq!(told.status, status, "{path}: {:?}", told.body);
    }
}

/// The last one that may be wrong ends the session, or the connection.
pub(crate) async fn wrong(world: &World, carrier: Carrier, tenant: &str) {
    if carrier == Carrier::Http {
        let (bad, good) = ("nothing".to_owned(), world.token(tenant, "user"));
        for tokens in [[&bad, &bad, &good], [&bad, &bad, &bad]] {
            let mut kept = world.kept().await;
            for token in tokens {
                let head = format!("Authorization: Bearer {token}\r\n");
                let told = kept.ask("GET", "/v1/inbox/notifications", &head, b"").await.expect("each is answered");
                assert_eq!(told.status, if *token == good { 200 } else { 401 });
            }
            if *tokens[2] == bad {
                kept.ends().await;
            } else {
                assert!(kept.ask("GET", "/v1/connect", "", b"").await.is_some(), "it is kept");
            }
        }
        return;
    }
    let mut session = world.asker(carrier, tenant, "user").await.session();
    for _ in 0..2 {
        session.client().send_text("{".to_owned()).await.expect("the session is open");
        let told = json_of(&session.must().await);
        assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("invalid")));
    }
    let subscribe = json!({"type": "subscribe", "id": "1", "inbox": "me"});
    session.client().send(&subscribe).await.expect("two are not too many");
    assert_eq!(reply(&mut session, "1").await["ok"], true);
    session.client().send_text("{".to_owned()).await.expect("the session is open");
    assert_eq!(session.until_the_end().await.1, Some(4_500));
}
