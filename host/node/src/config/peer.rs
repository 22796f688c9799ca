//! `peer.toml` and `radiostation.toml`: what one process is told.
//!
//! In: the file in a home folder and what stands above it. Out: [`PeerConfig`] or
//! [`RadioStationConfig`] with absolute paths. Every key has an effect; none is reserved.

use super::layers::{Overrides, merged};
use super::radiostations::{self, RadioStationTarget};
use super::render::ConfigError;
use super::rest::RestConfig;
use super::units::Size;
use host_types::fault::Code;
use host_types::hash::Hash32;
use host_types::ids::{ChannelName, NetworkId, NodeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `[network]`: which network this is, and whom it trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Hash of the network's genesis, 64 hex digits.
    pub id: String,
    /// Organisations and the SHA-256 of their root certificates.
    pub organisations: BTreeMap<String, String>,
    /// `ORG/NAME` in the radiostation's certificate; empty: `bank-a/radiostation`.
    pub radiostation: String,
}

impl NetworkConfig {
    /// The network's id.
    ///
    /// # Errors
    /// When it is missing or no digest.
    pub fn network_id(&self) -> Result<NetworkId, ConfigError> {
        NetworkId::from_hex(&self.id).ok_or_else(|| {
            ConfigError::new(Code::ConfigBadValue, "network.id is not 64 hex digits")
                .with_help("it is the hash of the network's genesis; `loopchain up` writes it")
        })
    }

    /// Organisations and the fingerprints of their roots.
    ///
    /// # Errors
    /// When one is no fingerprint.
    pub fn roots(&self) -> Result<Vec<(String, Hash32)>, ConfigError> {
        let roots = self.organisations.iter().map(|(organisation, text)| {
            let root = fingerprint(text).ok_or_else(|| {
                let message = format!("network.organisations.{organisation} is no fingerprint");
                ConfigError::new(Code::ConfigBadValue, message)
                    .with_help("a fingerprint is SHA256: and 64 hex digits")
            })?;
            Ok((organisation.clone(), root))
        });
        roots.collect()
    }
}

/// Reads `SHA256:` and 64 hex digits, with or without colons.
pub(super) fn fingerprint(text: &str) -> Option<Hash32> {
    let digits = text.strip_prefix("SHA256:").unwrap_or(text);
    Hash32::from_hex(&digits.replace(':', ""))
}

/// `[rpc]`: where peers talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpcConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// What others dial; empty = `listen`.
    pub advertise: String,
}

impl RpcConfig {
    /// What others dial.
    #[must_use]
    pub fn target(&self) -> String {
        if self.advertise.is_empty() { self.listen.to_string() } else { self.advertise.clone() }
    }
}

/// `[ops]`: metrics, health and the operator's own door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpsConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Unix socket of mode 0600 on which the operator changes what this process does; empty:
    /// `admin.sock` in the data folder.
    pub admin_socket: PathBuf,
}

impl OpsConfig {
    fn resolve(&mut self, home: &Path, data: &Path) {
        self.admin_socket = if self.admin_socket.as_os_str().is_empty() {
            data.join("admin.sock")
        } else {
            home.join(&self.admin_socket)
        };
    }
}

/// A certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// PKCS#8, mode 0600.
    pub key: PathBuf,
}

impl KeyFiles {
    fn named(name: &str) -> Self {
        Self {
            certificate: format!("pki/{name}.crt").into(),
            key: format!("pki/{name}.key").into(),
        }
    }

    fn resolve(&mut self, home: &Path) {
        self.certificate = home.join(&self.certificate);
        self.key = home.join(&self.key);
    }
}

/// `[tls]`: the transport, always mutual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// ECDSA P-256 certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Root certificates, or folders of them.
    pub trust: Vec<PathBuf>,
}

/// `[radiostation]`: where to find others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RadioStationTargets {
    /// `host:port` of each, or `ORG/NAME@host:port` when it has another name than
    /// `network.radiostation`; only for discovery.
    pub targets: Vec<String>,
}

/// `[channels]`: which channels a process serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsConfig {
    /// Folder of `NAME.genesis` files; a new one is taken up while running.
    pub dir: PathBuf,
    /// Names to join; `*` is every genesis of this network that is in the folder. Taken while a peer runs.
    pub join: Vec<String>,
}

impl ChannelsConfig {
    /// Whether a channel is to be joined.
    #[must_use]
    pub fn joins(&self, channel: &ChannelName) -> bool {
        self.join.iter().any(|name| name == "*" || name == channel.as_str())
    }
}

/// `[plugins]`: the drop-in folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// Consensus rules and SCOREs; watched.
    pub dir: PathBuf,
}

/// How SCORE processes are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// Everything: seccomp, Landlock, limits. Refuses to start where that is impossible.
    #[default]
    Strict,
    /// What this machine can do; dev CA only.
    Basic,
}

/// `[scores]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoresConfig {
    /// How their processes are confined.
    pub sandbox: Sandbox,
}

