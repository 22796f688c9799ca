//! Configuration: files, environment and `--set` become one typed, checked value.
//!
//! In, lowest first: built-in defaults, the file, `LOOPCHAIN_…` variables with `__` between levels,
//! `--set key=value`. Out: [`PeerConfig`] or that of another role, or a [`ChannelsFile`], or a
//! [`ConfigError`] with line and caret. An unknown key is an error.
//!
//! Deliberately not here: watching files (who uses one watches it), and what a value means to the
//! part that it configures. figment is used in `layers.rs` only.
//!
//! Where to look next: `peer.rs`, `channels.rs`, `genesis.rs`.

mod against_chain;
mod channels;
mod export;
mod genesis;
mod grants;
mod import_old;
mod layers;
mod log_collector;
mod peer;
mod policies;
mod profiles;
mod proxy;
mod radiostations;
mod render;
mod rest;
mod rule;
mod toml_pass;
mod units;
mod weights;

pub use against_chain::{
    ChannelPlan, Difference, Keys, KnownNodes, Means, RunningChannel, tolerance,
};
pub use channels::{
    ChannelEntry, ChannelsFile, Execution, Group, GroupMode, Inner, Limits, Metering, ScoreEntry,
    nearest_channels_file,
};
pub use genesis::{GenesisInputs, Planned};
pub use grants::{GrantEntry, grant_words};
pub use import_old::{
    Imported as ImportedOldFile, channels as import_old_channels, settings as import_old_settings,
};
pub use layers::Overrides;
pub use log_collector::{ForwardInput, LogCollectorConfig, StoreConfig};
pub use peer::{
    ChannelsConfig, Durability, KeyFiles, LogConfig, LogFormat, NetworkConfig, OpsConfig,
    PeerConfig, PluginsConfig, RadioStationConfig, RadioStationTargets, RenewalConfig, RpcConfig,
    Sandbox, ScoresConfig, StorageConfig, TlsConfig,
};
pub use policies::{PolicyTable, PolicyValue};
pub use profiles::{Profile, ProfilesFile};
pub use proxy::{ProxyConfig, ProxyPeers};
pub use radiostations::{RADIOSTATIONS_MAX, RadioStationTarget, parse as radiostation_targets};
pub use render::{ConfigError, Place, nearest};
pub use rest::{Origin, ResponseCode, RestConfig, Switch};
pub use units::{Percent, Size, Span};

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod tests;
