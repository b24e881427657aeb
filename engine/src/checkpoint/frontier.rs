//! The compact range of an RFC 6962 tree: all that is needed to add leaves and to give the root.

use crate::log::sha256;

/// The roots of the perfect subtrees that the leaves so far make up, largest first: one for each set bit of their count.
///
/// ```
/// use tidings_engine::checkpoint::Frontier;
/// let mut frontier = Frontier::default();
/// frontier.push([7; 32]);
/// assert_eq!((frontier.count(), frontier.root()), (1, [7; 32]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    count: u64,
    subtrees: Vec<[u8; 32]>,
}

/// Bytes are not those of a frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frontier of {count} leaves takes {expected} bytes, {found} were found")]
pub struct FrontierError {
    /// How many leaves it is said to have.
    pub count: u64,
    /// Bytes that takes.
    pub expected: usize,
    /// Bytes that were found.
    pub found: usize,
}

impl Frontier {
    /// Takes in one more leaf, given by its hash (that of RFC 6962, with the prefix 0).
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut subtree = leaf;
        // Two perfect subtrees of the same size are one of twice the size, as in a binary counter.
        for _ in 0..self.count.trailing_ones() {
            let left = self.subtrees.pop().expect("every set bit of the count has its subtree");
            subtree = node(&left, &subtree);
        }
        self.subtrees.push(subtree);
        self.count += 1;
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The root over all leaves; of none it is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut smallest_first = self.subtrees.iter().rev();
        let Some(smallest) = smallest_first.next() else { return sha256(&[]) };
        smallest_first.fold(*smallest, |right, left| node(left, &right))
    }

    /// Count (8 bytes, little endian) and subtrees (32 bytes each).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend(self.subtrees.iter().flatten());
        bytes
    }

    /// Reads what [`Frontier::encode`] wrote.
    ///
    /// # Errors
    /// [`FrontierError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let malformed = |count: u64| {
            let expected = 8 + 32 * count.count_ones() as usize;
            FrontierError { count, expected, found: bytes.len() }
        };
        let (count, rest) = bytes.split_first_chunk().ok_or_else(|| malformed(0))?;
        let count = u64::from_le_bytes(*count);
        let (subtrees, left) = rest.as_chunks::<32>();
        if !left.is_empty() || subtrees.len() != count.count_ones() as usize {
            return Err(malformed(count));
        }
        Ok(Self { count, subtrees: subtrees.to_vec() })
    }
}

/// Hash of an inner node.
fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}
