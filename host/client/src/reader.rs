//! Requests that say who asks: the header `Loopchain-Read` of a request about a channel.
//!
//! In: a signer, a request. Out: the header's value. A channel whose policies name roles, or that grants
//! an auditor part of itself, answers by it (`docs/spec/rest.md`). Deliberately not here: transactions,
//! which are signed by themselves ([`crate::Signed`]).

use crate::answer::odd;
use crate::error::ClientError;
use crate::http::{Endpoint, Exchange, Question};
use crate::identity::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::GenesisHash;
use host_types::limits::READ_WINDOW_US;
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::{Encode, Hash32};
use hyper::Method;
use serde_json::Value;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::OnceCell;

/// How long a request is good, microseconds: the middle of what peers take, so that clocks may differ by
/// as much in either way.
const EXPIRY_US: u64 = READ_WINDOW_US / 2;

/// When a client says who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// With every request about a channel: an auditor, whose reads are to leave a record.
    Always,
    /// When the channel's policy refused one that nobody signed.
    WhenRefused,
}

type Found = Box<dyn Signer + Send + Sync>;
type Find = Box<dyn Fn() -> Result<Found, ClientError> + Send + Sync>;

/// Who asks.
pub(crate) struct Reader {
    pub says: Says,
    find: Find,
    /// Found when it is needed: it may want a password.
    signer: OnceCell<Found>,
    /// Of the one channel of a client.
    genesis: OnceCell<GenesisHash>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("says", &self.says).finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(
        says: Says,
        find: impl Fn() -> Result<Found, ClientError> + Send + Sync + 'static,
    ) -> Self {
        let find = Box::new(find);
        Self { says, find, signer: OnceCell::new(), genesis: OnceCell::new() }
    }

    /// The header's value, for this request to this peer; another one each time.
    pub(crate) async fn header(
        &self,
        endpoint: &Endpoint,
        question: &Question<'_>,
        seen: &(dyn Fn(&Exchange) + Sync),
    ) -> Result<String, ClientError> {
        let signer = self.signer.get_or_try_init(|| async { (self.find)() }).await?;
        let channel = channel_of(question.path).unwrap_or_default();
        let path = format!("/api/v2/channels/{channel}");
        let ask = || async {
            // Anybody may know that there is the channel, and which one.
            let (method, path, timeout) = (Method::GET, path.as_str(), question.timeout);
            let question = Question { method, path, body: None, wait: None, timeout };
            let status = endpoint.exchange(&question, None, seen).await?;
            let genesis = status.get("genesis").and_then(Value::as_str).unwrap_or_default();
            GenesisHash::from_hex(genesis).ok_or_else(|| odd("genesis"))
        };
        let genesis = *self.genesis.get_or_try_init(ask).await?;
        let nonce = getrandom::u64().map_err(|error| {
            ClientError::new(Code::Internal, format!("no random bytes: {error}"))
        })?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX - EXPIRY_US);
        let body = question.body.map(ToString::to_string).unwrap_or_default();
        let request = ReadRequest {
            genesis,
            method: question.method.as_str().to_owned(),
            target: question.path.to_owned(),
            body: Hash32::sha256(body.as_bytes()),
            signer: signer.certificate_id(),
            nonce,
            expiry: BlockTime::new(now + EXPIRY_US),
        };
        let signature = signer.sign(&request.signing_message());
        Ok(STANDARD.encode(SignedRead { request, signature }.to_bytes()))
    }
}

/// The channel that a path is about, when it is about more than whether there is one.
pub(crate) fn channel_of(path: &str) -> Option<&str> {
    let (channel, rest) = path.strip_prefix("/api/v2/channels/")?.split_once('/')?;
    (!rest.is_empty()).then_some(channel)
}

#[cfg(test)]
mod tests {
    use super::channel_of;

    #[test]
    fn what_is_in_a_channel_is_signed_for_and_that_there_is_one_is_not() {
        assert_eq!(channel_of("/api/v2/channels/demo/blocks/1?x=y"), Some("demo"));
        for path in ["/api/v2/channels", "/api/v2/channels/demo", "/api/v2/channels/demo/", "/x"] {
            assert_eq!(channel_of(path), None, "{path}");
        }
    }
}
