//! Clients: what they ask for, what they were told, and what they may therefore rely on.
//!
//! In: chance, answers of nodes. Out: envelopes, good ones and bad ones; what must become final.
//! Deliberately not here: how a node takes them (`node`).

use crate::bank::{ACCOUNTS, Call};
use crate::channel::Channel;
use host_types::{BlockTime, GenesisHash, Hash32, RawTx, ScoreName, Transaction, TxId};
use plugin_api_harness::clock::{Chance, SECOND};
use std::collections::BTreeMap;

/// How long a request for the next epoch stays valid.
const TURN_LIFE: u64 = 110 * SECOND;

/// What a node has to say to an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It may take it.
    Any,
    /// It must refuse it.
    Refusal,
}

/// One envelope that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The bytes.
    pub raw: RawTx,
    /// What a node has to say.
    pub wanted: Wanted,
    /// What it asks for.
    pub call: Call,
    /// Its id, when it has one.
    pub id: Option<TxId>,
    /// Block time after which it can no longer be final.
    pub expiry: BlockTime,
}

/// How often in a thousand clients send what.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// The same again, to any node.
    pub again: u64,
    /// What must be refused.
    pub bad: u64,
    /// Calls without a result anywhere.
    pub boom: u64,
    /// Calls whose first try has no result.
    pub slow: u64,
    /// Calls that differ on some nodes.
    pub noise: u64,
}

/// All clients of a run.
#[derive(Debug, Default)]
pub struct Clients {
    /// Everything sent, in order.
    pub sent: Vec<Sent>,
    /// What an honest node accepted, with its place in `sent`.
    pub accepted: BTreeMap<TxId, usize>,
    nonce: u64,
}

fn call(chance: &mut Chance, mix: Mix) -> Call {
    let draw = chance.below(1_000);
    if draw < mix.boom {
        Call::Boom
    } else if draw < mix.boom + mix.slow {
        Call::Slow
    } else if draw < mix.boom + mix.slow + mix.noise {
        Call::Noise
    } else if chance.permille(150) {
        Call::Stamp
    } else {
        let account = |chance: &mut Chance| chance.below(ACCOUNTS as u64 + 1);
        Call::Transfer { from: account(chance), to: account(chance), amount: chance.below(400) }
    }
}

impl Clients {
    /// Makes the next envelope; its place in `sent`.
    pub fn next(
        &mut self,
        chance: &mut Chance,
        mix: Mix,
        channel: &Channel,
        now: BlockTime,
    ) -> usize {
        if chance.permille(mix.again) && !self.sent.is_empty() {
            return usize::try_from(chance.below(self.sent.len() as u64)).unwrap_or(0);
        }
        self.nonce += 1;
        let call = call(chance, mix);
        let life = chance.one_of(&[3, 20, 60, 110], 60) * SECOND;
        let (method, args) = call.encode();
        let mut transaction = Transaction {
            genesis: channel.hash,
            score: score(),
            method: method.to_owned(),
            args: args.into(),
            signer: channel.client(),
            nonce: self.nonce,
            expiry: BlockTime::new(now.get() + life),
        };
        let mut wanted = Wanted::Any;
        let mut raw = None;
        if chance.permille(mix.bad) {
            wanted = Wanted::Refusal;
            match chance.below(5) {
                0 => transaction.genesis = GenesisHash::new(Hash32::new([9; 32])),
                1 => transaction.expiry = BlockTime::new(now.get() - 20 * SECOND),
                2 => transaction.expiry = BlockTime::new(now.get() + 3_600 * SECOND),
                3 => raw = Some(transaction.into_envelope(&[7; 64])),
                _ => raw = Some(RawTx(chance.draw().to_be_bytes().to_vec().into())),
            }
        }
        let raw = raw.unwrap_or_else(|| channel.envelope(&transaction));
        let id = (wanted == Wanted::Any).then(|| transaction.id());
        self.sent.push(Sent { raw, wanted, call, id, expiry: transaction.expiry });
        self.sent.len() - 1
    }

    /// An admin asks for the next epoch; its place in `sent`.
    pub fn turn(&mut self, channel: &Channel, now: BlockTime) -> usize {
        self.nonce += 1;
        let call = Call::Turn { last: channel.epochs.last().get() };
        let (method, args) = call.encode();
        let transaction = Transaction {
            genesis: channel.hash,
            score: host_core::system::system_name(),
            method: method.to_owned(),
            args: args.into(),
            signer: channel.admin(),
            nonce: self.nonce,
            expiry: BlockTime::new(now.get() + TURN_LIFE),
        };
        let raw = channel.envelope(&transaction);
        let (id, expiry) = (Some(transaction.id()), transaction.expiry);
        self.sent.push(Sent { raw, wanted: Wanted::Any, call, id, expiry });
        self.sent.len() - 1
    }

    /// An honest node took an envelope.
    pub fn accept(&mut self, place: usize) {
        if let Some(id) = self.sent.get(place).and_then(|sent| sent.id) {
            self.accepted.insert(id, place);
        }
    }
}

#[expect(clippy::expect_used, reason = "a constant name is a name")]
fn score() -> ScoreName {
    ScoreName::new("bank").expect("a name")
}
