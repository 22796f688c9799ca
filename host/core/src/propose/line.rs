//! Transactions that stand in line, each once.
//!
//! In: ids to put at the end or to take out. Out: whether one stands there, and all in the order they came.
//! Whoever fills a block asks for each waiting transaction whether it stands here, so that takes no walk.
//! Deliberately not here: why they stand here ([`super::suspect`]).

use host_types::TxId;
use std::collections::BTreeMap;

/// A line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    turns: BTreeMap<TxId, u64>,
    by_turn: BTreeMap<u64, TxId>,
    next: u64,
}

impl Line {
    /// Puts one at the end; one that stands there keeps its turn.
    pub fn push(&mut self, id: TxId) {
        if self.turns.contains_key(&id) {
            return;
        }
        self.turns.insert(id, self.next);
        self.by_turn.insert(self.next, id);
        self.next += 1;
    }

    /// Takes one out.
    pub fn remove(&mut self, id: &TxId) {
        if let Some(turn) = self.turns.remove(id) {
            self.by_turn.remove(&turn);
        }
    }

    /// Whether one stands there.
    #[must_use]
    pub fn contains(&self, id: &TxId) -> bool {
        self.turns.contains_key(id)
    }

    /// All, first come first.
    pub fn iter(&self) -> impl Iterator<Item = &TxId> {
        self.by_turn.values()
    }

    /// Whether nobody stands there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use host_types::{Hash32, TxId};

    #[test]
    fn who_stands_in_line_keeps_its_turn_and_who_left_comes_last() {
        let id = |n: u8| TxId::new(Hash32::new([n; 32]));
        let mut line = Line::default();
        for n in [9, 3, 7, 3] {
            line.push(id(n));
        }
        line.remove(&id(9));
        line.remove(&id(1));
        line.push(id(9));
        assert_eq!(line.iter().copied().collect::<Vec<_>>(), [id(3), id(7), id(9)]);
        assert!(line.contains(&id(9)) && !line.contains(&id(1)) && !line.is_empty());
    }
}
