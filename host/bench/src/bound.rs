//! `bench bound`: what replicas on this machine could commit at best.
//!
//! In: a number of replicas, signers and transactions per block. Out: committed transactions per
//! second. Each replica is a thread that does, for every block, what no replica can leave out:
//! decode, check signatures, hash ids and Merkle root, update two balances, append the block and
//! sync it, index its transactions. They go in lock-step; there is no network, no consensus and no
//! REST. A network's throughput is judged as a share of this.

mod replica;

use crate::CommonOptions;
use crate::cpu::median;
use crate::error::BenchError;
use crate::report::Report;
use crate::scratch::Scratch;
use crate::workload::{SCORE, Signer, known, transfers};
use host_types::block::tx_root;
use host_types::{BlockTime, GenesisHash, Hash32, Header, Height, RawTx, ScoreName, TxId};
use replica::{Replica, STAGES, Stages};
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Instant;

/// How signatures are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checking {
    /// In batches, as peers do.
    Batch,
    /// One by one.
    Single,
    /// Not at all: the bound of opaque transactions.
    Nothing,
}

/// What `bench bound` takes.
#[derive(Clone, Debug)]
pub struct BoundOptions {
    /// For every bench.
    pub common: CommonOptions,
    /// Signers of the transactions.
    pub signers: usize,
    /// Transactions of a block.
    pub block: usize,
    /// Replicas of the large run.
    pub replicas: usize,
    /// Transactions of a run.
    pub transactions: usize,
    /// Runs of each kind; the median counts.
    pub runs: usize,
}

impl Default for BoundOptions {
    fn default() -> Self {
        Self {
            common: CommonOptions::default(),
            signers: 64,
            block: 1_000,
            replicas: 4,
            transactions: 40_000,
            runs: 3,
        }
    }
}

/// A block as it comes in.
#[derive(Debug)]
pub(crate) struct Incoming {
    header: Header,
    transactions: Vec<RawTx>,
}

/// Committed transactions per second of one kind of run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Median over the runs.
    pub rate: f64,
    /// Slowest and fastest run.
    pub range: (f64, f64),
    /// Microseconds of wall time per transaction and stage of the first replica, last run.
    pub stages: String,
}

/// Measures B1, BN and the bounds without batches and without signatures.
///
/// # Errors
/// The disk; or [`BenchError::Void`] when replicas disagree or a signature does not verify.
pub fn run(options: &BoundOptions) -> Result<Report, BenchError> {
    let mut report = Report::start("bound", &options.common.dir);
    let one = BoundOptions { replicas: 1, ..options.clone() };
    let few = BoundOptions { transactions: options.transactions / 4, ..options.clone() };
    let n = options.replicas;
    let kinds = [
        ("B1".to_owned(), &one, Checking::Batch, "batch verification"),
        (format!("B{n}"), options, Checking::Batch, "batch verification"),
        (format!("single_{n}"), &few, Checking::Single, "every signature alone"),
        (format!("opaque_{n}"), options, Checking::Nothing, "no signatures"),
    ];
    for (key, options, checking, how) in kinds {
        let measured = measure(options, checking)?;
        let replicas = options.replicas;
        let name = format!("{key}: {replicas} replica(s), {how}");
        let (low, high) = measured.range;
        let detail = format!("{low:.0} to {high:.0}; us per tx: {}", measured.stages);
        report.figure(&key, &name, (measured.rate, "tx/s"), detail);
    }
    report.note(format!(
        "{} signers, {} transactions a block, {} a run, median of {}; one thread a replica, \
         segments synced with fdatasync, index not (it is rebuilt from the segments).",
        options.signers, options.block, options.transactions, options.runs
    ));
    Ok(report.finish())
}

/// Measures one kind.
///
/// # Errors
/// As [`run`].
pub fn measure(options: &BoundOptions, checking: Checking) -> Result<Measured, BenchError> {
    if [options.signers, options.block, options.replicas, options.runs].contains(&0) {
        return Err(BenchError::Option("bound: every number must be at least 1".to_owned()));
    }
    let signers = Signer::imaginary(options.signers);
    let blocks = make_blocks(&signers, options)?;
    let mut rates = Vec::new();
    let mut stages = Stages::default();
    for _ in 0..options.runs {
        let (rate, of_first) = run_once(options, checking, &signers, &blocks)?;
        rates.push(rate);
        stages = of_first;
    }
    let rate = median(&mut rates);
    let ends = (rates.first().copied(), rates.last().copied());
    let range = (ends.0.unwrap_or(rate), ends.1.unwrap_or(rate));
    let count = count_of(&blocks);
    let texts = STAGES.iter().zip(stages.0);
    let texts = texts.map(|(name, time)| format!("{name} {:.2}", time.as_secs_f64() * 1e6 / count));
    Ok(Measured { rate, range, stages: texts.collect::<Vec<_>>().join(", ") })
}

