//! The chain in memory: accounts, time, state, history.
//!
//! Each transaction is a block of its own, one second after the one before. A failed transaction
//! changes nothing but the height.
#![expect(clippy::panic, reason = "a test that cannot go on fails by a panic")]

use crate::{
    Receipt,
    engine::{Engine, Entries, Moment},
    in_process::InProcess,
    jailed::Jailed,
    library,
};
use score_native::{Address, Contract, Invocation, Value};
use score_native_abi::{kind, trap};
use score_native_link::{CRASH, CallKind, CallReceipt, CallSpec, Write};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    time::Duration,
};

/// Time of the first block: 2017-07-14 02:40:00 UTC.
const FIRST_TIME_US: u64 = 1_500_000_000_000_000;
/// Time between two blocks.
const BLOCK_US: u64 = 1_000_000;
/// Steps of a transaction, the default of a channel.
const STEPS_PER_TX: u64 = 20_000_000;

/// What the certificate of an account says.
#[derive(Clone, Debug, Default)]
struct Member {
    organisation: String,
    role: u32,
}

/// One transaction of the history.
#[derive(Clone, Debug)]
struct Sent {
    moment: Moment,
    call: CallSpec,
    receipt: CallReceipt,
}

/// A chain with one SCORE.
pub struct Testnet {
    engine: Box<dyn Engine>,
    events: BTreeSet<String>,
    state: Entries,
    members: BTreeMap<Address, Member>,
    height: u64,
    time_us: u64,
    history: Vec<Sent>,
}

impl fmt::Debug for Testnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Testnet")
            .field("engine", &self.engine.name())
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

impl Testnet {
    /// Runs the source itself, in this process.
    #[must_use]
    pub fn native<C: Contract>() -> Self {
        Self::with(InProcess::native(C::TABLE))
    }

    /// Runs the `.so` in this process: a file, a folder with a SCORE's Cargo.toml (it is built), or
    /// the name of a folder in `plugins`, `examples` or `tests` of the loopchain source tree.
    ///
    /// # Panics
    /// When it cannot be built or loaded.
    #[must_use]
    #[track_caller]
    pub fn so(score: &str) -> Self {
        let loaded = library::find(score).and_then(|path| InProcess::load(&path));
        loaded.map(Self::with).unwrap_or_else(|error| panic!("the SCORE `{score}`: {error}"))
    }

    /// Runs the `.so` (see [`so`](Self::so)) in the sandboxed worker that nodes use. `program` with
    /// `args` becomes the worker: `loopchain` and `score-worker`.
    ///
    /// # Panics
    /// When it cannot be built or started.
    #[must_use]
    #[track_caller]
    pub fn jailed(score: &str, program: &Path, args: &[&str]) -> Self {
        let started = library::find(score).and_then(|path| Jailed::start(&path, program, args));
        started.map(Self::with).unwrap_or_else(|error| panic!("the SCORE `{score}`: {error}"))
    }

    /// A chain on any engine.
    ///
    /// # Panics
    /// When the engine's manifest is not one.
    #[must_use]
    pub fn with(engine: impl Engine + 'static) -> Self {
        let events = events_of(&engine.manifest());
        Self {
            engine: Box::new(engine),
            events,
            state: Entries::new(),
            members: BTreeMap::new(),
            height: 1,
            time_us: FIRST_TIME_US,
            history: Vec::new(),
        }
    }

    /// The first accounts; always the same ones.
    #[must_use]
    pub fn accounts<const N: usize>(&self) -> [Address; N] {
        std::array::from_fn(|at| {
            let digest = Sha256::digest(format!("account {at}"));
            Address(std::array::from_fn(|byte| digest[byte]))
        })
    }

    /// From now on the certificate of the account says this.
    pub fn enroll(&mut self, account: Address, organisation: &str, role: u32) {
        self.members.insert(account, Member { organisation: organisation.to_owned(), role });
    }

    /// The next block comes this much later.
    pub fn travel(&mut self, time: Duration) {
        self.time_us += u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    }

    /// Height of the next block.
    #[must_use]
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Time of the next block, microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn time_us(&self) -> u64 {
        self.time_us
    }

    /// The SCORE's manifest, JSON.
    #[must_use]
    pub fn manifest(&self) -> String {
        self.engine.manifest()
    }

    /// All keys and values.
    #[must_use]
    pub const fn state(&self) -> &Entries {
        &self.state
    }

