//! From any bytes to an HTTP request: two bytes choose the route, one who asks, one how the body comes; the rest is text.
//!
//! The text is a line with the query (of a route of the table) or with method and target, then lines of headers, an empty
//! line, and the body.

use crate::http::{ADA, Fake, KNOWN, SERVICE, request};
use crate::source::Source;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Request, Uri};
use futures_util::stream;
use serde_json::{Map, Value, json};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidings_adapters::http::{Payload, ROUTES, Route, Verb, openapi};
use tidings_engine::ids::Position;
use tidings_engine::limits::HTTP_BODY_BYTES_MAX;

/// The parts that a body without a told length comes in, at most.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;

const TOKENS: [Option<&str>; 8] = [
    None,
    Some(ADA),
    Some(SERVICE),
    Some("acme/eve/auditor"),
    Some("acme/ruth/tenant_admin"),
    Some("acme/pia/privacy_officer"),
    Some("globex/max/super_admin"),
    Some("acme/hasty/user"),
];

/// One request, and what became of its body.
pub(super) struct Asked {
    /// The route, where one of the table was chosen; its method may be another nevertheless.
    pub(super) route: Option<&'static Route>,
    pub(super) method: String,
    pub(super) uri: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
    manner: Manner,
}

/// How a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Whole, its length known.
    Whole,
    /// In small parts.
    InParts,
    /// Never to its end.
    BrokenOff,
    /// Again and again, to more than a body without a token may have.
    Repeated,
    /// Between more spaces than any body may have bytes.
    Wide,
    /// Whole, with more told than comes.
    Overstated,
    /// As a JSON object that the bytes choose.
    Chosen,
}

const MANNERS: [Manner; 8] = [
    Manner::Whole,
    Manner::Chosen,
    Manner::InParts,
    Manner::BrokenOff,
    Manner::Repeated,
    Manner::Wide,
    Manner::Overstated,
    Manner::Chosen,
];

impl Asked {
    /// `None` for what no HTTP library would take for a request.
    pub(super) fn read(data: &[u8], fake: &Fake) -> Option<Self> {
        let mut source = Source::new(data);
        let number = source.number() << 8 | source.number();
        let who = source.number();
        let id = match who / 8 % 4 {
            0 => fake.id("acme", KNOWN),
            1 => fake.id("globex", KNOWN),
            2 => fake.id("acme", Position(999)),
            _ => "mine".to_owned(),
        };
        let how = source.number();
        let (manner, route) = (MANNERS[how % 8], (how & 0x80 == 0).then(|| route(number)));
        let (head, body) = split(source.rest(), b"\n\n");
        let (first, lines) = split(head, b"\n");
        let first = std::str::from_utf8(first).ok()?;
        let (method, target) = match route {
            Some(route) => {
                let method = if who & 0x80 != 0 { "HEAD" } else { route.verb.name() };
                let query = if first.is_empty() { String::new() } else { format!("?{first}") };
                (method, format!("{}{query}", route.path.replace("{id}", &id)))
            }
            // No route of the table but by chance.
            None => {
                let (method, target) = first.split_once(' ')?;
                (method, target.replace("{id}", &id))
            }
        };
        // HEAD is answered by the route that reads there, if there is one.
        let head = |one: &Route| ROUTES.iter().find(|route| route.path == one.path && route.verb == Verb::Get);
        let route = if method == "HEAD" { route.and_then(head) } else { route };
        let token = TOKENS[who % 8];
        let mut headers: Vec<_> = lines.split(|byte| *byte == b'\n').filter_map(header).collect();
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("these tokens are text");
            headers.push((HeaderName::from_static("authorization"), value));
        }
        if who & 0x40 == 0 && !body.is_empty() {
            headers.push((HeaderName::from_static("content-type"), HeaderValue::from_static("application/json")));
        }
        let body = match manner {
            Manner::Chosen => chosen(route, body).into_bytes(),
            _ => body.to_vec(),
        };
        Some(Self { route, method: method.to_owned(), uri: target.parse().ok()?, headers, body, manner })
    }

    /// The request, which counts the bytes that are taken of a body without a told length. `None` where it is none.
    pub(super) fn request(&self, taken: &Arc<AtomicUsize>) -> Option<Request<Body>> {
        let mut request = request(&self.method, "/");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if self.manner == Manner::Overstated {
            request = request.header("content-length", self.body.len() + HTTP_BODY_BYTES_MAX);
        }
        request.uri(self.uri.clone()).body(self.stream(taken)).ok()
    }

    fn stream(&self, taken: &Arc<AtomicUsize>) -> Body {
        let parts = match self.manner {
            Manner::Whole | Manner::Overstated | Manner::Chosen => return Body::from(self.body.clone()),
            Manner::InParts => self.body.chunks(7).map(|part| Ok(Bytes::copy_from_slice(part))).collect(),
            Manner::BrokenOff => {
                vec![Ok(Bytes::copy_from_slice(&self.body)), Err(io::ErrorKind::ConnectionReset)]
            }
            Manner::Repeated => vec![Ok(Bytes::copy_from_slice(&self.body)); 5 * 1024 / self.body.len().max(1) + 1],
            Manner::Wide => {
                let spaces = Bytes::from(vec![b' '; CHUNK_BYTES_MAX]);
                let mut parts = vec![Ok(spaces); 2 * HTTP_BODY_BYTES_MAX / CHUNK_BYTES_MAX];
                parts.insert(1, Ok(Bytes::copy_from_slice(&self.body)));
                parts
            }
        };
        let taken = Arc::clone(taken);
        Body::from_stream(stream::iter(parts.into_iter().map(move |part: Result<Bytes, io::ErrorKind>| {
            let part = part.map_err(io::Error::from)?;
            taken.fetch_add(part.len(), Ordering::Relaxed);
            Ok::<_, io::Error>(part)
        })))
    }

    /// All that the client said, in lower case: as it stands, and as it is read.
    pub(super) fn said(&self) -> String {
        let query = self.uri.query().unwrap_or_default();
        let values: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let values = values.into_iter().map(|(_, value)| unescaped(value));
        let mut said = vec![self.uri.to_string(), String::from_utf8_lossy(&self.body).into_owned()];
        said.extend(self.headers.iter().map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned()));
        said.extend(values);
        for index in 0..said.len() {
            if let Ok(value) = serde_json::from_str(&said[index]) {
                texts(&value, &mut said);
            }
        }
        said.join("\n").to_lowercase()
    }

    /// The tenant of the token, where one is shown.
    pub(super) fn tenant(&self) -> Option<&str> {
        let (_, token) = self.header("authorization")?.to_str().ok()?.split_once(' ')?;
        token.split('/').next()
    }

    /// A header that is given once.
    pub(super) fn header(&self, name: &str) -> Option<&HeaderValue> {
        let mut found = self.headers.iter().filter(|(one, _)| one == name).map(|(_, value)| value);
        found.next().filter(|_| found.next().is_none())
    }
}

