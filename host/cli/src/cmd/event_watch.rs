//! `event watch`: blocks, transactions and events as they come.
//!
//! In: filters and a place. Out: a line each, with `--json` one document a line; until there are
//! enough, or Ctrl-C. A connection that is lost is made again behind the last id, so nothing is shown
//! twice or left out.

use super::{Context, Done};
use crate::args::EventWatch;
use crate::client::escaped;
use crate::event_stream::{Frame, Source};
use crate::failure::Failure;
use crate::profile;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

const EXIT_INTERRUPTED: u8 = 130;
/// Pauses before a lost connection is made again: the first one, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// Runs it.
pub(crate) async fn watch(wanted: &EventWatch, context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let path = path(wanted, target.channel.as_str());
    let source = Source::new(&target.endpoint, path, context.global.timeout)?;
    let mut watching =
        Watching { source, wanted, context, last: wanted.last_event_id.clone(), shown: 0 };
    tokio::select! {
        done = watching.run() => done,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
    }
}

fn path(wanted: &EventWatch, channel: &str) -> String {
    let mut path = format!("/api/v2/channels/{channel}/events?types={}", escaped(&wanted.types));
    let given = [("score", &wanted.score), ("topic", &wanted.topic), ("from", &wanted.from)];
    for (name, value) in given {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escaped(value)));
        }
    }
    path
}

struct Watching<'a> {
    source: Source,
    wanted: &'a EventWatch,
    context: &'a Context,
    /// The last id heard.
    last: Option<String>,
    shown: u64,
}

impl Watching<'_> {
    async fn run(&mut self) -> Done {
        // Who cannot be reached at first has most likely another address.
        let mut connection = self.source.connect(self.last.as_deref()).await?;
        loop {
            let lost = loop {
                match connection.next().await {
                    Ok(frame) => {
                        if !self.take(frame) {
                            return Ok(ExitCode::SUCCESS);
                        }
                    }
                    Err(failure) => break failure,
                }
            };
            connection = self.again(lost).await?;
        }
    }

    /// Comes back behind the last id, for as long as that may help.
    async fn again(&self, lost: Failure) -> Result<crate::event_stream::Connection, Failure> {
        let [mut pause, longest] = PAUSES;
        let mut failure = lost;
        self.context.out.note(&format!("{}: coming back", failure.message()));
        loop {
            if !failure.code().is_retryable() {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            match self.source.connect(self.last.as_deref()).await {
                Ok(connection) => return Ok(connection),
                Err(refused) => failure = refused,
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Shows a frame; false when it was the last that is wanted, or nobody reads what is shown.
    fn take(&mut self, frame: Frame) -> bool {
        if let Some(id) = &frame.id {
            self.last = Some(id.clone());
        }
        if frame.kind.is_empty() {
            return true;
        }
        let data: Value = serde_json::from_str(&frame.data).unwrap_or_default();
        let line = if self.context.out.is_json() {
            json!({
                "schema": "loopchain.event.v1",
                "id": frame.id,
                "type": frame.kind,
                "data": data,
            })
            .to_string()
        } else {
            line(&frame, &data)
        };
        self.shown += 1;
        self.context.out.stream(&line) && self.wanted.limit.is_none_or(|limit| self.shown < limit)
    }
}

fn line(frame: &Frame, data: &Value) -> String {
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
            let id = frame.id.clone().unwrap_or_default();
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
    fn filters_go_into_the_path() {
        let expected = "/api/v2/channels/demo/events?types=block%2Cscore&score=token&from=7";
        assert_eq!(path(&wanted(), "demo"), expected);
    }

    #[test]
    fn each_type_has_a_line() {
        let frame =
            |kind: &str| Frame { id: Some("9.0.1".into()), kind: kind.into(), data: String::new() };
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
