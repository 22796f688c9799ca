//! Many signatures at once, with the same verdict for each as [`crate::verify::verify`] gives.
//!
//! In: items. Out: one verdict per item, in order; or values that are proven to be signed.
//! A failed batch is halved until the wrong signatures stand alone. Signatures of one key are
//! merged by the batch verifier, which makes them nearly twice as cheap.

use ed25519_zebra::{Signature, VerificationKeyBytes, batch};
use getrandom::rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use std::borrow::Cow;

/// Signatures of one batch: beyond it the cost per signature falls no further, and one wrong
/// signature would make more others be checked again.
pub const BATCH_MAX: usize = 1024;

/// Below this a batch costs more than single checks.
const BATCH_MIN: usize = 4;

/// One signature and what it claims to cover.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The key that should have signed.
    pub public_key: [u8; 32],
    /// The bytes signed.
    pub message: Cow<'a, [u8]>,
    /// The signature.
    pub signature: [u8; 64],
}

impl<'a> Item<'a> {
    /// An item over a borrowed message.
    #[must_use]
    pub const fn new(public_key: [u8; 32], message: &'a [u8], signature: [u8; 64]) -> Self {
        Self { public_key, message: Cow::Borrowed(message), signature }
    }
}

/// Verdicts of all items, in order.
#[must_use]
pub fn verify_batch(items: &[Item<'_>]) -> Vec<bool> {
    let mut verdicts = Vec::with_capacity(items.len());
    for chunk in items.chunks(BATCH_MAX) {
        let prepared: Vec<batch::Item> = chunk.iter().map(prepare).collect();
        halve(&prepared, &mut verdicts);
    }
    verdicts
}

fn prepare(item: &Item<'_>) -> batch::Item {
    let key = VerificationKeyBytes::from(item.public_key);
    (key, Signature::from_bytes(&item.signature), item.message.as_ref()).into()
}

fn halve(items: &[batch::Item], verdicts: &mut Vec<bool>) {
    if items.len() < BATCH_MIN {
        verdicts.extend(items.iter().map(|item| item.clone().verify_single().is_ok()));
    } else if is_all_right(items) {
        verdicts.extend(std::iter::repeat_n(true, items.len()));
    } else {
        let (left, right) = items.split_at(items.len() / 2);
        halve(left, verdicts);
        halve(right, verdicts);
    }
}

fn is_all_right(items: &[batch::Item]) -> bool {
    // Without randomness no batch can be trusted: then every signature is checked alone.
    let Some(factors) = Factors::draw(items.len()) else { return false };
    let mut verifier = batch::Verifier::new();
    for item in items {
        verifier.queue(item.clone());
    }
    verifier.verify(UnwrapErr(factors)).is_ok()
}

/// The random factors of one batch, 16 bytes a signature, drawn from the system with one call.
/// They must be unknown to signers, so none is ever used twice.
struct Factors {
    bytes: Vec<u8>,
    used: usize,
}

/// More factors were asked for than there are signatures.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the random factors of this batch are used up")]
struct UsedUp;

impl Factors {
    fn draw(signatures: usize) -> Option<Self> {
        let mut bytes = vec![0; signatures * 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self { bytes, used: 0 })
    }
}

impl TryRng for Factors {
    type Error = UsedUp;

    fn try_next_u32(&mut self) -> Result<u32, UsedUp> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, UsedUp> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), UsedUp> {
        let end = self.used + to.len();
        to.copy_from_slice(self.bytes.get(self.used..end).ok_or(UsedUp)?);
        self.used = end;
        Ok(())
    }
}

impl TryCryptoRng for Factors {}

/// A value whose signature was verified. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The value when the signature is right.
    #[must_use]
    pub fn check(value: T, item: &Item<'_>) -> Option<Self> {
        crate::verify::verify(&item.public_key, &item.message, &item.signature)
            .then_some(Self(value))
    }

    /// Checks many at once; `None` stands where a signature is wrong.
    #[must_use]
    pub fn check_all(values: Vec<(T, Item<'_>)>) -> Vec<Option<Self>> {
        let (values, items): (Vec<T>, Vec<Item<'_>>) = values.into_iter().unzip();
        values
            .into_iter()
            .zip(verify_batch(&items))
            .map(|(value, is_right)| is_right.then_some(Self(value)))
            .collect()
    }

    /// The value.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value, without its proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
