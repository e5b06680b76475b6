//! The Merkle tree of RFC 6962, grown leaf by leaf from what fits in a few hashes, and read back from stored ones.

use super::error::Malformed;
use super::hash::{Hash, leaf_hash, node_hash};

/// A perfect subtree: the leaves from `index << level` on, `1 << level` of them. On level 0, a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    pub level: u8,
    pub index: u64,
}

/// Where the hashes of perfect subtrees are kept, or made from what is kept.
pub trait Nodes {
    type Error;

    /// The hashes of these nodes, in their order. All lie within the tree that is asked about.
    ///
    /// # Errors
    /// Where one cannot be had.
    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, Self::Error>;
}

/// The perfect subtrees that together hold the leaves from `from` to before `to`, each as large as can be, in order.
pub fn perfect(from: u64, to: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = from;
    while at < to {
        let level = at.trailing_zeros().min((to - at).ilog2());
        // A level of 64 bits' worth is below 64.
        nodes.push(Node { level: u8::try_from(level).unwrap_or(63), index: at >> level });
        at += 1 << level;
    }
    nodes
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// Those of the source.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    Ok(fold(&nodes.hashes(&perfect(0, size))?))
}

/// The root above perfect subtrees that stand side by side, the largest first.
pub(super) fn fold(hashes: &[Hash]) -> Hash {
    match hashes.split_last() {
        Some((last, rest)) => rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)),
        None => Hash::of(&[]),
    }
}

/// The right edge of a tree: all that its root and its growth need. It holds one hash for each bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a tree whose nodes [`perfect`]`(0, size)` have these hashes; `None` where their number is another.
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == usize::try_from(size.count_ones()).ok()?).then_some(Self { size, hashes })
    }

    /// Of a stored tree.
    ///
    /// # Errors
    /// Those of the source.
    pub fn load<N: Nodes>(nodes: &N, size: u64) -> Result<Self, N::Error> {
        Ok(Self { size, hashes: nodes.hashes(&perfect(0, size))? })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Of the nodes [`perfect`]`(0, size)`, in their order.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }

    /// Appends a leaf by its hash. Every node that is complete now is shown to `complete`: the leaf first, then those
    /// above it.
    ///
    /// # Errors
    /// For a tree that is full.
    pub fn append(&mut self, leaf: Hash, complete: impl FnMut(Node, Hash)) -> Result<(), Malformed> {
        self.append_perfect(0, leaf, complete)
    }

    /// Appends a leaf by its data.
    ///
    /// # Errors
    /// For a tree that is full.
    pub fn append_data(&mut self, data: &[u8]) -> Result<Hash, Malformed> {
        let hash = leaf_hash(data);
        self.append(hash, |_, _| ()).map(|()| hash)
    }

    /// Appends what was left out: the leaves up to `to` by the hashes of the perfect subtrees that hold them.
    ///
    /// # Errors
    /// Where these hashes are too few or too many, and for a `to` before the size.
    pub fn append_omitted(&mut self, to: u64, hashes: &[Hash]) -> Result<(), Malformed> {
        let nodes = perfect(self.size, to);
        if to < self.size || nodes.len() != hashes.len() {
            return Err(Malformed::new("it has another number of hashes than such a stretch needs"));
        }
        nodes.iter().zip(hashes).try_for_each(|(node, hash)| self.append_perfect(node.level, *hash, |_, _| ()))
    }

    fn append_perfect(&mut self, level: u8, hash: Hash, mut complete: impl FnMut(Node, Hash)) -> Result<(), Malformed> {
        let size = self.size.checked_add(1 << level).ok_or_else(|| Malformed::new("the tree is full"))?;
        let (mut node, mut hash) = (Node { level, index: self.size >> level }, hash);
        complete(node, hash);
        while node.index % 2 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            node = Node { level: node.level + 1, index: node.index / 2 };
            complete(node, hash);
        }
        self.hashes.push(hash);
        self.size = size;
        Ok(())
    }
}

/// Leaves that a reader is not shown: from the place before it up to `to`, by these hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted {
    pub to: u64,
    pub hashes: Vec<Hash>,
}

