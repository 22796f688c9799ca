//! CPU and wall time of the state tree, of commits and of the sign log, printed for ADR 0002.
//!
//! In: `--keys N` (1,000,000), `--blocks N` (200), `--only tree|commit|sign`. Out: a table. CPU time
//! of a thread and of the process, and memory, come from /proc. Not here: other trees, which are in
//! `jmt/src/main.rs`. Run by hand:
//! `cargo bench -p host-store --bench figures -- --keys 1000000`.

#![expect(clippy::print_stdout, reason = "it is a report")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop")]

use host_store::{
    BlockResult, ChannelStore, CommitBlock, Durability, Entry, FormerValues, Record, SignLog,
    StateCommitment, StateTree, StoreOptions, TreeVersion,
};
use host_types::codec::Encode;
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::limits::FORMER_WRITES_MAX;
use host_types::proof::FinalProof;
use host_types::receipt::Write;
use host_types::statement::Slot;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    Block, BlockTime, CertificateId, ChannelName, Domain, Epoch, GenesisHash, Hash32, Header,
    NetworkId, NodeName, Pair, Receipt, RootPair, ScoreEvent, ScoreName, SignedTransaction, Status,
    Transaction, TxId, View, Weight, block, merkle,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const BLOCK_TXS: u64 = 1000;
/// Blocks of other sizes that the tree alone is measured with.
const TREE_BLOCK_TXS: [u64; 4] = [10, 100, 1000, 5000];
const PROOFS: u64 = 20_000;
/// Versions of the tree kept at once to see what one weighs.
const VERSIONS_KEPT: u64 = 50;
/// Blocks applied beside proofs that go back as far as they may.
const FURTHEST_BLOCKS: u64 = 200;

/// Nanoseconds of CPU of this thread.
fn thread_cpu_ns() -> u64 {
    // The kernel brings the figure up to date when it schedules, else only every few milliseconds.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nanoseconds of CPU of all threads, in steps of 10 ms.
fn process_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000_000
}

