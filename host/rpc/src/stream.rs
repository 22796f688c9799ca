//! What a stream of a channel tells, one page of it: blocks, their transactions, what these announced.
//!
//! In: what is wanted, and a place to begin. Out: items in the order of their places, and the place to
//! go on from. Deliberately not here: waiting for new blocks ([`Gateway::next_block`]), how items look
//! (`host/web`), reading them (`host/node`).
//!
//! [`Gateway::next_block`]: crate::gateway::Gateway::next_block

use crate::gateway::{BlockView, EventPlace};
use host_types::{CertificateId, Height, Receipt, ScoreEvent, ScoreName, TxId};

/// In the place of an event: the transaction, or the block, itself. Either stands behind all that it
/// announced, so who has seen it has seen all of it.
pub const ITSELF: u32 = u32::MAX;

impl EventPlace {
    /// Where a block itself stands: behind all that is in it.
    #[must_use]
    pub const fn end_of(height: Height) -> Self {
        Self { height, tx: Self::OF_BLOCK, event: ITSELF }
    }

    /// The next place; none behind the last one there can be.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        let Self { height, tx, event } = self;
        if event < u32::MAX {
            return Some(Self { height, tx, event: event + 1 });
        }
        if tx < u32::MAX {
            return Some(Self { height, tx: tx + 1, event: 0 });
        }
        match height.get().checked_add(1) {
            Some(next) => Some(Self::start_of(Height::new(next))),
            None => None,
        }
    }

    /// The place before; none before the first one.
    #[must_use]
    pub const fn before(self) -> Option<Self> {
        let Self { height, tx, event } = self;
        if event > 0 {
            return Some(Self { height, tx, event: event - 1 });
        }
        if tx > 0 {
            return Some(Self { height, tx: tx - 1, event: ITSELF });
        }
        match height.get().checked_sub(1) {
            Some(before) => Some(Self::end_of(Height::new(before))),
            None => None,
        }
    }

    /// `HEIGHT.TX.EVENT`, nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || {
            let part = parts.next()?;
            let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then_some(part)
        };
        let height = Height::new(part()?.parse().ok()?);
        let (tx, event) = (part()?.parse().ok()?, part()?.parse().ok()?);
        parts.next().is_none().then_some(Self { height, tx, event })
    }
}

impl std::fmt::Display for EventPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.height.get(), self.tx, self.event)
    }
}

/// What a stream tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFilter {
    /// Every block.
    pub blocks: bool,
    /// Transactions.
    pub txs: bool,
    /// What SCOREs announced.
    pub scores: bool,
    /// Transactions and events of this SCORE only.
    pub score: Option<ScoreName>,
    /// Events of this name only.
    pub topic: Option<String>,
}

/// A final transaction, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxTold {
    /// Its id.
    pub id: TxId,
    /// The SCORE that it called.
    pub score: ScoreName,
    /// The method.
    pub method: String,
    /// Who signed it.
    pub signer: CertificateId,
    /// How it ended.
    pub receipt: Receipt,
    /// How many events it announced.
    pub events: u32,
}

/// One thing told.
#[derive(Clone, Debug)]
pub enum Told {
    /// An event; the transaction is none for what the block itself said.
    Score(Option<TxId>, ScoreEvent),
    /// A transaction.
    Tx(Box<TxTold>),
    /// A block; its transactions and proof are left out.
    Block(Box<BlockView>),
}

impl Told {
    /// About so many bytes; what pages are measured by.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Self::Score(_, event) => 128 + event.data.len(),
            Self::Tx(tx) => 256 + tx.receipt.output.len(),
            Self::Block(_) => 512,
        }
    }
}

/// One thing told, and where it stands.
#[derive(Clone, Debug)]
pub struct StreamItem {
    /// The place.
    pub place: EventPlace,
    /// What.
    pub told: Told,
}

/// Some of a stream, in order.
#[derive(Clone, Debug)]
pub struct StreamPage {
    /// The items.
    pub items: Vec<StreamItem>,
    /// Where to go on.
    pub next: EventPlace,
    /// Whether all stored blocks were looked through: what follows is not there yet.
    pub is_caught_up: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_and_are_read_as_they_are_written() {
        let places = [(0, 0, 0), (0, 0, 7), (4, 2, ITSELF), (4, u32::MAX, 0), (4, 3, 0), (5, 0, 0)];
        for (height, tx, event) in places {
            let place = EventPlace { height: Height::new(height), tx, event };
            assert_eq!(EventPlace::parse(&place.to_string()), Some(place));
            let next = place.next().unwrap();
            assert!(next > place);
            assert_eq!(next.before(), Some(place));
        }
        assert_eq!(EventPlace::start_of(Height::ZERO).before(), None);
        assert_eq!(EventPlace::end_of(Height::new(u64::MAX)).next(), None);
        let end = EventPlace::end_of(Height::new(8));
        assert_eq!(end.next(), Some(EventPlace::start_of(Height::new(9))));
        for wrong in
            ["", "1", "1.2", "1.2.3.4", "+1.2.3", "1.2.-3", "1. 2.3", "1.4294967296.0", "a"]
        {
            assert_eq!(EventPlace::parse(wrong), None, "{wrong:?}");
        }
    }
}
