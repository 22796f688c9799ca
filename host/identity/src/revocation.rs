//! What an organisation has taken back: its signed list of serial numbers.
//!
//! In: DER and the roots that may have signed it. Out: a [`Crl`], or why it is not believed. A list
//! has a number that only grows; whoever keeps one refuses an older one. No clock: a list is never
//! too old by itself, because every peer must judge it alike. Deliberately not here: where lists
//! are kept (`host/core/src/system`, `host/cli`), issuing ([`crate::authority`]).

use crate::root::Root;
use host_types::hash::to_hex;
use host_types::limits::{CRL_BYTES_MAX, CRL_ENTRIES_MAX};
use host_types::{BlockTime, Code, Hash32};
use std::collections::BTreeSet;
use std::fmt;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// `AlgorithmIdentifier` of ECDSA with SHA-256, DER.
const SIGNED_WITH: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// The number of a certificate at the root that issued it: 1 to 20 bytes, as in the DER.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Bytes at most (RFC 5280, 4.1.2.2).
    pub const BYTES_MAX: usize = 20;

    /// A number as it stands in the DER; none when it is empty or too long.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=Self::BYTES_MAX).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// Reads the hex digits that [`fmt::Display`] writes; colons are passed over.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let pairs = digits.chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        Self::new(&pairs.collect::<Option<Vec<_>>>()?)
    }

    /// As in the DER.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One certificate that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its number.
    pub serial: Serial,
    /// When.
    pub at: BlockTime,
}

/// Why a list is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Not a list of the form we use.
    #[error("not a revocation list of this product: {0}")]
    Malformed(String),
    /// None of the roots signed it.
    #[error("the revocation list is signed by no root known here")]
    Untrusted,
    /// There is a newer one, or another one of the same number.
    #[error("revocation list {number} does not follow {known}, which is known already")]
    Rollback {
        /// Its number.
        number: u64,
        /// The number of the one that is known.
        known: u64,
    },
}

impl CrlError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::CrlRefused
    }
}

/// Bytes of the content of a DER value that is all of `der`.
fn content_length(der: &[u8]) -> usize {
    let header = match der.get(1) {
        Some(long @ 0x80..) => 2 + usize::from(long & 0x7f),
        _ => 2,
    };
    der.len().saturating_sub(header)
}

fn malformed(reason: impl ToString) -> CrlError {
    CrlError::Malformed(reason.to_string())
}

/// A list that one of the roots signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    /// Fingerprint of the root that signed it.
    pub root: Hash32,
    /// Its number; that of a later list is higher.
    pub number: u64,
    /// When it was made.
    pub issued: BlockTime,
    /// Numbers of the certificates it takes back.
    pub serials: BTreeSet<Serial>,
    /// As it came.
    pub der: Vec<u8>,
}

impl Crl {
    /// Reads a list and finds the root that signed it.
    ///
    /// # Errors
    /// When it is too large, malformed, has no number, or none of the roots signed it.
    pub fn parse(der: &[u8], roots: &[Root]) -> Result<Self, CrlError> {
        if der.len() > CRL_BYTES_MAX {
            return Err(malformed(format!("{} bytes, at most {CRL_BYTES_MAX}", der.len())));
        }
        let (rest, parsed) = CertificateRevocationList::from_der(der).map_err(malformed)?;
        if !rest.is_empty() {
            return Err(malformed("bytes follow the list"));
        }
        let list = &parsed.tbs_cert_list;
        // The signature does not cover what names its algorithm: it is compared byte by byte.
        let header = der.len().saturating_sub(content_length(der));
        let behind = der.get(header + list.as_ref().len()..).unwrap_or_default();
        if !behind.starts_with(SIGNED_WITH) || parsed.signature_value.unused_bits != 0 {
            return Err(malformed("it is not signed with ECDSA P-256 and SHA-256"));
        }
        if list.revoked_certificates.len() > CRL_ENTRIES_MAX {
            let count = list.revoked_certificates.len();
            return Err(malformed(format!("{count} entries, at most {CRL_ENTRIES_MAX}")));
        }
        // RFC 5280, 5.2.3: at most 20 bytes; ours fit 8 for longer than anybody issues lists.
        let number = parsed.crl_number().ok_or_else(|| malformed("it has no number"))?;
        let number = u64::try_from(number).map_err(|_| malformed("its number is over 2^64"))?;
        let serials = list.revoked_certificates.iter().map(|one| Serial::new(one.raw_serial()));
        let serials: Option<BTreeSet<_>> = serials.collect();
        let issued = u64::try_from(list.this_update.timestamp())
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .ok_or_else(|| malformed("it was issued before 1970"))?;
        let signature = parsed.signature_value.data.as_ref();
        let root = roots.iter().find(|root| root.has_signed(list.as_ref(), signature));
        Ok(Self {
            root: root.ok_or(CrlError::Untrusted)?.fingerprint(),
            number,
            issued: BlockTime::new(issued),
            serials: serials.ok_or_else(|| malformed("a serial number is too long"))?,
            der: der.to_vec(),
        })
    }

