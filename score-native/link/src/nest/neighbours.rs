//! The SCOREs of a channel as a call meets them: who can be called, where its batches stand, its state.
//!
//! In: names, from callers. Out: what the peer knows. It is the peer's to implement.

use crate::outcome::NoResult;
use crate::pool::Seat;
use crate::protocol::{BlockId, CallAsk, CallKind};
use std::pin::Pin;
use std::sync::Arc;

/// A future that may be stored, as the calls nest.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The SCOREs of a channel, as of the batch or the question that runs. Everything it says must be the
/// same on every peer, but for [`NoResult`].
pub trait Neighbours: Send {
    /// The SCORE that is called, by a call of this kind. The outer error is for this peer alone, the
    /// inner one is the caller's answer.
    fn find<'a>(
        &'a mut self,
        ask: &'a CallAsk,
        caller: CallKind,
    ) -> Boxed<'a, Result<Result<Callee, Refusal>, NoResult>>;

    /// Where the next batch of this SCORE stands in the running block.
    fn place(&mut self, score: &str) -> Place;

    /// The worker of this SCORE remembers what has been undone: its next batch begins with nothing
    /// remembered.
    fn distrust(&mut self, score: &str);

    /// [`crate::StateReader::get`] of any SCORE, as of the beginning of the batch.
    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>>;

    /// [`crate::StateReader::scan`] of any SCORE, as of the beginning of the batch.
    fn scan(
        &mut self,
        score: &str,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// A SCORE that may be called.
#[derive(Debug)]
pub struct Callee {
    /// Its workers.
    pub seat: Arc<Seat>,
    /// Its address: what those see as their caller that it calls.
    pub address: [u8; 20],
    /// How the method is called.
    pub kind: CallKind,
    /// The arguments as it takes them.
    pub args: Vec<u8>,
}

/// Why a SCORE cannot be called; the caller may go on.
#[derive(Debug)]
pub struct Refusal {
    /// A code of the SCORE ABI's `refusal`.
    pub code: u32,
    /// For people.
    pub text: String,
}

/// See [`crate::Batch`] for the three.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Nearest ancestor in which the SCORE ran.
    pub parent: BlockId,
    /// Number of the batch in the block.
    pub part: u32,
    /// Nothing is remembered.
    pub fresh: bool,
}