fn memory_kib(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn resident_mib() -> u64 {
    memory_kib("VmRSS") / 1024
}

/// Bytes of the files of a folder and below.
fn folder_bytes(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    // The database deletes files while this looks.
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(of) if of.is_dir() => folder_bytes(&entry.path()),
        Ok(of) => of.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn token() -> ScoreName {
    ScoreName::new("token").unwrap()
}

fn key(n: u64) -> Vec<u8> {
    // As a map of balances has it: a short prefix and an address.
    let mut key = b"balances/".to_vec();
    key.extend_from_slice(&Hash32::sha256(&n.to_be_bytes()).as_bytes()[..20]);
    key
}

fn write(n: u64, value: u64) -> Write {
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&value.to_be_bytes());
    Write { score: token(), key: key(n), value: Some(bytes) }
}

fn block_writes(dice: &mut Dice, keys: u64, txs: u64, value: u64) -> Vec<Write> {
    let mut writes: Vec<_> = (0..2 * txs).map(|i| write(dice.roll(keys), value + i)).collect();
    writes.sort();
    writes.dedup_by(|a, b| a.key == b.key);
    writes
}

fn sorted_state(keys: u64) -> Vec<Write> {
    let mut state: Vec<_> = (0..keys).map(|n| write(n, n)).collect();
    state.sort();
    state
}

/// The machine's own pace, to compare the others with.
fn measure_hash() {
    let mut hash = Hash32::default();
    let cpu = thread_cpu_ns();
    for _ in 0..1_000_000 {
        let mut bytes = [0; 65];
        bytes[..32].copy_from_slice(hash.as_bytes());
        hash = Hash32::sha256(&bytes);
    }
    println!("hash: SHA-256 of 65 bytes in {} ns of CPU", (thread_cpu_ns() - cpu) / 1_000_000);
}

fn measure_tree(keys: u64, blocks: u64) {
    let tree = StateTree::default();
    let state = sorted_state(keys);
    let (cpu, before) = (thread_cpu_ns(), memory_kib("VmRSS"));
    let (_, version) = tree.apply(&tree.committed(), &state).unwrap();
    let (cpu, after) = ((thread_cpu_ns() - cpu) / 1_000_000, memory_kib("VmRSS"));
    let peak = memory_kib("VmHWM");
    println!(
        "tree: built from {keys} keys in {cpu} ms of CPU; {} nodes, {} bytes a key, {} more while it is built",
        tree.node_count(),
        (after - before) * 1024 / keys,
        (peak - after) * 1024 / keys,
    );
    drop(state);
    let mut dice = Dice(7);
    for txs in TREE_BLOCK_TXS {
        let all = (0..blocks).map(|i| block_writes(&mut dice, keys, txs, i << 32));
        let all: Vec<_> = all.collect();
        let figures = all.iter().map(|writes| {
            let cpu = thread_cpu_ns();
            // Each is made of the same version and dropped, so that the next one takes the nodes
            // back: as many as after a commit, where they are those of the version before.
            drop(tree.apply(&version, writes).unwrap());
            thread_cpu_ns() - cpu
        });
        let mut figures: Vec<_> = figures.collect();
        figures.sort_unstable();
        let per_tx = |ns: u64| ns as f64 / 1000.0 / txs as f64;
        println!(
            "tree: {blocks} blocks of {txs} transactions of two writes: {:.2} us of CPU a transaction (median), {:.2} to {:.2}",
            per_tx(figures[figures.len() / 2]),
            per_tx(figures[figures.len() / 20]),
            per_tx(figures[figures.len() * 19 / 20]),
        );
    }
    measure_proofs(&tree, &version, keys);
    measure_versions(&tree, &version, keys);
}

/// Proofs of keys that are there, then of keys that are not.
fn measure_proofs(tree: &StateTree, version: &TreeVersion, keys: u64) {
    for (name, first) in [("inclusion", 0), ("exclusion", keys)] {
        let mut dice = Dice(8);
        let asked = (0..PROOFS).map(|_| first + dice.roll(keys));
        let asked: Vec<_> = asked.map(|n| write(n, n)).collect();
        let cpu = thread_cpu_ns();
        let proofs = asked.iter().map(|of| tree.prove(version, &of.score, &of.key).unwrap());
        let proofs: Vec<_> = proofs.collect();
        let made = thread_cpu_ns() - cpu;
        let cpu = thread_cpu_ns();
        for (of, proof) in asked.iter().zip(&proofs) {
            let value = of.value.as_deref().filter(|_| first == 0);
            assert!(proof.verify(version.root(), &of.score, &of.key, value), "a proof holds");
        }
        let verified = thread_cpu_ns() - cpu;
        let hashes = |proof: &host_store::StateProof| proof.siblings.len() + 2 * proof.bucket.len();
        let hashes: usize = proofs.iter().map(hashes).sum();
        let us = |ns: u64| ns as f64 / 1000.0 / PROOFS as f64;
        println!(
            "tree: {name} proof: made in {:.2} us of CPU, verified in {:.2}, {:.1} hashes of 32 bytes and the roots of the SCOREs",
            us(made),
            us(verified),
            hashes as f64 / PROOFS as f64,
        );
    }
}

/// What it costs to keep versions, and to go back to one from the newest.
fn measure_versions(tree: &StateTree, oldest: &TreeVersion, keys: u64) {
    let mut dice = Dice(10);
    let (nodes, before) = (tree.node_count(), memory_kib("VmRSS"));
    let mut undo = std::collections::BTreeMap::new();
    let mut version = oldest.clone();
    for i in 1..=VERSIONS_KEPT {
        let writes = block_writes(&mut dice, keys, BLOCK_TXS, i << 32);
        // A version keeps the one it was made of.
        version = tree.apply(&version, &writes).unwrap().1;
        for write in writes {
            undo.insert(write.key.clone(), write);
        }
    }
    println!(
        "tree: a version of {BLOCK_TXS} transactions more: {} nodes, {} KiB",
        (tree.node_count() - nodes) as u64 / VERSIONS_KEPT,
        (memory_kib("VmRSS") - before) / VERSIONS_KEPT,
    );
    let former: std::collections::HashMap<_, _> =
        (0..keys).map(|n| (key(n), n)).filter(|(key, _)| undo.contains_key(key)).collect();
    let mut back: Vec<_> = former.into_values().map(|n| write(n, n)).collect();
    back.sort();
    let cpu = thread_cpu_ns();
    let (root, _) = tree.apply(&version, &back).unwrap();
    assert_eq!(root, oldest.root(), "the former values make the former root");
    println!(
        "tree: back over {VERSIONS_KEPT} blocks of {BLOCK_TXS}, {} keys: {} ms of CPU",
        back.len(),
        (thread_cpu_ns() - cpu) / 1_000_000,
    );
    let former = former_values(&back);
    let (name, wanted) = (token(), key(3));
    let cpu = thread_cpu_ns();
    let proof = tree.prove_former(&version, &former, &name, &wanted).unwrap();
    let cpu = (thread_cpu_ns() - cpu) / 1_000_000;
    let value = write(3, 3).value;
    assert!(proof.verify(oldest.root(), &name, &wanted, value.as_deref()), "a proof holds");
    println!("tree: the same for a proof, without a version: {cpu} ms of CPU");
    measure_furthest_proof(tree, &version, keys);
}

fn former_values(writes: &[Write]) -> FormerValues {
    let mut former = FormerValues::default();
    writes.iter().for_each(|write| former.note(&write.score, &write.key, write.value.as_deref()));
    former
}

/// A proof at the bound, and what it does to blocks that are executed meanwhile.
fn measure_furthest_proof(tree: &StateTree, version: &TreeVersion, keys: u64) {
    let back: Vec<_> = (0..keys.min(FORMER_WRITES_MAX as u64)).map(|n| write(n, n + 1)).collect();
    let cpu = thread_cpu_ns();
    let former = former_values(&back);
    let noted = (thread_cpu_ns() - cpu) / 1_000_000;
    let cpu = thread_cpu_ns();
    tree.prove_former(version, &former, &token(), &key(3)).unwrap();
    let proved = (thread_cpu_ns() - cpu) / 1_000_000;
    println!(
        "tree: a proof back over {} keys: {noted} ms of CPU to take them in, {proved} to go back",
        back.len()
    );
    let blocks = || {
        let mut dice = Dice(11);
        let mut took: Vec<_> = (0..FURTHEST_BLOCKS)
            .map(|i| {
                let writes = block_writes(&mut dice, keys, BLOCK_TXS, i << 32);
                let start = Instant::now();
                drop(tree.apply(version, &writes).unwrap());
                start.elapsed().as_micros()
            })
            .collect();
        took.sort_unstable();
        (took[took.len() / 2], took[took.len() * 95 / 100])
    };
    let alone = blocks();
    let is_done = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                tree.prove_former(version, &former, &token(), &key(3)).unwrap();
            }
        });
        let beside = blocks();
        is_done.store(true, Ordering::Relaxed);
        beside
    });
    println!(
        "tree: a block of {BLOCK_TXS}, us of wall time (median, 95 of 100): {alone:?}; beside such proofs {beside:?}"
    );
}

