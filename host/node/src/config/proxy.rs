//! `proxy.toml`: what a proxy is told.
//!
//! In: the file in a home folder and what stands above it. Out: a [`ProxyConfig`]. It names no
//! certificate and no key: a proxy has no identity.

use super::layers::{Overrides, merged};
use super::peer::{LogConfig, NetworkConfig, OpsConfig, absolute, loopback};
use super::radiostations::RADIOSTATIONS_MAX;
use super::render::ConfigError;
use super::rest::RestConfig;
use super::units::Size;
use host_types::fault::Code;
use host_types::ids::ChannelName;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `[proxy]`: whom it asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyPeers {
    /// `http://HOST:PORT` of the REST interface of each.
    pub peers: Vec<String>,
    /// `http://HOST:PORT` of the REST interface of RadioStations, whose peers are asked as well.
    pub radiostations: Vec<String>,
    /// Root certificates of the organisations, or folders of them: peers that RadioStations name are
    /// believed under these.
    pub trust: Vec<PathBuf>,
    /// Bytes of final blocks and transactions that are kept; `"0 B"` keeps none.
    pub cache: Size,
}

/// `proxy.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// Whom it asks.
    pub proxy: ProxyPeers,
    /// The network; needed with RadioStations only.
    pub network: NetworkConfig,
    /// Where clients come.
    pub rest: RestConfig,
    /// Metrics and health.
    pub ops: OpsConfig,
    /// Log.
    pub log: LogConfig,
}

impl Default for ProxyPeers {
    fn default() -> Self {
        let (peers, radiostations, trust) = (Vec::new(), Vec::new(), vec!["pki/ca".into()]);
        Self { peers, radiostations, trust, cache: Size(64 << 20) }
    }
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            proxy: ProxyPeers::default(),
            network: NetworkConfig::default(),
            rest: RestConfig { listen: loopback(5000), ..RestConfig::default() },
            ops: OpsConfig { listen: loopback(5050), ..OpsConfig::default() },
            log: LogConfig::default(),
        }
    }
}

fn bad(message: String, help: &str) -> ConfigError {
    ConfigError::new(Code::ConfigBadValue, message).with_help(help)
}

impl ProxyConfig {
    /// Reads `HOME/proxy.toml` and what stands above it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(home: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let mut config: Self = merged(&home.join("proxy.toml"), overrides)?;
        if config.proxy.peers.is_empty() && config.proxy.radiostations.is_empty() {
            let help = "write [proxy] peers = [\"http://127.0.0.1:9000\"], or radiostations";
            return Err(bad("proxy.peers names no peer".to_owned(), help));
        }
        config.authorities()?;
        if config.stations()?.len() > RADIOSTATIONS_MAX {
            let message = format!("proxy.radiostations: at most {RADIOSTATIONS_MAX}");
            return Err(bad(message, "two or three are enough"));
        }
        if !config.proxy.radiostations.is_empty() {
            config.network.network_id()?;
            config.network.roots()?;
            let home = absolute(home)?;
            config.proxy.trust = config.proxy.trust.iter().map(|path| home.join(path)).collect();
        }
        if ChannelName::new(&config.rest.v1_default_channel).is_none() {
            let message = "rest.v1_default_channel is no name of a channel".to_owned();
            return Err(bad(message, "it is that of the peers"));
        }
        if !config.ops.admin_socket.as_os_str().is_empty() {
            let message = "a proxy has nothing to administer: ops.admin_socket is set";
            return Err(bad(message.to_owned(), "remove the key; it is one of peers"));
        }
        if !config.log.collector.is_empty() {
            let message = "a proxy has no certificate to send lines with: log.collector is set";
            return Err(bad(message.to_owned(), "remove the key; its lines are on stderr"));
        }
        Ok(config)
    }

    /// `HOST:PORT` of each peer.
    ///
    /// # Errors
    /// When one is no `http://HOST:PORT`.
    pub fn authorities(&self) -> Result<Vec<String>, ConfigError> {
        self.proxy.peers.iter().map(|url| authority("proxy.peers", url)).collect()
    }

    /// `HOST:PORT` of each RadioStation.
    ///
    /// # Errors
    /// When one is no `http://HOST:PORT`.
    pub fn stations(&self) -> Result<Vec<String>, ConfigError> {
        self.proxy.radiostations.iter().map(|url| authority("proxy.radiostations", url)).collect()
    }
}

fn authority(key: &str, url: &str) -> Result<String, ConfigError> {
    let rest = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', '#']);
    rest.filter(|rest| rest.rsplit_once(':').is_some_and(|(h, p)| is_host(h) && is_port(p)))
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = format!("{key}: `{url}` is no address of a REST interface");
            bad(message, "write http://HOST:PORT, the REST interface of the process")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<ProxyConfig, ConfigError> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("proxy.toml"), text).unwrap();
        ProxyConfig::load(home.path(), &Overrides::default())
    }

    #[test]
    fn a_proxy_needs_peers_and_has_the_documented_defaults() {
        let config = loaded("[proxy]\npeers = [\"http://127.0.0.1:9000/\"]\n").unwrap();
        assert_eq!(config.authorities().unwrap(), ["127.0.0.1:9000"]);
        assert_eq!((config.rest.listen.port(), config.ops.listen.port()), (5000, 5050));
        assert_eq!(config.proxy.cache, Size(64 << 20));
        assert_eq!(loaded("").unwrap_err().code, Code::ConfigBadValue);
    }

    #[test]
    fn what_is_no_peer_is_refused_with_a_way_out() {
        for peer in [
            "127.0.0.1:9000",
            "https://a:1",
            "http://a",
            "http://a:b",
            "http://u@a:1/",
            "http://a/b:1",
        ] {
            let refused = loaded(&format!("[proxy]\npeers = [\"{peer}\"]\n")).unwrap_err();
            assert_eq!(refused.code, Code::ConfigBadValue, "{peer}");
            assert!(refused.help.is_some(), "{peer}");
        }
        let stations = "[proxy]\nradiostations = [\"http://a:1\"]\n";
        assert_eq!(loaded(stations).unwrap_err().code, Code::ConfigBadValue, "of which network?");
        let (id, root) = ("0".repeat(64), "1".repeat(64));
        let network =
            format!("[network]\nid = \"{id}\"\norganisations = {{ a = \"SHA256:{root}\" }}\n");
        assert_eq!(loaded(&(stations.to_owned() + &network)).unwrap().stations().unwrap(), ["a:1"]);
        let unknown = loaded("[proxy]\npeer = []\n").unwrap_err();
        assert_eq!(unknown.code, Code::ConfigUnknownKey);
        let ships = "[proxy]\npeers = [\"http://a:1\"]\n[log]\ncollector = \"b:2\"\n";
        assert_eq!(loaded(ships).unwrap_err().code, Code::ConfigBadValue);
    }
}
