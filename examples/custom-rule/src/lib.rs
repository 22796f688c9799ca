//! `fixed_leader`: a consensus rule of one's own, written against `plugin-api` only.
//!
//! One validator proposes every block; the others execute it and acknowledge block and result; a
//! weight of q = N - f acknowledgements makes it final. It never forks: an acknowledgement fills a
//! write-once register, and two quorums share an honest validator. It stops when its leader stops or
//! lies to two halves; then people choose another leader. For a consortium that would rather stop
//! than vote about leaders, and for whoever writes a first rule.
//!
//! [`statement`] says what is signed, [`rule`] is the state machine. Deliberately not here: leader
//! changes (rules `lft` and `simplex`), clocks, sockets, disks, keys.

pub mod rule;
pub mod statement;

pub use rule::FixedLeader;

plugin_api::export_rule!(FixedLeader, "loopchain_rule_fixed_leader");
