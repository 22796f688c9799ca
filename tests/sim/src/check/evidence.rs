//! C10: evidence is two statements of one signer, both signed, that write two values into one register;
//! and no honest validator is ever accused.

use crate::channel::Channel;
use crate::plan::Plan;
use host_types::statement::Statement;
use std::collections::BTreeSet;

/// Who was accused.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Numbers of validators in the run.
    pub accused: BTreeSet<u16>,
}

impl Evidence {
    /// Looks at what an honest node holds against a validator.
    ///
    /// # Errors
    /// One line: it proves nothing, or its signer is honest.
    pub fn judge(
        &mut self,
        signer: u16,
        statements: &[Statement],
        plan: &Plan,
        channel: &Channel,
    ) -> Result<(), String> {
        let [first, second] = statements else {
            return Err("evidence that cannot be read".into());
        };
        let signed = [first, second].iter().all(|s| s.signer == signer && channel.verifies(s));
        let conflicts = first.slots.iter().any(|a| {
            let same = |b: &&host_types::statement::Slot| (a.view, a.class) == (b.view, b.class);
            second.slots.iter().filter(same).any(|b| a.digest != b.digest)
        });
        if !signed || !conflicts {
            return Err(format!("evidence against validator {signer} that proves nothing"));
        }
        let seat = channel.seat_of(first.epoch, signer).filter(|_| first.epoch == second.epoch);
        let seat = seat.ok_or("evidence of two epochs, or against nobody")?;
        if !plan.villains.contains_key(&seat) && !plan.may_forget(seat) {
            return Err(format!("honest validator {seat} is accused"));
        }
        self.accused.insert(seat);
        Ok(())
    }
}
