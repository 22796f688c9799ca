//! What an auditor may read of a channel: a scope, as the channel's policies carry it.
//!
//! In and out: a [`Grant`] and its bytes. A grant opens reading to one auditor, or to those of one
//! organisation; nothing else follows from it. Deliberately not here: whether a channel may have such a
//! grant and whom one admits (`host-identity`), what reading is (`host/node/src/peer/caller.rs`).

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::Hash32;
use crate::height::{BlockTime, Height};
use crate::ids::{ChannelName, NodeName, ScoreName};
use crate::limits::{GRANT_KEYS_MAX, GRANT_SCORES_MAX, STATE_KEY_BYTES_MAX, TEXT_BYTES_MAX};
use std::fmt;

/// Whom a grant is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// One auditor.
    Auditor(NodeName),
    /// Every auditor of an organisation.
    Organisation(ChannelName),
}

impl Grantee {
    /// `ORG/NAME` or `ORG`; organisations are named like channels.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let one = NodeName::new(text).map(Self::Auditor);
        one.or_else(|| ChannelName::new(text).map(Self::Organisation))
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &str {
        match self {
            Self::Auditor(name) => name.organisation(),
            Self::Organisation(organisation) => organisation.as_str(),
        }
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auditor(name) => f.write_str(name.as_str()),
            Self::Organisation(organisation) => f.write_str(organisation.as_str()),
        }
    }
}

/// What an auditor may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What people call it; no two of a channel have one name.
    pub name: String,
    /// Whom it is for.
    pub who: Grantee,
    /// Fingerprint of the root that certifies them.
    pub root: Hash32,
    /// SCOREs; none: all.
    pub scores: Vec<ScoreName>,
    /// Beginnings of keys of these SCOREs' state; none: all keys, and transactions too.
    pub keys: Vec<Vec<u8>>,
    /// First height.
    pub from: Height,
    /// Last height; none: whatever comes.
    pub to: Option<Height>,
    /// Block time from which on it opens nothing; none: until a change takes it away.
    pub until: Option<BlockTime>,
}

impl Grant {
    /// Whether it is for this auditor.
    #[must_use]
    pub fn is_for(&self, name: &NodeName, root: &Hash32) -> bool {
        let is_meant = match &self.who {
            Grantee::Auditor(one) => one == name,
            Grantee::Organisation(organisation) => organisation.as_str() == name.organisation(),
        };
        is_meant && self.root == *root
    }

    /// Whether it still opens something at this block time.
    #[must_use]
    pub fn is_in_force(&self, at: BlockTime) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    /// Whether it opens every SCORE, every key and every height: then its auditor may keep the chain.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.covers_blocks() && self.from == Height::ZERO && self.to.is_none()
    }

    /// Whether blocks are open, which hold the transactions of every SCORE.
    #[must_use]
    pub const fn covers_blocks(&self) -> bool {
        self.scores.is_empty() && self.keys.is_empty()
    }

    /// Whether a height is in it.
    #[must_use]
    pub fn covers_height(&self, height: Height) -> bool {
        height >= self.from && self.to.is_none_or(|to| height <= to)
    }

    /// Whether transactions for a SCORE, its events and its queries are open: a query may read any key.
    #[must_use]
    pub fn covers_score(&self, score: &ScoreName) -> bool {
        self.keys.is_empty() && self.has_score(score)
    }

    /// Whether a key of a SCORE's state is open.
    #[must_use]
    pub fn covers_key(&self, score: &ScoreName, key: &[u8]) -> bool {
        let is_open = self.keys.is_empty() || self.keys.iter().any(|begin| key.starts_with(begin));
        is_open && self.has_score(score)
    }

    fn has_score(&self, score: &ScoreName) -> bool {
        self.scores.is_empty() || self.scores.contains(score)
    }
}

/// In one line, as people read it.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let organisation =
            if matches!(self.who, Grantee::Organisation(_)) { "auditors of " } else { "" };
        write!(f, "{organisation}{} reads ", self.who)?;
        if self.scores.is_empty() {
            f.write_str("all")?;
        } else {
            let names: Vec<_> = self.scores.iter().map(ScoreName::as_str).collect();
            f.write_str(&names.join(", "))?;
        }
        if !self.keys.is_empty() {
            let keys: Vec<_> = self.keys.iter().map(|key| shown(key)).collect();
            write!(f, ", keys {}", keys.join(", "))?;
        }
        match (self.from, self.to) {
            (Height::ZERO, None) => {}
            (from, None) => write!(f, ", from block {from}")?,
            (from, Some(to)) => write!(f, ", blocks {from} to {to}")?,
        }
        match self.until {
            Some(until) => write!(f, ", until {} us", until.get()),
            None => Ok(()),
        }
    }
}

