//! Source tree to `.so`: finds the tree this program was built from, builds rules in the same
//! target folder and the same selection as the host (so that nothing is compiled twice), and finds
//! the file of a rule wherever this program runs from.
//!
//! In come names of rules or packages, out come paths. Deliberately not here: SCOREs, which are
//! built with other flags by `score-native-link`.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Marks the root manifest of the source tree.
const TREE_MARK: &str = "[workspace.metadata.loopchain]";
/// Package of the host, always in the selection.
const HOST_PACKAGE: &str = "host-cli";
/// Packages of rules are called so.
const PACKAGE_PREFIX: &str = "plugins-";
/// Where a released archive keeps its plugins, seen from the folder of the program.
const RELEASED: &str = "../lib/loopchain";
/// Lines of a failed build that go into the error.
const LAST_LINES_MAX: usize = 40;

/// How to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast to build.
    Debug,
    /// Fast to run.
    Release,
}

impl Profile {
    /// The profile this program was built with, as far as one can tell: debug when it checks
    /// `debug_assert!`.
    #[must_use]
    pub const fn of_this_program() -> Self {
        if cfg!(debug_assertions) { Self::Debug } else { Self::Release }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Why there is no `.so`.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A name that is not one.
    #[error("`{name}` is not the name of a rule: letters a-z, digits and `_` make one")]
    Name {
        /// The name.
        name: String,
    },
    /// Neither released nor in a source tree.
    #[error("no plugin for rule `{rule}`: {looked} does not exist; install it there")]
    NotInstalled {
        /// The rule.
        rule: String,
        /// Where it was looked for.
        looked: String,
    },
    /// Cargo did not start.
    #[error("cannot run cargo in {root}: {reason}; install Rust, or use a released archive")]
    Cargo {
        /// Root of the tree.
        root: String,
        /// What the system said.
        reason: io::Error,
    },
    /// Cargo ended with an error.
    #[error("building {packages} failed; the last lines of cargo:\n{lines}")]
    Build {
        /// What was built.
        packages: String,
        /// The end of its output.
        lines: String,
    },
    /// Cargo is content but the file is not there.
    #[error("cargo built {package} but {path} is not there; is it a `cdylib`?")]
    NotProduced {
        /// The package.
        package: String,
        /// The file that was expected.
        path: String,
    },
}

/// Root of the source tree this program runs in: told by cargo, else found above the program file.
/// None for a released program.
#[must_use]
pub fn source_tree() -> Option<PathBuf> {
    let told = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    [told, std::env::current_exe().ok()].into_iter().flatten().find_map(|start| tree_above(&start))
}

/// The nearest folder at or above `start` that is the root of a source tree.
fn tree_above(start: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| {
        std::fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|manifest| manifest.contains(TREE_MARK))
    };
    start.ancestors().find(is_root).map(Path::to_path_buf)
}

/// Folder that cargo builds into: the one this program lies in, so that the host's own artefacts
/// are used again; else as cargo would choose it.
#[must_use]
pub fn target_folder(root: &Path) -> PathBuf {
    let is_target = |folder: &&Path| folder.join(".rustc_info.json").is_file();
    let own = std::env::current_exe().ok();
    let own = own.as_deref().and_then(|exe| exe.ancestors().find(is_target));
    own.map(Path::to_path_buf)
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(|folder| root.join(folder)))
        .unwrap_or_else(|| root.join("target"))
}

/// File name of a rule's plugin.
#[must_use]
pub fn file_name(rule: &str) -> String {
    format!("lib{rule}.so")
}

