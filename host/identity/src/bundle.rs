//! Several PEM blocks in one file: two requests that travel together, the certificates that come
//! back.
//!
//! In and out: labels with DER. Text between the blocks is passed over, as other tools do. Not here:
//! what the blocks mean, private keys ([`crate::keyfile`]).

use crate::keyfile::{FILE_BYTES_MAX, KeyFileError};
use pkcs8::LineEnding;
use pkcs8::der::pem;
use std::io::Read;
use std::path::Path;

/// Label of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// Label of a request for one.
pub const REQUEST: &str = "CERTIFICATE REQUEST";
/// Label of a revocation list.
pub const CRL: &str = "X509 CRL";
/// Label of the proof that a request belongs to an invitation.
pub const INVITATION: &str = "LOOPCHAIN INVITATION";

/// Blocks in one file: certificates of a node, and a root for each of 32 organisations.
const BLOCKS_MAX: usize = 40;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// A labelled piece of DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// As it stands behind `BEGIN`.
    pub label: String,
    /// What is in it.
    pub der: Vec<u8>,
}

impl Block {
    /// A block.
    #[must_use]
    pub fn new(label: &str, der: impl Into<Vec<u8>>) -> Self {
        Self { label: label.to_owned(), der: der.into() }
    }
}

/// Blocks as text.
///
/// # Errors
/// When one is too large for the encoder.
pub fn write(blocks: &[Block]) -> Result<String, KeyFileError> {
    let texts = blocks.iter().map(|block| {
        pem::encode_string(&block.label, LineEnding::LF, &block.der)
            .map_err(|error| wrong(Path::new(&block.label), error))
    });
    texts.collect()
}

/// The blocks of a text; `path` is where it came from, for messages.
///
/// # Errors
/// When a block is damaged, or there are none or too many.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Block>, KeyFileError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let from = &rest[start..];
        let end = from.find(END).ok_or_else(|| wrong(path, "a block does not end"))?;
        let line = from[end..].find('\n').map_or(from.len(), |length| end + length + 1);
        let (label, der) =
            pem::decode_vec(&from.as_bytes()[..line]).map_err(|error| wrong(path, error))?;
        if blocks.len() == BLOCKS_MAX {
            return Err(wrong(path, format!("more than {BLOCKS_MAX} blocks")));
        }
        blocks.push(Block::new(label, der));
        rest = &from[line..];
    }
    if blocks.is_empty() { Err(wrong(path, "it has no block")) } else { Ok(blocks) }
}

/// Reads the blocks of a file.
///
/// # Errors
/// The disk, or as [`parse`].
pub fn load(path: &Path) -> Result<Vec<Block>, KeyFileError> {
    let fail = |error| KeyFileError::Io { path: path.into(), error };
    let file = std::fs::File::open(path).map_err(fail)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
    parse(path, &text)
}

fn wrong(path: &Path, reason: impl ToString) -> KeyFileError {
    KeyFileError::Format { path: path.into(), kind: "bundle", reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_read_back_with_text_between_them() {
        let blocks = [Block::new(CERTIFICATE, [1; 100]), Block::new(REQUEST, [2])];
        let text = write(&blocks).unwrap();
        let told = format!(
            "hello\n{}\nbye",
            text.replace("-----BEGIN CERTIFICATE R", "x\n-----BEGIN CERTIFICATE R")
        );
        assert_eq!(parse(Path::new("f"), &told).unwrap(), blocks);
        assert_eq!(parse(Path::new("f"), text.trim_end()).unwrap(), blocks);
    }

    #[test]
    fn damaged_or_missing_blocks_are_refused_with_the_name_of_the_file() {
        let good = write(&[Block::new(CERTIFICATE, [1; 100])]).unwrap();
        let many = good.repeat(BLOCKS_MAX + 1);
        for text in [
            "",
            "nothing",
            "-----BEGIN CERTIFICATE-----\nAAAA",
            &good.replace("-----END C", "-----END X"),
            &many,
        ] {
            let refused = parse(Path::new("some.pem"), text).unwrap_err().to_string();
            assert!(refused.contains("some.pem"), "{refused}");
        }
    }
}
