//! `tidings tail`: follows an inbox and prints each frame as a line of JSON; comes back after every cut.

use super::publish::Server;
use super::{block_on, fail};
use crate::exit::Exit;
use crate::{clock, entropy};
use serde_json::Value;
use std::io::Write as _;
use tidings_client::{Backoff, Client, ClientError, Connector, Transport, Trust};
use tidings_wire::{ClientFrame, Hello, InboxName, Retry, ServerFrame, SubscribeTo};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Person whose inbox to follow, for a token signed here; the tenant inbox when absent
    #[arg(long)]
    user: Option<String>,
    /// What to connect over
    #[arg(long, value_name = "CARRIER", default_value = "webtransport")]
    carrier: Carrier,
    /// The same as `--carrier websocket`
    #[arg(long, conflicts_with = "carrier")]
    websocket: bool,
    /// End after this many items were printed
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    server: Server,
}

/// The carriers by their names on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Carrier {
    Webtransport,
    Websocket,
    Quic,
}

impl Arguments {
    const fn transport(&self) -> Transport {
        match self.carrier {
            _ if self.websocket => Transport::WebSocket,
            Carrier::Webtransport => Transport::WebTransport,
            Carrier::Websocket => Transport::WebSocket,
            Carrier::Quic => Transport::Quic,
        }
    }
}

/// What is known between two connections.
struct Follower<'a> {
    arguments: &'a Arguments,
    inbox: InboxName,
    cursor: Option<String>,
    printed: u64,
}

/// How one connection ended.
enum Ended {
    /// Enough was printed.
    Enough,
    /// The server said never to return, and why.
    ForGood(String),
    /// Come back.
    Cut,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let inbox = if arguments.user.is_some() { InboxName::Me } else { InboxName::Tenant };
    block_on(Follower { arguments, inbox, cursor: None, printed: 0 }.follow())
}

impl Follower<'_> {
    async fn follow(mut self) -> Exit {
        let seed = entropy::bytes().map_or_else(|_| clock::now().0.unsigned_abs(), u64::from_le_bytes);
        let mut backoff = Backoff::new(seed);
        let connector = Connector::new(&Trust::System);
        let mut first = true;
        loop {
            match self.connection(&connector, &mut backoff).await {
                Ok(Ended::Enough) => return Exit::Done,
                Ok(Ended::ForGood(reason)) => return fail(Exit::Failed, &format!("the server closed: {reason}")),
                Ok(Ended::Cut) => {}
                // A server that never answered is a wrong address; one that did will be back.
                Err(error) if first => return fail(Exit::Failed, &error),
                Err(error) => eprintln!("tidings: {error}"),
            }
            first = false;
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn connection(&mut self, connector: &Connector, backoff: &mut Backoff) -> Result<Ended, ClientError> {
        let transport = self.arguments.transport();
        let places = connector.discover(&self.arguments.server.server).await?;
        let mut client = connector.connect_to(&places, transport).await?;
        let (subject, role) = match &self.arguments.user {
            Some(user) => (user.as_str(), "user"),
            None => ("command-line", "service"),
        };
        let token = match self.arguments.server.token(subject, role) {
            Ok(token) => token,
            Err(error) => return Ok(Ended::ForGood(error.to_string())),
        };
        let subscribe = vec![SubscribeTo { inbox: self.inbox.clone(), from: self.cursor.clone() }];
        let hello = Hello {
            token,
            ticket: None,
            client: Some(concat!("tidings-tail/", env!("CARGO_PKG_VERSION")).to_owned()),
            subscribe,
        };
        client.send(&ClientFrame::Hello(hello)).await?;
        self.frames(&mut client, backoff).await
    }

    async fn frames(&mut self, client: &mut Client, backoff: &mut Backoff) -> Result<Ended, ClientError> {
        loop {
            let frame = client.recv().await?;
            match &frame {
                ServerFrame::Ping => {
                    client.send(&ClientFrame::Pong).await?;
                    continue;
                }
                ServerFrame::Pong => continue,
                ServerFrame::Welcome { .. } => backoff.reset(),
                ServerFrame::Close { reason, retry: Retry::Never, .. } => {
                    return Ok(Ended::ForGood(reason.reason().to_owned()));
                }
                ServerFrame::Close { .. } => return Ok(Ended::Cut),
                _ => {}
            }
            if self.print(&frame) {
                return Ok(Ended::Enough);
            }
        }
    }

    /// Prints a frame and keeps its cursor. True when enough was printed.
    fn print(&mut self, frame: &ServerFrame) -> bool {
        let Ok(value) = serde_json::to_value(frame) else { return false };
        if let Some(cursor) = value["cursor"].as_str() {
            self.cursor = Some(cursor.to_owned());
        }
        let items = value["items"].as_array().map_or(0, Vec::len);
        let added = value["changes"].as_array().map_or(0, |all| all.iter().filter(|one| one["op"] == "added").count());
        self.printed += (items + added) as u64;
        let text = Value::to_string(&value);
        // A reader that went away has seen enough.
        let gone = writeln!(std::io::stdout().lock(), "{text}").is_err();
        gone || self.arguments.count.is_some_and(|count| self.printed >= count)
    }
}
