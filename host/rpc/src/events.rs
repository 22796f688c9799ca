//! What transactions announced: places, a filter, a page.
//!
//! In and out: the questions and answers of [`crate::gateway::Gateway`]. Not here: streams ([`crate::stream`]).

use host_types::{Height, ScoreEvent, ScoreName, TxId};

/// Where an event stands: block, transaction, number in the transaction. What a block itself said has
/// the transaction [`EventPlace::OF_BLOCK`], behind all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// The block.
    pub height: Height,
    /// Index of the transaction in it.
    pub tx: u32,
    /// Index of the event in the transaction.
    pub event: u32,
}

impl EventPlace {
    /// In the place of a transaction: the block itself.
    pub const OF_BLOCK: u32 = u32::MAX;

    /// The first place of a block.
    #[must_use]
    pub const fn start_of(height: Height) -> Self {
        Self { height, tx: 0, event: 0 }
    }
}

/// Which events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this SCORE only.
    pub score: Option<ScoreName>,
    /// Of this name only.
    pub topic: Option<String>,
    /// From this place on.
    pub from: EventPlace,
    /// So many at most.
    pub limit: u32,
}

/// An event of a final transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventView {
    /// Where it stands.
    pub place: EventPlace,
    /// The transaction; none for what the block itself said, before its transactions.
    pub transaction: Option<TxId>,
    /// What was announced.
    pub event: ScoreEvent,
}

/// Some events, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsPage {
    /// The events.
    pub events: Vec<EventView>,
    /// Where to go on; none once all blocks were looked through.
    pub next: Option<EventPlace>,
}
