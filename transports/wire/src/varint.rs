//! The variable-length integer of QUIC (RFC 9000, section 16): the length before each frame on a byte stream.
//!
//! Any form of a number is accepted, also a longer one than it needs; the shortest is written.

/// Most bytes an encoded number takes: 8.
pub const VARINT_BYTES_MAX: usize = 8;

/// Greatest number that can be encoded: 2^62 - 1.
pub const VARINT_MAX: u64 = (1 << 62) - 1;

/// An encoded number: between 1 and [`VARINT_BYTES_MAX`] bytes, read with [`as_ref`](AsRef::as_ref).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varint {
    bytes: [u8; VARINT_BYTES_MAX],
    count: u8,
}

impl AsRef<[u8]> for Varint {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.count)]
    }
}

/// Encodes `value` in its shortest form. `None` when it is above [`VARINT_MAX`].
///
/// ```
/// use tidings_wire::varint::{decode, encode};
/// let encoded = encode(15_293).expect("it is far below the maximum");
/// assert_eq!(encoded.as_ref(), [0x7b, 0xbd]);
/// assert_eq!(decode(encoded.as_ref()), Some((15_293, 2)));
/// ```
#[must_use]
pub const fn encode(value: u64) -> Option<Varint> {
    let (count, prefix) = match value {
        0..=63 => (1_u8, 0_u64),
        64..=16_383 => (2, 1),
        16_384..=1_073_741_823 => (4, 2),
        1_073_741_824..=VARINT_MAX => (8, 3),
        _ => return None,
    };
    let shift = 64 - 8 * count as u32;
    let bytes = ((value << shift) | (prefix << 62)).to_be_bytes();
    Some(Varint { bytes, count })
}

/// Reads the number at the start of `input` and says how many bytes it took. `None` when more bytes are needed.
#[must_use]
pub fn decode(input: &[u8]) -> Option<(u64, usize)> {
    let first = *input.first()?;
    let count = 1_usize << (first >> 6);
    let rest = input.get(1..count)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| (value << 8) | u64::from(*byte));
    Some((value, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_decode() {
        let cases: [(&[u8], u64); 5] = [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ];
        for (bytes, value) in cases {
            assert_eq!(decode(bytes), Some((value, bytes.len())));
        }
    }

    #[test]
    fn every_number_comes_back_in_its_shortest_form() {
        let edges = [0, 1, 63, 64, 16_383, 16_384, 1_073_741_823, 1_073_741_824, VARINT_MAX];
        let counts = [1, 1, 1, 2, 2, 4, 4, 8, 8];
        for (value, count) in edges.into_iter().zip(counts) {
            let encoded = encode(value).unwrap();
            assert_eq!(encoded.as_ref().len(), count);
            assert_eq!(decode(encoded.as_ref()), Some((value, count)));
        }
        assert_eq!(encode(VARINT_MAX + 1), None);
    }

    #[test]
    fn a_cut_number_asks_for_more() {
        let whole = encode(VARINT_MAX).unwrap();
        for end in 0..VARINT_BYTES_MAX {
            assert_eq!(decode(&whole.as_ref()[..end]), None);
        }
    }
}
