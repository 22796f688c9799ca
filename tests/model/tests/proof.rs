//! What one node says whatever it is shown, and what all can say who say only that: what a CI run
//! exhausts; the longer commands are in `README.md`.

#![expect(clippy::print_stdout, reason = "numbers of states are for people")]

use lft::planted::{Bug, Shows};
use tests_model::{
    Bounds, Shape,
    alone::Alone,
    deed::Deeds,
    proof::{Claim, Proof, prove},
    run::obey,
    shape::Words,
    weights::Weights,
};

/// All that a node of the core rule ever says: A1 to A4 of the safety proof.
const CORE: [&str; 7] = [
    "vote after nothing, on its certificates",
    "skip after nothing",
    "commit after nothing, on its certificates",
    "skip after vote",
    "commit after vote, on its certificates",
    "commit after vote other, on its certificates",
    "vote after skip, on its certificates",
];

fn words(deeds: &Deeds) -> Vec<String> {
    deeds.iter().map(ToString::to_string).collect()
}

fn holds(claim: &Claim) -> Result<Proof, String> {
    let proof = prove(claim)?;
    let Proof { alone, together, alone_time, together_time, .. } = &proof;
    println!(
        "{alone} and {} states, {alone_time:.1?} and {together_time:.1?}: {claim:?}",
        together.states
    );
    assert_eq!(proof.found, Vec::<String>::new(), "{claim:?}");
    assert!(together.is_exhausted, "{claim:?}");
    Ok(proof)
}

/// A node alone in two views says nothing else than in three, which the longer command sees.
#[test]
fn in_three_views_of_the_core_nothing_bad_is_reachable() -> Result<(), String> {
    let two = Claim::of(Shape::Core, 2);
    let proof = holds(&Claim { views: 3, ..two })?;
    assert_eq!(words(&proof.deeds), CORE);
    // As many as the model of the specification has: the same transitions, out of the shipped code.
    assert_eq!(proof.together.states, 1_323_118);
    Ok(())
}

#[test]
fn who_stops_or_waits_or_has_other_results_or_seals_says_nothing_else() -> Result<(), String> {
    let core = Claim::of(Shape::Core, 2);
    let stops = Alone { restarts: 1, ..core.alone };
    let odd = Alone { is_odd: true, ..core.alone };
    let late = Alone { is_late: true, views: 1, ..core.alone };
    let seals = [1, 2].map(|height| Alone { seals_at: Some(height), ..core.alone });
    for alone in [stops, odd, late].into_iter().chain(seals) {
        let proof = holds(&Claim { alone, ..core.clone() })?;
        for deed in words(&proof.deeds) {
            assert!(CORE.contains(&deed.as_str()), "{deed}");
        }
    }
    Ok(())
}

#[test]
fn in_two_views_with_fast_commit_nothing_bad_is_reachable_p_0() -> Result<(), String> {
    let proof = holds(&Claim::of(Shape::Fast, 2))?;
    assert!(proof.together.states > 200_000, "{proof:?}");
    Ok(())
}

#[test]
fn in_one_view_of_other_sets_nothing_bad_is_reachable() -> Result<(), String> {
    for shape in [Shape::Seven, Shape::FastSix, Shape::FastSeven, Shape::Quorum, Shape::Delegate] {
        holds(&Claim::of(shape, 1))?;
    }
    for liars in [vec![0], vec![4], vec![1, 3], vec![2, 3]] {
        holds(&Claim { liars, ..Claim::of(Shape::Weighted, 1) })?;
    }
    let proof = holds(&Claim::of(Shape::ThreeQuorums, 1))?;
    assert!(proof.together.states > 200_000, "{proof:?}");
    Ok(())
}

/// The rule takes for a certificate exactly what weighs enough by the arithmetic of this crate.
#[test]
fn the_rule_counts_as_the_specification_does() -> Result<(), String> {
    for (name, shape) in Shape::NAMED {
        let weights = Weights::ask(shape, 2, None)?;
        assert_eq!(weights.broken, None, "{name}");
        let suffices = |words: Words, needed: usize, mask: usize| {
            let signers = (0..shape.validators()).filter(|index| mask & (1 << index) != 0);
            shape.weigh(words, &signers.collect()) >= needed
        };
        let quorum = shape.quorum();
        for mask in 0..1usize << shape.validators() {
            for (view, votes) in (1..).zip(&weights.votes) {
                assert_eq!(
                    votes[mask],
                    suffices(Words::Votes(view), quorum, mask),
                    "{name} {mask:b}"
                );
            }
            assert_eq!(weights.skips[mask], suffices(Words::Ends, quorum, mask), "{name} {mask:b}");
            assert_eq!(weights.commits[mask], weights.skips[mask], "{name} {mask:b}");
            if let Some(needed) = shape.fast_quorum() {
                let is_enough = suffices(Words::Votes(1), needed, mask);
                assert_eq!(weights.firsts[mask], is_enough, "{name} {mask:b}");
                assert!(!weights.mixed[mask], "{name} {mask:b}");
            }
        }
    }
    Ok(())
}

