//! What a set of weights tolerates: quorums, the weight that may fail, and the fewest nodes that
//! could halt or fork a channel.
//!
//! In: entities (validators alone, or groups that count as one) and the parameter of fast commit.
//! Out: [`Tolerance`], whole numbers and names; the same formulas as `plugins/lft/SPEC.md`, so that
//! people can be told before a channel exists. Deliberately not here: asking a rule, reading files,
//! and what is refused for which numbers (`host/node/src/config/genesis.rs`).

/// A node with what it counts: on the channel when it stands alone, else inside its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `ORG/NAME`.
    pub name: String,
    /// What it counts.
    pub weight: u64,
}

/// How a group that counts as one speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitMode {
    /// It says what members of enough inner weight signed.
    Quorum,
    /// As `Quorum`, but the vote of the view's delegate alone is its vote.
    Delegate,
}

impl UnitMode {
    /// Its word in channels.toml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Delegate => "delegate",
        }
    }
}

/// What counts once in a tally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A validator for itself.
    Alone(Node),
    /// A group that counts as one.
    Group {
        /// Its name.
        name: String,
        /// What it counts.
        weight: u64,
        /// How it speaks.
        mode: UnitMode,
        /// Inner weight that speaks for it: more than half of its members' together.
        threshold: u64,
        /// Its members with their inner weights.
        members: Vec<Node>,
    },
}

impl Entity {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Alone(node) => &node.name,
            Self::Group { name, .. } => name,
        }
    }

    /// What it counts.
    #[must_use]
    pub const fn weight(&self) -> u64 {
        match self {
            Self::Alone(node) => node.weight,
            Self::Group { weight, .. } => *weight,
        }
    }

    /// The fewest nodes without which it may say nothing. A delegate that is down silences its group
    /// for its own turns only; that is enough to be counted here, because the turns of several groups
    /// can meet.
    fn to_silence(&self) -> Vec<Node> {
        match self {
            Self::Alone(node) => vec![node.clone()],
            Self::Group { mode: UnitMode::Delegate, members, .. } => heaviest(members, 1),
            Self::Group { threshold, members, .. } => {
                let left = sum(members).saturating_sub(u128::from(*threshold));
                heaviest(members, left + 1)
            }
        }
    }

    /// The fewest nodes that can make it say two things that contradict each other. Two sets of inner
    /// weight t share 2t - M, so that many must lie; a delegate lies alone.
    fn to_corrupt(&self) -> Vec<Node> {
        match self {
            Self::Alone(node) => vec![node.clone()],
            Self::Group { mode: UnitMode::Delegate, members, .. } => heaviest(members, 1),
            Self::Group { threshold, members, .. } => {
                let shared = (2 * u128::from(*threshold)).saturating_sub(sum(members));
                heaviest(members, shared.max(1))
            }
        }
    }
}

fn sum(nodes: &[Node]) -> u128 {
    nodes.iter().map(|node| u128::from(node.weight)).sum()
}

/// The fewest nodes of this weight together: the heaviest, in their order when equal.
fn heaviest(nodes: &[Node], needed: u128) -> Vec<Node> {
    let mut sorted = nodes.to_vec();
    sorted.sort_by_key(|node| std::cmp::Reverse(node.weight));
    let mut sum = 0;
    sorted
        .into_iter()
        .take_while(|node| {
            let is_short = sum < needed;
            sum += u128::from(node.weight);
            is_short
        })
        .collect()
}

/// The weights that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// N, of all entities.
    pub total: u128,
    /// f, that may lie without harm to safety or progress.
    pub faulty_max: u128,
    /// q, that makes a certificate.
    pub quorum: u128,
    /// N - p, that makes a block final at its vote, with fast commit.
    pub fast_quorum: Option<u128>,
}

impl Bounds {
    /// f = (N - 1 - 2p) div 3, q = N - f - p; p is 0 without fast commit. `None` when there is no
    /// weight, or p is above (N - 1) div 2.
    #[must_use]
    pub fn of(total: u128, fast: Option<u64>) -> Option<Self> {
        let p = u128::from(fast.unwrap_or(0));
        let faulty_max = total.checked_sub(1)?.checked_sub(2 * p)? / 3;
        let fast_quorum = fast.map(|_| total - p);
        Some(Self { total, faulty_max, quorum: total - faulty_max - p, fast_quorum })
    }

    /// The weight that, lying, can make two blocks final. Two quorums share 2q - N. With fast commit
    /// f + 1 is enough: the honest p that voted otherwise reach f + p + 1 with it, and honest nodes
    /// fall back.
    const fn fork_weight(self) -> u128 {
        match self.fast_quorum {
            None => 2 * self.quorum - self.total,
            Some(_) => self.faulty_max + 1,
        }
    }

    /// The weight that can stop the channel: more than the rule promises progress with.
    const fn halt_weight(self) -> u128 {
        self.faulty_max + 1
    }
}

/// Nodes that act, or fail, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coalition {
    /// They.
    pub nodes: Vec<Node>,
    /// What the entities count that they silence or speak for.
    pub weight: u128,
}

/// What a set tolerates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// The weights that decide.
    pub bounds: Bounds,
    /// The fewest nodes that could stop the channel by being silent.
    pub halt: Coalition,
    /// The fewest nodes that could fork it by lying.
    pub fork: Coalition,
}

impl Tolerance {
    /// Of these entities with fast commit of this p. `None` as in [`Bounds::of`].
    #[must_use]
    pub fn of(entities: &[Entity], fast: Option<u64>) -> Option<Self> {
        let total = entities.iter().map(|entity| u128::from(entity.weight())).sum();
        let bounds = Bounds::of(total, fast)?;
        let halt = fewest(entities, Entity::to_silence, bounds.halt_weight());
        let fork = fewest(entities, Entity::to_corrupt, bounds.fork_weight());
        Some(Self { bounds, halt, fork })
    }
}

/// The fewest nodes that take entities of a weight, and of those the most weight. Exact for every
/// set: the best weight for each number of nodes, entity by entity, in a number of steps that is
/// entities times nodes (both at most `VALIDATORS_MAX`).
fn fewest(entities: &[Entity], taking: fn(&Entity) -> Vec<Node>, needed: u128) -> Coalition {
    let mut best = vec![Some(Coalition::default())];
    for entity in entities {
        let nodes = taking(entity);
        let cost = nodes.len();
        let weight = u128::from(entity.weight());
        let mut next = best.clone();
        next.resize(best.len() + cost, None);
        for (count, slot) in next.iter_mut().enumerate().skip(cost) {
            let Some(Some(before)) = best.get(count - cost) else { continue };
            let with = before.weight + weight;
            if slot.as_ref().is_none_or(|without| with > without.weight) {
                let nodes = before.nodes.iter().chain(&nodes).cloned().collect();
                *slot = Some(Coalition { nodes, weight: with });
            }
        }
        best = next;
    }
    best.into_iter().flatten().find(|taken| taken.weight >= needed).unwrap_or_default()
}

#[cfg(test)]
#[path = "tolerance_tests.rs"]
mod tests;