    /// SHA-256 over all keys and values.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in self.state.iter().flat_map(|(key, value)| [key, value]) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// Executes a transaction in a block of its own.
    ///
    /// # Panics
    /// When it is a query, or emits an event that the manifest does not name.
    #[track_caller]
    pub fn send(&mut self, from: Address, invocation: Invocation) -> Receipt {
        let kind = kind_of(invocation.kind);
        assert!(kind != CallKind::Query, "`{}` is a query: use `query`", invocation.method);
        let call = self.call(kind, from, invocation);
        self.execute(self.moment(), call)
    }

    /// Asks, and decodes the answer.
    ///
    /// # Panics
    /// When the query fails or answers another type.
    #[track_caller]
    #[must_use]
    pub fn query<V: Value>(&mut self, invocation: Invocation) -> V {
        self.ask(invocation).answer()
    }

    /// Asks.
    pub fn ask(&mut self, invocation: Invocation) -> Receipt {
        let mut call = self.call(CallKind::Query, Address::default(), invocation);
        call.tx_hash = [0; 32];
        let receipt = self.engine.run(&self.moment(), &call, &self.state);
        Receipt { method: call.method, call: receipt }
    }

    /// Plays the whole history again on another engine, which must come to the same receipts and the
    /// same state. The messages of traps and the steps are not compared: the source says no places
    /// and is not metered, and only the worker charges host calls. A call that runs out of steps or memory does so in
    /// the `.so` only, so it has no place in a replayed story.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn replay_on(&self, mut other: Self) -> Self {
        let engines = format!("{} and {}", self.engine.name(), other.engine.name());
        for (at, sent) in self.history.iter().enumerate() {
            let receipt = other.execute(sent.moment, sent.call.clone()).call;
            let (was, is) = (comparable(&sent.receipt), comparable(&receipt));
            assert_eq!(was, is, "{engines}: transaction {at}, `{}`", sent.call.method);
        }
        assert_eq!(self.root(), other.root(), "{engines}: the states differ in the end");
        other
    }

    fn moment(&self) -> Moment {
        let block_seed = Sha256::digest(format!("block {}", self.height)).into();
        Moment { height: self.height, time_us: self.time_us, block_seed }
    }

    fn call(&self, kind: CallKind, from: Address, invocation: Invocation) -> CallSpec {
        let Member { organisation, role } = self.members.get(&from).cloned().unwrap_or_default();
        let Invocation { method, args, .. } = invocation;
        let mut hash = Sha256::new();
        hash.update(self.height.to_be_bytes());
        hash.update(from.0);
        hash.update(&method);
        hash.update(&args);
        let (tx_hash, steps) = (hash.finalize().into(), STEPS_PER_TX);
        let (origin, caller) = (from.0, from.0);
        CallSpec {
            tx_hash,
            tx_index: 0,
            kind,
            origin,
            caller,
            role,
            organisation,
            method,
            args,
            steps,
        }
    }

    #[track_caller]
    fn execute(&mut self, moment: Moment, call: CallSpec) -> Receipt {
        let receipt = self.engine.run(&moment, &call, &self.state);
        for event in &receipt.events {
            let name = String::from_utf8_lossy(&event.name);
            let hint = "write `#[score(events(…))]`";
            assert!(self.events.contains(&*name), "the manifest lacks the event `{name}`: {hint}");
        }
        for Write { key, value } in receipt.writes.iter().cloned() {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
        self.height = moment.height + 1;
        self.time_us = moment.time_us + BLOCK_US;
        let method = call.method.clone();
        self.history.push(Sent { moment, call, receipt: receipt.clone() });
        Receipt { method, call: receipt }
    }
}

fn kind_of(number: u32) -> CallKind {
    match number {
        kind::DEPLOY => CallKind::Deploy,
        kind::QUERY => CallKind::Query,
        kind::MIGRATE => CallKind::Migrate,
        _ => CallKind::Invoke,
    }
}

/// What every engine must agree on.
fn comparable(receipt: &CallReceipt) -> CallReceipt {
    let mut receipt = receipt.clone();
    if (trap::PANIC..=CRASH).contains(&receipt.code) {
        receipt.output.clear();
    }
    receipt.steps = 0;
    receipt
}

/// The names of the events that a manifest lists.
fn events_of(manifest: &str) -> BTreeSet<String> {
    let manifest: serde_json::Value = serde_json::from_str(manifest)
        .unwrap_or_else(|error| panic!("the manifest is no JSON: {error}"));
    let events = manifest.get("events").and_then(|events| events.as_array());
    let names = events.into_iter().flatten().filter_map(|event| event.get("name")?.as_str());
    names.map(str::to_owned).collect()
}
