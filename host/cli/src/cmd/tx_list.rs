//! `tx list`: final transactions by who signed them and what they called.
//!
//! In: a filter. Out: transactions, newest first, page by page until there are enough; with `--json`
//! what one page of the interface looks like. Deliberately not here: those that are not final yet.

use super::{Context, Done};
use crate::args_tx::TxList;
use crate::client::Client;
use crate::output::table;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Transactions of one page.
const PAGE: usize = 100;

/// Runs it.
pub(crate) async fn list(wanted: &TxList, client: &Client, context: &Context) -> Done {
    let mut cursor = wanted.cursor.clone();
    let mut found: Vec<Value> = Vec::new();
    let (channel, next) = loop {
        let limit = wanted.limit.saturating_sub(found.len()).clamp(1, PAGE);
        let mut body = client.transactions(&query(wanted, cursor.as_deref(), limit)).await?;
        if let Some(Value::Array(page)) = body.get_mut("transactions").map(Value::take) {
            found.extend(page);
        }
        match body.get("next_cursor").and_then(Value::as_str) {
            Some(next) if found.len() < wanted.limit => cursor = Some(next.to_owned()),
            next => break (body.get("channel").cloned(), next.map(str::to_owned)),
        }
    };
    let lines = lines(&found, next.as_deref());
    let body = json!({
        "schema": "loopchain.txs.v1",
        "channel": channel,
        "transactions": found,
        "next_cursor": next,
    });
    context.out.either(&body, lines);
    Ok(ExitCode::SUCCESS)
}

fn query(wanted: &TxList, cursor: Option<&str>, limit: usize) -> Vec<(&'static str, String)> {
    let texts = [
        ("signer", wanted.signer.clone()),
        ("score", wanted.score.clone()),
        ("method", wanted.method.clone()),
        ("from", wanted.from.map(|height| height.to_string())),
        ("to", wanted.to.map(|height| height.to_string())),
        ("cursor", cursor.map(str::to_owned)),
        ("limit", Some(limit.to_string())),
    ];
    texts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn lines(found: &[Value], next: Option<&str>) -> Vec<String> {
    let text = |tx: &Value, key: &str| match tx.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(value) => value.to_string(),
    };
    let row = |tx: &Value| {
        let called = format!("{}.{}", text(tx, "score"), text(tx, "method"));
        let (signer, result) = (text(tx, "signer_name"), text(tx, "status"));
        vec![text(tx, "height"), text(tx, "hash"), called, signer, result]
    };
    if found.is_empty() && next.is_none() {
        return vec!["no such transaction".to_owned()];
    }
    let head = ["BLOCK", "TRANSACTION", "CALL", "SIGNER", "RESULT"];
    let mut lines = table(&head, found.iter().map(row).collect());
    lines.extend(next.map(|next| format!("more before these: --cursor {next}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_listed_with_who_called_what_and_where_to_go_on() {
        assert_eq!(lines(&[], None), ["no such transaction"]);
        let tx = json!({
            "hash": "aa", "height": 9, "index": 1, "score": "token", "method": "transfer",
            "signer": "bb", "signer_name": "bank-a/alice", "status": "ok"
        });
        let shown = lines(&[tx], Some("9.1"));
        let words: Vec<_> = shown[1].split_whitespace().collect();
        assert_eq!(words, ["9", "aa", "token.transfer", "bank-a/alice", "ok"]);
        assert_eq!(shown[2], "more before these: --cursor 9.1");
    }

    #[test]
    fn only_what_was_given_is_asked_for() {
        let wanted = TxList {
            signer: Some("alice".into()),
            score: None,
            method: None,
            from: Some(3),
            to: None,
            cursor: None,
            limit: 20,
        };
        let pairs = [("signer", "alice"), ("from", "3"), ("cursor", "9.1"), ("limit", "20")];
        let expected: Vec<_> = pairs.map(|(name, value)| (name, value.to_owned())).to_vec();
        assert_eq!(query(&wanted, Some("9.1"), 20), expected);
    }
}
