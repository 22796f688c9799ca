//! Requests that say who asks: the header `Loopchain-Read` of a request about a channel.
//!
//! In: an identity, a request. Out: the header's value. Deliberately not here: when a command says who
//! asks (`Client::reading`), what a peer makes of it (`docs/spec/rest.md`).

use crate::failure::Failure;
use crate::identity::Identity;
use crate::time::now_us;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::GenesisHash;
use host_types::limits::READ_WINDOW_US;
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::{Encode, Hash32};
use tokio::sync::OnceCell;

/// How long a request is good, microseconds: in the middle of what peers take, so that clocks may differ
/// by as much in either way.
const EXPIRY_US: u64 = READ_WINDOW_US / 2;

/// Who asks.
#[derive(Debug)]
pub(crate) struct Reader {
    identity: Identity,
    /// Of the channel that is asked about; a command asks about one.
    pub genesis: OnceCell<GenesisHash>,
}

impl Reader {
    /// Of this identity.
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, genesis: OnceCell::new() }
    }

    /// The header's value.
    pub(crate) fn header(
        &self,
        genesis: GenesisHash,
        (method, target): (&str, &str),
        body: &[u8],
    ) -> Result<String, Failure> {
        let nonce = getrandom::u64()
            .map_err(|error| Failure::new(Code::Internal, format!("no random bytes: {error}")))?;
        let request = ReadRequest {
            genesis,
            method: method.to_owned(),
            target: target.to_owned(),
            body: Hash32::sha256(body),
            signer: self.identity.certificate.id,
            nonce,
            expiry: BlockTime::new(now_us() + EXPIRY_US),
        };
        let signature = self.identity.key.sign(&request.signing_message());
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
        for path in ["/api/v2/channels", "/api/v2/channels/demo", "/api/v2/channels/demo/", "/healthz"] {
            assert_eq!(channel_of(path), None, "{path}");
        }
    }
}