fn count_of(blocks: &[Incoming]) -> f64 {
    blocks.iter().map(|block| block.transactions.len() as f64).sum()
}

fn make_blocks(signers: &[Signer], options: &BoundOptions) -> Result<Vec<Incoming>, BenchError> {
    let score = ScoreName::new(SCORE).ok_or_else(|| BenchError::void("no name of a SCORE"))?;
    let count = options.transactions.max(options.block);
    let all = transfers(signers, GenesisHash::default(), &score, count);
    let mut parent = Header::genesis(GenesisHash::default(), Hash32::ZERO, BlockTime::default());
    let mut blocks = Vec::new();
    for chunk in all.chunks(options.block) {
        let ids: Vec<TxId> = chunk.iter().map(|(id, _)| *id).collect();
        let mut header = parent.clone();
        header.height = Height::new(parent.height.get() + 1);
        header.parent.block = parent.id();
        header.tx_count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        header.tx_root = tx_root(&ids);
        parent = header.clone();
        blocks.push(Incoming {
            header,
            transactions: chunk.iter().map(|(_, raw)| raw.clone()).collect(),
        });
    }
    Ok(blocks)
}

fn run_once(
    options: &BoundOptions,
    checking: Checking,
    signers: &[Signer],
    blocks: &[Incoming],
) -> Result<(f64, Stages), BenchError> {
    let scratch = Scratch::new(&options.common.dir)?;
    let members = Arc::new(known(signers));
    let folders = (0..options.replicas).map(|i| scratch.path().join(format!("replica{i}")));
    let replicas: Result<Vec<_>, _> =
        folders.map(|folder| Replica::open(&folder, Arc::clone(&members), checking)).collect();
    let barrier = Barrier::new(options.replicas);
    let start = Instant::now();
    let ends: Result<Vec<Replica>, BenchError> = std::thread::scope(|scope| {
        let follow = |replica: Replica| follow(replica, blocks, &barrier);
        let running: Vec<_> =
            replicas?.into_iter().map(|replica| scope.spawn(move || follow(replica))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| BenchError::void("a replica panicked"))?
        };
        running.into_iter().map(join).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let ends = ends?;
    let first = ends.first().ok_or_else(|| BenchError::void("no replica"))?;
    if ends.iter().any(|other| other.head() != first.head() || other.total() != first.total()) {
        return Err(BenchError::void("replicas disagree"));
    }
    Ok((count_of(blocks) / seconds, first.stages()))
}

/// Commits all blocks, waiting for the others after each. After an error it only waits.
fn follow(
    mut replica: Replica,
    blocks: &[Incoming],
    barrier: &Barrier,
) -> Result<Replica, BenchError> {
    let mut outcome = Ok(());
    for block in blocks {
        if outcome.is_ok() {
            outcome = replica.commit(block);
        }
        barrier.wait();
    }
    outcome.map(|()| replica)
}

/// B4 and B1 for other benches, with fewer runs.
///
/// # Errors
/// As [`run`].
pub fn anchor(dir: &Path, replicas: usize, runs: usize) -> Result<Measured, BenchError> {
    let common = CommonOptions { dir: dir.to_owned(), ..CommonOptions::default() };
    measure(&BoundOptions { common, replicas, runs, ..BoundOptions::default() }, Checking::Batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> BoundOptions {
        BoundOptions {
            signers: 3,
            block: 10,
            replicas: 2,
            transactions: 40,
            runs: 1,
            ..BoundOptions::default()
        }
    }

    #[test]
    fn replicas_commit_the_same_blocks_however_signatures_are_checked() {
        for checking in [Checking::Batch, Checking::Single, Checking::Nothing] {
            let measured = measure(&small(), checking).unwrap();
            assert!(measured.rate > 0.0, "{checking:?}");
            assert!(measured.stages.contains("store"), "{}", measured.stages);
        }
    }

    #[test]
    fn a_forged_signature_voids_the_run() {
        let signers = Signer::imaginary(3);
        let options = small();
        let mut blocks = make_blocks(&signers, &options).unwrap();
        let raw = &mut blocks[1].transactions[4];
        let mut bytes = raw.0.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        *raw = RawTx(bytes.into());
        for checking in [Checking::Batch, Checking::Single] {
            let outcome = run_once(&options, checking, &signers, &blocks);
            assert!(matches!(outcome, Err(BenchError::Void(_))), "{checking:?}");
        }
        assert!(run_once(&options, Checking::Nothing, &signers, &blocks).is_ok());
    }

    #[test]
    fn zero_of_anything_is_refused() {
        let none = BoundOptions { block: 0, ..small() };
        assert!(matches!(measure(&none, Checking::Batch), Err(BenchError::Option(_))));
    }
}
