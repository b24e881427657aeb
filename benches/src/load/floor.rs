//! The floor: the bare libraries, echoing what comes and telling everybody what stands on standard input.

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use std::io::BufRead;
use std::net::Ipv4Addr;
use std::time::Duration;
use tidings_benches::table::say;
use tidings_wire::{FRAME_BYTES_MAX, PROTOCOL, varint};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use wtransport::endpoint::IncomingSession;
use wtransport::{Endpoint, Identity, ServerConfig};

/// Frames that may wait for all connections together.
const QUEUED_COUNT: usize = 256;

/// A QUIC connection may be silent for so long.
const QUIC_IDLE: Duration = Duration::from_secs(300);

/// Bytes that one read takes.
const READ_BYTES: usize = 4096;

/// Serves bare tungstenite until standard input ends.
pub(crate) async fn websocket() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (told, ended) = told();
    say(&format!("url ws://{}/", listener.local_addr()?));
    say("ready");
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_websocket(stream, told.subscribe()));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = ended => {}
    }
    Ok(())
}

/// Serves bare wtransport until standard input ends.
pub(crate) async fn webtransport() -> Result<()> {
    let identity = Identity::self_signed(["localhost", "127.0.0.1"])?;
    let config = ServerConfig::builder()
        .with_bind_address((Ipv4Addr::LOCALHOST, 0).into())
        .with_identity(identity)
        .max_idle_timeout(Some(QUIC_IDLE))?
        .build();
    let endpoint = Endpoint::server(config)?;
    let (told, ended) = told();
    say(&format!("url https://{}/", endpoint.local_addr()?));
    say("ready");
    let accepting = async {
        loop {
            let incoming = endpoint.accept().await;
            let told = told.subscribe();
            tokio::spawn(async move { Box::pin(serve_webtransport(incoming, told)).await });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = ended => {}
    }
    Ok(())
}

/// Lines of standard input, for every connection, and their end.
fn told() -> (broadcast::Sender<Utf8Bytes>, impl Future<Output = ()>) {
    let (sender, _) = broadcast::channel(QUEUED_COUNT);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let telling = sender.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            // Without connections nobody hears it.
            let _ = telling.send(Utf8Bytes::from(line));
        }
        drop(end);
    });
    (sender, async {
        let _ = ended.await;
    })
}

async fn serve_websocket(stream: TcpStream, mut told: broadcast::Receiver<Utf8Bytes>) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    #[expect(clippy::result_large_err, reason = "the library's callback returns a response either way")]
    let with_protocol = |_: &Request, mut response: Response| {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async_with_config(stream, with_protocol, Some(config)).await?;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => socket.send(Message::Text(text)).await?,
                Some(Ok(_)) => {}
                _ => return Ok(()),
            },
            text = told.recv() => socket.send(Message::Text(text?)).await?,
        }
    }
}

async fn serve_webtransport(incoming: IncomingSession, mut told: broadcast::Receiver<Utf8Bytes>) -> Result<()> {
    let connection = incoming.await?.accept().await?;
    let (mut send, mut recv) = connection.accept_bi().await?;
    loop {
        tokio::select! {
            chunk = recv.quic_stream_mut().read_chunk(READ_BYTES, true) => match chunk? {
                Some(chunk) => send.write_all(&chunk.bytes).await?,
                None => return Ok(()),
            },
            text = told.recv() => {
                let text = text?;
                let header = varint::encode(text.len() as u64).context("a line is short")?;
                send.write_all(&[header.as_ref(), text.as_bytes()].concat()).await?;
            }
        }
    }
}
