//! The validators of an epoch: who signs, with which key, what it counts, and which groups count as
//! one. Their order is their numbering in statements and headers.
//!
//! In: validators and units. Out: a set whose names, keys and thresholds were checked, its bytes and
//! its hash. Deliberately not here: what a rule counts (the rule's to compute), and who is refused
//! for its weight (`host/node/src/config/weights.rs`). Why a set without units keeps its bytes:
//! `docs/adr/0007-groups-in-the-genesis.md`.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::ids::NodeName;
use crate::limits::{TEXT_BYTES_MAX, VALIDATORS_MAX};
use crate::tolerance::{Entity, Node, UnitMode};
use crate::weight::Weight;
use std::collections::BTreeMap;

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

impl Validator {
    const FIELDS: usize = 4;

    fn encode_fields(&self, w: &mut Writer) {
        self.name.encode(w);
        w.bytes(&self.public_key);
        self.weight.encode(w);
        w.text(&self.group);
    }

    fn decode_fields(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            name: NodeName::decode(r)?,
            public_key: r.bytes_exact::<32>()?,
            weight: Weight::decode(r)?,
            group: r.text(TEXT_BYTES_MAX)?.to_owned(),
        })
    }
}

/// A group that counts as one; the weights of its members are inner weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// How it speaks.
    pub mode: UnitMode,
    /// What it counts.
    pub weight: Weight,
    /// Inner weight that speaks for it: more than half of its members' together.
    pub threshold: Weight,
}

impl Encode for Unit {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        w.uint(match self.mode {
            UnitMode::Quorum => 0,
            UnitMode::Delegate => 1,
        });
        self.weight.encode(w);
        self.threshold.encode(w);
    }
}

impl Decode<'_> for Unit {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let error = r.error(CodecErrorKind::OutOfRange);
        let mode = match r.uint()? {
            0 => UnitMode::Quorum,
            1 => UnitMode::Delegate,
            _ => return Err(error),
        };
        Ok(Self { mode, weight: Weight::decode(r)?, threshold: Weight::decode(r)? })
    }
}

