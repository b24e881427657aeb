//! Bytes from a disk, as the one segment of a log, for two readers that share no code.

use tidings_engine::log::group::{self, Group, GroupContext};
use tidings_engine::log::{Chain, LogId, SEGMENT_HEADER_BYTES};

use super::group::with_sound_checksums;
use super::reach;
use crate::verdicts::{Files, Verdict, of_the_engine, of_the_verifier};

const NAME: &str = "00000001-00000000000000000001.seg";
const LOG: LogId = LogId([5; 16]);
const SALT: u64 = 77;

/// The readers agree about the bytes as a segment; as groups behind a sound header; as one group whose checksums are
/// right; and as one whose chain is right too, so that what each check hides is reached.
pub fn run(data: &[u8]) {
    check(data.to_vec());
    check(behind_a_header(data));
    let sealed = placed(with_sound_checksums(data));
    check(behind_a_header(&sealed));
    if let Ok(Group { header, records, .. }) = group::decode(&sealed) {
        let (term, durable_through) = (header.term, header.durable_through);
        let context = GroupContext { term, durable_through, salt: SALT, chain: Chain::start(LOG) };
        let chained = group::encode(&records, &context);
        let twice = [&chained[..], &chained[..]].concat();
        check(behind_a_header(&chained));
        check(behind_a_header(&twice));
    }
}

fn check(segment: Vec<u8>) {
    let files = Files::from([(NAME.to_owned(), segment)]);
    let (engine, verifier) = (of_the_engine(&files), of_the_verifier(&files));
    assert_eq!(engine, verifier);
    reach(if matches!(verifier, Verdict::Damaged { .. }) { "damaged" } else { "sound" });
    if let Verdict::Damaged { offset, position, .. } = verifier {
        assert!(offset <= files[NAME].len() as u64 && position >= 1, "damage is outside: {engine:?}");
    }
}

/// The group with the log's salt and the position that follows, and its header's checksum right again.
fn placed(mut group: Vec<u8>) -> Vec<u8> {
    if group.len() >= 48 {
        group[12..20].copy_from_slice(&1_u64.to_le_bytes());
        group[28..36].fill(0);
        group[36..44].copy_from_slice(&SALT.to_le_bytes());
        let checksum = crc32c::crc32c(&group[..44]);
        group[44..48].copy_from_slice(&checksum.to_le_bytes());
    }
    group
}

/// A segment with a header that fits it, and zeros behind the groups.
fn behind_a_header(groups: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
    bytes.extend_from_slice(groups);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    let length = bytes.len() as u64;
    let fields: [(usize, &[u8]); 8] = [
        (0, b"TIDINGSL"),
        (8, &1_u32.to_le_bytes()),
        (12, &1_u32.to_le_bytes()),
        (16, &LOG.0),
        (32, &1_u64.to_le_bytes()),
        (40, &SALT.to_le_bytes()),
        (48, &1_u64.to_le_bytes()),
        (56, &length.to_le_bytes()),
    ];
    for (at, field) in fields {
        bytes[at..at + field.len()].copy_from_slice(field);
    }
    bytes[64..96].copy_from_slice(&Chain::start(LOG).0);
    let checksum = crc32c::crc32c(&bytes[..SEGMENT_HEADER_BYTES - 4]);
    bytes[SEGMENT_HEADER_BYTES - 4..SEGMENT_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
