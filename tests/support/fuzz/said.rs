//! Frames of a session as bytes choose them, and the events that they are.

use crate::event_text::Event;
use crate::source::Source;
use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tidings_wire::{
    Change, CloseCode, Counts, ErrorBody, InboxName, Item, Mark, ReplyCode, ServerFrame, encode, encode_events,
};

/// Most frames of one session.
const FRAMES_COUNT_MAX: usize = 64;

/// How long a reader stays away that shall not come back by itself: a day.
const NEVER_MS: u64 = 86_400_000;

/// What may stand between the tokens of a publisher's `data`.
const BETWEEN: [&str; 8] = ["", " ", "\n", "\r", "\r\n", "\t", "\n\r", "\n\n\n"];

const CLOSES: [CloseCode; 5] = [
    CloseCode::ServerDraining,
    CloseCode::TokenExpired,
    CloseCode::RateLimited,
    CloseCode::TooManyConnections,
    CloseCode::Internal,
];

/// What a session says, and what of it at once: something, unless it says nothing at all. Nothing follows its close.
pub(super) fn spoken(mut source: Source<'_>) -> Vec<Vec<Bytes>> {
    let mut frames = vec![Vec::new()];
    let mut count = 0;
    while count < FRAMES_COUNT_MAX
        && let Some(kind) = source.byte()
    {
        count += 1;
        if kind >= 0xc0 && frames.last().is_some_and(|last| !last.is_empty()) {
            frames.push(Vec::new());
        }
        let kind = kind % 0x40 % 15;
        let frame = frame(kind, &mut source);
        frames.last_mut().expect("there is a first one").push(frame);
        if kind == 11 {
            break;
        }
    }
    frames
}

fn frame(kind: u8, source: &mut Source<'_>) -> Bytes {
    let inbox = source.one_of(&[InboxName::Me, InboxName::Tenant, InboxName::Audit].each_ref()).clone();
    let cursor = data_encoding::BASE64URL_NOPAD.encode(source.bytes());
    let counts = Counts { total: 7, unseen: source.number() as u32, ..Counts::default() };
    encode(&match kind {
        0 => ServerFrame::Error { code: source.one_of(&ReplyCode::ALL), message: "a plain sentence".to_owned() },
        1 => ServerFrame::Snapshot { inbox, cursor, counts, items: vec![item(source), item(source)], has_more: true },
        2 => {
            let changes = vec![Change::Added { item: Box::new(item(source)) }];
            ServerFrame::Delta { inbox, cursor, changes, counts: Some(counts) }
        }
        3 => {
            let filter = Some(json!({ "tags": source.text() }));
            let marked = Change::MarkedAll { mark: Mark::Read, up_to: source.text(), at: None, filter };
            ServerFrame::Delta {
                inbox,
                cursor,
                changes: vec![marked, Change::Removed { id: source.text() }],
                counts: None,
            }
        }
        4 => ServerFrame::Counts { inbox, cursor, counts },
        5 => ServerFrame::Behind { inbox, cursor },
        6 => ServerFrame::CaughtUp { inbox, cursor },
        7 => ServerFrame::Resync { inbox, reason: source.text() },
        8 => return encode_events(&cursor, &[json!({ "type": source.text() }).to_string(), raw(source)]),
        9 => {
            let error = ErrorBody { code: ReplyCode::Conflict, message: source.text(), retry_after_ms: None };
            ServerFrame::refusal(source.text(), error)
        }
        10 => ServerFrame::Drain { reconnect_after_ms: source.number() as u64 * 0x0123_4567 },
        11 => {
            let code = source.one_of(&CLOSES);
            let after = source.number() as u64;
            ServerFrame::close(code, (after != 0).then_some(after))
        }
        12 => ServerFrame::Ping,
        13 => ServerFrame::Pong,
        _ => ServerFrame::done(source.text(), Some(cursor), Some(json!({ "text": source.text() }))),
    })
}

fn item(source: &mut Source<'_>) -> Item {
    let item = json!({
        "id": source.text(), "transactionId": "t", "body": source.text(), "isRead": true, "isSeen": true,
        "isArchived": false, "isSnoozed": false, "isPinned": false, "createdAt": "2026-01-31T09:00:00.000Z",
        "channelType": "in_app", "severity": "none", "tags": [source.text()],
    });
    let mut item: Item = serde_json::from_value(item).expect("it has the fields of an item");
    item.data = Some(RawValue::from_string(raw(source)).expect("it is JSON"));
    item
}

/// A JSON text as a publisher writes it, with anything between its tokens.
fn raw(source: &mut Source<'_>) -> String {
    let name = json!(source.text()).to_string();
    let tokens = ["{", &name, ":", "[", "1.10", ",", "{", "}", ",", "\"\\r\\n\"", "]", "}"];
    let mut text = String::new();
    for token in tokens {
        text.push_str(token);
        text.push_str(source.one_of(&BETWEEN));
    }
    text.truncate(text.trim_end().len());
    text
}

/// The event that a frame is; `None` for one that is a comment.
pub(super) fn said(frame: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(frame).expect("a frame is text");
    let value: Value = serde_json::from_str(text).expect("a frame is JSON");
    let event = value["type"].as_str().expect("a frame has a type").to_owned();
    let retry = match event.as_str() {
        "ping" => return None,
        "drain" => value["reconnectAfterMs"].as_u64(),
        "close" if value["retry"] == "never" => Some(NEVER_MS),
        "close" => Some(value["retryAfterMs"].as_u64().unwrap_or_default()),
        _ => None,
    };
    let id = value["cursor"].as_str().map(str::to_owned);
    // Every end of a line within a frame is read as a line feed.
    Some(Event { event, id, retry, data: text.replace("\r\n", "\n").replace('\r', "\n") })
}
