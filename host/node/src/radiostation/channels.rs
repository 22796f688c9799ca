//! The channels a radiostation knows: genesis files in a folder, looked at again and again.
//!
//! In: files. Out: names, genesis hashes, validators. A folder that did not change is not read
//! again. Deliberately not here: who serves a channel (that is in the entries of the peers).

use crate::config::ChannelsConfig;
use crate::peer::start::geneses;
use host_types::{ChannelName, GenesisHash, NetworkId, NodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its genesis.
    pub genesis: GenesisHash,
    /// Its validators of epoch 0.
    pub validators: BTreeSet<NodeName>,
}

type Traces = Vec<(PathBuf, Option<SystemTime>, u64)>;

#[derive(Debug, Default)]
struct Seen {
    traces: Traces,
    channels: BTreeMap<ChannelName, Known>,
}

/// The channels of a folder.
#[derive(Debug)]
pub struct KnownChannels {
    config: ChannelsConfig,
    network: NetworkId,
    seen: RwLock<Seen>,
}

impl KnownChannels {
    /// Those of this network that the configuration names.
    #[must_use]
    pub fn new(config: ChannelsConfig, network: NetworkId) -> Self {
        let known = Self { config, network, seen: RwLock::default() };
        known.rescan();
        known
    }

    /// Looks at the folder; whether it had changed.
    pub fn rescan(&self) -> bool {
        let traces = self.traces();
        if traces == self.read().traces {
            return false;
        }
        let mut channels = BTreeMap::new();
        for genesis in geneses(&self.config.dir) {
            let name = &genesis.channel;
            if !self.config.joins(name) {
                continue;
            }
            if genesis.network != self.network {
                tracing::warn!(channel = %name, "the genesis of {name} is of another network");
                continue;
            }
            let validators = genesis.validators.all().iter().map(|v| v.name.clone()).collect();
            let known = Known { genesis: genesis.hash(), validators };
            channels.entry(genesis.channel).or_insert(known);
        }
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Seen { traces, channels };
        true
    }

    /// Names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<ChannelName> {
        self.read().channels.keys().cloned().collect()
    }

    /// One channel.
    #[must_use]
    pub fn get(&self, channel: &ChannelName) -> Option<Known> {
        self.read().channels.get(channel).cloned()
    }

    /// All channels.
    #[must_use]
    pub fn all(&self) -> Vec<(ChannelName, Known)> {
        self.read().channels.iter().map(|(name, known)| (name.clone(), known.clone())).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What tells whether the folder changed.
    fn traces(&self) -> Traces {
        let Ok(entries) = std::fs::read_dir(&self.config.dir) else { return Traces::new() };
        let mut traces: Traces = entries
            .flatten()
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((entry.path(), metadata.modified().ok(), metadata.len()))
            })
            .collect();
        traces.sort();
        traces
    }
}