fn genesis() -> ChannelGenesis {
    let validator = Validator {
        name: NodeName::new("bank-a/peer0").unwrap(),
        public_key: [1; 32],
        weight: Weight::new(1).unwrap(),
        group: "all".into(),
    };
    ChannelGenesis {
        network: NetworkId::default(),
        channel: ChannelName::new("bench").unwrap(),
        created: BlockTime::new(1),
        rule: RuleConfig { id: "solo".into(), version: 1, sha256: vec![], parameters: vec![] },
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        roots: vec![],
        certificates: vec![],
        limits: ChannelLimits::default(),
        policies: Policies {
            submit: Policy::Anyone,
            read: Policy::Anyone,
            query: Policy::Anyone,
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: false,
            audit: None,
            admin: None,
            grants: Vec::new(),
        },
        metering_required: false,
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    }
}

fn transactions(genesis: GenesisHash, from: u64) -> Vec<Arc<SignedTransaction>> {
    (from..from + BLOCK_TXS)
        .map(|nonce| {
            let transaction = Transaction {
                genesis,
                score: token(),
                method: "transfer".into(),
                args: {
                    let mut args = vec![0x81, 0x58, 100];
                    args.extend_from_slice(&[7; 100]);
                    args.into()
                },
                signer: CertificateId::default(),
                nonce,
                expiry: BlockTime::new(9),
            };
            Arc::new(SignedTransaction::decode(&transaction.into_envelope(&[4; 64])).unwrap())
        })
        .collect()
}

