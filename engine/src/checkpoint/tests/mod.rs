//! Tests of the formats against what others published, and of the judgements.

mod comparison;
mod formats;
mod trees;
mod trust;

use super::{Accumulator, Checkpoint, SignedCheckpoint, SigningKey, VerifierKey, origin};
use crate::ids::{Position, Time};
use crate::log::{Chain, LogId};

const LOG: LogId = LogId([0x5a; 16]);

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn verifier(number: u8) -> VerifierKey {
    key(number).verifier(&origin(LOG)).unwrap()
}

/// A checkpoint at a position, by a key; what it says of the events is not looked at.
fn at(position: u64, signer: u8) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        log: LOG,
        position: Position(position),
        root: [1; 32],
        chain: Chain([2; 32]),
        time: Time(1_769_850_000_007),
        epoch: 1,
    };
    SignedCheckpoint::sign(checkpoint, &key(signer))
}

/// The leaf of the event at a position, which every other event differs from.
fn leaf(position: u64) -> [u8; 32] {
    crate::log::sha256(&position.to_le_bytes())
}

/// A log of this many events.
fn accumulated(count: u64) -> Accumulator {
    let mut accumulator = Accumulator::new(LOG);
    (1..=count).for_each(|position| accumulator.push(leaf(position)));
    accumulator
}
