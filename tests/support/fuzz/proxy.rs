//! What comes before a client's own bytes, or claims to tell where it is.

use super::reach;
use std::net::SocketAddr;
use tidings_engine::proxies::header::{PROXY_HEADER_BYTES_MAX, parse};
use tidings_engine::proxies::{Network, TrustedProxies};

/// What the committed inputs reach.
pub const MARKS: &[&str] = &["line", "binary", "the proxy itself", "cut", "refused", "forwarded", "network"];

/// A PROXY header is found at one length alone, whatever comes after it; and no text moves a peer that is not trusted.
pub fn run(data: &[u8]) {
    match parse(data) {
        Ok(Some(found)) => {
            reach(if data.starts_with(b"PROXY") { "line" } else { "binary" });
            if found.client.is_none() {
                reach("the proxy itself");
            }
            assert!(found.bytes <= data.len() && found.bytes <= PROXY_HEADER_BYTES_MAX);
            assert_eq!(parse(&data[..found.bytes]), Ok(Some(found)));
            for end in 0..found.bytes {
                assert_eq!(parse(&data[..end]), Ok(None), "it is not whole at {end} bytes");
            }
        }
        Ok(None) => {
            reach("cut");
            assert!(data.len() < PROXY_HEADER_BYTES_MAX, "it waits for more than a header may have");
        }
        Err(fault) => {
            reach("refused");
            let further = [data, b"\r\n"].concat();
            assert_eq!(parse(&further), Err(fault), "more bytes do not mend it");
        }
    }
    let text = String::from_utf8_lossy(data);
    let trusted: TrustedProxies = ["10.0.0.0/8".parse::<Network>().expect("it is a network")].into_iter().collect();
    let stranger = SocketAddr::from(([192, 0, 2, 1], 9));
    assert_eq!(trusted.client(stranger, [&*text].into_iter()), stranger);
    let client = trusted.client(SocketAddr::from(([10, 0, 0, 1], 9)), [&*text].into_iter());
    if client.ip() != SocketAddr::from(([10, 0, 0, 1], 9)).ip() {
        reach("forwarded");
        assert!(!text.is_empty(), "an address out of nothing");
    }
    if let Ok(network) = text.parse::<Network>() {
        reach("network");
        assert_eq!(network.to_string().parse(), Ok(network));
    }
}
