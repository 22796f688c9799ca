//! One pair per height, on every honest node, for ever.

use plugin_api::Pair;
use std::collections::BTreeMap;

/// Every final pair of the run.
#[derive(Debug, Default)]
pub struct Agreement {
    pairs: BTreeMap<u64, (Pair, usize)>,
}

impl Agreement {
    /// A node says that a pair is final at a height.
    ///
    /// # Errors
    /// When another node said otherwise: a fork.
    pub fn note(&mut self, node: usize, height: u64, pair: Pair) -> Result<(), String> {
        let (known, first) = *self.pairs.entry(height).or_insert((pair, node));
        if known == pair {
            return Ok(());
        }
        Err(format!(
            "fork at height {height}: node {first} has {:?}/{:?}, node {node} has {:?}/{:?}",
            known.block, known.state_root, pair.block, pair.state_root
        ))
    }

    /// Highest final height of any node.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.pairs.last_key_value().map_or(0, |(height, _)| *height)
    }
}

#[cfg(test)]
mod tests {
    use super::Agreement;
    use plugin_api::{Hash, Pair};

    #[test]
    fn two_pairs_at_one_height_are_a_fork() {
        let mut agreement = Agreement::default();
        let one = Pair { block: Hash([1; 32]), ..Pair::default() };
        let other_result = Pair { state_root: Hash([2; 32]), ..one };
        assert!(agreement.note(0, 1, one).is_ok());
        assert!(agreement.note(1, 1, one).is_ok());
        assert!(agreement.note(2, 1, other_result).unwrap_err().contains("fork at height 1"));
        assert_eq!(agreement.height(), 1);
    }
}
