//! What a trusted proxy says of its client: the PROXY protocol before the first byte, and headers of each request.

use crate::carrier::CarrierKind;
use crate::gateway::{Admission, ConnectionPlace, Gateway};
use axum::http::{HeaderMap, HeaderName};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tidings_engine::proxies::TrustedProxies;
use tidings_engine::proxies::header::{PROXY_HEADER_BYTES_MAX, ProxyHeaderFault, parse};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Most bytes of a host that is believed: 255.
const HOST_BYTES_MAX: usize = 255;

/// Whether connections begin with a header of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// They do not.
    #[default]
    Off,
    /// Each does, and comes from a trusted proxy; any other is closed.
    Required,
}

/// Whom a listener believes.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Whose word is taken.
    pub trusted: Arc<TrustedProxies>,
    /// Whether they say it before the first byte.
    pub protocol: ProxyProtocol,
}

/// Why a connection is closed before anything of its client is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAnnounced {
    #[error("the peer is no trusted proxy")]
    Untrusted,
    #[error("no PROXY header within the handshake time")]
    Late,
    #[error(transparent)]
    Header(#[from] ProxyHeaderFault),
    #[error("connection lost before its PROXY header: {0}")]
    Lost(#[from] io::Error),
    #[error("there is no place for the client")]
    Place,
}

/// Who is at the other end of a connection, and the place that was taken for it.
pub(crate) struct Arrived<T> {
    /// Whoever it is from here on: the client where a proxy has announced it.
    pub(crate) address: SocketAddr,
    /// Its place.
    pub(crate) ticket: T,
    /// Whether it speaks for others, request by request.
    pub(crate) is_proxy: bool,
}

impl<T: Clone> Arrived<T> {
    /// What the first session on the connection can stand in: nobody stands in the place of a proxy.
    pub(crate) fn place(&self) -> Option<ConnectionPlace<T>> {
        (!self.is_proxy).then(|| ConnectionPlace::new(self.ticket.clone()))
    }
}

impl Proxies {
    /// Takes a place for whoever connects.
    pub(crate) fn arrive<G: Gateway>(&self, gateway: &G, address: SocketAddr) -> Option<Arrived<G::Ticket>> {
        let is_proxy = self.trusted.contains(address.ip());
        let asked =
            if is_proxy { Admission::of_proxy(address) } else { Admission::of_client(address, CarrierKind::Http) };
        // A refused peer learns nothing: its connection is closed before anything is read from it.
        let ticket = gateway.admit(&asked).ok()?;
        Some(Arrived { address, ticket, is_proxy })
    }

    /// Reads what the proxy announces, and exchanges its place for one of the client.
    pub(crate) async fn announced<G: Gateway>(
        &self,
        gateway: &G,
        stream: &mut TcpStream,
        arrived: Arrived<G::Ticket>,
        wait: Duration,
    ) -> Result<Arrived<G::Ticket>, NotAnnounced> {
        if self.protocol == ProxyProtocol::Off {
            return Ok(arrived);
        }
        if !arrived.is_proxy {
            return Err(NotAnnounced::Untrusted);
        }
        let client = tokio::time::timeout(wait, read_header(stream)).await.map_err(|_| NotAnnounced::Late)??;
        match client {
            Some(client) => self.arrive(gateway, client).ok_or(NotAnnounced::Place),
            None => Ok(arrived),
        }
    }

    /// The client of one request on a connection of `peer`, and how it reached the proxy where `peer` is trusted.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> (SocketAddr, Option<Forwarded>) {
        if !self.trusted.contains(peer.ip()) {
            return (peer, None);
        }
        // A value that is no text stands for nobody.
        let values = headers.get_all(X_FORWARDED_FOR).into_iter().map(|value| value.to_str().unwrap_or("?"));
        let values: Vec<_> = values.collect();
        let client = self.trusted.client(peer, values.into_iter());
        let is_of_client = !self.trusted.contains(client.ip());
        (client, Some(Forwarded { is_of_client, ..Forwarded::of(headers) }))
    }
}

/// How a client reached the proxy that it came by. Among the extensions of a request that a trusted proxy sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// Whether it is of a client, and not of a trusted proxy that speaks for itself.
    pub is_of_client: bool,
    /// Whether by TLS, where the proxy says so.
    pub is_secure: Option<bool>,
    /// The host that the client asked for, where the proxy says so.
    pub host: Option<String>,
}

impl Forwarded {
    fn of(headers: &HeaderMap) -> Self {
        let is_secure = match last(headers, &X_FORWARDED_PROTO) {
            Some("https") => Some(true),
            Some("http") => Some(false),
            _ => None,
        };
        let host = last(headers, &X_FORWARDED_HOST).filter(|host| is_host(host)).map(str::to_owned);
        Self { is_of_client: false, is_secure, host }
    }
}

/// The last value: that of the proxy which is nearest.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get_all(name).into_iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim)
}

fn is_host(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= HOST_BYTES_MAX && text.bytes().all(known)
}

/// Takes the header off the stream and not one byte of what follows. Gives the client, `None` where the proxy speaks for itself.
async fn read_header(stream: &mut TcpStream) -> Result<Option<SocketAddr>, NotAnnounced> {
    let mut header = Vec::new();
    let mut window = [0; PROXY_HEADER_BYTES_MAX];
    loop {
        // Looked at before it is taken: where the header ends is known only then.
        let seen = stream.peek(&mut window).await?;
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let before = header.len();
        header.extend_from_slice(&window[..seen]);
        let found = parse(&header)?;
        let taken = found.map_or(seen, |found| found.bytes - before);
        stream.read_exact(&mut window[..taken]).await?;
        if let Some(found) = found {
            return Ok(found.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Forwarded, Proxies, ProxyProtocol};
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use std::net::SocketAddr;
    use std::sync::Arc;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(pair).collect()
    }

    fn proxies() -> Proxies {
        let trusted = Arc::new(["10.0.0.0/8".parse().unwrap()].into_iter().collect());
        Proxies { trusted, protocol: ProxyProtocol::Off }
    }

    const SAID: &[(&str, &str)] =
        &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example")];

    #[test]
    fn headers_of_a_peer_that_is_not_trusted_are_ignored() {
        let peer: SocketAddr = "192.0.2.9:1".parse().unwrap();
        assert_eq!(proxies().client(peer, &headers(SAID)), (peer, None));
    }

    #[test]
    fn a_trusted_proxy_tells_who_came_and_how() {
        let peer = "10.0.0.1:1".parse().unwrap();
        let (client, forwarded) = proxies().client(peer, &headers(SAID));
        assert_eq!(client, "192.0.2.1:0".parse().unwrap());
        let expected = Forwarded { is_of_client: true, is_secure: Some(true), host: Some("a.example".to_owned()) };
        assert_eq!(forwarded, Some(expected));
        assert_eq!(proxies().client(peer, &headers(&[])), (peer, Some(Forwarded::default())));
    }

    #[test]
    fn the_nearest_proxy_has_the_last_word_and_nonsense_is_no_word() {
        let of = |proto, host| Forwarded::of(&headers(&[("x-forwarded-proto", proto), ("x-forwarded-host", host)]));
        let said = of("http, https", "evil.example, good.example:8443");
        assert_eq!((said.is_secure, said.host.as_deref()), (Some(true), Some("good.example:8443")));
        for (proto, host) in [("HTTPS", "a/b"), ("", ""), ("javascript", "a\"b"), ("https://", "a b")] {
            assert_eq!(of(proto, host), Forwarded::default(), "{proto} {host}");
        }
    }
}
