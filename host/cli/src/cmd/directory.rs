//! `radiostation peers`, `evict`, `invite`: the directory of a RadioStation that runs.
//!
//! In: the home of the RadioStation, a name. Out: what it did, by its own word. Deliberately not here: who
//! is a validator, and taking certificates back (`cert revoke`).

use super::{Context, Done, operate};
use crate::args_operate::DirectoryPlace;
use crate::failure::Failure;
use crate::output::{OK, table};
use host_node::config::{Overrides, RadioStationConfig};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// It answers from memory; a change waits for one write.
const WITHIN: Duration = Duration::from_secs(20);

fn ask(place: &DirectoryPlace, call: &Value) -> Result<Value, Failure> {
    let config = RadioStationConfig::load(&place.home, &Overrides::default())?;
    operate::call(&config.ops.admin_socket, call, WITHIN)
}

/// `radiostation peers`
pub(super) fn peers(place: &DirectoryPlace, context: &Context) -> Done {
    let mut told = ask(place, &json!({"call": "peers"}))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| {
        let all = value.as_array().map(|all| all.iter().map(text).collect::<Vec<_>>());
        all.unwrap_or_default().join(" ")
    };
    let rows = told["peers"].as_array().into_iter().flatten().map(|peer| {
        let order = peer["order"].to_string();
        vec![
            order,
            text(&peer["name"]),
            text(&peer["state"]),
            text(&peer["rpc"]),
            list(&peer["channels"]),
        ]
    });
    let mut lines = table(&["ORDER", "PEER", "STATE", "ADDRESS", "CHANNELS"], rows.collect());
    let evicted = list(&told["evicted"]);
    if !evicted.is_empty() {
        lines.push(format!("evicted: {evicted}"));
    }
    told["schema"] = "loopchain.radiostation-peers.v1".into();
    context.out.either(&told, lines);
    Ok(ExitCode::SUCCESS)
}

/// `radiostation evict`, `radiostation invite`
pub(super) fn change(peer: &str, is_out: bool, place: &DirectoryPlace, context: &Context) -> Done {
    let word = if is_out { "evict" } else { "invite" };
    let mut told = ask(place, &json!({"call": word, "peer": peer}))?;
    let line = match (is_out, told["changed"] == true) {
        (true, true) => format!("{OK} {peer} is out of the directory; what it votes is untouched"),
        (true, false) => format!("{OK} {peer} was out of the directory already"),
        (false, true) => format!("{OK} {peer} may announce itself again"),
        (false, false) => format!("{OK} {peer} was not evicted"),
    };
    told["schema"] = format!("loopchain.radiostation-{word}.v1").into();
    context.out.either(&told, [line]);
    Ok(ExitCode::SUCCESS)
}
