//! One way to read bytes: CBOR whose re-encoding is the same bytes, behind a format number.
//!
//! Not here: any meaning.

use minicbor::{Decode, Encode};

/// Format number in front of everything this rule encodes.
pub(crate) const FORMAT: u8 = 1;

/// What stands around every encoded thing: `[format, content]`.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Framed<T> {
    #[n(0)]
    format: u8,
    #[n(1)]
    content: T,
}

#[derive(Encode)]
#[cbor(array)]
struct FramedRef<'a, T> {
    #[n(0)]
    format: u8,
    #[n(1)]
    content: &'a T,
}

/// Encodes with the format number in front.
pub(crate) fn encode<T: Encode<()>>(content: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let framed = FramedRef { format: FORMAT, content };
    if minicbor::encode(&framed, &mut bytes).is_err() {
        // Writing into a vector cannot fail; an empty answer would be refused by every reader.
        bytes.clear();
    }
    bytes
}

/// Decodes what [`encode`] made, and nothing else.
pub(crate) fn decode<T>(bytes: &[u8]) -> Result<T, String>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    let framed: Framed<T> =
        minicbor::decode(bytes).map_err(|error| format!("not readable: {error}"))?;
    if framed.format != FORMAT {
        return Err(format!("format {} is not {FORMAT}", framed.format));
    }
    if encode(&framed.content) == bytes {
        Ok(framed.content)
    } else {
        Err("not in the one canonical encoding".to_owned())
    }
}
