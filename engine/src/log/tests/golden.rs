//! The bytes of format 1. They change only together with the format's number.

use super::{Author, SMALL, segment_names, written};
use crate::ids::Position;
use crate::log::group::{self, GroupContext};
use crate::log::{Chain, FORMAT, Storage};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_a_group_and_a_segment_are_those_of_format_1() {
    assert_eq!(FORMAT, 1);
    let context =
        GroupContext { term: 1, durable_through: Position(0), salt: 0x0102_0304_0506_0708, chain: Chain([0; 32]) };
    let bytes = group::encode(&[Author::default().record(5, 3, 2)], &context);
    assert_eq!(hex(&bytes), GROUP);

    let (storage, _) = written(&[1, 2]);
    let name = segment_names(&storage).remove(0);
    assert_eq!(name, "00000001-00000000000000000001.seg");
    let mut segment = vec![0; usize::try_from(SMALL.segment_bytes).unwrap()];
    storage.read_at(&name, 0, &mut segment).unwrap();
    assert_eq!(hex(&segment[..100]), SEGMENT_HEADER);
    assert_eq!(hex(&super::super::chain::sha256(&segment)), SEGMENT_HASH);
}

const GROUP: &str = "54644731690000000100000001000000000000000100000000000000000000000000000008070605040302013be7f20e\
    650000000100000000000000050000000100000000000000020202020202020202020202020202020100000000000000\
    070001000909090909090909090909090909090900000068e5cf8b010000000000000000030000000200000017b8f332\
    8a6838c22000002100c7afa77a166ce99147c89540cd7c61674a78bf8139bbf4f66a4e395f130ec15e79a12968";
const SEGMENT_HEADER: &str = "544944494e47534c0100000001000000effb50c88ab1aadde6261bc74a800d530100000000000000e08ac2c8905318cf\
    010000000000000000200000000000007e32f3044abe5cc718dd928f77454af0fdd62080431c7d7a3d65f1ecbefeccff\
    00000000";
const SEGMENT_HASH: &str = "87f308bd8e8157fd74d1c580a92b9b3a41cc63c69a5e396cee48374f1e9df455";
