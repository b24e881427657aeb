//! Every carrier over real sockets on loopback: what a client sees.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use support::{FOREIGN, Server, Told};
use tidings_adapters::carrier::{CarrierEnd, CarrierKind, FRAME_BYTES_MAX, FrameFault, StreamKind};
use tidings_adapters::gateway::Refused;
use tidings_adapters::quic::{ALPN_HTTP3, ALPN_TIDINGS};
use tidings_client::{Client, ClientError, Transport};
use tidings_wire::ServerFrame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const EACH: [Transport; 3] = [Transport::WebSocket, Transport::WebTransport, Transport::Quic];

async fn connect(server: &Server, transport: Transport) -> Client {
    let url = match transport {
        Transport::WebSocket => server.websocket_url(),
        Transport::WebTransport => server.webtransport_url(),
        Transport::Quic => format!("quic://{}", server.quic),
    };
    let mut client = server.connector().connect(&url, transport).await.unwrap();
    client.send_text("{}".to_owned()).await.unwrap();
    assert_eq!(client.recv_bytes().await.unwrap(), "{}");
    client
}

/// Connects and skips what the server is told about it.
async fn connected(server: &mut Server, transport: Transport) -> Client {
    let client = connect(server, transport).await;
    assert!(matches!(server.hear().await, Told::Opened(_)));
    assert!(matches!(server.hear().await, Told::Frame(StreamKind::Ordered, _)));
    client
}

fn code(result: Result<Bytes, ClientError>) -> Option<u16> {
    match result {
        Err(ClientError::Closed { code, .. }) => code,
        other => panic!("expected the end, got {other:?}"),
    }
}

#[tokio::test]
async fn frames_up_to_the_limit_go_both_ways_on_every_carrier() {
    for transport in EACH {
        let mut server = Server::start().await;
        let mut client = connected(&mut server, transport).await;
        for bytes in [2, 125, 126, 5000, FRAME_BYTES_MAX] {
            let text = "x".repeat(bytes);
            client.send_text(text.clone()).await.unwrap();
            assert_eq!(client.recv_bytes().await.unwrap(), text, "{bytes} bytes on {transport:?}");
            assert_eq!(server.hear().await, Told::Frame(StreamKind::Ordered, Bytes::from(text)));
        }
        client.close().await;
        assert!(matches!(server.hear().await, Told::Ended(CarrierEnd::Closed { .. })));
        server.recorder.places.all_free().await;
    }
}

#[tokio::test]
async fn a_frame_too_large_ends_with_its_code_on_every_carrier() {
    for transport in EACH {
        let mut server = Server::start().await;
        let mut client = connected(&mut server, transport).await;
        // The server stops reading at the announced length; the rest may find nobody there.
        let _ = client.send_text("x".repeat(1024 * 1024)).await;
        let fault = FrameFault::TooLarge { bytes: 1024 * 1024 };
        assert_eq!(server.hear().await, Told::Fault(StreamKind::Ordered, fault));
        let frame = client.recv().await.unwrap();
        assert!(matches!(frame, ServerFrame::Close { code: 4505, .. }), "{frame:?} on {transport:?}");
        assert_eq!(code(client.recv_bytes().await), Some(4505), "{transport:?}");
    }
}

#[tokio::test]
async fn a_frame_too_large_is_told_from_its_length_alone() {
    let mut server = Server::start().await;
    let mut client = connected(&mut server, Transport::WebTransport).await;
    let announced = FRAME_BYTES_MAX as u64 + 1;
    let header = tidings_wire::varint::encode(announced).unwrap();
    client.send_raw(Bytes::copy_from_slice(header.as_ref())).await.unwrap();
    let fault = FrameFault::TooLarge { bytes: announced };
    assert_eq!(server.hear().await, Told::Fault(StreamKind::Ordered, fault));
}

