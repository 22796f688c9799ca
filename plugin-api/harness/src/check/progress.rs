//! After everything healed, what was sent becomes final on every honest node, and then it is quiet.

use std::collections::BTreeSet;

/// Names what is missing on a node.
///
/// # Errors
/// One line, when something is.
pub fn all_final(node: usize, sent: &BTreeSet<u64>, got: &BTreeSet<u64>) -> Result<(), String> {
    let missing: Vec<&u64> = sent.difference(got).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => {
            Err(format!("node {node} lacks {} transactions, first {first}", missing.len()))
        }
    }
}