/// Planted bugs that are not caught so, and why.
const UNSEEN: [(&str, &str); 8] = [
    ("never-closes", PROGRESS),
    ("never-empty", PROGRESS),
    ("no-repair", "nothing that was said is ever lost here"),
    ("opt-after-skip", PROGRESS),
    ("payload-after-vote", "payloads are always there here"),
    ("rejoin-at-once", REJOIN),
    ("stale-rejoin", REJOIN),
    ("unsigned-rejoin", REJOIN),
];
const PROGRESS: &str = "only progress suffers, which is not looked at";
const REJOIN: &str = "nobody loses its log here: tests/check.rs";

fn stage_of(bug: Bug) -> Claim {
    match bug.shows() {
        Shows::Fast | Shows::FastSplit | Shows::FastWall => Claim::of(Shape::Fast, 1),
        _ if bug == Bug::OneSpeaks => Claim::of(Shape::Quorum, 1),
        Shows::Groups | Shows::Split => Claim::of(Shape::Delegate, 1),
        _ => Claim::of(Shape::Core, 2),
    }
}

#[test]
fn every_planted_bug_but_the_unseen_is_caught() -> Result<(), String> {
    let mut survivors = Vec::new();
    for (name, bug) in Bug::ALL {
        let found = prove(&stage_of(bug).with_bug(name))?.found;
        println!("{name}: {}", found.first().map_or("SURVIVED", String::as_str));
        let is_unseen = UNSEEN.iter().any(|(unseen, _)| *unseen == name);
        if found.is_empty() != is_unseen {
            survivors.push(name);
        }
    }
    assert_eq!(survivors, Vec::<&str>::new(), "not as the list says");
    Ok(())
}

/// What is shown at once with what it leads to is all there is.
#[test]
fn a_node_that_hears_things_alone_says_nothing_else() -> Result<(), String> {
    let fast = Alone { shape: Shape::Fast, ..Alone::default() };
    let seals = Alone { seals_at: Some(1), ..Alone::default() };
    let stops = Alone { restarts: 1, ..Alone::default() };
    let late = Alone { is_late: true, ..Alone::default() };
    for lazy in [Alone { views: 2, ..Alone::default() }, fast, seals, stops, late] {
        let full = Alone { is_lazy: false, ..lazy.clone() };
        let (lazy, full) = (lazy.anybody()?, full.anybody()?);
        assert_eq!(lazy.deeds, full.deeds);
        println!("{} states, {} one by one", lazy.states, full.states);
        assert!(lazy.states < full.states && full.broken.is_none(), "{full:?}");
    }
    Ok(())
}

/// Moments of one key must have successors of one key.
#[test]
fn a_key_determines_the_future_of_one_node() -> Result<(), String> {
    let two = |shape, index| Alone { shape, index, views: 2, ..Alone::default() };
    let one = Alone { shape: Shape::Fast, ..Alone::default() };
    let stops = Alone { restarts: 1, ..Alone::default() };
    let seals = Alone { seals_at: Some(1), ..two(Shape::Core, 0) };
    for alone in [two(Shape::Core, 0), two(Shape::Core, 1), two(Shape::Core, 2), one, stops, seals]
    {
        let met = alone.compare()?;
        assert_eq!(met.differences, Vec::<String>::new(), "{alone:?}");
        println!("{} moments met again by another way", met.again);
        assert!(met.again > 10, "{alone:?}");
    }
    Ok(())
}

/// Everything that nodes say to each other in the large model is what one says alone.
#[test]
fn all_that_nodes_say_in_random_walks_is_what_one_says_alone() -> Result<(), String> {
    for (shape, views, walks) in
        [(Shape::Core, 2, 150), (Shape::Fast, 1, 60), (Shape::Quorum, 1, 20)]
    {
        let deeds = Claim::of(shape, views).alone.anybody()?.deeds;
        for byzantine in 0..3 {
            let bounds = Bounds {
                shape,
                views: 4,
                byzantine,
                optimistic: true,
                power_losses: 1,
                odd_one: (shape == Shape::Core).then_some((byzantine + 1) % 4),
                ..Bounds::default()
            };
            let (compared, other) = obey(&bounds, &deeds, 23, walks);
            println!("{compared} statements: {bounds:?}");
            assert_eq!(other, None, "{bounds:?}");
            assert!(compared > 500, "{bounds:?}");
        }
    }
    Ok(())
}
