//! Little-endian numbers at fixed places. Callers have checked the length of the slice.

/// The `N` bytes at `at`.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

/// The `u16` at `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

/// The `u32` at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

/// The `u32` at `at` as a count of bytes.
pub(crate) fn length_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u32_at(bytes, at)).unwrap_or(usize::MAX)
}

/// The `u64` at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

/// Index of the first byte that is not zero.
pub(crate) fn first_not_zero(bytes: &[u8]) -> Option<usize> {
    let block = bytes.chunks(ZEROS.len()).position(|block| block != &ZEROS[..block.len()])?;
    let start = block * ZEROS.len();
    bytes[start..].iter().position(|byte| *byte != 0).map(|inside| start + inside)
}

const ZEROS: [u8; 4096] = [0; 4096];

#[cfg(test)]
mod tests {
    use super::first_not_zero;

    #[test]
    fn the_first_byte_that_is_not_zero_is_found_in_any_block() {
        assert_eq!(first_not_zero(&[]), None);
        assert_eq!(first_not_zero(&[0; 10_000]), None);
        for at in [0, 1, 4095, 4096, 9_999] {
            let mut bytes = [0; 10_000];
            bytes[at] = 1;
            assert_eq!(first_not_zero(&bytes), Some(at));
        }
    }
}
