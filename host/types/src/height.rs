//! Positions and times: height, epoch, view, block time. They never convert into each other.

use crate::codec::{CodecError, Decode, Encode, Reader, Writer};

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u64);

        impl $name {
            /// The first.
            pub const ZERO: Self = Self(0);

            /// Takes a number as it is.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The one after; stays at the last of all.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                w.uint(self.0);
            }
        }

        impl Decode<'_> for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                r.uint().map(Self)
            }
        }
    };
}

counter!(
    /// Position of a block; genesis is 0.
    Height
);
counter!(
    /// A span of blocks with one validator set.
    Epoch
);
counter!(
    /// One leader's turn, numbered inside an epoch; 0 is the epoch's root.
    View
);
counter!(
    /// Microseconds since 1970 as a block's header tells them. Agreed, never a local clock.
    BlockTime
);
