//! The PROXY protocol, versions 1 and 2: what a proxy says of its client before the client's own bytes.

use super::decimal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Most bytes of a header, with the further fields that version 2 may have: 1,024. Nothing is believed of a longer one.
pub const PROXY_HEADER_BYTES_MAX: usize = 1_024;

/// Most bytes of a header of version 1, by its specification: 107.
const LINE_BYTES_MAX: usize = 107;

const LINE: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of version 2 before the addresses.
const PREAMBLE_BYTES: usize = 16;

/// Bytes of a further field before its value.
const FIELD_BYTES: usize = 3;

/// The kind of a further field that holds the checksum of the header.
const CHECKSUM: u8 = 0x03;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Where the client is. `None`: the proxy speaks for itself, as for a check of health.
    pub client: Option<SocketAddr>,
    /// How many bytes it takes; the client's own begin there.
    pub bytes: usize,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderFault {
    /// It begins like neither version.
    #[error("no PROXY header")]
    Absent,
    /// It is longer than it may be.
    #[error("PROXY header is longer than it may be")]
    TooLong,
    /// Something in it is not as it must be.
    #[error("PROXY header is malformed")]
    Malformed,
    /// It is about something else than TCP.
    #[error("PROXY header is not about TCP")]
    NotTcp,
    /// Its checksum does not fit.
    #[error("PROXY header does not match its checksum")]
    Checksum,
}

/// Reads a header at the beginning of `bytes`; `None` when more of it is needed.
///
/// # Errors
/// [`ProxyHeaderFault`], as soon as it is certain; at the latest after [`PROXY_HEADER_BYTES_MAX`] bytes.
pub fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderFault> {
    if begins(bytes, LINE) {
        return line(bytes);
    }
    if begins(bytes, SIGNATURE) {
        return binary(bytes);
    }
    Err(ProxyHeaderFault::Absent)
}

/// Whether `bytes` begin like `start`, as far as there are any.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    let common = bytes.len().min(start.len());
    bytes[..common] == start[..common]
}

fn line(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderFault> {
    let Some(end) = bytes.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_BYTES_MAX { Ok(None) } else { Err(ProxyHeaderFault::TooLong) };
    };
    let text = bytes[..end].strip_suffix(b"\r").and_then(|text| std::str::from_utf8(text).ok());
    let mut words = text.ok_or(ProxyHeaderFault::Malformed)?.split(' ').skip(1);
    let client = match words.next() {
        Some("UNKNOWN") => None,
        Some(family @ ("TCP4" | "TCP6")) => Some(named(family, words).ok_or(ProxyHeaderFault::Malformed)?),
        _ => return Err(ProxyHeaderFault::Malformed),
    };
    Ok(Some(ProxyHeader { client, bytes: end + 1 }))
}

fn named<'a>(family: &str, mut words: impl Iterator<Item = &'a str>) -> Option<SocketAddr> {
    let mut address = || {
        let address: IpAddr = words.next()?.parse().ok()?;
        (address.is_ipv4() == (family == "TCP4")).then_some(address)
    };
    let (source, _) = (address()?, address()?);
    let mut port = || words.next().and_then(decimal).and_then(|port| u16::try_from(port).ok());
    let (source_port, _) = (port()?, port()?);
    words.next().is_none().then(|| SocketAddr::new(source.to_canonical(), source_port))
}

fn binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderFault> {
    let Some(preamble) = bytes.first_chunk::<PREAMBLE_BYTES>() else { return Ok(None) };
    let [.., command, family, high, low] = *preamble;
    let end = PREAMBLE_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if end > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyHeaderFault::TooLong);
    }
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyHeaderFault::Malformed),
    };
    let Some(whole) = bytes.get(..end) else { return Ok(None) };
    let body = &whole[PREAMBLE_BYTES..];
    let (client, further) = match family {
        // What a proxy says of itself is passed over, whatever it is.
        _ if is_local => (None, None),
        0x00 => (None, Some(0)),
        0x11 => (Some(ipv4(body).ok_or(ProxyHeaderFault::Malformed)?), Some(12)),
        0x21 => (Some(ipv6(body).ok_or(ProxyHeaderFault::Malformed)?), Some(36)),
        0x12 | 0x22 | 0x31 | 0x32 => return Err(ProxyHeaderFault::NotTcp),
        _ => return Err(ProxyHeaderFault::Malformed),
    };
    if let Some(further) = further {
        check_fields(whole, PREAMBLE_BYTES + further)?;
    }
    Ok(Some(ProxyHeader { client, bytes: end }))
}

