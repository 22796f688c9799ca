//! Source to `.so`: the one place that knows how a SCORE is compiled.
//!
//! In: a package of a workspace, or a folder with a SCORE's Cargo.toml. Out: the path of the fresh
//! `.so`, the same bytes on every machine with the same toolchain. The compiler puts a call of the
//! step hook into every basic block (`SCORE_FLAGS`), which is why SCOREs have a target folder of
//! their own. It deliberately does not judge what it built: that is the ELF check's work. It only asks whether
//! chance put the bytes of a random instruction into it, and then lays the code out otherwise.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The machine that SCOREs are built for.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The step hook in every basic block (`prune-blocks=0`, or an empty loop would not be counted), no
/// start files (they bring constructors), no build id (it would differ).
const SCORE_FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=2",
    "-Cllvm-args=-sanitizer-coverage-trace-pc-guard",
    "-Cllvm-args=-sanitizer-coverage-prune-blocks=0",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-Wl,--build-id=none",
];

/// Other layouts of the code, in the order in which they are tried: how functions are aligned (powers of
/// two).
/// The distance between two places of a file is a number like any other, and may by chance be the bytes of
/// an instruction that the check looks for at every byte; about one build in a hundred. In another layout
/// distances are others. Every build of a source ends with the same one, so digests stay comparable.
const LAYOUTS: [&str; 4] = ["5", "6", "7", "8"];

/// The profile, also for a SCORE outside of this workspace: the hook is inlined by fat LTO only.
const PROFILE: [&str; 8] = [
    "profile.score.inherits=\"release\"",
    "profile.score.panic=\"abort\"",
    "profile.score.lto=\"fat\"",
    "profile.score.opt-level=3",
    "profile.score.codegen-units=1",
    "profile.score.strip=true",
    "profile.score.debug=false",
    "profile.score.overflow-checks=true",
];

/// Variables of a surrounding cargo (a test, `cargo clippy`) or of the user's shell that would
/// change the build.
const FOREIGN_VARIABLES: [&str; 10] = [
    "CARGO_PKG_",
    "CARGO_BIN_",
    "CARGO_MANIFEST_",
    "CARGO_PROFILE_",
    "CARGO_BUILD_",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_X86_64",
    "LD_LIBRARY_PATH",
    "RUSTFLAGS",
    "RUSTC_W",
];

/// Why there is no `.so`.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A folder or file of the build cannot be used.
    #[error("building {package}: {path}: {source}")]
    File {
        /// What is built.
        package: String,
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Cargo did not start.
    #[error(
        "building {package}: cannot run `{cargo}`: {source}; install Rust from https://rustup.rs"
    )]
    NoCargo {
        /// What is built.
        package: String,
        /// The program.
        cargo: String,
        /// What the system says.
        source: io::Error,
    },
    /// The compiler found errors.
    #[error("building {package} failed:\n{errors}")]
    Failed {
        /// What is built.
        package: String,
        /// The lines that cargo wrote.
        errors: String,
    },
    /// The build went well but made no library.
    #[error("building {package} made no .so: a SCORE is a library (src/lib.rs)")]
    NoLibrary {
        /// What is built.
        package: String,
    },
}

/// The root of the loopchain source tree this program runs in: told by cargo, else found above the
/// program's file. A released program finds none.
#[must_use]
pub fn source_tree() -> Option<PathBuf> {
    let told = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    [told, env::current_exe().ok()].into_iter().flatten().find_map(|start| {
        start.ancestors().find(|folder| is_source_tree(folder)).map(Path::to_path_buf)
    })
}

fn is_source_tree(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.contains("[workspace.metadata.loopchain]"))
}

/// Builds a SCORE of the workspace at `root`, for instance `plugins-token`. `on_line` gets what
/// cargo says, line by line. Builds in one target folder wait for each other.
///
/// # Errors
/// [`BuildError`]
pub fn build_score(
    root: &Path,
    package: &str,
    on_line: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let name = package.to_owned();
    build(&Job { folder: root, package: Some(package), name, is_metered: true }, on_line)
}

/// As [`build_score`], but the file does not count its steps: only to measure what counting costs.
///
/// # Errors
/// [`BuildError`]
pub fn build_uncounted(
    root: &Path,
    package: &str,
    on_line: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let name = package.to_owned();
    build(&Job { folder: root, package: Some(package), name, is_metered: false }, on_line)
}

/// Builds the SCORE whose Cargo.toml stands in `folder`, in this workspace or anywhere else.
///
/// # Errors
/// [`BuildError`]
pub fn build_score_at(folder: &Path, on_line: &mut dyn FnMut(&str)) -> Result<PathBuf, BuildError> {
    let name = folder.display().to_string();
    let folder = fs::canonicalize(folder).map_err(|source| BuildError::File {
        package: name.clone(),
        path: folder.to_path_buf(),
        source,
    })?;
    build(&Job { folder: &folder, package: None, name, is_metered: true }, on_line)
}

