use crate::log::fields::u32_at;
use crate::log::storage::{Storage, StorageError};

/// Bytes of a block: 4,096, the last four of which are the CRC32C of its number and the rest.
const BLOCK_BYTES: usize = 4096;
const PAYLOAD_BYTES: usize = BLOCK_BYTES - 4;

/// A block whose checksum does not match, or that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BlockError {
    #[error("block {0} does not match its checksum")]
    Checksum(u64),
    #[error("ends before byte {0}")]
    Cut(u64),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Bytes in a file of blocks, read as if there were none. Remembers the last block.
pub(super) struct BlockReader<'a> {
    storage: &'a dyn Storage,
    name: String,
    file_bytes: u64,
    number: Option<u64>,
    block: Vec<u8>,
}

impl<'a> BlockReader<'a> {
    pub(super) fn open(storage: &'a dyn Storage, name: String) -> Result<Self, BlockError> {
        let file_bytes = storage.file_bytes(&name)?;
        Ok(Self { storage, name, file_bytes, number: None, block: vec![0; BLOCK_BYTES] })
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Fills `into` from `at` on.
    pub(super) fn read(&mut self, mut at: u64, mut into: &mut [u8]) -> Result<(), BlockError> {
        while !into.is_empty() {
            let from = self.rest_of_block(at)?;
            let count = from.len().min(into.len());
            let (part, rest) = into.split_at_mut(count);
            part.copy_from_slice(&from[..count]);
            into = rest;
            at += count as u64;
        }
        Ok(())
    }

    /// What there is from `at` to the end of its block: one byte at least.
    pub(super) fn rest_of_block(&mut self, at: u64) -> Result<&[u8], BlockError> {
        let number = at / PAYLOAD_BYTES as u64;
        if self.number != Some(number) {
            self.number = None;
            let start = number * BLOCK_BYTES as u64;
            if start + BLOCK_BYTES as u64 > self.file_bytes {
                return Err(BlockError::Cut(at));
            }
            self.storage.read_at(&self.name, start, &mut self.block)?;
            if checksum(number, &self.block[..PAYLOAD_BYTES]) != u32_at(&self.block, PAYLOAD_BYTES) {
                return Err(BlockError::Checksum(number));
            }
            self.number = Some(number);
        }
        let within = usize::try_from(at % PAYLOAD_BYTES as u64).expect("less than a block");
        Ok(&self.block[within..PAYLOAD_BYTES])
    }
}

/// Bytes of a file of blocks that holds so many.
pub(super) fn file_bytes_of(count: u64) -> u64 {
    count.div_ceil(PAYLOAD_BYTES as u64) * BLOCK_BYTES as u64
}

/// The file of blocks that holds these bytes.
pub(super) fn in_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(PAYLOAD_BYTES) * BLOCK_BYTES);
    for (number, payload) in bytes.chunks(PAYLOAD_BYTES).enumerate() {
        let start = out.len();
        out.extend_from_slice(payload);
        out.resize(start + PAYLOAD_BYTES, 0);
        let checksum = checksum(number as u64, &out[start..]);
        out.extend_from_slice(&checksum.to_le_bytes());
    }
    out
}

fn checksum(number: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), payload)
}
