//! INGEST: what comes in from clients and peers becomes an [`AdmittedTx`], or a coded refusal.
//!
//! In: raw envelopes and what is known of the channel. Out: proof types for the pool.
//! Deliberately not here: whether a transaction was seen before ([`dedup`] and the pool decide),
//! order, execution. Admission needs no state of the pipeline, so a worker pool runs it.
//! Where to look next: [`mod@admit`].

pub mod admit;
pub mod dedup;
pub mod registration;
#[cfg(test)]
mod tests;

pub use admit::{AdmitContext, AdmittedTx, Offered, admit, admit_bodies};
