//! The validator set of one epoch as the rule needs it: prefix, keys, weights, groups, quorum.
//!
//! In: the mirror types of the host. Out: what a set of signers weighs, signature checks. A group
//! that counts as one is one *unit*; every other validator is a unit of its own.
//! Not here: who signed what (`tally.rs`), who leads (`leader.rs`).

use crate::{
    parameters::Parameters,
    quorum::{Quorum, QuorumError},
    statement::{Body, Mode},
};
use plugin_api::{GroupMode, Unit as GroupSays, Validator, Verify, VerifyItem};

/// Why a validator set is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The numbers make no sense.
    Quorum(QuorumError),
    /// Members of one group say different things about it.
    GroupDiffers(String),
    /// A threshold is half of the group or less, or more than all of it.
    Threshold {
        /// The group.
        group: String,
        /// t.
        threshold: u64,
        /// M: inner weight of all members.
        members: u64,
    },
    /// Fast commit needs every unit to be one validator.
    FastWithGroup(String),
}

impl From<QuorumError> for SetError {
    fn from(error: QuorumError) -> Self {
        Self::Quorum(error)
    }
}

impl core::fmt::Display for SetError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Quorum(error) => error.fmt(f),
            Self::GroupDiffers(group) => {
                write!(f, "the members of group {group:?} differ in its mode, weight or threshold")
            }
            Self::Threshold { group, threshold, members } => {
                let least = members / 2 + 1;
                write!(
                    f,
                    "group {group:?}: a threshold of {threshold} does not fit inner weights of \
                     {members}: give {least} to {members}"
                )
            }
            Self::FastWithGroup(group) => write!(
                f,
                "fast commit does not go with group {group:?}: make it flat or set fast = off"
            ),
        }
    }
}

/// How a unit speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Speech {
    /// It is one validator.
    Alone,
    /// G1: members of this inner weight.
    Quorum { threshold: u64 },
    /// G2: votes by the view's delegate alone, all else as `Quorum`.
    Delegate { threshold: u64, members: Vec<u16> },
}

/// What counts as one.
#[derive(Clone, Debug)]
struct Unit {
    weight: u64,
    speech: Speech,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    public_key: [u8; 32],
    /// Inner weight in a group that counts as one.
    weight: u64,
    unit: usize,
}

/// One validator set.
#[derive(Clone, Debug)]
pub struct Validators {
    prefix: Vec<u8>,
    members: Vec<Member>,
    units: Vec<Unit>,
    quorum: Quorum,
    delegate_tenure: u64,
    #[cfg(feature = "planted-bugs")]
    bug: Option<crate::planted::Bug>,
}

/// A signature of one validator under a body.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) signer: u16,
    pub(crate) body: Body,
    pub(crate) signature: &'a [u8],
}

/// What is being weighed, in which view: a group's vote may be its delegate's, nothing else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// Votes.
    Vote(u64),
    /// Skips or commits.
    End(u64),
}

/// What a growing set of signers weighs; nobody is added twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    said: u64,
    groups: Vec<Heard>,
}

/// What members of one group that counts as one have said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    unit: usize,
    inner: u64,
    /// The group says it, and was counted.
    has_spoken: bool,
}

impl Weight {
    pub(crate) fn said(&self) -> u64 {
        self.said
    }
}

impl Validators {
    /// Takes the set of an epoch and the prefix of its statements.
    ///
    /// # Errors
    /// As [`Quorum::new`] over units, and for groups that cannot count as one.
    pub fn new(
        prefix: &[u8],
        validators: &[Validator],
        parameters: &Parameters,
    ) -> Result<Self, SetError> {
        let (members, units) = arrange(validators)?;
        let inner: Vec<u64> = members.iter().map(|member| member.weight).collect();
        // Also inside groups: no weight of 0, no overflow of their sums.
        Quorum::new(&inner, None)?;
        let weights: Vec<u64> = units.iter().map(|unit| unit.weight).collect();
        let quorum = Quorum::new(&weights, parameters.fast)?;
        let grouped = validators.iter().find(|validator| validator.unit.is_some());
        if let (Some(validator), Some(_)) = (grouped, parameters.fast) {
            return Err(SetError::FastWithGroup(validator.group.clone()));
        }
        Ok(Self {
            prefix: prefix.to_vec(),
            members,
            units,
            quorum,
            delegate_tenure: parameters.delegate_tenure,
            #[cfg(feature = "planted-bugs")]
            bug: None,
        })
    }

