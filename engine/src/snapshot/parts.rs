use aws_lc_rs::digest::{SHA256, digest};
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

/// Where parts go, each with its tag.
type Take<'a, E> = dyn FnMut(u8, &[u8]) -> Result<(), E> + 'a;

/// Takes the parts of a snapshot, one after the other. Each has a tag that says how to read it.
pub(crate) struct Sink<'a, E> {
    take: &'a mut Take<'a, E>,
}

impl<'a, E> Sink<'a, E> {
    pub(super) fn new(take: &'a mut Take<'a, E>) -> Self {
        Self { take }
    }

    /// Adds a part.
    pub(crate) fn part(&mut self, tag: u8, value: &impl bincode::Encode) -> Result<(), E> {
        (self.take)(tag, &encode(value))
    }

    /// Adds a part that is bytes already.
    pub(crate) fn bytes(&mut self, tag: u8, bytes: &[u8]) -> Result<(), E> {
        if bytes.is_empty() { Ok(()) } else { (self.take)(tag, bytes) }
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

    /// Adds rows of fixed size, `count` a part.
    pub(crate) fn rows<const N: usize>(
        &mut self,
        tag: u8,
        count: usize,
        rows: impl Iterator<Item = [u8; N]>,
    ) -> Result<(), E> {
        let mut part: Vec<u8> = Vec::with_capacity(count * N);
        for row in rows {
            part.extend_from_slice(&row);
            if part.len() == count * N {
                self.bytes(tag, &part)?;
                part.clear();
            }
        }
        self.bytes(tag, &part)
    }
}

/// SHA-256 of these bytes.
pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
