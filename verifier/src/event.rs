//! One event: a record of the log with its hashes.

use std::fmt;

use crate::damage::What;
use crate::fields::{bytes_at, length_at, u16_at, u32_at, u64_at};
use crate::{crc32c, sha256};

/// Envelope and hashes of one event. Facts and content are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number of the event in the log, from 1.
    pub position: u64,
    /// Number of the tenant; 0 is the platform.
    pub tenant: u32,
    /// Number of the event among the tenant's, from 1.
    pub tenant_sequence: u64,
    /// The stream.
    pub stream: [u8; 16],
    /// Number of the event in its stream, from 1.
    pub revision: u64,
    /// Number of the event's type.
    pub event_type: u16,
    /// Version of the type's encoding.
    pub event_version: u16,
    /// Hash of the command that caused it.
    pub command: [u8; 16],
    /// Number of the event among those of its command, from 0.
    pub command_index: u16,
    /// Milliseconds since 1970.
    pub time: i64,
    /// The key that seals the content; 0 for none.
    pub key_id: u32,
    /// Whether the content was removed.
    pub redacted: bool,
    /// Bytes of the facts.
    pub facts_bytes: u32,
    /// Bytes of the content as it is stored: 32 when it was removed.
    pub content_bytes: u32,
    /// SHA-256 of the facts.
    pub facts_hash: [u8; 32],
    /// SHA-256 of the content as it was appended.
    pub content_hash: [u8; 32],
    /// What the chain and the tree hold for the event.
    pub leaf: [u8; 32],
    /// The chain after the event.
    pub chain: [u8; 32],
    /// The envelope as it is hashed.
    envelope: [u8; ENVELOPE_BYTES],
}

impl Event {
    /// The event of a record that is exactly `bytes`, its checksums verified. Leaf and chain are zero until
    /// [`Event::link`].
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, What> {
        if bytes.len() < RECORD_HEADER_BYTES || crc32c::crc32c(&bytes[..92]) != u32_at(bytes, 92) {
            return Err(What::RecordHeader);
        }
        let (flags, facts_bytes, content_bytes) = (u16_at(bytes, 78), length_at(bytes, 80), length_at(bytes, 84));
        let redacted = flags & REDACTED != 0;
        let sound = flags & !REDACTED == 0
            && facts_bytes <= FACTS_BYTES_MAX
            && content_bytes <= CONTENT_BYTES_MAX
            && (!redacted || content_bytes == 32)
            && RECORD_HEADER_BYTES + facts_bytes + content_bytes == bytes.len();
        if !sound {
            return Err(What::RecordHeader);
        }
        let body = &bytes[RECORD_HEADER_BYTES..];
        if crc32c::crc32c(body) != u32_at(bytes, 88) {
            return Err(What::RecordChecksum);
        }
        let (facts, content) = body.split_at(facts_bytes);
        let facts_hash = sha256(&[facts]);
        let content_hash = if redacted { bytes_at(content, 0) } else { sha256(&[content]) };
        Ok(Self {
            position: u64_at(bytes, 0),
            tenant: u32_at(bytes, 8),
            tenant_sequence: u64_at(bytes, 12),
            stream: bytes_at(bytes, 20),
            revision: u64_at(bytes, 36),
            event_type: u16_at(bytes, 44),
            event_version: u16_at(bytes, 46),
            command: bytes_at(bytes, 48),
            command_index: u16_at(bytes, 64),
            time: i64::from_le_bytes(bytes_at(bytes, 66)),
            key_id: u32_at(bytes, 74),
            redacted,
            facts_bytes: u32_at(bytes, 80),
            content_bytes: u32_at(bytes, 84),
            facts_hash,
            content_hash,
            leaf: [0; 32],
            chain: [0; 32],
            envelope: bytes_at(bytes, 0),
        })
    }

    /// Computes leaf and chain, given the chain before the event.
    pub(crate) fn link(&mut self, before: &[u8; 32]) {
        self.leaf = sha256(&[&[0], &self.envelope, &self.facts_hash, &self.content_hash]);
        self.chain = sha256(&[before, &self.leaf]);
    }
}

/// One line of JSON.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, tenant, tenant_sequence, revision, event_type, event_version, .. } = self;
        let Self { command_index, time, key_id, redacted, facts_bytes, content_bytes, .. } = self;
        write!(f, r#"{{"position":{position},"tenant":{tenant},"tenantSequence":{tenant_sequence},"#)?;
        write!(f, r#""stream":"{}","revision":{revision},"#, Hex(&self.stream))?;
        write!(f, r#""type":{event_type},"version":{event_version},"#)?;
        write!(f, r#""command":"{}","commandIndex":{command_index},"#, Hex(&self.command))?;
        write!(f, r#""time":{time},"keyId":{key_id},"redacted":{redacted},"#)?;
        write!(f, r#""factsBytes":{facts_bytes},"contentBytes":{content_bytes},"#)?;
        write!(f, r#""factsHash":"{}","contentHash":"{}","#, Hex(&self.facts_hash), Hex(&self.content_hash))?;
        write!(f, r#""leaf":"{}","chain":"{}"}}"#, Hex(&self.leaf), Hex(&self.chain))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Bytes of a record before its facts.
pub(crate) const RECORD_HEADER_BYTES: usize = 96;

const ENVELOPE_BYTES: usize = 78;
const REDACTED: u16 = 1;
const FACTS_BYTES_MAX: usize = 196_608;
const CONTENT_BYTES_MAX: usize = 65_536;
