//! Who votes on a change, and doing it with the keys that are here.
//!
//! In: what a peer says of a channel, the policy that decides, the keys of a local network. Out: a change
//! that is proposed, and approved as far as these keys go. Deliberately not here: what a change says
//! (`configure.rs`, `score_life.rs`, `channel_plan.rs`).

use super::{Context, up};
use crate::client::{ChannelInfo, Client};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::network::DataFolder;
use host_identity::{Action, Role, policy};
use host_types::Decode;
use host_types::change::{Change, SystemCall};
use host_types::epoch::EpochConfig;
use host_types::fault::Code;
use host_types::genesis::{ChannelGenesis, Policy};
use host_types::hash;
use host_types::validators::ValidatorSet;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a peer says of a channel: what it was made of, and what it runs with.
pub(crate) struct Seen {
    /// As it came.
    pub(crate) body: Value,
    /// What the channel was made of.
    pub(crate) genesis: ChannelGenesis,
    /// What it runs with.
    pub(crate) present: EpochConfig,
    /// What it will run with, when that is accepted.
    pub(crate) next: Option<EpochConfig>,
}

impl Seen {
    /// Asks for it.
    pub(crate) async fn ask(client: &Client) -> Result<Self, Failure> {
        let (body, genesis) = tokio::try_join!(client.epochs(), client.genesis())?;
        let config = |place: &str| {
            let bytes = hash::from_hex(body.pointer(place)?.as_str()?)?;
            EpochConfig::from_bytes(&bytes).ok()
        };
        let odd = || Failure::new(Code::Internal, "the peer's answer has no proper `present`");
        let (present, next) = (config("/present/config").ok_or_else(odd)?, config("/next/config"));
        Ok(Self { body, genesis, present, next })
    }

    /// Changes that wait, as they came.
    pub(crate) fn changes(&self) -> &[Value] {
        self.body.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// What it runs with once what is accepted is in force.
    pub(crate) fn base(&self) -> &EpochConfig {
        self.next.as_ref().unwrap_or(&self.present)
    }

    /// What decides now.
    pub(crate) fn policy(&self, action: Action) -> &Policy {
        action.policy(self.present.policies(&self.genesis))
    }
}

/// The identity that is named.
pub(crate) fn named(identity: Option<&str>, context: &Context) -> Result<Identity, Failure> {
    let Some(name) = identity else {
        return Err(Failure::new(Code::IdentityUnknown, "nobody is named who signs")
            .with_help("`--identity PATH` of a validator's key"));
    };
    Identity::find(&context.data, name)
}

/// Those whose keys are in the data folder and whose approvals count, as many as the policy can use.
pub(crate) fn voters(
    seen: &Seen,
    action: Action,
    data: &DataFolder,
) -> Result<Vec<Identity>, Failure> {
    let here = identities(data)?;
    let policy = seen.policy(action);
    if *policy == Policy::Quorum {
        return Ok(validators(&seen.present.validators, here));
    }
    let counts = |one: &Identity| {
        let (role, organisation) = (one.certificate.role, one.certificate.organisation());
        role != Role::Auditor && policy::admits(policy, role, organisation)
    };
    let most = if let Policy::Organisations { of, .. } = policy { usize::from(*of) } else { 1 };
    let mut found: Vec<Identity> = Vec::new();
    for one in here.into_iter().filter(counts) {
        let organisation = one.certificate.organisation();
        let is_other = found.iter().all(|known| known.certificate.organisation() != organisation);
        if is_other && found.len() < most {
            found.push(one);
        }
    }
    if found.is_empty() {
        let message =
            format!("nobody whose key is here may approve it: the channel wants {policy}");
        return Err(Failure::new(Code::RoleRefused, message)
            .with_help("`--propose --identity PATH` proposes it as one who may"));
    }
    Ok(found)
}

/// Keys of the peers of the local network, then those of its people.
fn identities(data: &DataFolder) -> Result<Vec<Identity>, Failure> {
    let network = data.network()?.ok_or_else(|| {
        let message = "the keys of the validators are not here";
        Failure::new(Code::IdentityUnknown, message)
            .with_help("`--propose --identity PATH` proposes with one of them")
    })?;
    let homes = network.peers().map(|peer| data.join(&peer.home).join("pki/sign.key"));
    let mut found = homes.map(|key| Identity::load(&key)).collect::<Result<Vec<_>, _>>()?;
    for certificate in crate::identity::certificates(data) {
        // A certificate without its key belongs to somebody else.
        found.extend(Identity::find(data, certificate.name.short()));
    }
    Ok(found)
}

fn place(set: &ValidatorSet, identity: &Identity) -> Option<u16> {
    let key = identity.key.public();
    let found = set.all().iter().position(|validator| validator.public_key == key)?;
    u16::try_from(found).ok()
}

/// In the order of the set.
fn validators(set: &ValidatorSet, here: Vec<Identity>) -> Vec<Identity> {
    let mut found: Vec<_> =
        here.into_iter().filter_map(|one| Some((place(set, &one)?, one))).collect();
    found.sort_by_key(|(index, _)| *index);
    found.dedup_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, identity)| identity).collect()
}

/// Whether the approvals of these suffice.
fn decide(policy: &Policy, set: &ValidatorSet, said: &[&Identity]) -> bool {
    match policy {
        Policy::Quorum => {
            let indices: BTreeSet<_> = said.iter().filter_map(|one| place(set, one)).collect();
            set.said_by(&indices.into_iter().collect::<Vec<_>>()) >= set.quorum_weight()
        }
        Policy::Anyone | Policy::Roles(_) => !said.is_empty(),
        Policy::Organisations { of, .. } => {
            let spoke =
                said.iter().map(|one| (one.certificate.role, one.certificate.organisation()));
            policy::agreed(policy, spoke).len() >= usize::from(*of)
        }
    }
}

/// Proposes, and approves with the others until that decides; whether it does.
pub(crate) async fn vote_in(
    client: &Client,
    channel: &ChannelInfo,
    seen: &Seen,
    change: Change,
    voters: &[Identity],
) -> Result<bool, Failure> {
    let policy = seen.policy(Action::deciding(&change)).clone();
    let id = change.id();
    let Some((proposer, others)) = voters.split_first() else {
        return Err(Failure::new(Code::NoQuorum, "no validator's key is here"));
    };
    up::vote(client, channel, proposer, &SystemCall::Propose { change }).await?;
    let (set, mut said) = (&seen.present.validators, vec![proposer]);
    for identity in others {
        if decide(&policy, set, &said) {
            break;
        }
        up::vote(client, channel, identity, &SystemCall::Approve { id }).await?;
        said.push(identity);
    }
    Ok(decide(&policy, set, &said))
}
