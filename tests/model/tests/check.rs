//! What a CI run exhausts, walks and proves of itself; the longer command is in `README.md`.

#![expect(clippy::print_stdout, reason = "numbers of states are for people")]

use lft::planted::{Bug, Shows};
use tests_model::{Bounds, Checked, Shape, check, run, walk};

/// More states than any of these bounds has.
const ALL: usize = 50_000_000;

fn good(bounds: &Bounds, checked: &Checked) {
    println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
    assert!(checked.found.is_empty(), "{bounds:?}: {:#?}", checked.found);
}

fn exhausted(bounds: Bounds) -> Checked {
    let checked = check(&bounds, ALL);
    good(&bounds, &checked);
    assert!(checked.is_exhausted, "{bounds:?}");
    checked
}

#[test]
fn in_one_view_nothing_bad_is_reachable() {
    // Under a lying leader of the view, and under an honest one.
    let lying = exhausted(Bounds { byzantine: 1, forges: true, ..Bounds::default() });
    let honest = exhausted(Bounds { byzantine: 2, forges: true, ..Bounds::default() });
    assert!(lying.states > 15_000 && honest.states > 5_000, "{lying:?} {honest:?}");
}

#[test]
fn in_one_view_with_one_node_whose_results_differ_nothing_bad_is_reachable() {
    for byzantine in [1, 2] {
        exhausted(Bounds { byzantine, odd_one: Some(0), ..Bounds::default() });
    }
}

#[test]
fn in_two_views_and_after_power_loss_nothing_bad_is_reachable_within_so_many_steps() {
    for (byzantine, depth) in [(1, 5), (2, 5)] {
        let bounds = Bounds {
            views: 2,
            byzantine,
            optimistic: true,
            depth: Some(depth),
            ..Bounds::default()
        };
        good(&bounds, &check(&bounds, ALL));
        let bounds = Bounds { power_losses: 1, ..bounds };
        good(&bounds, &check(&bounds, ALL));
    }
}

/// Every block of height 1 seals: different ones in different views, and what liars put on them.
#[test]
fn an_epoch_ends_with_one_pair_and_nothing_is_signed_after() {
    for byzantine in [1, 2] {
        let bounds = Bounds { byzantine, seals_at: Some(1), ..Bounds::default() };
        exhausted(bounds.clone());
        let two = Bounds { views: 2, depth: Some(5), ..bounds };
        good(&two, &check(&two, ALL));
    }
    for byzantine in 0..4 {
        for seals_at in [1, 2] {
            let bounds = Bounds {
                views: 5,
                byzantine,
                optimistic: true,
                power_losses: 1,
                seals_at: Some(seals_at),
                ..Bounds::default()
            };
            good(&bounds, &walk(&bounds, 9, 200));
        }
    }
}

#[test]
fn random_walks_through_four_views_find_nothing_bad() {
    for byzantine in 0..4 {
        let bounds =
            Bounds { views: 4, byzantine, optimistic: true, power_losses: 2, ..Bounds::default() };
        good(&bounds, &walk(&bounds, 7, 250));
        let odd_one = Some((byzantine + 1) % 4);
        let bounds = Bounds { odd_one, ..bounds };
        good(&bounds, &walk(&bounds, 8, 120));
    }
}

/// Planted bugs that this checker cannot see, and why.
const UNSEEN: [(&str, &str); 5] = [
    ("never-closes", PROGRESS),
    ("never-empty", PROGRESS),
    ("no-repair", "nothing that was said is ever lost here"),
    ("opt-after-skip", PROGRESS),
    ("payload-after-vote", "payloads are always there here"),
];
const PROGRESS: &str = "only progress suffers, which is not looked at";

/// What makes a bug visible.
fn stage_of(name: &'static str, bug: Bug) -> Bounds {
    // One view of a lying leader.
    let small = |shape| Bounds { shape, bug: Some(name), ..Bounds::default() };
    match bug.shows() {
        Shows::Fast | Shows::FastSplit | Shows::FastWall => small(Shape::Fast),
        Shows::Groups if bug == Bug::OneSpeaks => small(Shape::Quorum),
        Shows::Groups | Shows::Split => small(Shape::Delegate),
        Shows::Rejoin => Bounds {
            byzantine: 0,
            views: 4,
            starts_at: 4,
            log_losses: 1,
            bug: Some(name),
            ..Bounds::default()
        },
        _ => several(name),
    }
}

/// A lying leader of the second view, after an honest one.
fn several(bug: &'static str) -> Bounds {
    let power_losses = u8::from(bug == "forget-log");
    let of_epochs = ["transactions-after-seal", "speaks-after-end", "never-closes"];
    let seals_at = of_epochs.contains(&bug).then_some(1);
    Bounds {
        views: 3,
        byzantine: 2,
        forges: true,
        seals_at,
        power_losses,
        crashes: u8::from(bug == "forget-certificates"),
        bug: Some(bug),
        ..Bounds::default()
    }
}

#[test]
fn every_planted_bug_but_the_unseen_is_caught() {
    let mut survivors = Vec::new();
    // What shows in one schedule only is shown there: `plugin-api/harness/tests/lft_found.rs`.
    let is_looked_for = |bug: Bug| bug.shows() != Shows::Found || bug == Bug::ForgetCertificates;
    let bugs = Bug::ALL.iter().filter(|(_, bug)| is_looked_for(*bug));
    for (bug, kind) in bugs.copied() {
        let caught = walk(&stage_of(bug, kind), 1, 900).found.pop();
        println!("{bug}: {}", caught.as_deref().unwrap_or("SURVIVED"));
        let is_unseen = UNSEEN.iter().any(|(unseen, _)| *unseen == bug);
        if caught.is_some() == is_unseen {
            survivors.push(bug);
        }
    }
    assert!(survivors.is_empty(), "not as the list says: {survivors:?}");
}

/// Without guards the consequences must show: two chains, or a view both final and null. (Not
/// `vote-twice`: it votes for two proposals in turn without end when nothing refuses.)
#[test]
fn without_guards_bugs_end_in_forks() {
    for bug in ["skip-after-commit", "commit-after-skip", "flag-after-skip"] {
        let bounds = Bounds { guarded: false, ..several(bug) };
        let found = walk(&bounds, 2, 40_000).found.pop();
        println!("{bug} without guard: {found:?}");
        let found = found.unwrap_or_default();
        assert!(found.contains("one chain") || found.contains("final and null"), "{bug}: {found}");
    }
}

/// States of one key must have successors of one key, action by action.
#[test]
fn a_key_determines_the_future() {
    for byzantine in [1, 2] {
        let bounds = Bounds { views: 2, byzantine, optimistic: true, ..Bounds::default() };
        let met = run::compare_keys(&bounds, 3, 200);
        assert_eq!(met.differences, Vec::<String>::new());
        println!("{} states met again by another way", met.again);
        assert!(met.again > 100, "{met:?}");
    }
}
