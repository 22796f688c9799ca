//! The one way in which this rule writes and reads bytes: CBOR `[format, content]`.
//!
//! A reader accepts bytes only when writing again gives the same bytes, so that nothing has two
//! encodings. Not here: any meaning.

use minicbor::{Decode, Encode};

const FORMAT: u8 = 1;

#[derive(Encode, Decode)]
#[cbor(array)]
struct Framed<T> {
    #[n(0)]
    format: u8,
    #[n(1)]
    content: T,
}

/// Writes.
pub(crate) fn encode<T: Encode<()>>(content: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let framed = Framed { format: FORMAT, content };
    if minicbor::encode(&framed, &mut bytes).is_err() {
        // Writing into a vector cannot fail; an empty answer would be refused by every reader.
        bytes.clear();
    }
    bytes
}

/// Reads what [`encode`] wrote, and nothing else.
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
