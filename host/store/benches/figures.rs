//! CPU and wall time of the state tree, of commits and of the sign log, printed for ADR 0002.
//!
//! In: `--keys N` (1,000,000), `--blocks N` (200), `--only tree|commit|sign`. Out: a table. CPU time of a thread and of
//! the process comes from /proc. Run by hand:
//! `cargo bench -p host-store --bench figures -- --keys 1000000`.

#![expect(clippy::print_stdout, reason = "it is a report")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop")]

use host_store::{
    BlockResult, ChannelStore, CommitBlock, Entry, Record, SignLog, StateCommitment, StateTree,
    StoreOptions,
};
use host_types::codec::Encode;
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
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
use std::time::Instant;

const BLOCK_TXS: u64 = 1000;

/// Nanoseconds of CPU of this thread.
fn thread_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nanoseconds of CPU of all threads, in steps of 10 ms.
fn process_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000_000
}

fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
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

fn block_writes(dice: &mut Dice, keys: u64, value: u64) -> Vec<Write> {
    let mut writes: Vec<_> =
        (0..2 * BLOCK_TXS).map(|i| write(dice.roll(keys), value + i)).collect();
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
    let cpu = thread_cpu_ns();
    let (_, mut version) = tree.apply(&tree.committed(), &state).unwrap();
    println!("tree: built from {keys} keys in {} ms of CPU", (thread_cpu_ns() - cpu) / 1_000_000);
    drop(state);
    println!("tree: {} nodes, process {} MiB", tree.node_count(), resident_mib());
    let mut dice = Dice(7);
    let all: Vec<_> = (0..blocks).map(|i| block_writes(&mut dice, keys, i << 32)).collect();
    let mut figures = Vec::new();
    for writes in &all {
        let cpu = thread_cpu_ns();
        // The version before is dropped here, as a commit does it.
        version = tree.apply(&version, writes).unwrap().1;
        figures.push(thread_cpu_ns() - cpu);
    }
    figures.sort_unstable();
    let per_tx = |ns: u64| ns as f64 / 1000.0 / BLOCK_TXS as f64;
    println!(
        "tree: {blocks} blocks of {BLOCK_TXS} transactions of two writes: {:.2} us of CPU a transaction (median), {:.2} to {:.2}",
        per_tx(figures[figures.len() / 2]),
        per_tx(figures[figures.len() / 20]),
        per_tx(figures[figures.len() * 19 / 20]),
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
        },
        metering_required: false,
        auto_activate: false,
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
    let mut read = 0;
    let all = process_cpu_ns();
    let (mut append_wall, mut sync_wall, mut commit_wall) = (0, 0, 0);
    for height in 1..=blocks {
        let tip = store.reader().tip();
        let writes = block_writes(&mut dice, keys, height << 32);
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
        let parent = Pair { block: tip.block, roots: tip.roots };
        let Prepared { block, result } = prepare(&genesis, (height, parent), writes, state);
        let (cpu, wall) = (thread_cpu_ns(), Instant::now());
        store.segments().append_block(&block).unwrap();
        store.segments().append_result(&result).unwrap();
        append += thread_cpu_ns() - cpu;
        append_wall += wall.elapsed().as_nanos();
        let (cpu, wall) = (thread_cpu_ns(), Instant::now());
        store.segments().sync().unwrap();
        sync += thread_cpu_ns() - cpu;
        sync_wall += wall.elapsed().as_nanos();
        let roots = result.roots;
        let proof = FinalProof { descendants: vec![], roots, rule_proof: vec![1; 300] };
        let commits = [CommitBlock { block, result: Arc::new(result), tree, proof: Some(proof) }];
        let (cpu, wall) = (thread_cpu_ns(), Instant::now());
        store.commit(&commits).unwrap();
        commit += thread_cpu_ns() - cpu;
        commit_wall += wall.elapsed().as_nanos();
    }
    let txs = (blocks * BLOCK_TXS) as f64 * 1000.0;
    let us = |ns: u64| ns as f64 / txs;
    let wall = |ns: u128| ns as f64 / txs;
    println!("commit: us of CPU a transaction at {keys} keys, {blocks} blocks of {BLOCK_TXS}:");
    println!("  two reads by execution {:.2}", us(read));
    println!("  state tree {:.2}", us(apply));
    println!("  append body and result {:.2} ({:.2} wall)", us(append), wall(append_wall));
    println!("  sync of the segments {:.2} ({:.2} wall)", us(sync), wall(sync_wall));
    println!("  commit {:.2} ({:.2} wall)", us(commit), wall(commit_wall));
    println!("  all threads, with the making of the blocks {:.2}", us(process_cpu_ns() - all));
    let size = |path: &std::path::Path| -> u64 {
        let walk = |dir: std::path::PathBuf| {
            std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum()
        };
        walk(path.join("blocks"))
    };
    let per_tx = size(dir.path()) / (blocks * BLOCK_TXS);
    println!("  segments hold {per_tx} bytes a transaction; process {} MiB", resident_mib());
    drop(store);
    let (wall, cpu) = (Instant::now(), thread_cpu_ns());
    let store = ChannelStore::open(dir.path(), &genesis, &StoreOptions::default()).unwrap();
    let (wall, cpu) = (wall.elapsed().as_millis(), (thread_cpu_ns() - cpu) / 1_000_000);
    println!("open: {wall} ms, {cpu} ms of CPU, height {}", store.reader().tip().height);
}

fn measure_sign_log() {
    let dir = tempfile::tempdir_in(".").unwrap();
    let (mut log, _) = SignLog::open(dir.path()).unwrap();
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
