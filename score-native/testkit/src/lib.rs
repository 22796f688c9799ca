//! The test harness of a SCORE author: a chain of one node in memory, without network and disk.
//!
//! In: the author's typed calls. Out: receipts to compare with what the author expects. The same
//! history runs on three engines that must agree: the source compiled into the test
//! ([`Testnet::native`]), the `.so` loaded into the test ([`Testnet::so`]), and the `.so` in the
//! sandboxed worker of a node ([`Testnet::jailed`]).
//!
//! ```text
//! fn story(mut net: Testnet) -> Testnet {
//!     let [alice, bob] = net.accounts();
//!     net.send(alice, tx::deploy(1000)).ok();
//!     net.send(alice, tx::transfer(bob, 30)).ok().emitted(&Transfer { from: alice, to: bob, amount: 30 });
//!     net.send(bob, tx::transfer(alice, 31)).faults(&Error::Insufficient { have: 30, need: 31 });
//!     assert_eq!(net.query(tx::balance_of(bob)), 30);
//!     net
//! }
//! #[test]
//! fn the_so_and_the_worker_agree_with_the_source() {
//!     let net = story(Testnet::native::<Token>());
//!     net.replay_on(Testnet::so("token")).replay_on(Testnet::jailed("token"));
//! }
//! #[test]
//! fn it_does_the_same_on_every_machine() {
//!     story(Testnet::native::<Token>()).fuzz("token", 8);
//! }
//! ```
//!
//! SCOREs that call each other live on one chain: [`Testnet::of`].
//!
//! [`Shuffle`] is the third kind of test: calls in any order, on all engines, with what must always hold.
//!
//! It is for tests only: no node loads a SCORE into its own process. It deliberately fails by
//! panicking, as a test must.

mod address;
mod calls;
mod company;
mod dice;
mod engine;
mod expect;
mod fuzz;
mod here;
mod history;
mod in_process;
mod interface;
mod jailed;
mod library;
mod open;
mod people;
mod program;
mod several;
mod shown;
mod shuffle;
mod testnet;

pub use engine::Entries;
pub use expect::Receipt;
pub use history::Difference;
pub use proptest;
pub use score_native_abi as abi;
pub use shuffle::{Shuffle, ShuffleFailure, accounts};
pub use testnet::{Snapshot, Testnet};
