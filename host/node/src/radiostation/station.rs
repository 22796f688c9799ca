//! What a running radiostation is made of, and its answers to peers.
//!
//! In: announcements and questions of authenticated peers. Out: order numbers, lists. A number is
//! on disk before it is told. Deliberately not here: sockets and bytes (`serve`), pages (`views`).

use super::channels::{Known, KnownChannels};
use super::evicted::Evicted;
use super::live::Live;
use super::registry::{Announced, Moment, Record, Registry};
use super::revoked::Revocations;
use crate::channel::intake::wall_clock;
use crate::config::{RadioStationConfig, TlsConfig};
use crate::peer::certificates::Holder;
use crate::whole_file::WholeFile;
use host_identity::Root;
use host_rpc::directory::{Listed, SignedEntry, channel_tag};
use host_rpc::{PeerIdentity, Session, Target};
use host_types::{ChannelName, Code, GenesisHash, NodeName, Rejection};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// The file of the registry in the data folder.
const REGISTRY_FILE: &str = "registry";

/// The state of a radiostation.
#[derive(Debug)]
pub struct Station {
    /// `radiostation.toml`.
    pub config: RadioStationConfig,
    /// Its TLS.
    pub session: Arc<Session>,
    /// Certificates of its network's roots.
    pub roots: Vec<Root>,
    /// Channels it knows.
    pub channels: KnownChannels,
    /// What peers say right now.
    pub live: Live,
    /// Names that may not announce themselves.
    pub evicted: Evicted,
    /// Certificates that were taken back.
    pub revoked: Revocations,
    name: NodeName,
    /// Held from taking a revocation list until it is in force: else an older set, read beside another list,
    /// could replace it.
    revoking: Mutex<()>,
    registry: RwLock<Registry>,
    disk: Arc<Disk>,
    started: Instant,
}

/// The file, one writer at a time.
#[derive(Debug)]
struct Disk {
    file: Arc<tokio::sync::Mutex<WholeFile>>,
    /// Whether the registry says more than the file.
    is_behind: AtomicBool,
}

fn join_refused(message: String) -> Rejection {
    Rejection::new(Code::JoinRefused, message)
}

impl Station {
    /// Reads what was kept.
    ///
    /// # Errors
    /// When the data folder cannot be used or the registry in it is damaged.
    pub fn open(
        config: RadioStationConfig,
        session: Arc<Session>,
        roots: Vec<Root>,
    ) -> Result<Self, Rejection> {
        let started = Instant::now();
        let name = config.node_name().map_err(Rejection::from)?;
        // Before anybody is believed: also what is on disk.
        let revoked = Revocations::open(&config.data_dir)?;
        session.trust().set_revoked(revoked.all());
        let file = WholeFile::open(&config.data_dir, REGISTRY_FILE)?;
        let registry = match file.load()? {
            None => Registry::default(),
            Some(bytes) => {
                let now = Moment { wall: wall_clock(), steady: started.elapsed() };
                // A certificate that ran out meanwhile keeps its number; peers look again anyway.
                let check = |signed: &SignedEntry| {
                    signed.verify(session.trust(), signed.entry().issued).ok()
                };
                Registry::restore(&bytes, now, check).map_err(|error| {
                    let message = format!("{}: {error}", file.path().display());
                    Rejection::new(Code::StoreDamaged, message)
                })?
            }
        };
        let station = Self {
            channels: KnownChannels::new(config.channels.clone(), session.trust().network()),
            live: Live::new(Arc::clone(&session)),
            evicted: Evicted::open(&config.data_dir)?,
            revoked,
            revoking: Mutex::default(),
            name,
            registry: RwLock::new(registry),
            disk: Arc::new(Disk {
                file: Arc::new(tokio::sync::Mutex::new(file)),
                is_behind: AtomicBool::new(false),
            }),
            config,
            session,
            roots,
            started,
        };
        station.pin_validators();
        Ok(station)
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { wall: wall_clock(), steady: self.started.elapsed() }
    }

