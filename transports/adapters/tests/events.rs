//! Streams of events over real sockets: HTTP/1.1 and HTTP/2, places, and both ways to end.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Server, Told};
use tidings_adapters::carrier::{CarrierEnd, CarrierKind, StreamKind};

type Sender = hyper::client::conn::http2::SendRequest<Body>;

/// One HTTP/2 connection.
async fn http2(server: &Server) -> Sender {
    let stream = server.http2_stream().await;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut Sender, token: &str) -> Response<Incoming> {
    let uri = format!("https://localhost{}?{token}", tidings_adapters::events::PATH);
    sender.send_request(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap()
}

/// What the stream brings next, as text; `None` at its end.
async fn next(stream: &mut Response<Incoming>) -> Option<String> {
    let frame = stream.body_mut().frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// The conversation says back what it hears: the hello of the request.
async fn opened(server: &mut Server, stream: &mut Response<Incoming>, token: &str) {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        text.push_str(&next(stream).await.unwrap());
    }
    assert_eq!(text, format!("event: hello\ndata: {{\"type\":\"hello\",\"token\":\"{token}\"}}\n\n"));
    assert!(matches!(server.hear().await, Told::Opened(peer) if peer.carrier == CarrierKind::Events));
    assert!(matches!(server.hear().await, Told::Frame(StreamKind::Ordered, _)));
    assert_eq!(server.hear().await, Told::Alive);
}

#[tokio::test]
async fn the_first_stream_stands_in_the_place_of_its_connection_and_a_further_one_in_its_own() {
    let mut server = Server::start_with_tls().await;
    let mut sender = http2(&server).await;
    let mut first = ask(&mut sender, "one").await;
    opened(&mut server, &mut first, "one").await;
    assert_eq!(server.recorder.places.taken(), 1);
    let mut second = ask(&mut sender, "two").await;
    opened(&mut server, &mut second, "two").await;
    assert_eq!(server.recorder.places.taken(), 2);
    let carriers: Vec<_> = server.recorder.admissions.lock().iter().map(|asked| asked.carrier).collect();
    assert_eq!(carriers, [CarrierKind::Http, CarrierKind::Events]);

    // A client that leaves one of them keeps its connection.
    drop(first);
    assert_eq!(server.hear().await, Told::Ended(CarrierEnd::Closed { code: None }));
    drop((second, sender));
    assert_eq!(server.hear().await, Told::Ended(CarrierEnd::Closed { code: None }));
    server.recorder.places.all_free().await;
}

#[tokio::test]
async fn a_session_that_closes_says_so_and_ends_the_stream_in_good_order() {
    let mut server = Server::start_with_tls().await;
    *server.recorder.timeout.lock() = Some(tidings_engine::ids::Time(0));
    let mut sender = http2(&server).await;
    let refused = ask(&mut sender, "late").await;
    // Its time was up before it had said anything.
    assert_eq!(refused.status(), 401);
    assert!(matches!(server.hear().await, Told::Opened(_)));
    assert_eq!(server.hear().await, Told::TimedOut);
    assert_eq!(server.hear().await, Told::Ended(CarrierEnd::Closed { code: None }));
}
