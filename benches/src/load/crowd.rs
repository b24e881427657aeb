//! Many clients of one server: connected in waves, idle at first, then reading.

use crate::reader::{Language, Reader, Seen};
use crate::tally::Tally;
use anyhow::{Context, Result, anyhow};
use std::sync::Arc;
use std::time::Duration;
use tidings_client::{Client, Connector, Transport, Trust};
use tidings_wire::{ClientFrame, Hello, InboxName, ServerFrame, SubscribeTo};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that are opened at the same time: far below what a server admits before they say who they are.
const WAVE_COUNT: usize = 100;

/// UDP sockets that share the WebTransport connections.
const SOCKETS_COUNT: usize = 8;

/// How long one connection may take while all others are being opened.
const CONNECT: Duration = Duration::from_secs(30);

/// Connections of each carrier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) websocket: usize,
    pub(crate) webtransport: usize,
}

impl Counts {
    pub(crate) const fn of(self, transport: Transport) -> usize {
        match transport {
            Transport::WebSocket => self.websocket,
            Transport::WebTransport => self.webtransport,
            Transport::Quic => 0,
        }
    }
}

/// Where clients of one carrier connect to.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) transport: Transport,
    pub(crate) language: Language,
}

/// Connected clients.
pub(crate) struct Crowd {
    connectors: Vec<Connector>,
    clients: Vec<(Client, Language)>,
}

impl Crowd {
    pub(crate) fn new() -> Self {
        let connector = || Connector::new(&Trust::Anything).with_timeout(CONNECT);
        Self { connectors: (0..SOCKETS_COUNT).map(|_| connector()).collect(), clients: Vec::new() }
    }

    /// Adds one client for each token.
    pub(crate) async fn connect(&mut self, place: &Place, tokens: &[String]) -> Result<()> {
        for wave in tokens.chunks(WAVE_COUNT) {
            let mut opening = JoinSet::new();
            for (number, token) in wave.iter().enumerate() {
                let connector = self.connectors[number % SOCKETS_COUNT].clone();
                let (place, token) = (place.clone(), token.clone());
                opening.spawn(async move { Box::pin(open(&connector, &place, token)).await });
            }
            while let Some(opened) = opening.join_next().await {
                let client = opened?.with_context(|| format!("cannot connect to {}", place.url))?;
                self.clients.push((client, place.language));
            }
        }
        Ok(())
    }

    /// Has everybody read from now on.
    pub(crate) fn read(self, tally: &Arc<Tally>) -> Reading {
        let (stop, stopped) = watch::channel(false);
        let mut readers = JoinSet::new();
        for (client, language) in self.clients {
            let reader = Reader::new(client, language, Arc::clone(tally));
            readers.spawn(reader.run(stopped.clone()));
        }
        Reading { readers, stop, _connectors: self.connectors }
    }
}

/// A crowd that reads.
pub(crate) struct Reading {
    readers: JoinSet<Seen>,
    stop: watch::Sender<bool>,
    _connectors: Vec<Connector>,
}

impl Reading {
    /// Ends it; what each saw.
    pub(crate) async fn stop(mut self) -> Result<Vec<Seen>> {
        self.stop.send(true).map_err(|_| anyhow!("every reader has ended early"))?;
        let mut seen = Vec::with_capacity(self.readers.len());
        while let Some(one) = self.readers.join_next().await {
            seen.push(one?);
        }
        Ok(seen)
    }
}

async fn open(connector: &Connector, place: &Place, token: String) -> Result<Client> {
    let mut client = connector.connect(&place.url, place.transport).await?;
    match place.language {
        Language::Bare => {
            client.send_text(token).await?;
            client.recv_bytes().await?;
        }
        Language::Tidings => {
            let subscribe = vec![SubscribeTo { inbox: InboxName::Me, from: None }];
            let hello = Hello { token, ticket: None, client: Some("load".to_owned()), subscribe };
            client.send(&ClientFrame::Hello(hello)).await?;
            loop {
                match client.recv().await? {
                    ServerFrame::Welcome { .. } => {}
                    ServerFrame::Snapshot { .. } => break,
                    other => return Err(anyhow!("hello was answered by {other:?}")),
                }
            }
        }
    }
    Ok(client)
}
