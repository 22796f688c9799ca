//! `tx get HASH --journey`: the way of a transaction through every peer of the local network.
//!
//! In: what each peer saw, asked one by one: a peer tells its own times only. Out: one document with
//! all of them, or a table of milliseconds since the first. Clocks of machines differ: so may times.

use super::{Context, Done};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{OK, WARN, table};
use crate::profile;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// A peer that does not answer so long is told as absent.
const ANSWER: Duration = Duration::from_secs(2);
const STAGES: [&str; 6] = ["ingest", "mempool", "proposed", "voted", "final", "committed"];

/// Asks and shows.
pub(super) async fn show(hash: &str, client: &Client, context: &Context) -> Done {
    let mut document = client.journey(hash).await?;
    let others = others(hash, context).await?;
    add(&mut document, others);
    context.out.either(&document, lines(&document));
    Ok(ExitCode::SUCCESS)
}

/// What each peer of the local network says; nobody else is asked where an endpoint is named.
async fn others(
    hash: &str,
    context: &Context,
) -> Result<Vec<(String, Result<Value, Failure>)>, Failure> {
    let target = profile::target(&context.global, &context.data)?;
    let network = context.data.network()?.filter(|_| context.global.endpoint.is_none());
    let peers = network.iter().flat_map(|network| network.peers());
    let peers: Vec<_> = peers.map(|peer| (peer.name.clone(), peer.url())).collect();
    let asked = peers.into_iter().map(|(name, endpoint)| {
        let target = profile::Target { endpoint, ..target.clone() };
        async move {
            let wait = context.global.timeout.min(ANSWER);
            let answer = match Client::new(&target, wait, context.out) {
                Ok(client) => client.journey(hash).await.map_err(Failure::from),
                Err(failure) => Err(failure),
            };
            (name, answer)
        }
    });
    Ok(futures::future::join_all(asked).await)
}

