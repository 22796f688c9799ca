//! The engine that runs a `.so` in this process at other addresses, and loads it anew now and then.
//!
//! In: calls. Out: receipts, the same as without all that. It finds a SCORE that remembers in a static
//! or answers an address.
#![expect(clippy::panic, reason = "a test without an engine fails by a panic")]

use crate::{
    dice::Dice,
    engine::{Engine, Entries, Moment},
    in_process::InProcess,
};
use score_native_link::{CallReceipt, CallSpec};

/// Bytes by which the arena is moved: a multiple of this, for pieces are aligned to it.
const OFFSET_BYTES: u64 = 16;
/// Multiples at most: 64 KiB.
const OFFSETS: u64 = 4096;

/// See the head of this file.
pub(crate) struct Moved {
    engine: InProcess,
    dice: Dice,
}

impl Moved {
    pub(crate) fn new(engine: &InProcess, mut dice: Dice) -> Self {
        Self { engine: elsewhere(engine, &mut dice), dice }
    }
}

fn elsewhere(engine: &InProcess, dice: &mut Dice) -> InProcess {
    let offset = (OFFSET_BYTES * dice.below(OFFSETS)) as usize;
    match engine.elsewhere(offset) {
        Some(Ok(other)) => other,
        Some(Err(error)) => panic!("the .so does not load again: {error}"),
        None => panic!("only a .so can be loaded elsewhere"),
    }
}

impl Engine for Moved {
    fn name(&self) -> String {
        "the .so at other addresses".into()
    }

    fn manifest(&self) -> String {
        self.engine.manifest()
    }

    fn run(&mut self, moment: &Moment, call: &CallSpec, state: &Entries) -> CallReceipt {
        if self.dice.once_in(3) {
            self.engine = elsewhere(&self.engine, &mut self.dice);
        }
        self.engine.run(moment, call, state)
    }

    fn fork(&self) -> Box<dyn Engine> {
        Box::new(Self::new(&self.engine, self.dice.clone()))
    }
}
