//! The few calls of `/api/v2` that the bench makes.

use super::network::CHANNEL;
use super::slowest::Journey;
use crate::error::BenchError;
use crate::http::{self, Answer, Connection};
use host_types::{GenesisHash, RawTx, TxId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Connections of the load to one peer: a peer takes 1,024 of this machine, and the bench itself
/// needs some.
pub(super) const CONNECTIONS_MAX: usize = 1_000;
/// Longest wait for a transaction to become final, seconds.
const WAIT_SECONDS: u32 = 30;

/// Path of a channel.
fn path(channel: &str) -> String {
    format!("/api/v2/channels/{channel}")
}

/// The request that submits a transaction to a channel.
pub(super) fn submit(channel: &str, raw: &RawTx) -> Vec<u8> {
    http::post(&format!("{}/transactions", path(channel)), "application/cbor", "", &raw.0)
}

fn submit_and_wait(channel: &str, raw: &RawTx) -> Vec<u8> {
    let prefer = format!("Prefer: wait={WAIT_SECONDS}\r\n");
    http::post(&format!("{}/transactions", path(channel)), "application/cbor", &prefer, &raw.0)
}

/// What a peer says of the channel.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ChannelState {
    pub(super) genesis: String,
    pub(super) height: u64,
    pub(super) block_hash: String,
    pub(super) transactions: u64,
    pub(super) pool_transactions: u64,
}

/// What a peer says of a transaction.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TxInfo {
    state: String,
    receipt: Option<ReceiptInfo>,
}

#[derive(Clone, Debug, Deserialize)]
struct ReceiptInfo {
    status: String,
    message: Option<String>,
}

impl TxInfo {
    pub(super) fn is_final(&self) -> bool {
        self.state == "final"
    }

    /// Why it did not do what it should; `None` when it did.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.receipt {
            Some(receipt) if receipt.status == "ok" => None,
            Some(receipt) => {
                let message = receipt.message.as_deref().unwrap_or_default();
                Some(format!("{}: {message}", receipt.status))
            }
            None => Some(self.state.clone()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct BlockInfo {
    transactions: Vec<BlockTx>,
}

#[derive(Debug, Deserialize)]
struct BlockTx {
    hash: String,
}

/// A connection that asks.
#[derive(Debug)]
pub(super) struct Client {
    address: String,
    channel: &'static str,
    connection: Connection,
}

impl Client {
    pub(super) async fn open(address: &str) -> Result<Self, BenchError> {
        Self::open_on(address, CHANNEL).await
    }

    /// Asks about another channel.
    pub(super) async fn open_on(address: &str, channel: &'static str) -> Result<Self, BenchError> {
        let connection = Connection::open(address).await?;
        Ok(Self { address: address.to_owned(), channel, connection })
    }

    async fn ask<T: DeserializeOwned>(&mut self, request: &[u8]) -> Result<T, BenchError> {
        let Answer { status, body } = self.connection.ask(request).await?;
        let told = |what: String| BenchError::Answer { address: self.address.clone(), what };
        if !(200..300).contains(&status) {
            let text = String::from_utf8_lossy(&body);
            let text: String = text.chars().take(400).collect();
            return Err(told(format!("status {status}: {text}")));
        }
        serde_json::from_slice(&body).map_err(|error| told(format!("an odd document: {error}")))
    }

    pub(super) async fn channel(&mut self) -> Result<ChannelState, BenchError> {
        self.ask(&http::get(&path(self.channel))).await
    }

    pub(super) async fn genesis(&mut self) -> Result<GenesisHash, BenchError> {
        let state = self.channel().await?;
        GenesisHash::from_hex(&state.genesis).ok_or_else(|| BenchError::Answer {
            address: self.address.clone(),
            what: format!("the genesis hash {:?}", state.genesis),
        })
    }

    /// Submits and answers when it is final here; `None` when it is not in time.
    pub(super) async fn finalise(&mut self, raw: &RawTx) -> Result<TxInfo, BenchError> {
        self.ask(&submit_and_wait(self.channel, raw)).await
    }

    pub(super) async fn transaction(&mut self, id: &TxId) -> Result<TxInfo, BenchError> {
        self.ask(&http::get(&format!("{}/transactions/{id}", path(self.channel)))).await
    }

    pub(super) async fn journey(&mut self, id: &TxId) -> Result<Journey, BenchError> {
        self.ask(&http::get(&format!("{}/transactions/{id}/journey", path(self.channel)))).await
    }

    /// Where a transaction is; not final when the peer never heard of it.
    pub(super) async fn is_final(&mut self, id: &TxId) -> Result<bool, BenchError> {
        let request = http::get(&format!("{}/transactions/{id}", path(self.channel)));
        let answer = self.connection.ask(&request).await?;
        let info: Option<TxInfo> = serde_json::from_slice(&answer.body).ok();
        Ok(answer.status == 200 && info.is_some_and(|info| info.is_final()))
    }

    /// Ids of a block's transactions.
    pub(super) async fn block(&mut self, height: u64) -> Result<Vec<TxId>, BenchError> {
        let block: BlockInfo =
            self.ask(&http::get(&format!("{}/blocks/{height}", path(self.channel)))).await?;
        let ids = block.transactions.iter().map(|tx| TxId::from_hex(&tx.hash));
        ids.collect::<Option<_>>().ok_or_else(|| BenchError::Answer {
            address: self.address.clone(),
            what: format!("block {height} with a hash that is none"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_did_not_do_its_work_is_told_apart() {
        let read = |text: &str| serde_json::from_str::<TxInfo>(text).unwrap();
        let done = read(r#"{"state":"final","receipt":{"status":"ok","message":null}}"#);
        assert!(done.is_final() && done.failure().is_none());
        let fault =
            read(r#"{"state":"final","receipt":{"status":"fault","message":"too little"}}"#);
        assert_eq!(fault.failure().unwrap(), "fault: too little");
        let pending = read(r#"{"state":"pending"}"#);
        assert!(!pending.is_final());
        assert_eq!(pending.failure().unwrap(), "pending");
    }

    #[test]
    fn a_submission_is_a_post_of_the_envelope() {
        let request = submit(CHANNEL, &RawTx(bytes::Bytes::from_static(b"raw")));
        let text = String::from_utf8(request).unwrap();
        assert!(text.starts_with("POST /api/v2/channels/demo/transactions HTTP/1.1\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nraw"));
    }
}
