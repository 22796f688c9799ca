//! How messages cross the binary interface: one CBOR array of two, the format number and the
//! message. Typed values in, bytes out, and back; a reader takes the whole input or refuses it.
//!
//! Deliberately not here: limits of size (a plugin and its host are one process and trust each
//! other), and what is hashed or signed (each rule encodes its own statements).

use crate::mirror::{HeaderView, Pair, Validator};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// Format of everything that crosses. Another number means another host or another plugin.
pub const FORMAT: u8 = 1;

/// Why bytes from the other side were not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// One line.
    pub message: String,
}

impl core::fmt::Display for WireError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WireError {}

impl WireError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What `verify_final` is given.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FinalClaim {
    /// Prefix of the statements of the epoch.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub statement_prefix: Vec<u8>,
    /// Validators of the epoch.
    #[n(1)]
    pub validators: Vec<Validator>,
    /// The block.
    #[n(2)]
    pub header: HeaderView,
    /// The block with its result.
    #[n(3)]
    pub pair: Pair,
    /// The rule's own bytes.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub proof: Vec<u8>,
    /// Parameters of the rule in that epoch, as in [`crate::InitCfg`]: thresholds may depend on
    /// them. Since 1.1.
    #[cbor(n(5), skip_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
}

/// What `describe_proof` is given.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ProofOf {
    /// Validators of the epoch.
    #[n(0)]
    pub validators: Vec<Validator>,
    /// The rule's own bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub proof: Vec<u8>,
}

/// Writes a message.
#[must_use]
pub fn encode<T: Encode<()> + ?Sized>(message: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut encoder = Encoder::new(&mut bytes);
    let written = encoder.array(2).and_then(|e| e.u8(FORMAT)).and_then(|e| e.encode(message));
    match written {
        Ok(_) => bytes,
        // A `Vec` takes every byte and our messages have no failing encoder; were it otherwise, the
        // reader on the other side refuses the empty answer and says so.
        Err(_) => Vec::new(),
    }
}

/// Reads a message.
///
/// # Errors
/// When the format number is another one, the message is malformed, or bytes are left over.
pub fn decode<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, WireError> {
    let mut decoder = Decoder::new(bytes);
    let malformed = |error: minicbor::decode::Error| WireError::new(format!("malformed: {error}"));
    if decoder.array().map_err(malformed)? != Some(2) {
        return Err(WireError::new("not a message: an array of two is expected"));
    }
    let format = decoder.u8().map_err(malformed)?;
    if format != FORMAT {
        return Err(WireError::new(format!("format {format}, this side speaks {FORMAT}")));
    }
    let message = decoder.decode().map_err(malformed)?;
    if decoder.position() != bytes.len() {
        let left = bytes.len() - decoder.position();
        return Err(WireError::new(format!("{left} bytes after the end of the message")));
    }
    Ok(message)
}

#[cfg(test)]
#[path = "abi_snapshot.rs"]
mod abi_snapshot;
#[cfg(test)]
#[path = "wire_samples.rs"]
pub(crate) mod samples;
#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
