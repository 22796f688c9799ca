//! Our state tree and jmt, block by block in one run on the same writes, printed for ADR 0002.
//!
//! In: `--keys N` (1,000,000), `--blocks N` (200), `--txs N` (1,000 transactions of two writes a
//! block), `--memtable-mib N` (8, as a channel's store). Out: a table. jmt is measured with its nodes
//! in memory too, then in the database only; by `put_value_set`, which can delete, and
//! `batch_put_value_sets`, which cannot. CPU time of a thread and of the process, and memory, come
//! from /proc. The keys, the values and the dice are those of `host/store/benches/figures.rs`.
//! Not here: what a channel's store does besides. Run by hand, from this folder:
//! `cargo run --release --locked`.

mod nodes;

use anyhow::{Context, ensure};
use host_store::{StateCommitment, StateTree, TreeVersion};
use host_types::receipt::Write;
use host_types::{Hash32, ScoreName};
use jmt::{KeyHash, Sha256Jmt, storage::TreeUpdateBatch};
use nodes::{Nodes, Written};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Keys of one version while jmt's tree is filled.
const FILL_KEYS: usize = 50_000;
const PROOFS: u64 = 20_000;

/// What a run is asked for.
#[derive(Clone, Copy)]
struct Wanted {
    keys: u64,
    blocks: u64,
    txs: u64,
    memtable_mib: u64,
}

/// Nanoseconds of CPU of this thread.
fn thread_cpu_ns() -> anyhow::Result<u64> {
    // The kernel brings the figure up to date when it schedules, else only every few milliseconds.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().context("no time")?.parse()?)
}

/// Nanoseconds of CPU of all threads, in steps of 10 ms.
fn process_cpu_ns() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit(')').next().context("no fields")?.split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks * 10_000_000)
}

fn resident_kib() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmRSS")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
}

fn folder_bytes(dir: &Path) -> anyhow::Result<u64> {
    std::fs::read_dir(dir)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let of = entry.metadata()?;
        Ok(sum + if of.is_dir() { folder_bytes(&entry.path())? } else { of.len() })
    })
}