/// Text where it is text, else hex.
fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("0x{}", crate::hash::to_hex(key)),
    }
}

impl Encode for Grant {
    fn encode(&self, w: &mut Writer) {
        w.array(8);
        w.text(&self.name);
        w.text(&self.who.to_string());
        self.root.encode(w);
        w.list(&self.scores);
        w.array(self.keys.len());
        self.keys.iter().for_each(|key| w.bytes(key));
        self.from.encode(w);
        w.option(self.to.as_ref());
        w.option(self.until.as_ref());
    }
}

impl Decode<'_> for Grant {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(8)?;
        let name = r.text(TEXT_BYTES_MAX)?.to_owned();
        let wrong = r.error(CodecErrorKind::OutOfRange);
        Ok(Self {
            name,
            who: Grantee::parse(r.text(NodeName::BYTES_MAX)?).ok_or(wrong)?,
            root: Hash32::decode(r)?,
            scores: r.list(GRANT_SCORES_MAX)?,
            keys: {
                let count = r.array_up_to(GRANT_KEYS_MAX)?;
                let key = |_| r.bytes(STATE_KEY_BYTES_MAX).map(<[u8]>::to_vec);
                (0..count).map(key).collect::<Result<_, _>>()?
            },
            from: Height::decode(r)?,
            to: r.option()?,
            until: r.option()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            name: "case-7".into(),
            who: Grantee::parse("fss/audit0").unwrap(),
            root: Hash32::sha256(b"root"),
            scores: Vec::new(),
            keys: Vec::new(),
            from: Height::ZERO,
            to: None,
            until: None,
        }
    }

    fn score(name: &str) -> ScoreName {
        ScoreName::new(name).unwrap()
    }

    #[test]
    fn a_scope_ends_where_it_says() {
        let all = grant();
        assert!(
            all.is_whole() && all.covers_score(&score("token")) && all.covers_key(&score("a"), b"")
        );
        let heights = Grant { from: Height::new(5), to: Some(Height::new(9)), ..grant() };
        let inside: Vec<_> = (0..12).filter(|h| heights.covers_height(Height::new(*h))).collect();
        assert_eq!(inside, [5, 6, 7, 8, 9]);
        assert!(heights.covers_blocks() && !heights.is_whole());
        let token = Grant { scores: vec![score("token")], ..grant() };
        assert!(token.covers_score(&score("token")) && !token.covers_score(&score("notary")));
        assert!(!token.covers_blocks() && !token.is_whole());
        let keys = Grant { keys: vec![b"balances/".to_vec()], ..token };
        assert!(keys.covers_key(&score("token"), b"balances/x"));
        assert!(!keys.covers_key(&score("token"), b"balance"));
        assert!(!keys.covers_key(&score("notary"), b"balances/x"));
        assert!(!keys.covers_score(&score("token")), "a query may read any key");
        let short = Grant { until: Some(BlockTime::new(7)), ..grant() };
        assert!(short.is_in_force(BlockTime::new(6)) && !short.is_in_force(BlockTime::new(7)));
    }

    #[test]
    fn it_is_for_whom_it_names_under_the_root_that_it_names() {
        let (root, other) = (Hash32::sha256(b"root"), Hash32::sha256(b"other"));
        let name = |text| NodeName::new(text).unwrap();
        assert!(grant().is_for(&name("fss/audit0"), &root));
        assert!(!grant().is_for(&name("fss/audit0"), &other));
        assert!(!grant().is_for(&name("fss/audit1"), &root));
        let all = Grant { who: Grantee::parse("fss").unwrap(), ..grant() };
        assert!(
            all.is_for(&name("fss/audit1"), &root) && !all.is_for(&name("bank-a/audit1"), &root)
        );
    }

    #[test]
    fn it_reads_back_and_every_cut_is_refused() {
        let full = Grant {
            scores: vec![score("token")],
            keys: vec![b"balances/".to_vec(), vec![0xff]],
            from: Height::new(1),
            to: Some(Height::new(99)),
            until: Some(BlockTime::new(1_800_000_000_000_000)),
            ..grant()
        };
        assert_eq!(
            full.to_string(),
            "fss/audit0 reads token, keys balances/, 0xff, blocks 1 to 99, until 1800000000000000 us"
        );
        for one in [grant(), full] {
            let bytes = one.to_bytes();
            assert_eq!(Grant::from_bytes(&bytes), Ok(one));
            for length in 0..bytes.len() {
                assert!(Grant::from_bytes(&bytes[..length]).is_err());
            }
        }
    }
}
