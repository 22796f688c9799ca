//! Versions that become active, SCOREs that are frozen, and crashes: what a block does to SCOREs beside
//! running them.
//!
//! In: changes that fall due at the block's height or are completed by one of its transactions; the
//! block's receipts. Out: the version's `deploy` or `migrate` has run and is recorded, or the version
//! before stays and the change says why. What happens before the first transaction is told by events of
//! the block itself. Deliberately not here: what is due (`host_core::system`), workers.

use super::batch::Run;
use host_core::system::freeze::{all_frozen, is_of_frozen};
use host_core::system::state::{ChangeRecord, ChangeStatus};
use host_core::system::{self, said};
use host_types::change::{Change, Deploy};
use host_types::manifest::Manifest;
use host_types::receipt::{Receipt, ScoreEvent, Status, Write};
use host_types::{ScoreName, Writer};
use score_native_link::CallKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What an activation wrote, last value of each key.
pub(super) type Writes = BTreeMap<(ScoreName, Vec<u8>), Option<Vec<u8>>>;

/// Arguments of a method that takes none.
const NO_ARGUMENTS: [u8; 1] = [0x80];
/// What a SCORE said of its end that goes into the record, characters: a line, not a page.
const SAID_CHARS_MAX: usize = 200;

impl Run<'_> {
    /// Changes that fall due at this height, before the block's transactions.
    pub(super) async fn begin_height(&mut self) -> Result<(), String> {
        let height = self.block.header().height;
        let due = system::at_height(self.knowledge.validators(), height, &self.view);
        let (activate, mut events) = (due.activate, due.events);
        tell_of_cancelled(&due.writes);
        let is_changed = due.writes.iter().any(|write| is_of_frozen(&write.key));
        self.apply(due.writes);
        if is_changed {
            self.look_at_frozen();
        }
        for deploy in activate {
            events.extend(self.activate(&deploy).await?.0);
        }
        let said = said::write(&events);
        self.apply(said.into_iter().collect());
        Ok(())
    }

    /// Reads anew which SCOREs are frozen, after writes that may have changed it.
    pub(super) fn look_at_frozen(&mut self) {
        self.knowledge.frozen = Arc::new(all_frozen(&self.view));
    }

    /// Counts the receipts that say `crash`, after the last transaction.
    pub(super) fn note_crashes(&mut self) {
        if !self.crashes.is_empty() {
            let height = self.block.header().height;
            let writes = system::crashed(&self.crashes, height, &self.view);
            self.apply(writes);
        }
    }

    /// Makes a version active: its `deploy` (first version) or `migrate` runs, then the record. When that
    /// does not end well, the version before stays.
    pub(super) async fn activate(
        &mut self,
        deploy: &Deploy,
    ) -> Result<(Vec<ScoreEvent>, Writes), String> {
        let artefact = self
            .scores
            .artefact(&deploy.sha256)
            .ok_or_else(|| format!("artefact {} of {} is not here", deploy.sha256, deploy.score))?;
        let before = self.knowledge.active.get(&deploy.score).map(|active| active.version.clone());
        let (kind, name) = match before {
            None => (CallKind::Deploy, "deploy"),
            Some(_) => (CallKind::Migrate, "migrate"),
        };
        let (mut events, mut written) = (Vec::new(), Writes::new());
        let started = Instant::now();
        self.run_anew(&deploy.score);
        if let Err(why) = self.scores.seat(self.genesis, &deploy.score, &artefact).await {
            // Whoever calls it meets the same, and says what it means.
            tracing::debug!(score = %deploy.score, "its worker does not start: {why}");
        }
        if artefact.manifest.method(name, name).is_some() {
            let args = match &before {
                None => deploy.args.clone(),
                Some(version) => migrate_arguments(&artefact.manifest, version),
            };
            let call = self.call((kind, name), args, deploy.deployer, (Some(deploy.sha256), 0));
            // A version was voted for: it is never cut, though what it takes counts.
            let steps = call.steps;
            let (receipt, emitted, writes) =
                self.call_worker(&deploy.score, &artefact, (vec![call], steps)).await?.remove(0);
            if receipt.status != Status::Ok {
                // Its worker ran for this call only.
                let channel = self.genesis.channel.as_str();
                self.scores.retire(channel, &deploy.score, deploy.sha256).await;
                return Ok(self.stay(deploy, name, &receipt));
            }
            events.extend(emitted);
            self.keep(writes, &mut written);
        }
        let height = self.block.header().height;
        let outcome = system::activated(deploy, height, &self.view);
        events.extend(outcome.events);
        self.keep(outcome.writes, &mut written);
        let mut active = (*self.knowledge.active).clone();
        if let Some(record) = system::state::active_score(&self.view, &deploy.score) {
            active.insert(deploy.score.clone(), record);
        }
        self.knowledge.active = Arc::new(active);
        let channel = self.genesis.channel.as_str();
        self.scores.note_activation(channel, &deploy.score, deploy.sha256, started.elapsed());
        Ok((events, written))
    }

    /// Whoever runs the SCORE next has seen nothing of this block, nor of those before.
    fn run_anew(&mut self, score: &ScoreName) {
        self.parts.remove(score);
        self.knowledge.ran.remove(score);
    }

    fn keep(&mut self, writes: Vec<Write>, written: &mut Writes) {
        for write in &writes {
            written.insert((write.score.clone(), write.key.clone()), write.value.clone());
        }
        self.apply(writes);
    }

    /// The version before stays, and the change says why. What the call wrote was rolled back by its
    /// worker.
    fn stay(
        &mut self,
        deploy: &Deploy,
        method: &str,
        receipt: &Receipt,
    ) -> (Vec<ScoreEvent>, Writes) {
        self.run_anew(&deploy.score);
        let height = self.block.header().height;
        let (code, reason) = (receipt.code, why_failed(method, receipt));
        tracing::warn!(
            event = "score.activation_failed",
            code = %host_types::Code::ScoreTrap,
            score = %deploy.score,
            version = deploy.version,
            "SCORE {} {} does not become active, what was active stays: {reason}",
            deploy.score,
            deploy.version
        );
        let outcome = system::activation_failed(deploy, height, (code, reason), &self.view);
        let mut written = Writes::new();
        self.keep(outcome.writes, &mut written);
        (outcome.events, written)
    }
}

