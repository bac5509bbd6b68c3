//! HMAC-SHA-256 (RFC 2104) of 32-byte messages under one key, whose two first blocks are hashed once.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::tree::{DIGEST, INITIAL, state_bytes};

const BLOCK: usize = 64;

/// A key, as the states of SHA-256 behind its two pads. Overwritten when it is dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl MacKey {
    /// No key: every byte is 0.
    pub const fn none() -> Self {
        Self {
            inner: [0; 8],
            outer: [0; 8],
        }
    }

    /// Takes a key by its pads: the key, padded with zeros to a block, XOR 0x36 and XOR 0x5c.
    pub fn load(&mut self, inner_pad: &[u8; BLOCK], outer_pad: &[u8; BLOCK]) {
        self.inner = INITIAL;
        compress256(&mut self.inner, std::slice::from_ref(inner_pad));
        self.outer = INITIAL;
        compress256(&mut self.outer, std::slice::from_ref(outer_pad));
    }

    /// What the memory holds at the moment, for tests: all of it is 0 where there is no key.
    pub fn memory(&self) -> [u8; 2 * DIGEST] {
        let mut bytes = [0; 2 * DIGEST];
        bytes[..DIGEST].copy_from_slice(&state_bytes(&self.inner));
        bytes[DIGEST..].copy_from_slice(&state_bytes(&self.outer));
        bytes
    }

    pub(crate) fn mac(&self, message: &[u8; DIGEST]) -> [u8; DIGEST] {
        let inner = finish(self.inner, message);
        finish(self.outer, &inner)
    }
}

/// Hashes 32 bytes that stand behind one block.
fn finish(mut state: [u32; 8], message: &[u8; DIGEST]) -> [u8; DIGEST] {
    let mut block = [0u8; BLOCK];
    block[..DIGEST].copy_from_slice(message);
    block[DIGEST] = 0x80;
    block[56..].copy_from_slice(&(((BLOCK + DIGEST) * 8) as u64).to_be_bytes());
    compress256(&mut state, &[block]);
    state_bytes(&state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    fn loaded(key: &[u8; 32]) -> MacKey {
        let mut pads = ([0x36; BLOCK], [0x5c; BLOCK]);
        for (at, byte) in key.iter().enumerate() {
            pads.0[at] ^= byte;
            pads.1[at] ^= byte;
        }
        let mut loaded = MacKey::none();
        loaded.load(&pads.0, &pads.1);
        loaded
    }

    proptest! {
        #[test]
        fn is_the_hmac_of_the_library(key: [u8; 32], message: [u8; 32]) {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length will do");
            mac.update(&message);
            let expected: [u8; 32] = mac.finalize().into_bytes().into();
            prop_assert_eq!(loaded(&key).mac(&message), expected);
        }

        #[test]
        fn leaves_nothing_when_it_is_overwritten(key: [u8; 32]) {
            let mut key = loaded(&key);
            prop_assert!(key.memory() != [0; 64]);
            key.zeroize();
            prop_assert_eq!(key.memory(), [0; 64]);
        }
    }
}
