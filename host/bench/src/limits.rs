//! `bench limits`: what one core, the disk, loopback and the HTTP server of this machine do.
//!
//! In: nothing but time. Out: CPU microseconds per operation, F, round trips and P. It measures the
//! very functions that a node calls, not their libraries.

use crate::cpu::nanoseconds_per_call;
use crate::disk::{self, ms, us};
use crate::error::BenchError;
use crate::report::Report;
use crate::workload::{SCORE, Signer, known, transfers};
use crate::{CommonOptions, loopback, rest};
use host_identity::batch::{Item, verify_batch};
use host_identity::verify::verify;
use host_types::block::tx_root;
use host_types::{GenesisHash, Hash32, RawTx, ScoreName, SignedTransaction, TxId};
use std::hint::black_box;
use std::time::Duration;

/// Transactions of a large batch: the most that a peer verifies at once.
const BATCH: usize = 1024;
/// Signers of a permissioned channel, as the goals assume.
const SIGNERS: usize = 64;

/// What `bench limits` takes.
#[derive(Clone, Debug)]
pub struct LimitsOptions {
    /// For every bench.
    pub common: CommonOptions,
    /// CPU time for each operation.
    pub budget: Duration,
    /// Syncs and round trips of each kind.
    pub samples: usize,
    /// How long HTTP is loaded.
    pub rest_window: Duration,
}

impl Default for LimitsOptions {
    fn default() -> Self {
        Self {
            common: CommonOptions::default(),
            budget: Duration::from_millis(900),
            samples: 2_000,
            rest_window: Duration::from_secs(3),
        }
    }
}

/// Signed transactions, decoded, with the keys they verify under.
struct Batch {
    transactions: Vec<SignedTransaction>,
    messages: Vec<Vec<u8>>,
    keys: Vec<[u8; 32]>,
}

impl Batch {
    fn new(signers: &[Signer], count: usize) -> Result<Self, BenchError> {
        let known = known(signers);
        let raw = envelopes(signers, count)?;
        let transactions: Vec<_> =
            raw.iter().map(|(_, raw)| SignedTransaction::decode(raw)).collect::<Result<_, _>>()?;
        let keys = transactions
            .iter()
            .filter_map(|tx| Some(known.get(&tx.transaction().signer)?.public_key))
            .collect();
        let messages = transactions.iter().map(SignedTransaction::signing_message).collect();
        Ok(Self { transactions, messages, keys })
    }

    fn items(&self, count: usize) -> Vec<Item<'_>> {
        let all = self.transactions.iter().zip(&self.messages).zip(&self.keys);
        all.take(count).map(|((tx, m), key)| Item::new(*key, m, *tx.signature())).collect()
    }
}

fn envelopes(signers: &[Signer], count: usize) -> Result<Vec<(TxId, RawTx)>, BenchError> {
    let score = ScoreName::new(SCORE).ok_or_else(|| BenchError::void("no name of a SCORE"))?;
    let made = transfers(signers, GenesisHash::default(), &score, count);
    if made.len() == count { Ok(made) } else { Err(BenchError::void("signing stopped early")) }
}

/// Measures.
///
/// # Errors
/// The disk, or no connections on this machine.
pub fn run(options: &LimitsOptions) -> Result<Report, BenchError> {
    let mut report = Report::start("limits", &options.common.dir);
    signatures(options, &mut report)?;
    hashes(options, &mut report);
    codec(options, &mut report)?;
    machine(options, &mut report)?;
    http(options, &mut report)?;
    report.note("CPU figures are CPU time of one thread, the median of five runs.");
    Ok(report.finish())
}

fn signatures(options: &LimitsOptions, report: &mut Report) -> Result<(), BenchError> {
    let mut cost = |key: &str, name: &str, per: usize, work: &mut dyn FnMut()| {
        let micros = nanoseconds_per_call(options.budget, work) / 1000.0 / per as f64;
        let rate = format!("{:.0} per second and core", 1e6 / micros);
        report.figure(key, name, (micros, "us"), rate);
    };
    let signers = Signer::imaginary(SIGNERS);
    let few = Batch::new(&signers, BATCH)?;
    let many = Batch::new(&Signer::imaginary(BATCH), BATCH)?;
    let mut all_right = true;
    let mut next = 0;
    let key = signers.first().map(|signer| signer.key.clone());
    let key = key.ok_or_else(|| BenchError::void("no signer"))?;
    cost("sign", "sign (host-identity)", 1, &mut || {
        next = (next + 1) % BATCH;
        black_box(key.sign(few.messages.get(next).map_or(&[], Vec::as_slice)));
    });
    let single = few.items(BATCH);
    cost("verify_single", "verify, one by one", 1, &mut || {
        next = (next + 1) % BATCH;
        if let Some(item) = single.get(next) {
            all_right &= verify(&item.public_key, &item.message, &item.signature);
        }
    });
    for (batch, signers, count) in
        [(&few, SIGNERS, 64), (&few, SIGNERS, BATCH), (&many, BATCH, BATCH)]
    {
        let (items, distinct) = (batch.items(count), signers.min(count));
        let key = format!("verify_batch_{count}_signers_{distinct}");
        let name = format!("verify, batch of {count}, {distinct} signers");
        cost(&key, &name, count, &mut || {
            all_right &= verify_batch(&items).into_iter().all(|verdict| verdict);
        });
    }
    if all_right { Ok(()) } else { Err(BenchError::void("a right signature did not verify")) }
}