/// Waits until the threads of the database have nothing left to do.
fn settle() -> anyhow::Result<()> {
    loop {
        let cpu = process_cpu_ns()?;
        std::thread::sleep(Duration::from_millis(500));
        if process_cpu_ns()? - cpu < 20_000_000 {
            return Ok(());
        }
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn write(n: u64, value: u64) -> anyhow::Result<Write> {
    let mut key = b"balances/".to_vec();
    key.extend(Hash32::sha256(&n.to_be_bytes()).as_bytes().iter().take(20));
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&value.to_be_bytes());
    let score = ScoreName::new("token").context("a name")?;
    Ok(Write { score, key, value: Some(bytes) })
}

fn block_writes(dice: &mut Dice, wanted: Wanted, value: u64) -> anyhow::Result<Vec<Write>> {
    let mut writes: Vec<_> = (0..2 * wanted.txs)
        .map(|i| write(dice.roll(wanted.keys), value + i))
        .collect::<Result<_, _>>()?;
    writes.sort();
    writes.dedup_by(|a, b| a.key == b.key);
    Ok(writes)
}

type Hasher = sha2::Sha256;

fn one_by_one(nodes: &Nodes, writes: &[Write], version: u64) -> anyhow::Result<TreeUpdateBatch> {
    let set = writes.iter().map(|w| (KeyHash::with::<Hasher>(&w.key), w.value.clone()));
    Ok(Sha256Jmt::new(nodes).put_value_set(set, version)?.1)
}

fn all_at_once(nodes: &Nodes, writes: &[Write], version: u64) -> anyhow::Result<TreeUpdateBatch> {
    let set =
        writes.iter().filter_map(|w| Some((KeyHash::with::<Hasher>(&w.key), w.value.clone()?)));
    Ok(Sha256Jmt::new(nodes).batch_put_value_sets(vec![set.collect()], None, version)?.1)
}

fn fill_ours(wanted: Wanted) -> anyhow::Result<(StateTree, TreeVersion)> {
    let mut state: Vec<_> = (0..wanted.keys).map(|n| write(n, n)).collect::<Result<_, _>>()?;
    state.sort();
    let tree = StateTree::default();
    let cpu = thread_cpu_ns()?;
    let (_, version) = tree.apply(&tree.committed(), &state)?;
    println!("ours: filled in {} ms of CPU", (thread_cpu_ns()? - cpu) / 1_000_000);
    Ok((tree, version))
}

/// Gives the version after it.
fn fill_jmt(nodes: &Nodes, wanted: Wanted, is_in_memory: bool) -> anyhow::Result<u64> {
    let (cpu, before) = (process_cpu_ns()?, resident_kib()?);
    let mut version = 0;
    for first in (0..wanted.keys).step_by(FILL_KEYS) {
        let some = first..wanted.keys.min(first + FILL_KEYS as u64);
        let writes: Vec<_> = some.map(|n| write(n, n)).collect::<Result<_, _>>()?;
        nodes.commit(&all_at_once(nodes, &writes, version)?)?;
        version += 1;
    }
    let cpu = (process_cpu_ns()? - cpu) / 1_000_000;
    println!("jmt: filled in {cpu} ms of CPU of all threads");
    if is_in_memory {
        let bytes = (resident_kib()? - before) * 1024 / wanted.keys;
        println!("jmt: {bytes} bytes of memory a key, with the database's own");
    }
    Ok(version)
}

/// CPU of the blocks of one way, nanoseconds each.
#[derive(Default)]
struct Figures {
    ours: Vec<u64>,
    jmt: Vec<u64>,
    commit: Vec<u64>,
}

fn median(mut figures: Vec<u64>, txs: u64) -> f64 {
    figures.sort_unstable();
    figures.get(figures.len() / 2).map_or(0.0, |ns| *ns as f64 / 1000.0 / txs as f64)
}

impl Figures {
    fn print(self, name: &str, txs: u64) {
        let ours = median(self.ours, txs);
        let (jmt, commit) = (median(self.jmt, txs), median(self.commit, txs));
        println!(
            "{name}: us of CPU a transaction, medians: ours {ours:.2}, jmt {jmt:.2} (x {:.1}), its batch {commit:.2} (together x {:.1})",
            jmt / ours,
            (jmt + commit) / ours,
        );
    }
}

fn measure(wanted: Wanted, is_in_memory: bool) -> anyhow::Result<()> {
    println!("-- jmt's nodes {}", if is_in_memory { "in memory too" } else { "in the database" });
    let dir = tempfile::tempdir_in(".")?;
    let nodes = Nodes::open(dir.path(), is_in_memory, wanted.memtable_mib * 1024 * 1024)?;
    let first = fill_jmt(&nodes, wanted, is_in_memory)?;
    let (tree, ours) = fill_ours(wanted)?;
    settle()?;
    let (mut dice, mut changed) = (Dice(7), HashMap::new());
    let mut figures = [Figures::default(), Figures::default()];
    let mut written = Written::default();
    let (all, own) = (process_cpu_ns()?, thread_cpu_ns()?);
    for i in 0..wanted.blocks {
        let writes = block_writes(&mut dice, wanted, i << 32)?;
        let (is_batch, version) = (i % 2 == 1, first + i);
        let [single, batch] = &mut figures;
        let to = if is_batch { batch } else { single };
        let cpu = thread_cpu_ns()?;
        // Made of the same version and dropped: the next one takes its nodes back.
        drop(tree.apply(&ours, &writes)?);
        to.ours.push(thread_cpu_ns()? - cpu);
        let way = if is_batch { all_at_once } else { one_by_one };
        let cpu = thread_cpu_ns()?;
        let update = way(&nodes, &writes, version)?;
        to.jmt.push(thread_cpu_ns()? - cpu);
        let cpu = thread_cpu_ns()?;
        let of_block = nodes.commit(&update)?;
        to.commit.push(thread_cpu_ns()? - cpu);
        written.nodes += of_block.nodes;
        written.bytes += of_block.bytes;
        changed.extend(writes.into_iter().map(|w| (w.key, w.value)));
    }
    settle()?;
    let behind = (process_cpu_ns()? - all).saturating_sub(thread_cpu_ns()? - own);
    let [single, batch] = figures;
    single.print("put_value_set", wanted.txs);
    batch.print("batch_put_value_sets", wanted.txs);
    println!(
        "jmt: a block writes {} nodes, {} KiB; threads of the database {:.2} us of CPU a transaction",
        written.nodes / wanted.blocks,
        written.bytes / wanted.blocks / 1024,
        behind as f64 / 1000.0 / (wanted.blocks * wanted.txs) as f64,
    );
    let last = first + wanted.blocks - 1;
    measure_proofs(&nodes, last, &changed, wanted)?;
    drop(nodes);
    let (wall, cpu) = (Instant::now(), thread_cpu_ns()?);
    let nodes = Nodes::open(dir.path(), false, wanted.memtable_mib * 1024 * 1024)?;
    Sha256Jmt::new(&nodes).get_root_hash(last)?;
    let (wall, cpu) = (wall.elapsed().as_millis(), (thread_cpu_ns()? - cpu) / 1_000_000);
    println!(
        "jmt: opened in {wall} ms, {cpu} of CPU; {} MiB on disk",
        folder_bytes(dir.path())? / 1024 / 1024,
    );
    Ok(())
}

fn measure_proofs(
    nodes: &Nodes,
    version: u64,
    changed: &HashMap<Vec<u8>, Option<Vec<u8>>>,
    wanted: Wanted,
) -> anyhow::Result<()> {
    let tree = Sha256Jmt::new(nodes);
    let root = tree.get_root_hash(version)?;
    for (name, first) in [("inclusion", 0), ("exclusion", wanted.keys)] {
        let mut dice = Dice(8);
        let asked = (0..PROOFS).map(|_| first + dice.roll(wanted.keys));
        let asked: Vec<_> = asked.map(|n| write(n, n)).collect::<Result<_, _>>()?;
        if first == 0 {
            let mut values = nodes.values.borrow_mut();
            for of in &asked {
                let value = changed.get(&of.key).unwrap_or(&of.value).clone();
                values.insert(KeyHash::with::<Hasher>(&of.key), value.unwrap_or_default());
            }
        }
        let cpu = thread_cpu_ns()?;
        let proofs: Vec<_> = asked
            .iter()
            .map(|of| tree.get_with_proof(KeyHash::with::<Hasher>(&of.key), version))
            .collect::<Result<_, _>>()?;
        let made = thread_cpu_ns()? - cpu;
        let cpu = thread_cpu_ns()?;
        for (of, (value, proof)) in asked.iter().zip(&proofs) {
            proof.verify(root, KeyHash::with::<Hasher>(&of.key), value.as_ref())?;
        }
        let verified = thread_cpu_ns()? - cpu;
        ensure!(proofs.iter().all(|(value, _)| value.is_some() == (first == 0)), "other keys");
        let sizes = proofs.iter().map(|(_, proof)| borsh::to_vec(proof).map(|bytes| bytes.len()));
        let bytes = sizes.sum::<Result<usize, _>>()?;
        let us = |ns: u64| ns as f64 / 1000.0 / PROOFS as f64;
        println!(
            "jmt: {name} proof: made in {:.2} us of CPU, verified in {:.2}, {} bytes by borsh",
            us(made),
            us(verified),
            bytes as u64 / PROOFS,
        );
    }
    Ok(())
}

/// The two generations of the hash, so that nobody takes their difference for the trees'.
fn measure_hash() -> anyhow::Result<()> {
    let time = |hash: fn(&[u8; 65]) -> [u8; 32]| -> anyhow::Result<u64> {
        let mut bytes = [0; 65];
        let cpu = thread_cpu_ns()?;
        for _ in 0..1_000_000 {
            let made = hash(&bytes);
            bytes.iter_mut().zip(made).for_each(|(to, from)| *to = from);
        }
        Ok((thread_cpu_ns()? - cpu) / 1_000_000)
    };
    let ours = time(|bytes| *Hash32::sha256(bytes).as_bytes())?;
    let theirs = time(|bytes| <Hasher as sha2::Digest>::digest(bytes).into())?;
    println!("hash: 65 bytes in {ours} ns of CPU by ours, {theirs} by jmt's");
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().collect();
    let value = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let wanted = Wanted {
        keys: value("--keys", 1_000_000),
        blocks: value("--blocks", 200),
        txs: value("--txs", 1_000),
        memtable_mib: value("--memtable-mib", 8),
    };
    println!("load before: {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    measure_hash()?;
    measure(wanted, true)?;
    measure(wanted, false)
}
