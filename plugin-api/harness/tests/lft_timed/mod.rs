//! A validator whose lies are in its timing: it lets honest leaders fail one after the other.
//!
//! In: what it hears, as node 0 of four equal ones. Out: votes for blocks that two of the three honest
//! voted for, once all three gave up on the view, and told to all but the next leader; in the views
//! that it leads, another proposal for one of the three. It votes once in a view. Where voters take an optimistic proposal after they skipped, no view of an honest leader ever gets
//! three votes for one block.

use lft::statement::{Ballot, Body, Mode};
use plugin_api::{Hash, HeaderView, ProposalKind, Statement, Validator};
use plugin_api_harness::{
    chain::{self, ModelBlock},
    villain::forger::{Bench, Forger},
    world::Wire,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// The three others.
const HONEST: [u16; 3] = [1, 2, 3];

#[derive(Debug, Default)]
struct Timed {
    invented: u64,
    blocks: BTreeMap<Hash, Rc<ModelBlock>>,
    votes: BTreeMap<u64, BTreeMap<Ballot, BTreeSet<u16>>>,
    skips: BTreeMap<u64, BTreeSet<u16>>,
    led: u64,
}

/// For `Plan::forger`.
pub(crate) fn make(_: &[Validator], _: &[(String, String)]) -> Box<dyn Forger> {
    Box::new(Timed::default())
}

fn leader(view: u64) -> u16 {
    u16::try_from(view % 4).unwrap_or(0)
}

fn say(bench: &Bench<'_>, body: &Body) -> Statement {
    (bench.sign)(body.slots(Mode::Core), body.encode())
}

fn nodes(who: &[u16]) -> Vec<usize> {
    who.iter().map(|index| usize::from(*index)).collect()
}

impl Timed {
    /// A ballot of the view that two of the honest voted for.
    fn half_certified(&self, view: u64) -> Option<Ballot> {
        let votes = self.votes.get(&view)?;
        votes.iter().find(|(_, signers)| signers.len() >= 2).map(|(ballot, _)| *ballot)
    }

    /// Its two blocks of `view`: one for all, and before it another one for a single node, which
    /// votes for that. The next leader is not the single one: it builds on the first.
    fn lead(&mut self, view: u64, parent: &Ballot, bench: &mut Bench<'_>) {
        if self.led >= view || !self.blocks.contains_key(&parent.pair.block) {
            return;
        }
        self.led = view;
        let next = leader(view + 1);
        let single: Vec<u16> = HONEST.into_iter().filter(|index| *index != next).skip(1).collect();
        self.show(ProposalKind::Opt, view, parent, &single, bench);
        self.show(ProposalKind::Norm, view, parent, &HONEST, bench);
    }

    fn show(
        &mut self,
        kind: ProposalKind,
        view: u64,
        parent: &Ballot,
        audience: &[u16],
        bench: &mut Bench<'_>,
    ) {
        let Some(below) = self.blocks.get(&parent.pair.block) else { return };
        self.invented += 1;
        let header = HeaderView {
            id: Hash::ZERO,
            view,
            kind,
            height: below.header.height + 1,
            parent: parent.pair,
            parent_view: parent.view,
            proposer: bench.index,
            ..below.header.clone()
        };
        let block = chain::seal(header, vec![(1 << 40) + self.invented]);
        let statement = say(bench, &Body::Propose { view, kind, block: block.header.id });
        let wire = Wire::Proposal(Rc::clone(&block), statement, Vec::new());
        bench.send_to.push((nodes(audience), wire));
        self.blocks.insert(block.header.id, block);
    }

    /// All honest ones gave up on a view: now, and only now, it gets its third vote.
    fn complete(&mut self, view: u64, bench: &mut Bench<'_>) {
        let Some(ballot) = self.half_certified(view) else { return };
        let next = leader(view + 1);
        let told: Vec<u16> = HONEST.into_iter().filter(|index| *index != next).collect();
        let vote = say(bench, &Body::Vote { ballot, commit_parent: false });
        bench.send_to.push((nodes(&told), Wire::Statement(vote)));
        if next == bench.index {
            self.lead(view + 1, &ballot, bench);
        }
    }
}

impl Forger for Timed {
    fn hear(&mut self, wire: &Wire, bench: &mut Bench<'_>) {
        match wire {
            Wire::Proposal(block, ..) => {
                self.blocks.insert(block.header.id, Rc::clone(block));
            }
            Wire::Statement(statement) => match Body::decode(&statement.body) {
                Ok(Body::Vote { ballot, .. }) => {
                    let votes = self.votes.entry(ballot.view).or_default();
                    let voters = votes.entry(ballot).or_default();
                    voters.insert(statement.signer);
                    // A view that went well: its next one is where it begins.
                    let is_good = voters.len() == HONEST.len();
                    if is_good && leader(ballot.view + 1) == bench.index {
                        self.lead(ballot.view + 1, &ballot, bench);
                    }
                }
                Ok(Body::Skip { view }) => {
                    let skips = self.skips.entry(view).or_default();
                    if skips.insert(statement.signer) && skips.len() == HONEST.len() {
                        self.complete(view, bench);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
}
