//! The model of what a node keeps: append-only files of payloads and results, and a database.
//!
//! In: payloads, results, final blocks. Out: the same after a crash: of the files, what was synced and
//! any beginning of the rest; of the database, whole batches. The sign log is the real one (`signer`).
//! Deliberately not here: the real files and database, which `host/store` tests at every operation.

use crate::bank::{Done, State};
use host_types::block::{Block, Pair};
use host_types::proof::FinalProof;
use host_types::{BlockId, Height};
use plugin_api_harness::clock::Chance;
use std::rc::Rc;

/// A block with its own result.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The block.
    pub block: Block,
    /// What executing it did here.
    pub done: Done,
}

/// One thing appended to the files.
#[derive(Clone, Debug)]
enum Piece {
    Payload(Box<Block>),
    Result(Rc<Layer>),
}

impl Piece {
    fn block(&self) -> &Block {
        match self {
            Self::Payload(block) => block,
            Self::Result(layer) => &layer.block,
        }
    }
}

/// A final block in the database.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What was agreed.
    pub pair: Pair,
    /// Its proof, when it was the last of its batch.
    pub proof: Option<FinalProof>,
    /// The block and this node's own result.
    pub layer: Rc<Layer>,
}

/// Everything a node keeps but the sign log.
#[derive(Clone, Debug, Default)]
pub struct Store {
    pieces: Vec<Piece>,
    synced: usize,
    /// Final blocks from height 1 on.
    pub ledger: Vec<Stored>,
}

impl Store {
    /// Appends the payload of a block, once.
    pub fn append_payload(&mut self, block: &Block) {
        let known = |piece: &Piece| matches!(piece, Piece::Payload(b) if b.id() == block.id());
        if !self.pieces.iter().any(known) {
            self.pieces.push(Piece::Payload(Box::new(block.clone())));
        }
    }

    /// Appends payload and result of a block.
    pub fn append_result(&mut self, layer: &Rc<Layer>) {
        self.append_payload(&layer.block);
        let known = self.result(&layer.block.id());
        if known.is_none_or(|known| known.done.roots != layer.done.roots) {
            self.pieces.push(Piece::Result(Rc::clone(layer)));
        }
    }

    /// All that was appended is durable.
    pub fn sync(&mut self) {
        self.synced = self.pieces.len();
    }

    /// The result appended last for a block.
    #[must_use]
    pub fn result(&self, block: &BlockId) -> Option<&Rc<Layer>> {
        self.pieces.iter().rev().find_map(|piece| match piece {
            Piece::Result(layer) if layer.block.id() == *block => Some(layer),
            _ => None,
        })
    }

    /// Appends final blocks: one atomic, synced batch. What was kept for them and below goes.
    pub fn commit(&mut self, blocks: Vec<Stored>) {
        self.ledger.extend(blocks);
        let tip = self.height();
        let mut index = 0;
        let synced = self.synced;
        let mut kept = 0;
        self.pieces.retain(|piece| {
            let keeps = piece.block().header().height > tip;
            kept += usize::from(keeps && index < synced);
            index += 1;
            keeps
        });
        self.synced = kept;
    }

    /// The power went: some beginning of what was not synced is there.
    pub fn crash(&mut self, chance: &mut Chance) {
        let rest = (self.pieces.len() - self.synced) as u64;
        let left = usize::try_from(chance.between(0, rest)).unwrap_or(0);
        self.pieces.truncate(self.synced + left);
        self.synced = self.pieces.len();
    }

    /// An old copy was put back: some of the blocks, nothing above them.
    pub fn go_back(&mut self, chance: &mut Chance) {
        let left = usize::try_from(chance.between(0, self.ledger.len() as u64)).unwrap_or(0);
        self.ledger.truncate(left);
        self.pieces.clear();
        self.synced = 0;
    }

    /// Height of the last final block.
    #[must_use]
    pub fn height(&self) -> Height {
        self.ledger.last().map_or(Height::ZERO, |stored| stored.layer.block.header().height)
    }

    /// The state after the last final block.
    #[must_use]
    pub fn state(&self) -> State {
        self.ledger.last().map_or_else(State::default, |stored| stored.layer.done.state.clone())
    }

    /// A final block.
    #[must_use]
    pub fn at(&self, height: Height) -> Option<&Stored> {
        let place = usize::try_from(height.get().checked_sub(1)?).ok()?;
        self.ledger.get(place)
    }

    /// Blocks above the last final one, lowest first.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = self
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Payload(block) => Some((**block).clone()),
                Piece::Result(_) => None,
            })
            .collect();
        blocks.sort_by_key(|block| block.header().height);
        blocks
    }
}
