//! Makes a transaction out of a call and signs it.
//!
//! In: a call, a signer. Out: the signed bytes, which are what is sent and sent again. Deliberately not
//! here: arguments of people (`client.call`), who may call what (the channel).

use crate::error::ClientError;
use crate::identity::Signer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host_types::change::SystemCall;
use host_types::codec::Encode;
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::{GenesisHash, ScoreName, TxId};
use host_types::limits::METHOD_BYTES_MAX;
use host_types::transaction::Transaction;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a transaction may wait for a block, microseconds (5 minutes): well below the channel's own
/// bound, well above any wait of a person.
const EXPIRY_US: u64 = 5 * 60 * 1_000_000;

/// A signed transaction, ready to be sent, any number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its id.
    pub id: TxId,
    /// `{"transaction": …, "signature": …}` for `/api/v2`.
    pub envelope: Value,
}

impl Signed {
    /// A transaction that was signed elsewhere.
    ///
    /// ```
    /// # fn example(transaction: &host_types::Transaction, signature: &[u8; 64]) {
    /// let signed = host_client::Signed::of(transaction, signature);
    /// println!("{}", signed.id);
    /// # }
    /// ```
    #[must_use]
    pub fn of(transaction: &Transaction, signature: &[u8; 64]) -> Self {
        let envelope = json!({
            "transaction": STANDARD.encode(transaction.to_bytes()),
            "signature": STANDARD.encode(signature),
        });
        Self { id: transaction.id(), envelope }
    }
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The channel's genesis.
    pub genesis: GenesisHash,
    /// The SCORE.
    pub score: ScoreName,
    /// Its method.
    pub method: String,
    /// Canonical arguments.
    pub args: Vec<u8>,
}

impl Call {
    /// A call of the channel itself.
    ///
    /// ```
    /// # use host_types::{GenesisHash, Hash32, change::SystemCall};
    /// # let genesis = GenesisHash::new(Hash32::new([1; 32]));
    /// let call = SystemCall::Register { certificate: vec![0x30] };
    /// let call = host_client::Call::system(genesis, &call)?;
    /// assert_eq!(call.score.as_str(), "system");
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// None that can happen: `system` is a name.
    pub fn system(genesis: GenesisHash, call: &SystemCall) -> Result<Self, ClientError> {
        let score = ScoreName::new(ScoreName::SYSTEM)
            .ok_or_else(|| ClientError::new(Code::Internal, "`system` is no name"))?;
        Ok(Self { genesis, score, method: call.method().to_owned(), args: call.args() })
    }

    /// Signs it: with a random nonce, good for five minutes of block time.
    ///
    /// ```no_run
    /// # fn example(call: host_client::Call, alice: &host_client::Identity) {
    /// let signed = call.sign(alice).expect("a method with a short name");
    /// # }
    /// ```
    ///
    /// # Errors
    /// `LC2108` when the name of the method is too long; no random bytes from the system.
    pub fn sign(self, by: &impl Signer) -> Result<Signed, ClientError> {
        if self.method.len() > METHOD_BYTES_MAX {
            let message = "the name of the method is too long";
            return Err(ClientError::new(Code::MethodUnknown, message));
        }
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|error| {
            ClientError::new(Code::Internal, format!("no random bytes: {error}"))
        })?;
        let transaction = Transaction {
            genesis: self.genesis,
            score: self.score,
            method: self.method,
            args: self.args.into(),
            signer: by.certificate_id(),
            nonce: u64::from_be_bytes(nonce),
            expiry: BlockTime::new(now_us() + EXPIRY_US),
        };
        let signature = by.sign(&transaction.signing_message());
        Ok(Signed::of(&transaction, &signature))
    }
}

/// Microseconds since 1970 by this machine's clock.
fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{CLIENT, fixture};
    use crate::identity::Identity;
    use host_identity::{SigningKey, verify};
    use host_types::Hash32;

    #[test]
    fn what_is_signed_is_what_is_sent_and_each_call_has_an_id_of_its_own() {
        let fixture = fixture();
        let key = SigningKey::from_seed([CLIENT; 32]);
        let public = key.public();
        let alice = Identity { key, certificate: fixture.client };
        let call = || Call {
            genesis: GenesisHash::new(Hash32::new([1; 32])),
            score: ScoreName::new("token").unwrap(),
            method: "transfer".into(),
            args: vec![0x80],
        };
        let (one, two) = (call().sign(&alice).unwrap(), call().sign(&alice).unwrap());
        assert_ne!(one.id, two.id);
        let part = |name: &str| STANDARD.decode(one.envelope[name].as_str().unwrap()).unwrap();
        let domain = host_types::Domain::Transaction;
        let (body, signature) = (part("transaction"), part("signature"));
        assert_eq!(TxId::new(domain.hash(&[&body])), one.id);
        let signature: [u8; 64] = signature.try_into().unwrap();
        assert!(verify(&public, &domain.message(&[&body]), &signature));
        let raw = [&[0x82][..], &body, &[0x58, 64], &signature].concat();
        let read = host_types::SignedTransaction::decode(&host_types::RawTx(raw.into()));
        assert_eq!(read.map(|tx| tx.id()), Ok(one.id));
    }

    #[test]
    fn a_method_with_a_long_name_is_refused_before_it_is_sent() {
        let alice =
            Identity { key: SigningKey::from_seed([CLIENT; 32]), certificate: fixture().client };
        let call = Call {
            genesis: GenesisHash::new(Hash32::new([1; 32])),
            score: ScoreName::new("token").unwrap(),
            method: "x".repeat(METHOD_BYTES_MAX + 1),
            args: vec![0x80],
        };
        assert_eq!(call.sign(&alice).unwrap_err().code(), Code::MethodUnknown);
    }
}
