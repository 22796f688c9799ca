//! A1 and A2: a block whose commits are of different kinds, or that nobody commits, becomes final all
//! the same under `lft`. An earlier text had no proof for either.

use lft::Lft;
use plugin_api::mirror::class;
use tests_museum::{
    player::{
        Player, Schedule,
        Step::{Hears, PauseEnds},
        TWIN,
    },
    schedule::LFT2_A,
    spoken::What::{Commit, Proposal, Vote},
};

/// A1. All vote for a block of view 1 and see it. The leader of view 2 runs twice: node 0 hears one
/// child and flags its vote, node 3 hears another one and flags that, node 1 hears none and commits
/// alone. No certificate of view 2 exists, and no kind of commit has a quorum by itself.
const THREE_KINDS: Schedule = Schedule {
    twice: Some(2),
    steps: &[
        Hears { to: 0, what: Proposal, from: &[1], round: Some(1) },
        Hears { to: 2, what: Proposal, from: &[1], round: Some(1) },
        Hears { to: 3, what: Proposal, from: &[1], round: Some(1) },
        Hears { to: TWIN, what: Proposal, from: &[1], round: Some(1) },
        Hears { to: 0, what: Vote, from: &[1, 2, 3], round: Some(1) },
        Hears { to: 1, what: Vote, from: &[0, 2, 3], round: Some(1) },
        Hears { to: 3, what: Vote, from: &[0, 1, 2], round: Some(1) },
        Hears { to: 0, what: Proposal, from: &[2], round: Some(2) },
        Hears { to: 3, what: Proposal, from: &[TWIN], round: Some(2) },
        PauseEnds(&[1]),
        Hears { to: 1, what: Vote, from: &[0, 3], round: Some(2) },
        Hears { to: 0, what: Commit, from: &[1], round: Some(1) },
        Hears { to: 3, what: Commit, from: &[1], round: Some(1) },
    ],
};

#[test]
fn a1_a_commit_alone_and_flags_of_two_children_make_one_proof() {
    let mut player = Player::<Lft>::new(&THREE_KINDS, true, &[]);
    player.play(&THREE_KINDS);
    assert_eq!(player.cluster.world.broken, None);
    assert_eq!(player.finals(1), [vec![1]], "node 1 has all three, the others two");
    assert_eq!(player.cluster.hosts[1].inspect().unwrap().view, 2);
    player.heal();
    assert_eq!(player.cluster.world.broken, None);
    assert_eq!(player.finals(1), [vec![0, 1, 3]]);
    assert!(player.heights().iter().all(|height| *height >= 10), "{:?}", player.heights());
}

#[test]
fn a2_a_block_that_everyone_skipped_is_final_by_its_descendant() {
    let mut player = Player::<Lft>::new(&LFT2_A, true, &[]);
    player.play(&LFT2_A);
    let ends: Vec<_> = player
        .cluster
        .hosts
        .iter()
        .map(|host| host.disk.registers.get(&(0, 2, class::END)).copied().unwrap())
        .collect();
    assert!(ends.iter().all(|end| *end == ends[0]), "four Skips of view 2: {ends:?}");
    player.heal();
    let first = player.cluster.world.moments.iter().filter(|moment| moment.height == 1);
    assert!(first.clone().all(|moment| moment.view == 2), "the block of view 2 is final");
    assert_eq!(first.count(), 4);
}
