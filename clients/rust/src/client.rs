//! One connection to a server.

use crate::connector::TcpOrTls;
use crate::error::ClientError;
use crate::frame_stream::{FrameStream, Streams};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use quinn::VarInt;
use serde::Serialize;
use std::time::Duration;
use tidings_wire::ServerFrame;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// How long the server may take to have received the last frames when the client leaves.
const FAREWELL: Duration = Duration::from_secs(1);

/// The carriers that this client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/3 over QUIC.
    WebTransport,
    /// Over TCP.
    WebSocket,
    /// Frames on a QUIC connection of their own, without HTTP: for services and tools.
    Quic,
}

/// A connection to a server: frames both ways. Saying `hello` is up to the caller.
pub struct Client {
    carrier: Carrier,
    /// What the server's `close` frame said.
    closed: Option<(u16, String)>,
}

enum Carrier {
    WebSocket(Box<WebSocketStream<TcpOrTls>>),
    Quic(Box<Session>),
}

/// A session on QUIC streams.
struct Session {
    connection: quinn::Connection,
    /// The WebTransport session; absent over raw QUIC. It ends when this is dropped.
    webtransport: Option<wtransport::Connection>,
    ordered: FrameStream,
    fetch: Option<FrameStream>,
}

impl Client {
    pub(crate) fn websocket(socket: WebSocketStream<TcpOrTls>) -> Self {
        Self { carrier: Carrier::WebSocket(Box::new(socket)), closed: None }
    }

    pub(crate) fn webtransport(connection: wtransport::Connection, ordered: FrameStream) -> Self {
        Self::on_streams(connection.quic_connection().clone(), Some(connection), ordered)
    }

    pub(crate) fn quic(connection: quinn::Connection, ordered: FrameStream) -> Self {
        Self::on_streams(connection, None, ordered)
    }

    fn on_streams(
        connection: quinn::Connection,
        webtransport: Option<wtransport::Connection>,
        ordered: FrameStream,
    ) -> Self {
        let session = Session { connection, webtransport, ordered, fetch: None };
        Self { carrier: Carrier::Quic(Box::new(session)), closed: None }
    }

