//! The property test of a SCORE: calls in any order from anybody, on all engines.
//!
//! In: a strategy for calls, and what must hold after each block. Out: nothing, or the shortest
//! history found that breaks it. Each case runs natively first and is then replayed on the other
//! engines, whose receipts, write sets and roots must be the same. The seed is fixed, so a failure
//! stays until it is mended.
#![expect(clippy::panic, reason = "a broken expectation fails the test by a panic")]

use crate::{
    Snapshot, Testnet,
    history::{Likeness, title},
    people,
};
use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use score_native::{Address, Invocation};
use std::{cell::RefCell, fmt, time::Duration};

/// Cases unless told: well under a second on three engines.
const CASES: u32 = 32;
/// Calls of a case at most, unless told.
const LONGEST: usize = 24;
/// Accounts that call, unless told.
const ACCOUNTS: usize = 3;
/// Attempts to make a failing case shorter.
const SHRINKS_MAX: u32 = 2_000;
/// Seconds between two blocks at most.
const PAUSE_MAX_S: u16 = 3_600;

/// One of the first `count` accounts (see [`Testnet::accounts`]).
pub fn accounts(count: usize) -> impl Strategy<Value = Address> + Clone {
    (0..count).prop_map(people::first)
}

/// A call in a case.
#[derive(Clone, Debug)]
struct Step {
    from: Address,
    call: Invocation,
    /// Whether it opens a block, and how many seconds after the one before.
    opens: Option<u16>,
}

type Check = Box<dyn Fn(&mut Testnet)>;

/// See the head of this file.
///
/// ```text
/// fn any_call() -> impl Strategy<Value = Invocation> {
///     prop_oneof![
///         (accounts(3), 0..100u128).prop_map(|(to, amount)| tx::transfer(to, amount).untyped()),
///         (accounts(3), 0..100u128).prop_map(|(to, amount)| tx::mint(to, amount).untyped()),
///     ]
/// }
/// Shuffle::of(any_call())
///     .first(tx::deploy(1000))
///     .always(|net| assert_eq!(sum_of_balances(net), net.query(tx::total_supply())))
///     .run(Testnet::native::<Token>(), [Testnet::so("token"), Testnet::jailed("token")]);
/// ```
pub struct Shuffle<S> {
    calls: S,
    first: Vec<Invocation>,
    checks: Vec<Check>,
    accounts: usize,
    cases: u32,
    longest: usize,
    seed: u64,
}

impl<S> fmt::Debug for Shuffle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shuffle")
            .field("first", &self.first)
            .field("cases", &self.cases)
            .finish_non_exhaustive()
    }
}

/// The shortest history that was found to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShuffleFailure {
    /// What broke.
    pub reason: String,
    /// Its calls, a line each.
    pub calls: Vec<String>,
}

impl fmt::Display for ShuffleFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        write!(f, "\nafter these calls, the fewest that were found:")?;
        self.calls.iter().try_for_each(|call| write!(f, "\n  {call}"))
    }
}

impl<S: Strategy<Value = Invocation>> Shuffle<S> {
    /// Takes its calls from this strategy.
    pub fn of(calls: S) -> Self {
        let (first, checks) = (Vec::new(), Vec::new());
        let (accounts, cases, longest, seed) = (ACCOUNTS, CASES, LONGEST, 0);
        Self { calls, first, checks, accounts, cases, longest, seed }
    }

    /// What the first account calls at the beginning of each case: `deploy`, for instance. It must
    /// succeed.
    #[must_use]
    pub fn first<A>(mut self, call: Invocation<A>) -> Self {
        self.first.push(call.untyped());
        self
    }

    /// What must hold after each block: it asks, and panics when it does not.
    #[must_use]
    pub fn always(mut self, check: impl Fn(&mut Testnet) + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }

    /// How many accounts call; 3 unless told.
    #[must_use]
    pub const fn accounts(mut self, accounts: usize) -> Self {
        self.accounts = accounts;
        self
    }

    /// How many cases there are (32 unless told), of how many calls at most (24 unless told).
    #[must_use]
    pub const fn cases(mut self, cases: u32, longest: usize) -> Self {
        (self.cases, self.longest) = (cases, longest);
        self
    }

