//! C6, C7: executing the chain again from genesis gives the agreed results, and the money adds up:
//! no balance but by transfers, the sum constant.

use crate::bank::{self, ACCOUNTS, Call, EACH, Quirk, State};
use crate::store::Stored;

/// Executes a chain again.
///
/// # Errors
/// One line.
pub fn adds_up(ledger: &[Stored]) -> Result<(), String> {
    let mut state = State::default();
    let mut moved = [0i128; ACCOUNTS];
    for stored in ledger {
        let block = &stored.layer.block;
        let height = block.header().height;
        let truth = Quirk { is_retry: true, ..Quirk::default() };
        let done = bank::execute(block, &state, truth)
            .map_err(|why| format!("final block {height} has no result: {why}"))?;
        if done.roots != stored.pair.roots {
            return Err(format!("executing block {height} again gives another result than agreed"));
        }
        if done.state.sum() != Some(EACH * ACCOUNTS as u64) {
            return Err(format!(
                "the sum of all accounts is {:?} at height {height}",
                done.state.sum()
            ));
        }
        for (tx, receipt) in block.transactions().iter().zip(&done.receipts) {
            let call = Call::decode(tx.transaction());
            if let (Some(Call::Transfer { from, to, amount }), Some(1)) = (call, receipt.last()) {
                add(&mut moved, from, -i128::from(amount));
                add(&mut moved, to, i128::from(amount));
            }
        }
        state = done.state;
    }
    let fits = |(balance, moved): (&u64, &i128)| i128::from(*balance) == i128::from(EACH) + moved;
    if state.accounts.iter().zip(&moved).all(fits) {
        Ok(())
    } else {
        Err("the accounts are not what the transfers made of them".into())
    }
}

fn add(moved: &mut [i128; ACCOUNTS], account: u64, amount: i128) {
    let place = usize::try_from(account).ok().and_then(|place| moved.get_mut(place));
    if let Some(sum) = place {
        *sum += amount;
    }
}
