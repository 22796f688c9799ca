//! The notary SCORE: takes any transaction, keeps the SHA-256 of its body, and answers any query with
//! the query itself, as the default SCORE of the old loopchain did.
//!
//! In: bodies as they were sent. Out: one note (height, time, signer) under each hash, the event
//! `noted`. It deliberately keeps no content: whoever has the document can prove that it was here.
#![no_std]
use score_native::prelude::*;

/// What the notary remembers.
#[derive(Debug, State)]
pub struct Notary {
    notes: Map<[u8; 32], Note>,
}

/// When and by whom a document was noted first.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct Note {
    /// Height of the block.
    pub height: u64,
    /// Agreed time of the block, in microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// Who signed.
    pub signer: Address,
}

/// A document was noted; also when it was known before.
#[derive(Debug, Event)]
pub struct Noted {
    /// SHA-256 of the body.
    pub hash: [u8; 32],
}

#[score]
impl Notary {
    /// Notes the body of any transaction; the first note of a hash stays.
    #[score(any)]
    pub fn note(&mut self, cx: &Cx, _method: String, body: Vec<u8>) {
        let hash = cx.hash(&body);
        if !self.notes.contains(&hash) {
            let note = Note { height: cx.height(), time_us: cx.block_time(), signer: cx.signer() };
            self.notes.set(&hash, note);
        }
        cx.emit(Noted { hash });
    }

    /// Answers any query with its body.
    #[score(any)]
    pub fn echo(&self, _method: String, body: Vec<u8>) -> Vec<u8> {
        body
    }

    /// The first note of a document, if there is one.
    pub fn find(&self, hash: [u8; 32]) -> Option<Note> {
        self.notes.try_get(&hash)
    }
}
