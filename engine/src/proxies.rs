//! Whose word is taken for where a client is: the proxies that the operator trusts, and nobody else.

pub mod header;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Most addresses of one `X-Forwarded-For` that are looked at, from the right: 32. Further ones are not believed.
pub const FORWARDED_COUNT_MAX: usize = 32;

/// A range of addresses, such as `10.0.0.0/8` or `fd00::/8`; a lone address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no network: an address, or an address without host bits, a slash and the length of its prefix")]
pub struct BadNetwork {
    text: String,
}

impl Network {
    /// Whether an address lies in it. An IPv4 address in the clothes of IPv6 is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                base.to_bits() == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                base.to_bits() == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork { text: text.to_owned() };
        let (base, prefix) = text.split_once('/').map_or((text, None), |(base, prefix)| (base, Some(prefix)));
        let base = base.parse::<IpAddr>().map_err(|_| bad())?.to_canonical();
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => decimal(prefix).and_then(|prefix| u8::try_from(prefix).ok()).ok_or_else(bad)?,
        };
        let network = Self { base, prefix };
        // A base with host bits would contain nothing, not even itself.
        if prefix > longest || !network.contains(base) { Err(bad()) } else { Ok(network) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// The proxies that are trusted; none unless configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl FromIterator<Network> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl TrustedProxies {
    /// Whether what this peer says of others is believed.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(peer))
    }

    /// Where the client is that `peer` speaks for: the rightmost address of `X-Forwarded-For` that no trusted proxy has, since
    /// only what a trusted one appended is believed. `forwarded` gives the header's values in the order in which they came.
    ///
    /// A peer that is not trusted speaks for itself. The port is 0 where the header tells none.
    #[must_use]
    pub fn client<'a>(&self, peer: SocketAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> SocketAddr {
        let mut client = peer;
        let addresses = forwarded.rev().flat_map(|value| value.rsplit(','));
        for text in addresses.take(FORWARDED_COUNT_MAX) {
            if !self.contains(client.ip()) {
                break;
            }
            // Who cannot be read is not known: the proxy that said so is all there is.
            let Some(address) = address(text.trim()) else { break };
            client = address;
        }
        client
    }
}

/// An address as proxies write it: alone, with a port, in brackets.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let found = text.parse().or_else(|_| bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0))).ok()?;
    Some(SocketAddr::new(found.ip().to_canonical(), found.port()))
}

/// A number in digits alone: the library's own reading takes a sign too.
fn decimal(text: &str) -> Option<u32> {
    (text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{FORWARDED_COUNT_MAX, Network, TrustedProxies};
    use std::net::SocketAddr;

    fn trusted(networks: &[&str]) -> TrustedProxies {
        networks.iter().map(|text| text.parse::<Network>().unwrap()).collect()
    }

    fn client(networks: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let peer = peer.parse().unwrap_or_else(|_| SocketAddr::new(peer.parse().unwrap(), 7));
        trusted(networks).client(peer, forwarded.iter().copied()).to_string()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "127.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "255.1.2.3", "::2"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for bad in
            ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/+8", "10/8", "localhost", "10.0.0.0/8/8"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_is_not_trusted_speaks_for_itself() {
        for forwarded in [&[][..], &["1.1.1.1"], &["10.0.0.1", "1.1.1.1, 10.0.0.2"]] {
            assert_eq!(client(&["10.0.0.0/8"], "9.9.9.9", forwarded), "9.9.9.9:7");
            assert_eq!(client(&[], "127.0.0.1", forwarded), "127.0.0.1:7");
        }
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_no_trusted_proxy_has() {
        let net = &["10.0.0.0/8", "fd00::/8"];
        for (forwarded, expected) in [
            (&["1.1.1.1"][..], "1.1.1.1:0"),
            (&["6.6.6.6, 1.1.1.1"], "1.1.1.1:0"),
            (&["6.6.6.6, 1.1.1.1 ,10.2.2.2"], "1.1.1.1:0"),
            (&["6.6.6.6", "1.1.1.1", "10.2.2.2,10.3.3.3"], "1.1.1.1:0"),
            (&["10.4.4.4, 10.3.3.3"], "10.4.4.4:0"),
            (&["1.1.1.1:443"], "1.1.1.1:443"),
            (&["[2001:db8::1]:443"], "[2001:db8::1]:443"),
            (&["[2001:db8::1], fd00::7"], "[2001:db8::1]:0"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
            (&["::ffff:1.1.1.1"], "1.1.1.1:0"),
            (&[], "10.0.0.1:7"),
            (&[""], "10.0.0.1:7"),
            (&["1.1.1.1, unknown"], "10.0.0.1:7"),
            (&["1.1.1.1, unknown, 10.2.2.2"], "10.2.2.2:0"),
            (&["1.1.1.1, _hidden, 2.2.2.2"], "2.2.2.2:0"),
        ] {
            assert_eq!(client(net, "10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn a_header_without_end_is_not_read_without_end() {
        let many = vec!["10.0.0.9"; FORWARDED_COUNT_MAX * 2].join(",");
        let forwarded = format!("1.1.1.1,{many}");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[&forwarded]), "10.0.0.9:0");
    }
}
