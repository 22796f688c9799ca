//! `score build|check|test` work on files; the life of a SCORE on a channel is `score_life`, and what else
//! an author does stands in files of its own.

use super::{
    Context, Done, runtime, score_life, score_new, score_rehearse, score_verify, score_watch,
};
use crate::args::ScoreCommand;
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{BAD, OK};
use crate::time::seconds;
use host_types::fault::Code;
use score_native_link::build::{build_score_at, built_score_at};
use score_native_link::elf::Metered;
use score_native_link::{CheckedScore, Finding, check as check_bytes, hex};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Runs it.
pub(crate) fn score(command: ScoreCommand, context: &Context) -> Done {
    match command {
        ScoreCommand::Life(life) => runtime()?.block_on(score_life::run(life, context)),
        ScoreCommand::New(new) => score_new::new(
            &new.path,
            new.template,
            new.from_package_json.as_deref(),
            new.sdk.as_deref(),
            context,
        ),
        ScoreCommand::Watch(watch) => score_watch::watch(&watch, context),
        ScoreCommand::Rehearse(args) => score_rehearse::rehearse(&args, context),
        ScoreCommand::Verify(verify) => score_verify::verify(&verify, context),
        ScoreCommand::Build { folder } => build(&folder, context),
        ScoreCommand::Check { file } => check(&file, context),
        ScoreCommand::Test { folder, filter } => test(&folder, filter.as_deref(), context),
    }
}

fn build(folder: &Path, context: &Context) -> Done {
    let started = Instant::now();
    let out = context.out;
    if let Err(error) = std::fs::metadata(folder) {
        return Err(Failure::file(folder, &error)
            .with_help("`loopchain score new NAME` writes a folder to begin with"));
    }
    let path = build_score_at(folder, &mut |line| out.note(&format!("  {}", line.trim_start())))
        .map_err(|error| Failure::new(Code::BuildFailed, error.to_string()))?;
    let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
    let checked = check_bytes(&bytes).map_err(|findings| refused(&path, &findings))?;
    let (name, version) = (&checked.manifest.name, &checked.manifest.version);
    let line = format!(
        "{OK} built {name} {version} for x86_64-linux   {} KB   sha256 {}…   {}",
        checked.size / 1000,
        hex(&checked.sha256).get(..8).unwrap_or_default(),
        seconds(started.elapsed())
    );
    let mut document = facts(&checked);
    document["path"] = path.display().to_string().into();
    context.out.either(&document, [line, format!("  {}", path.display())]);
    Ok(ExitCode::SUCCESS)
}

fn facts(checked: &CheckedScore) -> Value {
    json!({
        "schema": "loopchain.score-file.v1",
        "name": checked.manifest.name,
        "version": checked.manifest.version,
        "abi": checked.manifest.abi,
        "sha256": hex(&checked.sha256),
        "size": checked.size,
        "metered": checked.metered.is_metered(),
        "floats": checked.floats,
        "findings": [],
    })
}

pub(super) fn refused(path: &Path, findings: &[Finding]) -> Failure {
    let lines: Vec<_> = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    let count = findings.len();
    let shown = path.display();
    let message = format!("{shown} may not be deployed, {count} findings:{}", lines.concat());
    Failure::new(Code::ScoreRefused, message)
        .with_help("correct what each line names, then build it again")
        .with_exit(EXIT_FOUND)
}

/// The file that a build of a SCORE's folder makes.
fn built(folder: &Path) -> Result<PathBuf, Failure> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest);
    let text = text.map_err(|error| Failure::file(&manifest, &error))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let message = format!("{}: {}", manifest.display(), error.message());
        Failure::new(Code::ConfigSyntax, message)
    })?;
    let name = |section: &str| table.get(section)?.get("name")?.as_str();
    let library = name("lib").or_else(|| name("package")).unwrap_or_default();
    let path = built_score_at(folder, library).map_err(|error| Failure::file(folder, &error))?;
    if path.is_file() {
        return Ok(path);
    }
    let shown = folder.display();
    let message = format!("{shown} is not built: there is no {}", path.display());
    Err(Failure::new(Code::ConfigUnreadable, message)
        .with_help(format!("`loopchain score build {shown}` builds it")))
}

fn check(path: &Path, context: &Context) -> Done {
    let path = &if path.is_dir() { built(path)? } else { path.to_path_buf() };
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let checked = match check_bytes(&bytes) {
        Ok(checked) => checked,
        Err(findings) => return Err(refused(path, &findings)),
    };
    let metered = if checked.metered.is_metered() { OK } else { BAD };
    let lines = vec![
        format!(
            "{OK} {} {}, ABI {}",
            checked.manifest.name, checked.manifest.version, checked.manifest.abi
        ),
        format!("  sha256    {}", hex(&checked.sha256)),
        format!("  size      {} bytes", checked.size),
        format!("{metered} metered   {}", metering(checked.metered)),
        format!("  floats    {} instructions", checked.floats),
    ];
    context.out.either(&facts(&checked), lines);
    Ok(if checked.metered.is_metered() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

/// What is counted. Loops of precompiled `core` and `alloc` are not: they are linear in memory,
/// which the arena bounds.
pub(super) fn metering(metered: Metered) -> String {
    if !metered.is_metered() {
        return "no: its loops do not count steps, and channels that require it refuse the file"
            .to_owned();
    }
    format!(
        "yes: its own loops count steps ({}); those of precompiled core and alloc ({}) are linear \
         in memory",
        metered.metered_loops,
        metered.loops - metered.metered_loops
    )
}

/// The crate's own tests, by cargo; its output is passed through.
fn test(folder: &Path, filter: Option<&str>, context: &Context) -> Done {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("test").current_dir(folder);
    // What `Testnet::jailed` makes its worker of.
    if let Ok(own) = std::env::current_exe() {
        command.env("LOOPCHAIN", own);
    }
    if let Some(filter) = filter {
        command.arg(filter);
    }
    // One document on stdout: what the tests print goes to stderr then.
    if context.out.is_json() {
        command.stdout(std::io::stderr());
    }
    let status = command.status().map_err(|error| {
        Failure::new(Code::BuildFailed, format!("cargo does not start: {error}"))
            .with_help("install Rust: https://rustup.rs")
    })?;
    let shown = folder.display().to_string();
    if !status.success() {
        return Err(Failure::new(Code::BuildFailed, format!("the tests of {shown} failed"))
            .with_exit(EXIT_FOUND));
    }
    let document = json!({"schema": "loopchain.score-test.v1", "folder": shown, "passed": true});
    context.out.either(&document, [format!("{OK} the tests of {shown} passed")]);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Out;

    #[test]
    fn a_folder_without_a_score_fails_to_build() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let cli = crate::args::Cli::read(["loopchain", "score", "build", &path]).unwrap();
        let failure = crate::cmd::run(cli.command, cli.global, Out::machine()).unwrap_err();
        assert_eq!((failure.code(), failure.exit()), (Code::BuildFailed, 1));
        // Where there is no folder, no compiler has said anything that could be read.
        let cli = crate::args::Cli::read(["loopchain", "score", "build", "/no/such"]).unwrap();
        let failure = crate::cmd::run(cli.command, cli.global, Out::machine()).unwrap_err();
        assert_eq!((failure.code(), failure.exit()), (Code::ConfigUnreadable, 2));
    }
}
