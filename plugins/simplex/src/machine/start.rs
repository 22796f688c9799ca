//! How an instance begins: configuration, its own log, and the first words to the others.
//!
//! In: `InitCfg` and the log. Out: an instance in the highest view it had entered, with every
//! register as it was signed. Not here: reading a disk.

use super::{
    Simplex,
    state::{Building, Head},
};
use crate::{
    certificate::Certificate,
    committee::Committee,
    parameters::Parameters,
    statement::{self, Body},
    tally::{Added, Said},
    timer::Timers,
};
use plugin_api::{InitCfg, LogRecord, Output, Statement, Verify};
use std::collections::BTreeMap;

impl Simplex {
    pub(super) fn create(cfg: InitCfg, log: &[LogRecord], verify: Verify) -> Result<Self, String> {
        let committee = Committee::new(&cfg.statement_prefix, &cfg.validators, cfg.epoch)?;
        if cfg.me.is_some_and(|me| usize::from(me) >= committee.count()) {
            return Err(format!("this node is validator {:?} of {}", cfg.me, committee.count()));
        }
        let head_view = if cfg.head.id == cfg.root.id { 0 } else { cfg.head.view };
        let mut rule = Self {
            parameters: Parameters::read(&cfg.parameters)?,
            committee,
            me: cfg.me,
            verify,
            epoch: cfg.epoch,
            root: cfg.root.id,
            now: 0,
            is_started: false,
            is_over: cfg.head.epoch == cfg.epoch && cfg.head.ends_transactions(),
            halted: None,
            head: Head {
                header: cfg.head,
                pair: cfg.head_pair,
                view: head_view,
                proof: cfg.head_proof,
            },
            proof: None,
            view: head_view + 1,
            views: BTreeMap::new(),
            blocks: BTreeMap::new(),
            fetching: BTreeMap::new(),
            number: 0,
            signing: BTreeMap::new(),
            building: Building::default(),
            has_work: false,
            timers: Timers::default(),
            is_timing: false,
            tidied: 0,
            lead_is_over: false,
            end_is_over: false,
            entered_at: 0,
            repairs: 0,
            fails_kept: 0,
            relay: Vec::new(),
            ahead: None,
            leading: None,
        };
        for record in log {
            rule.restore(record).map_err(|why| format!("a record of the own log is {why}"))?;
        }
        Ok(rule)
    }

    fn restore(&mut self, record: &LogRecord) -> Result<(), String> {
        match record {
            LogRecord::Rule { record, .. } => self.keep(Certificate::decode(record)?),
            LogRecord::Own { statement } => {
                let body = statement::read(statement)?;
                if body.view() > self.head.view {
                    self.mark(&body);
                    self.restore_own(body, statement)?;
                }
            }
        }
        Ok(())
    }

    fn restore_own(&mut self, body: Body, statement: &Statement) -> Result<(), String> {
        let at = self.at(body.view());
        if matches!(body, Body::Propose { .. }) {
            at.restored = Some(statement.clone());
            return Ok(());
        }
        at.own.push(statement.clone());
        match at.tally.add(&Said { body, statement: statement.clone() }) {
            Added::Against(_) => Err(format!("against another one, of view {}", body.view())),
            Added::Counted | Added::Known => Ok(()),
        }
    }

    /// The node is ready: find what the log's statements complete, say where this node stands,
    /// repeat what it said. Nothing is signed anew that the registers do not allow.
    pub(super) fn start(&mut self, out: &mut Vec<Output>) {
        self.is_started = true;
        self.entered_at = self.now;
        let views: Vec<u64> = self.views.keys().copied().collect();
        for view in views {
            let bodies = self.views.get(&view).map(|at| at.tally.bodies()).unwrap_or_default();
            bodies.iter().for_each(|body| self.find_certificate(body, out));
        }
        out.push(Output::Entered { view: self.view, leader: self.committee.leader(self.view) });
        self.advance(out);
        self.fetch_restored(out);
        self.say_again(out);
    }

    /// The header of an own proposal of the current view: the host still has it.
    fn fetch_restored(&mut self, out: &mut Vec<Output>) {
        let restored = self.views.get(&self.view).and_then(|at| at.restored.as_ref());
        if let Some(Ok(Body::Propose { block, .. })) = restored.map(|s| Body::decode(&s.body)) {
            self.fetch(block, out);
        }
    }
}