    /// The numbers.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// Which registers statements write.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.quorum.fast.is_some() { Mode::Fast } else { Mode::Core }
    }

    #[cfg(feature = "planted-bugs")]
    pub(crate) fn plant(&mut self, bug: Option<crate::planted::Bug>) {
        self.bug = bug;
        if bug == Some(crate::planted::Bug::QuorumMinusOne) {
            self.quorum.needed -= 1;
        }
    }

    #[cfg(feature = "planted-bugs")]
    pub(crate) fn has_bug(&self, bug: crate::planted::Bug) -> bool {
        self.bug == Some(bug)
    }

    /// How many validators there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Share of a validator in the weight of all, as a fraction: its unit's weight times its own
    /// inner weight, over the inner weight of its unit. None for an index nobody has.
    #[must_use]
    pub(crate) fn share(&self, signer: u16) -> Option<(u128, u128)> {
        let member = self.members.get(usize::from(signer))?;
        let unit = self.units.get(member.unit)?;
        let inside = self.members.iter().filter(|other| other.unit == member.unit);
        let sum: u128 = inside.map(|other| u128::from(other.weight)).sum();
        Some((u128::from(unit.weight) * u128::from(member.weight), sum))
    }

    /// Adds a signer that was not added before.
    pub(crate) fn raise(&self, weight: &mut Weight, matter: Matter, signer: u16) {
        let Some(member) = self.members.get(usize::from(signer)) else { return };
        let Some(unit) = self.units.get(member.unit) else { return };
        if unit.speech == Speech::Alone {
            weight.said = weight.said.saturating_add(unit.weight);
            return;
        }
        let place = weight.groups.iter().position(|heard| heard.unit == member.unit);
        let place = place.unwrap_or_else(|| {
            weight.groups.push(Heard { unit: member.unit, inner: 0, has_spoken: false });
            weight.groups.len() - 1
        });
        let Some(heard) = weight.groups.get_mut(place) else { return };
        heard.inner = heard.inner.saturating_add(member.weight);
        if !heard.has_spoken && self.speaks(&unit.speech, matter, signer, heard.inner) {
            heard.has_spoken = true;
            weight.said = weight.said.saturating_add(unit.weight);
        }
    }

    /// Whether a group says what members of this inner weight, the last of them `signer`, signed.
    fn speaks(&self, speech: &Speech, matter: Matter, signer: u16, inner: u64) -> bool {
        #[cfg(feature = "planted-bugs")]
        if let Some(says) = self.speaks_wrongly(speech, matter, signer, inner) {
            return says;
        }
        match (speech, matter) {
            (Speech::Alone, _) => true,
            // G2: a vote is the delegate's alone.
            (Speech::Delegate { members, .. }, Matter::Vote(view)) => {
                self.delegate(members, view) == Some(signer)
            }
            // G1, G2: all else, and every word of a quorum group, takes t.
            (Speech::Quorum { threshold } | Speech::Delegate { threshold, .. }, _) => {
                inner >= *threshold
            }
        }
    }

    /// G2: delegate(g, v) = member (v div K) mod m.
    fn delegate(&self, members: &[u16], view: u64) -> Option<u16> {
        let turn = (view / self.delegate_tenure.max(1)) % (members.len() as u64).max(1);
        members.get(usize::try_from(turn).ok()?).copied()
    }

    #[cfg(feature = "planted-bugs")]
    fn speaks_wrongly(
        &self,
        speech: &Speech,
        matter: Matter,
        signer: u16,
        inner: u64,
    ) -> Option<bool> {
        use crate::planted::Bug;
        let (Matter::Vote(view) | Matter::End(view)) = matter;
        match (self.bug?, speech, matter) {
            (Bug::OneSpeaks, Speech::Quorum { .. }, _) => Some(true),
            (Bug::DelegateOrMajority, Speech::Delegate { members, threshold }, Matter::Vote(_)) => {
                Some(self.delegate(members, view) == Some(signer) || inner >= *threshold)
            }
            (Bug::TwoDelegates, Speech::Delegate { members, .. }, Matter::Vote(_)) => {
                let next = view + self.delegate_tenure;
                let two = [self.delegate(members, view), self.delegate(members, next)];
                Some(two.contains(&Some(signer)))
            }
            (Bug::DelegateCommits, Speech::Delegate { members, .. }, Matter::End(_)) => {
                Some(self.delegate(members, view) == Some(signer))
            }
            _ => None,
        }
    }

    /// What a set of signers, each once, weighs.
    pub(crate) fn weigh(&self, matter: Matter, signers: impl Iterator<Item = u16>) -> u64 {
        let mut weight = Weight::default();
        for signer in signers {
            self.raise(&mut weight, matter, signer);
        }
        weight.said
    }

    /// Checks that the signers are known and strictly ascending, and returns what they weigh.
    pub(crate) fn weigh_checked(
        &self,
        matter: Matter,
        signers: impl Iterator<Item = u16>,
    ) -> Result<u64, String> {
        let mut last = None;
        let mut weight = Weight::default();
        for signer in signers {
            if last.is_some_and(|last| last >= signer) {
                return Err(format!("signer {signer} is out of order or counted twice"));
            }
            last = Some(signer);
            if usize::from(signer) >= self.members.len() {
                return Err(format!("there is no validator {signer}"));
            }
            self.raise(&mut weight, matter, signer);
        }
        Ok(weight.said)
    }

    /// Checks that the signers are known, strictly ascending, and together weigh a quorum.
    pub(crate) fn check_signers(
        &self,
        matter: Matter,
        signers: impl Iterator<Item = u16>,
    ) -> Result<(), String> {
        let weight = self.weigh_checked(matter, signers)?;
        if self.quorum.reached(weight) {
            Ok(())
        } else {
            Err(format!("weight {weight} is below the quorum {}", self.quorum.needed))
        }
    }

    /// Whether every validator counts for itself, and none with its group.
    pub(crate) fn count_alone(&self) -> bool {
        self.units.iter().all(|unit| matches!(unit.speech, Speech::Alone))
    }

    /// Checks signatures in one call of the host's verifier.
    pub(crate) fn check_claims<'a>(
        &self,
        claims: impl Iterator<Item = Claim<'a>>,
        verify: Verify,
    ) -> Result<(), String> {
        let mode = self.mode();
        let mut items: Vec<VerifyItem> = Vec::new();
        for claim in claims {
            let Some(member) = self.members.get(usize::from(claim.signer)) else {
                return Err(format!("there is no validator {}", claim.signer));
            };
            let key = member.public_key;
            items.push(claim.body.verify_item(mode, &self.prefix, key, claim.signature));
        }
        if items.is_empty() || verify(&items) {
            Ok(())
        } else {
            Err("a signature is wrong".to_owned())
        }
    }
}

