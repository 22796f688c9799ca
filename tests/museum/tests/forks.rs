//! The schedules LFT1-A, LFT1-B and LFT2-A, step by step: the published rule commits two blocks at
//! one height, and the rules we ship, played the same, do not, and go on once everything arrives.

#![expect(clippy::unwrap_used, reason = "a node that is down is a broken test")]

use lft::Lft;
use simplex::Simplex;
use tests_museum::{
    Lft1, Lft2,
    player::{Player, Schedule, Step::Hears},
    schedule::{LFT1_A, LFT1_B, LFT2_A},
    spoken::{Spoken, What::Proposal},
};

fn played<R: Spoken>(schedule: &Schedule, guarded: bool) -> Player<R> {
    let mut player = Player::new(schedule, guarded, &[]);
    player.play(schedule);
    player
}

#[test]
fn lft1_a_forks_without_a_faulty_node() {
    let player = played::<Lft1>(&LFT1_A, true);
    assert_eq!(player.finals(1), [vec![1], vec![2]], "node 1 one block, node 2 another");
    let broken = player.cluster.world.broken.unwrap();
    assert!(broken.contains("fork at height 1: node 1"), "{broken}");
}

/// What was late in LFT1-A arrives: node 1's next block, which carries the votes for its first one,
/// and then node 2's.
const LATE: Schedule = Schedule {
    twice: None,
    steps: &[
        Hears { to: 0, what: Proposal, from: &[1], round: None },
        Hears { to: 2, what: Proposal, from: &[1], round: None },
        Hears { to: 3, what: Proposal, from: &[1], round: None },
        Hears { to: 0, what: Proposal, from: &[2], round: None },
        Hears { to: 1, what: Proposal, from: &[2], round: None },
        Hears { to: 3, what: Proposal, from: &[2], round: None },
    ],
};

#[test]
fn u4_the_late_proof_of_lft1_a_is_refused_and_the_fork_stays() {
    let mut player = played::<Lft1>(&LFT1_A, true);
    player.play(&LATE);
    assert_eq!(player.finals(1), [vec![1], vec![0, 2, 3]]);
}

#[test]
fn lft1_b_forks_by_one_leader_in_one_round() {
    // The old node had no guard.
    let player = played::<Lft1>(&LFT1_B, false);
    assert_eq!(player.finals(1), [vec![0], vec![2, 3]], "node 0 one block, nodes 2 and 3 another");
    let broken = player.cluster.world.broken.unwrap();
    assert!(broken.contains("fork at height 1: node 0"), "{broken}");
}

#[test]
fn lft2_a_forks_with_four_honest_nodes() {
    let player = played::<Lft2>(&LFT2_A, true);
    assert_eq!(player.finals(1), [vec![1], vec![0, 2, 3]], "node 1 one block, the others another");
    let broken = player.cluster.world.broken.unwrap();
    assert!(broken.contains("fork at height 1: node 1"), "{broken}");
}

/// A register for each vote stops the lying leader (U3), but not the two schedules without one.
#[test]
fn todays_signing_guard_refuses_the_second_vote_of_lft1_b_and_it_does_not_fork() {
    let player = played::<Lft1>(&LFT1_B, true);
    let broken = player.cluster.world.broken.as_deref().unwrap();
    assert!(broken.contains("wanted to write a register twice"), "{broken}");
    assert!(player.finals(1).len() < 2, "{:?}", player.finals(1));
}

fn survives<R: Spoken>(schedule: &Schedule, parameters: &[(&str, &str)]) {
    let mut player = Player::<R>::new(schedule, true, parameters);
    player.play(schedule);
    let name = R::ID;
    assert_eq!(player.cluster.world.broken, None, "{name} {parameters:?}");
    assert!((1..5).all(|height| player.finals(height).len() < 2), "{name} {parameters:?}");
    player.heal();
    assert_eq!(player.cluster.world.broken, None, "{name} {parameters:?}");
    let heights = player.heights();
    let top = *heights.iter().max().unwrap();
    assert!(heights.iter().all(|height| *height >= 10), "{name} {parameters:?}: {heights:?}");
    for height in 1..=top {
        assert_eq!(player.finals(height).len(), 1, "{name} {parameters:?}: height {height}");
    }
    let accused: Vec<u16> = player.cluster.world.accused.keys().copied().collect();
    assert!(accused.iter().all(|index| schedule.twice == Some(*index)), "{name}: {accused:?}");
}

fn ours_survive(schedule: &Schedule) {
    survives::<Lft>(schedule, &[]);
    survives::<Lft>(schedule, &[("optimistic", "off")]);
    survives::<Lft>(schedule, &[("fast", "0")]);
    survives::<Simplex>(schedule, &[]);
}

#[test]
fn lft1_a_forks_neither_lft_nor_simplex() {
    ours_survive(&LFT1_A);
}

#[test]
fn lft1_b_forks_neither_lft_nor_simplex() {
    ours_survive(&LFT1_B);
}

#[test]
fn lft2_a_forks_neither_lft_nor_simplex() {
    ours_survive(&LFT2_A);
}

/// Where each node is after the last step, and before anything heals.
fn views<R: Spoken>(schedule: &Schedule) -> Vec<u64> {
    let player = played::<R>(schedule, true);
    player.cluster.hosts.iter().map(|host| host.inspect().unwrap().view).collect()
}

/// The steps mean to our rules what they mean to the old ones: the same views are given up, and the
/// same blocks have quorums that only some have seen.
#[test]
fn the_schedules_lead_our_rules_through_the_same_rounds() {
    // Round 0 is view 1: node 1 saw its quorum, the others gave up, node 2 saw its own one.
    assert_eq!(views::<Lft>(&LFT1_A), [2, 2, 3, 2]);
    assert_eq!(views::<Simplex>(&LFT1_A), [2, 2, 3, 2]);
    // One half of node 1 has a quorum for its block: who heard that one first voted for it.
    assert_eq!(views::<Lft>(&LFT1_B), [1, 2, 1, 1, 1]);
    assert_eq!(views::<Simplex>(&LFT1_B), [1, 2, 1, 1, 1]);
    // Node 1 has not heard of round 4, the others have ended it.
    assert_eq!(views::<Lft2>(&LFT2_A), [5, 4, 5, 5]);
    assert_eq!(views::<Lft>(&LFT2_A), [5, 4, 5, 5]);
    assert_eq!(views::<Simplex>(&LFT2_A), [5, 4, 5, 5]);
}

/// What LFT2's rule 6 is in our words: a vote for a child commits the parent although this node gave
/// up on the parent's view. With that error planted, and no guard, ours forks as LFT2 does.
#[test]
fn lft2_a_forks_lft_too_once_it_may_commit_what_it_skipped() {
    let mut player = Player::<Lft>::new(&LFT2_A, false, &[("planted_bug", "flag-after-skip")]);
    player.play(&LFT2_A);
    assert_eq!(player.finals(1), [vec![1], vec![0, 2, 3]]);
}
