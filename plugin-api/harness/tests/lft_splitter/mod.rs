//! A leader that splits its view between the delegates and the other members of their groups, or
//! where there are no groups between two halves: one block for these, another for those, and its own
//! vote for both. Made by [`make_two_faced`] it shows everyone one block, tells node 0 that it voted for
//! it, and the others that it voted for another, which it hands them then.
//!
//! In: what it hears. Out: two optimistic proposals and two votes in every view that it leads.
//! Correct groups make at most one of them count; with fast commit both may be certified.

#![expect(clippy::expect_used, reason = "a plan that the rule refuses is a broken test")]

use lft::{
    leader::Schedule,
    parameters::Parameters,
    statement::{Ballot, Body, Mode},
    validators::Validators,
};
use plugin_api::{Hash, HeaderView, ProposalKind, Statement, Validator};
use plugin_api_harness::{
    chain::{self, ModelBlock},
    villain::forger::{Bench, Forger},
    world::Wire,
};
use std::{collections::BTreeMap, rc::Rc};

#[derive(Debug)]
struct Splitter {
    mode: Mode,
    schedule: Schedule,
    /// Members of each group, in the order of the set.
    groups: Vec<Vec<usize>>,
    delegate_tenure: u64,
    nodes: usize,
    invented: u64,
    /// The last view it split, and both ballots.
    split: u64,
    ballots: Vec<Ballot>,
    /// It shows everyone one block; the second is kept here until somebody votes for the first.
    is_two_faced: bool,
    second: Option<Wire>,
}

/// For `Plan::forger`: says one thing to node 0 and another to all others.
pub(crate) fn make_two_faced(
    validators: &[Validator],
    parameters: &[(String, String)],
) -> Box<dyn Forger> {
    Box::new(Splitter { is_two_faced: true, ..splitter(validators, parameters) })
}

/// For `Plan::forger`.
pub(crate) fn make(validators: &[Validator], parameters: &[(String, String)]) -> Box<dyn Forger> {
    Box::new(splitter(validators, parameters))
}

fn splitter(validators: &[Validator], parameters: &[(String, String)]) -> Splitter {
    let parameters = Parameters::read(parameters).expect("the plan's parameters are readable");
    let set = Validators::new(&[], validators, &parameters).expect("the plan's set is a set");
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, validator) in validators.iter().enumerate().filter(|(_, v)| v.unit.is_some()) {
        groups.entry(&validator.group).or_default().push(index);
    }
    Splitter {
        mode: set.mode(),
        schedule: Schedule::new(&set, &parameters, 0, &[]),
        groups: groups.into_values().collect(),
        delegate_tenure: parameters.delegate_tenure,
        nodes: validators.len(),
        invented: 1 << 40,
        split: 0,
        ballots: Vec::new(),
        is_two_faced: false,
        second: None,
    }
}

impl Splitter {
    /// Who gets the first block.
    fn audience(&self, view: u64) -> Vec<usize> {
        if self.groups.is_empty() {
            return (0..self.nodes).step_by(2).collect();
        }
        let turn = usize::try_from(view / self.delegate_tenure).unwrap_or(0);
        self.groups.iter().map(|members| members[turn % members.len()]).collect()
    }

    fn propose(
        &mut self,
        kind: ProposalKind,
        parent: &ModelBlock,
        bench: &mut Bench<'_>,
    ) -> (Ballot, Wire) {
        self.invented += 1;
        let header = HeaderView {
            id: Hash::ZERO,
            epoch: 0,
            view: parent.header.view + 1,
            kind,
            height: parent.header.height + 1,
            parent: chain::execute(parent, 0),
            parent_view: parent.header.view,
            proposer: bench.index,
            carried: Hash::ZERO,
            is_empty: false,
            is_sealing: false,
        };
        let block = chain::seal(header, vec![self.invented]);
        let (view, kind) = (block.header.view, block.header.kind);
        let statement =
            say(self.mode, bench, &Body::Propose { view, kind, block: block.header.id });
        let ballot = Ballot {
            view,
            pair: chain::execute(&block, 0),
            parent: block.header.parent,
            parent_view: block.header.parent_view,
        };
        (ballot, Wire::Proposal(Rc::clone(&block), statement, Vec::new()))
    }

    fn split(&mut self, parent: &ModelBlock, bench: &mut Bench<'_>) {
        let view = parent.header.view + 1;
        if self.split >= view || self.schedule.leader(view) != bench.index {
            return;
        }
        self.split = view;
        if self.is_two_faced {
            let (one, to_all) = self.propose(ProposalKind::Opt, parent, bench);
            let (other, second) = self.propose(ProposalKind::Norm, parent, bench);
            bench.send_to.push(((0..self.nodes).collect(), to_all));
            self.second = Some(second);
            self.ballots = vec![one, other];
            return;
        }
        let delegates = self.audience(view);
        let others = (0..self.nodes).filter(|node| !delegates.contains(node)).collect();
        let (one, to_delegates) = self.propose(ProposalKind::Opt, parent, bench);
        let (other, to_others) = self.propose(ProposalKind::Opt, parent, bench);
        bench.send_to.push((delegates, to_delegates));
        bench.send_to.push((others, to_others));
        self.ballots = vec![one, other];
        for ballot in [one, other] {
            self.back(ballot, bench);
        }
    }

    /// The first vote for the first block was heard.
    fn turn(&mut self, bench: &mut Bench<'_>) {
        let (Some(second), [one, other]) = (self.second.take(), self.ballots.as_slice()) else {
            return;
        };
        let vote = |ballot: &Ballot| {
            let body = Body::Vote { ballot: *ballot, commit_parent: false };
            Wire::Statement(say(self.mode, bench, &body))
        };
        let (to_one, to_others) = (vote(one), vote(other));
        let others: Vec<usize> = (1..self.nodes).collect();
        bench.send_to.push((vec![0], to_one));
        bench.send_to.push((others.clone(), second));
        bench.send_to.push((others, to_others));
    }

    /// Votes for and commits this block, for a random half to hear.
    fn back(&self, ballot: Ballot, bench: &mut Bench<'_>) {
        for body in [
            Body::Vote { ballot, commit_parent: false },
            Body::Commit { view: ballot.view, pair: ballot.pair },
        ] {
            let statement = say(self.mode, bench, &body);
            let half = (0..self.nodes).filter(|_| bench.chance.permille(500)).collect();
            bench.send_to.push((half, Wire::Statement(statement)));
        }
    }
}

fn say(mode: Mode, bench: &Bench<'_>, body: &Body) -> Statement {
    (bench.sign)(body.slots(mode), body.encode())
}

impl Forger for Splitter {
    fn hear(&mut self, wire: &Wire, bench: &mut Bench<'_>) {
        match wire {
            Wire::Proposal(block, _, _) => self.split(block, bench),
            // Whatever the others vote for in other views, so does it: views must go on.
            Wire::Statement(statement) => {
                let Ok(Body::Vote { ballot, .. }) = Body::decode(&statement.body) else { return };
                if self.is_two_faced && ballot.view == self.split {
                    self.turn(bench);
                } else if ballot.view != self.split && bench.chance.permille(300) {
                    self.back(ballot, bench);
                } else if let Some(own) = self.ballots.get(usize::from(bench.chance.permille(500)))
                    && ballot.view == self.split
                {
                    self.back(*own, bench);
                }
            }
            _ => {}
        }
    }
}
