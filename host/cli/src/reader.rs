//! Requests that say who asks: the header `Loopchain-Read` of a request about a channel.
//!
//! In: an identity, a request. Out: the header's value. Deliberately not here: when a command says who
//! asks (`Client::reading`), what a peer makes of it (`docs/spec/rest.md`).

use crate::failure::Failure;
use crate::identity::Identity;
use crate::network::DataFolder;
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

/// When a command says who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// With every request about a channel.
    Always,
    /// When a request without it was refused by a policy.
    WhenRefused,
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Reader {
    data: DataFolder,
    name: String,
    /// When.
    pub says: Says,
    /// Read when it is needed: it may want a password.
    identity: OnceCell<Identity>,
    /// Of the channel that is asked about; a command asks about one.
    pub genesis: OnceCell<GenesisHash>,
}

impl Reader {
    /// The identity of this name or path.
    pub(crate) fn new(data: &DataFolder, name: &str, says: Says) -> Self {
        let (data, name) = (data.clone(), name.to_owned());
        Self { data, name, says, identity: OnceCell::new(), genesis: OnceCell::new() }
    }

    /// The same, with every request.
    pub(crate) fn always(&self) -> Self {
        Self::new(&self.data, &self.name, Says::Always)
    }

    /// The header's value.
    pub(crate) async fn header(
        &self,
        genesis: GenesisHash,
        (method, target): (&str, &str),
        body: &[u8],
    ) -> Result<String, Failure> {
        let find = || async { Identity::find(&self.data, &self.name) };
        let identity = self.identity.get_or_try_init(find).await?;
        let nonce = getrandom::u64()
            .map_err(|error| Failure::new(Code::Internal, format!("no random bytes: {error}")))?;
        let request = ReadRequest {
            genesis,
            method: method.to_owned(),
            target: target.to_owned(),
            body: Hash32::sha256(body),
            signer: identity.certificate.id,
            nonce,
            expiry: BlockTime::new(now_us() + EXPIRY_US),
        };
        let signature = identity.key.sign(&request.signing_message());
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
        for path in
            ["/api/v2/channels", "/api/v2/channels/demo", "/api/v2/channels/demo/", "/healthz"]
        {
            assert_eq!(channel_of(path), None, "{path}");
        }
    }
}
