//! Transactions signed by a member of a local network, also ones that nobody should accept.
//!
//! In: a network and a name of its key folder. Out: [`Signed`] envelopes for `/api/v2`. The encoding
//! is the product's own (`host/types`, `host/web`): what a byte should be is `tests/golden`'s matter.

use crate::http::{self, Answer};
use crate::network::Network;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_identity::{Certificate, SigningKey, keyfile};
use host_types::ids::{CertificateId, GenesisHash, ScoreName};
use host_types::manifest::Manifest;
use host_types::{Address, BlockTime, Encode, Transaction};
use host_web::arguments::{self, CallKind};
use host_web::json::Json;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far ahead the expiry of these transactions lies.
const EXPIRY: Duration = Duration::from_secs(300);

/// Somebody who signs for one channel.
#[derive(Debug)]
pub struct Wallet {
    key: SigningKey,
    certificate: CertificateId,
    keys: PathBuf,
    channel: String,
    /// The genesis hash that its transactions name.
    pub genesis: GenesisHash,
}

/// A signed transaction.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Its id, hex.
    pub id: String,
    /// Canonical bytes of transaction and signature.
    pub cbor: Vec<u8>,
    /// The JSON envelope.
    pub json: Value,
}

fn identity(network: &Network, who: &str) -> (SigningKey, Certificate) {
    let keys = network.data().join("keys");
    let key = keyfile::load(&keys.join(format!("{who}.key"))).expect("a key of the network");
    let der = keyfile::load_certificate(&keys.join(format!("{who}.crt")));
    let der = der.expect("a certificate of the network");
    (key, Certificate::parse(&der).expect("a certificate that can be read"))
}

/// Microseconds since 1970.
#[must_use]
pub fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or_default()
}

impl Wallet {
    /// That of a name in the network's key folder, for a channel of its first peer.
    ///
    /// # Panics
    /// When there is no such key or channel.
    #[must_use]
    pub fn of(network: &Network, who: &str, channel: &str) -> Self {
        let (key, certificate) = identity(network, who);
        let state = network.channel(0, channel).expect("peer0 has the channel");
        let genesis = state["genesis"].as_str().and_then(GenesisHash::from_hex);
        Self {
            key,
            certificate: certificate.id,
            keys: network.data().join("keys"),
            channel: channel.to_owned(),
            genesis: genesis.expect("a genesis hash"),
        }
    }

    /// Address of a name in the key folder.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn address(&self, who: &str) -> Address {
        let key = keyfile::load(&self.keys.join(format!("{who}.key"))).expect("a key");
        Address::of_key(&key.public())
    }

    /// A call with arguments as canonical bytes.
    ///
    /// # Panics
    /// When the SCORE has no proper name.
    #[must_use]
    pub fn call(&self, score: &str, method: &str, args: Vec<u8>) -> Transaction {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let expiry = now_us() + u64::try_from(EXPIRY.as_micros()).unwrap_or_default();
        Transaction {
            genesis: self.genesis,
            score: ScoreName::new(score).expect("a name of a SCORE"),
            method: method.to_owned(),
            args: args.into(),
            signer: self.certificate,
            nonce: now_us() ^ NONCE.fetch_add(1 << 40, Ordering::Relaxed),
            expiry: BlockTime::new(expiry),
        }
    }

    /// Arguments of a transaction, encoded as the SCORE's manifest says.
    ///
    /// # Panics
    /// When they do not fit.
    #[must_use]
    pub fn args(&self, network: &Network, score: &str, method: &str, args: &Value) -> Vec<u8> {
        let path = format!("/api/v2/channels/{}/scores/{score}", self.channel);
        let answer = network.get(0, &path).json();
        let mut manifest = answer["manifest"].clone();
        manifest["abi"] = answer["manifest"].get("abi").cloned().unwrap_or_else(|| json!("1.0"));
        let manifest: Manifest = serde_json::from_value(manifest).expect("a manifest");
        let found = arguments::find(&manifest, CallKind::Transaction, method).expect("a method");
        let encoded = arguments::encode(score, found, &Json::from(args), &|who: &str| {
            self.keys.join(format!("{who}.key")).exists().then(|| self.address(who))
        });
        encoded.expect("arguments that fit")
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, transaction: &Transaction) -> Signed {
        let signature = self.key.sign(&transaction.signing_message());
        envelope(transaction, &signature)
    }
}

/// An envelope with any signature.
#[must_use]
pub fn envelope(transaction: &Transaction, signature: &[u8; 64]) -> Signed {
    let json = json!({
        "transaction": STANDARD.encode(transaction.to_bytes()),
        "signature": STANDARD.encode(signature),
    });
    let cbor = transaction.into_envelope(signature).0.to_vec();
    Signed { id: transaction.id().to_string(), cbor, json }
}

impl Signed {
    /// Sends it to a peer, which waits for finality.
    #[must_use]
    pub fn send(&self, network: &Network, peer: u16, channel: &str) -> Answer {
        let url = network.url(peer, &format!("/api/v2/channels/{channel}/transactions"));
        let headers = [("Content-Type", "application/json"), ("Prefer", "wait=30")];
        http::post_with(&url, &headers, self.json.to_string().as_bytes())
    }
}