/// Puts the peers' lists together, each peer once, in the order they were asked.
fn add(document: &mut Value, others: Vec<(String, Result<Value, Failure>)>) {
    let mut all: Vec<Value> = Vec::new();
    for (name, answer) in others {
        match answer {
            Ok(mut journey) => {
                if let Some(Value::Array(told)) = journey.get_mut("peers").map(Value::take) {
                    all.extend(told);
                }
            }
            Err(failure) => {
                let error =
                    json!({"code": failure.code().to_string(), "message": failure.message()});
                all.push(json!({"name": name, "error": error}));
            }
        }
    }
    if !all.is_empty() {
        document["peers"] = all.into();
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("-")
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn stage_us(peer: &Value, stage: &str) -> Option<u64> {
    peer.get("stages")?.get(stage)?.get("time_us")?.as_u64()
}

fn lines(document: &Value) -> Vec<String> {
    let mut lines = vec![headline(document)];
    let waiting = document.get("waiting").filter(|waiting| !waiting.is_null());
    if let Some(waiting) = waiting {
        lines.push(format!(
            "  {:<12} {}: {}",
            "waits",
            text(waiting, "reason"),
            text(waiting, "detail")
        ));
        let pool = waiting.get("pool").filter(|pool| !pool.is_null());
        lines.extend(pool.map(|pool| {
            let number = |key: &str| pool.get(key).and_then(Value::as_u64).unwrap_or_default();
            let (ahead, all) = (number("ahead"), number("waiting"));
            let (own, max) = (number("of_signer"), number("signer_max"));
            format!("  {:<12} {ahead} of {all} ahead; {own} of its signer, at most {max}", "pool")
        }));
    }
    let votes = items(document, "votes");
    if !votes.is_empty() {
        let vote = |vote: &Value| format!("{} ({})", text(vote, "name"), vote["weight"]);
        let names: Vec<_> = votes.iter().map(vote).collect();
        let (weight, quorum) = (&document["weight"], &document["quorum"]);
        lines.push(format!("  {:<12} {}; {weight} of {quorum} needed", "votes", names.join(", ")));
    }
    let peers = items(document, "peers");
    let times =
        peers.iter().flat_map(|peer| STAGES.iter().filter_map(|stage| stage_us(peer, stage)));
    if let Some(first) = times.min() {
        let cell = |peer: &Value, stage: &str| match stage_us(peer, stage) {
            Some(time) => format!("+{:.1}", time.saturating_sub(first) as f64 / 1_000.0),
            None => "-".to_owned(),
        };
        let told = peers.iter().filter(|peer| peer.get("error").is_none());
        let row = |peer: &Value| {
            let cells = STAGES.iter().map(|stage| cell(peer, stage));
            std::iter::once(text(peer, "name").to_owned()).chain(cells).collect()
        };
        let columns = ["PEER (ms)", "INGEST", "MEMPOOL", "PROPOSED", "VOTED", "FINAL", "COMMITTED"];
        lines.extend(table(&columns, told.map(row).collect()));
    } else {
        lines.push("  no peer remembers when".to_owned());
    }
    let absent = peers.iter().filter_map(|peer| {
        let error = peer.get("error")?;
        Some(format!("{WARN} {}: {}", text(peer, "name"), text(error, "message")))
    });
    lines.extend(absent);
    lines
}

fn headline(document: &Value) -> String {
    let short: String = text(document, "hash").chars().take(12).collect();
    let block = document.get("block").filter(|block| !block.is_null());
    let place = block.map(|block| {
        let (height, view) = (&block["height"], &block["view"]);
        format!("block {height} of view {view}, proposed by {}", text(block, "proposer"))
    });
    match (text(document, "state"), place) {
        ("final", Some(place)) => format!("{OK} {short} is final in {place}"),
        ("rejected", _) => {
            let message = document.get("error").map(|error| text(error, "message"));
            format!("{WARN} {short} is rejected: {}", message.unwrap_or("-"))
        }
        (state, Some(place)) => format!("{short} is {state}; it stands in {place}"),
        (state, None) => format!("{short} is {state}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::fault::Code;

    fn journey(peer: &str, at: u64) -> Value {
        let time = |n: u64| json!({"time_us": at + n, "time": ""});
        json!({"hash": "ab".repeat(32), "state": "final", "quorum": 3, "weight": 3,
            "block": {"height": 9, "view": 12, "proposer": "bank-a/peer1"},
            "votes": [{"name": "bank-a/peer0", "weight": 3}],
            "peers": [{"name": peer, "stages": {"ingest": time(0), "mempool": time(500),
                "proposed": null, "committed": time(12_340)}}]})
    }

    #[test]
    fn peers_stand_side_by_side_and_an_absent_one_is_named() {
        let mut document = journey("bank-a/peer0", 1_000_000);
        let lost = Failure::new(Code::Unreachable, "does not answer");
        let others = vec![
            ("peer0".to_owned(), Ok(journey("bank-a/peer0", 1_000_000))),
            ("peer1".to_owned(), Ok(journey("bank-a/peer1", 1_002_000))),
            ("peer2".to_owned(), Err(lost)),
        ];
        add(&mut document, others);
        assert_eq!(document["peers"].as_array().unwrap().len(), 3);
        let lines = lines(&document);
        assert!(lines[0].ends_with("is final in block 9 of view 12, proposed by bank-a/peer1"));
        assert_eq!(lines[1], "  votes        bank-a/peer0 (3); 3 of 3 needed");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines[3]), ["bank-a/peer0", "+0.0", "+0.5", "-", "-", "-", "+12.3"]);
        assert_eq!(words(&lines[4]), ["bank-a/peer1", "+2.0", "+2.5", "-", "-", "-", "+14.3"]);
        assert!(lines[5].ends_with("peer2: does not answer"));
    }

    #[test]
    fn who_waits_is_told_why() {
        let document = json!({"hash": "ab".repeat(32), "state": "pending", "block": null,
            "votes": [], "peers": [], "waiting": {"reason": "no-quorum", "detail": "x",
            "pool": {"ahead": 1, "waiting": 2, "of_signer": 1, "signer_max": 1000}}});
        let lines = lines(&document);
        assert_eq!(lines[1], "  waits        no-quorum: x");
        assert_eq!(lines[2], "  pool         1 of 2 ahead; 1 of its signer, at most 1000");
    }
}
