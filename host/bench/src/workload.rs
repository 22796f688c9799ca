//! Transactions to measure with: signed transfers between a fixed number of signers.
//!
//! In: signers and counts. Out: envelopes as a client sends them, and what a peer knows of the
//! signers. Signing costs more than verifying in batches, so all of it is done before a clock runs.

use host_identity::keypair::SigningKey;
use host_types::codec::{Encode, Writer};
use host_types::{
    Address, BlockTime, CertificateId, GenesisHash, Hash32, RawTx, ScoreName, Transaction, TxId,
};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// Name of the SCORE that the transfers call.
pub const SCORE: &str = "token";
/// How far ahead expiries lie: below the 15 minutes that a channel allows, with room for clocks.
pub const EXPIRY_AHEAD: Duration = Duration::from_secs(13 * 60);

/// Somebody who signs.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key.
    pub key: SigningKey,
    /// Id of the certificate.
    pub certificate: CertificateId,
    /// What a SCORE sees.
    pub address: Address,
}

impl Signer {
    /// A signer with a known certificate.
    #[must_use]
    pub fn new(key: SigningKey, certificate: CertificateId) -> Self {
        let address = Address::of_key(&key.public());
        Self { key, certificate, address }
    }

    /// Signers that are no members of any network; always the same ones.
    #[must_use]
    pub fn imaginary(count: usize) -> Vec<Self> {
        (0..count)
            .map(|i| {
                let seed = Hash32::sha256(&i.to_be_bytes());
                let id = CertificateId::new(Hash32::sha256(seed.as_bytes()));
                Self::new(SigningKey::from_seed(*seed.as_bytes()), id)
            })
            .collect()
    }

    /// The envelope of a call signed by this signer.
    #[must_use]
    pub fn envelope(&self, genesis: GenesisHash, call: Call, nonce: u64) -> (TxId, RawTx) {
        let transaction = Transaction {
            genesis,
            score: call.score,
            method: call.method.to_owned(),
            args: call.args.into(),
            signer: self.certificate,
            nonce,
            expiry: expiry(),
        };
        let signature = self.key.sign(&transaction.signing_message());
        (transaction.id(), transaction.into_envelope(&signature))
    }
}

fn expiry() -> BlockTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    BlockTime::new(u64::try_from((now + EXPIRY_AHEAD).as_micros()).unwrap_or(u64::MAX))
}

/// What a transaction calls.
#[derive(Clone, Debug)]
pub struct Call {
    /// The SCORE.
    pub score: ScoreName,
    /// Its method.
    pub method: &'static str,
    /// Canonical encoding of the arguments.
    pub args: Vec<u8>,
}

/// `transfer(to, amount)` of the token.
#[must_use]
pub fn transfer(score: &ScoreName, to: Address, amount: u64) -> Call {
    let mut w = Writer::default();
    w.array(2);
    to.encode(&mut w);
    w.uint(amount);
    Call { score: score.clone(), method: "transfer", args: w.into_bytes() }
}

/// Signed transfers of one token each: signer `i` pays the one after it, so balances stay level.
/// Spreads the signing over all cores.
#[must_use]
pub fn transfers(
    signers: &[Signer],
    genesis: GenesisHash,
    score: &ScoreName,
    count: usize,
) -> Vec<(TxId, RawTx)> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = count.div_ceil(threads).max(1);
    let starts: Vec<usize> = (0..count).step_by(share).collect();
    // Other numbers in every run; they only make ids differ.
    let base = expiry().get() << 8;
    let sign = |from: usize| -> Vec<(TxId, RawTx)> {
        (from..count.min(from + share))
            .filter_map(|i| {
                let payer = signers.get(i % signers.len().max(1))?;
                let payee = signers.get((i + 1) % signers.len().max(1))?;
                let call = transfer(score, payee.address, 1);
                Some(payer.envelope(genesis, call, base.wrapping_add(i as u64)))
            })
            .collect()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = starts.iter().map(|from| scope.spawn(|| sign(*from))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// What a replica knows of a signer.
#[derive(Clone, Copy, Debug)]
pub struct KnownSigner {
    /// The key that its signatures verify under.
    pub public_key: [u8; 32],
    /// What a SCORE sees.
    pub address: Address,
}

/// The signers by certificate, as a channel's membership has them.
#[must_use]
pub fn known(signers: &[Signer]) -> HashMap<CertificateId, KnownSigner> {
    let known = signers.iter().map(|signer| {
        let known = KnownSigner { public_key: signer.key.public(), address: signer.address };
        (signer.certificate, known)
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::verify::verify;
    use host_types::SignedTransaction;

    #[test]
    fn every_transfer_is_its_own_and_verifies_under_its_signer() {
        let signers = Signer::imaginary(3);
        let score = ScoreName::new(SCORE).unwrap();
        let genesis = GenesisHash::default();
        let all = transfers(&signers, genesis, &score, 10);
        let known = known(&signers);
        let mut ids: Vec<_> = all.iter().map(|(id, _)| *id).collect();
        for (id, raw) in &all {
            let tx = SignedTransaction::decode(raw).unwrap();
            assert_eq!(tx.id(), *id);
            let signer = known[&tx.transaction().signer];
            assert!(verify(&signer.public_key, &tx.signing_message(), tx.signature()));
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 10);
    }
}