/// `[renewal]`: how this node's certificates are renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RenewalConfig {
    /// Program and arguments, run in the home folder when a certificate should be renewed; empty:
    /// a person does it.
    pub command: Vec<String>,
}

/// When a statement counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// fdatasync before every statement.
    #[default]
    Full,
    /// Left to the operating system; dev CA only.
    Os,
}

/// `[storage]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// When a statement counts as durable.
    pub durability: Durability,
    /// Cache of the databases, shared out over the channels.
    pub cache: Size,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`, or targets (`info,host_rpc=debug`).
    pub level: String,
    /// Form of the lines.
    pub format: LogFormat,
    /// `host:port` of a log collector; empty: lines go nowhere but to stderr.
    pub collector: String,
    /// `ORG/NAME` in the collector's certificate; empty: `log-collector` of the node's organisation.
    pub collector_name: String,
}

/// `peer.toml`. Paths are relative to the home folder in the file, absolute after [`Self::load`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerConfig {
    /// Unique inside the organisation.
    pub name: String,
    /// The organisation.
    pub org: String,
    /// Databases, sign log, artefacts.
    pub data_dir: PathBuf,
    /// The network.
    pub network: NetworkConfig,
    /// Peers.
    pub rpc: RpcConfig,
    /// REST.
    pub rest: RestConfig,
    /// Metrics and health.
    pub ops: OpsConfig,
    /// Transport.
    pub tls: TlsConfig,
    /// Statements and transactions of this node: Ed25519.
    pub signing: KeyFiles,
    /// The client identity that signs for v1 clients; used where a channel's policy allows it.
    pub gateway: Option<KeyFiles>,
    /// Discovery.
    pub radiostation: RadioStationTargets,
    /// Channels.
    pub channels: ChannelsConfig,
    /// The drop-in folder.
    pub plugins: PluginsConfig,
    /// SCORE processes.
    pub scores: ScoresConfig,
    /// Renewal of certificates.
    pub renewal: RenewalConfig,
    /// Disk.
    pub storage: StorageConfig,
    /// Log.
    pub log: LogConfig,
    /// The home folder; not a setting.
    #[serde(skip)]
    pub home: PathBuf,
    /// Come back without a trusted sign log, from `--rejoin`; not a setting, because it is an order for
    /// one start.
    #[serde(skip)]
    pub rejoin: bool,
    /// What stands above the file, for reading it again; not a setting.
    #[serde(skip)]
    pub overrides: Overrides,
}

/// `radiostation.toml`. Paths as in [`PeerConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RadioStationConfig {
    /// Its name.
    pub name: String,
    /// The organisation that runs it.
    pub org: String,
    /// The peers it knows, kept over restarts.
    pub data_dir: PathBuf,
    /// The network.
    pub network: NetworkConfig,
    /// Peers.
    pub rpc: RpcConfig,
    /// REST.
    pub rest: RestConfig,
    /// Metrics and health.
    pub ops: OpsConfig,
    /// Transport.
    pub tls: TlsConfig,
    /// Channels whose members it admits.
    pub channels: ChannelsConfig,
    /// Renewal of certificates.
    pub renewal: RenewalConfig,
    /// Log.
    pub log: LogConfig,
    /// The home folder; not a setting.
    #[serde(skip)]
    pub home: PathBuf,
}

pub(super) const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self { listen: loopback(7100), advertise: String::new() }
    }
}

impl Default for OpsConfig {
    fn default() -> Self {
        Self { listen: loopback(9050), admin_socket: PathBuf::new() }
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        let KeyFiles { certificate, key } = KeyFiles::named("tls");
        Self { certificate, key, trust: vec!["pki/ca".into()] }
    }
}

impl Default for ChannelsConfig {
    fn default() -> Self {
        Self { dir: "channels".into(), join: vec!["*".to_owned()] }
    }
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self { dir: "plugins".into() }
    }
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { durability: Durability::default(), cache: Size(128 << 20) }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::default(),
            collector: String::new(),
            collector_name: String::new(),
        }
    }
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            name: "peer0".to_owned(),
            org: "dev".to_owned(),
            data_dir: "data".into(),
            network: NetworkConfig::default(),
            rpc: RpcConfig::default(),
            rest: RestConfig::default(),
            ops: OpsConfig::default(),
            tls: TlsConfig::default(),
            signing: KeyFiles::named("sign"),
            gateway: None,
            radiostation: RadioStationTargets::default(),
            channels: ChannelsConfig::default(),
            plugins: PluginsConfig::default(),
            scores: ScoresConfig::default(),
            renewal: RenewalConfig::default(),
            storage: StorageConfig::default(),
            log: LogConfig::default(),
            rejoin: false,
            overrides: Overrides::default(),
            home: PathBuf::new(),
        }
    }
}

impl Default for RadioStationConfig {
    fn default() -> Self {
        Self {
            name: "radiostation".to_owned(),
            org: "dev".to_owned(),
            data_dir: "data".into(),
            network: NetworkConfig::default(),
            rpc: RpcConfig { listen: loopback(7102), advertise: String::new() },
            rest: RestConfig { listen: loopback(9002), ..RestConfig::default() },
            ops: OpsConfig { listen: loopback(9052), ..OpsConfig::default() },
            tls: TlsConfig::default(),
            channels: ChannelsConfig::default(),
            renewal: RenewalConfig::default(),
            log: LogConfig::default(),
            home: PathBuf::new(),
        }
    }
}

