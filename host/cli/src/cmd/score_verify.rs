//! `score verify`: does this file come from that source?
//!
//! In: a folder with a SCORE's source; a file, a digest, or the version that is active on the channel.
//! Out: whether a build from nothing has the same SHA-256. Every organisation can do this before it
//! votes. Deliberately not here: how a SCORE is built (`score-native/link`).

use super::{Context, Done, runtime};
use crate::args::ScoreVerify;
use crate::client::Client;
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{BAD, OK};
use crate::profile;
use crate::time::seconds;
use host_types::fault::Code;
use host_types::hash::Hash32;
use score_native_link::build::rebuild_score_at;
use score_native_link::{check, hex};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// What the source is compared with.
struct Expected {
    /// SHA-256, hex.
    sha256: String,
    /// Where it comes from, for the reader.
    from: String,
}

/// Runs it.
pub(super) fn verify(verify: &ScoreVerify, context: &Context) -> Done {
    let told = verify.artefact.as_deref().map(told).transpose()?;
    if told.is_none() {
        // Who has nothing to compare with is told before the build, not after it.
        profile::target(&context.global, &context.data)?;
    }
    let started = Instant::now();
    let (name, version, sha256) = rebuild(&verify.source, context)?;
    let expected = match told {
        Some(expected) => expected,
        None => runtime()?.block_on(active(&name, context))?,
    };
    let equal = expected.sha256 == sha256;
    let document = json!({
        "schema": "loopchain.score-verify.v1",
        "name": name,
        "version": version,
        "source": verify.source.display().to_string(),
        "sha256": sha256,
        "expected": expected.sha256,
        "equal": equal,
    });
    let took = seconds(started.elapsed());
    let lines = if equal {
        vec![
            format!("{OK} {name} {version} rebuilt from source: SHA-256 equal   {took}"),
            format!("  {sha256}"),
        ]
    } else {
        vec![
            format!("{BAD} {name} {version} rebuilt from source: another SHA-256   {took}"),
            format!("  source    {sha256}"),
            format!("  {:<9} {}", expected.from, expected.sha256),
            "  another commit, another toolchain (rust-toolchain.toml) or another Cargo.lock make other \
             bytes; so does another source"
                .to_owned(),
        ]
    };
    context.out.either(&document, lines);
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

/// A digest, or the digest of a file.
fn told(artefact: &str) -> Result<Expected, Failure> {
    if let Some(sha256) = Hash32::from_hex(artefact) {
        return Ok(Expected { sha256: sha256.to_string(), from: "given".to_owned() });
    }
    let path = Path::new(artefact);
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    Ok(Expected { sha256: Hash32::sha256(&bytes).to_string(), from: "file".to_owned() })
}

/// The version that the channel runs.
async fn active(name: &str, context: &Context) -> Result<Expected, Failure> {
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let (_, info, _) = client.score(name).await?;
    Ok(Expected { sha256: info.sha256, from: "active".to_owned() })
}

/// Builds from nothing: name, version and digest.
fn rebuild(source: &Path, context: &Context) -> Result<(String, String, String), Failure> {
    let target = fresh_folder()?;
    let out = context.out;
    let built = rebuild_score_at(source, &target, &mut |line| {
        out.note(&format!("  {}", line.trim_start()));
    });
    let bytes = built.map(std::fs::read);
    // What was built is in memory; a folder that stays is only untidy.
    std::fs::remove_dir_all(&target).ok();
    let bytes = bytes
        .map_err(|error| Failure::new(Code::BuildFailed, error.to_string()))?
        .map_err(|error| Failure::file(source, &error))?;
    let checked = check(&bytes).map_err(|findings| super::score::refused(source, &findings))?;
    let manifest = checked.manifest;
    Ok((manifest.name, manifest.version, hex(&checked.sha256)))
}

/// A folder that nothing was built in before.
fn fresh_folder() -> Result<std::path::PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("loopchain-verify-{}", std::process::id()));
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
    Ok(folder)
}
