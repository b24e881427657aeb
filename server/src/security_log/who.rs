use std::net::{IpAddr, SocketAddr};
use tidings_adapters::carrier::CarrierKind;
use tidings_adapters::gateway::Peer;
use tidings_adapters::http::Caller;
use tidings_engine::grant::Grant;

/// Most characters of what a client says of itself: 256.
const CHARACTERS_MAX: usize = 256;

/// Whom a line is about.
#[derive(Clone, Debug)]
pub(crate) struct Who<'a> {
    pub(super) connection: Option<u64>,
    pub(super) request: Option<&'a str>,
    pub(super) carrier: &'static str,
    pub(super) address: IpAddr,
    pub(super) user_agent: Option<&'a str>,
    pub(super) tenant: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
}

impl<'a> Who<'a> {
    /// Somebody of whom nothing is known yet.
    pub(crate) fn stranger(address: SocketAddr, carrier: CarrierKind) -> Self {
        Self {
            connection: None,
            request: None,
            carrier: carrier.name(),
            address: address.ip(),
            user_agent: None,
            tenant: None,
            subject: None,
        }
    }

    /// Who asks for a connection.
    pub(crate) fn peer(peer: &'a Peer) -> Self {
        let user_agent = peer.user_agent.as_deref().map(cut);
        Self { user_agent, ..Self::stranger(peer.address, peer.carrier) }
    }

    /// Who makes a request over HTTP.
    pub(crate) fn caller(caller: &'a Caller) -> Self {
        let user_agent = caller.user_agent.as_deref().map(cut);
        let request = Some(caller.request_id.as_str());
        Self { request, user_agent, ..Self::stranger(caller.address, CarrierKind::Http) }
    }

    /// On this connection of the node.
    pub(crate) const fn on(mut self, connection: u64) -> Self {
        self.connection = Some(connection);
        self
    }

    /// With a token that was verified.
    pub(crate) fn with(mut self, grant: Option<&'a Grant>) -> Self {
        self.tenant = grant.map(|grant| &*grant.tenant);
        self.subject = grant.map(|grant| &*grant.subject);
        self
    }
}

/// What a client says of itself, as far as it is written: the first [`CHARACTERS_MAX`] characters.
pub(super) fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(CHARACTERS_MAX).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{CHARACTERS_MAX, cut};

    #[test]
    fn what_a_client_says_is_cut_by_characters() {
        assert_eq!(cut("Mozilla"), "Mozilla");
        assert_eq!(cut(&"ä".repeat(CHARACTERS_MAX + 1)).chars().count(), CHARACTERS_MAX);
    }
}
