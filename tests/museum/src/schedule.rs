//! The three schedules in which LFT1 and LFT2 fork: who hears whom, and when patience ends.
//!
//! Four nodes; node v mod 4 leads round or view v, and node 1 the first. What no step mentions is
//! not heard before everything heals: it is late, and nothing is lost. A step that a rule has no
//! message for does nothing there. Not here: the outcome (`tests/forks.rs`).

use crate::{
    player::{Schedule, Step, TWIN},
    spoken::What::{GiveUp, Proposal, Vote},
};
use Step::{Hears, PatienceEnds, PauseEnds};

/// LFT1-A: no faulty node, delays only. Node 1 alone sees the votes of round 0 and commits; its next
/// block is late. The others complain, forget the block, and node 2 leads them to another one.
pub const LFT1_A: Schedule = Schedule {
    twice: None,
    steps: &[
        // Round 0: 1, 2 and 3 vote for the first block; node 1 alone hears all three.
        Hears { to: 2, what: Proposal, from: &[1], round: None },
        Hears { to: 3, what: Proposal, from: &[1], round: None },
        Hears { to: 1, what: Vote, from: &[2, 3], round: None },
        // It commits when its pause is over. Its next block is late from here on.
        PauseEnds(&[1]),
        PatienceEnds(&[0, 2, 3]),
        Hears { to: 0, what: GiveUp, from: &[2, 3], round: None },
        Hears { to: 2, what: GiveUp, from: &[0, 3], round: None },
        Hears { to: 3, what: GiveUp, from: &[0, 2], round: None },
        // Round 1, leader 2: another block at the same height.
        Hears { to: 0, what: Proposal, from: &[2], round: None },
        Hears { to: 3, what: Proposal, from: &[2], round: None },
        Hears { to: 2, what: Vote, from: &[0, 3], round: None },
        PauseEnds(&[2]),
    ],
};

/// LFT1-B: node 1 leads and runs twice with one key: two blocks in one round, and a child of either
/// to either half of the others.
pub const LFT1_B: Schedule = Schedule {
    twice: Some(1),
    steps: &[
        // Both blocks reach everyone; node 0 hears them in the other order.
        Hears { to: 0, what: Proposal, from: &[TWIN], round: None },
        Hears { to: 0, what: Proposal, from: &[1], round: None },
        Hears { to: 2, what: Proposal, from: &[1], round: None },
        Hears { to: 2, what: Proposal, from: &[TWIN], round: None },
        Hears { to: 3, what: Proposal, from: &[1], round: None },
        Hears { to: 3, what: Proposal, from: &[TWIN], round: None },
        Hears { to: 1, what: Vote, from: &[0, 2, 3], round: None },
        Hears { to: TWIN, what: Vote, from: &[0, 2, 3], round: None },
        // The children carry the votes of their parents.
        PauseEnds(&[1, TWIN]),
        Hears { to: 0, what: Proposal, from: &[1], round: None },
        Hears { to: 2, what: Proposal, from: &[TWIN], round: None },
        Hears { to: 3, what: Proposal, from: &[TWIN], round: None },
    ],
};