    /// Other cases than those of seed 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs all cases on `native` and replays each one on the others.
    ///
    /// # Panics
    /// With the shortest failing history that was found.
    #[track_caller]
    pub fn run(self, native: Testnet, others: impl IntoIterator<Item = Testnet>) {
        if let Err(failure) = self.try_run(native, others) {
            panic!("{failure}");
        }
    }

    /// Like [`run`](Self::run), with the failure as a value.
    ///
    /// # Errors
    /// [`ShuffleFailure`]
    ///
    /// # Panics
    /// When a first call fails, or proptest gives up.
    #[track_caller]
    pub fn try_run(
        self,
        mut native: Testnet,
        others: impl IntoIterator<Item = Testnet>,
    ) -> Result<(), Box<ShuffleFailure>> {
        let founder = people::first(0);
        for call in &self.first {
            native.send(founder, call.clone()).ok();
        }
        let people = native.chain.people.clone();
        let (start, checks) = (native.snapshot(), &self.checks);
        let nets = RefCell::new((native, others.into_iter().collect::<Vec<_>>()));
        let config = Config {
            cases: self.cases,
            max_shrink_iters: SHRINKS_MAX,
            failure_persistence: None,
            ..Config::default()
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let steps = vec(step(self.accounts, self.calls), 1..=self.longest);
        let ran = TestRunner::new_with_rng(config, rng).run(&steps, |steps| {
            let (native, others) = &mut *nets.borrow_mut();
            let told = case(native, &start, &steps, checks)
                .and_then(|()| others.iter_mut().try_for_each(|other| replay(native, other)));
            told.map_err(TestCaseError::fail)
        });
        match ran {
            Ok(()) => Ok(()),
            Err(TestError::Abort(reason)) => panic!("no more cases: {reason}"),
            Err(TestError::Fail(reason, steps)) => {
                let named = |step: &Step| {
                    let who = people.name(&step.from.0).unwrap_or("somebody");
                    let opens = if step.opens.is_some() { "" } else { " (same block)" };
                    people.named(format!("{who}: {:?}{opens}", step.call))
                };
                let calls = steps.iter().map(named).collect();
                Err(Box::new(ShuffleFailure { reason: reason.message().to_owned(), calls }))
            }
        }
    }
}

fn step(count: usize, calls: impl Strategy<Value = Invocation>) -> impl Strategy<Value = Step> {
    let opens = any::<bool>()
        .prop_flat_map(|opens| (0..=PAUSE_MAX_S).prop_map(move |pause| opens.then_some(pause)));
    let parts = (accounts(count), calls, opens);
    parts.prop_map(|(from, call, opens)| Step { from, call, opens })
}

/// Runs the calls natively from the beginning.
fn case(
    net: &mut Testnet,
    start: &Snapshot,
    steps: &[Step],
    checks: &[Check],
) -> Result<(), String> {
    net.restore(start);
    let mut block = Vec::new();
    for (at, Step { from, call, opens }) in steps.iter().enumerate() {
        if let (Some(pause), true) = (opens, at > 0) {
            settle(net, &mut block, checks)?;
            net.travel(Duration::from_secs(u64::from(*pause)));
        }
        block.push((*from, call.clone()));
    }
    settle(net, &mut block, checks)
}

fn settle(
    net: &mut Testnet,
    block: &mut Vec<(Address, Invocation)>,
    checks: &[Check],
) -> Result<(), String> {
    let block = std::mem::take(block);
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        net.block(block);
        checks.iter().for_each(|check| check(net));
    }));
    checked.map_err(|payload| {
        let reason = payload.downcast_ref::<String>().map(String::as_str);
        let reason = reason.or_else(|| payload.downcast_ref::<&str>().copied());
        let last = net.chain.history.last().and_then(|block| {
            let call = block.calls.last()?;
            Some(title(block.moment.height, call, &net.chain.people))
        });
        format!("{}: {}", last.unwrap_or_default(), reason.unwrap_or("a panic"))
    })
}

fn replay(native: &Testnet, other: &mut Testnet) -> Result<(), String> {
    native.try_replay(other, Likeness::Source).map_err(|difference| difference.to_string())
}
