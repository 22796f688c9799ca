//! `block get latest|HEIGHT|HASH`; `block verify` is in `block_verify.rs`.

use super::{Context, Done, block_verify};
use crate::args::BlockCommand;
use crate::client::Client;
use crate::profile;
use serde_json::Value;
use std::process::ExitCode;

/// Runs it.
pub(crate) async fn block(command: &BlockCommand, context: &Context) -> Done {
    match command {
        BlockCommand::Get { block } => get(block, context).await,
        BlockCommand::Verify(verify) => block_verify::verify(verify, context).await,
    }
}

async fn get(block: &str, context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::reading(&target, context)?;
    let body = client.block(block).await?;
    context.out.either(&body, lines(&body));
    Ok(ExitCode::SUCCESS)
}

fn text(body: &Value, key: &str) -> String {
    match body.get(key) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn lines(body: &Value) -> Vec<String> {
    let mut lines = vec![format!("block {} of {}", text(body, "height"), text(body, "channel"))];
    for (name, key) in [
        ("hash", "hash"),
        ("parent", "parent_hash"),
        ("time", "time"),
        ("proposer", "proposer"),
        ("epoch", "epoch"),
        ("view", "view"),
        ("state root", "state_root"),
    ] {
        lines.push(format!("  {name:<12} {}", text(body, key)));
    }
    let signers = body.pointer("/proof/signers").and_then(Value::as_array);
    if let Some(signers) = signers {
        let names: Vec<_> = signers.iter().map(|signer| text(signer, "name")).collect();
        lines.push(format!("  {:<12} {}", "final by", names.join(", ")));
    }
    for transaction in body.get("transactions").and_then(Value::as_array).into_iter().flatten() {
        let (score, method) = (text(transaction, "score"), text(transaction, "method"));
        lines.push(format!("  {:<12} {}  {score}.{method}", "tx", text(transaction, "hash")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;
    use serde_json::json;

    #[test]
    fn a_block_is_shown_with_its_proof_and_transactions() {
        let body = json!({"height": 3, "channel": "demo", "hash": "ab", "parent_hash": "aa",
            "time": "t", "proposer": null, "epoch": 0, "view": 4, "state_root": "cc",
            "proof": {"signers": [{"name": "bank-a/peer0", "weight": 1}]},
            "transactions": [{"hash": "dd", "score": "token", "method": "transfer"}]});
        let lines = lines(&body);
        assert_eq!(lines[0], "block 3 of demo");
        assert_eq!(lines[4], "  proposer     -");
        assert_eq!(lines[8], "  final by     bank-a/peer0");
        assert_eq!(lines[9], "  tx           dd  token.transfer");
    }
}