impl Omitted {
    /// The leaves from `from` to before `to` of a stored tree.
    ///
    /// # Errors
    /// Those of the source.
    pub fn load<N: Nodes>(nodes: &N, from: u64, to: u64) -> Result<Self, N::Error> {
        Ok(Self { to, hashes: nodes.hashes(&perfect(from, to))? })
    }
}

/// Leaves that a reader is not shown, while they pass by: no more of them is kept than [`Omitted`] needs.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    to: u64,
    nodes: Vec<(Node, Hash)>,
}

impl Stretch {
    /// From this leaf on.
    pub fn from(leaf: u64) -> Self {
        Self { to: leaf, nodes: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut node, mut hash) = (Node { level: 0, index: self.to }, leaf);
        while node.index % 2 == 1
            && let Some((_, left)) = self.nodes.pop_if(|(left, _)| left.level == node.level)
        {
            hash = node_hash(&left, &hash);
            node = Node { level: node.level + 1, index: node.index / 2 };
        }
        self.nodes.push((node, hash));
        self.to = self.to.saturating_add(1);
    }

    /// What stands for them.
    pub fn end(self) -> Omitted {
        Omitted { to: self.to, hashes: self.nodes.into_iter().map(|(_, hash)| hash).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(index: u64) -> Hash {
        leaf_hash(&index.to_be_bytes())
    }

    #[test]
    fn stretches_are_covered_by_the_largest_subtrees() {
        let node = |level, index| Node { level, index };
        for (from, to, nodes) in [
            (0, 0, vec![]),
            (5, 5, vec![]),
            (0, 1, vec![node(0, 0)]),
            (0, 7, vec![node(2, 0), node(1, 2), node(0, 6)]),
            (3, 11, vec![node(0, 3), node(2, 1), node(1, 4), node(0, 10)]),
            (1 << 63, u64::MAX, (0..63).rev().map(|level| node(level, (u64::MAX >> level) - 1)).collect()),
        ] {
            assert_eq!(perfect(from, to), nodes, "{from}..{to}");
        }
    }

    #[test]
    fn what_is_left_out_changes_no_root() {
        for size in 0..24u64 {
            let mut whole = Frontier::new();
            (0..size).for_each(|at| whole.append(leaf(at), |_, _| ()).unwrap());
            for from in 0..=size {
                for to in from..=size {
                    let hashes: Vec<_> = perfect(from, to)
                        .iter()
                        .map(|node| {
                            let mut below = Frontier::new();
                            let first = node.index << node.level;
                            (first..first + (1 << node.level))
                                .for_each(|at| below.append(leaf(at), |_, _| ()).unwrap());
                            below.root()
                        })
                        .collect();
                    let mut part = Frontier::new();
                    (0..from).for_each(|at| part.append(leaf(at), |_, _| ()).unwrap());
                    let mut stretch = Stretch::from(from);
                    (from..to).for_each(|at| stretch.push(leaf(at)));
                    assert_eq!(stretch.is_empty(), from == to);
                    assert_eq!(stretch.end(), Omitted { to, hashes: hashes.clone() }, "{from}..{to}");
                    part.append_omitted(to, &hashes).unwrap();
                    (to..size).for_each(|at| part.append(leaf(at), |_, _| ()).unwrap());
                    assert_eq!(part, whole, "{from}..{to} of {size}");
                }
            }
        }
    }

    #[test]
    fn a_stretch_of_another_length_is_refused() {
        let mut frontier = Frontier::new();
        frontier.append_data(b"a").unwrap();
        let before = frontier.clone();
        for (to, count) in [(0, 0), (0, 1), (4, 1), (4, 3), (1, 1), (u64::MAX, 62)] {
            assert!(frontier.append_omitted(to, &vec![Hash::default(); count]).is_err(), "{to}");
        }
        assert_eq!(frontier, before);
        assert_eq!(Frontier::from_hashes(5, vec![Hash::default()]), None);
        assert!(Frontier::from_hashes(5, vec![Hash::default(); 2]).is_some());
    }

    #[test]
    fn a_full_tree_takes_no_more() {
        let mut frontier = Frontier::from_hashes(u64::MAX, vec![Hash::default(); 64]).unwrap();
        assert!(frontier.append(Hash::default(), |_, _| ()).is_err());
    }
}