/// Members in the order of the set, and the units they belong to in the order of their firsts.
fn arrange(validators: &[Validator]) -> Result<(Vec<Member>, Vec<Unit>), SetError> {
    let mut members = Vec::new();
    let mut units: Vec<Unit> = Vec::new();
    let mut names: Vec<(&str, usize, Option<GroupSays>)> = Vec::new();
    for (index, validator) in (0u16..).zip(validators) {
        let known = names.iter().find(|(name, ..)| *name == validator.group);
        if known.is_some_and(|(_, _, says)| *says != validator.unit) {
            return Err(SetError::GroupDiffers(validator.group.clone()));
        }
        let unit = match (known, validator.unit) {
            (Some((_, unit, Some(_))), _) => *unit,
            (_, says) => {
                names.push((&validator.group, units.len(), says));
                units.push(unit_of(validator, says));
                units.len() - 1
            }
        };
        if let Some(Unit { speech: Speech::Delegate { members, .. }, .. }) = units.get_mut(unit) {
            members.push(index);
        }
        members.push(Member { public_key: validator.public_key, weight: validator.weight, unit });
    }
    for (name, unit, says) in names {
        let Some(says) = says else { continue };
        let inside = members.iter().filter(|member| member.unit == unit);
        let sum: u128 = inside.map(|member| u128::from(member.weight)).sum();
        let threshold = u128::from(says.threshold);
        if threshold * 2 <= sum || threshold > sum {
            return Err(SetError::Threshold {
                group: name.to_owned(),
                threshold: says.threshold,
                members: u64::try_from(sum).unwrap_or(u64::MAX),
            });
        }
    }
    Ok((members, units))
}

fn unit_of(validator: &Validator, says: Option<GroupSays>) -> Unit {
    let Some(says) = says else {
        return Unit { weight: validator.weight, speech: Speech::Alone };
    };
    let threshold = says.threshold;
    let speech = match says.mode {
        GroupMode::Quorum => Speech::Quorum { threshold },
        GroupMode::Delegate => Speech::Delegate { threshold, members: Vec::new() },
    };
    Unit { weight: says.weight, speech }
}

#[cfg(test)]
#[path = "validators_tests.rs"]
mod tests;
