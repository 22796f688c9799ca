//! `Address`: who signs, who calls, who owns. Twenty bytes; the text form `hx…` is the host's matter.

use core::fmt;

/// An account's or a SCORE's address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hx")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
