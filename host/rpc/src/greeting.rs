//! The first words on an authenticated connection, before tarpc sees a byte of it.
//!
//! ```text
//! greeting = [ protocol, network: bytes 32, class, frame_bytes_max ]
//! answer   = [ protocol, network: bytes 32, null | [ code, text ] ]
//! ```
//! Both are canonical and framed by a four-byte length. The protocol number comes first, so that
//! any two versions can tell each other theirs. Not here: who the peer is ([`crate::session`]).

use crate::error::ConnectError;
use crate::limits::PROTOCOL;
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::limits::{FRAME_BYTES_MAX, HELLO_FRAME_BYTES_MAX, TEXT_BYTES_MAX};
use host_types::{Code, NetworkId, Rejection};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Fields a greeting of any later version may have.
const FIELDS_MAX: usize = 32;

/// What a connection is for. Each has its own, so that bulk never delays votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Statements and proposals.
    Consensus,
    /// Transactions for the pool.
    Transactions,
    /// Blocks, artefacts, status.
    Bulk,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Consensus, Self::Transactions, Self::Bulk];

    /// Its word, as in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Transactions => "transactions",
            Self::Bulk => "bulk",
        }
    }
}

/// What a client says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) network: NetworkId,
    pub(crate) class: Class,
    pub(crate) frame_bytes_max: u64,
}

impl Greeting {
    pub(crate) const fn new(network: NetworkId, class: Class) -> Self {
        Self { network, class, frame_bytes_max: FRAME_BYTES_MAX as u64 }
    }

    pub(crate) fn to_bytes(self, protocol: u64) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(4);
        w.uint(protocol);
        self.network.encode(&mut w);
        w.uint(self.class as u64);
        w.uint(self.frame_bytes_max);
        w.into_bytes()
    }

    /// Reads a greeting; another protocol number is told apart from nonsense.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, GreetingError> {
        let mut r = Reader::new(bytes);
        let fields = r.array_up_to(FIELDS_MAX)?;
        let theirs = r.uint()?;
        if theirs != PROTOCOL {
            return Err(GreetingError::Protocol(theirs));
        }
        let error = r.error(CodecErrorKind::OutOfRange);
        let network = NetworkId::decode(&mut r)?;
        let class = usize::try_from(r.uint()?).ok().and_then(|n| Class::ALL.get(n).copied());
        let (Some(class), 4) = (class, fields) else { return Err(error.into()) };
        let frame_bytes_max = r.uint()?;
        r.finish()?;
        Ok(Self { network, class, frame_bytes_max })
    }

    /// Whether this end can talk to somebody who greets so.
    pub(crate) fn check(&self, network: NetworkId) -> Result<(), Rejection> {
        let refuse = |message| Err(Rejection::new(Code::ProtocolMismatch, message));
        if self.network != network {
            return refuse(format!("this is network {network}, not {}", self.network));
        }
        if self.frame_bytes_max != FRAME_BYTES_MAX as u64 {
            let theirs = self.frame_bytes_max;
            return refuse(format!("frames have {FRAME_BYTES_MAX} bytes here, {theirs} there"));
        }
        Ok(())
    }
}

/// What is wrong with a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GreetingError {
    #[error("protocol {PROTOCOL} here, {0} there")]
    Protocol(u64),
    #[error(transparent)]
    Form(#[from] CodecError),
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) network: NetworkId,
    pub(crate) refusal: Option<Rejection>,
}

impl Answer {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(3);
        w.uint(PROTOCOL);
        self.network.encode(&mut w);
        match &self.refusal {
            None => w.null(),
            Some(rejection) => {
                w.array(2);
                w.uint(u64::from(rejection.code.number()));
                w.text(shorten(&rejection.message));
            }
        }
        w.into_bytes()
    }

    /// Reads the answer of `peer` and judges it.
    pub(crate) fn check(bytes: &[u8], network: NetworkId, peer: &str) -> Result<(), ConnectError> {
        let answer = Self::read(bytes).map_err(|error| match error {
            GreetingError::Protocol(theirs) => ConnectError::Protocol { ours: PROTOCOL, theirs },
            GreetingError::Form(error) => {
                ConnectError::Garbled { peer: peer.to_owned(), reason: error.to_string() }
            }
        })?;
        match answer.refusal {
            _ if answer.network != network => {
                Err(ConnectError::Network { ours: network, theirs: answer.network })
            }
            Some(rejection) => Err(ConnectError::Refused { peer: peer.to_owned(), rejection }),
            None => Ok(()),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, GreetingError> {
        let mut r = Reader::new(bytes);
        r.array_up_to(FIELDS_MAX)?;
        let theirs = r.uint()?;
        if theirs != PROTOCOL {
            return Err(GreetingError::Protocol(theirs));
        }
        let network = NetworkId::decode(&mut r)?;
        let refusal = if r.is_null() {
            None
        } else {
            r.array(2)?;
            let code = Code::from_number(r.uint_as()?).unwrap_or(Code::Internal);
            Some(Rejection::new(code, r.text(TEXT_BYTES_MAX)?))
        };
        r.finish()?;
        Ok(Self { network, refusal })
    }
}

fn shorten(text: &str) -> &str {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Sends one frame of the greeting.
pub(crate) async fn write_frame<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(bytes);
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// Receives one frame of the greeting.
pub(crate) async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    match usize::try_from(length) {
        Ok(length @ 0..=HELLO_FRAME_BYTES_MAX) => {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).await?;
            Ok(bytes)
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a greeting of {length} bytes, at most {HELLO_FRAME_BYTES_MAX}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Hash32;

    fn network(byte: u8) -> NetworkId {
        NetworkId::new(Hash32::new([byte; 32]))
    }

    #[test]
    fn a_greeting_reads_back_and_names_another_protocol() {
        for class in Class::ALL {
            let greeting = Greeting::new(network(1), class);
            assert_eq!(Greeting::read(&greeting.to_bytes(PROTOCOL)), Ok(greeting));
            assert_eq!(Greeting::read(&greeting.to_bytes(9)), Err(GreetingError::Protocol(9)));
        }
        assert!(matches!(Greeting::read(&[]), Err(GreetingError::Form(_))));
    }

    #[test]
    fn another_network_is_refused_with_both_ids() {
        let refused = Greeting::new(network(1), Class::Bulk).check(network(2)).unwrap_err();
        assert_eq!(refused.code, Code::ProtocolMismatch);
        assert!(refused.message.contains(&network(1).to_string()));
        assert!(refused.message.contains(&network(2).to_string()));
    }

    #[test]
    fn an_answer_carries_its_refusal_even_when_it_is_long() {
        let refusal = Rejection::new(Code::JoinRefused, "ä".repeat(400));
        let answer = Answer { network: network(1), refusal: Some(refusal) };
        let error = Answer::check(&answer.to_bytes(), network(1), "bank-a/peer0").unwrap_err();
        assert_eq!(error.code(), Code::JoinRefused);
        let good = Answer { network: network(1), refusal: None };
        assert!(Answer::check(&good.to_bytes(), network(1), "bank-a/peer0").is_ok());
    }
}
