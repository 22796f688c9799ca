//! Which channels a local network has: `channels.toml` on one side, genesis files on the other.
//!
//! In: the file. Out: a [`Plan`], and from it `DATA/channels/NAME.{genesis,json}` for every channel
//! that has none; peers watch the folder. A channel that a peer has started is never written again:
//! what it is stands on its chain.

use super::plugins;
use crate::failure::Failure;
use crate::network::{DataFolder, make_folder, write_json, write_whole};
use host_node::config::{ChannelsFile, GenesisInputs, Planned, nearest_channels_file};
use host_types::codec::{Decode, Encode};
use host_types::fault::Code;
use host_types::genesis::ChannelGenesis;
use host_types::ids::ChannelName;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The channels of a network that was started where no channels.toml is.
const DEFAULT_CHANNELS: &str = include_str!("../../../../../channels.toml");
/// The channel of the profile, when there is one of that name.
const PROFILE_CHANNEL: &str = "demo";

/// What became of one channel of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has a genesis now.
    Created,
    /// It exists as the file says.
    Same,
    /// It exists, and the file says something else.
    Differs,
}

/// The file that is meant: as given, else the nearest upwards, else one of our own in the data
/// folder.
pub(crate) fn find(given: Option<&Path>, data: &DataFolder) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return Ok(given.to_path_buf());
    }
    let here = std::env::current_dir()
        .map_err(|error| Failure::new(Code::ConfigUnreadable, format!("no folder: {error}")))?;
    if let Some(found) = nearest_channels_file(&here) {
        let is_here = found.parent() == Some(here.as_path());
        return Ok(if is_here { PathBuf::from("./channels.toml") } else { found });
    }
    let own = data.join("channels.toml");
    if !own.exists() {
        write_whole(&own, DEFAULT_CHANNELS.as_bytes())?;
    }
    Ok(own)
}

/// Reads the file; one without channels is refused.
pub(crate) fn load(path: &Path) -> Result<ChannelsFile, Failure> {
    let file = ChannelsFile::load(path)?;
    if file.channels.is_empty() {
        let message = format!("{} names no channel", path.display());
        return Err(Failure::new(Code::ConfigBadValue, message)
            .with_help("write at least `[channel.demo]`"));
    }
    Ok(file)
}

/// The channel of the profile: `demo`, else the first.
pub(crate) fn profile_channel(file: &ChannelsFile) -> Option<&ChannelName> {
    let demo = file.channels.keys().find(|name| name.as_str() == PROFILE_CHANNEL);
    demo.or_else(|| file.channels.keys().next())
}

/// The genesis of a channel of this network; `None` when there is none yet.
pub(crate) fn genesis(
    data: &DataFolder,
    channel: &ChannelName,
) -> Result<Option<ChannelGenesis>, Failure> {
    read_genesis(&genesis_path(data, channel))
}

/// The genesis of a file; `None` when there is no such file.
pub(crate) fn read_genesis(path: &Path) -> Result<Option<ChannelGenesis>, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    ChannelGenesis::from_bytes(&bytes)
        .map(Some)
        .map_err(|error| Failure::new(Code::StoreDamaged, format!("{}: {error}", path.display())))
}

fn genesis_path(data: &DataFolder, channel: &ChannelName) -> PathBuf {
    data.join("channels").join(format!("{channel}.genesis"))
}

/// What is to be done for the channels of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// How each channel of the file stands now.
    pub states: Vec<(ChannelName, State)>,
    /// What a person should know of the new ones.
    pub warnings: Vec<String>,
    /// Channels whose chain exists and whose rule does not take it now, and why.
    pub stuck: BTreeMap<ChannelName, String>,
    fresh: Vec<ChannelGenesis>,
    /// What the file makes of channels that have a genesis and that no peer has started.
    idle: Vec<Planned>,
}

/// Plans every channel of the file; writes nothing.
pub(crate) fn plan(
    data: &DataFolder,
    file: &ChannelsFile,
    inputs: &GenesisInputs,
) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for channel in file.channels.keys() {
        let existing = genesis(data, channel)?;
        let mut inputs = inputs.clone();
        if let Some(existing) = &existing {
            inputs.created = existing.created;
            inputs.certificates = existing.certificates.clone();
        }
        let planned = file.genesis(channel, &inputs)?;
        let state = match &existing {
            None => State::Created,
            Some(existing) if *existing == planned.genesis => State::Same,
            Some(_) => State::Differs,
        };
        if state == State::Created {
            plan.warnings.extend(planned.warnings);
            plan.fresh.push(planned.genesis);
        } else if !is_started(data, channel) {
            plan.idle.push(planned);
        }
        plan.states.push((channel.clone(), state));
    }
    Ok(plan)
}

/// Whether a peer has a folder of the channel, which it makes once the rule takes the genesis.
fn is_started(data: &DataFolder, channel: &ChannelName) -> bool {
    let peers = std::fs::read_dir(data.join("peers")).into_iter().flatten().flatten();
    let folder = Path::new("data/channels").join(channel.as_str());
    peers.map(|peer| peer.path().join(&folder)).any(|folder| folder.exists())
}

impl Plan {
    /// The channels that are new.
    pub(crate) fn created(&self) -> Vec<ChannelName> {
        let new = self.states.iter().filter(|(_, state)| *state == State::Created);
        new.map(|(channel, _)| channel.clone()).collect()
    }

