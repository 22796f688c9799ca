//! Tests of the simulator itself: one seed is one run, the mix holds what it should, counters go on,
//! faults shrink, and the bugs planted around the stages are found.

#![expect(clippy::print_stdout, reason = "which seed found which bug is for people")]

use std::collections::BTreeSet;
use tests_sim::campaign::{Counter, Totals, same};
use tests_sim::hunt::hunt;
use tests_sim::planted::Seat;
use tests_sim::rule::Kind;
use tests_sim::villain::Villain;
use tests_sim::world::Loss;
use tests_sim::{Bug, plan, run, shrink};

#[test]
fn one_seed_is_one_run_for_ever() {
    // Real keys and bytes, the rule simplex, a plain one.
    for seed in [0x20, 0x25, 0x188] {
        let first = run(plan(seed, None), false);
        assert!(first.height > 0 && first.verdict.is_good(), "{:?}", first.verdict);
        assert_eq!(same(seed, None, &first), Ok(()));
    }
}

#[test]
fn epochs_end_wherever_they_are_asked_to() {
    let (mut planned, mut ended, mut rules) = (0, 0, 0);
    for seed in 0..60 {
        let plan = plan(seed, None);
        planned += plan.turns.len() as u64;
        rules += u64::from(plan.turns.iter().any(|turn| turn.kind != plan.kind));
        if !plan.turns.is_empty() {
            let report = run(plan, false);
            assert!(report.verdict.is_good(), "{}", report.line(seed));
            ended += report.epochs - 1;
        }
    }
    // A request that comes while another one is carried out has no effect.
    assert!(rules > 0 && ended * 10 >= planned * 8, "{ended} of {planned} epochs ended");
}

#[test]
fn the_mix_holds_every_kind_of_trouble() {
    let (mut sizes, mut villains, mut seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for seed in 0..600 {
        let plan = plan(seed, None);
        sizes.insert(plan.weights.len());
        let kinds = plan.villains.values().map(|villain| match villain {
            Villain::Speaker(speaker) => format!("{speaker:?}"),
            other => format!("{other:?}"),
        });
        villains.extend(kinds.map(|text| text.split(['(', ' ']).next().unwrap().to_owned()));
        let lost = |loss: Loss| plan.falls.iter().any(|(_, lost)| *lost == loss);
        let has = |name: &str| plan.parameters.iter().any(|(known, _)| known == name);
        let table = [
            ("simplex", plan.kind == Kind::Simplex),
            ("groups", !plan.groups.is_empty()),
            ("fast", has("fast")),
            ("weights", plan.weights.iter().any(|weight| *weight > 1)),
            ("odd results", !plan.odd.is_empty()),
            ("lost sign log", lost(Loss::Log)),
            ("lost store", lost(Loss::Store)),
            ("old store", lost(Loss::NewestBlocks)),
            ("power loss of all", plan.falls.iter().any(|(fall, _)| fall.who.is_none())),
            ("power loss while writing", plan.die_permille > 0),
            ("sync errors", plan.disk_error_permille > 0),
            ("walls", !plan.network.partitions.is_empty()),
            ("loss", plan.network.loss_permille > 0),
            ("skew", plan.skews.iter().any(|skew| *skew != 0)),
            ("wild clock", !plan.clocks.is_empty()),
            ("pause", !plan.pauses.is_empty()),
            ("neighbour", plan.neighbour_permille > 0),
            ("old disk", plan.falls.iter().any(|(_, l)| matches!(l, Loss::OldDisk { .. }))),
            ("poison", plan.clients.boom > 0),
            ("real keys", plan.is_true_to_bytes()),
            ("followers", plan.followers > 0),
            ("ends of epochs", !plan.turns.is_empty()),
            ("another rule", plan.turns.iter().any(|turn| turn.kind != plan.kind)),
            ("a validator leaves", plan.turns.iter().any(|turn| turn.weights.contains(&0))),
        ];
        seen.extend(table.iter().filter(|(_, is)| *is).map(|(name, _)| *name));
    }
    assert!([1, 4, 5, 7, 10].iter().all(|size| sizes.contains(size)), "{sizes:?}");
    assert_eq!(seen.len(), 24, "{seen:?}");
    let all = [
        "Equivocator",
        "Forgetful",
        "Garbler",
        "Late",
        "Liar",
        "Misbuilder",
        "Mute",
        "Replayer",
        "SyncLiar",
        "TimeLiar",
        "Withholder",
    ];
    assert!(all.iter().all(|name| villains.contains(*name)), "{villains:?}");
}

#[test]
fn a_counter_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let first = Counter::open(folder.path(), 100).unwrap();
    assert_eq!((first.next, first.before.seeds), (100, 0));
    let mut totals = Totals { seeds: 7, blocks: 70, accused: 1, ..Totals::default() };
    totals.bad.insert(103, "STALLED: a reason; repeat with: …".into());
    first.save(&totals).unwrap();
    let second = Counter::open(folder.path(), 100).unwrap();
    assert_eq!((second.next, &second.before), (107, &totals));
    second.save(&Totals { seeds: 3, ..Totals::default() }).unwrap();
    let third = Counter::open(folder.path(), 100).unwrap();
    assert_eq!((third.next, third.before.seeds, third.before.bad.len()), (110, 10, 1));
    std::fs::write(folder.path().join("nodes.counter"), "next seven\n").unwrap();
    assert!(Counter::open(folder.path(), 100).is_err());
}

#[test]
fn a_failing_run_is_shrunk_to_the_fault_it_needs() {
    let bug = Some(Bug::AckBeforeFsync);
    let failing = (0..200).map(|seed| plan(seed, bug)).find(|plan| {
        let is_rich = shrink::faults(plan).len() > 6;
        is_rich && !run(plan.clone(), false).verdict.is_good()
    });
    let (least, runs) = shrink::shrink(&failing.unwrap());
    let left = shrink::faults(&least);
    assert!(!run(least, false).verdict.is_good());
    let power = |fault: &String| fault.contains("power");
    assert!(left.len() <= 3 && left.iter().any(power), "{left:?} after {runs} runs");
}

/// The bugs that need nothing planted in other packages; the rest is `planted.rs`.
#[test]
fn bugs_planted_around_the_stages_are_found() {
    for (name, bug) in Bug::ALL.into_iter().filter(|(_, bug)| bug.seat() == Seat::Node) {
        let hunt = hunt(bug, 0x0B06_0000, 300);
        println!("{name}: {} seeds: {:?}", hunt.seeds, hunt.line);
        assert!(hunt.line.is_some(), "{name} was not found in {} seeds", hunt.seeds);
    }
}