/// The validators of one epoch, each name and key once, at least one; every unit has members whose
/// inner weights can reach its threshold in one way only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    units: BTreeMap<String, Unit>,
}

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
        (once && count_fits).then_some(Self { validators, units: BTreeMap::new() })
    }

    /// The same with groups that count as one, by name. `None` when a threshold is not more than
    /// half of the inner weights of its members, or more than all of them.
    #[must_use]
    pub fn with_units(mut self, units: BTreeMap<String, Unit>) -> Option<Self> {
        let fits = units.iter().all(|(group, unit)| {
            let (sum, threshold) = (self.inner_weight(group), u128::from(unit.threshold.get()));
            threshold * 2 > sum && threshold <= sum
        });
        self.units = units;
        fits.then_some(self)
    }

    fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Validator> {
        self.validators.iter().filter(move |v| v.group == group)
    }

    fn inner_weight(&self, group: &str) -> u128 {
        self.members(group).map(|v| u128::from(v.weight.get())).sum()
    }

    /// The unit that a validator speaks in; none when it counts for itself.
    #[must_use]
    pub fn unit_of(&self, validator: &Validator) -> Option<&Unit> {
        self.units.get(&validator.group)
    }

    /// Groups that count as one, by name.
    #[must_use]
    pub const fn units(&self) -> &BTreeMap<String, Unit> {
        &self.units
    }

    /// Whether any group counts as one.
    #[must_use]
    pub fn has_units(&self) -> bool {
        !self.units.is_empty()
    }

    /// The validators in order.
    #[must_use]
    pub fn all(&self) -> &[Validator] {
        &self.validators
    }

    /// The validator with this index.
    #[must_use]
    pub fn get(&self, index: u16) -> Option<&Validator> {
        self.validators.get(usize::from(index))
    }

    /// Index of a name.
    #[must_use]
    pub fn index_of(&self, name: &NodeName) -> Option<u16> {
        self.validators.iter().position(|v| v.name == *name).and_then(|i| u16::try_from(i).ok())
    }

    /// Sum of all weights; a group that counts as one counts once.
    #[must_use]
    pub fn total_weight(&self) -> u128 {
        self.entities().iter().map(|entity| u128::from(entity.weight())).sum()
    }

    /// What these validators say together: a group that counts as one counts when members of its
    /// threshold are among them, whatever its mode (a delegate stands for votes on blocks only).
    #[must_use]
    pub fn said_by(&self, indices: &[u16]) -> u128 {
        let speaks = |index: usize| indices.iter().any(|given| usize::from(*given) == index);
        let said = self.validators.iter().enumerate().filter(|(index, _)| speaks(*index));
        let said: Vec<_> = said.map(|(_, validator)| validator).collect();
        let alone = said.iter().filter(|v| self.unit_of(v).is_none());
        let alone: u128 = alone.map(|v| u128::from(v.weight.get())).sum();
        let units = self.units.iter().filter(|(group, unit)| {
            let inside = said.iter().filter(|v| v.group == **group);
            let inner: u128 = inside.map(|v| u128::from(v.weight.get())).sum();
            inner >= u128::from(unit.threshold.get())
        });
        alone + units.map(|(_, unit)| u128::from(unit.weight.get())).sum::<u128>()
    }

    /// The weight that decides: more than two thirds, `N - (N - 1) div 3`.
    #[must_use]
    pub fn quorum_weight(&self) -> u128 {
        let total = self.total_weight();
        total - (total - 1) / 3
    }

    /// What counts once in a tally, in the order of the set (a group at its first member).
    #[must_use]
    pub fn entities(&self) -> Vec<Entity> {
        let mut entities = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for validator in &self.validators {
            let Some(unit) = self.unit_of(validator) else {
                entities.push(Entity::Alone(node(validator)));
                continue;
            };
            if seen.contains(&validator.group.as_str()) {
                continue;
            }
            seen.push(&validator.group);
            entities.push(Entity::Group {
                name: validator.group.clone(),
                weight: unit.weight.get(),
                mode: unit.mode,
                threshold: unit.threshold.get(),
                members: self.members(&validator.group).map(node).collect(),
            });
        }
        entities
    }

    /// Hash of the set.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        Domain::Validators.hash(&[&self.to_bytes()])
    }
}

fn node(validator: &Validator) -> Node {
    Node { name: validator.name.as_str().to_owned(), weight: validator.weight.get() }
}

impl Encode for ValidatorSet {
    fn encode(&self, w: &mut Writer) {
        w.array(self.validators.len());
        for validator in &self.validators {
            let unit = self.unit_of(validator);
            w.array(Validator::FIELDS + usize::from(unit.is_some()));
            validator.encode_fields(w);
            if let Some(unit) = unit {
                unit.encode(w);
            }
        }
    }
}

impl Decode<'_> for ValidatorSet {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        let len = r.array_up_to(VALIDATORS_MAX)?;
        let (mut validators, mut said, mut units) = (Vec::new(), Vec::new(), BTreeMap::new());
        for _ in 0..len {
            let arity = r.error(CodecErrorKind::WrongArity);
            let fields = r.array_up_to(Validator::FIELDS + 1)?;
            if fields < Validator::FIELDS {
                return Err(arity);
            }
            let validator = Validator::decode_fields(r)?;
            let unit = (fields > Validator::FIELDS).then(|| Unit::decode(r)).transpose()?;
            if let Some(unit) = unit {
                units.insert(validator.group.clone(), unit);
            }
            said.push(unit);
            validators.push(validator);
        }
        // One form only: all members of a group say the same of it.
        let agrees = |(v, said): (&Validator, &Option<Unit>)| units.get(&v.group) == said.as_ref();
        let is_one = validators.iter().zip(&said).all(agrees);
        let set = Self::new(validators).filter(|_| is_one);
        set.and_then(|set| set.with_units(units)).ok_or(error)
    }
}

#[cfg(test)]
#[path = "validators_tests.rs"]
mod tests;
