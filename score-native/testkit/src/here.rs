//! The engine that runs the SCOREs of a chain in this process: sources, or loaded `.so` files.
//!
//! In: calls. Out: receipts. With dice it loads the files anew now and then, at other addresses, with
//! the arenas moved: that finds a SCORE that remembers in a static or answers an address.
#![expect(clippy::panic, reason = "a test without an engine fails by a panic")]

use crate::{
    calls::Changes,
    company::Company,
    dice::Dice,
    engine::{Engine, Entries, Moment, Parts, Sent, World, apply},
    in_process::InProcess,
    interface::Interface,
    library::LibraryError,
};
use score_native_link::{CallLimits, CallReceipt};
use std::collections::BTreeMap;

/// Bytes by which an arena is moved: a multiple of this, for pieces are aligned to it.
const OFFSET_BYTES: u64 = 16;
/// Multiples at most: 64 KiB.
const OFFSETS: u64 = 4096;

/// See the head of this file.
pub(crate) struct Here {
    scores: BTreeMap<String, InProcess>,
    interfaces: BTreeMap<String, Interface>,
    dice: Option<Dice>,
}

impl Here {
    pub(crate) fn new(scores: BTreeMap<String, InProcess>) -> Self {
        let of =
            |(name, score): (&String, &InProcess)| (name.clone(), Interface::of(&score.manifest()));
        let interfaces = scores.iter().map(of).collect();
        Self { scores, interfaces, dice: None }
    }

    /// The same SCOREs, at other addresses time and again.
    pub(crate) fn moved(&self, mut dice: Dice) -> Self {
        let elsewhere =
            |(name, score): (&String, &InProcess)| (name.clone(), moved(score, &mut dice));
        let scores = self.scores.iter().map(elsewhere).collect();
        Self { scores, interfaces: self.interfaces.clone(), dice: Some(dice) }
    }

    /// Some SCORE is loaded elsewhere, at times.
    fn shake(&mut self) {
        let Some(dice) = &mut self.dice else { return };
        if dice.once_in(3) {
            let at = if self.scores.len() > 1 { dice.below(self.scores.len() as u64) } else { 0 };
            if let Some(score) = self.scores.values_mut().nth(at as usize) {
                *score = moved(score, dice);
            }
        }
    }

    fn run(&mut self, moment: &Moment, sent: &Sent, world: &World) -> CallReceipt {
        self.shake();
        let Some(mut score) = self.scores.remove(&sent.score) else {
            panic!("the chain has no SCORE `{}`", sent.score)
        };
        let (none, empty) = (Changes::new(), Entries::new());
        let state = world.get(&sent.score).unwrap_or(&empty);
        let mut company = Company::new(&mut self.scores, &self.interfaces, (world, moment), sent);
        let begun = (state, &none, CallLimits::MOST);
        let receipt = score.run(moment, &sent.call, begun, &mut company);
        let others = company.finish(receipt.code == 0);
        self.scores.insert(sent.score.clone(), score);
        CallReceipt { others, ..receipt.into() }
    }
}

fn moved(score: &InProcess, dice: &mut Dice) -> InProcess {
    let offset = (OFFSET_BYTES * dice.below(OFFSETS)) as usize;
    match score.elsewhere(offset) {
        Some(Ok(other)) => other,
        Some(Err(error)) => panic!("the .so does not load again: {error}"),
        None => panic!("only a .so can be loaded elsewhere"),
    }
}

impl Engine for Here {
    fn name(&self) -> String {
        let name = match (self.is_metered(), &self.dice) {
            (false, _) => "the source",
            (true, None) => "the .so",
            (true, Some(_)) => "the .so at other addresses",
        };
        name.into()
    }

    fn manifests(&self) -> BTreeMap<String, String> {
        self.scores.iter().map(|(name, score)| (name.clone(), score.manifest())).collect()
    }

    fn run_block(&mut self, moment: &Moment, calls: &[Sent], world: &World) -> Vec<CallReceipt> {
        let mut world = world.clone();
        let mut receipts = Vec::with_capacity(calls.len());
        for sent in calls {
            let receipt = self.run(moment, sent, &world);
            apply(&mut world, &sent.score, &receipt);
            receipts.push(receipt);
        }
        receipts
    }

    fn ask(&mut self, moment: &Moment, question: &Sent, world: &World) -> CallReceipt {
        self.run(moment, question, world)
    }

    fn is_metered(&self) -> bool {
        self.scores.values().all(InProcess::is_loaded)
    }

    fn fork(&self) -> Box<dyn Engine> {
        if let Some(dice) = &self.dice {
            return Box::new(self.moved(dice.clone()));
        }
        let scores = self.scores.iter().map(|(name, score)| Ok((name.clone(), score.again()?)));
        match scores.collect::<Result<_, LibraryError>>() {
            Ok(scores) => Box::new(Self::new(scores)),
            Err(error) => panic!("the .so does not load again: {error}"),
        }
    }

    fn forget(&mut self) {}

    fn into_parts(self: Box<Self>) -> Parts {
        Parts::InProcess(self.scores)
    }
}
