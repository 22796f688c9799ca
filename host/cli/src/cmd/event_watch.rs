//! `event watch`: blocks, transactions and events as they come.
//!
//! In: filters and a place. Out: a line each, with `--json` one document a line; until there are
//! enough, or Ctrl-C. A connection that is lost is made again behind the last id, so nothing is shown
//! twice or left out.

use super::{Context, Done};
use crate::args::EventWatch;
use crate::client::Client;
use crate::failure::Failure;
use crate::profile;
use host_client::StreamEvent;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

const EXIT_INTERRUPTED: u8 = 130;
/// Pauses before a lost connection is made again: the first one, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// Runs it.
pub(crate) async fn watch(wanted: &EventWatch, context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let mut watching =
        Watching { client, wanted, context, last: wanted.last_event_id.clone(), shown: 0 };
    tokio::select! {
        done = watching.run() => done,
        () = context.out.unread() => Ok(ExitCode::SUCCESS),
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
    }
}

/// What is asked for, without what was not said.
fn filters(wanted: &EventWatch) -> Vec<(&'static str, &str)> {
    let given = [
        ("types", Some(&wanted.types)),
        ("score", wanted.score.as_ref()),
        ("topic", wanted.topic.as_ref()),
        ("from", wanted.from.as_ref()),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?.as_str()))).collect()
}

struct Watching<'a> {
    client: Client,
    wanted: &'a EventWatch,
    context: &'a Context,
    /// The last id heard.
    last: Option<String>,
    shown: u64,
}

impl Watching<'_> {
    async fn run(&mut self) -> Done {
        let ([first, longest], mut was_reached) = (PAUSES, false);
        let mut pause = first;
        loop {
            let mut events = self.client.stream(&filters(self.wanted), self.last.as_deref());
            let lost = loop {
                match events.next().await {
                    Ok(event) => {
                        pause = first;
                        if !self.take(&event) {
                            return Ok(ExitCode::SUCCESS);
                        }
                    }
                    Err(error) => break Failure::from(error),
                }
            };
            was_reached |= events.has_connected();
            // Who cannot be reached at first has most likely another address.
            if !was_reached || !lost.code().is_retryable() {
                return Err(lost);
            }
            if !events.last_id().is_empty() {
                self.last = Some(events.last_id().to_owned());
            }
            if pause == first {
                self.context.out.note(&format!("{}: coming back", lost.message()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Shows an event; false when it was the last that is wanted, or nobody reads what is shown.
    fn take(&mut self, event: &StreamEvent) -> bool {
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let line = if self.context.out.is_json() {
            json!({
                "schema": "loopchain.event.v1",
                "id": event.id,
                "type": event.kind,
                "data": data,
            })
            .to_string()
        } else {
            line(event, &data)
        };
        self.shown += 1;
        self.context.out.stream(&line) && self.wanted.limit.is_none_or(|limit| self.shown < limit)
    }
}

fn line(frame: &StreamEvent, data: &Value) -> String {
    let text = |key: &str| match data.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let short = |key: &str| text(key).chars().take(12).collect::<String>();
    match frame.kind.as_str() {
        "block" => {
            let (height, count) = (text("height"), text("tx_count"));
            format!("{height:<8} block  {}  {count} transactions", short("hash"))
        }
        "tx" => {
            let place = format!("{}.{}", text("height"), text("index"));
            let call = format!("{}.{}", text("score"), text("method"));
            format!("{place:<8} tx     {}  {call}  {}", short("transaction"), text("status"))
        }
        _ => {
            let id = &frame.id;
            format!("{id:<8} event  {}.{}  {}", text("score"), text("name"), text("fields"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> EventWatch {
        EventWatch {
            types: "block,score".into(),
            score: Some("token".into()),
            topic: None,
            from: Some("7".into()),
            last_event_id: None,
            limit: None,
        }
    }

    #[test]
    fn only_what_was_said_is_asked_for() {
        let expected = [("types", "block,score"), ("score", "token"), ("from", "7")];
        assert_eq!(filters(&wanted()), expected);
    }

    #[test]
    fn each_type_has_a_line() {
        let frame =
            |kind: &str| StreamEvent { id: "9.0.1".into(), kind: kind.into(), data: String::new() };
        let hash = "ab".repeat(32);
        let block = json!({"height": 9, "hash": hash, "tx_count": 3});
        assert_eq!(line(&frame("block"), &block), "9        block  abababababab  3 transactions");
        let tx = json!({"height": 9, "index": 0, "transaction": hash, "score": "token",
            "method": "transfer", "status": "ok"});
        assert_eq!(line(&frame("tx"), &tx), "9.0      tx     abababababab  token.transfer  ok");
        let event = json!({"score": "token", "name": "moved", "fields": {"amount": "3"}});
        assert_eq!(line(&frame("score"), &event), r#"9.0.1    event  token.moved  {"amount":"3"}"#);
    }
}
