//! Servers with small limits, and who comes to them.

use super::carriers::{Asker, Carrier};
use super::kept::Kept;
use super::system::caller::connector;
use super::system::conversation::Conversation;
use super::system::server::{Launch, Server};
use super::system::sure;
use super::system::tokens::{Signer, claims};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidings_client::{Connector, Places};
use tidings_engine::limits::Limit;
use tidings_wire::ServerFrame;

/// Life of tokens, as long as it may be: an hour.
pub(crate) const LIFE_SECONDS: i64 = 3_600;

/// Which server a limit is proven on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Room for everything; what a tenant may have less of, its tenant has.
    Wide,
    /// Little time.
    Hasty,
    /// Three connections in all.
    FewConnections,
    /// Two unauthenticated ones in all.
    FewUnauthenticated,
    /// Two connections of an address.
    AddressConnections,
    /// Two unauthenticated ones of an address.
    AddressUnauthenticated,
    /// One handshake of an address a second.
    AddressHandshakes,
}

const WIDE: &str = "commands_per_second = 1000000\ncommands_burst = 1000000\nqueries_per_second = 1000000\n\
     queries_burst = 1000000\ntenant_publishes_per_second = 1000000\ntenant_recipients_per_second = 1000000\n\
     rate_limited_per_minute_max = 1000000\ntoken_lifetime_ms_max = 3600000\n";

impl Setting {
    fn limits(self) -> &'static str {
        match self {
            // Whoever does not read says nothing either.
            Self::Wide => "idle_ms_max = 600000\n",
            Self::Hasty => {
                "handshake_ms_max = 1500\nhello_ms_max = 2000\nidle_ms_max = 3000\nping_ms = 500\nhttp_body_ms_max = 1500\n"
            }
            Self::FewConnections => "node_connections_max = 3\n",
            Self::FewUnauthenticated => "node_unauthenticated_max = 2\n",
            Self::AddressConnections => "address_connections_max = 2\n",
            Self::AddressUnauthenticated => "address_unauthenticated_max = 2\n",
            Self::AddressHandshakes => "address_handshakes_per_second = 1\n",
        }
    }
}

/// A running server.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) signer: Signer,
    pub(crate) connector: Connector,
    pub(crate) places: Places,
    _folder: TempDir,
}

impl World {
    /// `tenants`: who has less than the node, as TOML.
    pub(crate) async fn begin(setting: Setting, tenants: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let config = format!("[limits]\n{WIDE}{}\n{tenants}", setting.limits());
        let server = Launch::new(&data).with_config(&config).start().await;
        let connector = connector();
        let places = Box::pin(connector.discover(&server.addresses.http)).await.expect("the server is there");
        Self { server, signer: Signer::dev(&data), connector, places, _folder: folder }
    }

    /// Claims of a good token.
    pub(crate) fn claims(tenant: &str, subject: &str, role: &str) -> Value {
        claims(tenant, subject, role, LIFE_SECONDS)
    }

    /// A good token.
    pub(crate) fn token(&self, tenant: &str, role: &str) -> String {
        self.signer.sign(&Self::claims(tenant, "ada", role))
    }

    /// How often a limit was hit.
    pub(crate) async fn hits(&self, limit: Limit) -> f64 {
        self.server.metric(&format!("tidings_limit_hits_total{{limit=\"{}\"}}", limit.name())).await
    }

    pub(crate) async fn kept(&self) -> Kept {
        Kept::connect(&self.server.addresses.http).await
    }

    /// Somebody of a tenant who has come in, and asked nothing yet.
    pub(crate) async fn asker(&self, carrier: Carrier, tenant: &str, role: &str) -> Asker {
        let token = self.token(tenant, role);
        if carrier == Carrier::Http {
            return Asker::Http { kept: self.kept().await, token };
        }
        match self.open(carrier, &token).await {
            Ok(Opened::Session(session)) => Asker::Session(session),
            Ok(Opened::Kept(_)) => panic!("{carrier:?} is asked nothing"),
            Err(code) => panic!("{carrier:?} was refused with {code}"),
        }
    }

    /// Comes with a token; refused: the close code or status, 0 where nothing is told.
    pub(crate) async fn open(&self, carrier: Carrier, token: &str) -> Result<Opened, u16> {
        let authorization = format!("Authorization: Bearer {token}\r\n");
        let path = match carrier {
            Carrier::Http => "/v1/inbox/notifications?limit=1",
            Carrier::Events => "/v1/connect/events",
            _ => return self.open_session(carrier, token).await.map(Opened::Session),
        };
        let mut kept = self.kept().await;
        match kept.ask("GET", path, &authorization, b"").await {
            Some(told) if told.status == 200 => Ok(Opened::Kept(kept)),
            told => Err(told.map_or(0, |told| told.status)),
        }
    }

    async fn open_session(&self, carrier: Carrier, token: &str) -> Result<Conversation, u16> {
        let mut session = self.connect(carrier).await.ok_or(0_u16)?;
        // Whoever is refused may not be heard to the end.
        let _ = session.client().send(&json!({"type": "hello", "token": token})).await;
        match sure("answer to hello", session.next()).await {
            Ok(ServerFrame::Welcome { .. }) => Ok(session),
            Ok(ServerFrame::Close { code, .. }) => Err(code),
            Ok(other) => panic!("hello was answered by {other:?}"),
            Err(_) => Err(session.until_the_end().await.1.unwrap_or(0)),
        }
    }

    /// A connection of frames that says nothing yet; `None` where it is refused.
    pub(crate) async fn connect(&self, carrier: Carrier) -> Option<Conversation> {
        let transport = carrier.transport().expect("a carrier of frames");
        Conversation::connect_at(&self.connector, &self.places, transport).await.ok()
    }

    /// A connection that shows no token, and waits; `None` where it is refused. A reader of events cannot wait: it has its token
    /// in its request.
    pub(crate) async fn stranger(&self, carrier: Carrier) -> Option<Opened> {
        if carrier.transport().is_some() {
            return self.connect(carrier).await.map(Opened::Session);
        }
        let mut kept = self.kept().await;
        kept.ask("GET", "/healthz", "", b"").await.map(|_| Opened::Kept(kept))
    }
}

/// Somebody who is there as long as this is held.
#[allow(dead_code, reason = "what is held is not looked at")]
pub(crate) enum Opened {
    Kept(Kept),
    Session(Conversation),
}
