//! How an instance begins: configuration, its own log, and the first words to the others.
//!
//! In: `InitCfg` and the log. Out: an instance in the highest view it had entered, with every
//! register as it was signed. Not here: reading a disk.

use super::{Building, Lft, PendingFinal};
use crate::{
    certificate::Certificate,
    leader::Schedule,
    machine::rejoin::Quarantine,
    machine::state::{End, First, Head, Register, place},
    pacemaker::{Deadlines, Heard},
    parameters::Parameters,
    statement::{self, Body},
    tally::{As, Said},
    validators::Validators,
};
use plugin_api::{InitCfg, LogRecord, Output, Pair, Statement, Verify};
use std::collections::BTreeMap;

impl Lft {
    pub(super) fn create(cfg: InitCfg, log: &[LogRecord], verify: Verify) -> Result<Self, String> {
        let parameters = Parameters::read(&cfg.parameters)?;
        let validators = Validators::new(&cfg.statement_prefix, &cfg.validators, &parameters)
            .map_err(|error| error.to_string())?;
        let count = u16::try_from(validators.count()).map_err(|error| error.to_string())?;
        if let Some(nobody) = cfg.excluded.iter().find(|index| **index >= count) {
            return Err(format!("validator {nobody} of {count} cannot be excluded from leading"));
        }
        if cfg.me.is_some_and(|me| me >= count) {
            return Err(format!("this node is validator {:?} of {count}", cfg.me));
        }
        let head_view = if cfg.head.id == cfg.root.id { 0 } else { cfg.head.view };
        let mut rule = Self {
            schedule: Schedule::new(&validators, &parameters, cfg.epoch, &cfg.excluded),
            heard: Heard::new(validators.count(), head_view + 1, 0),
            parameters,
            validators,
            me: cfg.me,
            verify,
            epoch: cfg.epoch,
            root: cfg.root.id,
            now: 0,
            started: false,
            halted: None,
            over: false,
            head: Head {
                header: cfg.head,
                pair: cfg.head_pair,
                view: head_view,
                proof: cfg.head_proof,
            },
            floor: head_view,
            view: head_view + 1,
            target: head_view + 1,
            views: BTreeMap::new(),
            blocks: BTreeMap::new(),
            fetching: BTreeMap::new(),
            pending: None,
            ahead: None,
            behind_said: None,
            leading: None,
            quarantine: cfg.rejoin.map(Quarantine::new),
            told: BTreeMap::new(),
            rejoin_until: 0,
            relay: Vec::new(),
            dirty: true,
            sequence: 0,
            signing: BTreeMap::new(),
            building: Building::default(),
            has_work: false,
            unfinal: false,
            timing: false,
            lead_expired: false,
            certificate_expired: false,
            entered_at: 0,
            resends: 0,
            tidied: 0,
            split_views: 0,
            fails_floor: 0,
            deadlines: Deadlines::default(),
        };
        rule.over = rule.ends_epoch(&rule.head.header);
        rule.plant();
        rule.replay(log)?;
        rule.view = rule.target;
        Ok(rule)
    }

    #[cfg(feature = "planted-bugs")]
    fn plant(&mut self) {
        self.validators.plant(self.parameters.bug);
    }

    #[cfg(not(feature = "planted-bugs"))]
    fn plant(&mut self) {}

    fn replay(&mut self, log: &[LogRecord]) -> Result<(), String> {
        #[cfg(feature = "planted-bugs")]
        if self.has_bug(crate::planted::Bug::ForgetLog) {
            return Ok(());
        }
        for record in log {
            match record {
                LogRecord::Rule { record, .. } => {
                    let certificate = Certificate::decode(record)
                        .map_err(|why| format!("a record of the own log is {why}"))?;
                    self.restore_certificate(certificate);
                }
                LogRecord::Own { statement } => {
                    let body = statement::read(self.validators.mode(), statement)
                        .map_err(|why| format!("a statement of the own log is {why}"))?;
                    self.restore_own(body, statement)?;
                }
            }
        }
        Ok(())
    }

    fn restore_certificate(&mut self, certificate: Certificate) {
        let view = certificate.view();
        if view <= self.head.view {
            return;
        }
        self.target = self.target.max(view + 1);
        match certificate {
            Certificate::Candidate(candidate) => self.at(view).candidates.push(candidate),
            Certificate::Null(null) => self.at(view).null = Some(null),
            Certificate::Final(proof) => {
                if self.pending.as_ref().is_none_or(|known| known.proof.view < view) {
                    self.pending = Some(PendingFinal { proof });
                }
            }
        }
    }

