//! `log-collector.toml`: what a log collector is told.
//!
//! In: the file in a home folder and what stands above it. Out: a [`LogCollectorConfig`] with
//! absolute paths. Every key has an effect.

use super::layers::{Overrides, merged};
use super::peer::{
    LogConfig, NetworkConfig, TlsConfig, absolute, loopback, node_name, resolve_tls,
};
use super::render::ConfigError;
use super::units::{Size, Span};
use host_collector::limits;
use host_types::fault::Code;
use host_types::ids::NodeName;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Who may send messages of the fluentd forward protocol, which prove no name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardInput {
    /// Nobody.
    Off,
    /// This machine.
    #[default]
    Loopback,
    /// Everybody who can reach the port.
    On,
}

/// `[store]`: how much is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// From this size on a file is followed by another one.
    pub segment: Size,
    /// All files together; the oldest goes.
    pub keep: Size,
    /// Since the last line of a file; older ones go.
    pub keep_time: Span,
}

/// `log-collector.toml`. Paths are relative to the home folder in the file, absolute after
/// [`Self::load`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogCollectorConfig {
    /// Its name.
    pub name: String,
    /// The organisation that runs it.
    pub org: String,
    /// The kept lines.
    pub data_dir: PathBuf,
    /// Address to listen on: for nodes and for the forward protocol.
    pub listen: SocketAddr,
    /// Who may send forward messages.
    pub forward: ForwardInput,
    /// The network.
    pub network: NetworkConfig,
    /// Transport.
    pub tls: TlsConfig,
    /// How much is kept.
    pub store: StoreConfig,
    /// Its own log.
    pub log: LogConfig,
    /// The home folder; not a setting.
    #[serde(skip)]
    pub home: PathBuf,
}

const MICROS: u64 = 1_000_000;

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            segment: Size(limits::SEGMENT_BYTES),
            keep: Size(limits::KEEP_BYTES),
            keep_time: Span(limits::KEEP_TIME.as_secs() * MICROS),
        }
    }
}

impl Default for LogCollectorConfig {
    fn default() -> Self {
        Self {
            name: "log-collector".to_owned(),
            org: "dev".to_owned(),
            data_dir: "data".into(),
            listen: loopback(24224),
            forward: ForwardInput::default(),
            network: NetworkConfig::default(),
            tls: TlsConfig::default(),
            store: StoreConfig::default(),
            log: LogConfig::default(),
            home: PathBuf::new(),
        }
    }
}

impl LogCollectorConfig {
    /// Reads `HOME/log-collector.toml` and what stands above it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(home: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = home.join("log-collector.toml");
        let mut config: Self = merged(&file, overrides)?;
        config.home = absolute(home)?;
        config.data_dir = config.home.join(&config.data_dir);
        resolve_tls(&mut config.tls, &config.home);
        config.node_name()?;
        if !config.log.collector.is_empty() {
            let message =
                "a log collector sends its own lines to stderr only: log.collector is set";
            return Err(ConfigError::new(Code::ConfigBadValue, message).with_help("remove the key"));
        }
        Ok(config)
    }

    /// `ORG/NAME`.
    ///
    /// # Errors
    /// When the parts are no names; [`Self::load`] has checked that.
    pub fn node_name(&self) -> Result<NodeName, ConfigError> {
        node_name(&self.org, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<LogCollectorConfig, ConfigError> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("log-collector.toml"), text).unwrap();
        LogCollectorConfig::load(home.path(), &Overrides::default())
    }

    #[test]
    fn the_defaults_are_those_of_the_document() {
        let config = loaded("").unwrap();
        assert_eq!((config.listen.port(), config.forward), (24224, ForwardInput::Loopback));
        assert_eq!(config.store.segment, Size(8 << 20));
        assert_eq!(config.store.keep, Size(1 << 30));
        assert_eq!(config.store.keep_time, Span::parse("720 h").unwrap());
        assert!(config.data_dir.is_absolute() && config.data_dir.ends_with("data"));
    }

    #[test]
    fn wrong_settings_are_refused() {
        assert_eq!(loaded("[store]\nkept = 1\n").unwrap_err().code, Code::ConfigUnknownKey);
        for wrong in ["forward = \"yes\"\n", "[store]\nkeep = 5\n", "[log]\ncollector = \"a:1\"\n"]
        {
            assert_eq!(loaded(wrong).unwrap_err().code, Code::ConfigBadValue, "{wrong}");
        }
    }
}
