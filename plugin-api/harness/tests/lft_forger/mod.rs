//! A villain that knows the formats of `lft`: it votes for anything, skips and commits the same
//! view, proposes on any parent, and makes up certificates.
//!
//! In: what it hears. Out: statements and helper messages under its own key. It is part of the
//! tests of the rule; the harness itself knows no formats.

#![expect(clippy::expect_used, reason = "a plan that the rule refuses is a broken test")]

use lft::{
    certificate::{self, Certificate, FinalProof, Null, Signed},
    leader::Schedule,
    parameters::Parameters,
    peer::{PeerMessage, Status},
    statement::{Ballot, Body, Mode},
    validators::Validators,
};
use plugin_api::{Hash, HeaderView, Pair, ProposalKind, Statement, Validator};
use plugin_api_harness::{
    chain::{self, ModelBlock},
    clock::Chance,
    villain::forger::{Bench, Forger},
    world::Wire,
};
use std::{collections::BTreeMap, rc::Rc};

/// Views it remembers.
const WINDOW: usize = 12;

/// Its memory.
#[derive(Debug)]
pub(crate) struct LftForger {
    validators: usize,
    mode: Mode,
    schedule: Schedule,
    ballots: BTreeMap<u64, Vec<Ballot>>,
    headers: BTreeMap<u64, Vec<HeaderView>>,
    certificates: BTreeMap<u64, Vec<Certificate>>,
    signatures: Vec<Signed>,
    /// Blocks it made up beside those of the leaders, until somebody asks for them.
    rivals: Vec<Rc<ModelBlock>>,
    top: u64,
    invented: u64,
}

/// For `Options::forger`.
pub(crate) fn make(validators: &[Validator], parameters: &[(String, String)]) -> Box<dyn Forger> {
    let parameters = Parameters::read(parameters).expect("the plan's parameters are readable");
    let set = Validators::new(&[], validators, &parameters).expect("the plan's set is a set");
    Box::new(LftForger {
        validators: validators.len(),
        mode: set.mode(),
        schedule: Schedule::new(&set, &parameters, 0, &[]),
        ballots: BTreeMap::new(),
        headers: BTreeMap::new(),
        certificates: BTreeMap::new(),
        signatures: Vec::new(),
        rivals: Vec::new(),
        top: 0,
        invented: 1 << 40,
    })
}

fn any<'a, T>(chance: &mut Chance, list: &'a [T]) -> Option<&'a T> {
    let place = usize::try_from(chance.below(list.len() as u64)).ok()?;
    list.get(place)
}

fn keep<T: PartialEq>(map: &mut BTreeMap<u64, Vec<T>>, view: u64, thing: T) {
    let list = map.entry(view).or_default();
    if !list.contains(&thing) && list.len() < 6 {
        list.push(thing);
    }
    while map.len() > WINDOW {
        map.pop_first();
    }
}

impl LftForger {
    fn learn(&mut self, statement: &Statement) {
        let Ok(body) = Body::decode(&statement.body) else { return };
        self.top = self.top.max(body.view());
        self.signatures
            .push(Signed { signer: statement.signer, signature: statement.signature.clone() });
        if self.signatures.len() > 32 {
            self.signatures.remove(0);
        }
        if let Body::Vote { ballot, .. } = body {
            keep(&mut self.ballots, ballot.view, ballot);
        }
    }

    fn learn_certificates(&mut self, list: Vec<Certificate>) {
        for certificate in list {
            keep(&mut self.certificates, certificate.view(), certificate);
        }
    }

    fn ballot(&self, chance: &mut Chance) -> Option<Ballot> {
        let lists: Vec<&Vec<Ballot>> = self.ballots.values().rev().take(4).collect();
        let list: &Vec<Ballot> = any(chance, &lists)?;
        any(chance, list).copied()
    }

    fn say(&self, bench: &mut Bench<'_>, body: &Body) {
        let statement = (bench.sign)(body.slots(self.mode), body.encode());
        bench.send.push(Wire::Statement(statement));
    }

    fn vote(&self, bench: &mut Bench<'_>) {
        let Some(mut ballot) = self.ballot(bench.chance) else { return };
        if bench.chance.permille(100) {
            ballot.pair.state_root = Hash([7; 32]);
        }
        let commit_parent = ballot.parent_view > 0 && bench.chance.permille(500);
        if self.mode == Mode::Fast && bench.chance.permille(250) {
            return self.say(bench, &Body::Support { ballot });
        }
        self.say(bench, &Body::Vote { ballot, commit_parent });
    }

    fn end(&self, bench: &mut Bench<'_>) {
        let view = (self.top + 1).saturating_sub(bench.chance.below(4)).max(1);
        if bench.chance.permille(600) {
            let fallback = self.mode == Mode::Fast && bench.chance.permille(500);
            let body = if fallback { Body::Fallback { view } } else { Body::Skip { view } };
            return self.say(bench, &body);
        }
        if let Some(ballot) = self.ballot(bench.chance) {
            self.say(bench, &Body::Commit { view: ballot.view, pair: ballot.pair });
        }
    }

