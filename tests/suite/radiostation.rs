//! RadioStations as real processes: dead, lying, replaced, two at once. Whatever one does, blocks go on, the
//! members and their weights are those of the chain, and what it does is seen.

use crate::homes::{Homes, PEERS, STATION};
use async_trait::async_trait;
use bytes::Bytes;
use host_identity::{Authority, SigningKey, TlsIdentity, keyfile};
use host_rpc::directory::{DirectoryReply, DirectoryRequest, Entry, Listed, SignedEntry};
use host_rpc::{
    HelloReply, HelloRequest, PeerHandler, PeerIdentity, RpcError, ServerLimits, Session, Trust,
};
use host_types::{BlockTime, Code, Decode, Encode, GenesisHash, Hash32, NetworkId, Rejection};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::wallet::now_us;
use tests::{eventually, ports};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(60);
/// The RadioStation of the network, and one of another organisation under a name of its own.
const FIRST: &str = STATION;
const SECOND: &str = "bank-b/finder";

/// Says to each peer what it was told to say, as the RadioStation whose keys it has.
struct Liar {
    lists: Mutex<Vec<(String, Vec<Listed>)>>,
}

#[async_trait]
impl PeerHandler for Liar {
    async fn hello(&self, _: &PeerIdentity, _: HelloRequest) -> Result<HelloReply, RpcError> {
        Ok(HelloReply { build: String::new(), channels: vec![] })
    }

    async fn deliver(
        &self,
        _: &PeerIdentity,
        _: GenesisHash,
        _: Vec<Bytes>,
    ) -> Result<(), RpcError> {
        Err(Rejection::new(Code::ChannelUnknown, "none").into())
    }

    async fn fetch(&self, _: &PeerIdentity, _: GenesisHash, _: Bytes) -> Result<Bytes, RpcError> {
        Err(Rejection::new(Code::ChannelUnknown, "none").into())
    }