/// The route whose name follows a number: a route that comes new to the table takes a part of one other alone.
fn route(number: usize) -> &'static Route {
    let distance = |route: &&Route| {
        let text = [route.verb.name(), route.path].concat();
        let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        ((hash >> 16 ^ hash) as u16).wrapping_sub(number as u16)
    };
    ROUTES.iter().min_by_key(distance).expect("there are routes")
}

/// What comes before the first `end`, and what comes after it.
pub(super) fn split<'a>(data: &'a [u8], end: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(end.len()).position(|window| window == end) {
        Some(at) => (&data[..at], &data[at + end.len()..]),
        None => (data, &[]),
    }
}

/// A line of the head; `None` where it is none that an HTTP library takes.
pub(super) fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = split(line, b":");
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => bytes.extend(part.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).replace('+', " ")
}

/// Every name and text of a JSON value.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            into.push(name.clone());
            texts(value, into);
        }),
        _ => {}
    }
}

/// A JSON object of which each two bytes choose a field of the route's own and its value.
fn chosen(route: Option<&Route>, data: &[u8]) -> String {
    let names = match route.map(|route| route.payload) {
        Some(Payload::Optional(schema) | Payload::Required(schema)) => fields(schema),
        _ => Vec::new(),
    };
    let mut object = Map::new();
    for pair in data.chunks_exact(2) {
        if let Some(name) = names.get(usize::from(pair[0]) % names.len().max(1)) {
            object.insert(name.clone(), value(pair[1]));
        }
    }
    Value::Object(object).to_string()
}

/// Names of the fields of a schema of the document.
fn fields(schema: &str) -> Vec<String> {
    thread_local! {
        static DOCUMENT: Value = openapi(true);
    }
    DOCUMENT.with(|document| {
        let properties = document["components"]["schemas"][schema]["properties"].as_object();
        properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
    })
}

fn value(byte: u8) -> Value {
    let number = i64::from(byte / 24);
    match byte % 24 {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(number),
        3 => json!(-number),
        4 => json!(i64::MAX),
        5 => json!(number as f64 / 3.0),
        6 => json!(""),
        7 => json!("ada"),
        8 => json!("x".repeat(usize::from(byte) * 40)),
        9 => json!("high"),
        10 => json!("acme"),
        11 => json!("globex"),
        12 => json!(["ada", "bob"]),
        13 => json!(vec!["t"; usize::from(byte)]),
        14 => json!({"type": "topic", "topicKey": "orders"}),
        15 => json!({"type": "all"}),
        16 => json!({"subscriberId": "ada"}),
        17 => json!([{"subscriberId": "ada"}, 7]),
        18 => json!({"label": "go", "redirect": {"url": "/there", "target": "_self"}}),
        19 => json!({"url": "javascript:x", "target": "_top"}),
        20 => json!("2026-01-31T09:00:00.000Z"),
        21 => json!(["user", "service", "super_admin"]),
        22 => json!([[[[[[]]]]]]),
        _ => json!("https://example.com/\u{1F600}\u{0}"),
    }
}
