//! C13, P8, P13: after everything healed, every honest node comes to the same height, and what a node
//! accepted is final or has expired.

use crate::bank::Call;
use crate::check::agreement::Agreement;
use crate::client::Clients;
use host_types::BlockTime;

/// The first transaction that an honest node accepted and that is neither final nor expired.
///
/// # Errors
/// One line, when there is one.
pub fn all_settled(clients: &Clients, agreement: &Agreement, now: BlockTime) -> Result<(), String> {
    let open = clients.accepted.iter().find(|(id, place)| {
        let Some(sent) = clients.sent.get(**place) else { return false };
        // What has no result once, tried alone, is left out by that leader until it expires.
        let has_result = !matches!(sent.call, Call::Boom | Call::Slow);
        let can_be_final = has_result && sent.expiry > now;
        can_be_final && !agreement.places.contains_key(id)
    });
    match open {
        None => Ok(()),
        Some((id, place)) => {
            Err(format!("accepted transaction {id} (number {place}) is not final"))
        }
    }
}
