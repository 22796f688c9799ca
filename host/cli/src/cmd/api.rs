//! `api openapi`: the document that peers serve at `/api/openapi.json`, without a network.

use super::Done;
use crate::args_api::{ApiCommand, OpenApi};
use crate::failure::Failure;
use crate::output::Out;
use host_types::fault::Code;
use host_web::openapi::{Interface, json};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(command: &ApiCommand, out: Out) -> Done {
    let ApiCommand::Openapi(OpenApi { radiostation }) = command;
    let text = json(if *radiostation { Interface::Radiostation } else { Interface::Peer });
    let document = serde_json::from_str(text)
        .map_err(|error| Failure::new(Code::Internal, format!("the document: {error}")))?;
    out.either(&document, text.lines().map(str::to_owned));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_documents_are_printed() {
        for radiostation in [false, true] {
            let command = ApiCommand::Openapi(OpenApi { radiostation });
            assert!(run(&command, Out::machine()).is_ok());
        }
    }
}
