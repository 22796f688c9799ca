//! `version`: what this program is and speaks.

use super::Done;
use crate::output::Out;
use serde_json::json;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn version(out: Out) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    let target = score_native_link::build::TARGET;
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let document = json!({
        "schema": "loopchain.version.v1",
        "version": version,
        "protocol": host_rpc::limits::PROTOCOL,
        "target": target,
        "profile": profile,
    });
    let lines = [
        format!("loopchain {version}"),
        format!("  protocol  {}", host_rpc::limits::PROTOCOL),
        format!("  target    {target}"),
        format!("  profile   {profile}"),
    ];
    out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}
