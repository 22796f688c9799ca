//! What happens, from the host to a rule.

use crate::headers::{hash, header_view, to_pair};
use crate::statements::to_statement;
use host_core::vote::rule::{RuleInput, Verdict};
use plugin_api as api;

/// What happened, in the words of a rule.
#[must_use]
pub fn to_input(input: RuleInput) -> api::Input {
    match input {
        RuleInput::Start => api::Input::Start,
        RuleInput::Statement(statement) => {
            api::Input::Statement { statement: to_statement(&statement) }
        }
        RuleInput::Proposal { header, statement, justification } => api::Input::Proposal {
            header: header_view(&header),
            statement: to_statement(&statement),
            justification,
        },
        RuleInput::Header(header) => api::Input::Header { header: header_view(&header) },
        RuleInput::Validity { block, verdict } => api::Input::Validity {
            block: hash(block.hash()),
            verdict: match verdict {
                Verdict::Valid(pair) => api::input::Verdict::Valid { pair: to_pair(&pair) },
                Verdict::Invalid(reason) => api::input::Verdict::Invalid { reason },
                Verdict::NoResult => api::input::Verdict::NoResult,
            },
        },
        RuleInput::Built { request, header } => {
            api::Input::Built { request, header: header.as_ref().map(header_view) }
        }
        RuleInput::Timer(token) => api::Input::Timer { token },
        RuleInput::OwnSigned { sequence, statement } => {
            api::Input::OwnSigned { sequence, statement: to_statement(&statement) }
        }
        RuleInput::SignRefused(sequence) => api::Input::SignRefused { sequence },
        RuleInput::Pending(has_work) => api::Input::Pending { has_work },
        RuleInput::Helper { from, validator, bytes } => {
            api::Input::Peer { from: validator, node: from, bytes }
        }
        RuleInput::SyncedTo { header, pair, proof } => {
            api::Input::SyncedTo { header: header_view(&header), pair: to_pair(&pair), proof }
        }
    }
}