fn hashes(options: &LimitsOptions, report: &mut Report) {
    for size in [64, 300, 64 * 1024] {
        let bytes = vec![0x5a; size];
        let nanos = nanoseconds_per_call(options.budget / 3, || {
            black_box(Hash32::sha256(black_box(&bytes)));
        });
        let speed = format!("{:.2} GB/s", size as f64 / nanos);
        let (key, name) = (format!("sha256_{size}"), format!("SHA-256 of {size} bytes"));
        report.figure(&key, &name, (nanos, "ns"), speed);
    }
    let ids: Vec<TxId> = (0..BATCH).map(|i| TxId::new(Hash32::sha256(&i.to_be_bytes()))).collect();
    let nanos = nanoseconds_per_call(options.budget / 3, || {
        black_box(tx_root(black_box(&ids)));
    });
    let name = format!("Merkle root of {BATCH} transactions");
    let each = format!("{:.0} ns per transaction", nanos / BATCH as f64);
    report.figure("merkle_root", &name, (nanos / 1000.0, "us"), each);
}

fn codec(options: &LimitsOptions, report: &mut Report) -> Result<(), BenchError> {
    let all = envelopes(&Signer::imaginary(SIGNERS), BATCH)?;
    let (mut next, mut all_right) = (0, true);
    let nanos = nanoseconds_per_call(options.budget / 3, || {
        next = (next + 1) % BATCH;
        if let Some((id, raw)) = all.get(next) {
            all_right &= SignedTransaction::decode(raw).is_ok_and(|tx| tx.id() == *id);
        }
    });
    let size = all.first().map_or(0, |(_, raw)| raw.0.len());
    let name = "decode a transaction and hash its id";
    report.figure("decode", name, (nanos, "ns"), format!("{size} bytes"));
    if all_right { Ok(()) } else { Err(BenchError::void("a transaction did not decode")) }
}

fn machine(options: &LimitsOptions, report: &mut Report) -> Result<(), BenchError> {
    let syncs = disk::sync_times(&options.common.dir, options.samples.div_ceil(4))?;
    let detail = format!("4 KiB append; p99 {:.2} ms", ms(&syncs, 0.99));
    report.figure("F", "F: fdatasync p50", (ms(&syncs, 0.5), "ms"), detail);
    for (key, name, is_busy) in [
        ("rtt_idle", "loopback round trip p50, idle machine", false),
        ("rtt_busy", "loopback round trip p50, cores kept awake", true),
    ] {
        let times = loopback::round_trips(options.samples, is_busy)?;
        let detail = format!("200 bytes, blocking TCP; p99 {:.0} us", us(&times, 0.99));
        report.figure(key, name, (us(&times, 0.5), "us"), detail);
    }
    Ok(())
}

fn http(options: &LimitsOptions, report: &mut Report) -> Result<(), BenchError> {
    let all = envelopes(&Signer::imaginary(2), 1)?;
    let (_, raw) = all.first().ok_or_else(|| BenchError::void("no transaction"))?;
    let rate = rest::parse_only_rate(raw, options.rest_window)?;
    let detail = "axum, CBOR body, 64 connections, client on the same cores";
    report.figure("P", "P: parse-only POST rate", (rate, "1/s"), detail);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_measured() {
        let options = LimitsOptions {
            budget: Duration::from_millis(12),
            samples: 20,
            rest_window: Duration::from_millis(50),
            ..LimitsOptions::default()
        };
        let report = run(&options).unwrap();
        for key in ["sign", "verify_single", "decode", "F", "rtt_idle", "rtt_busy", "P"] {
            assert!(report.value(key) > 0.0, "{key}");
        }
        let batched = report.value("verify_batch_1024_signers_64");
        assert!(batched < report.value("verify_single"), "{batched}");
    }
}
