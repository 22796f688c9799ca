//! `event list`: what transactions of the channel announced, evidence against validators among it.
//!
//! In: a filter. Out: events, oldest first, page by page until there are enough. Deliberately not here:
//! following new ones (`event_watch`).

use super::{Context, Done};
use crate::args::{EventCommand, EventList};
use crate::client::Client;
use crate::output::table;
use crate::profile;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Events of one page.
const PAGE: usize = 100;

/// Runs it.
pub(crate) async fn event(command: &EventCommand, context: &Context) -> Done {
    let wanted = match command {
        EventCommand::List(wanted) => wanted,
        EventCommand::Watch(wanted) => return super::event_watch::watch(wanted, context).await,
    };
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::reading(&target, context)?;
    let mut from = wanted.from.to_string();
    let mut events: Vec<Value> = Vec::new();
    let (channel, next) = loop {
        let limit = wanted.limit.saturating_sub(events.len()).clamp(1, PAGE);
        let filter = [wanted.score.as_deref(), wanted.topic.as_deref()];
        let mut body = client.events(filter, &from, limit).await?;
        if let Some(Value::Array(page)) = body.get_mut("events").map(Value::take) {
            events.extend(page);
        }
        match body.get("next_from").and_then(Value::as_str) {
            Some(next) if events.len() < wanted.limit => next.clone_into(&mut from),
            next => break (body.get("channel").cloned(), next.map(str::to_owned)),
        }
    };
    let lines = lines(wanted, &events, next.as_deref());
    let body = json!({
        "schema": "loopchain.events.v1",
        "channel": channel,
        "events": events,
        "next_from": next,
    });
    context.out.either(&body, lines);
    Ok(ExitCode::SUCCESS)
}

fn lines(wanted: &EventList, events: &[Value], next: Option<&str>) -> Vec<String> {
    let text = |event: &Value, key: &str| match event.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let row = |event: &Value| {
        let name = format!("{}.{}", text(event, "score"), text(event, "name"));
        vec![text(event, "id"), name, text(event, "fields")]
    };
    if events.is_empty() {
        return vec![format!("no such event from block {} on", wanted.from)];
    }
    let mut lines = table(&["EVENT", "NAME", "FIELDS"], events.iter().map(row).collect());
    let height = next.and_then(|next| next.split('.').next());
    lines.extend(height.map(|height| format!("more from block {height} on: --from {height}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_listed_with_what_they_say_and_where_to_go_on() {
        let wanted = EventList { score: None, topic: None, from: 3, limit: 1 };
        assert_eq!(lines(&wanted, &[], None), ["no such event from block 3 on"]);
        let event = json!({
            "id": "9.0.1", "height": 9, "transaction": "aa", "score": "system",
            "name": "evidence-recorded", "fields": ["bank-a/peer0", 0, 7, 3]
        });
        let shown = lines(&wanted, &[event], Some("12.0.0"));
        assert_eq!(shown.len(), 3);
        let words: Vec<_> = shown[1].split_whitespace().collect();
        assert_eq!(words, ["9.0.1", "system.evidence-recorded", "[\"bank-a/peer0\",0,7,3]"]);
        assert_eq!(shown[2], "more from block 12 on: --from 12");
    }
}
