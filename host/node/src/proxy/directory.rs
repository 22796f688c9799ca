//! Peers that a proxy learns from RadioStations.
//!
//! In: `GET /api/v2/peers` of each RadioStation of `proxy.toml`, every 3 s. Out: peers to ask beside those of the
//! file. Each entry is signed by its own peer for this network, and its certificate by the root of its
//! organisation: the proxy holds roots, which are public, and no key. A peer goes only when it does not
//! answer and no RadioStation says that it is connected: one that lies takes nobody away who answers.
//! Deliberately not here: what a peer has (`health`), which peer is asked (`relay`).

use super::health;
use super::limits::{CHECK_WITHIN, LEARNED_MAX, LIST_BYTES_MAX, LIST_EVERY};
use super::relay::Proxy;
use super::upstream::Upstream;
use crate::channel::intake::wall_clock;
use crate::peer::known_peers::{Faults, KnownPeers, Learned};
use crate::station_page::{listed, rest_of};
use bytes::Bytes;
use host_rpc::Trust;
use host_rpc::directory::{Listed, SignedEntry};
use host_types::NodeName;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::HOST;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Follows the RadioStations until the proxy stops.
pub(super) async fn follow(proxy: Arc<Proxy>, trust: Trust, stations: Vec<String>) {
    let known = KnownPeers::in_memory();
    let stations: Vec<_> = stations.into_iter().map(Upstream::new).collect();
    let mut told: BTreeMap<String, bool> = BTreeMap::new();
    let (mut checks, mut running) = (JoinSet::new(), BTreeMap::new());
    loop {
        let mut connected: BTreeSet<NodeName> = BTreeSet::new();
        for station in &stations {
            let asked = timeout(CHECK_WITHIN, ask(station)).await;
            let listed = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let is_there = match listed {
                Ok(listed) => {
                    connected.extend(take(&known, &trust, station, listed));
                    Ok(())
                }
                Err(error) => Err(error),
            };
            tell(&mut told, station, is_there);
        }
        let all = known.all().into_iter();
        let learned: Vec<_> =
            all.filter_map(|one| rest_of(&one.entry).map(|at| (one.name, at))).collect();
        settle(&proxy, &learned, &connected, (&mut checks, &mut running));
        while checks.try_join_next().is_some() {}
        tokio::time::sleep(LIST_EVERY).await;
    }
}

fn tell(told: &mut BTreeMap<String, bool>, station: &Upstream, is_there: io::Result<()>) {
    let before = told.insert(station.authority.clone(), is_there.is_ok());
    let at = &station.authority;
    match is_there {
        Ok(()) if before != Some(true) => {
            tracing::info!(event = "radiostation.answers", "RadioStation {at} answers");
        }
        Err(why) if before != Some(false) => {
            tracing::warn!(event = "radiostation.silent", "RadioStation {at} tells nothing: {why}");
        }
        _ => {}
    }
}

/// What is believed of a list: who is said to be connected there.
fn take(
    known: &KnownPeers,
    trust: &Trust,
    station: &Upstream,
    listed: Vec<Listed>,
) -> BTreeSet<NodeName> {
    let live: Vec<SignedEntry> =
        listed.iter().filter(|one| one.is_connected).map(|one| one.entry.clone()).collect();
    let Learned { faults: Faults { first, .. }, .. } = known.learn(trust, wall_clock(), listed);
    if let Some((code, first)) = first {
        tracing::warn!(event = "radiostation.lies", %code, "RadioStation {} lists what its peers do not say, and that counts for nothing: {first}", station.authority);
    }
    let names = live.iter().filter_map(|entry| entry.verify(trust, wall_clock()).ok());
    names.map(|verified| verified.name).collect()
}

async fn ask(station: &Upstream) -> io::Result<Vec<Listed>> {
    let mut connection = station.connect().await?;
    let request = Request::get("/api/v2/peers")
        .header(HOST, &station.authority)
        .body(Full::new(Bytes::new()))
        .map_err(io::Error::other)?;
    let answer = connection.send_request(request).await.map_err(io::Error::other)?;
    if !answer.status().is_success() {
        return Err(io::Error::other(format!("it answered {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), LIST_BYTES_MAX).collect().await;
    let body: Value = serde_json::from_slice(&body.map_err(io::Error::other)?.to_bytes())?;
    listed(&body).ok_or_else(|| io::Error::other("it is no RadioStation"))
}

type Checks<'a> = (&'a mut JoinSet<()>, &'a mut BTreeMap<String, AbortHandle>);

/// Brings the peers of the proxy in line with what is known.
fn settle(
    proxy: &Proxy,
    learned: &[(NodeName, String)],
    connected: &BTreeSet<NodeName>,
    (checks, running): Checks<'_>,
) {
    for (name, authority) in learned.iter().filter(|(name, _)| connected.contains(name)) {
        if running.len() >= LEARNED_MAX || proxy.has(authority) {
            continue;
        }
        let peer = Arc::new(Upstream::new(authority.clone()));
        proxy.add(Arc::clone(&peer));
        running.insert(authority.clone(), checks.spawn(health::follow(peer)));
        tracing::info!(event = "proxy.peer_learned", peer = %name, "{name} serves clients at {authority}");
    }
    let wanted: BTreeSet<&String> = learned
        .iter()
        .filter(|(name, _)| connected.contains(name))
        .map(|(_, authority)| authority)
        .collect();
    running.retain(|authority, check| {
        if wanted.contains(authority) || proxy.is_up(authority) {
            return true;
        }
        check.abort();
        proxy.remove(authority);
        tracing::info!(
            event = "proxy.peer_left",
            "{authority} left: it does not answer, and no RadioStation says that it is there"
        );
        false
    });
}