    fn restore_own(&mut self, body: Body, statement: &Statement) -> Result<(), String> {
        self.mark_registers(&body);
        let view = body.view();
        if view < self.head.view || matches!(body, Body::Rejoined { .. }) {
            return Ok(());
        }
        if let Body::Propose { .. } = body {
            self.at(view).restored.push(statement.clone());
        } else {
            self.at(view).own.push(statement.clone());
            self.count(&Said { body, statement: statement.clone() })?;
        }
        Ok(())
    }

    /// Remembers what a statement of this node wrote, when it is signed or read from the log.
    pub(super) fn mark_registers(&mut self, body: &Body) {
        let floor = self.head.view;
        match *body {
            Body::Propose { view, kind, block } if view >= floor => {
                if let Some(register) = self.at(view).proposed.get_mut(place(kind)) {
                    *register = Register::Holds(block);
                }
            }
            Body::Vote { ballot, commit_parent } => {
                if ballot.view >= floor {
                    self.at(ballot.view).first = Register::Holds(First::Vote(ballot.pair));
                }
                if commit_parent && ballot.parent_view >= floor {
                    self.mark_commit(ballot.parent_view, ballot.parent);
                }
            }
            Body::Skip { view } if view >= floor => {
                if self.is_fast() {
                    self.at(view).first = Register::Holds(First::Skip);
                } else {
                    self.at(view).end = Register::Holds(End::Skip);
                }
            }
            Body::Commit { view, pair } if view >= floor => self.mark_commit(view, pair),
            Body::Support { ballot } if ballot.view >= floor => {
                let at = self.at(ballot.view);
                at.end = Register::Holds(End::Fallback);
                at.supported.push(ballot.pair);
            }
            Body::Fallback { view } if view >= floor => {
                let at = self.at(view);
                at.end = Register::Holds(End::Fallback);
                at.fell_back = true;
            }
            Body::Propose { .. }
            | Body::Skip { .. }
            | Body::Commit { .. }
            | Body::Support { .. }
            | Body::Fallback { .. }
            | Body::Rejoined { .. } => {}
        }
    }

    /// With fast commit a Commit also closes the first statement of its view.
    fn mark_commit(&mut self, view: u64, pair: Pair) {
        let fast = self.is_fast();
        let at = self.at(view);
        at.end = Register::Holds(End::Commit(pair));
        if fast && at.first.is_empty() {
            at.first = Register::Holds(First::Vote(pair));
        }
    }

    /// Counts a restored statement without looking for certificates: those came with the log, or
    /// are found with the next statement.
    fn count(&mut self, said: &Said) -> Result<(), String> {
        for (view, role) in roles(&said.body) {
            if view > self.head.view {
                let at = self.views.entry(view).or_default();
                if at.tally.add(view, role, said, &self.validators).against.is_some() {
                    return Err(format!("the own log contradicts itself in view {view}"));
                }
            }
        }
        Ok(())
    }

    /// The node is ready: say where it stands and repeat what it said.
    pub(super) fn start(&mut self, out: &mut Vec<Output>) {
        self.started = true;
        self.entered_at = self.now;
        self.heard = Heard::new(self.validators.count(), self.view, self.now);
        let views: Vec<u64> = self.views.keys().copied().filter(|v| *v > self.head.view).collect();
        for view in views {
            self.find_certificates(view, out);
        }
        out.push(Output::Entered { view: self.view, leader: self.leader(self.view) });
        self.fetch_restored(out);
        self.ask_to_rejoin(out);
        self.say_again(out);
    }

    /// Headers of own proposals that the log brought back: the host still has them.
    fn fetch_restored(&mut self, out: &mut Vec<Output>) {
        let from = self.view;
        let blocks: Vec<_> = self
            .views
            .range(from..)
            .flat_map(|(_, at)| &at.restored)
            .filter_map(|statement| match Body::decode(&statement.body) {
                Ok(Body::Propose { block, .. }) => Some(block),
                _ => None,
            })
            .collect();
        for block in blocks {
            self.fetch(block, out);
        }
    }
}

/// In which views a statement counts, and as what.
pub(super) fn roles(body: &Body) -> Vec<(u64, As)> {
    match *body {
        Body::Propose { view, .. } => vec![(view, As::Proposal)],
        Body::Vote { ballot, commit_parent: true } => {
            vec![(ballot.view, As::Vote), (ballot.parent_view, As::Commit(ballot.parent))]
        }
        Body::Vote { ballot, commit_parent: false } => vec![(ballot.view, As::Vote)],
        Body::Skip { view } => vec![(view, As::Skip)],
        Body::Commit { view, pair } => vec![(view, As::Commit(pair))],
        Body::Support { ballot } => vec![(ballot.view, As::Support)],
        Body::Fallback { view } => vec![(view, As::Fallback)],
        Body::Rejoined { .. } => Vec::new(),
    }
}
