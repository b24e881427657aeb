use aws_lc_rs::digest::{Context, SHA256};
use bincode::config::{Configuration, Fixint, Limit, LittleEndian};

/// Most bytes of a part: 4 MiB. What is read from a file never makes more memory than that at once.
pub(super) const PART_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes after which whoever writes a part begins another: 512 KiB.
const PART_BYTES: usize = 512 * 1024;

const CONFIGURATION: Configuration<LittleEndian, Fixint, Limit<PART_BYTES_MAX>> =
    bincode::config::standard().with_fixed_int_encoding().with_limit::<PART_BYTES_MAX>();

/// A part that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part is not what a snapshot holds")]
pub(crate) struct PartError;

/// The value as bytes.
fn encode(value: &impl bincode::Encode) -> Vec<u8> {
    bincode::encode_to_vec(value, CONFIGURATION).expect("a growing vector takes every value")
}

/// The value that is exactly these bytes.
pub(crate) fn decode<T: bincode::Decode<()>>(bytes: &[u8]) -> Result<T, PartError> {
    match bincode::decode_from_slice(bytes, CONFIGURATION) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        _ => Err(PartError),
    }
}

/// Takes the parts of a snapshot, one after the other. Each has a tag that says how to read it.
pub(crate) struct Sink<'a, E> {
    take: &'a mut dyn FnMut(&[u8]) -> Result<(), E>,
    head: [u8; 5],
}

impl<'a, E> Sink<'a, E> {
    pub(super) fn new(take: &'a mut dyn FnMut(&[u8]) -> Result<(), E>) -> Self {
        Self { take, head: [0; 5] }
    }

    /// Adds a part.
    pub(crate) fn part(&mut self, tag: u8, value: &impl bincode::Encode) -> Result<(), E> {
        let bytes = encode(value);
        let length = u32::try_from(bytes.len()).expect("parts are a few megabytes at most");
        self.head[0] = tag;
        self.head[1..].copy_from_slice(&length.to_le_bytes());
        (self.take)(&self.head)?;
        (self.take)(&bytes)
    }

    /// Adds rows as parts of a moderate size; `bytes` tells about how many one takes.
    pub(crate) fn parts<T: bincode::Encode>(
        &mut self,
        tag: u8,
        rows: impl Iterator<Item = T>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<(), E> {
        let (mut part, mut taken) = (Vec::new(), 0);
        for row in rows {
            taken += bytes(&row);
            part.push(row);
            if taken >= PART_BYTES {
                self.part(tag, &part)?;
                part.clear();
                taken = 0;
            }
        }
        if part.is_empty() { Ok(()) } else { self.part(tag, &part) }
    }

    /// Adds rows of fixed size, which are bytes already.
    pub(crate) fn rows<const N: usize>(&mut self, tag: u8, rows: impl Iterator<Item = [u8; N]>) -> Result<(), E> {
        let mut part: Vec<u8> = Vec::with_capacity(PART_BYTES + N);
        for row in rows {
            part.extend_from_slice(&row);
            if part.len() >= PART_BYTES {
                self.part(tag, &part)?;
                part.clear();
            }
        }
        if part.is_empty() { Ok(()) } else { self.part(tag, &part) }
    }
}

/// Length and hash of a body as it is written or read.
pub(super) struct Tally {
    pub(super) bytes: u64,
    hash: Context,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { bytes: 0, hash: Context::new(&SHA256) }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    pub(super) fn hash(self) -> [u8; 32] {
        self.hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }
}
