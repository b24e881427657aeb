//! Server-sent events: what a session says as a text that is read back, and clients that come back with any `Last-Event-ID`.

use super::said::{said, spoken};
use super::{asked, reach};
use crate::conversation::{cursor, first_token, foreign_cursor, void_cursor};
use crate::event_text::{Event, read};
use crate::http::{Answer, Fake, Followed, Spoken, ask, assets, request, site_of};
use crate::insides;
use crate::source::Source;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use serde_json::Value;
use std::sync::Arc;
use tidings_adapters::events::PATH;
use tidings_adapters::gateway::{Gateway, Host};
use tidings_wire::ReplyCode;
use tokio::runtime::{Builder, Runtime};

/// How streams begin and what they bring.
pub const MARKS: &[&str] = &[
    "spoken",
    "refused at once",
    "line ends within data",
    "comment",
    "retry",
    "afresh",
    "from a place",
    "void",
    "behind",
    "caught up",
    "came back",
    "invalid",
    "unauthenticated",
    "forbidden",
];

/// One router over each gateway.
struct Streams {
    runtime: Runtime,
    spoken: Site<Spoken>,
    followed: Site<Followed>,
}

struct Site<G> {
    host: Host<G>,
    router: Router,
}

impl<G: Gateway + Default> Site<G> {
    fn new(fake: &Arc<Fake>) -> Self {
        let host = Host::new(Arc::new(G::default()));
        Self { router: site_of(fake, &host, assets()), host }
    }

