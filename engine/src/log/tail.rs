//! Torn tail or corruption? What a crash can have left behind, told from what it cannot.

use super::fields::all_zero;
use super::group::{GROUP_BYTES_MAX, GROUP_HEADER_BYTES, GroupHeader, MAGIC};
use super::storage::{Storage, StorageError};
use super::walk::Walk;

/// What stands where the first invalid group of the last segment starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// One unfinished group of so many bytes, and zeros after it: the work of a crash, or damage to the very last group.
    Torn {
        /// Bytes up to the last one that is not zero.
        bytes: u64,
    },
    /// More than one group: something later is there, so this one was durable once.
    Corrupt,
}

/// Tells what stands at the walk's place, where no valid group is.
///
/// At most one unsynced group is ever on disk. So a later header whose `durable_through` covers this place, or anything
/// beyond the reach of one group, proves that what is missing here had been synced. Content cannot imitate such a
/// header: it does not know the salt.
pub(crate) fn examine(storage: &dyn Storage, walk: &mut Walk) -> Result<Tail, StorageError> {
    let (start, segment) = (walk.offset(), walk.segment().clone());
    let position = walk.position();
    let own = walk.bytes(storage, start, GROUP_HEADER_BYTES).ok().and_then(|bytes| GroupHeader::decode(&bytes).ok());
    let own = own.filter(|header| header.salt == segment.header.identity.salt && header.first == position);
    let reach = start + own.map_or(GROUP_BYTES_MAX, |header| header.group_bytes()) as u64;
    let evidence_from = own.map_or(start + 1, |header| start + header.group_bytes() as u64);
    let proves = |header: &GroupHeader| {
        header.salt == segment.header.identity.salt && header.first > position && header.durable_through >= position
    };

    let mut end = start;
    let mut at = start;
    let left = usize::try_from(segment.header.bytes - start).unwrap_or(CHUNK_BYTES);
    let mut chunk = vec![0; left.min(CHUNK_BYTES)];
    while at < segment.header.bytes {
        let count = usize::try_from(segment.header.bytes - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        storage.read_at(&segment.name, at, &mut chunk[..count])?;
        let bytes = &chunk[..count];
        if !all_zero(bytes) {
            end = at + bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            let skip = usize::try_from(evidence_from.saturating_sub(at)).map_or(count, |skip| skip.min(count));
            if headers(&bytes[skip..]).any(|header| proves(&header)) {
                return Ok(Tail::Corrupt);
            }
        }
        // Chunks overlap, so that a header across their border is seen whole.
        at += if count == CHUNK_BYTES { (CHUNK_BYTES - GROUP_HEADER_BYTES) as u64 } else { count as u64 };
    }
    Ok(if end > reach { Tail::Corrupt } else { Tail::Torn { bytes: end - start } })
}

/// Every sound group header in `bytes`, at any offset.
pub(crate) fn headers(bytes: &[u8]) -> impl Iterator<Item = GroupHeader> {
    let starts = bytes.windows(GROUP_HEADER_BYTES).filter(|window| window[..4] == MAGIC);
    starts.filter_map(|window| GroupHeader::decode(window).ok())
}

const CHUNK_BYTES: usize = 1024 * 1024;