/// Builds rule packages (`plugins-lft`) together with the host, and returns their files in the same
/// order. Every line cargo writes goes to `on_line`. When nothing changed it takes well under a
/// second.
///
/// # Errors
/// When cargo is missing or fails.
pub fn build_rules(
    root: &Path,
    packages: &[&str],
    profile: Profile,
    on_line: &mut dyn FnMut(&str),
) -> Result<Vec<PathBuf>, MakeError> {
    let target = target_folder(root);
    run_cargo(root, &target, packages, profile, on_line)?;
    packages
        .iter()
        .map(|package| {
            let rule = package.strip_prefix(PACKAGE_PREFIX).unwrap_or(package).replace('-', "_");
            let path = target.join(profile.folder()).join(file_name(&rule));
            let is_there = path.is_file();
            let shown = path.display().to_string();
            is_there.then_some(path).ok_or_else(|| MakeError::NotProduced {
                package: (*package).to_owned(),
                path: shown,
            })
        })
        .collect()
}

fn run_cargo(
    root: &Path,
    target: &Path,
    packages: &[&str],
    profile: Profile,
    on_line: &mut dyn FnMut(&str),
) -> Result<(), MakeError> {
    let missing = |reason| MakeError::Cargo { root: root.display().to_string(), reason };
    let mut cargo = cargo(root, target, packages, profile);
    let mut child = cargo.spawn().map_err(missing)?;
    let mut last = VecDeque::new();
    for line in child.stderr.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let line = line.map_err(missing)?;
        on_line(&line);
        if last.len() == LAST_LINES_MAX {
            last.pop_front();
        }
        last.push_back(line);
    }
    if child.wait().map_err(missing)?.success() {
        return Ok(());
    }
    let lines = last.into_iter().collect::<Vec<_>>().join("\n");
    Err(MakeError::Build { packages: packages.join(", "), lines })
}

fn cargo(root: &Path, target: &Path, packages: &[&str], profile: Profile) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let ours = |name: &OsStr| name.to_str().is_some_and(is_of_another_build);
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        cargo.env_remove(name);
    }
    cargo.current_dir(root).args(["build", "--locked", "-p", HOST_PACKAGE]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    cargo.arg("--target-dir").arg(target);
    cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    cargo
}

/// Variables that cargo has set for this program and that would make the nested build another one.
fn is_of_another_build(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_BIN_EXE_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start))
        || ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN_SOURCE"].contains(&name)
}

/// The plugin file of a rule: beside a test program that links the rule; built, in a source tree;
/// installed, for a released program.
///
/// # Errors
/// When there is none and none can be built.
pub fn find_rule_so(rule: &str, on_line: &mut dyn FnMut(&str)) -> Result<PathBuf, MakeError> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if rule.is_empty() || !rule.chars().all(is_name) {
        return Err(MakeError::Name { name: rule.escape_debug().to_string() });
    }
    if let Some(path) = linked(rule) {
        return Ok(path);
    }
    if let Some(root) = source_tree() {
        let folder = root.join("plugins").join(rule.replace('_', "-"));
        if !folder.join("Cargo.toml").is_file() {
            let (rule, looked) = (rule.to_owned(), folder.display().to_string());
            return Err(MakeError::NotInstalled { rule, looked });
        }
        let package = format!("{PACKAGE_PREFIX}{}", rule.replace('_', "-"));
        let profile = Profile::of_this_program();
        let mut built = build_rules(&root, &[&package], profile, on_line)?;
        return Ok(built.remove(0));
    }
    let folder = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    let path = folder.unwrap_or_default().join(RELEASED).join(file_name(rule));
    let looked = path.display().to_string();
    let not_installed = || MakeError::NotInstalled { rule: rule.to_owned(), looked };
    path.is_file().then_some(path).ok_or_else(not_installed)
}

/// A test that links a rule as a dev-dependency has a fresh `deps/librule.so` beside it, because
/// cargo makes rlib and cdylib in one go. (Seen with cargo 1.95, promised nowhere; where it is not
/// so the rule is built.) A program called `…-under-test` lies one folder above.
fn linked(rule: &str) -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let folder = exe.parent()?;
    let deps = if folder.ends_with("deps") {
        folder.to_path_buf()
    } else if exe.file_name()?.to_str()?.ends_with("-under-test") {
        folder.join("deps")
    } else {
        return None;
    };
    let path = deps.join(file_name(rule));
    path.is_file().then_some(path)
}

#[cfg(test)]
#[path = "make_tests.rs"]
mod tests;
