//! Makes a transaction out of a call and signs it.

use crate::failure::Failure;
use crate::identity::Identity;
use crate::time::now_us;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host_types::change::SystemCall;
use host_types::codec::{Encode, Writer};
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::{GenesisHash, ScoreName, TxId};
use host_types::limits::METHOD_BYTES_MAX;
use host_types::transaction::Transaction;
use serde_json::{Value, json};

/// How long a transaction of the command line may wait for a block, microseconds (5 minutes): well
/// below the channel's own bound, well above any wait of a person.
const EXPIRY_US: u64 = 5 * 60 * 1_000_000;

/// A signed transaction, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    /// Its id.
    pub id: TxId,
    /// `{"transaction": …, "signature": …}` for `/api/v2`.
    pub envelope: Value,
}

/// What is called.
#[derive(Clone, Debug)]
pub(crate) struct Call {
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
    pub(crate) fn system(genesis: GenesisHash, call: &SystemCall) -> Result<Self, Failure> {
        let score = ScoreName::new(ScoreName::SYSTEM)
            .ok_or_else(|| Failure::new(Code::Internal, "`system` is no name"))?;
        Ok(Self { genesis, score, method: call.method().to_owned(), args: call.args() })
    }

    /// Signs it.
    pub(crate) fn sign(self, identity: &Identity) -> Result<Signed, Failure> {
        if self.method.len() > METHOD_BYTES_MAX {
            return Err(Failure::new(Code::MethodUnknown, "the name of the method is too long"));
        }
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|error| Failure::new(Code::Internal, format!("no random bytes: {error}")))?;
        let transaction = Transaction {
            genesis: self.genesis,
            score: self.score,
            method: self.method,
            args: self.args.into(),
            signer: identity.certificate.id,
            nonce: u64::from_be_bytes(nonce),
            expiry: BlockTime::new(now_us() + EXPIRY_US),
        };
        let signature = identity.key.sign(&transaction.signing_message());
        let mut bytes = Writer::default();
        transaction.encode(&mut bytes);
        let envelope = json!({
            "transaction": STANDARD.encode(bytes.into_bytes()),
            "signature": STANDARD.encode(signature),
        });
        Ok(Signed { id: transaction.id(), envelope })
    }
}
