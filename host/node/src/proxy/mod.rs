//! The proxy: REST in front of many peers, under one address.
//!
//! In: requests of clients, `proxy.toml`. Out: what a peer answers, byte for byte. It asks a peer
//! that has the channel and is high enough, another one when that fails, and keeps what is final. It
//! has no key and no certificate: it signs nothing, grants nothing, and a client that wants proof
//! checks the proof (`loopchain block verify`), which passes through unchanged.
//!
//! Deliberately not here: what a path means to a peer (`host/web`).
//!
//! Where to look next: `relay` what happens to a request, `route` what it asks for, `health`
//! what is known of the peers, `directory` which ones RadioStations name, `switch` WebSockets.

mod cache;
mod directory;
mod health;
pub mod limits;
mod relay;
mod route;
mod switch;
mod upstream;

use crate::config::ProxyConfig;
use crate::peer::start;
use crate::shutdown::Shutdown;
use crate::telemetry;
use host_rpc::Trust;
use host_types::Rejection;
use relay::Proxy;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Runs a proxy until it is asked to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run(config: ProxyConfig, shutdown: Shutdown) -> Result<(), Rejection> {
    telemetry::init(&config.log, "proxy")?;
    let (rest, ops) = (config.rest.listen, config.ops.listen);
    let (rest_listener, ops_listener) = (start::bind(rest).await?, start::bind(ops).await?);
    let proxy = Arc::new(Proxy::new(&config)?);
    let (asked, not_ready) = (Arc::clone(&proxy), Arc::clone(&proxy));
    let source = host_web::OpsSource::new(
        move || asked.metrics(),
        move || not_ready.not_ready(),
        env!("CARGO_PKG_VERSION"),
    );
    let pages = host_web::relay_pages(Arc::clone(&proxy), crate::rest::settings(&config.rest));
    let ops_pages = host_web::ops_pages(source.with_streams_of(&pages));
    let limits = crate::rest::limits(&config.rest);
    let (stop, stopped) = watch::channel(false);
    let mut checks = JoinSet::new();
    for peer in proxy.peers() {
        checks.spawn(health::follow(peer));
    }
    let stations = config.stations().map_err(Rejection::from)?;
    if !stations.is_empty() {
        checks.spawn(directory::follow(Arc::clone(&proxy), trust(&config)?, stations));
    }
    let mut servers = JoinSet::new();
    servers.spawn(host_web::serve(rest_listener, pages, limits, start::until(stopped.clone())));
    servers.spawn(host_web::serve(ops_listener, ops_pages, limits, start::until(stopped)));
    tracing::info!(event = "proxy.started", peers = proxy.peers().len(), "proxy listens on {rest}");
    shutdown.requested().await;
    stop.send_replace(true);
    while servers.join_next().await.is_some() {}
    checks.shutdown().await;
    tracing::info!(event = "proxy.stopped", "proxy stops");
    Ok(())
}

/// Under which roots peers that RadioStations name are believed; they are no secret.
fn trust(config: &ProxyConfig) -> Result<Trust, Rejection> {
    let id = config.network.network_id().map_err(Rejection::from)?;
    let organisations = config.network.roots().map_err(Rejection::from)?;
    Ok(Trust::new(id, &organisations, start::roots(&config.proxy.trust)?))
}
