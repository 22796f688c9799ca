//! `simplex`: Byzantine agreement as plainly as it can be written, to be read first and to compare
//! `lft` with. It is LFT version 3 without everything optional: no proposals on uncertified parents,
//! no Commit inside a vote, no fast path. A block takes two message delays, three until it is final.
//!
//! ```text
//!             Propose           Vote             Commit
//!  leader(v) ────────▶ all ────────────▶ all ──────────────▶ all
//!                        weight q: certified      weight q: final
//!                        everyone enters v+1
//!  nobody heard the leader:  Skip(v), weight q: v is null, everyone enters v+1
//! ```
//!
//! Why it cannot fork, in four lines. N is the weight of all, f = (N - 1) div 3 of it may lie, a
//! certificate takes q = N - f, so any two certificates share an honest signer. (1) Nobody honest
//! votes twice in a view, so a view certifies one block. (2) Nobody honest both skips and commits a
//! view, so a view with a final block is never null. (3) A vote for a block needs a certificate of
//! its parent and null certificates of every view in between; by (2) no view with a final block can
//! be jumped over, and by (1) it holds no other block: every later certified block stands on it.
//!
//! Read in this order: [`committee`] (who counts, who leads), [`statement`] (what is signed),
//! [`certificate`] (what weight q of it proves), `tally` (who said what), [`machine`] (the rule),
//! [`parameters`] and [`timer`] (patience), [`peer`] (helper messages).
//!
//! Deliberately not here: clocks, sockets, disks, keys, payloads; and anything of `plugins/lft`: two
//! rules written apart can be held against each other.

pub mod certificate;
pub mod committee;
#[cfg(test)]
mod fixture;
pub mod machine;
pub mod parameters;
pub mod peer;
pub mod statement;
mod tally;
pub mod timer;

pub use machine::Simplex;

plugin_api::export_rule!(Simplex, "loopchain_rule_simplex");
