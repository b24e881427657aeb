//! Keys in the clear, for as short as possible.

use crate::log::{Chain, LogId};
use aws_lc_rs::digest;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a data key wrapped by AES-256 key wrap (RFC 3394): 40.
pub(super) const WRAPPED_BYTES: usize = 40;

/// A key that seals content: 32 random bytes. Overwritten by zeros when dropped; `Debug` shows nothing.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; 32]);

impl DataKey {
    /// The key of these bytes, which are random and known to nobody.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to seal and open with.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// First 16 bytes of its SHA-256: names the key in a receipt after it was destroyed, and tells nothing of it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut first = [0; 16];
        first.copy_from_slice(&digest::digest(&digest::SHA256, &self.0).as_ref()[..16]);
        first
    }

    /// The same key once more. Not `Clone`: every copy is a decision.
    pub(super) const fn copy(&self) -> Self {
        Self(self.0)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// The key that wraps all data keys. It never stands in the keyring's files.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct WrappingKey([u8; 32]);

impl WrappingKey {
    pub(super) const fn new(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// The data key as it stands in a slot.
    pub(super) fn wrap(&self, key: &DataKey) -> [u8; WRAPPED_BYTES] {
        let mut wrapped = [0; WRAPPED_BYTES];
        self.algorithm().wrap(&key.0, &mut wrapped).expect("32 bytes wrap to 40");
        wrapped
    }

    /// The data key of a slot; `None` when it was wrapped by another key, or changed since.
    pub(super) fn unwrap(&self, wrapped: &[u8; WRAPPED_BYTES]) -> Option<DataKey> {
        let mut key = DataKey([0; 32]);
        let unwrapped = self.algorithm().unwrap(wrapped, &mut key.0).is_ok();
        unwrapped.then_some(key)
    }

    /// What a file header keeps, so that a wrong wrapping key is noticed before anything is read or written with it.
    pub(super) fn check_value(&self, log: LogId) -> [u8; WRAPPED_BYTES] {
        self.wrap(&DataKey(Chain::start(log).0))
    }

    fn algorithm(&self) -> AesKek {
        AesKek::new(&AES_256, &self.0).expect("the key has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::{DataKey, WrappingKey};

    #[test]
    fn a_wrapped_key_opens_with_its_wrapping_key_alone_and_only_unchanged() {
        let wrapping = WrappingKey::new(&[1; 32]);
        let wrapped = wrapping.wrap(&DataKey::new([7; 32]));
        assert_eq!(wrapping.unwrap(&wrapped).unwrap().bytes(), &[7; 32]);
        assert!(WrappingKey::new(&[2; 32]).unwrap(&wrapped).is_none());
        for bit in 0..wrapped.len() * 8 {
            let mut changed = wrapped;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(wrapping.unwrap(&changed).is_none(), "bit {bit}");
        }
    }

    /// RFC 3394, section 4.6: 256 bits of key data with a 256-bit key.
    #[test]
    fn keys_are_wrapped_as_the_standard_says() {
        let kek: Vec<u8> = (0..32).collect();
        let data: Vec<u8> = (0..8).flat_map(|high| [high * 0x22, high * 0x22 + 0x11]).collect();
        assert_eq!(data[..3], [0x00, 0x11, 0x22]);
        let mut key = [0; 32];
        key[..16].copy_from_slice(&data);
        (16..32).for_each(|index| key[index] = u8::try_from(index - 16).unwrap());
        let wrapped = WrappingKey::new(&kek.try_into().unwrap()).wrap(&DataKey::new(key));
        let hex: String = wrapped.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21");
    }

    #[test]
    fn a_key_shows_nothing_when_it_is_printed() {
        assert_eq!(format!("{:?}", DataKey::new([7; 32])), "DataKey");
    }
}
