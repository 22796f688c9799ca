//! Brings a peer up and takes it down.

use super::admin::PeerAdmin;
use super::certificates::Holder;
use super::chosen::Chosen;
use super::gateway::LocalGateway;
use super::handler::Handler;
use super::known_peers::KnownPeers;
use super::mesh::Mesh;
use super::metrics::Metrics;
use super::node::{Identity, Node, NodeParts, lock};
use super::{accuse, certificates, readiness, renewal, revocations, trail_root};
use super::{dev_only, discovery, drop_folder, many_channels, settings};
use crate::channel::{quorum, while_joined};
use crate::config::{self, PeerConfig, TlsConfig};
use crate::front::Front;
use crate::rest;
use crate::scores::Scores;
use crate::shutdown::Shutdown;
use crate::telemetry;
use host_identity::{Certificate, Root, TlsIdentity, keyfile, password};
use host_rpc::gateway::Gateway;
use host_rpc::{Session, Trust};
use host_rules::shelf::{self as rules, RuleShelf};
use host_types::genesis::ChannelGenesis;
use host_types::{Code, Decode, NodeName, Rejection};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How often the folder of genesis files is looked at.
const GENESIS_RESCAN: Duration = Duration::from_millis(500);

fn bad(code: Code, what: impl std::fmt::Display) -> Rejection {
    Rejection::new(code, what.to_string())
}

/// Runs a peer until it is asked to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run(config: PeerConfig, shutdown: Shutdown) -> Result<(), Rejection> {
    telemetry::init(&config.log, &format!("{}/{}", config.org, config.name))?;
    let node = build(config)?;
    if let Err(rejection) = node.scores.try_sandbox().await {
        tracing::error!(event = "sandbox.closed", code = %rejection.code, "this node runs no SCORE, follows its channels and votes on none: {}", rejection.message);
        node.scores.close(rejection);
    }
    let metrics = Arc::new(Metrics::default());
    let (stop, stopped) = watch::channel(false);
    let rpc = bind(node.config.rpc.listen).await?;
    let rest = bind(node.config.rest.listen).await?;
    let ops = bind(node.config.ops.listen).await?;

    let installed = watch::channel(0).0;
    let looked = Looked::at(&node);
    many_channels::start(&node, &installed).await;
    let handler = Arc::new(Handler(Arc::clone(&node)));
    let session = Arc::clone(node.mesh.session());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(host_rpc::serve(
        rpc,
        session,
        handler,
        host_rpc::ServerLimits::default(),
        stopped.clone(),
    ));
    serve_web(&node, metrics, (rest, ops), &stopped, &mut tasks)?;
    let is_dev = roots(&node.config.tls.trust)?.iter().all(Root::is_dev);
    tasks.spawn(drop_folder::watch(Arc::clone(&node), installed.clone(), is_dev));
    let holder: Arc<dyn Holder> = Arc::clone(&node) as _;
    tasks.spawn(certificates::follow(Arc::clone(&holder)));
    tasks.spawn(renewal::follow(holder));
    let operator = PeerAdmin { node: Arc::clone(&node), installed: installed.clone() };
    let door = crate::admin::listen(&node.config.ops.admin_socket)?;
    tasks.spawn(crate::admin::serve(door, Arc::new(operator)));
    tasks.spawn(settings::follow(Arc::clone(&node), installed.clone()));
    tasks.spawn(follow_genesis(Arc::clone(&node), installed.clone(), looked));
    let (log, org) = (&node.config.log, &node.config.org);
    telemetry::ship_lines(log, org, node.mesh.session(), &stopped, &mut tasks)?;
    discovery::remember(&node);
    for station in node.config.radiostations().map_err(Rejection::from)? {
        tasks.spawn(discovery::follow(Arc::clone(&node), station));
    }
    tracing::info!(
        event = "peer.started",
        "peer {} listens on {}",
        node.name,
        node.config.rpc.listen
    );
    shutdown.requested().await;
    // First, so that the collector gets this line, too.
    tracing::info!(event = "peer.stopped", "peer {} stops", node.name);
    stop.send_replace(true);
    // Whatever is not durable now was never acknowledged: there is nothing to wait for but answers.
    tokio::time::sleep(Duration::from_millis(100)).await;
    tasks.shutdown().await;
    Ok(())
}

pub(crate) async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, Rejection> {
    TcpListener::bind(address)
        .await
        .map_err(|error| bad(Code::PortTaken, format!("cannot listen on {address}: {error}")))
}

