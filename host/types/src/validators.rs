//! The validators of an epoch: who signs, with which key, what it counts. Their order is their
//! numbering in statements and headers. The quorum is the rule's to compute.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::ids::NodeName;
use crate::limits::{TEXT_BYTES_MAX, VALIDATORS_MAX};
use crate::tolerance::{Entity, Node};
use crate::weight::Weight;

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// `ORG/NAME`, as in its certificates.
    pub name: NodeName,
    /// The pinned Ed25519 key of its statements; outlives certificates.
    pub public_key: [u8; 32],
    /// What its statements count.
    pub weight: Weight,
    /// Its group.
    pub group: String,
}

impl Encode for Validator {
    fn encode(&self, w: &mut Writer) {
        w.array(4);
        self.name.encode(w);
        w.bytes(&self.public_key);
        self.weight.encode(w);
        w.text(&self.group);
    }
}

impl Decode<'_> for Validator {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4)?;
        Ok(Self {
            name: NodeName::decode(r)?,
            public_key: r.bytes_exact::<32>()?,
            weight: Weight::decode(r)?,
            group: r.text(TEXT_BYTES_MAX)?.to_owned(),
        })
    }
}

/// The validators of one epoch, each name and key once, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Vec<Validator>);

impl ValidatorSet {
    /// `None` when the list is empty, too long, or names or keys repeat.
    #[must_use]
    pub fn new(validators: Vec<Validator>) -> Option<Self> {
        let mut names: Vec<_> = validators.iter().map(|v| &v.name).collect();
        let mut keys: Vec<_> = validators.iter().map(|v| v.public_key).collect();
        names.sort_unstable();
        names.dedup();
        keys.sort_unstable();
        keys.dedup();
        let once = names.len() == validators.len() && keys.len() == validators.len();
        let count_fits = (1..=VALIDATORS_MAX).contains(&validators.len());
        (once && count_fits).then_some(Self(validators))
    }

    /// The validators in order.
    #[must_use]
    pub fn all(&self) -> &[Validator] {
        &self.0
    }

    /// The validator with this index.
    #[must_use]
    pub fn get(&self, index: u16) -> Option<&Validator> {
        self.0.get(usize::from(index))
    }

    /// Index of a name.
    #[must_use]
    pub fn index_of(&self, name: &NodeName) -> Option<u16> {
        self.0.iter().position(|v| v.name == *name).and_then(|i| u16::try_from(i).ok())
    }

    /// Sum of all weights.
    #[must_use]
    pub fn total_weight(&self) -> u128 {
        self.0.iter().map(|v| u128::from(v.weight.get())).sum()
    }

    /// The weight that decides: more than two thirds, `N - (N - 1) div 3`.
    #[must_use]
    pub fn quorum_weight(&self) -> u128 {
        let total = self.total_weight();
        total - (total - 1) / 3
    }

    /// What counts once in a tally, in order.
    #[must_use]
    pub fn entities(&self) -> Vec<Entity> {
        let alone = |v: &Validator| {
            Entity::Alone(Node { name: v.name.as_str().to_owned(), weight: v.weight.get() })
        };
        self.0.iter().map(alone).collect()
    }

    /// Hash of the set.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        Domain::Validators.hash(&[&self.to_bytes()])
    }
}

impl Encode for ValidatorSet {
    fn encode(&self, w: &mut Writer) {
        w.list(&self.0);
    }
}

impl Decode<'_> for ValidatorSet {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        Self::new(r.list(VALIDATORS_MAX)?).ok_or(error)
    }
}
