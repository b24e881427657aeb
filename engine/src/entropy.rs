//! Secret bytes from one seed.

use aws_lc_rs::hmac;
use std::fmt;

/// A stream of bytes that nobody can tell from random ones without its state, and whose past cannot be had from it: the
/// state is replaced with each draw. The seed is random and given once; nothing here asks the system.
pub struct Entropy {
    state: [u8; 32],
}

impl Entropy {
    /// The stream of a seed. Two streams of one seed give the same bytes.
    #[must_use]
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { state: seed }
    }

    /// The next bytes: 32 at most.
    pub fn draw<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32) };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.state);
        let sign = |purpose: &[u8]| hmac::sign(&key, purpose);
        let (drawn, next) = (sign(b"draw"), sign(b"next"));
        self.state.copy_from_slice(next.as_ref());
        let mut bytes = [0; N];
        bytes.copy_from_slice(&drawn.as_ref()[..N]);
        bytes
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

#[cfg(test)]
mod tests {
    use super::Entropy;

    #[test]
    fn draws_never_repeat_and_follow_from_the_seed_alone() {
        let draws = |seed| {
            let mut entropy = Entropy::new([seed; 32]);
            (0..100).map(|_| entropy.draw::<12>()).collect::<Vec<_>>()
        };
        let mut all = [draws(1), draws(2)].concat();
        assert_eq!(all[..100], draws(1));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }
}
