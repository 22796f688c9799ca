//! Agreed results that are not this node's own, and blocks that came to nothing because of one.
//!
//! In: certificates and final blocks, own results, what the rule suspects. Out: `Repair`, `Compare`,
//! what the next blocks may hold. While a result differs, the status says so, no descendant has a
//! verdict here (so the rule votes for none), reads go on at the last agreed height; once the agreed
//! result stands here, everything goes on. Deliberately not here: fetching and checking it.

use super::Pipeline;
use crate::clock::Now;
use crate::effect::Effect;
use crate::vote::Progress;
use crate::vote::tree::Entry;
use host_types::block::{Pair, RootPair};
use host_types::{BlockId, TxId};

/// A block whose agreed result is being fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repair {
    agreed: RootPair,
    /// This node has another one.
    differs: bool,
    /// No answer has come yet.
    is_asked: bool,
    /// People were told that nobody had it: once, however often it is tried again.
    is_told: bool,
}

impl Pipeline {
    /// A certificate names a pair.
    pub(super) fn on_certified(&mut self, pair: Pair, out: &mut Vec<Effect>) {
        if let Some(entry) = self.tree.get_mut(&pair.block) {
            entry.certify(pair.roots);
            self.compare(pair.block, out);
        }
    }

    /// Fetches the agreed result of a block when this node has another one, or none.
    pub(super) fn compare(&mut self, block: BlockId, out: &mut Vec<Effect>) {
        let Some(entry) = self.tree.get(&block) else { return };
        let (Some(agreed), Some(body)) = (entry.other_result(), entry.block.clone()) else {
            return;
        };
        let own = match entry.progress {
            Progress::Executed(own) => Some(own),
            _ => None,
        };
        let known = self.repairs.get(&block).filter(|known| known.agreed == agreed).copied();
        if known.is_some_and(|known| known.is_asked) {
            return;
        }
        if own.is_some() && known.is_none() {
            let line = format!("own result of block {block} differs from the agreed one");
            out.push(Effect::Log { level: 1, line });
        }
        let is_told = known.is_some_and(|known| known.is_told);
        let repair = Repair { agreed, differs: own.is_some(), is_asked: true, is_told };
        self.repairs.insert(block, repair);
        out.push(Effect::Repair { block: body, agreed, own });
    }

    /// Asks again for what nobody had.
    pub(super) fn repair_again(&mut self, out: &mut Vec<Effect>) {
        let idle: Vec<BlockId> =
            self.repairs.iter().filter(|(_, r)| !r.is_asked).map(|(id, _)| *id).collect();
        for id in idle {
            if self.tree.get(&id).and_then(Entry::other_result).is_none() {
                self.repairs.remove(&id);
            }
            self.compare(id, out);
        }
    }

    pub(super) fn on_repaired(
        &mut self,
        now: Now,
        block: BlockId,
        result: Result<RootPair, String>,
        out: &mut Vec<Effect>,
    ) {
        let roots = match result {
            Ok(roots) => roots,
            Err(why) => {
                let Some(repair) = self.repairs.get_mut(&block) else { return };
                repair.is_asked = false;
                if !std::mem::replace(&mut repair.is_told, true) {
                    let line = format!("the agreed result of block {block} is not here yet: {why}");
                    out.push(Effect::Log { level: 2, line });
                }
                return;
            }
        };
        self.repairs.remove(&block);
        let Some(entry) = self.tree.get_mut(&block) else { return };
        entry.progress = Progress::Executed(roots);
        // The rule knows another verdict.
        entry.is_wanted = true;
        self.advance(now, block, out);
        self.drain_finals(now, out);
        self.advance_children(now, block, out);
        self.compare(block, out);
    }

    /// What the status says while an own result differs.
    pub(super) fn differs(&self) -> Option<String> {
        let (block, _) = self.repairs.iter().find(|(_, repair)| repair.differs)?;
        Some(format!("own result of block {block} differs from the agreed one; fetching that"))
    }

    /// The rule says that a block came to nothing.
    pub(super) fn on_suspect(
        &mut self,
        block: BlockId,
        votes: Vec<(u16, RootPair)>,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.tree.get(&block) else { return };
        let parts = votes.iter().any(|(_, roots)| votes.iter().any(|(_, other)| other != roots));
        // A bad network looks like a slow transaction: that holds nothing up, it only halves.
        let waits = entry.tx_ids.iter().any(|id| self.pool.get(id).is_some());
        if waits && (parts || entry.tx_ids.len() > 1) {
            self.suspects.failed(&entry.tx_ids, self.epoch.tick_ms);
        }
        if parts && entry.tx_ids.len() > 1 {
            let others = votes.into_iter().filter(|(signer, _)| Some(*signer) != self.config.me);
            out.push(Effect::Compare { block, votes: others.collect() });
        }
    }

    /// Where results part first.
    pub(super) fn on_parted(&mut self, block: BlockId, places: &[usize]) {
        let Some(entry) = self.tree.get(&block) else { return };
        let ids: Vec<TxId> =
            places.iter().filter_map(|at| entry.tx_ids.get(*at)).copied().collect();
        if !ids.is_empty() {
            self.suspects.part(&ids);
            self.tell_work(true);
        }
    }
}
