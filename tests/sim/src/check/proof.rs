//! C12, P6: every Final proof that an honest node stores verifies offline, by the validators of its
//! epoch, and its signers weigh a quorum counted from the specification, each once.

use crate::channel::Channel;
use host_types::Header;
use host_types::block::Pair;
use host_types::proof::FinalProof;
use plugin_api_harness::check::quorum;

/// Checks the proof of a block.
///
/// # Errors
/// One line.
pub fn holds(
    header: &Header,
    pair: Pair,
    proof: &FinalProof,
    channel: &Channel,
) -> Result<(), String> {
    let target =
        proof.target(header, pair.roots).ok_or("a Final proof whose headers do not link")?;
    let target_pair = Pair { block: target.id(), roots: proof.roots };
    let (plan, prefix) = (channel.epochs.get(header.epoch), channel.epochs.prefix(header.epoch));
    let (Some(plan), Some(prefix)) = (plan, prefix) else {
        return Err(format!("height {} is of an epoch that has not begun", header.height));
    };
    let parameters = plan.config.rule.parameters.clone();
    let fast = parameters.iter().find(|(name, _)| name == "fast");
    let slack = fast.and_then(|(_, value)| value.parse().ok());
    let claim = plugin_api::FinalClaim {
        statement_prefix: prefix.as_bytes().to_vec(),
        validators: plan.validators.clone(),
        header: host_rules::header_view(target),
        pair: host_rules::to_pair(&target_pair),
        proof: proof.rule_proof.clone(),
        parameters,
    };
    if !plan.kind.proves(&claim, channel.signatures.verifier()) {
        return Err(format!("the Final proof of height {} does not hold", header.height));
    }
    let signers = plan.kind.describe(&plan.validators, &proof.rule_proof)?;
    quorum::enough(&signers, &plan.validators, slack)
}
