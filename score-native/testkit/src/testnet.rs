//! The chain in memory: accounts, time, state, history.
//!
//! A transaction that is sent alone is a block of its own, one second after the one before. A failed
//! transaction changes nothing but the height.
#![expect(clippy::panic, reason = "a test that cannot go on fails by a panic")]

use crate::{
    Difference, Receipt,
    engine::{Engine, Entries, Moment, Sent, apply},
    history::{Block, Chain, Likeness, compare},
    open,
    people::{self, Member, People},
    shown,
};
use score_native::{Address, Contract, Invocation, ReadAs};
use score_native_abi::kind;
use score_native_link::{CallKind, CallReceipt, CallSpec};
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
pub(crate) const BLOCK_US: u64 = 1_000_000;
/// Steps of a transaction, the default of a channel.
const STEPS_PER_TX: u64 = 20_000_000;

/// Name of the SCORE of a chain that has only this one.
pub(crate) const ONLY: &str = "score";

/// A chain with one SCORE, or with several ([`Testnet::of`]).
pub struct Testnet {
    pub(crate) engine: Box<dyn Engine>,
    /// The SCORE that calls mean that name none.
    main: String,
    manifests: BTreeMap<String, Summary>,
    pub(crate) chain: Chain,
}

/// A chain as it was: see [`Testnet::snapshot`].
#[derive(Clone, Debug)]
pub struct Snapshot(Chain);

impl fmt::Debug for Testnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Testnet")
            .field("engine", &self.engine.name())
            .field("height", &self.chain.height)
            .finish_non_exhaustive()
    }
}

impl Testnet {
    /// Runs the source itself, in this process.
    #[must_use]
    pub fn native<C: Contract>() -> Self {
        Self::on(open::native(C::TABLE))
    }

    /// Runs the `.so` in this process: a file, a folder with a SCORE's Cargo.toml (it is built), or
    /// the name of a folder in `plugins`, `examples` or `tests` of the loopchain source tree.
    ///
    /// # Panics
    /// When it cannot be built or loaded.
    #[must_use]
    #[track_caller]
    pub fn so(score: &str) -> Self {
        let loaded = open::so(score);
        loaded.map(Self::on).unwrap_or_else(|error| panic!("the SCORE `{score}`: {error}"))
    }

    /// Runs the `.so` (see [`so`](Self::so)) in the sandboxed worker that nodes use: that of the
    /// source tree, or of the `loopchain` that the variable `LOOPCHAIN` names.
    ///
    /// # Panics
    /// When it cannot be built or started.
    #[must_use]
    #[track_caller]
    pub fn jailed(score: &str) -> Self {
        let started = open::jailed(score);
        started.map(Self::on).unwrap_or_else(|error| panic!("the SCORE `{score}`: {error}"))
    }

    /// Like [`jailed`](Self::jailed); `program` with `args` becomes the worker: `loopchain` and
    /// `score-worker`.
    ///
    /// # Panics
    /// When it cannot be built or started.
    #[must_use]
    #[track_caller]
    pub fn jailed_by(score: &str, program: &Path, args: &[&str]) -> Self {
        let started = open::jailed_by(score, program, args);
        started.map(Self::on).unwrap_or_else(|error| panic!("the SCORE `{score}`: {error}"))
    }

    pub(crate) fn on(engine: Box<dyn Engine>) -> Self {
        Self::of_main(engine, ONLY.to_owned())
    }

    pub(crate) fn of_main(engine: Box<dyn Engine>, main: String) -> Self {
        let manifests = engine.manifests();
        let empty: BTreeMap<_, _> =
            manifests.keys().map(|name| (name.clone(), Entries::new())).collect();
        let mut people = People::new();
        manifests.keys().filter(|name| *name != ONLY).for_each(|name| people.add_score(name));
        let chain = Chain {
            people,
            genesis: empty.clone(),
            state: empty,
            height: 1,
            time_us: FIRST_TIME_US,
            history: Vec::new(),
        };
        let summary = |(name, json): (String, String)| (name, Summary::of(&json));
        let manifests = manifests.into_iter().map(summary).collect();
        Self { manifests, engine, main, chain }
    }

