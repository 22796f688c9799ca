//! `channel import`, `config import`, `channel create`: a file of settings written for a person.
//!
//! In: a file of the old edition, or a name and organisations. Out: lines of `channels.toml` or
//! `peer.toml`, in a file that was not there (a channel is added to one that is), and a list of what has
//! no equal. Deliberately not here: reading old files (`host_node::config`), creating anything on a
//! network (`up` does, from the file).

use super::{Context, Done};
use crate::args::ChannelCreate;
use crate::failure::Failure;
use crate::network::write_whole;
use crate::output::{OK, WARN};
use host_node::config::{ChannelsFile, ImportedOldFile, import_old_channels, import_old_settings};
use host_types::fault::Code;
use host_types::ids::ChannelName;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Which old file it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Old {
    /// `channel_manage_data.json`.
    Channels,
    /// The JSON of `-o conf.json`.
    Settings,
}

/// `channel import`, `config import`
pub(super) fn import(old: Old, from: &Path, to: Option<&Path>, context: &Context) -> Done {
    let text = std::fs::read_to_string(from).map_err(|error| Failure::file(from, &error))?;
    let (read, schema) = match old {
        Old::Channels => (import_old_channels(&text), "loopchain.channel-import.v1"),
        Old::Settings => (import_old_settings(&text), "loopchain.config-import.v1"),
    };
    let ImportedOldFile { toml, left } =
        read.map_err(|why| Failure::new(Code::ConfigSyntax, format!("{}: {why}", from.display())))?;
    if let Some(to) = to {
        write_new(to, &toml)?;
    }
    for one in &left {
        context.out.note(&format!("{WARN} {}: {}", one.what, one.why));
    }
    let listed: Vec<_> = left.iter().map(|one| json!({"what": one.what, "why": one.why})).collect();
    let document = json!({"schema": schema, "from": from.display().to_string(),
                          "file": to.map(|path| path.display().to_string()), "toml": toml,
                          "without_equal": listed});
    let lines = match to {
        Some(to) => vec![format!("{OK} {}   {} without an equal", to.display(), left.len())],
        None => toml.lines().map(str::to_owned).collect(),
    };
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    if path.exists() {
        let message = format!("{} exists", path.display());
        return Err(Failure::new(Code::UsageWrong, message)
            .with_help("name another file, or remove it: nothing is written over"));
    }
    write_whole(path, text.as_bytes())
}

/// `channel create`
pub(super) fn create(wanted: &ChannelCreate, context: &Context) -> Done {
    let wrong = |message: String| Failure::new(Code::UsageWrong, message);
    let name = ChannelName::new(&wanted.name).ok_or_else(|| {
        wrong(format!("`{}` is no name of a channel", wanted.name))
            .with_help("write 1 to 64 of a-z, 0-9, `-` and `_`, a letter first")
    })?;
    let mut lines = format!("[channel.{name}]\n");
    if let Some(rule) = &wanted.rule {
        lines.push_str(&format!("rule = {}\n", json!(rule)));
    }
    if let Some(file) = &wanted.rule_file {
        let bytes = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
        let digest = host_types::Hash32::sha256(&bytes);
        lines.push_str(&format!("rule_sha256 = [\"{digest}\"]\n"));
    }
    let mut organisations = Vec::new();
    for text in &wanted.org {
        let (org, root) = text
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{text}` is not of the form ORG=SHA256:FINGERPRINT")))?;
        if ChannelName::new(org).is_none() {
            return Err(wrong(format!("`{org}` is no name of an organisation")));
        }
        organisations.push(format!("{org} = {}", json!(root)));
    }
    if !organisations.is_empty() {
        lines.push_str(&format!("organisations = {{ {} }}\n", organisations.join(", ")));
    }
    if !wanted.auditor.is_empty() {
        lines.push_str(&format!("auditors = {}\n", json!(wanted.auditor)));
    }
    let path = &wanted.out;
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    let known = ChannelsFile::parse(path, before.clone())?;
    if known.channels.contains_key(&name) {
        return Err(wrong(format!("{} has a channel {name}", path.display()))
            .with_help("edit it there, then `loopchain channel plan`"));
    }
    let gap = if before.is_empty() {
        ""
    } else if before.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let whole = format!("{before}{gap}{lines}");
    let file = ChannelsFile::parse(path, whole.clone())?;
    // A fingerprint that is none is drawn at its line before anything is written.
    file.named_roots(&name)?;
    write_whole(path, whole.as_bytes())?;
    let document = json!({"schema": "loopchain.channel-create.v1", "channel": name.as_str(),
                          "file": path.display().to_string(), "toml": lines});
    let next = format!("loopchain channel check {} -c {name}", path.display());
    context.out.either(
        &document,
        [
            format!("{OK} {}: channel {name}", path.display()),
            format!(
                "  next: {next}; `loopchain up` that reads the file creates it, \
                 `loopchain channel genesis` on several machines"
            ),
        ],
    );
    Ok(ExitCode::SUCCESS)
}