fn serve_web(
    node: &Arc<Node>,
    metrics: Arc<Metrics>,
    (rest, ops): (TcpListener, TcpListener),
    stopped: &watch::Receiver<bool>,
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<(), Rejection> {
    let default = node.config.default_channel().map_err(Rejection::from)?;
    let gateway: Arc<dyn Gateway> = Arc::new(LocalGateway::new(Arc::clone(node), default, metrics));
    let settings = rest::settings(&node.config.rest);
    let limits = rest::limits(&node.config.rest);
    let source = host_web::OpsSource::of_gateway(&gateway);
    let router = host_web::peer_pages(gateway, settings);
    let ops_pages = host_web::ops_pages(source.with_streams_of(&router));
    let serving = host_web::serve(rest, router, limits, until(stopped.clone()));
    tasks.spawn_on(serving, &node.front.handle());
    tasks.spawn(host_web::serve(ops, ops_pages, limits, until(stopped.clone())));
    Ok(())
}

/// Ends when the process is asked to stop.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    // A lost sender is the same wish.
    stopped.wait_for(|stop| *stop).await.ok();
}

/// The roots that a configuration trusts: files, or folders of them.
pub(crate) fn roots(trust: &[PathBuf]) -> Result<Vec<Root>, Rejection> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in trust {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| bad(Code::ConfigUnreadable, e))?;
            let certificates = entries.flatten().map(|entry| entry.path());
            files.extend(certificates.filter(|p| p.extension().is_some_and(|e| e == "crt")));
        } else {
            files.push(path.clone());
        }
    }
    files
        .iter()
        .map(|file| {
            let der = keyfile::load_certificate(file).map_err(|e| bad(e.code(), e))?;
            Root::from_der(&der).map_err(|e| bad(e.code(), e))
        })
        .collect()
}

/// Everybody may have the keys of a dev CA, so nothing of its network listens to others.
fn unexposed(listeners: [std::net::SocketAddr; 3]) -> Result<(), Rejection> {
    let names = ["rpc", "rest", "ops"];
    match names.into_iter().zip(listeners).find(|(_, listen)| !listen.ip().is_loopback()) {
        Some((name, listen)) => {
            let message = format!(
                "{name}.listen = {listen} can be reached by others, and this network has a dev CA"
            );
            Err(Rejection::new(Code::DevCaExposed, message))
        }
        None => Ok(()),
    }
}

/// The TLS of a node that listens at these addresses: RPC, REST, operations.
pub(crate) fn session(
    network: &config::NetworkConfig,
    tls: &TlsConfig,
    listeners: [std::net::SocketAddr; 3],
) -> Result<Arc<Session>, Rejection> {
    let roots = roots(&tls.trust)?;
    if roots.iter().any(Root::is_dev) {
        unexposed(listeners)?;
    }
    let id = network.network_id().map_err(Rejection::from)?;
    let organisations = network.roots().map_err(Rejection::from)?;
    let trust = Arc::new(Trust::new(id, &organisations, roots));
    let password = password::of_node().map_err(|e| bad(e.code(), e))?;
    let password = password.as_ref().map(|text| text.as_str());
    let key = keyfile::load_pkcs8(&tls.key, password).map_err(|e| bad(e.code(), e))?;
    let der =
        keyfile::load_certificate(&tls.certificate).map_err(|e| bad(Code::ConfigUnreadable, e))?;
    let certificate = Certificate::parse(&der).map_err(|e| bad(e.code(), e))?;
    Session::new(trust, TlsIdentity { certificate, key })
        .map_err(|error| bad(Code::CertificateUntrusted, error))
}

fn identity(files: &config::KeyFiles) -> Result<(Identity, Certificate), Rejection> {
    let password = password::of_node().map_err(|e| bad(e.code(), e))?;
    let password = password.as_ref().map(|text| text.as_str());
    let key = keyfile::load_either(&files.key, password).map_err(|e| bad(e.code(), e))?;
    let der = keyfile::load_certificate(&files.certificate)
        .map_err(|e| bad(Code::ConfigUnreadable, e))?;
    let certificate = Certificate::parse(&der).map_err(|e| bad(e.code(), e))?;
    if certificate.signing_key() != Some(&key.public()) {
        let message = format!("{} is not the key of its certificate", files.key.display());
        return Err(Rejection::new(Code::ConfigBadValue, message));
    }
    Ok((Identity::new(key, certificate.id), certificate))
}

fn build(config: PeerConfig) -> Result<Arc<Node>, Rejection> {
    let name = config.node_name().map_err(Rejection::from)?;
    let (identity, _) = identity(&config.signing)?;
    let gateway = match &config.gateway {
        Some(files) => Some(self::identity(files)?.0),
        None => None,
    };
    let listeners = [config.rpc.listen, config.rest.listen, config.ops.listen];
    let session = session(&config.network, &config.tls, listeners)?;
    dev_only::check(&config, &roots(&config.tls.trust)?)?;
    let data = &config.data_dir;
    let (signer, replay) = super::sign_start::signer(&config)?;
    // This very program, even when its file was replaced by a newer build meanwhile.
    let program = PathBuf::from("/proc/self/exe");
    let sandbox = match config.scores.sandbox {
        config::Sandbox::Strict => score_native_link::Sandbox::Strict,
        config::Sandbox::Basic => score_native_link::Sandbox::Basic,
    };
    let scores = Arc::new(Scores::open(&data.join("scores"), program, sandbox)?);
    // Whatever the umask says: others drop nothing here.
    let plugins =
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&config.plugins.dir);
    plugins.map_err(|e| bad(Code::ConfigUnreadable, e))?;
    let rules = RuleShelf::open(&config.plugins.dir, &data.join("rules"))?;
    let known = KnownPeers::open(data);
    let mesh = Mesh::new(name.clone(), session);
    let replay = replay.channels;
    let chosen = Chosen::open(data)?;
    super::admin::finish_deletions(data)?;
    Ok(Arc::new(Node::new(NodeParts {
        config,
        name,
        identity,
        gateway,
        signer,
        mesh,
        known,
        scores,
        rules,
        replay,
        chosen,
        front: Front::start()?,
    })))
}

