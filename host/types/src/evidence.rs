//! Two statements of one signer that no honest node signs both: they write two values into one
//! register of the signing guard.
//!
//! In: two statements. Out: the register in which they clash, the same whichever comes first.
//! Deliberately not here: signatures (`host/identity`), what a register means (the rule).

use crate::height::{Epoch, View};
use crate::statement::{Slot, Statement};

/// A write-once register of a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register {
    /// Epoch whose validator set `signer` points into.
    pub epoch: Epoch,
    /// Index of the signer.
    pub signer: u16,
    /// The view.
    pub view: View,
    /// The class; the rule's numbering.
    pub class: u8,
}

/// The first register, by view and class, into which both write, each something else; with what the
/// first and the second write there.
///
/// # Errors
/// One line: why an honest node may have signed both.
pub fn clash(first: &Statement, second: &Statement) -> Result<(Register, [Slot; 2]), String> {
    if first.signer != second.signer {
        return Err("they are of two signers".to_owned());
    }
    if first.epoch != second.epoch {
        return Err("they are of two epochs".to_owned());
    }
    let clashes = first.slots.iter().filter_map(|a| {
        let same = |b: &&Slot| a.view == b.view && a.class == b.class && a.digest != b.digest;
        second.slots.iter().find(same).map(|b| [*a, *b])
    });
    let [a, b] = clashes
        .min_by_key(|[a, _]| (a.view, a.class))
        .ok_or("no register has two values: an honest node may sign both")?;
    let Statement { epoch, signer, .. } = *first;
    Ok((Register { epoch, signer, view: a.view, class: a.class }, [a, b]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hash32;

    fn statement(epoch: u64, signer: u16, slots: &[(u64, u8, u8)]) -> Statement {
        let slot = |&(view, class, digest): &(u64, u8, u8)| Slot {
            view: View::new(view),
            class,
            digest: Hash32::new([digest; 32]),
        };
        let slots = slots.iter().map(slot).collect();
        Statement { epoch: Epoch::new(epoch), signer, slots, body: vec![], signature: [0; 64] }
    }

    #[test]
    fn two_values_of_one_register_clash_in_the_same_place_from_both_sides() {
        let first = statement(1, 2, &[(7, 3, 1), (6, 4, 1)]);
        let second = statement(1, 2, &[(7, 3, 2), (6, 4, 2)]);
        let (register, [a, b]) = clash(&first, &second).unwrap();
        let Register { epoch, signer, view, class } = register;
        assert_eq!((epoch.get(), signer, view.get(), class), (1, 2, 6, 4));
        let (other, slots) = clash(&second, &first).unwrap();
        assert_eq!((other, slots), (register, [b, a]));
    }

    #[test]
    fn nothing_else_clashes() {
        let first = statement(1, 2, &[(7, 3, 1)]);
        for other in [
            statement(1, 2, &[(7, 3, 1)]),
            statement(1, 2, &[(8, 3, 2)]),
            statement(1, 2, &[(7, 4, 2)]),
            statement(1, 3, &[(7, 3, 2)]),
            statement(2, 2, &[(7, 3, 2)]),
            statement(1, 2, &[]),
        ] {
            clash(&first, &other).unwrap_err();
            clash(&other, &first).unwrap_err();
        }
    }
}
