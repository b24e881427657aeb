//! The Merkle tree of RFC 6962 over all leaves, of which only the frontier is kept.

use crate::sha256;

/// A growing tree: at most 64 hashes, whatever its size.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect trees that the size is the sum of, the largest first.
    roots: Vec<[u8; 32]>,
}

impl Tree {
    /// Adds the hash of the next leaf.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut root = leaf;
        for _ in 0..self.size.trailing_ones() {
            // Each one bit stands for a perfect tree at the end of the list.
            if let Some(left) = self.roots.pop() {
                root = node(&left, &root);
            }
        }
        self.roots.push(root);
        self.size += 1;
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let from_the_right = self.roots.iter().rev().copied();
        from_the_right.reduce(|right, left| node(&left, &right)).unwrap_or_else(|| sha256(&[]))
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[1], left, right])
}

#[cfg(test)]
mod tests {
    use super::{Tree, node, sha256};
    use crate::event::Hex;

    fn leaf(bytes: &[u8]) -> [u8; 32] {
        sha256(&[&[0], bytes])
    }

    /// The definition of RFC 6962, 2.1, word by word.
    fn root_by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves.len() {
            0 => sha256(&[]),
            1 => leaves[0],
            count => {
                let cut = count.next_power_of_two() / 2;
                node(&root_by_definition(&leaves[..cut]), &root_by_definition(&leaves[cut..]))
            }
        }
    }

    #[test]
    fn every_size_has_the_root_of_the_definition() {
        let leaves: Vec<[u8; 32]> = (0..130_u8).map(|number| leaf(&[number])).collect();
        let mut tree = Tree::default();
        for size in 0..=leaves.len() {
            assert_eq!(tree.root(), root_by_definition(&leaves[..size]), "size {size}");
            assert_eq!(tree.size(), size as u64);
            leaves.get(size).into_iter().for_each(|leaf| tree.push(*leaf));
        }
    }

    /// The roots that the tests of Certificate Transparency publish for their eight inputs.
    #[test]
    fn published_roots_are_met() {
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let mut tree = Tree::default();
        inputs.iter().for_each(|input| tree.push(leaf(input)));
        let root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
        assert_eq!(Hex(&tree.root()).to_string(), root);
    }
}