#[tokio::test]
async fn a_binary_message_is_a_fault_and_no_frame() {
    let mut server = Server::start().await;
    let mut client = connected(&mut server, Transport::WebSocket).await;
    client.send_raw(Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(server.hear().await, Told::Fault(StreamKind::Ordered, FrameFault::NotText));
    assert!(matches!(client.recv().await.unwrap(), ServerFrame::Close { code: 4500, .. }));
    assert_eq!(code(client.recv_bytes().await), Some(4500));
}

#[tokio::test]
async fn the_close_frame_is_read_before_the_carrier_ends() {
    for transport in EACH {
        let mut server = Server::start().await;
        let mut client = connected(&mut server, transport).await;
        client.send(&json!("close")).await.unwrap();
        assert!(matches!(client.recv().await.unwrap(), ServerFrame::Close { code: 4502, .. }));
        assert_eq!(code(client.recv_bytes().await), Some(4502), "{transport:?}");
        server.recorder.places.all_free().await;
    }
}

#[tokio::test]
async fn fetch_frames_are_answered_on_a_stream_of_their_own() {
    let mut server = Server::start().await;
    let mut client = connected(&mut server, Transport::WebTransport).await;
    for _ in 0..2 {
        let answer = client.fetch(&json!({"type": "pong"})).await.unwrap();
        assert!(matches!(answer, ServerFrame::Pong));
        assert!(matches!(server.hear().await, Told::Frame(StreamKind::Fetch, _)));
    }
}

#[tokio::test]
async fn a_foreign_origin_is_refused_before_a_session_exists() {
    let server = Server::start().await;
    let connector = server.connector().with_origin(FOREIGN);
    let refused = connector.connect(&server.websocket_url(), Transport::WebSocket).await;
    assert!(matches!(refused, Err(ClientError::Refused { status: Some(403) })));
    let refused = connector.connect(&server.webtransport_url(), Transport::WebTransport).await;
    assert!(matches!(refused, Err(ClientError::Refused { .. })));
    server.recorder.places.all_free().await;
}

#[tokio::test]
async fn a_wrong_path_is_refused() {
    let server = Server::start().await;
    let url = server.webtransport_url() + "/further";
    let refused = server.connector().connect(&url, Transport::WebTransport).await;
    assert!(matches!(refused, Err(ClientError::Refused { .. })));
}

#[tokio::test]
async fn without_a_place_no_handshake_is_made() {
    let server = Server::start().await;
    for refused in [Refused::TooMany, Refused::Full, Refused::ValidateFirst] {
        *server.recorder.refuse.lock() = Some(refused);
        let connector = server.connector();
        assert!(connector.connect(&server.webtransport_url(), Transport::WebTransport).await.is_err());
        assert!(connector.connect(&server.websocket_url(), Transport::WebSocket).await.is_err());
    }
    // The retry packet made the peer prove its address, and it was asked for again.
    let admissions = server.recorder.admissions.lock();
    assert!(admissions.iter().any(|asked| asked.carrier == CarrierKind::WebTransport && asked.address_validated));
    assert_eq!(server.recorder.places.taken(), 0);
}

#[tokio::test]
async fn a_websocket_without_the_subprotocol_is_refused() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        tidings_adapters::websocket::PATH
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn a_silent_peer_loses_its_place_after_the_time_to_handshake() {
    let server = Server::start_with(Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(server.http).await.unwrap();
    let mut half = TcpStream::connect(server.http).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    // Both are closed by the server, or the reads would never end.
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    let _ = half.read_to_end(&mut rest).await;
    server.recorder.places.all_free().await;
}

/// A QUIC connection that speaks `alpn` and nothing else yet.
async fn quic(server: &Server, alpn: &[u8]) -> quinn::Connection {
    let verifier = wtransport::tls::client::ServerHashVerification::new([server.certificate_hash.into()]);
    let roots = Arc::new(rustls::RootCertStore::empty());
    let mut tls = wtransport::tls::client::build_default_tls_config(roots, Some(Arc::new(verifier)));
    tls.alpn_protocols = vec![alpn.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, server.quic, "localhost").unwrap().await.unwrap()
}

/// A WebTransport session whose streams are the test's affair.
async fn webtransport(server: &Server) -> wtransport::Connection {
    let config = wtransport::ClientConfig::builder()
        .with_bind_address("127.0.0.1:0".parse().unwrap())
        .with_server_certificate_hashes([server.certificate_hash.into()])
        .build();
    wtransport::Endpoint::client(config).unwrap().connect(server.webtransport_url()).await.unwrap()
}

#[tokio::test]
async fn a_quic_peer_that_asks_for_nothing_loses_its_place() {
    let mut server = Server::start_with(Duration::from_millis(200)).await;
    let silent = quic(&server, ALPN_HTTP3).await;
    let streamless = webtransport(&server).await;
    let raw = quic(&server, ALPN_TIDINGS).await;
    server.recorder.places.all_free().await;
    assert!(server.heard.try_recv().is_err(), "no session was opened");
    streamless.closed().await;
    raw.closed().await;
    silent.closed().await;
}

#[tokio::test]
async fn a_half_open_stream_does_not_stop_the_session() {
    let mut server = Server::start().await;
    let connection = webtransport(&server).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap().await.unwrap();
    assert!(matches!(server.hear().await, Told::Opened(_)));
    // The first byte of two that say what the stream is for: the library accepts no further stream until the second comes.
    let (mut half, _) = connection.quic_connection().open_bi().await.unwrap();
    half.write_all(&[0x40]).await.unwrap();
    for _ in 0..3 {
        send.write_all(b"\x02{}").await.unwrap();
        assert_eq!(server.hear().await, Told::Frame(StreamKind::Ordered, Bytes::from_static(b"{}")));
        let mut answer = [0; 3];
        recv.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\x02{}");
    }
    drop(half);
    connection.close(wtransport::VarInt::from_u32(0), b"");
    assert!(matches!(server.hear().await, Told::Ended(_)));
    server.recorder.places.all_free().await;
}

#[tokio::test]
async fn streams_beyond_the_second_are_refused() {
    let mut server = Server::start().await;
    let connection = webtransport(&server).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let (mut send, mut recv) = connection.open_bi().await.unwrap().await.unwrap();
        send.write_all(b"\x02{}").await.unwrap();
        let mut answer = [0; 3];
        recv.read_exact(&mut answer).await.unwrap();
        streams.push((send, recv));
    }
    assert!(matches!(server.hear().await, Told::Opened(_)));
    assert!(matches!(server.hear().await, Told::Frame(StreamKind::Ordered, _)));
    assert!(matches!(server.hear().await, Told::Frame(StreamKind::Fetch, _)));
    let (_, mut recv) = connection.open_bi().await.unwrap().await.unwrap();
    assert!(recv.read(&mut [0; 8]).await.is_err(), "the third stream is reset");
    let mut uni = connection.open_uni().await.unwrap().await.unwrap();
    uni.stopped().await;
    streams[0].0.write_all(b"\x02[]").await.unwrap();
    assert_eq!(server.hear().await, Told::Frame(StreamKind::Ordered, Bytes::from_static(b"[]")));
}

#[tokio::test]
async fn raw_quic_carries_the_same_frames() {
    let mut server = Server::start().await;
    let connection = quic(&server, ALPN_TIDINGS).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(b"\x02{}\x07\"close\"").await.unwrap();
    let Told::Opened(peer) = server.hear().await else { panic!("a session opens first") };
    assert_eq!((peer.carrier, peer.origin), (CarrierKind::RawQuic, None));
    assert_eq!(server.hear().await, Told::Frame(StreamKind::Ordered, Bytes::from_static(b"{}")));
    let mut all = recv.read_to_end(1000).await.unwrap();
    assert_eq!(&all.drain(..3).collect::<Vec<_>>()[..], b"\x02{}");
    assert!(String::from_utf8_lossy(&all).contains("\"code\":4502"));
    let quinn::ConnectionError::ApplicationClosed(close) = connection.closed().await else {
        panic!("closed with a code")
    };
    assert_eq!(close.error_code.into_inner(), 4502);
}