/// Changes that these writes cancel, in this node's log: who was not ready is told there, too.
fn tell_of_cancelled(writes: &[Write]) {
    let records =
        writes.iter().filter_map(|write| ChangeRecord::of_write(&write.key, &write.value));
    for record in records.filter(|record| record.status == ChangeStatus::Cancelled) {
        let (Change::Deploy(deploy), Some(closed)) = (&record.change, &record.closed) else {
            continue;
        };
        tracing::warn!(
            event = "change.cancelled",
            code = %host_types::Code::ArtefactMissing,
            score = %deploy.score,
            version = deploy.version,
            height = closed.height.get(),
            "SCORE {} {} is not activated: {}",
            deploy.score,
            deploy.version,
            closed.reason
        );
    }
}

/// The version before, for a `migrate` that asks for it.
fn migrate_arguments(manifest: &Manifest, from: &str) -> Vec<u8> {
    let asks = manifest.method("migrate", "migrate").is_some_and(|method| !method.args.is_empty());
    if !asks {
        return NO_ARGUMENTS.to_vec();
    }
    let mut w = Writer::default();
    w.array(1);
    w.text(from);
    w.into_bytes()
}

/// One line, the same on every node: it stands in the state.
fn why_failed(method: &str, receipt: &Receipt) -> String {
    let what = match receipt.status {
        Status::Ok => "ended well",
        Status::Fault => "answered with a fault",
        Status::Trap => "was stopped",
        Status::Refused => "was not taken",
        Status::Crash => "ended its process",
    };
    let said = String::from_utf8_lossy(&receipt.output);
    let said: String = said.escape_debug().take(SAID_CHARS_MAX).collect();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    format!("{method} {what} (code {:#x}){said}", receipt.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_failed_is_one_line_of_bounded_length() {
        let of = |status, output: &str| {
            why_failed("migrate", &Receipt::new((status, 2), output.into(), &[], &[], 0))
        };
        let said = of(Status::Trap, "overflow\nat lib.rs");
        assert_eq!(said, "migrate was stopped (code 0x2): overflow\\nat lib.rs");
        assert_eq!(of(Status::Crash, ""), "migrate ended its process (code 0x2)");
        assert!(of(Status::Fault, &"x".repeat(9_000)).len() < 300);
    }
}
