//! `reset`: deletes the data of a local network that does not run.
//!
//! In: a data folder, `--yes` or the word typed on a terminal. Out: what was deleted, with sizes.
//! Only a folder with the network.json that `up` wrote is ever deleted; channels.toml beside it stays.
//! Deliberately not here: stopping a network (`down`).

use super::{Context, Done};
use crate::failure::Failure;
use crate::output::OK;
use host_types::fault::Code;
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn reset(context: &Context) -> Done {
    let data = &context.data;
    let network = data.network()?.ok_or_else(|| {
        let message = format!("there is no local network in {}", data.path().display());
        Failure::new(Code::NotFound, message).with_help("`--data DIR` names another folder")
    })?;
    // Held until the folder is gone: no `up` begins meanwhile.
    let _lock = data.lock()?;
    let parts = parts(data.path())?;
    let bytes: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let shown = data.path().display().to_string();
    let peers = network.peers().count();
    let what = format!("{shown}: a network of {peers} peers, {}", size(bytes));
    if !context.global.yes {
        context.out.note(&format!("would delete {what}"));
        for (name, bytes) in &parts {
            context.out.note(&format!("  {name:<20} {}", size(*bytes)));
        }
        confirmed()?;
    }
    std::fs::remove_dir_all(data.path()).map_err(|error| Failure::file(data.path(), &error))?;
    let document = json!({"schema": "loopchain.reset.v1", "data": shown, "bytes": bytes});
    context.out.either(&document, [format!("{OK} deleted {what}")]);
    Ok(ExitCode::SUCCESS)
}

/// Asks for the word; an error with the flag where nobody can be asked.
fn confirmed() -> Result<(), Failure> {
    let refused = |why: &str| {
        Failure::new(Code::UsageWrong, format!("nothing was deleted: {why}"))
            .with_help("`--yes` deletes without a question")
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused("there is no terminal to ask on"));
    }
    let mut typed = String::new();
    let tty = Path::new("/dev/tty");
    std::fs::OpenOptions::new()
        .write(true)
        .open(tty)
        .and_then(|mut terminal| {
            std::io::Write::write_all(&mut terminal, b"type `reset` to go on: ")
        })
        .and_then(|()| std::io::stdin().lock().read_line(&mut typed))
        .map_err(|error| Failure::file(tty, &error))?;
    if typed.trim() == "reset" { Ok(()) } else { Err(refused("the word was not typed")) }
}

/// Entries of the folder and their sizes, sorted by name.
fn parts(folder: &Path) -> Result<Vec<(String, u64)>, Failure> {
    let failed = |error: std::io::Error| Failure::file(folder, &error);
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = bytes_of(&entry.path()).map_err(failed)?;
        parts.push((entry.file_name().to_string_lossy().into_owned(), bytes));
    }
    parts.sort();
    Ok(parts)
}

/// Bytes of files below a path; links are not followed.
fn bytes_of(path: &Path) -> std::io::Result<u64> {
    let facts = std::fs::symlink_metadata(path)?;
    if !facts.is_dir() {
        return Ok(facts.len());
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        bytes += bytes_of(&entry?.path())?;
    }
    Ok(bytes)
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use crate::args::Cli;
    use crate::cmd::run;
    use crate::output::Out;
    use host_types::fault::Code;
    use std::path::Path;

    fn reset(data: &Path, yes: &[&str]) -> Result<(), Code> {
        let shown = data.display().to_string();
        let words = ["loopchain", "reset", "--data", &shown].into_iter().chain(yes.iter().copied());
        let cli = Cli::read(words).unwrap();
        run(cli.command, cli.global, Out::machine()).map(|_| ()).map_err(|f| f.code())
    }

    #[test]
    fn only_a_networks_folder_is_deleted_and_only_with_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("logs")).unwrap();
        assert_eq!(reset(&data, &["--yes"]), Err(Code::NotFound), "no network.json");
        let network = r#"{"schema": "x", "name": "local", "created_us": 1, "organisations": [],
                          "base_port": 7100, "members": []}"#;
        std::fs::write(data.join("network.json"), network).unwrap();
        // Tests have no terminal.
        assert_eq!(reset(&data, &[]), Err(Code::UsageWrong));
        assert!(data.join("logs").exists());
        assert_eq!(reset(&data, &["--yes"]), Ok(()));
        assert!(!data.exists() && folder.path().exists());
    }
}
