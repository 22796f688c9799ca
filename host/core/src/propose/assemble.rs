//! Fills a block from the pool within the channel's bounds; that of steps by what calls cost lately.

use super::cost::Costs;
use crate::ingest::AdmittedTx;
use host_types::block::{Block, Pair, ProposalKind, TxIds};
use host_types::genesis::ChannelLimits;
use host_types::{
    BlockTime, Epoch, GenesisHash, Hash32, Header, Height, SignedTransaction, TxId, View,
};
use std::sync::Arc;

/// Transactions that are looked at behind one whose steps do not fit any more: lighter ones among them still
/// enter the block, and a pool full of heavy ones is not walked through for each block.
const PAST_HEAVY_MAX: usize = 1_024;

/// What the rule wants.
#[derive(Clone, Debug)]
pub struct Request {
    /// The channel.
    pub genesis: GenesisHash,
    /// Its epoch.
    pub epoch: Epoch,
    /// View of the block.
    pub view: View,
    /// Kind of the proposal.
    pub kind: ProposalKind,
    /// Height of the block.
    pub height: Height,
    /// Parent and its result.
    pub parent: Pair,
    /// View of the parent.
    pub parent_view: View,
    /// Time of the parent.
    pub parent_time: BlockTime,
    /// This node's index.
    pub proposer: u16,
    /// Hash of the validator set.
    pub validators: Hash32,
    /// Hash of the newest proof known.
    pub carried: Hash32,
    /// An empty block is wanted when nothing waits.
    pub allow_empty: bool,
    /// What a sealing block names; none in any other.
    pub seal: Option<Hash32>,
}

/// A block of `waiting` transactions, in their order, that `is_left_out` does not name; none when there are
/// none and an empty block is not wanted.
#[must_use]
pub fn assemble<'a>(
    request: &Request,
    waiting: impl Iterator<Item = &'a AdmittedTx>,
    limits: &ChannelLimits,
    wall: BlockTime,
    is_left_out: impl Fn(&SignedTransaction) -> bool,
    costs: &Costs,
) -> Option<Block> {
    let time = BlockTime::new(wall.get().max(request.parent_time.get() + 1));
    let transactions = select(waiting, limits, time, is_left_out, costs);
    if transactions.is_empty() && !request.allow_empty {
        return None;
    }
    let ids: Vec<TxId> = transactions.iter().map(|tx| tx.id()).collect();
    let ids = TxIds::new(ids);
    let header = Header {
        genesis: request.genesis,
        epoch: request.epoch,
        view: request.view,
        kind: request.kind,
        height: request.height,
        parent: request.parent,
        parent_view: request.parent_view,
        proposer: request.proposer,
        time,
        tx_count: u32::try_from(ids.len()).ok()?,
        tx_root: ids.root(),
        validators: request.validators,
        next_validators: request.seal,
        carried: request.carried,
    };
    Block::with_ids(header, ids, transactions)
}

fn select<'a>(
    waiting: impl Iterator<Item = &'a AdmittedTx>,
    limits: &ChannelLimits,
    time: BlockTime,
    is_left_out: impl Fn(&SignedTransaction) -> bool,
    costs: &Costs,
) -> Arc<[Arc<SignedTransaction>]> {
    let (mut bytes, mut steps, mut chosen, mut passed) = (0, 0_u64, Vec::new(), 0);
    for admitted in waiting {
        let tx = admitted.transaction();
        if chosen.len() as u64 >= limits.block_txs {
            break;
        }
        if tx.transaction().expiry < time || is_left_out(tx) {
            continue;
        }
        let body = tx.transaction();
        let with_it = steps.saturating_add(costs.of(&body.score, &body.method));
        if with_it > limits.steps_per_block && !chosen.is_empty() {
            // It waits for a block of its own size; lighter ones behind it need not.
            passed += 1;
            if passed > PAST_HEAVY_MAX {
                break;
            }
            continue;
        }
        steps = with_it;
        bytes += tx.size() as u64;
        if bytes > limits.block_bytes {
            break;
        }
        chosen.push(Arc::clone(tx));
    }
    chosen.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, now};
    use crate::propose::cost::Cost;
    use host_types::ScoreName;
    use std::iter::{once, repeat_n};

    #[test]
    fn a_light_call_enters_a_block_past_so_many_heavy_ones_and_no_more() {
        let fixture = Fixture::new();
        let (limits, heavy, light) =
            (fixture.genesis.limits, fixture.admitted(1), fixture.admitted_for("notary", 2));
        let mut costs = Costs::default();
        let score = ScoreName::new("token").unwrap();
        costs.learn(vec![Cost { score, method: "transfer".into(), steps: limits.steps_per_block }]);
        // Heavy ones behind the first, which fills the block; whether the light one is in it.
        for (behind, is_in) in [(0, true), (PAST_HEAVY_MAX, true), (PAST_HEAVY_MAX + 1, false)] {
            let waiting = repeat_n(&heavy, 1 + behind).chain(once(&light));
            let chosen = select(waiting, &limits, now(), |_| false, &costs);
            let expected = if is_in { vec![heavy.id(), light.id()] } else { vec![heavy.id()] };
            let ids: Vec<_> = chosen.iter().map(|tx| tx.id()).collect();
            assert_eq!(ids, expected, "past {behind}");
        }
    }
}