/// Builds the SCORE whose Cargo.toml stands in `folder` from nothing, in a target folder of its own:
/// what earlier builds left has no part in it.
///
/// # Errors
/// [`BuildError`]
pub fn rebuild_score_at(
    folder: &Path,
    target: &Path,
    on_line: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let name = folder.display().to_string();
    let file_error = |path: &Path, source| BuildError::File {
        package: name.clone(),
        path: path.to_path_buf(),
        source,
    };
    let folder = fs::canonicalize(folder).map_err(|error| file_error(folder, error))?;
    let job = Job { folder: &folder, package: None, name: name.clone(), is_metered: true };
    build_in(&job, workspace_root(&folder), target, on_line)
}

/// Where [`build_score_at`] leaves the library of that name, built or not.
///
/// # Errors
/// When the folder cannot be read.
pub fn built_score_at(folder: &Path, library: &str) -> io::Result<PathBuf> {
    let folder = fs::canonicalize(folder)?;
    let file = format!("lib{}.so", library.replace('-', "_"));
    Ok(target_folder(workspace_root(&folder)).join(TARGET).join("score").join(file))
}

/// One build: of a package of the workspace in `folder`, or of the package in `folder`.
struct Job<'a> {
    folder: &'a Path,
    package: Option<&'a str>,
    /// How messages call it.
    name: String,
    /// Whether it counts its steps.
    is_metered: bool,
}

fn build(job: &Job<'_>, on_line: &mut dyn FnMut(&str)) -> Result<PathBuf, BuildError> {
    let root = workspace_root(job.folder);
    let mut target = target_folder(root);
    if !job.is_metered {
        // Apart, or each kind would build everything anew.
        target.push("uncounted");
    }
    build_in(job, root, &target, on_line)
}

fn build_in(
    job: &Job<'_>,
    root: &Path,
    target: &Path,
    on_line: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let file_error = |path: &Path, source| BuildError::File {
        package: job.name.clone(),
        path: path.to_path_buf(),
        source,
    };
    fs::create_dir_all(target).map_err(|error| file_error(target, error))?;
    let lock_path = target.join("score.lock");
    let lock = fs::File::create(&lock_path).map_err(|error| file_error(&lock_path, error))?;
    lock.lock().map_err(|error| file_error(&lock_path, error))?;
    let usual = build_once(job, root, target, None, on_line)?;
    let looks_random = |path: &Path| {
        let bytes = fs::read(path).map_err(|error| file_error(path, error))?;
        Ok::<_, BuildError>(crate::elf::random_by_chance(&bytes))
    };
    if !looks_random(&usual)? {
        return Ok(usual);
    }
    for layout in LAYOUTS {
        let other = target.join(format!("layout-{layout}"));
        let built = build_once(job, root, &other, Some(layout), on_line)?;
        if !looks_random(&built)? {
            let new = usual.with_extension("so.new");
            let moved = fs::copy(&built, &new).and_then(|_| fs::rename(&new, &usual));
            moved.map_err(|error| file_error(&usual, error))?;
            break;
        }
    }
    // Where none helps, the check says what is left.
    Ok(usual)
}

fn build_once(
    job: &Job<'_>,
    root: &Path,
    target: &Path,
    layout: Option<&str>,
    on_line: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let file_error = |path: &Path, source| BuildError::File {
        package: job.name.clone(),
        path: path.to_path_buf(),
        source,
    };
    let mut command = command(job, root, target, layout);
    let child = command.spawn().map_err(|source| BuildError::NoCargo {
        package: job.name.clone(),
        cargo: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    let said = listen(child, on_line).map_err(|error| file_error(target, error))?;
    if !said.success {
        return Err(BuildError::Failed { package: job.name.clone(), errors: said.errors });
    }
    library(&said.artefacts).ok_or_else(|| BuildError::NoLibrary { package: job.name.clone() })
}

/// The nearest folder upward whose Cargo.toml has a `[workspace]`, else the folder itself.
fn workspace_root(folder: &Path) -> &Path {
    let has_workspace = |folder: &&Path| {
        fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with("[workspace]")))
    };
    folder.ancestors().find(has_workspace).unwrap_or(folder)
}

fn target_folder(root: &Path) -> PathBuf {
    let chosen = env::var_os("CARGO_TARGET_DIR");
    chosen.map_or_else(|| root.join("target"), |folder| root.join(folder)).join("score")
}

