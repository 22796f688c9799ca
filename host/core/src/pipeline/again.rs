//! Tells the others again about transactions of this node's clients that wait too long.
//!
//! In: transactions of clients, the time. Out: `Gossip`. What is told once can be lost (a full queue, a
//! session that breaks); then only this node knows, and an idle channel would let it wait until this
//! node leads, or for ever. Deliberately not here: what peers told (whoever took it tells it).

use super::Pipeline;
use crate::effect::Effect;
use crate::ingest::AdmittedTx;
use crate::input::Timer;
use host_types::TxId;
use std::collections::BTreeSet;

/// How long a transaction waits before it is told again, milliseconds: far longer than a block takes.
pub const GOSSIP_AGAIN_MS: u64 = 2_000;
/// Told again at a time, the oldest first: under overload the rest waits for its turn.
pub const GOSSIP_AGAIN_TXS_MAX: usize = 512;

/// Transactions of this node's clients: those taken since the last look, and those before; both are in
/// the pool or gone at the next look, so that the pool bounds them.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    fresh: BTreeSet<TxId>,
    old: BTreeSet<TxId>,
    is_timed: bool,
}

impl Pipeline {
    /// Remembers transactions of this node's clients.
    pub(super) fn note_own(&mut self, transactions: &[AdmittedTx], out: &mut Vec<Effect>) {
        self.own.fresh.extend(transactions.iter().map(AdmittedTx::id));
        self.time_own(out);
    }

    fn time_own(&mut self, out: &mut Vec<Effect>) {
        let has_some = !self.own.fresh.is_empty() || !self.own.old.is_empty();
        if has_some && !self.own.is_timed {
            self.own.is_timed = true;
            out.push(Effect::SetTimer { timer: Timer::Gossip, after_ms: GOSSIP_AGAIN_MS });
        }
    }

    /// Tells what has waited for a whole period.
    pub(super) fn on_gossip_timer(&mut self, out: &mut Vec<Effect>) {
        self.own.is_timed = false;
        // Nobody needs to hear of what failed alone: it waits for its expiry here.
        let waits = |id: &TxId| self.pool.get(id).is_some() && !self.suspects.is_left_out(id);
        self.own.old.retain(waits);
        self.own.fresh.retain(waits);
        let old = self.pool.in_order().filter(|tx| self.own.old.contains(&tx.id()));
        let transactions: Vec<AdmittedTx> = old.take(GOSSIP_AGAIN_TXS_MAX).cloned().collect();
        if !transactions.is_empty() {
            out.push(Effect::Gossip { transactions });
        }
        let fresh = std::mem::take(&mut self.own.fresh);
        self.own.old.extend(fresh);
        self.time_own(out);
    }
}
