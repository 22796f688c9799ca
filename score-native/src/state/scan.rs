//! `Scan`: the entries under a prefix, from both ends.
//!
//! In: a prefix and bounds. Out: keys and values, one host call each from the front. The host only
//! knows the *next* key (SCORE ABI 1.0), so the back is searched: keys are read as binary fractions
//! and the space above the highest known key is halved until nothing is left in it. What was met on
//! the way is remembered, so that going on backwards does not begin anew. It deliberately knows no
//! types.
//!
//! Host calls from the back, `n` entries: the first one about 70 + 2 log2(n) when the keys are
//! numbers counted up from 0, about 3 log2(n) when they are spread evenly (hashes, addresses); each
//! further one 3 to 4.

use crate::{abi::limit, export};
use alloc::vec::Vec;
use core::ops::Bound;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    prefix: Vec<u8>,
    front: Front,
    /// No key from here on belongs to the scan any more.
    end: Option<Vec<u8>>,
    /// Keys of the scan that the search from the back has met, ascending.
    known: Vec<Vec<u8>>,
}

/// Where the front stands.
#[derive(Clone, Debug)]
enum Front {
    /// This key comes first, if it exists.
    At(Vec<u8>),
    /// What follows this key comes first.
    After(Vec<u8>),
}

impl Scan {
    /// All keys that begin with `prefix`.
    pub(super) const fn all(prefix: Vec<u8>) -> Self {
        Self { prefix, front: Front::After(Vec::new()), end: None, known: Vec::new() }
    }

    /// Those between two whole keys.
    pub(super) fn between(prefix: Vec<u8>, from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> Self {
        let front = match from {
            Bound::Included(key) => Front::At(key),
            Bound::Excluded(key) => Front::After(key),
            Bound::Unbounded => Front::After(Vec::new()),
        };
        let end = match to {
            Bound::Included(key) => Some(successor(key)),
            Bound::Excluded(key) => Some(key),
            Bound::Unbounded => None,
        };
        Self { prefix, front, end, known: Vec::new() }
    }

    /// The next entry from the front.
    pub(super) fn forward<T>(&mut self, read: impl Fn(&[u8], &[u8]) -> T) -> Option<T> {
        let (key, value) = self.first(|key, value| (key.to_vec(), read(key, value)))?;
        self.front = Front::After(key);
        Some(value)
    }

    /// The next key from the back.
    pub(super) fn backward(&mut self) -> Option<Vec<u8>> {
        let gone = match &self.front {
            Front::At(first) => self.known.partition_point(|key| key < first),
            Front::After(passed) => self.known.partition_point(|key| key <= passed),
        };
        self.known.drain(..gone);
        let mut low = match self.known.pop() {
            Some(key) => key,
            None => self.first(|key, _| key.to_vec())?,
        };
        // Halvings between two looks at the next key: a look is what ends the search, a halving is
        // what speeds it up.
        let mut halvings = 1;
        while let Some(near) = self.following(&low) {
            self.known.push(core::mem::replace(&mut low, near));
            halvings = if self.halve(&mut low, halvings) { 1 } else { halvings * 2 };
        }
        self.end = Some(low.clone());
        Some(low)
    }

    /// Moves `low` up into the upper half of what is left, or the end down; true when `low` moved.
    fn halve(&mut self, low: &mut Vec<u8>, times: u32) -> bool {
        for _ in 0..times {
            let Some(middle) = self.middle(low) else { return false };
            let Some(far) = self.following(&middle) else {
                self.end = Some(successor(middle));
                continue;
            };
            self.known.push(core::mem::replace(low, far));
            return true;
        }
        false
    }

    /// The first entry from the front.
    fn first<T>(&self, read: impl Fn(&[u8], &[u8]) -> T) -> Option<T> {
        let after = match &self.front {
            Front::After(key) => key,
            Front::At(key) => {
                if !self.is_before_end(key) {
                    return None;
                }
                let found = export::get(key, |value| read(key, value));
                if found.is_some() {
                    return found;
                }
                key
            }
        };
        export::next(&self.prefix, after, |key, value| {
            self.is_before_end(key).then(|| read(key, value))
        })
        .flatten()
    }

    /// The key that follows this one.
    fn following(&self, key: &[u8]) -> Option<Vec<u8>> {
        let next = |key: &[u8], _: &[u8]| self.is_before_end(key).then(|| key.to_vec());
        export::next(&self.prefix, key, next).flatten()
    }

    fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.as_deref().is_none_or(|end| key < end)
    }

    /// A key half-way between `low` and the end, when there is one that a host takes. Keys that differ
    /// by zeros at their end only have none.
    fn middle(&self, low: &[u8]) -> Option<Vec<u8>> {
        let base = self.prefix.len();
        let low = low.get(base..)?;
        // An end that lies beyond the prefix is as good as none.
        let end = self.end.as_deref().filter(|end| end.starts_with(&self.prefix));
        let mut middle = self.prefix.clone();
        half_way(low, end.map(|end| &end[base..]), &mut middle);
        (&middle[base..] > low && middle.len() <= limit::KEY_BYTES).then_some(middle)
    }
}

/// The least key above this one.
fn successor(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// Appends (low + high) / 2 without the zeros at its end; the bytes are those after the point of a
/// fraction, and no `high` is 1.
fn half_way(low: &[u8], high: Option<&[u8]>, out: &mut Vec<u8>) {
    let digit = |bytes: &[u8], at: usize| u16::from(bytes.get(at).copied().unwrap_or_default());
    let digits = low.len().max(high.map_or(0, <[u8]>::len)) + 1;
    let begin = out.len();
    out.resize(begin + digits, 0);
    // The sum, from its last digit; what it carries over is the digit before the point.
    let mut carry = 0;
    for at in (0..digits).rev() {
        let sum = digit(low, at) + high.map_or(0, |high| digit(high, at)) + carry;
        out[begin + at] = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    let mut rest = carry + u16::from(high.is_none());
    for byte in &mut out[begin..] {
        let digit = (rest << 8) | u16::from(*byte);
        *byte = (digit >> 1) as u8;
        rest = digit & 1;
    }
    while out.len() > begin && out.last() == Some(&0) {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::half_way;
    use alloc::{vec, vec::Vec};

    fn half(low: &[u8], high: Option<&[u8]>) -> Vec<u8> {
        let mut out = vec![9];
        half_way(low, high, &mut out);
        assert_eq!(out.remove(0), 9);
        out
    }

    #[test]
    fn half_way_is_half_of_the_sum() {
        assert_eq!(half(&[], None), [0x80]);
        assert_eq!(half(&[0x80], None), [0xc0]);
        assert_eq!(half(&[0xff], None), [0xff, 0x80]);
        assert_eq!(half(&[1], Some(&[2])), [1, 0x80]);
        assert_eq!(half(&[1, 0xff], Some(&[2, 1])), [2]);
        assert_eq!(half(&[0xff, 0xff], Some(&[0xff, 0xff])), [0xff, 0xff]);
        assert_eq!(half(&[5], Some(&[5, 0, 0])), [5], "the caller sees that it is not above");
    }
}
