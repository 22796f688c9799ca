//! What executing a block gave, as one peer hands it to another whose own result is another one, or
//! who has none.
//!
//! ```text
//! outcome = [ [ receipt.. ], [ [ event.. ].. ], [ write.. ] ]
//! ```
//! In: the lists. Out: the same in canonical bytes, and the receipts root. Deliberately not here: the
//! state root, which takes the parent's state; whether anybody agreed on it (the Final proof, or a
//! certificate of the rule).

use crate::codec::{CodecError, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::limits::{BLOCK_TXS_MAX, BLOCK_WRITES_MAX, EVENTS_MAX};
use crate::merkle;
use crate::receipt::{Receipt, ScoreEvent, Write};

/// What executing a block gave.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BlockOutcome {
    /// One receipt for each transaction, in order.
    pub receipts: Vec<Receipt>,
    /// The events of each transaction, in order.
    pub events: Vec<Vec<ScoreEvent>>,
    /// What the block wrote: sorted by (score, key), each key once.
    pub writes: Vec<Write>,
}

impl BlockOutcome {
    /// Hashes of the receipts, in order: they make the receipts root ([`merkle::root_of_leaves`]).
    #[must_use]
    pub fn digests(receipts: &[Receipt]) -> Vec<Hash32> {
        receipts.iter().map(|receipt| merkle::leaf(&receipt.to_bytes())).collect()
    }

    /// The receipts root.
    #[must_use]
    pub fn receipts_root(&self) -> Hash32 {
        Self::root_of(&self.receipts)
    }

    /// The receipts root of these receipts.
    #[must_use]
    pub fn root_of(receipts: &[Receipt]) -> Hash32 {
        merkle::root_of_values(Domain::ReceiptRoot, receipts, &mut Writer::default())
    }

    /// Whether the events are those that the receipts commit to, and the writes are in their order,
    /// each key once.
    #[must_use]
    pub fn is_coherent(&self) -> bool {
        let mut w = Writer::default();
        let mut root =
            |events: &[ScoreEvent]| merkle::root_of_values(Domain::EventRoot, events, &mut w);
        self.receipts.len() == self.events.len()
            && self.receipts.iter().zip(&self.events).all(|(r, e)| r.events_root == root(e))
            && self.writes.is_sorted_by(|a, b| (&a.score, &a.key) < (&b.score, &b.key))
    }
}

impl Encode for BlockOutcome {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        w.list(&self.receipts);
        w.array(self.events.len());
        self.events.iter().for_each(|events| w.list(events));
        w.list(&self.writes);
    }
}

impl Decode<'_> for BlockOutcome {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let receipts = r.list(BLOCK_TXS_MAX)?;
        let count = r.array_up_to(BLOCK_TXS_MAX)?;
        let events = (0..count).map(|_| r.list(EVENTS_MAX)).collect::<Result<_, _>>()?;
        Ok(Self { receipts, events, writes: r.list(BLOCK_WRITES_MAX)? })
    }
}

/// The first index at which two lists of digests part; none when they are equal. A list that ends
/// parts where it ends.
#[must_use]
pub fn first_parting(one: &[Hash32], other: &[Hash32]) -> Option<usize> {
    let at = one.iter().zip(other).position(|(a, b)| a != b);
    at.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoreName;
    use crate::receipt::Status;

    fn event(n: u8) -> ScoreEvent {
        ScoreEvent { score: ScoreName::new("token").unwrap(), name: "e".into(), data: vec![n] }
    }

    fn write(key: u8) -> Write {
        Write { score: ScoreName::new("token").unwrap(), key: vec![key], value: Some(vec![1]) }
    }

    fn outcome() -> BlockOutcome {
        let writes = vec![write(1), write(2)];
        let receipt = |events: &[ScoreEvent]| {
            Receipt::new((Status::Ok, 0), b"out".to_vec(), events, &writes, 7)
        };
        let events = vec![vec![event(1), event(2)], Vec::new()];
        BlockOutcome { receipts: events.iter().map(|e| receipt(e)).collect(), events, writes }
    }

    #[test]
    fn an_outcome_reads_back_and_its_digests_make_its_root() {
        let outcome = outcome();
        assert_eq!(BlockOutcome::from_bytes(&outcome.to_bytes()), Ok(outcome.clone()));
        let digests = BlockOutcome::digests(&outcome.receipts);
        let root = merkle::root_of_leaves(Domain::ReceiptRoot, &digests);
        assert_eq!(root, outcome.receipts_root());
        assert!(outcome.is_coherent());
    }

    #[test]
    fn other_events_or_another_order_of_writes_do_not_cohere() {
        let mut other_event = outcome();
        other_event.events[0][1] = event(3);
        let mut unsorted = outcome();
        unsorted.writes.reverse();
        let mut twice = outcome();
        twice.writes[1] = twice.writes[0].clone();
        let mut fewer = outcome();
        fewer.events.pop();
        for wrong in [other_event, unsorted, twice, fewer] {
            assert!(!wrong.is_coherent(), "{wrong:?}");
        }
    }

    #[test]
    fn lists_part_at_the_first_difference_or_where_one_ends() {
        let hash = |n: u8| Hash32::new([n; 32]);
        let table: [(&[u8], &[u8], Option<usize>); 5] = [
            (&[], &[], None),
            (&[1, 2], &[1, 2], None),
            (&[1, 2, 3], &[1, 9, 3], Some(1)),
            (&[1, 2], &[1, 2, 3], Some(2)),
            (&[1], &[], Some(0)),
        ];
        for (one, other, at) in table {
            let list = |numbers: &[u8]| numbers.iter().map(|n| hash(*n)).collect::<Vec<_>>();
            assert_eq!(first_parting(&list(one), &list(other)), at, "{one:?} {other:?}");
        }
    }
}
