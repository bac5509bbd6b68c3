//! The Merkle tree of RFC 6962, as its section 2.1 defines it.

use fapilog_tamper_engine::{DIGEST, Frontier};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

pub type Hash = [u8; DIGEST];

/// The roots of the complete subtrees of these leaves, largest first.
pub fn edge_of(leaves: &[Hash]) -> Vec<Hash> {
    let mut rest = leaves;
    let mut roots = Vec::new();
    for power in (0..32).rev() {
        if leaves.len() & (1 << power) != 0 {
            let (subtree, others) = rest.split_at(1 << power);
            roots.push(root_of(subtree));
            rest = others;
        }
    }
    roots
}

fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len() / 2);
            node(&root_of(left), &root_of(right))
        }
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::digest([&[1], left.as_slice(), right].concat()).into()
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<Hash>()
}

proptest! {
    #[test]
    fn a_tree_grows_as_it_is_defined(leaves in prop::collection::vec(hash(), 0..70)) {
        let mut frontier = Frontier::new(0, &[]).expect("the empty tree has no edge");
        for (size, leaf) in leaves.iter().enumerate() {
            prop_assert_eq!(frontier.subtrees(), edge_of(&leaves[..size]));
            frontier.append(*leaf);
            prop_assert_eq!(frontier.size(), size as u64 + 1);
        }
        prop_assert_eq!(frontier.subtrees(), edge_of(&leaves));
    }

    /// Of any size: a leaf is joined with what is as high as it, for as long as there is any.
    #[test]
    fn a_large_tree_grows(
        size in prop_oneof![0..(1u64 << 53) - 9, (0u32..53).prop_map(|power| (1u64 << power) - 1)],
        seed in prop::collection::vec(hash(), 53),
        leaves in prop::collection::vec(hash(), 1..9),
    ) {
        let heights = (0..53).rev().filter(|power| size >> power & 1 == 1);
        let mut stack: Vec<(u32, Hash)> = heights.zip(seed).collect();
        let edge: Vec<u8> = stack.iter().flat_map(|(_, root)| *root).collect();
        let mut frontier = Frontier::new(size, &edge).expect("a root for each one bit");
        for leaf in leaves {
            frontier.append(leaf);
            stack.push((0, leaf));
            while let [.., (left_height, left), (height, right)] = stack.as_slice()
                && left_height == height
            {
                let joined = (height + 1, node(left, right));
                stack.truncate(stack.len() - 2);
                stack.push(joined);
            }
            let roots: Vec<Hash> = stack.iter().map(|(_, root)| *root).collect();
            prop_assert_eq!(frontier.subtrees(), roots);
        }
    }

    #[test]
    fn an_edge_of_another_length_is_refused(size in 0u64..1 << 53, edge in prop::collection::vec(any::<u8>(), 0..1_800)) {
        let fits = edge.len() == size.count_ones() as usize * DIGEST;
        prop_assert_eq!(Frontier::new(size, &edge).is_some(), fits);
    }
}
