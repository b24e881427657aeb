//! The driver over a pipe of a few bytes, where every write blocks, with time that passes only when nothing else can.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use support::{Recorder, Told, recorder};
use tidings_adapters::carrier::{CarrierEnd, CarrierKind, StreamKind};
use tidings_adapters::driver::drive;
use tidings_adapters::gateway::{Gateway, Peer};
use tidings_adapters::websocket::WebSocketCarrier;
use tidings_engine::ids::Time;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

/// Bytes that fit into the pipe: fewer than one frame of a flood.
const PIPE_BYTES: usize = 64;

struct Piped {
    recorder: Arc<Recorder>,
    heard: Heard,
    client: DuplexStream,
    driver: JoinHandle<()>,
}

/// What the protocol was told.
struct Heard(UnboundedReceiver<Told>);

impl Heard {
    /// The next thing told. Fails instead of waiting for ever: time passes at once when nobody has anything to do.
    async fn recv(&mut self) -> Told {
        tokio::time::timeout(Duration::from_secs(600), self.0.recv()).await.expect("told in time").unwrap()
    }
}

/// Refuses every second write, so that room appears and goes between two attempts as it does in a real socket.
struct Stutter {
    pipe: DuplexStream,
    refuses: bool,
}

impl AsyncRead for Stutter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stutter {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.refuses = !self.refuses;
        if self.refuses {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.pipe).poll_write(context, &bytes[..bytes.len().min(7)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

fn start(prepare: impl FnOnce(&Recorder)) -> Piped {
    let (recorder, mut heard) = recorder();
    prepare(&recorder);
    let (client, server) = tokio::io::duplex(PIPE_BYTES);
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer { address, carrier: CarrierKind::WebSocket, origin: None, user_agent: None };
    let protocol = recorder.open(recorder.ticket(), peer);
    assert!(matches!(heard.try_recv(), Ok(Told::Opened(_))));
    let server = Stutter { pipe: server, refuses: false };
    let driver = tokio::spawn(drive(WebSocketCarrier::new(server), protocol, Arc::clone(&recorder)));
    Piped { recorder, heard: Heard(heard), client, driver }
}

/// A short message as a client sends it, under a mask of zeros. Opcode 1 is text, 9 is a ping.
fn message(opcode: u8, text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_still_heard() {
    let mut piped = start(|recorder| recorder.floods.store(true, Ordering::SeqCst));
    for number in 0..1000 {
        let text = format!("{{\"n\":{number}}}");
        let write = message(1, &text);
        tokio::time::timeout(Duration::from_secs(600), piped.client.write_all(&write)).await.expect("read").unwrap();
        assert_eq!(piped.heard.recv().await, Told::Frame(StreamKind::Ordered, Bytes::from(text)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_fires_while_a_write_is_blocked_and_the_place_is_given_back() {
    let mut piped = start(|recorder| {
        recorder.floods.store(true, Ordering::SeqCst);
        *recorder.timeout.lock() = Some(Time(25_000));
    });
    assert_eq!(piped.heard.recv().await, Told::TimedOut);
    assert_eq!(piped.recorder.now(), Time(25_000));
    // The last frames find no reader: after a second the peer is left.
    assert_eq!(piped.heard.recv().await, Told::Ended(CarrierEnd::Closed { code: None }));
    assert_eq!(piped.recorder.now(), Time(26_000));
    piped.driver.await.unwrap();
    assert_eq!(piped.recorder.places.taken(), 0);
}

#[tokio::test(start_paused = true)]
async fn pongs_never_cut_a_frame_that_is_half_written() {
    let mut piped = start(|recorder| recorder.floods.store(true, Ordering::SeqCst));
    let mut stream = Vec::new();
    let mut chunk = [0; 50];
    for _ in 0..2000 {
        piped.client.write_all(&message(9, "life")).await.unwrap();
        assert_eq!(piped.heard.recv().await, Told::Alive);
        let read = tokio::time::timeout(Duration::from_secs(600), piped.client.read(&mut chunk));
        let count = read.await.expect("bytes in time").unwrap();
        stream.extend_from_slice(&chunk[..count]);
    }
    let (mut at, mut texts, mut pongs) = (0, 0, 0);
    while at + 4 <= stream.len() {
        let (header, length) = match (stream[at], stream[at + 1]) {
            (0x81, 126) => (4, usize::from(u16::from_be_bytes([stream[at + 2], stream[at + 3]]))),
            (0x8a, length) => (2, usize::from(length)),
            other => panic!("no header at {at}: {other:?}"),
        };
        let payload = &stream[at + header..stream.len().min(at + header + length)];
        match header {
            4 => {
                texts += 1;
                assert!(payload.iter().all(|byte| *byte == b'x'));
            }
            _ => {
                pongs += 1;
                assert!(b"life".starts_with(payload));
            }
        }
        at += header + length;
    }
    assert!(texts > 3 && pongs > 3, "{texts} frames and {pongs} pongs");
}

#[tokio::test(start_paused = true)]
async fn a_fragmented_message_is_limited_as_a_whole() {
    let mut piped = start(|_| {});
    let fragment = |first: bool| {
        let opcode = u8::from(first);
        [&[opcode, 0x80 | 126, 0x40, 0, 0, 0, 0, 0][..], &[b'x'; 0x4000]].concat()
    };
    for number in 0..5 {
        piped.client.write_all(&fragment(number == 0)).await.unwrap();
    }
    assert!(matches!(piped.heard.recv().await, Told::Fault(StreamKind::Ordered, _)));
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_utf8_is_a_fault() {
    let mut piped = start(|_| {});
    piped.client.write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]).await.unwrap();
    assert!(matches!(piped.heard.recv().await, Told::Fault(StreamKind::Ordered, _)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_ends_the_session_and_gives_its_place_back() {
    let mut piped = start(|_| {});
    drop(piped.client);
    assert!(matches!(piped.heard.recv().await, Told::Ended(_)));
    piped.driver.await.unwrap();
    assert_eq!(piped.recorder.places.taken(), 0);
}
