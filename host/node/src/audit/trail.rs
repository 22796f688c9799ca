//! The trail of a peer's audited reads beside its store, judged by what the chain holds.
//!
//! In: the folder of a channel, a walk that has seen all blocks. Out: the records, whose they are, and what
//! is wrong with them. Whose trail it is, its signatures tell, or who audits; a trail that is gone is
//! missed only where that is known. Deliberately not here: judging (`crate::trail::judge`).

use super::{AuditStore, Walk};
use crate::trail::judge::{Found, Known, judge};
use crate::trail::read_all;
use host_core::system::trail::TrailRoot;
use host_identity::verify;
use host_types::trail::SignedRecord;
use host_types::{Code, Height, NodeName, Rejection};
use std::collections::BTreeMap;

/// Roots of trails that blocks hold, by node, in order.
pub(super) type Roots = BTreeMap<NodeName, Vec<TrailRoot>>;

/// A trail that was looked at.
#[derive(Clone, Debug, Default)]
pub struct TrailSeen {
    /// Whose; none when there is no record and nobody was named.
    pub of: Option<NodeName>,
    /// Its records, in order, as far as they can be read.
    pub records: Vec<SignedRecord>,
    /// How many of them the chain holds the root of.
    pub on_chain: u64,
}

impl AuditStore {
    /// The trail in the folder of the store, which should be that of `of`; and what is wrong with it.
    #[must_use]
    pub fn trail(&self, walk: &Walk<'_>, of: Option<&NodeName>) -> (TrailSeen, Vec<Found>) {
        let (records, odd) = match read_all(&self.channel) {
            Ok(read) => read,
            Err(why) => return (TrailSeen::default(), vec![(self.last(), why)]),
        };
        let of = of.cloned().or_else(|| signer(&records, walk));
        let roots = of.as_ref().and_then(|of| walk.trails().get(of));
        let roots = roots.map(Vec::as_slice).unwrap_or_default();
        let peer = of.as_ref().map(|of| walk.keys_of_name(of).collect());
        let known = Known {
            genesis: self.genesis().hash(),
            peer: peer.unwrap_or_default(),
            key_of: &|certificate| walk.key_of(certificate),
            roots,
        };
        let mut found = judge(&records, &known);
        if let Some(place) = odd {
            let at = records.last().map_or(Height::ZERO, |last| last.record.height);
            found.push((at, Rejection::new(Code::TrailBroken, place)));
        }
        let on_chain = roots.last().map_or(0, |root| root.count);
        (TrailSeen { of, records, on_chain }, found)
    }
}

/// The node that signed the first record: those with roots are tried first.
fn signer(records: &[SignedRecord], walk: &Walk<'_>) -> Option<NodeName> {
    let first = records.first()?;
    let message = first.record.signing_message();
    let is_by = |name: &&NodeName| {
        walk.keys_of_name(name).any(|key| verify(&key, &message, &first.signature))
    };
    let named = walk.trails().keys().find(is_by).cloned();
    named.or_else(|| walk.names().find(|name| is_by(name)).cloned())
}
