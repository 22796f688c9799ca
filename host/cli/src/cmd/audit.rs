//! `audit evidence`: the evidence that a peer holds against validators of the channel. The other
//! commands of an auditor are in `audit/`.

mod check;
mod report;
mod tables;
mod trail;
mod verify;

use super::{Context, Done, runtime};
use crate::args::AuditCommand;
use crate::client::Client;
use crate::failure::Failure;
use crate::network::write_json;
use crate::output::{OK, table};
use crate::profile;
use host_types::fault::Code;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn audit(command: &AuditCommand, context: &Context) -> Done {
    match command {
        AuditCommand::Verify(args) => verify::verify(args, context),
        AuditCommand::Trail(args) => trail::trail(args, context),
        AuditCommand::Report(args) => report::report(args, context),
        AuditCommand::Check { folder, trusted } => check::check(folder, trusted, context),
        AuditCommand::Evidence { number, out } => {
            runtime()?.block_on(evidence(number.zip(out.as_deref()), context))
        }
    }
}

async fn evidence(wanted: Option<(u64, &Path)>, context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::reading(&target, context)?;
    let body = client.evidence().await?;
    if let Some((number, file)) = wanted {
        return save(&body, number, file, context);
    }
    context.out.either(&body, lines(&body));
    Ok(ExitCode::SUCCESS)
}

/// One piece with both statements, as a file that needs no peer.
fn save(body: &Value, number: u64, file: &Path, context: &Context) -> Done {
    let list = body.get("evidence").and_then(Value::as_array).map(Vec::as_slice);
    let wanted = |one: &&Value| one.get("number").and_then(Value::as_u64) == Some(number);
    let one = list.unwrap_or_default().iter().find(wanted).ok_or_else(|| {
        let message = format!("the peer has no evidence {number}");
        Failure::new(Code::NotFound, message).with_help("`loopchain audit evidence` lists it")
    })?;
    let document = json!({
        "schema": "loopchain.evidence-file.v1",
        "channel": body.get("channel"),
        "evidence": one,
    });
    write_json(file, &document)?;
    context.out.either(&document, [format!("{OK} evidence {number} is in {}", file.display())]);
    Ok(ExitCode::SUCCESS)
}

fn lines(body: &Value) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let list = body.get("evidence").and_then(Value::as_array).map(Vec::as_slice);
    let rows: Vec<_> = list
        .unwrap_or_default()
        .iter()
        .map(|one| {
            let block = match one.get("recorded_in") {
                Some(Value::Number(height)) => height.to_string(),
                _ => "not yet".to_owned(),
            };
            let mut row = COLUMNS.map(|key| text(one.get(key))).to_vec();
            row.push(block);
            row
        })
        .collect();
    if rows.is_empty() {
        return vec![format!("no evidence on {}", text(body.get("channel")))];
    }
    table(&["NUMBER", "SIGNER", "EPOCH", "VIEW", "REGISTER", "IN BLOCK"], rows)
}

const COLUMNS: [&str; 5] = ["number", "signer", "epoch", "view", "class"];

#[cfg(test)]
mod tests {
    use super::lines;
    use serde_json::{Value, json};

    #[test]
    fn evidence_is_listed_and_its_absence_said() {
        let none = json!({"channel": "demo", "evidence": []});
        assert_eq!(lines(&none), ["no evidence on demo"]);
        let one = |block: Value| {
            json!({"number": 1, "signer": "bank-a/peer0", "epoch": 2, "view": 7, "class": 3,
                "recorded_in": block})
        };
        let shown =
            lines(&json!({"channel": "demo", "evidence": [one(9.into()), one(Value::Null)]}));
        assert_eq!(shown.len(), 3);
        assert!(shown[2].ends_with("not yet"), "{shown:?}");
        let words: Vec<_> = shown[1].split_whitespace().collect();
        assert_eq!(words, ["1", "bank-a/peer0", "2", "7", "3", "9"]);
    }
}