    /// Another chain of the same SCOREs on this engine.
    pub(crate) fn beside(&self, engine: Box<dyn Engine>) -> Self {
        Self::of_main(engine, self.main.clone())
    }

    /// The first accounts, always the same ones: alice, bob, carol, …
    #[must_use]
    pub fn accounts<const N: usize>(&self) -> [Address; N] {
        std::array::from_fn(people::first)
    }

    /// The account of that name, always the same one; messages call it so.
    pub fn account(&mut self, name: &str) -> Address {
        self.chain.people.account(name)
    }

    /// From now on the certificate of the account says this.
    pub fn enroll(&mut self, account: Address, organisation: &str, role: u32) {
        self.chain.people.enroll(account, organisation, role);
    }

    /// The next block comes this much later.
    pub fn travel(&mut self, time: Duration) {
        self.chain.time_us += u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    }

    /// That many empty blocks pass, a second each.
    pub const fn pass(&mut self, blocks: u64) {
        self.chain.height += blocks;
        self.chain.time_us += blocks * BLOCK_US;
    }

    /// Height of the next block.
    #[must_use]
    pub const fn height(&self) -> u64 {
        self.chain.height
    }

    /// Time of the next block, microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn time_us(&self) -> u64 {
        self.chain.time_us
    }

    /// The SCORE's manifest, JSON.
    #[must_use]
    pub fn manifest(&self) -> String {
        self.engine.manifests().remove(&self.main).unwrap_or_default()
    }

    /// All keys and values: of the first SCORE, when there are several.
    #[must_use]
    pub fn state(&self) -> &Entries {
        self.state_of(&self.main)
    }

    /// All keys and values for people, a line each: `balances/alice = 970`. With several SCOREs each
    /// line begins with the SCORE's name: `token: balances/alice = 970`.
    #[must_use]
    pub fn dump(&self) -> String {
        let (people, is_single) = (&self.chain.people, self.chain.state.len() == 1);
        let part = |(score, state)| match is_single {
            true => shown::state(state, people),
            false => {
                let lines = shown::state(state, people);
                lines.lines().map(|line| format!("{score}: {line}\n")).collect()
            }
        };
        self.chain.state.iter().map(part).collect()
    }

    /// SHA-256 over all keys and values.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut frame = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        for (score, state) in &self.chain.state {
            frame(score.as_bytes());
            frame(&(state.len() as u64).to_be_bytes());
            state.iter().flat_map(|(key, value)| [key, value]).for_each(|part| frame(part));
        }
        hash.finalize().into()
    }

    /// The chain as it is now, to come back to with [`restore`](Self::restore).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.chain.clone())
    }

    /// The chain is again what it was; nothing after that has happened.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.chain = snapshot.0.clone();
        self.engine.forget();
    }

    /// Another chain with the same past, on an engine of its own.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut other = self.beside(self.engine.fork());
        other.chain = self.chain.clone();
        other
    }

    /// Another chain that ends after the block of this height: what a query at a height sees.
    ///
    /// # Panics
    /// When the chain is not that high.
    #[must_use]
    #[track_caller]
    pub fn at_height(&self, height: u64) -> Self {
        let next = self.chain.height;
        assert!(height < next, "the chain has no block {height}: the next one is {next}");
        let mut other = self.beside(self.engine.fork());
        other.chain = self.chain.at(height, BLOCK_US);
        other
    }

    /// Goes over to another version: `migrate` runs on the state there is, and if that succeeds the
    /// chain goes on with the SCORE of `to` (whose own state does not matter). A history that is
    /// replayed begins here then. With several SCOREs the first one migrates, and `to` has all of them.
    ///
    /// # Panics
    /// When `migrate` emits an event that the new manifest does not name, or `to` has other SCOREs.
    #[track_caller]
    pub fn upgrade(&mut self, by: Address, to: Self) -> Receipt<()> {
        self.check_same_scores(&to);
        let from = self.manifests.get(&self.main).map(|summary| summary.version.clone());
        let from = from.unwrap_or_default();
        let migrate = Invocation::new(kind::MIGRATE, "migrate", 1).with(&from);
        let mut after = Self { chain: self.chain.clone(), ..to };
        after.engine.forget();
        after.chain.genesis.clone_from(&self.chain.state);
        after.chain.history.clear();
        let receipt = after.send(by, migrate.answering());
        if receipt.call.code == 0 {
            *self = after;
        }
        receipt
    }

    /// Executes a transaction in a block of its own.
    ///
    /// # Panics
    /// When it is a query, or emits an event that the manifest does not name.
    #[track_caller]
    pub fn send<A>(&mut self, from: Address, invocation: Invocation<A>) -> Receipt<A> {
        self.send_to(&self.main.clone(), from, invocation)
    }

    /// Executes transactions in one block, in this order.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    #[track_caller]
    pub fn block<A>(&mut self, calls: Vec<(Address, Invocation<A>)>) -> Vec<Receipt<A>> {
        let main = self.main.clone();
        let named = |(from, call)| (main.as_str(), from, call);
        self.block_of(calls.into_iter().map(named).collect())
    }

    /// Asks, and decodes the answer.
    ///
    /// # Panics
    /// When the query fails or answers another type.
    #[track_caller]
    #[must_use]
    pub fn query<V>(&mut self, invocation: Invocation<impl ReadAs<V>>) -> V {
        self.ask(invocation).answer()
    }

    /// Asks.
    pub fn ask<A>(&mut self, invocation: Invocation<A>) -> Receipt<A> {
        self.ask_as(Address::default(), invocation)
    }

    /// Asks as that account.
    pub fn ask_as<A>(&mut self, who: Address, invocation: Invocation<A>) -> Receipt<A> {
        self.ask_of(&self.main.clone(), who, invocation)
    }

    /// Plays the whole history again on another engine, which must come to the same receipts and the
    /// same state. The messages of traps are not compared (the source says no places); the steps are
    /// when both engines run the `.so`, for the source is not metered. A call that runs out of steps
    /// or memory does so in the `.so` only, so it has no place in a replayed story.
    ///
    /// # Panics
    /// When it does not, or the other chain has other SCOREs.
    #[track_caller]
    pub fn replay_on(&self, mut other: Self) -> Self {
        let metered = self.engine.is_metered() && other.engine.is_metered();
        let likeness = if metered { Likeness::Build } else { Likeness::Source };
        match self.try_replay(&mut other, likeness) {
            Ok(()) => other,
            Err(difference) => panic!("{difference}"),
        }
    }

    /// The first difference ends the replay.
    #[track_caller]
    pub(crate) fn try_replay(
        &self,
        other: &mut Self,
        likeness: Likeness,
    ) -> Result<(), Box<Difference>> {
        self.check_same_scores(other);
        let begin = Chain { state: self.chain.genesis.clone(), ..self.chain.clone() };
        other.chain = Chain { history: Vec::new(), ..begin };
        other.engine.forget();
        let names = [self.engine.name(), other.engine.name()];
        let names = names.each_ref().map(String::as_str);
        for block in &self.chain.history {
            other.execute(&block.moment, block.calls.clone());
            let done = other.chain.history.last().map_or(&[][..], |block| &block.receipts);
            compare(block, done, likeness, (names, &self.chain.people))?;
        }
        other.chain.height = self.chain.height;
        other.chain.time_us = self.chain.time_us;
        if self.root() == other.root() {
            return Ok(());
        }
        let sides = [self, other].map(|net| (net.engine.name(), net.dump()));
        let (transaction, what) = ("the end".into(), "the state".into());
        Err(Box::new(Difference { transaction, what, sides }))
    }

    /// # Panics
    /// When it does not have the same ones.
    #[track_caller]
    fn check_same_scores(&self, other: &Self) {
        let (here, there): (Vec<_>, Vec<_>) =
            (self.manifests.keys().collect(), other.manifests.keys().collect());
        assert_eq!(here, there, "the other chain has SCOREs of other names");
    }

    pub(crate) fn moment(&self) -> Moment {
        let height = self.chain.height;
        let block_seed = Sha256::digest(format!("block {height}")).into();
        Moment { height, time_us: self.chain.time_us, block_seed }
    }

    #[track_caller]
    pub(crate) fn transaction(
        &self,
        score: &str,
        from: Address,
        invocation: Invocation,
        index: u32,
    ) -> Sent {
        let kind = kind_of(invocation.kind);
        assert!(kind != CallKind::Query, "`{}` is a query: use `query`", invocation.method);
        self.sent(score, self.call(kind, from, invocation, index))
    }

    #[track_caller]
    pub(crate) fn question(&self, score: &str, who: Address, question: Invocation) -> Sent {
        let call = self.call(CallKind::Query, who, question, 0);
        self.sent(score, CallSpec { tx_hash: [0; 32], ..call })
    }

    #[track_caller]
    fn sent(&self, score: &str, call: CallSpec) -> Sent {
        let is_here = self.manifests.contains_key(score);
        assert!(is_here, "the chain has no SCORE `{score}`: put it into `Testnet::of`");
        Sent { score: score.to_owned(), call }
    }

    fn call(&self, kind: CallKind, from: Address, call: Invocation, index: u32) -> CallSpec {
        let Member { organisation, role } = self.chain.people.member(from);
        let Invocation { method, args, .. } = call;
        let mut hash = Sha256::new();
        hash.update(self.chain.height.to_be_bytes());
        hash.update(index.to_be_bytes());
        hash.update(from.0);
        hash.update(&method);
        hash.update(&args);
        CallSpec {
            tx_hash: hash.finalize().into(),
            tx_index: index,
            kind,
            origin: from.0,
            caller: from.0,
            role,
            organisation,
            method,
            args,
            steps: STEPS_PER_TX,
        }
    }

    #[track_caller]
    pub(crate) fn execute(&mut self, moment: &Moment, calls: Vec<Sent>) -> Vec<Receipt> {
        let receipts = self.engine.run_block(moment, &calls, &self.chain.state);
        for (sent, receipt) in calls.iter().zip(&receipts) {
            self.check_events(&sent.score, receipt);
            apply(&mut self.chain.state, &sent.score, receipt);
        }
        self.chain.height = moment.height + 1;
        self.chain.time_us = moment.time_us + BLOCK_US;
        let both = calls.iter().zip(&receipts);
        let told =
            both.map(|(sent, receipt)| Receipt::new(sent.call.method.clone(), receipt.clone()));
        let told = told.collect();
        self.chain.history.push(Block { moment: *moment, calls, receipts });
        told
    }

    #[track_caller]
    fn check_events(&self, score: &str, receipt: &CallReceipt) {
        let own = receipt.events.iter().map(|event| (score, event));
        let others = receipt.others.events.iter();
        for (score, event) in own.chain(others.map(|other| (&*other.score, &other.event))) {
            let name = String::from_utf8_lossy(&event.name);
            let summary = self.manifests.get(score);
            let is_known = summary.is_some_and(|summary| summary.events.contains(&*name));
            let hint = "write `#[score(events(…))]`";
            assert!(is_known, "the manifest lacks the event `{name}`: {hint}");
        }
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

/// What a chain needs of a manifest.
struct Summary {
    version: String,
    events: BTreeSet<String>,
}

impl Summary {
    fn of(manifest: &str) -> Self {
        let manifest: serde_json::Value = serde_json::from_str(manifest)
            .unwrap_or_else(|error| panic!("the manifest is no JSON: {error}"));
        let text = |value: &serde_json::Value, name: &str| {
            value.get(name).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        };
        let events = manifest.get("events").and_then(|events| events.as_array());
        let events = events.into_iter().flatten().map(|event| text(event, "name")).collect();
        Self { version: text(&manifest, "version"), events }
    }
}
