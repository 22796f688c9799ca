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
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use host_identity::Certificate;
use host_rpc::Trust;
use host_rpc::directory::{Entry, LISTED_MAX, Listed, SignedEntry};
use host_types::{BlockTime, Decode, NodeName};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::HOST;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
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
    let all = body["peers"].as_array().ok_or_else(|| io::Error::other("it is no RadioStation"))?;
    Ok(all.iter().take(LISTED_MAX).filter_map(listed).collect())
}

fn listed(one: &Value) -> Option<Listed> {
    let entry = STANDARD.decode(one["entry"].as_str()?).ok()?;
    Some(Listed {
        order: u32::try_from(one["order"].as_u64()?).ok()?,
        is_connected: one["connected"].as_bool()?,
        status_since: BlockTime::new(one["since_us"].as_u64()?),
        entry: SignedEntry::from_bytes(&entry).ok()?,
    })
}

/// Where clients reach a node; none when it serves none, or is no peer.
fn rest_of(entry: &Entry) -> Option<String> {
    if !Certificate::parse(&entry.certificate).ok()?.role.is_node() {
        return None;
    }
    let rest = &entry.rest_target;
    let (host, port) = rest.rsplit_once(':')?;
    let is_anywhere = rest.parse::<SocketAddr>().is_ok_and(|at| match at.ip() {
        IpAddr::V4(ip) => ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    });
    // It listens everywhere: then also where other peers dial it.
    let host = if is_anywhere { entry.rpc_target.rsplit_once(':')?.0 } else { host };
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    (is_host(host) && is_port).then(|| format!("{host}:{port}"))
}

/// Whether it is a name or an address: a peer may have signed anything, and this text stands in requests, logs
/// and metrics.
fn is_host(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
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

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, Role, SigningKey, Validity};

    fn entry(role: Role, rpc: &str, rest: &str) -> Entry {
        let authority = Authority::new("bank-a", Validity::days_from_now(9)).unwrap();
        let (name, key) = (NodeName::new("bank-a/one").unwrap(), SigningKey::from_seed([1; 32]));
        let days = Validity::days_from_now(9);
        let signed = authority.issue_signing(&name, role, None, &key.public(), days).unwrap();
        Entry {
            certificate: signed.der,
            rpc_target: rpc.to_owned(),
            rest_target: rest.to_owned(),
            channels: vec![],
            issued: BlockTime::new(1),
        }
    }

    #[test]
    fn clients_are_served_where_the_peer_says_and_by_nodes_only() {
        let at = |role, rpc, rest| rest_of(&entry(role, rpc, rest));
        let table = [
            ("10.0.0.1:7100", "10.0.0.1:9000", Some("10.0.0.1:9000")),
            ("a.example:7100", "0.0.0.0:9000", Some("a.example:9000")),
            ("[fd00::1]:7100", "[::]:9000", Some("[fd00::1]:9000")),
            ("10.0.0.1:7100", "", None),
            ("10.0.0.1:7100", "10.0.0.2", None),
            ("10.0.0.1:7100", "10.0.0.2:0", None),
            ("10.0.0.1:7100", "10.0.0.2:99999", None),
            ("10.0.0.1:7100", "a\"} 1\nloopchain_up{b=\"c:9000", None),
            ("10.0.0.1:7100", "a/../b:9000", None),
            ("a b:7100", "0.0.0.0:9000", None),
        ];
        for (rpc, rest, expected) in table {
            assert_eq!(at(Role::Peer, rpc, rest).as_deref(), expected, "{rest}");
        }
        assert_eq!(at(Role::Auditor, "a:1", "a:2").as_deref(), Some("a:2"));
        assert_eq!(at(Role::Client, "a:1", "a:2"), None);
    }
}
