//! Final blocks and what they need: headers fetched, payloads checked. Rule R5.
//!
//! In: Final proofs, checked blocks, blocks the host synced. Out: `Final`, each block once and in
//! order, only for blocks that this node checked with the agreed result. Not here: storing.

use super::{
    Lft, PendingFinal,
    state::{Block, Checked, Head},
};
use crate::{
    certificate::{Certificate, FinalProof},
    pacemaker::Due,
};
use plugin_api::{Hash, HeaderView, Output, Pair, ProposalKind, output::FinalBlock};

impl Lft {
    /// A proof that a pair is final ends its view too.
    pub(super) fn learn_final(&mut self, proof: FinalProof, out: &mut Vec<Output>) {
        let view = proof.view;
        if view <= self.head.view || self.pending.as_ref().is_some_and(|p| p.proof.view >= view) {
            return;
        }
        if !self.is_certified(view, &proof.pair) {
            self.persist(&Certificate::Final(proof.clone()), out);
        }
        self.want(proof.pair.block, out);
        self.target = self.target.max(view + 1);
        self.pending = Some(PendingFinal { proof });
        self.dirty = true;
    }

    /// Delivers what the newest Final proof covers, once all of it is here and checked.
    pub(super) fn deliver(&mut self, out: &mut Vec<Output>) {
        let Some(pending) = &self.pending else { return };
        let proof = &pending.proof;
        let mut blocks: Vec<FinalBlock> = Vec::new();
        let mut expected = proof.pair;
        while expected.block != self.head.header.id {
            let Some(known) = self.blocks.get(&expected.block) else { return };
            if known.checked != Checked::Valid(expected) {
                return;
            }
            blocks.push(FinalBlock { pair: expected, view: known.header.view });
            let is_child_of_head = known.header.height <= self.head.header.height + 1
                && known.header.kind != ProposalKind::Closing;
            if is_child_of_head && known.header.parent.block != self.head.header.id {
                let line = format!("two final blocks: {:?} and {expected:?}", self.head.pair);
                return self.halt(line, out);
            }
            expected = known.header.parent;
        }
        let Some(top) = self.blocks.get(&proof.pair.block) else { return };
        blocks.reverse();
        let proof_bytes = proof.encode();
        let head = Head {
            header: top.header.clone(),
            pair: proof.pair,
            view: proof.view,
            proof: proof_bytes.clone(),
        };
        out.push(Output::Final { blocks, proof: proof_bytes });
        self.fails_floor = self.fails() / 2;
        self.move_head(head);
    }

    /// The impossible happened: sign nothing more and say why.
    fn halt(&mut self, line: String, out: &mut Vec<Output>) {
        out.push(Output::Trace { level: 1, line: line.clone() });
        self.halted = Some(line);
        self.dirty = false;
    }

    fn move_head(&mut self, head: Head) {
        let view = head.view;
        self.over |= self.ends_epoch(&head.header);
        self.head = head;
        self.views = self.views.split_off(&view);
        self.blocks.retain(|_, block| block.header.view > view);
        self.fetching.clear();
        self.deadlines.drop_holds_below(view + 1);
        if self.pending.as_ref().is_some_and(|pending| pending.proof.view <= view) {
            self.pending = None;
        }
        if self.ahead.is_some_and(|ahead| ahead.height <= self.head.header.height) {
            self.ahead = None;
        }
        self.target = self.target.max(view + 1);
        self.resends = 0;
        self.tidied = 0;
        self.split_views = 0;
        self.dirty = true;
        if self.timing {
            // Patience starts anew with every commit.
            self.timing = false;
            for due in [Due::Lead, Due::Certificate, Due::Resend] {
                self.deadlines.clear(due);
            }
        }
    }

    /// The host caught up by Final proof.
    pub(super) fn on_synced(&mut self, header: HeaderView, pair: Pair, proof: Vec<u8>) {
        if header.epoch != self.epoch || header.view <= self.head.view {
            return;
        }
        let view = header.view;
        self.floor = self.floor.max(view);
        self.move_head(Head { header, pair, view, proof });
    }

    /// Looks again at what blocks are missing, unchecked or unfinished, after a change.
    pub(super) fn refresh(&mut self, out: &mut Vec<Output>) {
        if !self.dirty {
            return;
        }
        self.dirty = false;
        self.validate_ready(out);
        self.want_certified(out);
        self.unfinal = self.has_unfinal();
    }

    /// Certified blocks that are not here are fetched, also after a head change or a restart.
    fn want_certified(&mut self, out: &mut Vec<Output>) {
        let mut ids: Vec<Hash> = self
            .views
            .range(self.head.view + 1..)
            .flat_map(|(_, at)| &at.candidates)
            .map(|candidate| candidate.ballot.pair.block)
            .collect();
        ids.extend(self.pending.as_ref().map(|pending| pending.proof.pair.block));
        for id in ids {
            self.want(id, out);
        }
    }

    /// A certificate stands on this block: it and its ancestors must be here and checked.
    pub(super) fn want(&mut self, block: Hash, out: &mut Vec<Output>) {
        if let Some(missing) = self.mark_wanted(block) {
            self.fetch(missing, out);
        }
    }

    /// Marks a block and its ancestors; returns the first that is not here.
    pub(super) fn mark_wanted(&mut self, block: Hash) -> Option<Hash> {
        let mut id = block;
        while id != self.head.header.id {
            let Some(known) = self.blocks.get_mut(&id) else { return Some(id) };
            if !known.wanted {
                known.wanted = true;
                self.dirty = true;
            }
            if known.header.height <= self.head.header.height {
                return None;
            }
            id = known.header.parent.block;
        }
        None
    }

    pub(super) fn fetch(&mut self, block: Hash, out: &mut Vec<Output>) {
        if block == self.head.header.id || self.blocks.contains_key(&block) {
            return;
        }
        if self.fetching.insert(block, self.now).is_none() {
            out.push(Output::FetchBlock { block });
        }
    }

    /// Asks the host to check every block that matters and whose parent is checked.
    fn validate_ready(&mut self, out: &mut Vec<Output>) {
        let mut ready: Vec<(u64, Hash)> = self
            .blocks
            .iter()
            .filter(|(_, block)| block.checked == Checked::Unasked)
            .filter(|(_, block)| block.wanted || block.header.view >= self.view)
            .filter(|(_, block)| self.parent_is_checked(block))
            .map(|(id, block)| (block.header.view, *id))
            .collect();
        ready.sort_unstable();
        for (_, id) in ready {
            if let Some(block) = self.blocks.get_mut(&id) {
                block.checked = Checked::Asked;
                out.push(Output::Validate { block: id });
            }
        }
    }

    fn parent_is_checked(&self, block: &Block) -> bool {
        let parent = block.header.parent;
        if parent.block == self.head.header.id {
            return parent == self.head.pair;
        }
        self.blocks.get(&parent.block).is_some_and(|known| known.checked == Checked::Valid(parent))
    }

    /// Whether a block with transactions, or a sealing block (S2), is certified, or proposed in this view, but not final.
    fn has_unfinal(&self) -> bool {
        let open = self
            .blocks
            .values()
            .any(|b| b.header.is_work() && (b.wanted || b.header.view >= self.view));
        open || self
            .views
            .range(self.head.view + 1..)
            .flat_map(|(_, at)| &at.candidates)
            .any(|candidate| !self.blocks.contains_key(&candidate.ballot.pair.block))
    }
}
