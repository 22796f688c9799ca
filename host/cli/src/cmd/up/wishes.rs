//! Which SCOREs should be active where, and making it so.
//!
//! In: channels.toml and the drop-in folder. Out: outcomes. A SCORE is wanted on every channel that
//! names it; one that no channel names is wanted on the profile's channel. The first version of a
//! named SCORE is always deployed; a new artefact only where the channel's genesis says
//! `auto_activate`.

use super::Local;
use super::channels::{genesis, profile_channel};
use super::deploy::{Wish, activate};
use super::plugins::{Artefact, Found};
use crate::client::ScoreInfo;
use crate::failure::Failure;
use host_node::config::{ChannelsFile, ScoreEntry};
use host_types::fault::Code;
use host_types::ids::ChannelName;
use std::collections::BTreeSet;

/// What was tried already: channel, SCORE, digest. What failed is not tried again until a file
/// changes.
pub(crate) type Attempts = BTreeSet<(ChannelName, String, String)>;

/// What became of one wish.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The channel.
    pub channel: ChannelName,
    /// The SCORE.
    pub score: String,
    /// Whether channels.toml names it there.
    pub is_named: bool,
    /// Active, or why not.
    pub result: Result<ScoreInfo, Failure>,
}

struct Wanted<'a> {
    channel: &'a ChannelName,
    name: &'a str,
    entry: Option<&'a ScoreEntry>,
    artefact: Option<&'a Artefact>,
}

fn wanted<'a>(file: &'a ChannelsFile, found: &'a Found) -> Vec<Wanted<'a>> {
    let mut list = Vec::new();
    for (channel, entry) in &file.channels {
        list.extend(entry.score.iter().map(|(name, entry)| Wanted {
            channel,
            name,
            entry: Some(entry),
            artefact: found.scores.get(name),
        }));
    }
    let named: BTreeSet<_> = list.iter().map(|wanted| wanted.name).collect();
    if let Some(channel) = profile_channel(file) {
        let rest = found.scores.iter().filter(|(name, _)| !named.contains(name.as_str()));
        list.extend(rest.map(|(name, artefact)| Wanted {
            channel,
            name,
            entry: None,
            artefact: Some(artefact),
        }));
    }
    list
}

/// Makes active what is wanted and not active yet.
pub(crate) async fn fulfil(
    local: &Local,
    file: &ChannelsFile,
    found: &Found,
    attempts: &mut Attempts,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for wanted in wanted(file, found) {
        let digest = wanted.artefact.map(|artefact| artefact.sha256.clone()).unwrap_or_default();
        let attempt = (wanted.channel.clone(), wanted.name.to_owned(), digest);
        if attempts.contains(&attempt) {
            continue;
        }
        if let Some(result) = one(local, &wanted).await.transpose() {
            outcomes.push(Outcome {
                channel: wanted.channel.clone(),
                score: wanted.name.to_owned(),
                is_named: wanted.entry.is_some(),
                result,
            });
        }
        attempts.insert(attempt);
    }
    outcomes
}

/// `None` when there is nothing to do.
async fn one(local: &Local, wanted: &Wanted<'_>) -> Result<Option<ScoreInfo>, Failure> {
    let (_, scores) = local.any_client(wanted.channel)?.scores().await?;
    let active = scores.iter().find(|score| score.name == wanted.name);
    let Some(artefact) = wanted.artefact else {
        if active.is_some() {
            return Ok(None);
        }
        let (channel, name) = (wanted.channel, wanted.name);
        let message = format!("channel {channel}: there is no file of SCORE {name}");
        let folder = local.data.join("plugins");
        return Err(Failure::new(Code::ArtefactMissing, message)
            .with_help(format!("build it and drop the .so into {}", folder.display())));
    };
    if active.is_some_and(|score| score.sha256 == artefact.sha256) {
        return Ok(None);
    }
    let is_first = active.is_none();
    let is_auto = genesis(&local.data, wanted.channel)?.is_some_and(|g| g.auto_activate);
    let is_wished = is_first && wanted.entry.is_some();
    if !is_auto && !is_wished {
        return Ok(None);
    }
    let default = ScoreEntry::default();
    let entry = wanted.entry.unwrap_or(&default);
    activate(local, Wish { channel: wanted.channel, entry, artefact, is_first }).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::manifest::Manifest;
    use score_native_link::elf::Metered;
    use std::path::Path;

    fn artefact(name: &str) -> Artefact {
        let manifest: Manifest = serde_json::from_value(serde_json::json!({
            "abi": "1.0", "name": name, "version": "0.1.0", "methods": [],
        }))
        .unwrap();
        Artefact { sha256: "00".to_owned(), manifest, metered: Metered::default() }
    }

    #[test]
    fn a_score_is_wanted_where_it_is_named_and_else_on_the_profiles_channel() {
        let text = "[channel.a.score.token]\n[channel.b.score.token]\n[channel.demo]\n";
        let file = ChannelsFile::parse(Path::new("c"), text.to_owned()).unwrap();
        let mut found = Found::default();
        for name in ["token", "guestbook"] {
            found.scores.insert(name.to_owned(), artefact(name));
        }
        let list: Vec<_> = wanted(&file, &found)
            .iter()
            .map(|w| (w.channel.to_string(), w.name.to_owned(), w.entry.is_some()))
            .collect();
        let one = |channel: &str, name: &str, named| (channel.to_owned(), name.to_owned(), named);
        assert_eq!(
            list,
            [one("a", "token", true), one("b", "token", true), one("demo", "guestbook", false)]
        );
    }
}
