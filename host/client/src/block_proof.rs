//! Whether a Final proof holds, for whoever trusts nothing but a channel's genesis and its rule.
//!
//! In: the genesis, the rules, a [`ProofView`] from anybody. Out: what was proved, or the first
//! thing that is wrong. The ends of the epochs before the block's own are the header chain of a light
//! client: one header, one proof and one configuration each. Everything in the view is compared with what genesis and rule say, also what
//! is there for people only: a reader must not be shown a signer who did not sign. Deliberately not
//! here: fetching it, its JSON form, finding genesis and rule.

use host_core::sync::accept::check_proof;
use host_core::vote::rule::Rule;
use host_rpc::gateway::{EpochEnd, ProofView};
use host_rules::PluggedRule;
pub use host_rules::Rules;
use host_types::block::{Header, RootPair};
use host_types::epoch::{EpochRun, Epochs};
use host_types::genesis::ChannelGenesis;
use host_types::proof::FinalProof;
use host_types::{Code, GenesisHash, Height, NodeName, Rejection};
use plugin_api_loader::LoadedRule;
use std::sync::Arc;

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

/// Where the chain of epochs has led so far.
struct Known<'a> {
    genesis: &'a ChannelGenesis,
    hash: GenesisHash,
    run: EpochRun,
    root: Header,
    rules: Rules<'a>,
}

/// Checks a proof, from the genesis through the end of every epoch up to the block's own.
///
/// # Errors
/// `LC3302` with what is wrong; `LC6101` when a rule is not here or does not take its epoch.
pub fn verify(
    view: &ProofView,
    genesis: &ChannelGenesis,
    rules: Rules<'_>,
) -> Result<Proven, Rejection> {
    verify_from(view, genesis, rules, Code::ProofWrong)
}

/// As [`verify`], where what is wrong with the chain of epochs has a code of its own.
///
/// # Errors
/// As [`verify`], and `epochs`.
pub(crate) fn verify_from(
    view: &ProofView,
    genesis: &ChannelGenesis,
    rules: Rules<'_>,
    epochs: Code,
) -> Result<Proven, Rejection> {
    let of_epochs = |Rejection { code, message }: Rejection| {
        let code = if code == Code::ProofWrong { epochs } else { code };
        Rejection { code, message }
    };
    let run = Epochs::of_genesis(genesis).current().clone();
    let hash = genesis.hash();
    let mut known = Known { genesis, hash, run, root: genesis.header(), rules };
    for end in &view.epochs {
        known.follow(end).map_err(of_epochs)?;
    }
    check_epoch(view, &known)?;
    let (rule, loaded) = known.proves(&view.header, view.roots, &view.proof)?;
    let signers = check_signers(view, &known, &loaded)?;
    let status = rule.status();
    let weight = known.run.config.validators.said_by(&signers);
    Ok(Proven { quorum: status.quorum, total: status.total, weight })
}

impl Known<'_> {
    /// Checks that a block of this epoch is final.
    fn proves(
        &self,
        header: &Header,
        roots: RootPair,
        proof: &FinalProof,
    ) -> Result<(PluggedRule, LoadedRule), Rejection> {
        for header in [header].into_iter().chain(&proof.descendants) {
            self.check_header(header)?;
        }
        let loaded = (self.rules)(&self.run.config.rule)?;
        let rule = PluggedRule::idle_in(&loaded, self.genesis, &self.run, &self.root)?;
        check_proof(header, roots, proof, &rule).map_err(refused)?;
        Ok((rule, loaded))
    }

    fn check_header(&self, header: &Header) -> Result<(), Rejection> {
        let (height, config) = (header.height, &self.run.config);
        if header.genesis != self.hash {
            let message =
                format!("block {height} is of genesis {}, not {}", header.genesis, self.hash);
            return Err(refused(message));
        }
        if header.epoch != config.epoch || header.validators != config.validators.hash() {
            let message =
                format!("block {height} names other validators than epoch {} has", config.epoch);
            return Err(refused(message));
        }
        if height == Height::ZERO {
            return Err(refused("block 0 is made of the genesis: no proof is about it"));
        }
        if height <= self.run.root_height {
            let message = format!("block {height} is below the root of epoch {}", config.epoch);
            return Err(refused(message));
        }
        Ok(())
    }

    /// The end of the epoch: its sealing block is final, and names what the next one runs with.
    fn follow(&mut self, end: &EpochEnd) -> Result<(), Rejection> {
        self.proves(&end.header, end.roots, &end.proof)?;
        let epoch = self.run.config.epoch;
        let names = end.header.next_validators == Some(end.next.hash());
        if !names || end.next.epoch != epoch.next() {
            let height = end.header.height;
            let message =
                format!("block {height}, the end of epoch {epoch}, names another next one");
            return Err(refused(message));
        }
        let (root, root_height) = (end.header.id(), end.header.height);
        self.run = EpochRun { config: Arc::new(end.next.clone()), root, root_height };
        self.root = end.header.clone();
        Ok(())
    }
}

/// The channel, rule and validators that the view names are those of its epoch.
fn check_epoch(view: &ProofView, known: &Known<'_>) -> Result<(), Rejection> {
    let (channel, config) = (&known.genesis.channel, &known.run.config);
    if view.channel != *channel {
        let message = format!("the proof is of channel {}, not {channel}", view.channel);
        return Err(refused(message));
    }
    if view.rule != config.rule {
        return Err(refused("the rule of the proof is not the one of its epoch"));
    }
    if view.validators != config.validators {
        return Err(refused("the validators of the proof are not those of its epoch"));
    }
    Ok(())
}

/// Who signed, when it is those whom the view names.
fn check_signers(
    view: &ProofView,
    known: &Known<'_>,
    loaded: &LoadedRule,
) -> Result<Vec<u16>, Rejection> {
    let set = &known.run.config.validators;
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
mod tests;