    /// Whether it may take the place of the list of this number.
    ///
    /// # Errors
    /// [`CrlError::Rollback`] when its number is not higher.
    pub const fn follows(&self, known: u64) -> Result<(), CrlError> {
        if self.number > known {
            Ok(())
        } else {
            Err(CrlError::Rollback { number: self.number, known })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, Validity};

    const NOW: BlockTime = BlockTime::new(1_700_000_000_000_000);

    fn authority() -> Authority {
        Authority::new("bank-a", Validity::days_from_now(30)).unwrap()
    }

    fn entry(byte: u8) -> Revoked {
        Revoked { serial: Serial::new(&[byte, 1, 2]).unwrap(), at: NOW }
    }

    #[test]
    fn a_list_reads_back_under_its_own_root_only() {
        let (ours, theirs) = (authority(), authority());
        let der = ours.issue_crl(7, NOW, &[entry(1), entry(2)]).unwrap();
        let roots = [theirs.root().clone(), ours.root().clone()];
        let crl = Crl::parse(&der, &roots).unwrap();
        assert_eq!((crl.root, crl.number), (ours.root().fingerprint(), 7));
        assert_eq!(crl.issued, NOW);
        assert_eq!(crl.serials, [entry(1).serial, entry(2).serial].into());
        assert_eq!(Crl::parse(&der, &roots[..1]), Err(CrlError::Untrusted));
    }

    #[test]
    fn an_empty_list_is_one_too_and_serials_with_a_high_bit_keep_their_bytes() {
        let ours = authority();
        let roots = [ours.root().clone()];
        let empty = Crl::parse(&ours.issue_crl(1, NOW, &[]).unwrap(), &roots).unwrap();
        assert!(empty.serials.is_empty());
        let high = Revoked { serial: Serial::new(&[0x40; 16]).unwrap(), at: NOW };
        let list = ours.issue_crl(2, NOW, std::slice::from_ref(&high)).unwrap();
        assert!(Crl::parse(&list, &roots).unwrap().serials.contains(&high.serial));
    }

    #[test]
    fn a_number_that_does_not_grow_is_a_rollback() {
        let ours = authority();
        let crl =
            Crl::parse(&ours.issue_crl(7, NOW, &[]).unwrap(), &[ours.root().clone()]).unwrap();
        assert_eq!(crl.follows(6), Ok(()));
        for known in [7, 8] {
            let refused = crl.follows(known).unwrap_err();
            assert_eq!(refused, CrlError::Rollback { number: 7, known });
            assert_eq!(refused.code(), Code::CrlRefused);
        }
    }

    #[test]
    fn every_changed_or_cut_byte_is_refused() {
        let ours = authority();
        let roots = [ours.root().clone()];
        let der = ours.issue_crl(7, NOW, &[entry(1)]).unwrap();
        for index in 0..der.len() {
            let mut changed = der.clone();
            changed[index] ^= 1;
            assert!(Crl::parse(&changed, &roots).is_err(), "byte {index}");
            assert!(Crl::parse(&der[..index], &roots).is_err(), "cut at {index}");
        }
        assert!(Crl::parse(&[der, vec![0]].concat(), &roots).is_err());
    }

    #[test]
    fn serials_are_written_as_hex_and_read_back() {
        let serial = Serial::new(&[0x4a, 0, 0xff]).unwrap();
        assert_eq!(serial.to_string(), "4a00ff");
        assert_eq!(Serial::from_hex("4a:00:ff"), Some(serial));
        for wrong in ["", "4", "4g", "é", &"00".repeat(21)] {
            assert_eq!(Serial::from_hex(wrong), None, "{wrong}");
        }
    }
}
