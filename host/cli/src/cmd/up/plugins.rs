//! The drop-in folder of a local network: what `up` puts there and what it finds there.
//!
//! In: names of rules and SCOREs that channels.toml uses. Out: their `.so` files in
//! `DATA/plugins`, built in a checkout, copied from `../lib/loopchain` beside an installed program
//! (which never compiles). [`scan`] tells SCOREs, rules and everything else apart by their bytes.

use crate::failure::Failure;
use crate::network::{DataFolder, make_folder, write_whole};
use host_rules::RuleShelf;
use host_types::fault::Code;
use host_types::manifest::{CatchAll, EventKind, FaultKind, Field, Manifest, Method};
use plugin_api_loader::make::{self, MakeError};
use score_native_link::build::build_score;
use score_native_link::elf::Metered;
use score_native_link::{CheckedScore, check};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Section that every SCORE has: its manifest.
const SCORE_MARK: &[u8] = b".loopscore";
/// Where an installed program has its plugins.
const RELEASED: &str = "../lib/loopchain";

/// What is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needed {
    /// Ids of rules.
    pub rules: Vec<String>,
    /// Names of SCOREs.
    pub scores: Vec<String>,
}

/// The rules of the drop-in folder of a network.
///
/// # Errors
/// When the folder of private copies cannot be used.
pub(crate) fn rules(data: &DataFolder) -> Result<RuleShelf, Failure> {
    Ok(RuleShelf::open(&data.join("plugins"), &data.join("rules"))?)
}

/// The folder of an installation that has the rules which come with it.
pub(crate) fn released() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    Some(exe.parent()?.join(RELEASED)).filter(|folder| folder.is_dir())
}

/// Puts what is needed into the drop-in folder. What is there already and cannot be made here was
/// dropped by somebody and stays.
///
/// # Errors
/// A build that fails.
pub(crate) fn install(
    data: &DataFolder,
    needed: &Needed,
    on_line: &mut dyn FnMut(&str),
) -> Result<(), Failure> {
    install_into(&data.join("plugins"), needed, on_line)
}

/// The same for any drop-in folder, which is made when something is needed.
///
/// # Errors
/// A build that fails.
pub(crate) fn install_into(
    folder: &Path,
    needed: &Needed,
    on_line: &mut dyn FnMut(&str),
) -> Result<(), Failure> {
    make_folder(folder)?;
    for rule in &needed.rules {
        let dropped = folder.join(make::file_name(rule));
        match make::find_rule_so(rule, on_line) {
            Ok(path) => copy(&path, &dropped)?,
            Err(MakeError::Build { .. }) if dropped.exists() => {}
            // Not one of ours: it was dropped in, or the check of channels.toml says that it is not
            // there, with its line.
            Err(MakeError::NotInstalled { .. } | MakeError::Name { .. }) => {}
            Err(error) => return Err(Failure::new(Code::BuildFailed, error.to_string())),
        }
    }
    for score in &needed.scores {
        if let Some(path) = find_score(score, on_line)? {
            let name = path.file_name().unwrap_or_default().to_owned();
            copy(&path, &folder.join(name))?;
        }
    }
    Ok(())
}

/// The fresh file of a SCORE that we ship; `None` when it is not ours.
fn find_score(name: &str, on_line: &mut dyn FnMut(&str)) -> Result<Option<PathBuf>, Failure> {
    if let Some(root) = make::source_tree() {
        if !root.join("plugins").join(name).join("Cargo.toml").is_file() {
            return Ok(None);
        }
        let built = build_score(&root, &format!("plugins-{name}"), on_line);
        return built.map(Some).map_err(|e| Failure::new(Code::BuildFailed, e.to_string()));
    }
    let exe = std::env::current_exe().unwrap_or_default();
    let folder = exe.parent().map(|bin| bin.join(RELEASED)).unwrap_or_default();
    let path = folder.join(format!("lib{}.so", name.replace('-', "_")));
    Ok(path.is_file().then_some(path))
}

/// Copies when the bytes differ; readers never see a part.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(from).map_err(|error| Failure::file(from, &error))?;
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    write_whole(to, &bytes)
}

/// A SCORE of the drop-in folder.
#[derive(Clone, Debug)]
pub(crate) struct Artefact {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Its manifest, in the host's words.
    pub manifest: Manifest,
    /// How much of it counts its steps.
    pub metered: Metered,
}

