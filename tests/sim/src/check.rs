//! What must hold in every run, looked at whenever something could break it and again at the end.
//!
//! In: final blocks, proofs, statements, evidence, sizes. Out: the first thing that is wrong, as one
//! line. Each check is a small file that says in its first line which promise it is about
//! (`docs/RELIABILITY.md`); none looks into a rule.

pub mod acked;
pub mod agreement;
pub mod bank;
pub mod bounds;
pub mod chain;
pub mod evidence;
pub mod progress;
pub mod proof;
pub mod signed;

use crate::channel::Channel;
use crate::store::Stored;
use host_core::pipeline::Sizes;
use host_types::block::{Block, Pair};
use host_types::proof::FinalProof;

/// Lines of a loud run that are kept, at most.
const LINES_MAX: usize = 100_000;

/// All checkers of a run, and what the first of them found.
#[derive(Debug, Default)]
pub struct Checks {
    /// One pair per height.
    pub agreement: agreement::Agreement,
    /// Each node's chain.
    pub chain: chain::Chains,
    /// What honest validators signed.
    pub signed: signed::Registers,
    /// Accusations.
    pub evidence: evidence::Evidence,
    /// Largest sizes seen.
    pub largest: bounds::Largest,
    /// Proofs that were looked at.
    pub proofs: u64,
    /// The first thing that is wrong.
    pub broken: Option<String>,
    /// Lines of the nodes' logs, when somebody wants them.
    pub lines: Vec<String>,
}

impl Checks {
    /// Remembers the first thing that is wrong.
    pub fn blame(&mut self, line: String) {
        self.broken.get_or_insert(line);
    }

    /// Keeps a line for people.
    pub fn say(&mut self, line: String) {
        if self.lines.len() < LINES_MAX {
            self.lines.push(line);
        }
    }

    /// An honest node calls a block final.
    ///
    /// # Errors
    /// One line.
    pub fn finals(
        &mut self,
        node: usize,
        (block, pair): (&Block, Pair),
        proof: Option<&FinalProof>,
        channel: &Channel,
    ) -> Result<(), String> {
        self.agreement.note(node, block, pair)?;
        self.proofs += u64::from(proof.is_some());
        proof.map_or(Ok(()), |proof| proof::holds(block.header(), pair, proof, channel))
    }

    /// A block is in the database of an honest node.
    ///
    /// # Errors
    /// One line.
    pub fn stored(&mut self, node: usize, stored: &Stored) -> Result<(), String> {
        self.chain.stored(node, stored)
    }

    /// How much a pipeline holds after an input.
    pub fn bounds(&mut self, node: usize, sizes: &Sizes) {
        if let Err(why) = self.largest.see(sizes) {
            self.blame(format!("node {node}: {why}"));
        }
    }
}
