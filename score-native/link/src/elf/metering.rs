//! How much of a SCORE counts its steps.
//!
//! In: an [`Image`]. Out: the number of loops and how many of them touch the step counter. Loops
//! in the compiled parts of `core` and `alloc` do not; they are linear in memory, which is bounded.

use super::image::Image;
use super::instructions::code;
use iced_x86::{Decoder, DecoderOptions, Instruction};
use object::elf;
use serde::{Deserialize, Serialize};

/// How much of a SCORE counts its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// The SCORE tells where its counter is.
    pub counter: bool,
    /// Backward jumps.
    pub loops: usize,
    /// Those among them that pass the counter.
    pub metered_loops: usize,
}

impl Metered {
    /// Least share of metered loops, percent: what `core` and `alloc` bring along is unmetered.
    const SHARE_MIN_PERCENT: usize = 20;

    /// True when the SCORE was built with the counter of steps.
    #[must_use]
    pub const fn is_metered(&self) -> bool {
        self.counter && self.metered_loops * 100 >= self.loops * Self::SHARE_MIN_PERCENT
    }
}

/// An instruction of which we remember whether it touches the counter and where it jumps back to.
struct Step {
    address: u64,
    counts: bool,
    back_to: Option<u64>,
}

pub(super) fn measure(image: &Image<'_>) -> Metered {
    let Some(counter) = counter_address(image) else { return Metered::default() };
    let mut metered = Metered { counter: true, loops: 0, metered_loops: 0 };
    for (address, bytes) in code(image) {
        let decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
        let steps: Vec<Step> = decoder.into_iter().map(|i| step(&i, counter)).collect();
        // How many counting instructions come before each position.
        let mut before = Vec::with_capacity(steps.len() + 1);
        before.push(0_usize);
        for step in &steps {
            before.push(before[before.len() - 1] + usize::from(step.counts));
        }
        for (at, step) in steps.iter().enumerate() {
            let Some(target) = step.back_to else { continue };
            let start = steps.partition_point(|s| s.address < target);
            metered.loops += 1;
            metered.metered_loops += usize::from(before[at + 1] > before[start]);
        }
    }
    metered
}

fn step(instruction: &Instruction, counter: u64) -> Step {
    let address = instruction.ip();
    let jumps = instruction.is_jcc_short_or_near() || instruction.is_jmp_short_or_near();
    let target = instruction.near_branch_target();
    Step {
        address,
        counts: instruction.is_ip_rel_memory_operand()
            && instruction.ip_rel_memory_address() == counter,
        back_to: (jumps && target <= address).then_some(target),
    }
}

/// Where the counter is: the loader writes its address into the exported table.
fn counter_address(image: &Image<'_>) -> Option<u64> {
    let symbol = std::str::from_utf8(score_native_abi::SYMBOL).ok()?.trim_end_matches('\0');
    let table = image.exported(symbol)?.address;
    let field = std::mem::offset_of!(score_native_abi::Score, steps) as u64;
    let field = table.checked_add(field)?;
    let relocations = image.relocations()?;
    let relocation = relocations.iter().find(|r| r.address == field)?;
    (relocation.kind == elf::R_X86_64_RELATIVE.0).then_some(relocation.addend)
}