struct Prepared {
    block: Block,
    result: BlockResult,
}

fn prepare(
    genesis: &ChannelGenesis,
    at: (u64, Pair),
    writes: Vec<Write>,
    state: Hash32,
) -> Prepared {
    let (height, parent) = at;
    let transactions = transactions(genesis.hash(), height * BLOCK_TXS);
    let ids: Vec<TxId> = transactions.iter().map(|tx| tx.id()).collect();
    let header = Header {
        height: host_types::Height::new(height),
        parent,
        tx_count: u32::try_from(BLOCK_TXS).unwrap(),
        tx_root: block::tx_root(&ids),
        ..genesis.header()
    };
    let block = Block::assemble(header, transactions.into()).unwrap();
    let event = ScoreEvent { score: token(), name: "Transfer".into(), data: vec![7; 50] };
    let receipt = Receipt::new((Status::Ok, 0), vec![0xf5], std::slice::from_ref(&event), &[], 99);
    let receipts = vec![receipt; BLOCK_TXS as usize];
    let leaves = receipts.iter().map(Encode::to_bytes);
    let roots = RootPair { state, receipts: merkle::root(Domain::ReceiptRoot, leaves) };
    let events = vec![vec![event]; receipts.len()];
    let (id, height) = (block.id(), block.header().height);
    Prepared { block, result: BlockResult { block: id, height, roots, receipts, events, writes } }
}