    /// Checks that the rules of new channels are there and take their parameters, and says which
    /// channels that exist cannot run.
    ///
    /// # Errors
    /// The first new channel whose rule is missing or refuses it, with its line.
    pub(crate) fn check_rules(
        &mut self,
        data: &DataFolder,
        file: &ChannelsFile,
    ) -> Result<(), Failure> {
        let rules = plugins::rules(data)?;
        for planned in std::mem::take(&mut self.idle) {
            let channel = planned.genesis.channel.clone();
            let existing = genesis(data, &channel)?;
            if existing.is_some_and(|existing| rules.accepts(&existing).is_err()) {
                // Nobody could ever start it: it may still become what the file says.
                let states = self.states.iter_mut().filter(|(name, _)| *name == channel);
                states.for_each(|(_, state)| *state = State::Created);
                self.warnings.extend(planned.warnings);
                self.fresh.push(planned.genesis);
            }
        }
        for genesis in &self.fresh {
            file.check_rule(genesis, &rules)?;
        }
        for (channel, state) in &self.states {
            if *state != State::Created
                && let Some(existing) = genesis(data, channel)?
                && let Err(refusal) = rules.accepts(&existing)
            {
                self.stuck.insert(channel.clone(), refusal.to_string());
            }
        }
        Ok(())
    }

    /// Writes the genesis of new channels.
    pub(crate) fn store(&self, data: &DataFolder) -> Result<(), Failure> {
        make_folder(&data.join("channels"))?;
        for new in &self.fresh {
            if genesis(data, &new.channel)?.as_ref() != Some(new) {
                store(&data.join("channels"), new)?;
            }
        }
        Ok(())
    }
}

/// Writes `FOLDER/NAME.json` for people and `FOLDER/NAME.genesis` for peers.
pub(crate) fn store(folder: &Path, genesis: &ChannelGenesis) -> Result<(), Failure> {
    let validators = genesis.validators.all().iter().map(|validator| {
        json!({"name": validator.name.as_str(), "weight": validator.weight.get(),
               "group": validator.group,
               "counts_as_one": genesis.validators.unit_of(validator).is_some()})
    });
    let summary = json!({
        "schema": "loopchain.genesis.v1",
        "channel": genesis.channel.as_str(),
        "genesis": genesis.hash().to_string(),
        "network": genesis.network.to_string(),
        "rule": genesis.rule.id,
        "rule_version": genesis.rule.version,
        "quorum": genesis.validators.quorum_weight().to_string(),
        "total_weight": genesis.validators.total_weight().to_string(),
        "validators": validators.collect::<Vec<_>>(),
        "created_us": genesis.created.get(),
    });
    write_json(&folder.join(format!("{}.json", genesis.channel)), &summary)?;
    // Last, because peers take a channel up when they see this file.
    write_whole(&folder.join(format!("{}.genesis", genesis.channel)), &genesis.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::up::prepare::{Wanted, genesis_inputs, network};

    fn parsed(text: &str) -> ChannelsFile {
        ChannelsFile::parse(Path::new("channels.toml"), text.to_owned()).unwrap()
    }

    #[test]
    fn a_channel_is_written_once_and_a_difference_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path());
        let wanted = Wanted { peers: None, base_port: None, certificates_last: None };
        let (network, _) = network(&data, wanted).unwrap();
        let inputs = genesis_inputs(&data, &network).unwrap();
        let states = |text: &str| {
            let plan = plan(&data, &parsed(text), &inputs).unwrap();
            plan.store(&data).unwrap();
            plan.states
                .into_iter()
                .map(|(name, state)| (name.to_string(), state))
                .collect::<Vec<_>>()
        };
        let one = |name: &str, state| (name.to_owned(), state);
        assert_eq!(states("[channel.a]"), [one("a", State::Created)]);
        let first = genesis(&data, &ChannelName::new("a").unwrap()).unwrap();
        // What a peer makes when it starts the channel.
        make_folder(&data.join("peers/peer0/data/channels/a")).unwrap();
        assert_eq!(
            states("[channel.a]\n[channel.b]"),
            [one("a", State::Same), one("b", State::Created)]
        );
        let changed = states("[channel.a]\n[channel.a.limits]\nblock_txs = 5");
        assert_eq!(changed, [one("a", State::Differs)]);
        assert_eq!(genesis(&data, &ChannelName::new("a").unwrap()).unwrap(), first);
        assert!(data.join("channels/a.json").exists());
    }

    #[test]
    fn one_wrong_channel_writes_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path());
        let wanted = Wanted { peers: None, base_port: None, certificates_last: None };
        let (network, _) = network(&data, wanted).unwrap();
        let inputs = genesis_inputs(&data, &network).unwrap();
        let file = parsed("[channel.a]\n[channel.b]\nfaulty_peers_max = 3");
        assert_eq!(plan(&data, &file, &inputs).unwrap_err().code(), Code::ConfigUnsafe);
        assert_eq!(genesis(&data, &ChannelName::new("a").unwrap()).unwrap(), None);
    }

    #[test]
    fn the_profile_means_demo_else_the_first_channel() {
        let of = |text: &str| profile_channel(&parsed(text)).unwrap().to_string();
        assert_eq!(of("[channel.a]\n[channel.demo]"), "demo");
        assert_eq!(of("[channel.b]\n[channel.a]"), "a");
    }
}
