//! C3: what a client was told is final stands in the chain of every honest node that has come so far,
//! at the same height. (That a node's own answers survive its crashes is looked at when it falls.)

use crate::check::agreement::Agreement;
use crate::store::Stored;
use host_types::TxId;
use std::collections::BTreeMap;

/// Compares one node's store with everything that is final.
///
/// # Errors
/// One line.
pub fn all_there(agreement: &Agreement, ledger: &[Stored]) -> Result<(), String> {
    let mut here: BTreeMap<TxId, u64> = BTreeMap::new();
    for stored in ledger {
        let block = &stored.layer.block;
        let height = block.header().height.get();
        here.extend(block.transactions().iter().map(|tx| (tx.id(), height)));
    }
    let top = ledger.len() as u64;
    for (id, height) in agreement.places.iter().filter(|(_, height)| height.get() <= top) {
        if here.get(id) != Some(&height.get()) {
            return Err(format!("transaction {id} was final at {height} and is not there"));
        }
    }
    Ok(())
}
