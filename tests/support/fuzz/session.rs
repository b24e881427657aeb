//! A session between any client and a server that is honest or hostile, as the first byte says.

use crate::conversation::{Manner, World, decode};

/// Reads the bytes as a script and plays it.
pub fn run(data: &[u8]) {
    let Some((first, script)) = data.split_first() else { return };
    let manner = if first % 2 == 0 { Manner::Honest } else { Manner::Hostile };
    World::play(decode(script), manner);
}
