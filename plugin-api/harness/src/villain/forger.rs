//! A validator that signs anything for anybody: what it says is made up by code that knows the
//! rule's formats and is given to the harness by the tests of that rule.

use crate::{clock::Chance, world::Wire};
use plugin_api::{Slot, Statement, Validator};

/// What a forger may use.
pub struct Bench<'a> {
    /// Chance.
    pub chance: &'a mut Chance,
    /// Index of the villain.
    pub index: u16,
    /// Signs with the villain's own key.
    pub sign: &'a dyn Fn(Vec<Slot>, Vec<u8>) -> Statement,
    /// What to send; each goes to a random part of the others.
    pub send: Vec<Wire>,
    /// What to send to these nodes.
    pub send_to: Vec<(Vec<usize>, Wire)>,
}

impl core::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bench").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Makes things up.
pub trait Forger: core::fmt::Debug {
    /// Hears something and may react.
    fn hear(&mut self, wire: &Wire, bench: &mut Bench<'_>);
}

/// How the tests of a rule hand over their forger, for a set and the rule's parameters.
pub type MakeForger =
    fn(validators: &[Validator], parameters: &[(String, String)]) -> Box<dyn Forger>;