    /// The registry, to read.
    pub fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the folder of channels again.
    pub fn rescan(&self) {
        if self.channels.rescan() {
            self.pin_validators();
        }
    }

    /// Validators may talk to us with certificates that ran out, as they may to each other.
    fn pin_validators(&self) {
        let known = self.channels.all();
        let names: BTreeSet<NodeName> =
            known.into_iter().flat_map(|(_, known)| known.validators).collect();
        self.session.trust().set_pinned(names);
    }

    /// Takes a peer's word about itself.
    ///
    /// # Errors
    /// When the peer may not announce itself, or not with this entry; when its number cannot be
    /// kept.
    pub async fn announce(
        &self,
        from: &PeerIdentity,
        signed: SignedEntry,
    ) -> Result<Announced, Rejection> {
        if !from.role.is_node() {
            let message =
                format!("{} is a {}: only peers announce themselves", from.name, from.role);
            return Err(Rejection::new(Code::RoleRefused, message));
        }
        let now = self.now();
        let verified = signed
            .verify(self.session.trust(), now.wall)
            .map_err(|error| join_refused(format!("the entry of {}: {error}", from.name)))?;
        if verified.name != from.name {
            let message = format!("{} cannot announce {}", from.name, verified.name);
            return Err(join_refused(message));
        }
        let entry = &verified.entry;
        if !is_target(&entry.rpc_target)
            || !(entry.rest_target.is_empty() || is_target(&entry.rest_target))
        {
            let message = format!("{} announces no `host:port` that can be dialled", from.name);
            return Err(join_refused(message));
        }
        let target = entry.rpc_target.clone();
        let announced = self.take(signed, verified, now)?;
        if announced.is_changed {
            // Whoever asks about it next should not have to wait for the next round.
            self.live.follow(&self.alive());
        }
        if announced.is_new {
            tracing::info!(
                event = "peer.joined", peer = %from.name, order = announced.order, target,
                "{} joined as number {}", from.name, announced.order
            );
        }
        self.keep(announced.is_changed).await?;
        Ok(announced)
    }

    fn take(
        &self,
        signed: SignedEntry,
        verified: host_rpc::directory::VerifiedEntry,
        now: Moment,
    ) -> Result<Announced, Rejection> {
        let mut registry = self.registry_mut();
        // Under the lock: who is evicted meanwhile is struck after this.
        if self.evicted.contains(&verified.name) {
            let message = format!("{} was evicted from this directory", verified.name);
            return Err(join_refused(message));
        }
        let announced = registry
            .announce(signed, verified, now)
            .map_err(|error| join_refused(error.to_string()))?;
        if announced.is_changed {
            self.disk.is_behind.store(true, Ordering::Release);
        }
        Ok(announced)
    }

    /// Takes a revocation list: sessions under what it takes back end, and the entries of it go.
    ///
    /// # Errors
    /// `LC4121` when it is not to be believed or older than the one known; when it cannot be kept.
    pub async fn revoke(&self, der: &[u8]) -> Result<(), Rejection> {
        if !self.bring_into_force(der)? {
            return Ok(());
        }
        let trust = self.session.trust();
        let gone = self.registry_mut().retain(|record| {
            let judged = record.signed.verify(trust, record.entry().issued);
            !judged.is_err_and(|error| error.code() == Code::CertificateRevoked)
        });
        tracing::info!(
            event = "revocations.taken",
            gone = gone.len(),
            "a revocation list is in force: {} entries left the directory",
            gone.len()
        );
        if gone.is_empty() {
            return Ok(());
        }
        self.disk.is_behind.store(true, Ordering::Release);
        self.live.follow(&self.alive());
        self.keep(true).await
    }

    /// Whether a list was news, which opens no session any more then.
    fn bring_into_force(&self, der: &[u8]) -> Result<bool, Rejection> {
        let _one_at_a_time = self.revoking.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = self.revoked.take(der, &self.roots)?;
        if is_news {
            self.session.trust().set_revoked(self.revoked.all());
        }
        Ok(is_news)
    }

