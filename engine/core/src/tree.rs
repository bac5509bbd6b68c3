//! The right edge of the Merkle tree of RFC 6962 over SHA-256.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// The length of a hash, in bytes.
pub const DIGEST: usize = 32;
/// A tree of at most 2^53 - 1 leaves has at most so many complete subtrees on its edge.
pub const MAX_SUBTREES: usize = 53;

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
pub(crate) const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

pub(crate) fn state_bytes(state: &[u32; 8]) -> [u8; DIGEST] {
    let mut bytes = [0; DIGEST];
    for (to, word) in bytes.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// SHA-256(0x00 ‖ leaf).
pub(crate) fn hash_leaf(leaf: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    hash.finalize().into()
}

/// The same of a leaf that stands in pieces.
pub(crate) fn hash_leaf_of(pieces: &[&[u8]]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update([0]);
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// SHA-256(0x01 ‖ left ‖ right): 65 bytes, which are two blocks.
fn hash_node(left: &[u8; DIGEST], right: &[u8; DIGEST]) -> [u8; DIGEST] {
    let mut blocks = [[0u8; 64]; 2];
    blocks[0][0] = 1;
    blocks[0][1..33].copy_from_slice(left);
    blocks[0][33..].copy_from_slice(&right[..31]);
    blocks[1][0] = right[31];
    blocks[1][1] = 0x80;
    blocks[1][56..].copy_from_slice(&(65u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    state_bytes(&state)
}

/// The roots of the complete subtrees of a growing tree, largest first.
pub struct Frontier {
    size: u64,
    subtrees: Vec<[u8; DIGEST]>,
}

impl Frontier {
    /// The tree of `size` leaves with this edge, 32 bytes a subtree; `None` where it has another number of them.
    pub fn new(size: u64, edge: &[u8]) -> Option<Self> {
        let (subtrees, rest) = edge.as_chunks::<DIGEST>();
        if !rest.is_empty() || subtrees.len() != size.count_ones() as usize {
            return None;
        }
        Some(Self {
            size,
            subtrees: subtrees.to_vec(),
        })
    }

    /// Adds a leaf by its hash.
    pub fn append(&mut self, leaf: [u8; DIGEST]) {
        let mut digest = leaf;
        let mut rest = self.size;
        while rest & 1 == 1 {
            if let Some(left) = self.subtrees.pop() {
                digest = hash_node(&left, &digest);
            }
            rest >>= 1;
        }
        self.subtrees.push(digest);
        self.size += 1;
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    pub fn subtrees(&self) -> &[[u8; DIGEST]] {
        &self.subtrees
    }
}
