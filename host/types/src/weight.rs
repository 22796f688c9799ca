//! What a statement counts.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};

/// A positive integer weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u64);

impl Weight {
    /// `None` for zero: a validator without weight is no validator.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        if value == 0 { None } else { Some(Self(value)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Encode for Weight {
    fn encode(&self, w: &mut Writer) {
        w.uint(self.0);
    }
}

impl Decode<'_> for Weight {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        Self::new(r.uint()?).ok_or(error)
    }
}
