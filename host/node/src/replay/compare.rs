//! What a block did here beside what the store holds of it.
//!
//! In: both results. Out: a [`BlockReplay`], transaction by transaction, and where the two part, in
//! the form of a divergence record. Deliberately not here: which of them is right; the stored one is
//! what the validators agreed on.

use crate::channel::divergence::{self, Parting};
use crate::channel::execution::Layer;
use host_core::system::state::ActiveScore;
use host_store::Kept;
use host_types::block::RootPair;
use host_types::receipt::{Receipt, Status};
use host_types::{BlockId, Hash32, Height, ScoreName, TxId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One transaction, executed again.
#[derive(Clone, Debug)]
pub struct TxReplay {
    /// Its id.
    pub id: TxId,
    /// The SCORE; `system` for the channel itself.
    pub score: ScoreName,
    /// The method.
    pub method: String,
    /// The artefact that ran; none for `system`, and where there was nothing to run.
    pub artefact: Option<Hash32>,
    /// How it ended here.
    pub status: Status,
    /// Steps it took here.
    pub steps: u64,
    /// How long it took, with the talk to the worker.
    pub took: Duration,
    /// Whether receipt, events and writes are the stored ones.
    pub is_equal: bool,
}

/// Where two results part first.
#[derive(Clone, Debug)]
pub struct Parted {
    /// One line: transaction and key.
    pub line: String,
    /// For people: what was computed here, and what is stored.
    pub both: [String; 2],
    /// The divergence record; `own` is what was computed here, `agreed` what is stored.
    pub record: Value,
}

/// One block, executed again.
#[derive(Clone, Debug)]
pub struct BlockReplay {
    /// Its height.
    pub height: Height,
    /// The block.
    pub block: BlockId,
    /// The roots that are stored.
    pub stored: RootPair,
    /// The roots that were computed here.
    pub computed: RootPair,
    /// Its transactions, in order.
    pub transactions: Vec<TxReplay>,
    /// None when everything is equal.
    pub parted: Option<Parted>,
}

impl BlockReplay {
    /// Steps of all transactions.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.transactions.iter().map(|tx| tx.steps).sum()
    }

    /// Time of all transactions.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.transactions.iter().map(|tx| tx.took).sum()
    }
}

pub(super) fn block(
    channel: &str,
    kept: &Kept,
    layer: &Layer,
    took: &[Duration],
    active: &BTreeMap<ScoreName, ActiveScore>,
) -> BlockReplay {
    let (stored, computed) = (&kept.result, &*layer.result);
    let transactions = kept.block.transactions().iter().enumerate().map(|(at, tx)| {
        let body = tx.transaction();
        let here = computed.receipts.get(at);
        let same_events = computed.events.get(at) == stored.events.get(at);
        TxReplay {
            id: tx.id(),
            score: body.score.clone(),
            method: body.method.to_string(),
            artefact: active.get(&body.score).map(|active| active.sha256),
            status: here.map_or(Status::Refused, |receipt| receipt.status),
            steps: here.map_or(0, |receipt| receipt.steps),
            took: took.get(at).copied().unwrap_or_default(),
            is_equal: here == stored.receipts.get(at) && same_events,
        }
    });
    let transactions: Vec<_> = transactions.collect();
    let is_equal = computed.roots == stored.roots
        && computed.writes == stored.writes
        && transactions.iter().all(|tx| tx.is_equal);
    let parted = (!is_equal).then(|| parted(channel, kept, layer, active));
    BlockReplay {
        height: stored.height,
        block: stored.block,
        stored: stored.roots,
        computed: computed.roots,
        transactions,
        parted,
    }
}

fn parted(
    channel: &str,
    kept: &Kept,
    layer: &Layer,
    active: &BTreeMap<ScoreName, ActiveScore>,
) -> Parted {
    let (stored, computed) = (&kept.result, &*layer.result);
    let found = Parting::find(&kept.block, computed, stored);
    let line = found.line(&kept.block);
    let both = found.both().unwrap_or_else(|| {
        let receipt = |list: &[Receipt]| {
            let receipt = found.place().and_then(|at| list.get(at));
            receipt.map_or_else(|| "no receipt".to_owned(), told)
        };
        [receipt(&computed.receipts), receipt(&stored.receipts)]
    });
    let record = found.json(channel, &kept.block, (computed, stored), active);
    Parted { line, both, record }
}

/// A receipt in one line.
#[must_use]
pub fn told(receipt: &Receipt) -> String {
    let mut line = receipt.status.word().to_owned();
    if receipt.code != 0 {
        line.push_str(&format!(" {}", code(receipt)));
    }
    if !receipt.output.is_empty() {
        let output = match receipt.status {
            Status::Ok => divergence::hex_short(&receipt.output),
            _ => String::from_utf8_lossy(&receipt.output).escape_debug().to_string(),
        };
        line.push_str(&format!(" {output}"));
    }
    line.push_str(&format!(", {} steps", receipt.steps));
    line
}

/// A receipt in JSON, as in a divergence record.
#[must_use]
pub fn receipt(receipt: &Receipt) -> Value {
    divergence::receipt(receipt)
}

fn code(receipt: &Receipt) -> String {
    match receipt.status {
        Status::Fault => receipt.code.to_string(),
        Status::Refused => format!("LC{}", receipt.code),
        _ => format!("{:#x}", receipt.code),
    }
}
