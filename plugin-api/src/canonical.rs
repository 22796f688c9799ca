//! The one encoding of what a rule signs, sends and proves: CBOR `[format, content]`, read only when
//! writing it again gives the same bytes, so that nothing has two encodings.
//!
//! In: a rule's own structures. Out: bytes, and back. Deliberately not here: any meaning, limits of
//! size (the host's), and what crosses the binary interface ([`crate::wire`], which need not be the
//! only encoding).

use minicbor::{Decode, Encode};

/// Format number in front of everything.
const FORMAT: u8 = 1;

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
#[must_use]
pub fn encode<T: Encode<()>>(content: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let framed = FramedRef { format: FORMAT, content };
    if minicbor::encode(&framed, &mut bytes).is_err() {
        // Writing into a vector cannot fail; an empty answer would be refused by every reader.
        bytes.clear();
    }
    bytes
}

/// Decodes what [`encode`] made, and nothing else.
///
/// # Errors
/// One line: it is no CBOR of this form, has another format number, or is not the one encoding.
pub fn decode<T>(bytes: &[u8]) -> Result<T, String>
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_every_other_form_of_it_is_refused() {
        let bytes = encode(&vec![7u64, 300]);
        assert_eq!(bytes, [0x82, 1, 0x82, 7, 0x19, 1, 44]);
        assert_eq!(decode::<Vec<u64>>(&bytes), Ok(vec![7, 300]));
        for other in [
            &[0x82, 2, 0x82, 7, 0x19, 1, 44][..],   // another format
            &[0x82, 1, 0x82, 0x18, 7, 0x19, 1, 44], // not the shortest
            &[0x82, 1, 0x9f, 7, 0x19, 1, 44, 0xff], // without a length
            &[0x82, 1, 0x82, 7, 0x19, 1, 44, 0],    // a byte more
            &[0x82, 1, 0x82, 7, 0x19, 1],           // a byte less
            &[0x83, 1, 0x82, 7, 0x19, 1, 44, 0],    // an element more
            &[],
        ] {
            assert!(decode::<Vec<u64>>(other).is_err(), "{other:02x?}");
        }
    }
}