/// Starts a channel and what follows it until it is left.
pub(super) fn begin(
    node: &Arc<Node>,
    genesis: ChannelGenesis,
    installed: &watch::Sender<u64>,
) -> Result<(), Rejection> {
    let name = genesis.channel.clone();
    let Some(channel) = node.start_channel(genesis)? else { return Ok(()) };
    pin_validators(node);
    tracing::info!(event = "channel.started", channel = %name, "channel {name} started");
    let joined = || channel.joined();
    let revoked = revocations::follow(Arc::clone(node), channel.clone());
    tokio::spawn(while_joined(joined(), revoked));
    tokio::spawn(while_joined(joined(), accuse::follow(Arc::clone(node), channel.clone())));
    tokio::spawn(while_joined(joined(), trail_root::follow(Arc::clone(node), channel.clone())));
    tokio::spawn(while_joined(joined(), quorum::follow(channel.clone())));
    let ready = readiness::follow(Arc::clone(node), channel.clone(), installed.subscribe());
    tokio::spawn(while_joined(joined(), ready));
    Ok(())
}

/// Those who vote on some channel now stay connected when their certificates run out.
pub(super) fn pin_validators(node: &Node) {
    let _one_at_a_time = lock(&node.trusting);
    let channels = node.channels();
    let sets = channels.iter().map(|channel| channel.epoch());
    let names: BTreeSet<NodeName> = sets
        .flat_map(|epoch| epoch.validators.all().iter().map(|v| v.name.clone()).collect::<Vec<_>>())
        .collect();
    node.mesh.session().trust().set_pinned(names);
}

/// Genesis files of a folder, sorted.
pub(crate) fn genesis_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "genesis"))
        .collect();
    files.sort();
    files
}

/// What the genesis files of a folder say.
pub(crate) fn geneses(folder: &Path) -> Vec<ChannelGenesis> {
    genesis_files(folder)
        .iter()
        .filter_map(|file| {
            let bytes = std::fs::read(file).ok()?;
            ChannelGenesis::from_bytes(&bytes)
                .inspect_err(|error| {
                    tracing::error!(file = %file.display(), "not a genesis: {error}");
                })
                .ok()
        })
        .collect()
}

/// What a channel's start depends on: when genesis files and rules were written, and how long they
/// are. Reading them is left for when this changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looked {
    geneses: BTreeMap<PathBuf, drop_folder::Stamp>,
    plugins: BTreeMap<PathBuf, drop_folder::Stamp>,
}

impl Looked {
    fn at(node: &Node) -> Self {
        Self {
            geneses: drop_folder::stamps(genesis_files(&node.config.channels.dir)),
            plugins: drop_folder::stamps(rules::libraries(&node.config.plugins.dir)),
        }
    }
}

/// Starts channels that appear, and tries those that were refused again when a genesis or a plugin
/// has changed.
async fn follow_genesis(node: Arc<Node>, installed: watch::Sender<u64>, mut seen: Looked) {
    loop {
        tokio::time::sleep(GENESIS_RESCAN).await;
        let now = Looked::at(&node);
        let is_of_interest = now.geneses != seen.geneses || !node.refused().is_empty();
        if now != seen && is_of_interest {
            many_channels::start(&node, &installed).await;
        }
        seen = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_with_its_address() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let refused = bind(address).await.unwrap_err();
        assert_eq!(refused.code, Code::PortTaken);
        assert!(refused.message.starts_with(&format!("cannot listen on {address}: ")), "{refused}");
    }

    #[test]
    fn every_listener_of_a_dev_network_stays_on_this_machine() {
        let home = "127.0.0.1:7".parse().unwrap();
        assert_eq!(unexposed([home; 3]), Ok(()));
        for (at, name) in ["rpc", "rest", "ops"].into_iter().enumerate() {
            let mut listeners = [home; 3];
            listeners[at] = "0.0.0.0:7".parse().unwrap();
            let refused = unexposed(listeners).unwrap_err();
            assert_eq!(refused.code, Code::DevCaExposed);
            assert!(
                refused.message.starts_with(&format!("{name}.listen = 0.0.0.0:7")),
                "{refused}"
            );
        }
    }
}
