//! Whose signatures suffice for what, as the shipped rule itself says.
//!
//! In: a shape. Out: [`Weights`]: for every set of signers whether a node takes what they sign for a
//! certificate, statement by statement, twice each, as a certificate, or with the signatures of others
//! made up. No arithmetic of this crate's own. Not here: what certificates are for (`together`).

use crate::{
    node::{Node, Setup},
    shape::Shape,
    world::{self, World},
};
use lft::statement::{Ballot, Body};
use plugin_api::{ProposalKind, Statement};

/// Validators as bits, by index.
pub type Mask = u16;

/// Which sets of signers suffice, by their bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Votes of each view make a candidate certificate.
    pub votes: Vec<Vec<bool>>,
    /// Skips make a null certificate.
    pub skips: Vec<bool>,
    /// Commits make a Final proof.
    pub commits: Vec<bool>,
    /// First votes make a Final proof.
    pub firsts: Vec<bool>,
    /// A vote of the first of them and supports of the rest do.
    pub mixed: Vec<bool>,
    /// What it took for a certificate, and must not have.
    pub broken: Option<String>,
}

/// Who listens: it leads none of the first views.
const LISTENER: u16 = 0;

/// What is signed.
#[derive(Clone, Copy, Debug)]
enum Matter {
    Votes(u64),
    Skips,
    Commits,
    Firsts,
    Mixed,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    OneByOne,
    Twice,
    Together,
    MadeUp,
}

struct Probe {
    shape: Shape,
    bug: Option<&'static str>,
    broken: Option<String>,
}

impl Weights {
    /// Asks the rule.
    ///
    /// # Errors
    /// When the parameters are none of the rule's.
    pub fn ask(shape: Shape, views: u64, bug: Option<&'static str>) -> Result<Self, String> {
        let mut probe = Probe { shape, bug, broken: None };
        let votes = (1..=views).map(|view| probe.all(Matter::Votes(view)));
        Ok(Self {
            votes: votes.collect::<Result<_, _>>()?,
            skips: probe.all(Matter::Skips)?,
            commits: probe.all(Matter::Commits)?,
            firsts: probe.all(Matter::Firsts)?,
            mixed: probe.all(Matter::Mixed)?,
            broken: probe.broken,
        })
    }
}

impl Probe {
    fn all(&mut self, matter: Matter) -> Result<Vec<bool>, String> {
        let is_fast = matches!(matter, Matter::Firsts | Matter::Mixed);
        if is_fast && self.shape.fast_quorum().is_none() {
            return Ok(Vec::new());
        }
        let mut table = vec![false; 1 << self.shape.validators()];
        for mask in 1..1 << self.shape.validators() {
            for how in [How::OneByOne, How::Twice, How::Together, How::MadeUp] {
                let signers = self.taken(matter, mask, how)?;
                if let Some(suffices) = signers.and_then(|mask| table.get_mut(usize::from(mask))) {
                    *suffices = true;
                }
            }
        }
        Ok(table)
    }

    /// Whose words made the certificate, if there is one: the listener may have joined them.
    fn taken(&mut self, matter: Matter, mask: Mask, how: How) -> Result<Option<Mask>, String> {
        let mut world = World::new(self.shape, self.shape.validators(), None);
        let mut node = Node::new(LISTENER, self.setup(), &mut world)?;
        let view = if let Matter::Votes(view) = matter { view } else { 1 };
        let root = (world.root_pair(), 0);
        let proposer = self.shape.leader(view);
        let header = world.build(proposer, (view, ProposalKind::Norm), root, 0);
        let Some(ballot) = header.map(|header| world.ballot(&header)) else { return Ok(None) };
        let list = self.list(matter, mask, &ballot, how, &world);
        match how {
            How::OneByOne | How::Twice => {
                for statement in list {
                    node.overhear(statement.clone(), &mut world);
                    if how == How::Twice {
                        node.overhear(statement, &mut world);
                    }
                }
            }
            How::Together | How::MadeUp => {
                node.receive(certificate(matter, &ballot, &list), &mut world);
            }
        }
        let is_taken = match matter {
            Matter::Votes(_) => node.knows_certified(view, &ballot.pair),
            Matter::Skips => node.has_learned(1, view),
            Matter::Commits | Matter::Firsts | Matter::Mixed => node.head_view() == view,
        };
        if let Some(why) = node.broken {
            self.broken.get_or_insert_with(|| format!("{why}: {matter:?} of {mask:b}, {how:?}"));
        }
        let own = Mask::from(!node.said.is_empty()) << LISTENER;
        Ok(is_taken.then_some(mask | own))
    }

    /// Statements of these signers; made up, also of all others, under the signature of the first.
    fn list(
        &self,
        matter: Matter,
        mask: Mask,
        ballot: &Ballot,
        how: How,
        world: &World,
    ) -> Vec<Statement> {
        let is_in = |index: &u16| mask & (1 << index) != 0;
        let body = |index: u16| match matter {
            Matter::Skips => Body::Skip { view: 1 },
            Matter::Commits => Body::Commit { view: 1, pair: ballot.pair },
            Matter::Mixed if (0..index).any(|before| is_in(&before)) => {
                Body::Support { ballot: *ballot }
            }
            _ => Body::Vote { ballot: *ballot, commit_parent: false },
        };
        let mut list: Vec<Statement> = (0..self.shape.validators())
            .filter(is_in)
            .map(|index| world.say(index, &body(index)))
            .collect();
        if let (How::MadeUp, Some(first)) = (how, list.first().cloned()) {
            let others = (0..self.shape.validators()).filter(|index| !is_in(index));
            list.extend(others.map(|signer| Statement { signer, ..first.clone() }));
        }
        list
    }

    fn setup(&self) -> Setup {
        let mut parameters = self.shape.parameters();
        parameters.extend(self.bug.map(|bug| ("planted_bug".to_owned(), bug.to_owned())));
        Setup {
            shape: self.shape,
            parameters,
            is_guarded: true,
            hears_anything: true,
            ..Setup::default()
        }
    }
}

fn certificate(matter: Matter, ballot: &Ballot, list: &[Statement]) -> Vec<u8> {
    match matter {
        Matter::Votes(_) => world::candidate(*ballot, list),
        Matter::Skips => world::null(1, list),
        Matter::Commits => world::slow_final(1, ballot.pair, list),
        Matter::Firsts | Matter::Mixed => world::fast_final(*ballot, list),
    }
}
