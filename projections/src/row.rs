//! Rows of the block store: what they hold as bytes, and the hash by which a changed, stale or misplaced one is told.

use crate::store::{BlockError, Shelf};
use aws_lc_rs::digest::{Context, SHA256};
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the hash at the end of a row: 8, the first ones of SHA-256 over its place and its bytes.
const HASH_BYTES: usize = 8;

/// Most bytes that one row is decoded from: 64 MiB, which a full inbox of the longest labels does not reach.
const ROW_BYTES_MAX: usize = 64 * 1024 * 1024;

type Encoding = Configuration<LittleEndian, Varint, Limit<ROW_BYTES_MAX>>;

const fn encoding() -> Encoding {
    bincode::config::standard().with_limit::<ROW_BYTES_MAX>()
}

/// The hash of a row, as a number: those of several rows add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowHash(pub(crate) u64);

impl RowHash {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

fn hash(shelf: Shelf, number: u64, bytes: &[u8]) -> RowHash {
    let mut context = Context::new(&SHA256);
    context.update(&shelf.name());
    context.update(&number.to_le_bytes());
    context.update(bytes);
    let digest = context.finish();
    let first = digest.as_ref().first_chunk().expect("SHA-256 gives 32 bytes");
    RowHash(u64::from_le_bytes(*first))
}

/// The bytes of a row at its place, and their hash.
pub(crate) fn seal(shelf: Shelf, number: u64, mut bytes: Vec<u8>) -> (Vec<u8>, RowHash) {
    let hash = hash(shelf, number, &bytes);
    bytes.extend_from_slice(&hash.0.to_le_bytes());
    (bytes, hash)
}

/// What a row that was read from a place holds.
pub(crate) fn open(shelf: Shelf, number: u64, row: &[u8]) -> Result<(&[u8], RowHash), BlockError> {
    let damaged = |what| BlockError::Damaged { shelf, what };
    let (bytes, stored) = row.split_last_chunk::<HASH_BYTES>().ok_or(damaged("a row is cut short"))?;
    let hash = hash(shelf, number, bytes);
    if hash.0 == u64::from_le_bytes(*stored) { Ok((bytes, hash)) } else { Err(damaged("a row has another hash")) }
}

/// A value as bytes for a row.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, encoding()).expect("every row has a form, and encoding has no limit")
}

/// The value of a row's bytes.
pub(crate) fn decode<T: DeserializeOwned>(shelf: Shelf, bytes: &[u8]) -> Result<T, BlockError> {
    let damaged = |what| BlockError::Damaged { shelf, what };
    match bincode::serde::decode_from_slice(bytes, encoding()) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        Ok(_) => Err(damaged("a row is longer than what it holds")),
        Err(_) => Err(damaged("a row cannot be decoded")),
    }
}
