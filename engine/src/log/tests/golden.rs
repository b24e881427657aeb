//! The bytes of format 0. They change only together with the format's number.

use super::{Author, SMALL, segment_names, written};
use crate::ids::Position;
use crate::log::group::{self, GroupContext};
use crate::log::{Chain, FORMAT, Storage};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_a_group_and_a_segment_are_those_of_format_0() {
    assert_eq!(FORMAT, 0);
    let context = GroupContext { term: 1, durable_through: Position(0), salt: 0x0102_0304_0506_0708, chain: Chain([0; 32]) };
    let bytes = group::encode(&[Author::default().record(5, 3, 2)], &context);
    assert_eq!(hex(&bytes), GROUP);

    let (storage, _) = written(&[1, 2]);
    let name = segment_names(&storage).remove(0);
    assert_eq!(name, "00000001-00000000000000000001.seg");
    let mut segment = vec![0; usize::try_from(SMALL.segment_bytes).unwrap()];
    storage.read_at(&name, 0, &mut segment).unwrap();
    assert_eq!(hex(&segment[..96]), SEGMENT_HEADER);
    assert_eq!(hex(&super::super::chain::sha256(&segment)), SEGMENT_HASH);
}

const GROUP: &str = "";
const SEGMENT_HEADER: &str = "";
const SEGMENT_HASH: &str = "";
