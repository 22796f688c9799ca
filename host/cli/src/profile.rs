//! `loopchain.toml`: which peer, channel and identity a command means.
//!
//! In: flags (their environment variables are read by the parser), the nearest file. Out: a
//! [`Target`]. Order, lowest first: `/etc/loopchain/loopchain.toml`, the local network's file, the
//! nearest `loopchain.toml` upwards, `--config`, flags.

use crate::args::Global;
use crate::failure::Failure;
use crate::network::DataFolder;
use host_node::config::{ConfigError, ProfilesFile};
use host_types::fault::Code;
use host_types::ids::ChannelName;
use std::path::PathBuf;

/// What a command talks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// URL of a peer's REST interface.
    pub endpoint: String,
    /// The channel.
    pub channel: ChannelName,
    /// Who signs.
    pub identity: Option<String>,
}

const FILE: &str = "loopchain.toml";

/// Files from the most to the least specific.
fn candidates(global: &Global, data: &DataFolder) -> Vec<PathBuf> {
    if let Some(config) = &global.config {
        return vec![config.clone()];
    }
    if global.data.is_some() {
        return vec![data.join(FILE)];
    }
    let here = std::env::current_dir().unwrap_or_default();
    let mut files: Vec<_> = here.ancestors().map(|folder| folder.join(FILE)).collect();
    files.push(data.join(FILE));
    files.push(PathBuf::from("/etc/loopchain").join(FILE));
    files
}

/// Finds out what a command talks to.
///
/// # Errors
/// A broken file, a profile that does not exist, or no endpoint at all.
pub(crate) fn target(global: &Global, data: &DataFolder) -> Result<Target, Failure> {
    let files = candidates(global, data);
    let found = files.iter().find(|file| file.exists());
    if let (Some(config), None) = (&global.config, found) {
        let message = format!("{} does not exist", config.display());
        return Err(Failure::new(Code::ConfigUnreadable, message));
    }
    let file = match found {
        Some(path) => Some(ProfilesFile::load(path)?),
        None => None,
    };
    let profile = match &file {
        Some(file) => file.profile(global.profile.as_deref())?,
        None if global.profile.is_some() => return Err(no_file(global).into()),
        None => host_node::config::Profile::default(),
    };
    let pick = |flag: &Option<String>, value: String| {
        flag.clone().or((!value.is_empty()).then_some(value))
    };
    let endpoint = pick(&global.endpoint, profile.endpoint).ok_or_else(|| {
        let message = format!("there is no local network in {}", data.path().display());
        Failure::new(Code::NotRunning, message)
            .with_help("`loopchain up` starts one; `--endpoint URL` names a peer elsewhere")
    })?;
    let channel = pick(&global.channel, profile.channel).unwrap_or_else(|| "demo".to_owned());
    let channel = ChannelName::new(&channel).ok_or_else(|| {
        Failure::new(Code::ChannelUnknown, format!("`{channel}` is no name of a channel"))
    })?;
    Ok(Target { endpoint, channel, identity: pick(&global.identity, profile.identity) })
}

fn no_file(global: &Global) -> ConfigError {
    let name = global.profile.as_deref().unwrap_or_default();
    ConfigError::new(Code::ConfigUnreadable, format!("there is no {FILE} with a profile `{name}`"))
}
