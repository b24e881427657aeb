//! The TCP side: TLS, both versions of HTTP, shutdown, discovery.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use axum::body::Body;
use axum::http::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Server, Told};
use tidings_adapters::carrier::{CarrierEnd, StreamKind};
use tidings_client::{ClientError, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_websocket_works_under_tls() {
    let mut server = Server::start_with_tls().await;
    let url = server.websocket_url().replace("ws://", "wss://");
    let mut client = server.connector().connect(&url, Transport::WebSocket).await.unwrap();
    client.send_text("{}".to_owned()).await.unwrap();
    assert_eq!(client.recv_bytes().await.unwrap(), "{}");
    assert!(matches!(server.hear().await, Told::Opened(_)));
    assert!(matches!(server.hear().await, Told::Frame(StreamKind::Ordered, _)));
    client.close().await;
    assert_eq!(server.hear().await, Told::Ended(CarrierEnd::Closed { code: Some(1000) }));
    server.recorder.places.all_free().await;
}

#[tokio::test]
async fn http2_is_spoken_where_tls_agreed_upon_it() {
    let server = Server::start_with_tls().await;
    let stream = server.http2_stream().await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driven = tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Body::empty()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    drop((sender, response));
    driven.await.unwrap().unwrap();
    server.recorder.places.all_free().await;
}

#[tokio::test]
async fn shutdown_ends_idle_connections_and_leaves_sessions_to_themselves() {
    let mut server = Server::start().await;
    let mut client = server.connector().connect(&server.websocket_url(), Transport::WebSocket).await.unwrap();
    assert!(matches!(server.hear().await, Told::Opened(_)));
    let mut idle = TcpStream::connect(server.http).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    server.host.shutdown.cancel();
    server.host.tasks.close();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    client.send_text("\"close\"".to_owned()).await.unwrap();
    assert!(client.recv_bytes().await.is_ok());
    assert!(matches!(client.recv_bytes().await, Err(ClientError::Closed { code: Some(4502), .. })));
    server.host.tasks.wait().await;
    assert_eq!(server.recorder.places.taken(), 0);
    assert!(TcpStream::connect(server.http).await.is_err());
}

#[tokio::test]
async fn a_client_finds_the_carriers_by_asking() {
    for (server, scheme) in [(Server::start().await, "http"), (Server::start_with_tls().await, "https")] {
        let places = server.connector().discover(&format!("{scheme}://{}/", server.http)).await.unwrap();
        assert_eq!(places.websocket.unwrap().url, "ws://127.0.0.1:1/v1/connect/websocket");
        assert_eq!(places.webtransport.unwrap().certificate_hashes, ["00"]);
    }
}