    /// The carrier in use.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        match &self.carrier {
            Carrier::WebSocket(_) => Transport::WebSocket,
            Carrier::Quic(session) if session.webtransport.is_some() => Transport::WebTransport,
            Carrier::Quic(_) => Transport::Quic,
        }
    }

    /// Sends one frame: a [`ClientFrame`](tidings_wire::ClientFrame), or anything else that is to be seen refused.
    ///
    /// # Errors
    ///
    /// The connection has ended, or `frame` has no JSON form.
    pub async fn send<F: Serialize + Sync + ?Sized>(&mut self, frame: &F) -> Result<(), ClientError> {
        self.send_text(serde_json::to_string(frame)?).await
    }

    /// Sends `text` as one frame, whatever it says.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub async fn send_text(&mut self, text: String) -> Result<(), ClientError> {
        match &mut self.carrier {
            Carrier::WebSocket(socket) => socket.send(Message::text(text)).await.map_err(ended),
            Carrier::Quic(session) => session.ordered.send(text.as_bytes()).await,
        }
    }

    /// Sends bytes that need not be a frame: as a binary message, or as they are on the stream.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub async fn send_raw(&mut self, bytes: Bytes) -> Result<(), ClientError> {
        match &mut self.carrier {
            Carrier::WebSocket(socket) => socket.send(Message::Binary(bytes)).await.map_err(ended),
            Carrier::Quic(session) => session.ordered.send_raw(&bytes).await,
        }
    }

    /// Sends `frame` on the stream for `fetch` and waits for the answer there. WebTransport alone has such a stream.
    ///
    /// # Errors
    ///
    /// The connection has ended, or the answer is no frame.
    pub async fn fetch<F: Serialize + Sync + ?Sized>(&mut self, frame: &F) -> Result<ServerFrame, ClientError> {
        let not_offered = || ClientError::NotOffered("stream for fetch");
        let Carrier::Quic(session) = &mut self.carrier else { return Err(not_offered()) };
        let webtransport = session.webtransport.as_ref().ok_or_else(not_offered)?;
        let mut stream = match session.fetch.take() {
            Some(stream) => stream,
            None => {
                let opening = webtransport.open_bi().await.map_err(ClientError::failed)?;
                let (send, receive) = opening.await.map_err(ClientError::failed)?;
                FrameStream::new(Streams::WebTransport(send, receive))
            }
        };
        stream.send(&serde_json::to_vec(frame)?).await?;
        let answer = stream.recv().await?.ok_or_else(|| ClientError::Failed("the stream has ended".to_owned()))?;
        session.fetch = Some(stream);
        Ok(serde_json::from_slice(&answer)?)
    }

    /// The next frame. Loses nothing when the wait is given up.
    ///
    /// # Errors
    ///
    /// The connection has ended, with the code of the server's `close` frame where one came; or what came is no frame.
    pub async fn recv(&mut self) -> Result<ServerFrame, ClientError> {
        let bytes = self.recv_bytes().await?;
        let frame = serde_json::from_slice(&bytes)?;
        if let ServerFrame::Close { code, .. } = &frame {
            let reason = serde_json::from_slice::<serde_json::Value>(&bytes)?;
            let reason = reason.get("reason").and_then(serde_json::Value::as_str).unwrap_or_default();
            self.closed = Some((*code, reason.to_owned()));
            // The server waits for its peer to leave, so that the frame is not overtaken.
            if let Carrier::Quic(session) = &self.carrier {
                session.connection.close(VarInt::from_u32(0), b"");
            }
        }
        Ok(frame)
    }

    /// The next frame's bytes, unread. Loses nothing when the wait is given up.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub async fn recv_bytes(&mut self) -> Result<Bytes, ClientError> {
        let received = match &mut self.carrier {
            Carrier::WebSocket(socket) => recv_text(socket).await,
            Carrier::Quic(session) => match session.ordered.recv().await {
                Ok(Some(bytes)) => Ok(bytes),
                Ok(None) => Err(ClientError::Closed { code: None, reason: "the stream has ended".to_owned() }),
                Err(error) => Err(why(&session.connection, error)),
            },
        };
        received.map_err(|error| match self.closed.clone() {
            Some((code, reason)) => ClientError::Closed { code: Some(code), reason },
            None => error,
        })
    }

    /// Leaves in good order.
    pub async fn close(self) {
        match self.carrier {
            Carrier::WebSocket(mut socket) => {
                let frame = CloseFrame { code: 1000.into(), reason: Utf8Bytes::from_static("") };
                // The server may be gone already, which is what is wanted.
                let _ = socket.as_mut().close(Some(frame)).await;
                let _ = tokio::time::timeout(FAREWELL, async { while let Some(Ok(_)) = socket.next().await {} }).await;
            }
            Carrier::Quic(mut session) => {
                // What was sent last shall arrive before the connection is gone.
                let _ = tokio::time::timeout(FAREWELL, session.ordered.finish()).await;
                session.connection.close(VarInt::from_u32(0), b"");
            }
        }
    }
}

async fn recv_text(socket: &mut WebSocketStream<TcpOrTls>) -> Result<Bytes, ClientError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.into()),
            Some(Ok(Message::Close(Some(frame)))) => {
                return Err(ClientError::Closed { code: Some(frame.code.into()), reason: frame.reason.to_string() });
            }
            None | Some(Ok(Message::Close(None))) => {
                return Err(ClientError::Closed { code: None, reason: "without a reason".to_owned() });
            }
            // Pings are answered by the library.
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(ended(error)),
        }
    }
}

fn ended(error: Error) -> ClientError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => {
            ClientError::Closed { code: None, reason: "without a reason".to_owned() }
        }
        error => ClientError::failed(error),
    }
}

/// The QUIC connection knows better than the stream why it has ended.
fn why(connection: &quinn::Connection, error: ClientError) -> ClientError {
    match connection.close_reason() {
        Some(quinn::ConnectionError::ApplicationClosed(close)) => ClientError::Closed {
            code: u16::try_from(close.error_code.into_inner()).ok(),
            reason: String::from_utf8_lossy(&close.reason).into_owned(),
        },
        Some(reason) => ClientError::failed(reason),
        None => error,
    }
}
