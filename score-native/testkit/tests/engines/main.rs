//! The probe SCORE on all engines: what it can do, how it is stopped, how the harness sees it.
#![expect(unexpected_cfgs, reason = "the probe's feature `export` is one of its own crate")]

mod agree;
mod fuzz;
mod harness;
#[path = "../probe/score.rs"]
#[expect(unreachable_pub, reason = "it is a crate of its own as a .so")]
mod probe;
mod shuffle;
mod state;

use score_native_link::build::source_tree;
use std::{fs, io, sync::OnceLock};

/// Names the built `.so` to a test that is started by another one.
const PROBE: &str = "LOOPCHAIN_TEST_PROBE";

/// A SCORE in a folder of its own outside of the workspace, as an author has it.
pub(crate) fn folder() -> &'static str {
    static FOLDER: OnceLock<io::Result<(tempfile::TempDir, String)>> = OnceLock::new();
    let made = FOLDER.get_or_init(make_folder);
    assert!(made.is_ok(), "{made:?}");
    made.as_ref().map_or("", |(_, path)| path)
}

fn make_folder() -> io::Result<(tempfile::TempDir, String)> {
    let folder = tempfile::tempdir()?;
    if let Ok(built) = std::env::var(PROBE) {
        return Ok((folder, built));
    }
    let tree = source_tree().ok_or(io::ErrorKind::NotFound)?;
    let sdk = tree.join("score-native");
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n\
         [features]\nexport = [\"score-native/export\"]\n\n\
         [dependencies]\nscore-native = {{ path = {sdk:?} }}\n\n[workspace]\n"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::copy(tree.join("Cargo.lock"), folder.path().join("Cargo.lock"))?;
    fs::create_dir(folder.path().join("src"))?;
    let source = format!("#![no_std]\n{}", include_str!("../probe/score.rs"));
    fs::write(folder.path().join("src/lib.rs"), source)?;
    let path = folder.path().display().to_string();
    Ok((folder, path))
}