fn command(job: &Job<'_>, root: &Path, target: &Path, layout: Option<&str>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if FOREIGN_VARIABLES.iter().any(|foreign| name.starts_with(foreign)) {
            command.env_remove(&variable);
        }
    }
    let tree = sdk_tree(job.folder, root);
    let flags = rust_flags(root, tree, (job.is_metered, layout));
    command.current_dir(job.folder).env("CARGO_ENCODED_RUSTFLAGS", flags);
    // Its lines are read, and told where colours may mean nothing.
    command.env("CARGO_TERM_COLOR", "never");
    command.arg("rustc");
    if let Some(package) = job.package {
        command.args(["--package", package]);
    }
    for setting in PROFILE {
        command.args(["--config", setting]);
    }
    // An author's own folder may not have a Cargo.lock yet; ours is never changed by a build.
    if is_source_tree(root) {
        command.arg("--locked");
    }
    command
        .args(["--profile", "score", "--target", TARGET, "--features", "export"])
        .args(["--lib", "--crate-type", "cdylib"])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The flags, and the paths of this machine taken out of the bytes.
fn rust_flags(
    root: &Path,
    tree: Option<PathBuf>,
    (is_metered, layout): (bool, Option<&str>),
) -> String {
    let counts = |flag: &&str| flag.contains("sancov") || flag.contains("coverage");
    let flags = SCORE_FLAGS.into_iter().filter(|flag| is_metered || !counts(flag));
    let mut flags: Vec<String> = flags.map(str::to_owned).collect();
    flags.extend(layout.map(|power| format!("-Cllvm-args=-align-all-functions={power}")));
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    // The last one that fits a path counts.
    let places = [(cargo_home.as_deref(), "/cargo"), (tree.as_deref(), "/loopchain")];
    for (place, name) in places.into_iter().chain([(Some(root), "/src")]) {
        if let Some(place) = place {
            flags.push(format!("--remap-path-prefix={}={name}", place.display()));
        }
    }
    flags.join("\u{1f}")
}

/// The source tree whose `score-native` a package outside of it depends on: its paths are taken out of
/// the bytes, too, whoever builds.
fn sdk_tree(folder: &Path, root: &Path) -> Option<PathBuf> {
    if is_source_tree(root) {
        return Some(root.to_path_buf());
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let said = cargo.current_dir(folder).stdin(Stdio::null()).output().ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&said.stdout).ok()?;
    let packages = metadata.get("packages")?.as_array()?.iter();
    let dependencies = packages.filter_map(|package| package.get("dependencies")?.as_array());
    let mut sdk = dependencies.flatten().filter(|dependency| dependency["name"] == "score-native");
    let path = fs::canonicalize(sdk.find_map(|found| found.get("path")?.as_str())?).ok()?;
    path.ancestors().find(|above| is_source_tree(above)).map(Path::to_path_buf)
}

/// What cargo answered.
struct Said {
    success: bool,
    /// JSON lines.
    artefacts: String,
    /// Text for people.
    errors: String,
}

fn listen(mut child: Child, on_line: &mut dyn FnMut(&str)) -> io::Result<Said> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let artefacts = scope.spawn(move || {
            let mut text = String::new();
            stdout.map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut text)).map(|_| text)
        });
        let mut errors = String::new();
        for line in stderr.map(BufReader::new).into_iter().flat_map(BufRead::lines) {
            let line = line?;
            on_line(&line);
            errors.push_str(&line);
            errors.push('\n');
        }
        let artefacts = artefacts
            .join()
            .map_err(|_| io::Error::other("the reader of cargo's answer panicked"))??;
        Ok(Said { success: child.wait()?.success(), artefacts, errors })
    })
}

/// The `.so` among cargo's artefacts.
fn library(artefacts: &str) -> Option<PathBuf> {
    artefacts.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let kinds = message.pointer("/target/crate_types")?.as_array()?;
        if !kinds.iter().any(|kind| kind == "cdylib") {
            return None;
        }
        let files = message.get("filenames")?.as_array()?.iter();
        files.filter_map(|file| file.as_str()).find(|file| file.ends_with(".so")).map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::{library, source_tree, workspace_root};
    use std::path::{Path, PathBuf};

    #[test]
    fn a_test_finds_its_source_tree() {
        let tree = source_tree().unwrap();
        assert!(tree.join("score-native/link/src/build.rs").is_file());
    }

    #[test]
    fn a_member_is_built_in_the_target_folder_of_its_workspace() {
        let tree = source_tree().unwrap();
        assert_eq!(workspace_root(&tree.join("plugins/token")), tree);
        assert_eq!(workspace_root(Path::new("/nowhere/at/all")), Path::new("/nowhere/at/all"));
    }

    #[test]
    fn the_library_is_taken_from_cargos_own_words() {
        let lines = concat!(
            r#"{"reason":"compiler-artifact","target":{"crate_types":["lib"]},"filenames":["/t/libabi.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"crate_types":["cdylib"]},"filenames":["/t/libtoken.so"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(library(lines), Some(PathBuf::from("/t/libtoken.so")));
        assert_eq!(library("{}\nnot json"), None);
    }
}