    /// Takes a name out of the directory.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub async fn strike(&self, name: &NodeName) -> Result<(), Rejection> {
        let was_there = self.registry_mut().strike(name);
        if was_there {
            self.disk.is_behind.store(true, Ordering::Release);
            self.live.follow(&self.alive());
        }
        self.keep(was_there).await
    }

    /// Brings the file up to the registry. Whoever changed something waits for its own change,
    /// also when somebody else writes it.
    async fn keep(&self, is_changed: bool) -> Result<(), Rejection> {
        if !is_changed && !self.disk.is_behind.load(Ordering::Acquire) {
            return Ok(());
        }
        let file = Arc::clone(&self.disk.file).lock_owned().await;
        if !self.disk.is_behind.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let bytes = self.registry().to_bytes();
        let disk = Arc::clone(&self.disk);
        // A caller may go away meanwhile: the writer keeps the file to itself until it is done.
        let written = tokio::task::spawn_blocking(move || {
            let result = file.save(&bytes);
            if let Err(rejection) = &result {
                disk.is_behind.store(true, Ordering::Release);
                tracing::error!(code = %rejection.code, "the registry is not kept: {}", rejection.message);
            }
            drop(file);
            result
        });
        written.await.map_err(|error| Rejection::new(Code::Internal, error.to_string()))?
    }

    /// Peers for a peer: of one channel, or all. Who does not belong to the channel hears what is said
    /// of one that does not exist.
    #[must_use]
    pub fn list(&self, from: &NodeName, channel: Option<&ChannelName>) -> Vec<Listed> {
        let registry = self.registry();
        let Some(channel) = channel else { return registry.list(self.now(), |_| true) };
        let known = self.channels.get(channel).filter(|known| self.belongs(&registry, from, known));
        let Some(known) = known else { return Vec::new() };
        registry.list(self.now(), |record| serves(record, &known))
    }

    /// Channels that a node belongs to, as far as this radiostation knows.
    #[must_use]
    pub fn channels_of(&self, node: &NodeName) -> Vec<GenesisHash> {
        let registry = self.registry();
        let all = self.channels.all().into_iter();
        let of_node = all.filter(|(_, known)| self.belongs(&registry, node, known));
        of_node.map(|(_, known)| known.genesis).collect()
    }

    fn belongs(&self, registry: &Registry, node: &NodeName, known: &Known) -> bool {
        known.validators.contains(node)
            || registry.records(|one| one.name == *node).iter().any(|one| serves(one, known))
    }

    /// Peers that are alive, and where.
    #[must_use]
    pub fn alive(&self) -> Vec<Target> {
        let now = self.now();
        let registry = self.registry();
        let alive = registry.records(|record| record.is_connected(now)).into_iter().map(|record| {
            Target { name: record.name.clone(), address: record.entry().rpc_target.clone() }
        });
        alive.collect()
    }

    /// Peers of a channel that are alive.
    #[must_use]
    pub fn serving(&self, known: &Known) -> Vec<NodeName> {
        let now = self.now();
        let registry = self.registry();
        let serving = registry.records(|record| record.is_connected(now) && serves(record, known));
        serving.into_iter().map(|record| record.name.clone()).collect()
    }
}

impl Holder for Station {
    fn name(&self) -> &NodeName {
        &self.name
    }

    fn tls(&self) -> &TlsConfig {
        &self.config.tls
    }

    fn session(&self) -> &Arc<Session> {
        &self.session
    }

    fn home(&self) -> &Path {
        &self.config.home
    }

    fn renewal(&self) -> &[String] {
        &self.config.renewal.command
    }

    fn after_end(&self) -> &'static str {
        "peers open no new sessions to it, and go on with those they know"
    }
}

/// Whether a peer belongs to a channel: it says so, or it is a validator there.
pub(super) fn serves(record: &Record, known: &Known) -> bool {
    record.entry().channels.contains(&channel_tag(known.genesis, &record.name))
        || known.validators.contains(&record.name)
}

/// Whether a text is `host:port`.
fn is_target(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic());
    is_host && port.parse::<u16>().is_ok_and(|port| port != 0)
}
