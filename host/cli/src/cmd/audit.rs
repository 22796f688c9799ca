//! `audit evidence`: the evidence that a peer holds against validators of the channel.

use super::{Context, Done};
use crate::args::AuditCommand;
use crate::client::Client;
use crate::output::table;
use crate::profile;
use serde_json::Value;
use std::process::ExitCode;

/// Runs it.
pub(crate) async fn audit(command: &AuditCommand, context: &Context) -> Done {
    let AuditCommand::Evidence = command;
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let body = client.evidence().await?;
    context.out.either(&body, lines(&body));
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
        .map(|one| ["number", "signer", "view", "class"].map(|key| text(one.get(key))).to_vec())
        .collect();
    if rows.is_empty() {
        return vec![format!("no evidence on {}", text(body.get("channel")))];
    }
    table(&["NUMBER", "SIGNER", "VIEW", "REGISTER"], rows)
}

#[cfg(test)]
mod tests {
    use super::lines;
    use serde_json::json;

    #[test]
    fn evidence_is_listed_and_its_absence_said() {
        let none = json!({"channel": "demo", "evidence": []});
        assert_eq!(lines(&none), ["no evidence on demo"]);
        let one = json!({"number": 1, "signer": "bank-a/peer0", "view": 7, "class": 3});
        let shown = lines(&json!({"channel": "demo", "evidence": [one]}));
        assert_eq!(shown.len(), 2);
        let words: Vec<_> = shown[1].split_whitespace().collect();
        assert_eq!(words, ["1", "bank-a/peer0", "7", "3"]);
    }
}
