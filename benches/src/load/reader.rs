//! One client: reads, checks content and order of all that comes, and answers pings.

use crate::tally::Tally;
use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tidings_client::{Client, ClientError};
use tidings_wire::{Change, ClientFrame, ServerFrame};
use tokio::sync::watch;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `tidings.v1`.
    Tidings,
    /// A frame is the body, and nothing more.
    Bare,
}

/// What one client saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Publish to frame, of each delivery.
    pub(crate) latencies: Vec<Duration>,
    /// Deliveries that came again, or after a later one.
    pub(crate) doubled: u64,
    /// Frames with another content than was published, or that nobody asked for.
    pub(crate) wrong: u64,
    /// How often the server said that this client is behind.
    pub(crate) behind: u64,
    /// Why the connection ended early.
    pub(crate) ended: Option<String>,
}

/// A client that reads until it is told to stop.
pub(crate) struct Reader {
    client: Client,
    language: Language,
    tally: Arc<Tally>,
    next: usize,
    seen: Seen,
}

impl Reader {
    pub(crate) fn new(client: Client, language: Language, tally: Arc<Tally>) -> Self {
        Self { client, language, tally, next: 0, seen: Seen::default() }
    }

    /// Reads until `stop` changes; gives what was seen, and the client, which stays connected.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Seen {
        loop {
            let step = tokio::select! {
                step = self.step() => step,
                _ = stop.changed() => break,
            };
            if let Err(error) = step {
                self.seen.ended = Some(error.to_string());
                break;
            }
        }
        self.seen
    }

    async fn step(&mut self) -> Result<()> {
        let bytes = self.client.recv_bytes().await?;
        match self.language {
            Language::Bare => self.take(std::str::from_utf8(&bytes).unwrap_or_default(), bytes.len()),
            Language::Tidings => {
                let frame: ServerFrame = serde_json::from_slice(&bytes).map_err(ClientError::from)?;
                if matches!(frame, ServerFrame::Ping) {
                    self.client.send(&ClientFrame::Pong).await?;
                } else {
                    self.look(frame, bytes.len());
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, frame: ServerFrame, bytes: usize) {
        match frame {
            ServerFrame::Delta { changes, .. } => {
                for change in changes {
                    match change {
                        Change::Added { item } => self.take(&item.body, bytes),
                        _ => self.seen.wrong += 1,
                    }
                }
            }
            ServerFrame::Behind { .. } => self.seen.behind += 1,
            ServerFrame::CaughtUp { .. } | ServerFrame::Counts { .. } | ServerFrame::Pong => {}
            other => {
                self.seen.wrong += 1;
                self.seen.ended = Some(format!("unexpected {other:?}"));
            }
        }
    }

    /// Checks one body against the one that comes next. A gap is what is missing: it shows in the count of deliveries.
    fn take(&mut self, body: &str, bytes: usize) {
        let number = body.split(' ').next().and_then(|number| number.parse().ok());
        match number {
            Some(number) if body == self.tally.body(number) => {
                if number < self.next {
                    self.seen.doubled += 1;
                } else {
                    self.seen.latencies.push(self.tally.deliver(number, bytes));
                    self.next = number + 1;
                }
            }
            _ => self.seen.wrong += 1,
        }
    }
}