/// What the drop-in folder holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// SCOREs by name; of two files of one name the newer counts.
    pub scores: BTreeMap<String, Artefact>,
    /// Files that may not be used: path and one line.
    pub refused: Vec<(PathBuf, String)>,
}

/// When and how large a file is: what tells that it has changed, and that it is complete.
pub(crate) type Stamps = BTreeMap<PathBuf, (u64, SystemTime)>;

/// Files of the folder that may be plugins; those whose name begins with a dot are unfinished.
pub(crate) fn stamps(folder: &Path) -> Stamps {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let is_plugin = |path: &PathBuf| {
        let is_hidden =
            path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        !is_hidden && path.extension().is_some_and(|ending| ending == "so")
    };
    files
        .filter(is_plugin)
        .filter_map(|path| {
            let about = path.metadata().ok()?;
            let stamp = (about.len(), about.modified().ok()?);
            Some((path, stamp))
        })
        .collect()
}

/// Reads and checks the files of the folder.
pub(crate) fn scan(files: &Stamps) -> Found {
    let mut found = Found::default();
    let mut by_age: Vec<_> = files.iter().collect();
    by_age.sort_by_key(|(_, (_, modified))| *modified);
    for (path, _) in by_age {
        match examine(path) {
            Ok(Some(checked)) => {
                let manifest = host_manifest(&checked);
                let sha256 = score_native_link::hex(&checked.sha256);
                found.scores.insert(
                    manifest.name.clone(),
                    Artefact { sha256, manifest, metered: checked.metered },
                );
            }
            Ok(None) => {}
            Err(why) => found.refused.push((path.clone(), why)),
        }
    }
    found
}

/// A SCORE, or `None` for a rule; else why it is neither, in one line.
fn examine(path: &Path) -> Result<Option<CheckedScore>, String> {
    let bytes = plugin_api_loader::check::read(path).map_err(|refusal| refusal.to_string())?;
    if bytes.windows(SCORE_MARK.len()).any(|window| window == SCORE_MARK) {
        return check(&bytes).map(Some).map_err(|findings| {
            let first = findings.first().map(ToString::to_string).unwrap_or_default();
            match findings.len() {
                0 | 1 => first,
                count => format!("{first} (and {} more)", count - 1),
            }
        });
    }
    plugin_api_loader::check::rule_symbol(path, &bytes)
        .map(|_| None)
        .map_err(|refusal| refusal.to_string())
}

/// The manifest of a file in the words of REST and command line.
fn host_manifest(checked: &CheckedScore) -> Manifest {
    let manifest = &checked.manifest;
    let fields = |list: &[score_native_link::elf::Argument]| {
        list.iter().map(|a| Field { name: a.name.clone(), kind: a.kind.clone() }).collect()
    };
    Manifest {
        abi: manifest.abi.clone(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        sdk: manifest.sdk.clone(),
        methods: manifest
            .methods
            .iter()
            .map(|method| Method {
                name: method.name.clone(),
                kind: method.kind.clone(),
                args: fields(&method.args),
                returns: method.returns.clone(),
            })
            .collect(),
        events: manifest
            .events
            .iter()
            .map(|event| EventKind { name: event.name.clone(), fields: fields(&event.fields) })
            .collect(),
        faults: manifest
            .faults
            .iter()
            .map(|fault| FaultKind {
                code: fault.code,
                name: fault.name.clone(),
                message: fault.message.clone(),
            })
            .collect(),
        any: CatchAll { invoke: manifest.any.invoke, query: manifest.any.query },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_plugin_is_told_in_one_line_and_hidden_ones_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libbroken.so"), b"not an ELF file").unwrap();
        let almost = [b"\x7fELF".as_slice(), SCORE_MARK].concat();
        std::fs::write(folder.path().join("libcut.so"), almost).unwrap();
        std::fs::write(folder.path().join(".libhalf.so.new"), b"x").unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"x").unwrap();
        let found = scan(&stamps(folder.path()));
        assert!(found.scores.is_empty());
        assert_eq!(found.refused.len(), 2);
        for (path, why) in &found.refused {
            assert!(!why.is_empty() && !why.contains('\n'), "{}: {why}", path.display());
        }
    }
}
