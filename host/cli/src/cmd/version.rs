//! `version`: what this program is and speaks.

use super::Done;
use crate::output::Out;
use host_node::versions;
use serde_json::json;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn version(out: Out) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    let target = score_native_link::build::TARGET;
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let commit = Some(env!("LOOPCHAIN_COMMIT")).filter(|commit| !commit.is_empty());
    let rustc = env!("LOOPCHAIN_RUSTC");
    let (rule_abi, score_abi) = (versions::rule_abi(), versions::score_abi());
    let document = json!({
        "schema": "loopchain.version.v1",
        "version": version,
        "git": commit,
        "protocol": versions::PROTOCOL,
        "abi": {"rule": rule_abi, "score": score_abi},
        "storage_format": versions::STORAGE_FORMAT,
        "target": target,
        "profile": profile,
        "rustc": rustc,
    });
    let lines = [
        format!("loopchain {version}"),
        format!("  git       {}", commit.unwrap_or("-")),
        format!("  protocol  {}", versions::PROTOCOL),
        format!("  ABI       rules {rule_abi}, SCOREs {score_abi}"),
        format!("  storage   format {}", versions::STORAGE_FORMAT),
        format!("  target    {target}"),
        format!("  profile   {profile}"),
        format!("  rustc     {rustc}"),
    ];
    out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}
