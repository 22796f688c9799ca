//! A chain with several SCOREs, which call each other by their names on it.
//!
//! In: chains with one SCORE each. Out: one chain with all of them, and calls that name their SCORE.
//!
//! ```text
//! fn story(mut net: Testnet) -> Testnet {
//!     let [alice, bob] = net.accounts();
//!     let shop = Testnet::score_address("shop");
//!     net.send_to("token", alice, token::tx::deploy(1000)).ok();
//!     net.send_to("token", alice, token::tx::transfer(shop, 100)).ok();
//!     net.send(bob, tx::refund(30)).ok();
//!     assert_eq!(net.query_of("token", token::tx::balance_of(bob)), 30);
//!     net
//! }
//! let source = [("shop", Testnet::native::<Shop>()), ("token", Testnet::native::<Token>())];
//! let jailed = [("shop", Testnet::jailed("shop")), ("token", Testnet::jailed("token"))];
//! story(Testnet::of(source)).replay_on(Testnet::of(jailed));
//! ```
#![expect(clippy::panic, reason = "a test that cannot go on fails by a panic")]

use crate::{
    Receipt, Testnet, address,
    engine::{Engine, Entries, Parts},
    here::Here,
    jailed::Jailed,
};
use score_native::{Address, Invocation, ReadAs};
use std::collections::BTreeMap;

impl Testnet {
    /// One chain with the SCOREs of these, each under its name there. The first is the one that
    /// [`send`](Self::send) and [`query`](Self::query) mean. All run on the same kind of engine; what
    /// the chains have seen before does not matter.
    ///
    /// # Panics
    /// When there is none, two have the same name, one has several SCOREs, or one runs in a worker and
    /// another does not.
    #[must_use]
    #[track_caller]
    pub fn of<const N: usize>(scores: [(&str, Self); N]) -> Self {
        let (mut here, mut jailed) = (BTreeMap::new(), BTreeMap::new());
        let Some(main) = scores.first().map(|(name, _)| (*name).to_owned()) else {
            panic!("a chain needs a SCORE")
        };
        for (name, net) in scores {
            let is_new = match net.engine.into_parts() {
                Parts::InProcess(scores) => {
                    here.insert(name.to_owned(), only(name, scores)).is_none()
                }
                Parts::Jailed(members) => {
                    jailed.insert(name.to_owned(), only(name, members)).is_none()
                }
            };
            assert!(is_new, "two SCOREs have the name `{name}`");
        }
        let engine: Box<dyn Engine> = match (here.is_empty(), jailed.is_empty()) {
            (_, true) => Box::new(Here::new(here)),
            (true, _) => Box::new(Jailed::new(jailed)),
            _ => panic!("some SCOREs run in workers and some in this process: take one kind"),
        };
        Self::of_main(engine, main)
    }

    /// Whom a SCORE sees as its caller when the SCORE of this name calls it, and where that one's tokens
    /// lie.
    #[must_use]
    pub fn score_address(name: &str) -> Address {
        Address(address::of_score(name))
    }

    /// [`send`](Self::send) to the SCORE of this name.
    ///
    /// # Panics
    /// As [`send`](Self::send), and when the chain has no such SCORE.
    #[track_caller]
    pub fn send_to<A>(
        &mut self,
        score: &str,
        from: Address,
        invocation: Invocation<A>,
    ) -> Receipt<A> {
        let receipt = self.block_of(vec![(score, from, invocation)]).pop();
        receipt.unwrap_or_else(|| panic!("the engine gave no receipt"))
    }

    /// [`block`](Self::block) with calls of several SCOREs.
    ///
    /// # Panics
    /// As [`send_to`](Self::send_to).
    #[track_caller]
    pub fn block_of<A>(&mut self, calls: Vec<(&str, Address, Invocation<A>)>) -> Vec<Receipt<A>> {
        let mut sent = Vec::with_capacity(calls.len());
        for ((score, from, call), index) in calls.into_iter().zip(0..) {
            sent.push(self.transaction(score, from, call.untyped(), index));
        }
        let moment = self.moment();
        self.execute(&moment, sent).into_iter().map(Receipt::of).collect()
    }

    /// [`query`](Self::query) of the SCORE of this name.
    ///
    /// # Panics
    /// As [`query`](Self::query), and when the chain has no such SCORE.
    #[track_caller]
    #[must_use]
    pub fn query_of<V>(&mut self, score: &str, invocation: Invocation<impl ReadAs<V>>) -> V {
        self.ask_of(score, Address::default(), invocation).answer()
    }

    /// [`ask_as`](Self::ask_as) of the SCORE of this name.
    ///
    /// # Panics
    /// When the chain has no such SCORE.
    #[track_caller]
    pub fn ask_of<A>(
        &mut self,
        score: &str,
        who: Address,
        invocation: Invocation<A>,
    ) -> Receipt<A> {
        let question = self.question(score, who, invocation.untyped());
        let receipt = self.engine.ask(&self.moment(), &question, &self.chain.state);
        Receipt::new(question.call.method, receipt)
    }

    /// All keys and values of the SCORE of this name.
    ///
    /// # Panics
    /// When the chain has no such SCORE.
    #[must_use]
    #[track_caller]
    pub fn state_of(&self, score: &str) -> &Entries {
        let state = self.chain.state.get(score);
        state.unwrap_or_else(|| panic!("the chain has no SCORE `{score}`"))
    }
}

/// The only SCORE of a chain.
#[track_caller]
fn only<T>(name: &str, mut scores: BTreeMap<String, T>) -> T {
    let only = scores.pop_first().filter(|_| scores.is_empty());
    only.map_or_else(|| panic!("`{name}` is a chain with several SCOREs"), |(_, score)| score)
}
