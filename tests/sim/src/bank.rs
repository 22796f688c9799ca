//! The model SCORE: accounts whose sum never changes, a counter, the time of the last block, a few
//! calls that misbehave; and, in the place of `system`, the one that ends an epoch.
//!
//! In: a block, the state of its parent, what is special about the node. Out: state, receipts,
//! roots; or no result. Deliberately not here: workers, steps, layers (`executor`).

use crate::channel::Channel;
use host_types::Epoch;
use host_types::block::{Block, RootPair};
use host_types::codec::{Reader, Writer};
use host_types::epoch::EpochConfig;
use host_types::{Domain, Transaction, merkle};
use std::sync::Arc;

/// Accounts.
pub const ACCOUNTS: usize = 12;
/// What each holds at the start.
pub const EACH: u64 = 1_000;

/// The state of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Balances.
    pub accounts: [u64; ACCOUNTS],
    /// Transactions executed.
    pub calls: u64,
    /// Time that the last `stamp` saw.
    pub stamp: u64,
    /// What `noise` left.
    pub noise: u64,
    /// The epoch that the next block is of.
    pub epoch: u64,
    /// The next block has to end it.
    pub is_turning: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            accounts: [EACH; ACCOUNTS],
            calls: 0,
            stamp: 0,
            noise: 0,
            epoch: 0,
            is_turning: false,
        }
    }
}

/// What a transaction asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Moves money; a fault when there is too little.
    Transfer {
        /// From whom.
        from: u64,
        /// To whom.
        to: u64,
        /// How much.
        amount: u64,
    },
    /// Keeps the time of the block.
    Stamp,
    /// Not deterministic on some nodes.
    Noise,
    /// No result anywhere.
    Boom,
    /// No result in time at the first try, on any node.
    Slow,
    /// The epoch ends with the next block, unless it is the last one.
    Turn {
        /// The last one.
        last: u64,
    },
}

impl Call {
    /// Name of the method, and its arguments.
    #[must_use]
    pub fn encode(self) -> (&'static str, Vec<u8>) {
        let (name, numbers): (_, Vec<u64>) = match self {
            Self::Transfer { from, to, amount } => ("transfer", vec![from, to, amount]),
            Self::Stamp => ("stamp", Vec::new()),
            Self::Noise => ("noise", Vec::new()),
            Self::Boom => ("boom", Vec::new()),
            Self::Slow => ("slow", Vec::new()),
            Self::Turn { last } => ("turn", vec![last]),
        };
        let mut w = Writer::default();
        w.array(numbers.len());
        numbers.iter().for_each(|number| w.uint(*number));
        (name, w.into_bytes())
    }

    /// What a transaction asks for; none when there is no such method.
    #[must_use]
    pub fn decode(transaction: &Transaction) -> Option<Self> {
        let mut r = Reader::new(&transaction.args);
        Some(match transaction.method.as_str() {
            "transfer" => {
                r.array(3).ok()?;
                let (from, to) = (r.uint().ok()?, r.uint().ok()?);
                Self::Transfer { from, to, amount: r.uint().ok()? }
            }
            "stamp" => Self::Stamp,
            "noise" => Self::Noise,
            "boom" => Self::Boom,
            "slow" => Self::Slow,
            "turn" if transaction.score.is_system() => {
                r.array(1).ok()?;
                Self::Turn { last: r.uint().ok()? }
            }
            _ => return None,
        })
    }
}

/// What is special about a node that executes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirk {
    /// What `noise` adds here beside 1.
    pub noise: u64,
    /// Wrong results on purpose: 0 is the truth.
    pub salt: u64,
    /// Not the first try: `slow` is fast enough.
    pub is_retry: bool,
    /// A planted bug: the node's own clock instead of the block's time.
    pub clock: Option<u64>,
}

/// What a block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The state after it.
    pub state: State,
    /// A receipt for each transaction.
    pub receipts: Vec<Vec<u8>>,
    /// The roots of both.
    pub roots: RootPair,
}

impl State {
    /// The bytes that the root is of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let turning = u64::from(self.is_turning);
        let rest = [self.calls, self.stamp, self.noise, self.epoch, turning];
        self.accounts.iter().chain(&rest).flat_map(|number| number.to_be_bytes()).collect()
    }

    /// What the next epoch runs with, when this one is to end.
    #[must_use]
    pub fn next(&self, channel: &Channel) -> Option<Arc<EpochConfig>> {
        let next = channel.epochs.get(Epoch::new(self.epoch + 1));
        next.filter(|_| self.is_turning).map(|plan| Arc::clone(&plan.config))
    }

    /// Sum of all balances; none when it is no number any more.
    #[must_use]
    pub fn sum(&self) -> Option<u64> {
        self.accounts.iter().try_fold(0u64, |sum, one| sum.checked_add(*one))
    }

    fn transfer(&mut self, from: u64, to: u64, amount: u64) -> bool {
        let place = |number: u64| usize::try_from(number).ok().filter(|place| *place < ACCOUNTS);
        let (Some(from), Some(to)) = (place(from), place(to)) else { return false };
        let Some(left) = self.accounts.get(from).and_then(|had| had.checked_sub(amount)) else {
            return false;
        };
        if let Some(account) = self.accounts.get_mut(from) {
            *account = left;
        }
        if let Some(account) = self.accounts.get_mut(to) {
            *account += amount;
        }
        true
    }

    /// As `system` does: a change is accepted in no sealing block, and one at a time.
    const fn turn(&mut self, last: u64, is_sealing: bool) -> bool {
        let is_due = self.epoch < last && !self.is_turning && !is_sealing;
        self.is_turning |= is_due;
        is_due
    }

    fn call(
        &mut self,
        call: Option<Call>,
        (time, is_sealing): (u64, bool),
        quirk: Quirk,
    ) -> Result<bool, String> {
        self.calls += 1;
        Ok(match call {
            Some(Call::Transfer { from, to, amount }) => self.transfer(from, to, amount),
            Some(Call::Stamp) => {
                self.stamp = quirk.clock.unwrap_or(time);
                true
            }
            Some(Call::Noise) => {
                self.noise += 1 + quirk.noise;
                true
            }
            Some(Call::Slow) if !quirk.is_retry => return Err("no result in time".into()),
            Some(Call::Slow) => true,
            Some(Call::Turn { last }) => self.turn(last, is_sealing),
            Some(Call::Boom) => return Err("the worker died".into()),
            None => false,
        })
    }
}

/// Executes a block on the state of its parent.
///
/// # Errors
/// Why there is no result here.
pub fn execute(block: &Block, parent: &State, quirk: Quirk) -> Result<Done, String> {
    let mut state = parent.clone();
    let time = block.header().time.get();
    let is_sealing = block.header().next_validators.is_some();
    if is_sealing {
        state.epoch += 1;
        state.is_turning = false;
    }
    let mut receipts = Vec::with_capacity(block.transactions().len());
    for tx in block.transactions().iter() {
        let is_ok = state.call(Call::decode(tx.transaction()), (time, is_sealing), quirk)?;
        let mut receipt = tx.id().as_bytes().to_vec();
        receipt.push(u8::from(is_ok));
        receipts.push(receipt);
    }
    let roots = RootPair {
        state: Domain::State.hash(&[&state.to_bytes(), &quirk.salt.to_be_bytes()]),
        receipts: merkle::root(Domain::ReceiptRoot, &receipts),
    };
    Ok(Done { state, receipts, roots })
}
