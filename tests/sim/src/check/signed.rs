//! C9, P5: no honest validator ever lets two different statements leave for one (epoch, view, class),
//! in its whole life, whatever happened to its disk.

use host_types::statement::Statement;
use host_types::{Epoch, Hash32, View};
use std::collections::BTreeMap;

/// Every register that honest validators wrote and showed.
#[derive(Debug, Default)]
pub struct Registers(BTreeMap<(u16, Epoch, View, u8), Hash32>);

impl Registers {
    /// A statement of an honest validator leaves its node.
    ///
    /// # Errors
    /// When another one left before for the same register.
    pub fn leaves(&mut self, statement: &Statement) -> Result<(), String> {
        for slot in &statement.slots {
            let key = (statement.signer, statement.epoch, slot.view, slot.class);
            let held = *self.0.entry(key).or_insert(slot.digest);
            if held != slot.digest {
                return Err(format!(
                    "validator {} signed two statements for view {} class {}",
                    statement.signer, slot.view, slot.class
                ));
            }
        }
        Ok(())
    }
}