fn measure_commit(keys: u64, blocks: u64) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let genesis = genesis();
    let options = StoreOptions { initial_state: sorted_state(keys), ..StoreOptions::default() };
    let mut store = ChannelStore::open(dir.path(), &genesis, &options).unwrap();
    let mut dice = Dice(9);
    let (mut append, mut sync, mut apply, mut commit) = (0, 0, 0, 0);
    let (mut read, mut again) = (0, 0);
    let all = process_cpu_ns();
    let (mut append_wall, mut sync_wall, mut commit_wall) = (0, 0, 0);
    for height in 1..=blocks {
        let tip = store.reader().tip();
        let writes = block_writes(&mut dice, keys, BLOCK_TXS, height << 32);
        // Execution reads what it writes.
        let reader = store.reader();
        let cpu = thread_cpu_ns();
        for write in &writes {
            reader.state_get(&write.score, &write.key).unwrap().unwrap();
        }
        read += thread_cpu_ns() - cpu;
        let cpu = thread_cpu_ns();
        let (state, tree) = store.tree().apply(&store.tree().committed(), &writes).unwrap();
        apply += thread_cpu_ns() - cpu;
        let cpu = thread_cpu_ns();
        drop(store.tree().apply(&store.tree().committed(), &writes).unwrap());
        again += thread_cpu_ns() - cpu;
        let parent = Pair { block: tip.block, roots: tip.roots };
        let Prepared { block, result } = prepare(&genesis, (height, parent), writes, state);
        let (cpu, wall) = (thread_cpu_ns(), Instant::now());
        store.segments().append_block(&block).unwrap();
        store.segments().append_result(&result).unwrap();
        append_wall += wall.elapsed().as_nanos();
        append += thread_cpu_ns() - cpu;
        let (cpu, wall) = (thread_cpu_ns(), Instant::now());
        store.segments().sync().unwrap();
        sync_wall += wall.elapsed().as_nanos();
        sync += thread_cpu_ns() - cpu;
        let roots = result.roots;
        let proof = FinalProof { descendants: vec![], roots, rule_proof: vec![1; 300] };
        let commits = [CommitBlock { block, result: Arc::new(result), tree, proof: Some(proof) }];
        let (cpu, wall) = (thread_cpu_ns(), Instant::now());
        store.commit(&commits).unwrap();
        commit_wall += wall.elapsed().as_nanos();
        commit += thread_cpu_ns() - cpu;
    }
    let txs = (blocks * BLOCK_TXS) as f64 * 1000.0;
    let us = |ns: u64| ns as f64 / txs;
    let wall = |ns: u128| ns as f64 / txs;
    println!("commit: us of CPU a transaction at {keys} keys, {blocks} blocks of {BLOCK_TXS}:");
    println!("  two reads by execution {:.2}", us(read));
    println!("  state tree {:.2}, the same again at once {:.2}", us(apply), us(again));
    println!("  append body and result {:.2} ({:.2} wall)", us(append), wall(append_wall));
    println!("  sync of the segments {:.2} ({:.2} wall)", us(sync), wall(sync_wall));
    println!("  commit {:.2} ({:.2} wall)", us(commit), wall(commit_wall));
    println!("  all threads, with the making of the blocks {:.2}", us(process_cpu_ns() - all));
    let per_tx = folder_bytes(&dir.path().join("blocks")) / (blocks * BLOCK_TXS);
    println!("  segments hold {per_tx} bytes a transaction; process {} MiB", resident_mib());
    drop(store);
    let (wall, cpu) = (Instant::now(), thread_cpu_ns());
    let store = ChannelStore::open(dir.path(), &genesis, &StoreOptions::default()).unwrap();
    let (wall, cpu) = (wall.elapsed().as_millis(), (thread_cpu_ns() - cpu) / 1_000_000);
    println!("open: {wall} ms, {cpu} ms of CPU, height {}", store.reader().tip().height);
    println!("database: {} MiB on disk", folder_bytes(&dir.path().join("db")) / 1024 / 1024);
}

fn measure_sign_log() {
    let dir = tempfile::tempdir_in(".").unwrap();
    let (mut log, _) = SignLog::open(dir.path(), Durability::Full).unwrap();
    let channel = GenesisHash::default();
    let mut walls = Vec::new();
    for view in 1..2000 {
        let slot = Slot { view: View::new(view), class: 2, digest: Hash32::default() };
        let vote = Entry::Signed {
            epoch: Epoch::ZERO,
            slots: vec![slot],
            body: vec![7; 200],
            signature: [1; 64],
        };
        let certificate =
            Entry::RuleRecord { epoch: Epoch::ZERO, view: View::new(view), bytes: vec![7; 900] };
        let records = [vote, certificate].map(|entry| Record { channel, entry });
        let wall = Instant::now();
        log.append_batch(&records).unwrap();
        walls.push(wall.elapsed().as_micros());
    }
    walls.sort_unstable();
    println!(
        "sign log: a vote and its certificate, {} us (p50), {} us (p99)",
        walls[1000], walls[1980]
    );
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let value = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (keys, blocks) = (value("--keys", 1_000_000), value("--blocks", 200));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    println!("load before: {}", load.trim());
    let is_wanted = |name: &str| {
        !arguments.iter().any(|a| a == "--only") || arguments.iter().any(|a| a == name)
    };
    if is_wanted("tree") {
        measure_hash();
        measure_tree(keys, blocks);
    }
    if is_wanted("commit") {
        measure_commit(keys, blocks);
    }
    if is_wanted("sign") {
        measure_sign_log();
    }
}
