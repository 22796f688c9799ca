//! Where a transaction is that is not final: its place in the pool, the block it is proposed in.
//!
//! In: its id. Out: facts for whoever asks why it waits. Deliberately not here: times (the core has no
//! clock of its own), reasons.

use super::Pipeline;
use crate::mempool::Place;
use host_types::{BlockId, Header, TxId};

/// Where a transaction waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Its place in the pool; none when it is not in this one's.
    pub place: Option<Place>,
    /// The block of the highest view that has it, above the last final one.
    pub proposed: Option<(BlockId, Header)>,
}

impl Pipeline {
    /// Where a transaction waits; none when it is nowhere here.
    #[must_use]
    pub fn whereabouts(&self, id: &TxId) -> Option<Whereabouts> {
        let place = self.pool.place(id);
        let holding = self.tree.iter().filter(|(_, entry)| entry.tx_ids.contains(id));
        let proposed = holding
            .max_by_key(|(block, entry)| (entry.header.view, **block))
            .map(|(block, entry)| (*block, entry.header.clone()));
        (place.is_some() || proposed.is_some()).then_some(Whereabouts { place, proposed })
    }
}