fn ipv4(body: &[u8]) -> Option<SocketAddr> {
    let [a, b, c, d, _, _, _, _, high, low, _, _] = *body.first_chunk::<12>()?;
    Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

fn ipv6(body: &[u8]) -> Option<SocketAddr> {
    let addresses = body.first_chunk::<36>()?;
    let source = Ipv6Addr::from(*addresses.first_chunk::<16>()?);
    Some(SocketAddr::new(IpAddr::from(source).to_canonical(), u16::from_be_bytes([addresses[32], addresses[33]])))
}

/// The further fields must fill the header exactly, and one of them may be a checksum over all of it.
fn check_fields(whole: &[u8], mut at: usize) -> Result<(), ProxyHeaderFault> {
    while at < whole.len() {
        let head = whole.get(at..at + FIELD_BYTES).ok_or(ProxyHeaderFault::Malformed)?;
        let value = at + FIELD_BYTES;
        let end = value + usize::from(u16::from_be_bytes([head[1], head[2]]));
        let bytes = whole.get(value..end).ok_or(ProxyHeaderFault::Malformed)?;
        if head[0] == CHECKSUM {
            let told = u32::from_be_bytes(bytes.try_into().map_err(|_| ProxyHeaderFault::Malformed)?);
            let zeroed = crc32c::crc32c_append(crc32c::crc32c(&whole[..value]), &[0; 4]);
            if crc32c::crc32c_append(zeroed, &whole[end..]) != told {
                return Err(ProxyHeaderFault::Checksum);
            }
        }
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PROXY_HEADER_BYTES_MAX, ProxyHeader, ProxyHeaderFault, SIGNATURE, parse};

    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, body].concat()
    }

    /// One address each way and no more.
    fn ipv4() -> Vec<u8> {
        vec![192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80]
    }

    fn ipv6() -> Vec<u8> {
        let mut body = vec![0x20, 0x01, 0x0d, 0xb8];
        body.resize(35, 1);
        body.push(2);
        body
    }

    /// A header says this whatever comes after it, and nothing before it is whole.
    #[track_caller]
    fn check(header: &[u8], client: Option<&str>) {
        let client = client.map(|text| text.parse().unwrap());
        let expected = ProxyHeader { client, bytes: header.len() };
        assert_eq!(parse(header), Ok(Some(expected)));
        assert_eq!(parse(&[header, b"GET / HTTP/1.1\r\n"].concat()), Ok(Some(expected)));
        for end in 0..header.len() {
            assert_eq!(parse(&header[..end]), Ok(None), "{end} bytes");
        }
    }

    #[test]
    fn the_client_is_read_from_both_versions() {
        check(b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n", Some("192.0.2.1:56324"));
        check(b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", Some("[2001:db8::1]:1"));
        check(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", Some("192.0.2.1:1"));
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN anything at all\r\n", None);
        check(&binary(0x21, 0x11, &ipv4()), Some("192.0.2.1:4660"));
        check(&binary(0x21, 0x21, &ipv6()), Some("[2001:db8:101:101:101:101:101:101]:257"));
        check(&binary(0x21, 0x00, &[]), None);
        check(&binary(0x20, 0x00, &[]), None);
        check(&binary(0x20, 0x11, &ipv4()), None);
    }

    #[test]
    fn further_fields_are_passed_over_and_a_checksum_among_them_must_fit() {
        let authority = [&ipv4()[..], &[0x02, 0, 3], b"a.b"].concat();
        check(&binary(0x21, 0x11, &authority), Some("192.0.2.1:4660"));
        let mut sealed = binary(0x21, 0x11, &[&ipv4()[..], &[0x03, 0, 4, 0, 0, 0, 0], &[0x04, 0, 1, 9]].concat());
        let place = 16 + 12 + 3;
        let sum = crc32c::crc32c(&sealed).to_be_bytes();
        sealed[place..place + 4].copy_from_slice(&sum);
        check(&sealed, Some("192.0.2.1:4660"));
        sealed[16] ^= 1;
        assert_eq!(parse(&sealed), Err(ProxyHeaderFault::Checksum));
        for wrong in [&[0x02, 0][..], &[0x02, 0, 4, 1], &[0x03, 0, 3, 1, 2, 3]] {
            let body = [&ipv4()[..], wrong].concat();
            assert_eq!(parse(&binary(0x21, 0x11, &body)), Err(ProxyHeaderFault::Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_at_its_first_wrong_byte() {
        for (bytes, fault) in [
            (&b"GET / HTTP/1.1\r\n"[..], ProxyHeaderFault::Absent),
            (b"PROXX", ProxyHeaderFault::Absent),
            (b"\r\n\r\n\0\r\nQUIX", ProxyHeaderFault::Absent),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP4 ::1 ::1 1 2\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP6 1.1.1.1 1.1.1.1 1 2\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n", ProxyHeaderFault::Malformed),
            (b"PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n", ProxyHeaderFault::Malformed),
            (b"PROXY \xff\r\n", ProxyHeaderFault::Malformed),
            (&[&b"PROXY UNKNOWN"[..], &[b' '; 100]].concat(), ProxyHeaderFault::TooLong),
            (&binary(0x31, 0x11, &ipv4()), ProxyHeaderFault::Malformed),
            (&binary(0x22, 0x11, &ipv4()), ProxyHeaderFault::Malformed),
            (&binary(0x21, 0x13, &ipv4()), ProxyHeaderFault::Malformed),
            (&binary(0x21, 0x12, &ipv4()), ProxyHeaderFault::NotTcp),
            (&binary(0x21, 0x31, &[0; 216]), ProxyHeaderFault::NotTcp),
            (&binary(0x21, 0x11, &ipv4()[..11]), ProxyHeaderFault::Malformed),
            (&binary(0x21, 0x21, &ipv6()[..35]), ProxyHeaderFault::Malformed),
        ] {
            assert_eq!(parse(bytes), Err(fault), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_length_is_refused_before_its_bytes_are_waited_for() {
        let at = vec![0; PROXY_HEADER_BYTES_MAX - 16];
        assert!(parse(&binary(0x20, 0, &at)).is_ok());
        let over = binary(0x20, 0, &vec![0; PROXY_HEADER_BYTES_MAX - 15]);
        assert_eq!(parse(&over[..16]), Err(ProxyHeaderFault::TooLong));
    }
}
