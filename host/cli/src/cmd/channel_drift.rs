//! Whether channels say what the channels.toml says that is known here.
//!
//! In: names of channels, and the file: the nearest upwards, or that of the data folder. Out: for each channel of the file how many differences there are. What cannot be told
//! (no file, a peer that does not say) is left out: drift is a remark, no check (`channel plan` is).

use super::Context;
use super::channel_check::Around;
use super::channel_plan::compare;
use host_node::config::{ChannelsFile, nearest_channels_file};
use host_types::ids::ChannelName;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Differences between a file and channels.
pub(super) struct Drift {
    file: PathBuf,
    channels: BTreeMap<String, Result<usize, String>>,
}

/// The channels.toml that is known here.
pub(super) fn known_file(context: &Context) -> Option<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let own = context.data.join("channels.toml");
    nearest_channels_file(&here).or_else(|| own.is_file().then_some(own))
}

impl Drift {
    /// Looks; none where no file is known.
    pub(super) async fn of(names: &[&str], context: &Context) -> Option<Self> {
        let path = known_file(context)?;
        let mut channels = BTreeMap::new();
        let file = match ChannelsFile::load(&path) {
            Ok(file) => file,
            Err(error) => {
                let first = |name: &&str| ((*name).to_owned(), Err(error.message.clone()));
                let channels = names.iter().map(first).collect();
                return Some(Self { file: path, channels });
            }
        };
        let around = Around::of(context).ok()?;
        for name in names.iter().filter_map(|name| ChannelName::new(name)) {
            if !file.channels.contains_key(&name) {
                continue;
            }
            let found = match compare(&file, &name, &around, context).await {
                Ok(compared) => Ok(compared.plan.differences.len()),
                Err(failure) => {
                    Err(failure.message().lines().next().unwrap_or_default().to_owned())
                }
            };
            channels.insert(name.to_string(), found);
        }
        Some(Self { file: path, channels })
    }

    /// One line about a channel, when there is something to tell.
    pub(super) fn line(&self, channel: &str) -> Option<String> {
        let file = self.file.display();
        match self.channels.get(channel)? {
            Ok(0) => None,
            Ok(count) => {
                let word = if *count == 1 { "difference" } else { "differences" };
                Some(format!("{count} {word} to {file}: loopchain channel plan -c {channel}"))
            }
            Err(why) => Some(format!("cannot be compared with {file}: {why}")),
        }
    }

    /// The same for programs.
    pub(super) fn document(&self, channel: &str) -> Value {
        let file = self.file.display().to_string();
        match self.channels.get(channel) {
            None => Value::Null,
            Some(Ok(count)) => json!({"file": file, "differences": count}),
            Some(Err(why)) => json!({"file": file, "error": why}),
        }
    }
}
