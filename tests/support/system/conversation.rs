//! A session over any carrier, as an SDK holds it.

use super::caller::connector;
use super::server::Addresses;
use super::sure;
use serde_json::Value;
use tidings_client::{Client, ClientError, Connector, Places, Transport};
use tidings_wire::{ClientFrame, Counts, Hello, InboxName, Item, ServerFrame, SubscribeTo};

/// All carriers that go both ways.
pub(crate) const CARRIERS: [Transport; 3] = [Transport::WebSocket, Transport::WebTransport, Transport::Quic];

/// A connection whose pings are answered.
pub(crate) struct Conversation {
    client: Client,
}

/// An inbox as it stood at the beginning.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// Where to go on.
    pub(crate) cursor: String,
    /// The counts.
    pub(crate) counts: Counts,
    /// The newest page.
    pub(crate) items: Vec<Item>,
    /// Whether there are older ones.
    pub(crate) has_more: bool,
}

/// The name of a carrier in the security log.
pub(crate) const fn carrier_name(transport: Transport) -> &'static str {
    match transport {
        Transport::WebSocket => "websocket",
        Transport::WebTransport => "webtransport",
        Transport::Quic => "quic",
    }
}

impl Conversation {
    /// Connects and says nothing.
    ///
    /// # Errors
    /// There is no server, or it refuses.
    pub(crate) async fn connect(addresses: &Addresses, transport: Transport) -> Result<Self, ClientError> {
        Self::connect_with(&connector(), addresses, transport).await
    }

    /// Connects by a connector of one's own.
    ///
    /// # Errors
    /// There is no server, or it refuses.
    pub(crate) async fn connect_with(
        connector: &Connector,
        addresses: &Addresses,
        transport: Transport,
    ) -> Result<Self, ClientError> {
        let places = Box::pin(connector.discover(&addresses.http)).await?;
        Self::connect_at(connector, &places, transport).await
    }

    /// Connects to one of the places that are known already.
    ///
    /// # Errors
    /// There is no server, or it refuses.
    pub(crate) async fn connect_at(
        connector: &Connector,
        places: &Places,
        transport: Transport,
    ) -> Result<Self, ClientError> {
        Ok(Self { client: connector.connect_to(places, transport).await? })
    }

    /// Connects, says hello and is welcomed; the inbox is followed from `from` where one is named.
    ///
    /// # Errors
    /// There is no server, or it went away.
    pub(crate) async fn open(
        addresses: &Addresses,
        transport: Transport,
        token: &str,
        follow: Option<(InboxName, Option<String>)>,
    ) -> Result<Self, ClientError> {
        let mut opened = Self::connect(addresses, transport).await?;
        let subscribe = follow.into_iter().map(|(inbox, from)| SubscribeTo { inbox, from }).collect();
        let hello = Hello { token: token.to_owned(), ticket: None, client: Some("testkit".to_owned()), subscribe };
        opened.client.send(&ClientFrame::Hello(hello)).await?;
        match opened.next().await? {
            ServerFrame::Welcome { .. } => Ok(opened),
            other => panic!("hello was answered by {other:?}"),
        }
    }

    /// As [`open`](Self::open) with an inbox followed from its snapshot, on a server that must be there.
    pub(crate) async fn follow(
        addresses: &Addresses,
        transport: Transport,
        token: &str,
        inbox: InboxName,
    ) -> (Self, Beginning) {
        let opened = sure("welcome", Self::open(addresses, transport, token, Some((inbox, None)))).await;
        let mut opened = opened.expect("the server is there");
        match opened.must().await {
            ServerFrame::Snapshot { cursor, counts, items, has_more, .. } => {
                (opened, Beginning { cursor, counts, items, has_more })
            }
            other => panic!("instead of a snapshot came {other:?}"),
        }
    }

    /// The carrier's client, for what no honest conversation does.
    pub(crate) const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The next frame that says something.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) async fn next(&mut self) -> Result<ServerFrame, ClientError> {
        loop {
            match self.client.recv().await? {
                ServerFrame::Ping => self.client.send(&ClientFrame::Pong).await?,
                ServerFrame::Pong => {}
                frame => return Ok(frame),
            }
        }
    }

    /// The next frame that says something, which must come.
    pub(crate) async fn must(&mut self) -> ServerFrame {
        sure("frame", self.next()).await.unwrap_or_else(|error| panic!("instead of a frame: {error}"))
    }

    /// Sends a frame and returns the reply to it, leaving out what else comes.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) async fn ask(&mut self, frame: &ClientFrame, asked: &str) -> Result<ServerFrame, ClientError> {
        self.client.send(frame).await?;
        loop {
            match self.next().await? {
                ServerFrame::Reply { id, ok, cursor, result, error } if id == asked => {
                    return Ok(ServerFrame::Reply { id, ok, cursor, result, error });
                }
                _ => {}
            }
        }
    }

    /// Until the server closes: every frame, and the code it ended with.
    pub(crate) async fn until_the_end(&mut self) -> (Vec<ServerFrame>, Option<u16>) {
        let mut frames = Vec::new();
        let ending = async {
            loop {
                match self.next().await {
                    Ok(frame) => frames.push(frame),
                    Err(error) => return error,
                }
            }
        };
        let error = sure("end of the connection", ending).await;
        let said = frames.iter().find_map(|frame| match frame {
            ServerFrame::Close { code, .. } => Some(*code),
            _ => None,
        });
        match error {
            ClientError::Closed { code, .. } => {
                assert!(said.is_none() || code == said, "the close frame says {said:?}, the carrier {code:?}");
                (frames, code)
            }
            _ => (frames, said),
        }
    }
}

/// A frame as JSON.
pub(crate) fn json_of(frame: &ServerFrame) -> Value {
    serde_json::to_value(frame).expect("every frame has a JSON form")
}
