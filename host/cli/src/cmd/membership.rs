//! `peer join`, `peer leave`: channels of a running peer.
//!
//! In: the home of the peer, a channel. Out: what the peer did, by its own word. Deliberately not here:
//! who belongs to a channel (its transactions say that), creating one (`channel create`, `channel apply`).

use super::{Context, Done, operate};
use crate::args_operate::{PeerJoin, PeerLeave};
use crate::failure::Failure;
use crate::output::OK;
use host_node::config::{Overrides, PeerConfig};
use host_types::fault::Code;
use host_types::hash::to_hex;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Opening a store after a crash reads much of it again.
const JOINS_WITHIN: Duration = Duration::from_secs(120);

fn socket(home: &Path) -> Result<PathBuf, Failure> {
    Ok(PeerConfig::load(home, &Overrides::default())?.ops.admin_socket)
}

fn with_schema(mut told: Value, schema: &str) -> Value {
    told["schema"] = schema.into();
    told
}

/// `peer join`
pub(super) fn join(args: &PeerJoin, context: &Context) -> Done {
    let genesis = match &args.genesis {
        Some(file) => {
            let bytes = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
            Some(to_hex(&bytes))
        }
        None => None,
    };
    let call = json!({"call": "join", "channel": args.channel, "genesis": genesis});
    let told = operate::call(&socket(&args.home)?, &call, JOINS_WITHIN)?;
    let height = &told["height"];
    let line = if told["joined"] == true {
        format!(
            "{OK} channel {} is joined at height {height}; it catches up by itself",
            args.channel
        )
    } else {
        format!("{OK} channel {} runs here already, at height {height}", args.channel)
    };
    context.out.either(&with_schema(told, "loopchain.peer-join.v1"), [line]);
    Ok(ExitCode::SUCCESS)
}

/// `peer leave`
pub(super) fn leave(args: &PeerLeave, context: &Context) -> Done {
    let socket = socket(&args.home)?;
    if args.delete_data && !context.global.yes {
        let call = json!({"call": "size", "channel": args.channel});
        let told = operate::call(&socket, &call, JOINS_WITHIN)?;
        let message = format!("this would delete {}", data(&told));
        return Err(Failure::new(Code::UsageWrong, message).with_help(format!(
            "say `--yes` to leave {} and delete it, or leave with `--keep-data`",
            args.channel
        )));
    }
    let wish = if args.delete_data { "delete" } else { "keep" };
    let call = json!({"call": "leave", "channel": args.channel, "data": wish});
    let told = operate::call(&socket, &call, JOINS_WITHIN)?;
    let done = if args.delete_data { "deleted" } else { "kept" };
    let lines = [
        format!("{OK} channel {} is left; {done}: {}", args.channel, data(&told)),
        format!(
            "  what this peer signed stays in its sign log; `loopchain peer join {}` comes back",
            args.channel
        ),
    ];
    context.out.either(&with_schema(told, "loopchain.peer-leave.v1"), lines);
    Ok(ExitCode::SUCCESS)
}

/// `PATH (12 files, 3.4 MiB)`
fn data(told: &Value) -> String {
    let path = told["path"].as_str().unwrap_or_default();
    let (files, bytes) = (&told["files"], told["bytes"].as_u64().unwrap_or_default());
    format!("{path} ({files} files, {})", size(bytes))
}

fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", tenths(1 << 10)),
        1_048_576..1_073_741_824 => format!("{} MiB", tenths(1 << 20)),
        _ => format!("{} GiB", tenths(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let table = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 30, "3.0 GiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
    }
}