    async fn status(&self, from: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError> {
        let request = DirectoryRequest::from_bytes(&request).map_err(|_| RpcError::Busy)?;
        let reply = match request {
            DirectoryRequest::Announce(_) => DirectoryReply::Announced { order: 1 },
            DirectoryRequest::List { .. } => {
                let lists = self.lists.lock().unwrap();
                let own = lists.iter().find(|(name, _)| name == from.name.as_str());
                DirectoryReply::Peers(own.map(|(_, list)| list.clone()).unwrap_or_default())
            }
            DirectoryRequest::Revoked { .. } => DirectoryReply::Revoked(vec![]),
        };
        Ok(Bytes::from(reply.to_bytes()))
    }
}

fn listed(order: u32, entry: SignedEntry) -> Listed {
    Listed { order, is_connected: true, status_since: BlockTime::new(now_us()), entry }
}

/// What a peer would sign, with an address that nobody listens on.
fn trap(homes: &Homes, peer: usize, issued: u64) -> Entry {
    let pki = homes.peer(peer).join("pki");
    Entry {
        certificate: keyfile::load_certificate(&pki.join("sign.crt")).unwrap(),
        rpc_target: "127.0.0.1:9".to_owned(),
        rest_target: String::new(),
        channels: vec![],
        issued: BlockTime::new(issued),
    }
}

/// To peer0 forged entries, to peer1 one of a stranger, to peer2 an old word of peer0, to peer3 nobody.
fn lies(homes: &Homes) -> Vec<(String, Vec<Listed>)> {
    let now = now_us() + 1_000_000;
    let network = homes.network();
    let mine = SigningKey::from_seed([66; 32]);
    let real = |peer: usize| keyfile::load(&homes.peer(peer).join("pki/sign.key")).unwrap();
    let forged = trap(homes, 1, now).sign(network, &mine);
    let elsewhere = NetworkId::new(Hash32::new([9; 32]));
    let foreign_network = trap(homes, 2, now).sign(elsewhere, &real(2));
    let stranger = Authority::new("bank-c", host_identity::Validity::days_from_now(9)).unwrap();
    let name = host_types::NodeName::new("bank-c/peer0").unwrap();
    let (role, validity) =
        (host_identity::Role::Validator, host_identity::Validity::days_from_now(9));
    let certificate = stranger.issue_signing(&name, role, None, &mine.public(), validity).unwrap();
    let foreign =
        Entry { certificate: certificate.der, ..trap(homes, 1, now) }.sign(network, &mine);
    let hour = 3_600 * 1_000_000;
    let old = trap(homes, 0, now - hour).sign(network, &real(0));
    vec![
        (PEERS[0].to_owned(), vec![listed(1, forged), listed(2, foreign_network)]),
        (PEERS[1].to_owned(), vec![listed(1, foreign)]),
        (PEERS[2].to_owned(), vec![listed(1, old)]),
        (PEERS[3].to_owned(), vec![]),
    ]
}

/// A RadioStation with the keys of the real one.
fn lie(homes: &Homes, runtime: &tokio::runtime::Runtime) -> watch::Sender<bool> {
    let pki = homes.home(FIRST).join("pki");
    let der = keyfile::load_certificate(&pki.join("tls.crt")).unwrap();
    let certificate = host_identity::Certificate::parse(&der).unwrap();
    let key = keyfile::load_pkcs8(&pki.join("tls.key"), None).unwrap();
    let trust = Trust::new(homes.network(), &homes.organisations(), homes.roots());
    let session = Session::new(Arc::new(trust), TlsIdentity { certificate, key }).unwrap();
    let handler = Arc::new(Liar { lists: Mutex::new(lies(homes)) });
    let (stop, stopped) = watch::channel(false);
    let address = format!("127.0.0.1:{}", homes.station_port());
    let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
    runtime.spawn(host_rpc::serve(listener, session, handler, ServerLimits::default(), stopped));
    stop
}

/// Members, weights and who may lead, as a peer has them; what is of the moment is left out.
fn constitution(homes: &Homes, peer: u16) -> serde_json::Value {
    let state = homes.channel(peer).unwrap();
    let all = state["validators"].as_array().unwrap().iter();
    let fixed = all.map(|one| serde_json::json!([one["name"], one["weight"]]));
    serde_json::json!([fixed.collect::<Vec<_>>(), state["quorum"], state["genesis"]])
}

#[test]
fn dead_lying_and_replaced_radiostations_change_nothing_and_are_seen() {
    let mut homes = Homes::make();
    let finder = ports::single();
    homes.add_radiostation(SECOND, finder);
    let targets = format!("127.0.0.1:{}\", \"{SECOND}@127.0.0.1:{finder}", homes.station_port());
    homes.listen_to(&targets);
    homes.start(FIRST);
    homes.start(SECOND);
    PEERS.iter().for_each(|name| homes.start(name));
    homes.is_whole(&[0, 1, 2, 3]);
    homes.activate_token();
    let before: Vec<_> = (0..4).map(|peer| constitution(&homes, peer)).collect();
    for station in [FIRST, SECOND] {
        assert_eq!(directory(&homes, station).unwrap().len(), 4, "{station}");
    }

    // One dead: the other one serves a peer that starts. Both dead: the list on its disk.
    homes.kill(FIRST);
    homes.pays();
    homes.kill(PEERS[3]);
    homes.start(PEERS[3]);
    homes.is_whole(&[0, 3]);
    homes.kill(SECOND);
    homes.kill(PEERS[3]);
    homes.start(PEERS[3]);
    homes.is_whole(&[0, 3]);
    homes.pays();
    let answers = |name: &str| format!("loopchain_radiostation_answers{{radiostation=\"{name}\"");
    for name in [FIRST, SECOND] {
        eventually(WITHIN, "peer0 says that it is silent", || {
            (homes.metric(0, &answers(name)) == Some(0)).then_some(())
        });
    }

    // A liar with the keys of the first: each peer hears something else.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stop = lie(&homes, &runtime);
    let refused = |reason: &str| {
        let of = "loopchain_radiostation_entries_refused_total";
        let address = homes.station_port();
        format!(
            "{of}{{radiostation=\"{FIRST}\",address=\"127.0.0.1:{address}\",reason=\"{reason}\"}}"
        )
    };
    for (peer, reason) in [(0, "forged"), (1, "foreign"), (2, "stale")] {
        eventually(WITHIN, reason, || {
            homes.metric(peer, &refused(reason)).filter(|count| *count > 0)
        });
        assert!(homes.log(PEERS[usize::from(peer)]).contains("radiostation.lies"), "{reason}");
    }
    let unlisted = "loopchain_radiostation_unlisted_peers{radiostation=\"bank-a/radiostation\"";
    for peer in 0..4 {
        eventually(WITHIN, "whom it does not list is seen", || {
            homes.metric(peer, unlisted).filter(|count| *count >= 2)
        });
        assert!(homes.log(PEERS[usize::from(peer)]).contains("radiostation.hides"));
    }
    homes.pays();
    homes.kill(PEERS[2]);
    homes.start(PEERS[2]);
    homes.is_whole(&[0, 1, 2, 3]);
    homes.pays();
    let after: Vec<_> = (0..4).map(|peer| constitution(&homes, peer)).collect();
    assert_eq!(before, after);
    stop.send_replace(true);
    drop(runtime);

    // Another one, of another organisation and key, takes the place.
    homes.start(SECOND);
    eventually(WITHIN, "all are listed there again", || {
        let all = directory(&homes, SECOND)?;
        (all.len() == 4 && all.iter().all(|one| one["state"] == "connected")).then_some(())
    });
    an_evicted_peer_votes_and_comes_back(&homes);
}

/// Whom a RadioStation lists; none while it does not answer.
fn directory(homes: &Homes, station: &str) -> Option<Vec<serde_json::Value>> {
    let said = homes.cli(&["radiostation", "peers", "--home", &homes.home_text(station), "--json"]);
    (said.code == 0).then(|| said.json()["peers"].as_array().unwrap().clone())
}

fn an_evicted_peer_votes_and_comes_back(homes: &Homes) {
    let home = homes.home_text(SECOND);
    let call = |word: &str| {
        homes.cli_json(&["radiostation", word, PEERS[3], "--home", &home])["changed"] == true
    };
    assert!(call("evict") && !call("evict"));
    let names = || -> BTreeSet<String> {
        let all = directory(homes, SECOND).unwrap().into_iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(), PEERS[..3].iter().map(|name| (*name).to_owned()).collect());
    eventually(WITHIN, "it is told why", || {
        homes.log(PEERS[3]).lines().any(|line| line.contains("LC4107")).then_some(())
    });
    eventually(WITHIN, "the evicted one votes as before", || {
        homes.pays();
        homes.signers().contains(&PEERS[3].to_owned()).then_some(())
    });
    assert!(call("invite"));
    eventually(WITHIN, "it is listed again", || names().contains(PEERS[3]).then_some(()));
}

/// T23: on the chain, then at every session and in the directory, and for ever.
#[test]
fn what_a_channel_has_taken_back_is_out_within_seconds_and_after_restarts() {
    let mut homes = Homes::make();
    homes.start(FIRST);
    PEERS.iter().for_each(|name| homes.start(name));
    homes.is_whole(&[0, 1, 2, 3]);
    homes.activate_token();
    eventually(WITHIN, "all four are listed", || {
        (directory(&homes, FIRST)?.len() == 4).then_some(())
    });
    for who in ["registrar/peer3", "registrar/operator"] {
        homes.ok(&format!("ca revoke {who} --dir net/registrar/ca"));
    }
    let at = format!("-c a --endpoint {}", homes.url(0));
    let folder = homes.folder().to_owned();
    let key = |peer: usize| {
        format!(
            "--identity {}",
            folder.join("net").join(PEERS[peer]).join("pki/sign.key").display()
        )
    };
    let proposed =
        homes.ok(&format!("cert revoke net/registrar/ca/crl.pem --propose --json {at} {}", key(0)));
    crate::keys::hold("cert revoke", &proposed.json());
    let id = proposed.json()["change"].as_str().unwrap().to_owned();
    for peer in [1, 2] {
        homes.ok(&format!("channel vote {id} --approve {at} {}", key(peer)));
    }
    let in_force = std::time::Instant::now();
    let is_out = |homes: &Homes| {
        let all = directory(homes, FIRST)?;
        let is_listed = all.iter().any(|one| one["name"] == PEERS[3]);
        // The page tells of the others: a peer that starts after the revocation does not even know this one.
        homes.metric(0, &format!("loopchain_peer_connected{{peer=\"{}\"}}", PEERS[1]))?;
        let connected = homes.metric(0, "loopchain_peer_connected{peer=\"registrar/peer3\"}");
        (!is_listed && connected.unwrap_or(0) == 0).then_some(())
    };
    eventually(Duration::from_secs(5), "the revoked peer is out", || is_out(&homes));
    assert!(in_force.elapsed() <= Duration::from_secs(5));
    let paid = |homes: &Homes| {
        let line = format!(
            "tx send token transfer to=hx{} amount=0 {at} --identity net/registrar/operator/sign.key",
            "11".repeat(20)
        );
        homes.cli(&line.split_whitespace().collect::<Vec<_>>())
    };
    assert_eq!((paid(&homes).code, paid(&homes).error().as_str()), (4, "LC4105"));

    // Its number is on disk everywhere: the next processes know it before they hear anybody.
    for name in [FIRST, PEERS[0]] {
        homes.kill(name);
        homes.start(name);
    }
    homes.is_whole(&[0, 1, 2]);
    eventually(WITHIN, "the others are listed again", || {
        (directory(&homes, FIRST)?.iter().filter(|one| one["state"] == "connected").count() == 3)
            .then_some(())
    });
    assert!(is_out(&homes).is_some());
    assert_eq!((paid(&homes).code, paid(&homes).error().as_str()), (4, "LC4105"));
    homes.pays();
    let again = format!("cert revoke net/registrar/ca/crl.pem --propose {at} {}", key(0));
    let again = homes.cli(&again.split_whitespace().collect::<Vec<_>>());
    assert!(again.code == 4 && again.stderr.contains("does not follow"), "{again:?}");
}
