//! Roots against the published vectors of Certificate Transparency, and against the definition.

use super::{LOG, accumulated, leaf};
use crate::checkpoint::{Accumulator, Frontier};
use crate::ids::Position;
use crate::log::{Chain, sha256};
use data_encoding::HEXLOWER;

/// Inputs of the reference tree of `google/certificate-transparency`.
const INPUTS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Its roots, of no leaf up to eight.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_the_published_vectors() {
    let mut frontier = Frontier::default();
    assert_eq!(HEXLOWER.encode(&frontier.root()), ROOTS[0]);
    for (input, root) in INPUTS.iter().zip(&ROOTS[1..]) {
        let input = HEXLOWER.decode(input.as_bytes()).unwrap();
        frontier.push(sha256(&[&[0], &input[..]].concat()));
        assert_eq!(HEXLOWER.encode(&frontier.root()), *root);
    }
}

/// The definition of RFC 6962, section 2.1, as it stands there.
fn defined(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            sha256(&[&[1], &defined(left)[..], &defined(right)].concat())
        }
    }
}

#[test]
fn every_size_has_the_root_of_the_definition_and_goes_on_from_its_stored_form() {
    let leaves: Vec<_> = (1..=300).map(leaf).collect();
    let mut frontier = Frontier::default();
    for count in 0..=leaves.len() {
        assert_eq!(frontier.root(), defined(&leaves[..count]), "{count} leaves");
        let stored = frontier.encode();
        assert_eq!(stored.len(), 8 + 32 * count.count_ones() as usize);
        frontier = Frontier::decode(&stored).unwrap();
        assert!(Frontier::decode(&stored[..stored.len() - 1]).is_err());
        assert!(Frontier::decode(&[&stored[..], &[0; 32]].concat()).is_err());
        if let Some(leaf) = leaves.get(count) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(Frontier::decode(&u64::MAX.to_le_bytes()).unwrap_err().expected, 8 + 64 * 32);
}

#[test]
fn a_stored_accumulator_that_no_event_can_follow_is_refused() {
    let frontier = [u64::MAX.to_le_bytes().to_vec(), vec![0; 64 * 32]].concat();
    assert_eq!(Frontier::decode(&frontier).unwrap().count(), u64::MAX);
    let stored = accumulated(1).encode();
    // Magic, log id and chain, then the frontier, then the hash over all.
    let mut forged = [&stored[..8 + 16 + 32], &frontier].concat();
    forged.extend(sha256(&forged));
    assert_eq!(Accumulator::decode(&forged), None);
}

#[test]
fn an_accumulator_keeps_root_and_chain_and_its_stored_form_notices_every_changed_byte() {
    let accumulator = accumulated(1000);
    let chain = (1..=1000).fold(Chain::start(LOG), |chain, position| chain.then(&leaf(position)));
    assert_eq!((accumulator.position(), accumulator.chain()), (Position(1000), chain));
    let stored = accumulator.encode();
    assert_eq!(Accumulator::decode(&stored), Some(accumulator));
    for offset in 0..stored.len() {
        let mut changed = stored.clone();
        changed[offset] ^= 1;
        assert_eq!(Accumulator::decode(&changed), None, "byte {offset}");
        assert_eq!(Accumulator::decode(&stored[..offset]), None, "cut at {offset}");
    }
}
