//! What channels have taken back, for the sessions of this node and for its RadioStations.
//!
//! In: the membership of each channel as blocks change it. Out: sessions under certificates that were
//! taken back end, and no new ones begin. What one channel has taken back has no session at all: the
//! organisation itself has revoked it. And the newest list of each root, as a RadioStation wants it
//! ([`Lists`]). Deliberately not here: transactions (`host/core`), telling RadioStations (`discovery`).

use super::node::{Node, lock};
use super::readiness::Stored;
use crate::channel::ChannelHandle;
use host_core::system::state::{ChangeStatus, all_changes};
use host_identity::Crl;
use host_types::Hash32;
use host_types::change::Change;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The newest list of each root that a channel of this node has taken.
#[derive(Debug, Default)]
pub struct Lists(RwLock<BTreeMap<Hash32, Crl>>);

impl Lists {
    /// Those that are newer than these numbers: root, number, DER.
    #[must_use]
    pub fn newer(&self, known: &BTreeMap<Hash32, u64>) -> Vec<(Hash32, u64, Vec<u8>)> {
        let lists = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_newer = |crl: &&Crl| known.get(&crl.root).is_none_or(|number| crl.number > *number);
        lists.values().filter(is_newer).map(|crl| (crl.root, crl.number, crl.der.clone())).collect()
    }

    /// Whether there is one of this root.
    #[must_use]
    pub fn has(&self, root: &Hash32) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(root)
    }

    fn take(&self, crl: Crl) {
        let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if lists.get(&crl.root).is_none_or(|known| crl.number > known.number) {
            lists.insert(crl.root, crl);
        }
    }
}

/// Follows one channel as long as the node runs.
pub(super) async fn follow(node: Arc<Node>, channel: ChannelHandle) {
    let mut knowledge = channel.parts().knowledge.clone();
    let mut known = None;
    loop {
        let membership = Arc::clone(&knowledge.borrow_and_update().membership);
        // It is another value only when somebody joined or was taken back.
        if known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &membership)) {
            known = Some(Arc::clone(&membership));
            take_back(&node);
            if !membership.revoked().is_empty() {
                lists_of(&node, &channel, membership.roots());
            }
        }
        if knowledge.changed().await.is_err() {
            return;
        }
    }
}

/// Brings all that the channels have taken back into force.
fn take_back(node: &Node) {
    let _one_at_a_time = lock(&node.trusting);
    let channels = node.channels();
    let all = channels.iter().flat_map(|channel| {
        let membership = Arc::clone(&channel.parts().knowledge.borrow().membership);
        membership.revoked().iter().cloned().collect::<Vec<_>>()
    });
    node.mesh.session().trust().set_revoked(all.collect());
}

/// The lists themselves stand in the changes that the channel has accepted.
fn lists_of(node: &Node, channel: &ChannelHandle, roots: &[host_identity::Root]) {
    for (_, record) in all_changes(&Stored(channel.reader().clone())) {
        if let (ChangeStatus::Done, Change::Revoke { crl }) = (record.status, record.change)
            && let Ok(crl) = Crl::parse(&crl, roots)
        {
            node.lists.take(crl);
        }
    }
}
