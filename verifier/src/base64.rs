//! Base64 of RFC 4648, section 4, with padding, strict: one text for each value.

/// The bytes of a text; `None` when it is not exactly what [`encode`] gives for them.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (quads, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    for quad in quads {
        let padding = quad.iter().rev().take_while(|digit| **digit == b'=').count();
        if padding > 2 {
            return None;
        }
        let mut bits = 0_u32;
        for digit in &quad[..4 - padding] {
            let value = DIGITS.iter().position(|known| known == digit)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    // Padding inside, and bits after the last byte, would make two texts of one value.
    (encode(&bytes) == text).then_some(bytes)
}

/// The text of bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for block in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=block.len()].copy_from_slice(block);
        let bits = u32::from_be_bytes(padded);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit > block.len() { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    text
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    /// The examples of RFC 4648, section 10.
    #[test]
    fn published_examples_are_met_in_both_directions() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn no_second_text_stands_for_the_same_bytes() {
        for text in ["Zh==", "Zm9=", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm 9v", "Zm-_", "Zm9v\n", "=m9v"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
