//! Final blocks that wait to be stored: they may not be complete or executed here yet.

use host_types::block::RootPair;
use host_types::proof::FinalProof;
use host_types::{BlockId, Height};
use std::collections::VecDeque;

/// A block everybody agreed on.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// The block.
    pub block: BlockId,
    /// Its height.
    pub height: Height,
    /// The agreed result.
    pub roots: RootPair,
    /// Its proof; none when a later block's covers it.
    pub proof: Option<FinalProof>,
}

/// Final blocks in order of height, without gap.
#[derive(Clone, Debug, Default)]
pub struct FinalQueue {
    waiting: VecDeque<Agreed>,
}

impl FinalQueue {
    /// Appends a final block; false when it is not the next one.
    pub fn push(&mut self, last: Height, agreed: Agreed) -> bool {
        let last = self.waiting.back().map_or(last, |a| a.height);
        let is_next = agreed.height == last.next();
        if is_next {
            self.waiting.push_back(agreed);
        }
        is_next
    }

    /// The next to store.
    #[must_use]
    pub fn front(&self) -> Option<&Agreed> {
        self.waiting.front()
    }

    /// Takes the next.
    pub fn pop(&mut self) -> Option<Agreed> {
        self.waiting.pop_front()
    }

    /// The highest final block known, stored or not.
    #[must_use]
    pub fn back(&self) -> Option<&Agreed> {
        self.waiting.back()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