impl PeerConfig {
    /// Reads `HOME/peer.toml` and what stands above it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(home: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = home.join("peer.toml");
        let mut config: Self = merged(&file, overrides)?;
        config.overrides = overrides.clone();
        config.home = absolute(home)?;
        let home = &config.home;
        config.data_dir = home.join(&config.data_dir);
        config.ops.resolve(home, &config.data_dir);
        config.signing.resolve(home);
        if let Some(gateway) = &mut config.gateway {
            gateway.resolve(home);
        }
        config.plugins.dir = home.join(&config.plugins.dir);
        config.channels.dir = home.join(&config.channels.dir);
        resolve_tls(&mut config.tls, home);
        node_name(&config.org, &config.name)?;
        channel_name(&config.rest.v1_default_channel)?;
        config.log.collector_name(&config.org)?;
        config.radiostations()?;
        Ok(config)
    }

    /// `ORG/NAME`.
    ///
    /// # Errors
    /// When the parts are no names; [`Self::load`] has checked that.
    pub fn node_name(&self) -> Result<NodeName, ConfigError> {
        node_name(&self.org, &self.name)
    }

    /// The RadioStations that this peer listens to.
    ///
    /// # Errors
    /// When one is none; [`Self::load`] has checked that.
    pub fn radiostations(&self) -> Result<Vec<RadioStationTarget>, ConfigError> {
        radiostations::parse(&self.radiostation.targets, &self.network.radiostation)
    }

    /// Channel of v1 requests that name none.
    ///
    /// # Errors
    /// When it is no name; [`Self::load`] has checked that.
    pub fn default_channel(&self) -> Result<ChannelName, ConfigError> {
        channel_name(&self.rest.v1_default_channel)
    }
}

impl RadioStationConfig {
    /// Reads `HOME/radiostation.toml` and what stands above it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(home: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = home.join("radiostation.toml");
        let mut config: Self = merged(&file, overrides)?;
        config.home = absolute(home)?;
        let home = &config.home;
        config.data_dir = home.join(&config.data_dir);
        config.ops.resolve(home, &config.data_dir);
        config.channels.dir = home.join(&config.channels.dir);
        resolve_tls(&mut config.tls, home);
        node_name(&config.org, &config.name)?;
        channel_name(&config.rest.v1_default_channel)?;
        config.log.collector_name(&config.org)?;
        Ok(config)
    }

    /// `ORG/NAME`.
    ///
    /// # Errors
    /// When the parts are no names; [`Self::load`] has checked that.
    pub fn node_name(&self) -> Result<NodeName, ConfigError> {
        node_name(&self.org, &self.name)
    }

    /// Channel of requests that name none.
    ///
    /// # Errors
    /// When it is no name; [`Self::load`] has checked that.
    pub fn default_channel(&self) -> Result<ChannelName, ConfigError> {
        channel_name(&self.rest.v1_default_channel)
    }
}

impl LogConfig {
    /// Who must answer at `collector`; none when lines are not shipped.
    ///
    /// # Errors
    /// When the name is none.
    pub fn collector_name(&self, org: &str) -> Result<Option<NodeName>, ConfigError> {
        if self.collector.is_empty() {
            return Ok(None);
        }
        let default = format!("{org}/log-collector");
        let name = if self.collector_name.is_empty() { &default } else { &self.collector_name };
        NodeName::new(name).map(Some).ok_or_else(|| {
            let message = format!("log.collector_name = \"{name}\" is no ORG/NAME");
            ConfigError::new(Code::ConfigBadValue, message)
                .with_help("it is the name in the collector's certificate")
        })
    }
}

pub(super) fn resolve_tls(tls: &mut TlsConfig, home: &Path) {
    tls.certificate = home.join(&tls.certificate);
    tls.key = home.join(&tls.key);
    for trust in &mut tls.trust {
        *trust = home.join(&*trust);
    }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, ConfigError> {
    std::path::absolute(path).map_err(|error| {
        let message = format!("{} cannot be found: {error}", path.display());
        ConfigError::new(Code::ConfigUnreadable, message)
    })
}

pub(super) fn node_name(org: &str, name: &str) -> Result<NodeName, ConfigError> {
    NodeName::new(&format!("{org}/{name}")).ok_or_else(|| {
        let message = format!("`{org}/{name}` is no name of a node");
        ConfigError::new(Code::ConfigBadValue, message)
            .with_help("org and name are lower-case letters, digits, `-` and `_`")
    })
}

fn channel_name(name: &str) -> Result<ChannelName, ConfigError> {
    ChannelName::new(name).ok_or_else(|| {
        let message = format!("`{name}` is no name of a channel");
        ConfigError::new(Code::ConfigBadValue, message)
            .with_help("a channel is lower-case letters, digits, `-` and `_`, a letter first")
    })
}