    /// A proposal on any parent, with whatever certificates are at hand.
    fn propose(&mut self, bench: &mut Bench<'_>) {
        let view = (self.top.saturating_sub(1)..self.top + 3)
            .find(|view| *view > 0 && self.schedule.leader(*view) == bench.index);
        let (Some(view), Some(parent)) = (view, self.ballot(bench.chance)) else { return };
        let headers = self.headers.values().flatten();
        let Some(height) = headers.filter(|h| h.id == parent.pair.block).map(|h| h.height).next()
        else {
            return;
        };
        if parent.view >= view {
            return;
        }
        let opt = parent.view + 1 == view && bench.chance.permille(300);
        self.invented += 1;
        let header = HeaderView {
            id: Hash::ZERO,
            epoch: 0,
            view,
            kind: if opt { ProposalKind::Opt } else { ProposalKind::Norm },
            height: height + 1,
            parent: parent.pair,
            parent_view: parent.view,
            proposer: bench.index,
            carried: Hash::ZERO,
            is_empty: false,
            is_sealing: false,
        };
        let block = chain::seal(header, vec![self.invented]);
        let body = Body::Propose { view, kind: block.header.kind, block: block.header.id };
        let statement = (bench.sign)(body.slots(self.mode), body.encode());
        let certificates: Vec<Certificate> =
            self.certificates.range(parent.view..view).flat_map(|(_, c)| c.clone()).collect();
        let justification = if opt { Vec::new() } else { certificate::encode_all(&certificates) };
        bench.send.push(Wire::Proposal(block, statement, justification));
    }

    /// With fast commit: its first vote is for a block of its own in the place of the leader's. If
    /// anybody supported that, two blocks of one view could have certificates although one is final.
    fn rival(&mut self, block: &ModelBlock, bench: &mut Bench<'_>) {
        self.invented += 1;
        let rival = chain::seal(block.header.clone(), vec![self.invented]);
        let header = &rival.header;
        let (parent, parent_view) = (header.parent, header.parent_view);
        let ballot =
            Ballot { view: header.view, pair: chain::execute(&rival, 0), parent, parent_view };
        keep(&mut self.ballots, ballot.view, ballot);
        self.rivals.push(rival);
        if self.rivals.len() > WINDOW {
            self.rivals.remove(0);
        }
        self.say(bench, &Body::Vote { ballot, commit_parent: false });
    }

    fn answer(&self, wanted: &Hash, bench: &mut Bench<'_>) {
        if let Some(rival) = self.rivals.iter().find(|block| block.header.id == *wanted) {
            bench.send.push(Wire::Block(Rc::clone(rival)));
        }
    }

    /// A certificate that is none: signatures of other things, or one signer many times.
    fn forge(&self, bench: &mut Bench<'_>) {
        let view = (self.top + 1).saturating_sub(bench.chance.below(3)).max(1);
        let mut signed = Vec::new();
        for signer in (0u16..).take(self.validators) {
            let borrowed = any(bench.chance, &self.signatures).cloned();
            let signature = borrowed.map_or_else(|| vec![1; 64], |s| s.signature);
            signed.push(Signed { signer, signature });
        }
        let ballot = self.ballot(bench.chance);
        let pair = ballot.map_or_else(Pair::default, |ballot| ballot.pair);
        let forged = match bench.chance.below(3) {
            0 => Certificate::Null(Null { view, skips: signed, fallbacks: Vec::new() }),
            1 => {
                let mut commits = signed;
                commits.truncate(1);
                let one = commits.clone();
                commits.extend((0..self.validators).flat_map(|_| one.clone()));
                Certificate::Final(FinalProof {
                    view,
                    pair,
                    commits,
                    children: Vec::new(),
                    fast: None,
                })
            }
            _ => Certificate::Final(FinalProof {
                view: ballot.map_or(view, |ballot| ballot.view),
                pair,
                commits: signed,
                children: Vec::new(),
                fast: None,
            }),
        };
        let bytes = PeerMessage::Certs { certificates: vec![forged] }.encode();
        bench.send.push(Wire::Peer(bytes));
    }

    /// Real certificates, told to some only; and a status from the future.
    fn gossip(&self, bench: &mut Bench<'_>) {
        let lists: Vec<&Vec<Certificate>> = self.certificates.values().rev().take(4).collect();
        let Some(list) = any(bench.chance, &lists) else { return };
        let certificates = list.to_vec();
        bench.send.push(Wire::Peer(PeerMessage::Certs { certificates }.encode()));
        if bench.chance.permille(200) {
            let status = Status {
                epoch: bench.chance.below(2),
                view: self.top + 1000,
                head_height: 1000,
                head_view: self.top + 1000,
                head: Hash([3; 32]),
            };
            bench.send.push(Wire::Peer(PeerMessage::Status(status).encode()));
        }
    }
}

impl Forger for LftForger {
    fn hear(&mut self, wire: &Wire, bench: &mut Bench<'_>) {
        match wire {
            Wire::Statement(statement) => self.learn(statement),
            Wire::Proposal(block, statement, justification) => {
                self.learn(statement);
                keep(&mut self.headers, block.header.view, block.header.clone());
                if let Ok(list) = certificate::decode_all(justification) {
                    self.learn_certificates(list);
                }
                if self.mode == Mode::Fast && bench.chance.permille(300) {
                    self.rival(block, bench);
                }
            }
            Wire::Peer(bytes) => {
                if let Ok(PeerMessage::Certs { certificates }) = PeerMessage::decode(bytes) {
                    self.learn_certificates(certificates);
                }
            }
            Wire::GetBlock(wanted) => self.answer(wanted, bench),
            Wire::Block(_) | Wire::Transactions(_) | Wire::GetRange(_) | Wire::Range(..) => {}
        }
        match bench.chance.below(24) {
            0..4 => self.vote(bench),
            4..7 => self.end(bench),
            7..10 => self.propose(bench),
            10 => self.forge(bench),
            11 => self.gossip(bench),
            _ => {}
        }
    }
}
