//! Whether a Final proof holds, for whoever trusts nothing but a channel's genesis and its rule.
//!
//! In: the genesis, the loaded rule, a [`ProofView`] from anybody. Out: what was proved, or the first
//! thing that is wrong. Everything in the view is compared with what genesis and rule say, also what
//! is there for people only: a reader must not be shown a signer who did not sign. Deliberately not
//! here: fetching it, its JSON form, finding genesis and rule.

use crate::plugins::PluggedRule;
use host_core::sync::accept::check_proof;
use host_core::vote::rule::Rule;
use host_rpc::gateway::ProofView;
use host_types::block::Header;
use host_types::genesis::ChannelGenesis;
use host_types::{Code, Epoch, Height, NodeName, Rejection};
use plugin_api_loader::LoadedRule;

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Weight that decides, by the rule.
    pub quorum: u64,
    /// Weight of all.
    pub total: u64,
    /// Weight of those who signed; a group that counts as one counts once.
    pub weight: u128,
}

fn refused(message: impl Into<String>) -> Rejection {
    Rejection::new(Code::ProofWrong, message)
}

/// Checks a proof.
///
/// # Errors
/// `LC3302` with what is wrong; `LC6101` when the rule does not take the genesis.
pub fn verify(
    view: &ProofView,
    genesis: &ChannelGenesis,
    loaded: &LoadedRule,
) -> Result<Proven, Rejection> {
    check_epoch(view, genesis)?;
    for header in [&view.header].into_iter().chain(&view.proof.descendants) {
        check_header(header, genesis)?;
    }
    let rule = PluggedRule::idle(loaded, genesis)?;
    check_proof(&view.header, view.roots, &view.proof, &rule).map_err(refused)?;
    let signers = check_signers(view, genesis, loaded)?;
    let status = rule.status();
    let weight = genesis.validators.said_by(&signers);
    Ok(Proven { quorum: status.quorum, total: status.total, weight })
}

/// The channel, rule and validators that the view names are those of the genesis: there is one epoch.
fn check_epoch(view: &ProofView, genesis: &ChannelGenesis) -> Result<(), Rejection> {
    if view.channel != genesis.channel {
        let message = format!("the proof is of channel {}, not {}", view.channel, genesis.channel);
        return Err(refused(message));
    }
    if view.rule != genesis.rule {
        return Err(refused("the rule of the proof is not the one that the genesis names"));
    }
    if view.validators != genesis.validators {
        return Err(refused("the validators of the proof are not those of the genesis"));
    }
    Ok(())
}

fn check_header(header: &Header, genesis: &ChannelGenesis) -> Result<(), Rejection> {
    let (height, ours) = (header.height, genesis.hash());
    if header.genesis != ours {
        let message = format!("block {height} is of genesis {}, not {ours}", header.genesis);
        return Err(refused(message));
    }
    if header.epoch != Epoch::ZERO || header.validators != genesis.validators.hash() {
        return Err(refused(format!("block {height} names other validators than the genesis")));
    }
    if height == Height::ZERO {
        return Err(refused("block 0 is made of the genesis: no proof is about it"));
    }
    Ok(())
}

/// Who signed, when it is those whom the view names.
fn check_signers(
    view: &ProofView,
    genesis: &ChannelGenesis,
    loaded: &LoadedRule,
) -> Result<Vec<u16>, Rejection> {
    let set = &genesis.validators;
    let signers = PluggedRule::describe(loaded, set, &view.proof.rule_proof);
    let named: Vec<(NodeName, u64)> = signers
        .iter()
        .filter_map(|(index, weight)| Some((set.get(*index)?.name.clone(), *weight)))
        .collect();
    if named == view.signers {
        Ok(signers.into_iter().map(|(index, _)| index).collect())
    } else {
        Err(refused("the signers that are named are not those who signed the proof"))
    }
}

#[cfg(test)]
#[path = "block_proof_tests.rs"]
pub(crate) mod tests;
