//! Final blocks and what they need: headers fetched, payloads checked.
//!
//! In: Final proofs, checked blocks, blocks the host synced. Out: `Final`, each block once and in
//! order, only when this node checked it with the agreed result. Not here: storing.

use super::{
    Simplex,
    state::{Block, Checked, Head},
};
use crate::statement::Body;
use plugin_api::{Hash, HeaderView, Output, Pair, ProposalKind, output::FinalBlock};

impl Simplex {
    /// Delivers what the newest Final proof covers, once all of it is here and checked.
    pub(super) fn deliver(&mut self, out: &mut Vec<Output>) {
        let Some(proof) = self.proof.clone() else { return };
        let Body::Commit { view, pair } = proof.body else { return };
        let mut blocks: Vec<FinalBlock> = Vec::new();
        let mut expected = pair;
        while expected.block != self.head.header.id {
            if !self.has_checked(&expected) {
                return;
            }
            let Some(header) = self.header(&expected.block) else { return };
            blocks.push(FinalBlock { pair: expected, view: header.view });
            let is_child_of_head = header.height <= self.head.header.height + 1
                && header.kind != ProposalKind::Closing;
            if is_child_of_head && header.parent.block != self.head.header.id {
                let line = format!("two final blocks: {:?} and {expected:?}", self.head.pair);
                out.push(Output::Trace { level: 1, line: line.clone() });
                self.halted = Some(line);
                return;
            }
            expected = header.parent;
        }
        let Some(header) = self.header(&pair.block).cloned() else { return };
        blocks.reverse();
        let bytes = proof.encode();
        out.push(Output::Final { blocks, proof: bytes.clone() });
        self.fails_kept = self.fails() / 2;
        self.move_head(Head { header, pair, view, proof: bytes }, out);
    }

    fn move_head(&mut self, head: Head, out: &mut Vec<Output>) {
        let view = head.view;
        // A sealing block, or one that closes it: nothing comes after it in this epoch.
        self.is_over |= head.header.epoch == self.epoch && head.header.ends_transactions();
        self.head = head;
        // The head's own view is kept: its certificate justifies the next proposal.
        self.views = self.views.split_off(&view);
        self.blocks.retain(|_, block| block.header.view > view);
        self.fetching.clear();
        self.proof.take_if(|proof| proof.body.view() <= view);
        self.ahead.take_if(|ahead| ahead.height <= self.head.header.height);
        self.repairs = 0;
        self.tidied = 0;
        // Patience starts anew with every commit.
        if self.is_timing {
            self.stop_clocks(out);
        }
    }

    /// The host caught up by Final proof.
    pub(super) fn on_synced(
        &mut self,
        header: HeaderView,
        pair: Pair,
        proof: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        if header.epoch == self.epoch && header.view > self.head.view {
            let view = header.view;
            self.move_head(Head { header, pair, view, proof }, out);
            self.advance(out);
        }
    }

    /// Certified and final blocks, and everything below them, must be here and checked.
    pub(super) fn want_certified(&mut self, out: &mut Vec<Output>) {
        let above = self.views.range(self.head.view + 1..);
        let certified = above.filter_map(|(_, at)| at.certified.as_ref()).chain(&self.proof);
        let wanted: Vec<Hash> = certified
            .filter_map(|certificate| match certificate.body {
                Body::Vote { pair, .. } | Body::Commit { pair, .. } => Some(pair.block),
                _ => None,
            })
            .collect();
        for block in wanted {
            if let Some(missing) = self.mark_wanted(block) {
                self.fetch(missing, out);
            }
        }
    }

    /// Marks a block and its ancestors; the first that is not here.
    fn mark_wanted(&mut self, block: Hash) -> Option<Hash> {
        let mut id = block;
        while id != self.head.header.id {
            let Some(known) = self.blocks.get_mut(&id) else { return Some(id) };
            known.is_wanted = true;
            if known.header.height <= self.head.header.height {
                return None;
            }
            id = known.header.parent.block;
        }
        None
    }

    pub(super) fn fetch(&mut self, block: Hash, out: &mut Vec<Output>) {
        if self.header(&block).is_none() && !self.fetching.contains_key(&block) {
            self.fetching.insert(block, self.now);
            out.push(Output::FetchBlock { block });
        }
    }

    /// Asks the host to check every block that matters and whose parent is checked.
    pub(super) fn validate_ready(&mut self, out: &mut Vec<Output>) {
        let mut ready: Vec<(u64, Hash)> = self
            .blocks
            .iter()
            .filter(|(_, block)| block.checked == Checked::Unasked)
            .filter(|(_, block)| block.is_wanted || block.header.view >= self.view)
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
        parent == self.head.pair || self.has_checked(&parent)
    }

    /// Whether a block with transactions is certified, or proposed in this view, but not final; or
    /// a certified block is not here, so that nobody can tell.
    pub(super) fn has_unfinal(&self) -> bool {
        let is_open = |block: &Block| {
            block.header.is_work() && (block.is_wanted || block.header.view >= self.view)
        };
        self.blocks.values().any(is_open)
            || self
                .views
                .range(self.head.view + 1..)
                .filter_map(|(view, _)| self.certified(*view))
                .any(|pair| !self.blocks.contains_key(&pair.block))
    }
}
