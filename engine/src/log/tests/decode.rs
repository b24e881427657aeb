//! Decoding never trusts a byte.

use super::Author;
use crate::ids::Position;
use crate::log::group::{self, GroupContext, GroupHeader};
use crate::log::{Chain, Envelope, GROUP_BYTES_MAX, What};
use proptest::prelude::*;

const CONTEXT: GroupContext =
    GroupContext { term: 4, durable_through: Position(0), salt: 0xABCD, chain: Chain([8; 32]) };

#[test]
fn a_group_decodes_to_what_was_encoded() {
    let records = Author::default().records(9);
    let mut bytes = group::encode(&records, &CONTEXT);
    assert_eq!(bytes.len(), group::group_bytes(&records));
    bytes.extend_from_slice(b"what follows is ignored");
    let decoded = group::decode(&bytes).unwrap();
    assert_eq!(decoded.records, records);
    let GroupHeader { count, first, term, durable_through, salt, .. } = decoded.header;
    assert_eq!((count, first, term, durable_through, salt), (9, Position(1), 4, Position(0), 0xABCD));
    assert_eq!(decoded.chains(CONTEXT.chain).last(), Some(decoded.chain));
    for record in &records {
        assert_eq!(Envelope::decode(&record.envelope.encode()), record.envelope);
    }
}

#[test]
fn every_flipped_bit_of_a_group_is_found() {
    let bytes = group::encode(&Author::default().records(3), &CONTEXT);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let damage = group::decode(&flipped).expect_err("a flipped bit was not found");
        assert!(damage.offset < bytes.len() && damage.index < 3);
    }
    for end in 0..bytes.len() {
        let damage = group::decode(&bytes[..end]).expect_err("a cut was not found");
        assert_eq!(damage.what, if end < 48 { What::GroupHeader } else { What::GroupCut });
    }
}

/// Mends the header's checksum, so that what is behind it is reached.
fn mend(bytes: &mut [u8]) {
    let checksum = crc32c::crc32c(&bytes[..44]);
    bytes[44..48].copy_from_slice(&checksum.to_le_bytes());
}

proptest! {
    #[test]
    fn decoding_any_bytes_ends_in_a_value(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(group::decode(&bytes).is_err());
    }

    #[test]
    fn decoding_a_sound_header_before_any_bytes_ends_in_a_value(
        mut bytes in prop::collection::vec(any::<u8>(), 48..3000),
        payload_bytes in 0_u32..3000,
        count in 0_u32..30,
        ends in prop::collection::vec(0_u32..3000, 0..30),
    ) {
        bytes[..4].copy_from_slice(b"TdG1");
        bytes[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
        bytes[8..12].copy_from_slice(&count.to_le_bytes());
        bytes[28..36].fill(0);
        for (end, at) in ends.iter().zip((48..).step_by(4)) {
            if let Some(field) = bytes.get_mut(at..at + 4) {
                field.copy_from_slice(&end.to_le_bytes());
            }
        }
        mend(&mut bytes);
        prop_assert!(group::decode(&bytes).is_err());
    }

    #[test]
    fn decoding_a_group_with_bytes_changed_gives_an_error_or_the_same(
        changes in prop::collection::vec((0_usize..1400, any::<u8>()), 1..4),
        mended in any::<bool>(),
    ) {
        let bytes = group::encode(&Author::default().records(9), &CONTEXT);
        let mut changed = bytes.clone();
        changes.iter().for_each(|(at, byte)| changed[*at % bytes.len()] = *byte);
        if mended {
            mend(&mut changed);
        }
        match group::decode(&changed) {
            Err(_) => {}
            // A mended header can say another term, salt or durable position: those are judged by who knows them.
            Ok(group) => prop_assert_eq!(group.records, group::decode(&bytes).unwrap().records),
        }
    }

    #[test]
    fn lengths_are_checked_before_anything_is_allocated(payload_bytes in any::<u32>(), count in any::<u32>()) {
        let mut header = group::encode(&Author::default().records(1), &CONTEXT)[..48].to_vec();
        header[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
        header[8..12].copy_from_slice(&count.to_le_bytes());
        mend(&mut header);
        if let Ok(header) = GroupHeader::decode(&header) {
            prop_assert!(header.group_bytes() <= GROUP_BYTES_MAX);
            prop_assert!(header.count as usize * 100 <= header.payload_bytes);
        }
    }
}