/// LFT2-A: four honest nodes, delays only. Two rounds end with a quorum that nobody saw; late votes
/// then make each of the two blocks somebody's candidate.
pub const LFT2_A: Schedule = Schedule {
    twice: None,
    steps: &[
        // Round 1, leader 1: 1, 2 and 3 vote; node 0 is late and gives up.
        Hears { to: 2, what: Proposal, from: &[1], round: Some(1) },
        Hears { to: 3, what: Proposal, from: &[1], round: Some(1) },
        PatienceEnds(&[0]),
        // Everyone sees two votes and one that gave up: no quorum on anything.
        Hears { to: 0, what: Vote, from: &[1, 2], round: Some(1) },
        Hears { to: 1, what: Vote, from: &[2], round: Some(1) },
        Hears { to: 2, what: Vote, from: &[1], round: Some(1) },
        Hears { to: 3, what: Vote, from: &[1], round: Some(1) },
        Hears { to: 1, what: GiveUp, from: &[0], round: Some(1) },
        Hears { to: 2, what: GiveUp, from: &[0], round: Some(1) },
        Hears { to: 3, what: GiveUp, from: &[0], round: Some(1) },
        PatienceEnds(&[0, 1, 2, 3]),
        // Rules whose views end by what all said hear it.
        Hears { to: 0, what: GiveUp, from: &[1, 2, 3], round: Some(1) },
        Hears { to: 1, what: GiveUp, from: &[2, 3], round: Some(1) },
        Hears { to: 2, what: GiveUp, from: &[1, 3], round: Some(1) },
        Hears { to: 3, what: GiveUp, from: &[1, 2], round: Some(1) },
        // Round 2, leader 2: 0, 2 and 3 vote; node 1 is late and gives up.
        Hears { to: 0, what: Proposal, from: &[2], round: Some(2) },
        Hears { to: 3, what: Proposal, from: &[2], round: Some(2) },
        PatienceEnds(&[1]),
        Hears { to: 1, what: Vote, from: &[0, 2], round: Some(2) },
        Hears { to: 0, what: Vote, from: &[2], round: Some(2) },
        Hears { to: 2, what: Vote, from: &[0], round: Some(2) },
        Hears { to: 3, what: Vote, from: &[0], round: Some(2) },
        Hears { to: 0, what: GiveUp, from: &[1], round: Some(2) },
        Hears { to: 2, what: GiveUp, from: &[1], round: Some(2) },
        Hears { to: 3, what: GiveUp, from: &[1], round: Some(2) },
        // The votes of round 1 reach node 3, who leads next.
        Hears { to: 3, what: Vote, from: &[2], round: Some(1) },
        PatienceEnds(&[0, 1, 2, 3]),
        Hears { to: 0, what: GiveUp, from: &[1, 2, 3], round: Some(2) },
        Hears { to: 1, what: GiveUp, from: &[0, 2, 3], round: Some(2) },
        Hears { to: 2, what: GiveUp, from: &[0, 1, 3], round: Some(2) },
        Hears { to: 3, what: GiveUp, from: &[0, 1, 2], round: Some(2) },
        // Round 3, leader 3, on the block of round 1: 1, 2 and 3 vote, node 1 alone sees it.
        Hears { to: 1, what: Proposal, from: &[3], round: Some(3) },
        Hears { to: 2, what: Proposal, from: &[3], round: Some(3) },
        PatienceEnds(&[0]),
        Hears { to: 1, what: Vote, from: &[2, 3], round: Some(3) },
        Hears { to: 2, what: Vote, from: &[3], round: Some(3) },
        Hears { to: 3, what: Vote, from: &[2], round: Some(3) },
        Hears { to: 2, what: GiveUp, from: &[0], round: Some(3) },
        Hears { to: 3, what: GiveUp, from: &[0], round: Some(3) },
        Hears { to: 0, what: Vote, from: &[2, 3], round: Some(3) },
        // The votes of round 2 reach node 0, who leads next.
        Hears { to: 0, what: Vote, from: &[3], round: Some(2) },
        PatienceEnds(&[0, 2, 3]),
        Hears { to: 0, what: GiveUp, from: &[2, 3], round: Some(3) },
        Hears { to: 2, what: GiveUp, from: &[0, 3], round: Some(3) },
        Hears { to: 3, what: GiveUp, from: &[0, 2], round: Some(3) },
        // Round 4, leader 0, on the block of round 2: 0, 2 and 3 vote and see it.
        Hears { to: 2, what: Proposal, from: &[0], round: Some(4) },
        Hears { to: 3, what: Proposal, from: &[0], round: Some(4) },
        Hears { to: 0, what: Vote, from: &[2, 3], round: Some(4) },
        Hears { to: 2, what: Vote, from: &[0, 3], round: Some(4) },
        Hears { to: 3, what: Vote, from: &[0, 2], round: Some(4) },
    ],
};
