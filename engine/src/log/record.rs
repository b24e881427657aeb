//! One event's bytes.

use super::chain::sha256;
use super::damage::What;
use super::envelope::Envelope;
use super::error::LogError;
use super::fields::{bytes_at, put, u16_at, u32_at};
use super::stored::Stored;
use bytes::Bytes;

/// Most bytes the facts of one record may have: 196,608. Holds the 10,000 recipients of the longest list.
pub const FACTS_BYTES_MAX: usize = 192 * 1024;

/// Most bytes the content of one record may have: 65,536.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024;

/// One event as the log holds it: the envelope, the facts that are kept for ever, and the content that can be removed.
///
/// Facts and content are opaque here; their first byte is the caller's codec tag. Both may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The fixed part.
    pub envelope: Envelope,
    /// Never personal, never removed. At most [`FACTS_BYTES_MAX`].
    pub facts: Bytes,
    /// Personal, removable. At most [`CONTENT_BYTES_MAX`].
    pub content: Stored,
}

impl Record {
    /// Bytes the record takes in a group.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.facts.len() + self.content.stored_bytes()
    }

    /// Hash of the record: SHA-256(0x00 ‖ canonical envelope ‖ SHA-256(facts) ‖ SHA-256(content)).
    ///
    /// Covers nothing local: no lengths, flags, checksums, group or segment. A copy that is grouped otherwise, or whose
    /// content was redacted, has the same leaf.
    #[must_use]
    pub fn leaf(&self) -> [u8; 32] {
        const FACTS: usize = 1 + Envelope::BYTES;
        let mut bytes = [0; FACTS + 64];
        put(&mut bytes, 1, &self.envelope.encode());
        put(&mut bytes, FACTS, &sha256(&self.facts));
        put(&mut bytes, FACTS + 32, &self.content.hash());
        sha256(&bytes)
    }

    /// Refuses a record whose parts are larger than the format allows.
    ///
    /// # Errors
    /// [`LogError::TooLarge`] naming the part.
    pub fn check(&self) -> Result<(), LogError> {
        for (part, bytes, bytes_max) in
            [("facts", self.facts.len(), FACTS_BYTES_MAX), ("content", self.content.stored_bytes(), CONTENT_BYTES_MAX)]
        {
            if bytes > bytes_max {
                return Err(LogError::TooLarge { part, bytes, bytes_max });
            }
        }
        Ok(())
    }

    /// Appends the record's bytes to `out`. The record passed [`Record::check`].
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let content = self.content.as_stored();
        let flags = if self.content.is_redacted() { REDACTED } else { 0 };
        let mut header = [0; RECORD_HEADER_BYTES];
        put(&mut header, 0, &self.envelope.encode());
        put(&mut header, FLAGS_AT, &flags.to_le_bytes());
        put(&mut header, FACTS_AT, &length(self.facts.len()).to_le_bytes());
        put(&mut header, CONTENT_AT, &length(content.len()).to_le_bytes());
        put(&mut header, BODY_CHECKSUM_AT, &body_checksum(&self.facts, content).to_le_bytes());
        let checksum = crc32c::crc32c(&header[..CHECKSUM_AT]);
        put(&mut header, CHECKSUM_AT, &checksum.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.facts);
        out.extend_from_slice(content);
    }

    /// The record that is exactly `bytes`, sharing them.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, What> {
        let header = RecordHeader::decode(bytes)?;
        if header.record_bytes() != bytes.len() {
            return Err(What::RecordHeader);
        }
        let content_at = RECORD_HEADER_BYTES + header.facts_bytes;
        let (facts, content) = (&bytes[RECORD_HEADER_BYTES..content_at], &bytes[content_at..]);
        if body_checksum(facts, content) != header.body_checksum {
            return Err(What::RecordChecksum);
        }
        Ok(Self {
            envelope: header.envelope,
            facts: bytes.slice(RECORD_HEADER_BYTES..content_at),
            content: match header.is_redacted {
                true => Stored::Redacted(bytes_at(content, 0)),
                false => Stored::Whole(bytes.slice(content_at..)),
            },
        })
    }
}

/// The fixed bytes before facts and content, readable alone.
pub(crate) struct RecordHeader {
    envelope: Envelope,
    facts_bytes: usize,
    content_bytes: usize,
    is_redacted: bool,
    body_checksum: u32,
}

impl RecordHeader {
    /// Reads the header at the start of `bytes`; lengths are within their limits afterwards.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        if bytes.len() < RECORD_HEADER_BYTES {
            return Err(What::RecordHeader);
        }
        let header = Self {
            envelope: Envelope::decode(&bytes_at(bytes, 0)),
            facts_bytes: u32_at(bytes, FACTS_AT) as usize,
            content_bytes: u32_at(bytes, CONTENT_AT) as usize,
            is_redacted: u16_at(bytes, FLAGS_AT) == REDACTED,
            body_checksum: u32_at(bytes, BODY_CHECKSUM_AT),
        };
        let sound = crc32c::crc32c(&bytes[..CHECKSUM_AT]) == u32_at(bytes, CHECKSUM_AT)
            && [0, REDACTED].contains(&u16_at(bytes, FLAGS_AT))
            && (!header.is_redacted || header.content_bytes == REDACTED_BYTES)
            && header.facts_bytes <= FACTS_BYTES_MAX
            && header.content_bytes <= CONTENT_BYTES_MAX;
        if sound { Ok(header) } else { Err(What::RecordHeader) }
    }

    /// Bytes of the whole record.
    pub(crate) fn record_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.facts_bytes + self.content_bytes
    }
}

/// Bytes of a record before its facts: 96.
pub(crate) const RECORD_HEADER_BYTES: usize = CHECKSUM_AT + 4;

/// The one flag: the content section holds the hash of what was removed.
const REDACTED: u16 = 1;
const REDACTED_BYTES: usize = 32;

const FLAGS_AT: usize = Envelope::BYTES;
const FACTS_AT: usize = FLAGS_AT + 2;
const CONTENT_AT: usize = FACTS_AT + 4;
const BODY_CHECKSUM_AT: usize = CONTENT_AT + 4;
const CHECKSUM_AT: usize = BODY_CHECKSUM_AT + 4;

fn body_checksum(facts: &[u8], content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(facts), content)
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("the record passed the check of its parts' lengths")
}
