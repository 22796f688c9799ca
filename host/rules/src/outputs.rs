//! What a rule wishes, for the host.

use crate::headers::{block_id, from_pair};
use crate::statements::{from_slot, from_statement};
use host_core::effect::To;
use host_core::vote::rule::{NodeId, RuleOutput, Then};
use host_types::block::ProposalKind;
use host_types::{Epoch, Hash32, Height, View};
use plugin_api as api;

fn to_whom(to: api::To) -> To {
    match to {
        api::To::All => To::All,
        api::To::Validator(index) => To::Validator(index),
        api::To::Node(node) => To::Node(node),
    }
}

fn to_then(then: api::Then) -> Then {
    match then {
        api::Then::Broadcast => Then::Broadcast,
        api::Then::Keep => Then::Keep,
        api::Then::Propose { block, justification } => {
            Then::Propose { block: block_id(block), justification }
        }
    }
}

/// None for an output that makes no sense (a signature of another length).
#[must_use]
pub fn from_output(epoch: Epoch, output: api::Output) -> Option<RuleOutput> {
    Some(match output {
        api::Output::Sign { sequence, slots, body, then, needs } => RuleOutput::Sign {
            sequence,
            slots: slots.iter().map(from_slot).collect(),
            body,
            then: to_then(then),
            needs: needs.into_iter().map(block_id).collect(),
        },
        api::Output::Send { to, bytes } => RuleOutput::Send { to: to_whom(to), bytes },
        api::Output::SendStatement { to, statement } => RuleOutput::SendStatement {
            to: to_whom(to),
            statement: from_statement(epoch, statement)?,
        },
        api::Output::SendProposal { to, block, statement, justification } => {
            RuleOutput::SendProposal {
                to: to_whom(to),
                block: block_id(block),
                statement: from_statement(epoch, statement)?,
                justification,
            }
        }
        api::Output::SetTimer { token, after_ms } => RuleOutput::SetTimer { token, after_ms },
        api::Output::CancelTimer { token } => RuleOutput::CancelTimer(token),
        api::Output::Persist { view, record } => {
            RuleOutput::Persist { view: View::new(view), record }
        }
        api::Output::Build { request, view, kind, parent, parent_view, allow_empty, carried } => {
            RuleOutput::Build {
                request,
                view: View::new(view),
                kind: match kind {
                    api::ProposalKind::Norm => ProposalKind::Norm,
                    api::ProposalKind::Opt => ProposalKind::Opt,
                    api::ProposalKind::Closing => ProposalKind::Closing,
                },
                parent: from_pair(&parent),
                parent_view: View::new(parent_view),
                allow_empty,
                carried: Hash32::new(carried.0),
            }
        }
        api::Output::Validate { block } => RuleOutput::Validate(block_id(block)),
        api::Output::FetchBlock { block } => RuleOutput::FetchBlock(block_id(block)),
        api::Output::Candidate { pair, view } => {
            RuleOutput::Candidate { pair: from_pair(&pair), view: View::new(view) }
        }
        api::Output::Final { blocks, proof } => RuleOutput::Final {
            pairs: blocks.iter().map(|block| from_pair(&block.pair)).collect(),
            proof,
        },
        api::Output::Evidence { signer, first, second } => RuleOutput::Evidence {
            signer,
            first: from_statement(epoch, first)?,
            second: from_statement(epoch, second)?,
        },
        api::Output::Trace { level, line } => RuleOutput::Trace { level, line },
        api::Output::Entered { view, leader } => {
            RuleOutput::Entered { view: View::new(view), leader }
        }
        api::Output::Closed { view } => RuleOutput::Closed(View::new(view)),
        api::Output::Suspect { block, votes, .. } => RuleOutput::Suspect {
            block: block_id(block),
            votes: votes.iter().map(|vote| (vote.signer, from_pair(&vote.pair).roots)).collect(),
        },
        api::Output::Behind { node, height } => {
            RuleOutput::Behind { node: node as NodeId, height: Height::new(height) }
        }
    })
}
