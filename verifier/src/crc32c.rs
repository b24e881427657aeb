//! CRC32C (Castagnoli): polynomial 0x1EDC6F41, reflected, all bits inverted before and after.
//!
//! Sixteen bytes a step by tables: no instruction of a particular processor, and fast enough to stay behind the hashes.

/// Checksum of `bytes`.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    append(0, bytes)
}

/// Checksum of what `checksum` is of, followed by `bytes`.
fn append(checksum: u32, bytes: &[u8]) -> u32 {
    let mut state = !checksum;
    let (blocks, rest) = bytes.as_chunks::<STEP>();
    for block in blocks {
        // Whole numbers, so that each byte costs one look into memory, not two.
        let block = u128::from_le_bytes(*block);
        let after = |index: usize, word: u32, shift: u32| TABLES[STEP - 1 - index][usize::from((word >> shift) as u8)];
        // What does not depend on the state is summed first: the processor begins it before the state is known.
        let free = (4..STEP).fold(0, |sum, index| sum ^ after(index, (block >> (8 * index)) as u32, 0));
        let bound = block as u32 ^ state;
        state = (free ^ after(0, bound, 0) ^ after(1, bound, 8)) ^ (after(2, bound, 16) ^ after(3, bound, 24));
    }
    for byte in rest {
        state = (state >> 8) ^ TABLES[0][usize::from(byte ^ state.to_le_bytes()[0])];
    }
    !state
}

const STEP: usize = 16;

/// The polynomial with its bits in reverse order.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `TABLES[n][byte]`: what `byte` becomes when `n` zero bytes follow it.
static TABLES: [[u32; 256]; STEP] = tables();

const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            state = (state >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(state & 1));
            bit += 1;
        }
        tables[0][byte] = state;
        byte += 1;
    }
    let mut table = 1;
    while table < STEP {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::{append, crc32c};

    /// The check value of the polynomial, and the examples of RFC 3720, B.4.
    #[test]
    fn published_checksums_are_met() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xff; 32]), 0x62A8_AB43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46DD_794E);
        let descending: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc32c(&descending), 0x113F_DB5C);
    }

    #[test]
    fn a_checksum_in_two_steps_is_that_of_both() {
        let bytes: Vec<u8> = (0..100).map(|byte: u8| byte.wrapping_mul(37)).collect();
        for cut in 0..bytes.len() {
            assert_eq!(append(crc32c(&bytes[..cut]), &bytes[cut..]), crc32c(&bytes));
        }
    }
}
