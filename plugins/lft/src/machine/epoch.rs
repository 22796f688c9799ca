//! The end of an epoch: sealing and closing blocks, and what is said once it is over. Rules S1 to S6.
//!
//! In: headers, and what others say after the end. Out: which kind may stand on which parent, and the
//! end proof for whoever lacks it. One instance lives for one epoch: it never holds two validator
//! sets. Deliberately not here: when a block seals and who comes next (the host knows the state), and
//! the next instance (the host makes it).

use super::Lft;
use crate::peer::PeerMessage;
use plugin_api::{Hash, HeaderView, Input, Output, ProposalKind};

impl Lft {
    /// Whether a final block with this header is the last thing this instance does.
    pub(super) fn ends_epoch(&self, header: &HeaderView) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::SpeaksAfterEnd) {
            return false;
        }
        header.epoch == self.epoch && header.ends_transactions()
    }

    /// S1: what may stand on what.
    pub(super) fn may_follow(&self, header: &HeaderView, parent: &HeaderView) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::TransactionsAfterSeal) && parent.is_sealing {
            return true;
        }
        header.may_follow(parent)
    }

    /// S1, S2: what a leader proposes on a parent.
    pub(super) fn kind_on(&self, parent: &Hash) -> ProposalKind {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::TransactionsAfterSeal) {
            return ProposalKind::Norm;
        }
        let is_root = *parent == self.root;
        match self.header(parent) {
            Some(header) if !is_root && header.ends_transactions() => ProposalKind::Closing,
            _ => ProposalKind::Norm,
        }
    }

    /// S4: the epoch is over. Nothing is signed, asked for or timed any more; whoever stands in this
    /// epoch gets the end proof.
    pub(super) fn answer(&self, input: Input, out: &mut Vec<Output>) -> Result<(), String> {
        let Input::Peer { node, bytes, .. } = input else { return Ok(()) };
        match PeerMessage::decode(&bytes)? {
            PeerMessage::Status(status) if status.epoch <= self.epoch => self.send_head(node, out),
            PeerMessage::Rejoin { epoch, .. } if epoch <= self.epoch => self.send_head(node, out),
            PeerMessage::GetCert { .. } => self.send_head(node, out),
            PeerMessage::Status(_)
            | PeerMessage::Certs { .. }
            | PeerMessage::Head { .. }
            | PeerMessage::Rejoin { .. }
            | PeerMessage::Rejoined { .. } => {}
        }
        Ok(())
    }

    /// The last thing of a running instance.
    pub(super) fn stop_clocks(&mut self, out: &mut Vec<Output>) {
        self.relay.clear();
        out.push(Output::CancelTimer { token: super::TIMER });
    }
}
