//! The radiostation: the directory through which peers find each other.
//!
//! In: announcements of peers over mutual TLS, genesis files, `radiostation.toml`. Out: the list of
//! peers in join order, and status pages for people. Entries are signed by the peers themselves, so
//! it can hide or delay them and never change them; a peer keeps the last good list on disk and
//! goes on without any radiostation. It votes nowhere, chooses no leader and holds no block.
//!
//! Deliberately not here: validators and weights (they are on chain), issuing certificates,
//! what pages look like (`host/web`).
//!
//! Where to look next: [`registry`] who is there, [`station`] what an announcement does, [`serve`]
//! what peers call, [`live`] who leads, [`views`] what pages show.

mod admin;
pub mod channels;
pub mod evicted;
mod lists_folder;
pub mod live;
pub mod metrics;
pub mod registry;
pub mod revoked;
pub mod serve;
pub mod station;
pub mod views;

#[cfg(test)]
mod tests;

use crate::config::RadioStationConfig;
use crate::peer::certificates::{self, Holder};
use crate::peer::{renewal, start};
use crate::rest;
use crate::shutdown::Shutdown;
use crate::telemetry;
use admin::StationAdmin;
use host_rpc::gateway::Directory;
use host_types::Rejection;
use serve::Handler;
use station::Station;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use views::Views;

/// How long answers under way may take when the radiostation stops.
const DRAIN: Duration = Duration::from_secs(1);

/// The sockets of a radiostation.
struct Listeners {
    rpc: TcpListener,
    rest: TcpListener,
    ops: TcpListener,
}

/// Runs a radiostation until it is asked to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run(config: RadioStationConfig, shutdown: Shutdown) -> Result<(), Rejection> {
    let name = config.node_name().map_err(Rejection::from)?;
    telemetry::init(&config.log, name.as_str())?;
    let listeners = [config.rpc.listen, config.rest.listen, config.ops.listen];
    let session = start::session(&config.network, &config.tls, listeners)?;
    let roots = start::roots(&config.tls.trust)?;
    let listeners = Listeners {
        rpc: start::bind(config.rpc.listen).await?,
        rest: start::bind(config.rest.listen).await?,
        ops: start::bind(config.ops.listen).await?,
    };
    let station = Arc::new(Station::open(config, session, roots)?);
    let door = crate::admin::listen(&station.config.ops.admin_socket)?;
    let operator =
        tokio::spawn(crate::admin::serve(door, Arc::new(StationAdmin(Arc::clone(&station)))));
    let listen = station.config.rpc.listen;
    tracing::info!(event = "radiostation.started", "radiostation {name} listens on {listen}");
    let served = serve_until(station, listeners, shutdown).await;
    operator.abort();
    served?;
    tracing::info!(event = "radiostation.stopped", "radiostation {name} stops");
    Ok(())
}

/// Serves peers and pages.
async fn serve_until(
    station: Arc<Station>,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<(), Rejection> {
    let rest = rest::settings_of_station(&station.config.rest);
    let limits = rest::limits(&station.config.rest);
    let directory: Arc<dyn Directory> = Arc::new(Views::new(Arc::clone(&station))?);
    let (stop, stopped) = watch::channel(false);
    let source = host_web::OpsSource::of_directory(&directory, env!("CARGO_PKG_VERSION"));
    let ops = host_web::ops_pages(source);
    let pages = host_web::radiostation_pages(directory, rest);
    let mut servers = JoinSet::new();
    servers.spawn(host_rpc::serve(
        listeners.rpc,
        Arc::clone(&station.session),
        Arc::new(Handler(Arc::clone(&station))),
        host_rpc::ServerLimits::default(),
        stopped.clone(),
    ));
    servers.spawn(host_web::serve(listeners.rest, pages, limits, start::until(stopped.clone())));
    let (log, org) = (&station.config.log, &station.config.org);
    telemetry::ship_lines(log, org, &station.session, &stopped, &mut servers)?;
    servers.spawn(host_web::serve(listeners.ops, ops, limits, start::until(stopped)));
    let mut asking = JoinSet::new();
    let holder: Arc<dyn Holder> = Arc::clone(&station) as _;
    asking.spawn(certificates::follow(Arc::clone(&holder)));
    asking.spawn(renewal::follow(holder));
    asking.spawn(lists_folder::follow(Arc::clone(&station)));
    asking.spawn(live::run(station));

    shutdown.requested().await;
    stop.send_replace(true);
    asking.shutdown().await;
    let drained = async { while servers.join_next().await.is_some() {} };
    // Whoever still waits gets no answer: everything that was promised is on disk.
    tokio::time::timeout(DRAIN, drained).await.ok();
    servers.shutdown().await;
    Ok(())
}