    /// Asks, and waits until the session has ended too.
    fn ask(&self, runtime: &Runtime, query: &str, headers: &[(HeaderName, HeaderValue)]) -> Option<Answer> {
        let mut request = request("GET", PATH).uri(format!("{PATH}?{query}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::empty()).ok()?;
        Some(runtime.block_on(async {
            let answer = ask(&self.router, request).await;
            self.host.tasks.close();
            self.host.tasks.wait().await;
            self.host.tasks.reopen();
            answer
        }))
    }
}

thread_local! {
    static STREAMS: Streams = {
        let fake = Arc::new(Fake::new());
        Streams {
            runtime: Builder::new_current_thread().enable_time().build().expect("a runtime needs no sockets"),
            spoken: Site::new(&fake),
            followed: Site::new(&fake),
        }
    };
}

/// The first byte chooses: frames that a session says, or a client that follows an inbox.
pub fn run(data: &[u8]) {
    let mut source = Source::new(data);
    let is_spoken = source.number().is_multiple_of(2);
    STREAMS.with(|streams| if is_spoken { speak(streams, source) } else { follow(streams, source) });
}

/// Whatever frames a session says, who reads the text has the same frames.
fn speak(streams: &Streams, source: Source<'_>) {
    let frames = spoken(source);
    streams.spoken.host.gateway.set(frames.clone());
    let token = [bearer(first_token(0))];
    let answer = streams.spoken.ask(&streams.runtime, "", &token).expect("the request is good");
    let first = frames.iter().find(|frames| !frames.is_empty());
    let ends_at_once =
        |frame: &bytes::Bytes| matches!(said(frame), Some(event) if event.event == "close" || event.event == "error");
    if first.is_none_or(|frames| frames.iter().any(ends_at_once)) {
        reach("refused at once");
        return assert_refused(&answer);
    }
    reach("spoken");
    let text = text_of(&answer);
    let found = read(text);
    let expected: Vec<Event> = frames.iter().flatten().filter_map(|frame| said(frame)).collect();
    assert_eq!(found.events, expected, "in {text:?}");
    let pings = frames.iter().flatten().count() - expected.len();
    assert_eq!((found.comments, found.unknown, found.is_whole), (pings, Vec::new(), true), "in {text:?}");
    if pings > 0 {
        reach("comment");
    }
    if expected.iter().any(|event| event.retry.is_some()) {
        reach("retry");
    }
    if expected.iter().any(|event| event.data.contains('\n')) {
        reach("line ends within data");
    }
}

/// Where a reader goes on, as the model knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Nowhere: with a snapshot.
    Afresh,
    /// Behind this change.
    Behind(u64),
    /// Nowhere, and it is told that its place is none.
    Void,
    /// The bytes say more than the model reads.
    Unknown,
}

/// What a client says of its place, and what that means.
fn place_said(source: &mut Source<'_>, head: u64, garbage: &[u8]) -> (Option<Vec<u8>>, Start) {
    let (kind, number) = (source.number() % 8, source.number());
    let at = number as u64 % (head + 1);
    let own = cursor(at);
    let (text, start) = match kind {
        0 => return (None, Start::Afresh),
        1 | 2 => (own.into_bytes(), Start::Behind(at)),
        3 => (foreign_cursor(at).into_bytes(), Start::Void),
        4 => (void_cursor(number, at).into_bytes(), Start::Void),
        5 => {
            let mut text = own.into_bytes();
            let index = source.number() % text.len();
            text[index] ^= source.number() as u8;
            let start = if text == cursor(at).into_bytes() { Start::Behind(at) } else { Start::Void };
            (text, start)
        }
        6 => ([own.as_bytes(), garbage].concat(), if garbage.is_empty() { Start::Behind(at) } else { Start::Void }),
        _ => (garbage.to_vec(), if garbage.is_empty() { Start::Afresh } else { Start::Void }),
    };
    (Some(text), start)
}

/// Whatever a client says of where it stands, it has in the end every change once and in order, or knows that it starts afresh.
fn follow(streams: &Streams, mut source: Source<'_>) {
    let (before, after) = (source.number() as u64 % 16, source.number() as u64 % 32);
    let (who, token) = (source.number() % 8, source.number());
    let (first, text) = asked::split(source.rest(), b"\0");
    let (garbage, lines) = asked::split(text, b"\n");
    let (query, lines) = asked::split(lines, b"\n");
    let mut places = Source::new(first);
    let (last_event_id, said_last) = place_said(&mut places, before, garbage);
    let (from, said_from) = place_said(&mut places, before, garbage);

    let Ok(more) = std::str::from_utf8(query) else { return };
    // What follows is a fragment, which no client sends.
    if more.contains('#') {
        return;
    }
    let mut query = vec![more.to_owned()];
    let mut headers: Vec<_> = lines.split(|byte| *byte == b'\n').filter_map(asked::header).collect();
    let names_places = more.contains(['%', 'f']) || headers.iter().any(|(name, _)| name == "last-event-id");
    if let Some(from) = &from {
        let escaped: String = from.iter().map(|byte| format!("%{byte:02x}")).collect();
        query.push(format!("from={escaped}"));
    }
    let mut start = said_from;
    if let Some(text) = last_event_id {
        // What no header may hold never reaches the server.
        let Ok(value) = HeaderValue::from_bytes(&text) else { return };
        headers.push((HeaderName::from_static("last-event-id"), value));
        if !text.is_empty() {
            start = said_last;
        }
    }
    if from.is_some_and(|from| from.is_empty()) && start == Start::Afresh {
        // An empty place in the query is a place that is none; an empty header is none at all.
        start = Start::Void;
    }
    if who != 7 {
        headers.push(bearer(first_token(token)));
    }
    if names_places {
        start = Start::Unknown;
    }
    streams.followed.host.gateway.set(before, after);
    let Some(answer) = streams.followed.ask(&streams.runtime, &query.join("&"), &headers) else { return };
    if answer.status != 200 {
        return assert_refused(&answer);
    }
    let last = assert_followed(&answer, start, before + after);
    come_back(streams, &last, before + after, more, headers);
}

/// Who comes back with the last id that it was told is brought nothing a second time.
fn come_back(streams: &Streams, last: &str, head: u64, query: &str, mut headers: Vec<(HeaderName, HeaderValue)>) {
    headers.retain(|(name, _)| name != "last-event-id");
    headers.push((HeaderName::from_static("last-event-id"), HeaderValue::from_str(last).expect("an id is plain text")));
    streams.followed.host.gateway.set(head, 0);
    let answer = streams.followed.ask(&streams.runtime, query, &headers).expect("the request was good before");
    assert_eq!(answer.status, 200, "{answer:?}");
    reach("came back");
    assert_followed(&answer, Start::Behind(head), head);
    assert!(!text_of(&answer).contains("event: delta"), "brought a second time: {}", text_of(&answer));
}

/// Follows the stream as a client does. Gives the last id.
fn assert_followed(answer: &Answer, start: Start, head: u64) -> String {
    let text = text_of(answer);
    let found = read(text);
    assert!(found.is_whole && found.unknown.is_empty(), "{text:?}");
    let mut at = match start {
        Start::Behind(at) => Some(at),
        _ => None,
    };
    let mut last = String::new();
    let kinds: Vec<&str> = found.events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"welcome"), Some(&"close")), "{text}");
    for event in &found.events {
        let data: Value = serde_json::from_str(&event.data).expect("data is JSON");
        assert_eq!(event.id.as_deref(), data["cursor"].as_str(), "{text}");
        let told = data["at"].as_u64();
        match (event.event.as_str(), told) {
            ("snapshot", Some(_)) => at = told,
            ("delta", Some(told)) => {
                let follows = at.is_some_and(|at| told == at + 1) || (at.is_none() && start == Start::Unknown);
                assert!(follows, "delta {told} after {at:?} in {text}");
                at = Some(told);
            }
            ("caught_up", Some(told)) => {
                reach("caught up");
                assert!(at == Some(told) || start == Start::Unknown, "caught up at {told}, at {at:?} in {text}");
                at = Some(told);
            }
            ("behind", None) => {
                reach("behind");
                assert!(at.is_none_or(|at| event.id == Some(cursor(at))), "behind elsewhere than {at:?} in {text}");
            }
            ("resync", None) => at = None,
            ("welcome" | "close", None) => {}
            other => panic!("{other:?} in {text}"),
        }
        last = event.id.clone().unwrap_or(last);
    }
    assert_eq!(at, Some(head), "it ends elsewhere: {text}");
    let (begins, voids) = (kinds.contains(&"snapshot"), kinds.contains(&"resync"));
    match start {
        Start::Afresh => {
            reach("afresh");
            assert_eq!((begins, voids), (true, false), "{text}");
        }
        Start::Behind(_) => {
            reach("from a place");
            assert_eq!((begins, voids), (false, false), "{text}");
        }
        Start::Void => {
            reach("void");
            assert_eq!((begins, voids), (true, true), "{text}");
        }
        Start::Unknown => {}
    }
    assert_eq!(last, cursor(head), "{text}");
    last
}

fn assert_refused(answer: &Answer) {
    let code = answer.code();
    reach(&code);
    let code = ReplyCode::ALL.into_iter().find(|known| known.word() == code).expect("the code is in the table");
    assert_eq!(answer.status.as_u16(), code.http_status());
    let detail = answer.json()["detail"].to_string();
    assert!(detail.len() <= 2_000 && insides::told(detail.as_bytes(), &[]).is_none(), "{detail}");
}

fn text_of(answer: &Answer) -> &str {
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/event-stream")), "{answer:?}");
    std::str::from_utf8(&answer.body).expect("events are UTF-8")
}

fn bearer(token: &str) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a token is text");
    (HeaderName::from_static("authorization"), value)
}
