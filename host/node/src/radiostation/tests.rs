//! A radiostation on real sockets: peers of a dev network announce themselves, a page is read, and
//! those who may not announce are told so.

use super::admin::StationAdmin;
use super::live::{self, tests::status};
use super::station::Station;
use super::{Listeners, serve_until};
use crate::admin::Admin;
use crate::channel::intake::wall_clock;
use crate::config::{ChannelsConfig, RadioStationConfig};
use crate::peer::status_wire;
use crate::shutdown::{Shutdown, Trigger};
use async_trait::async_trait;
use bytes::Bytes;
use host_identity::{
    Authority, Certificate, Revoked, Role, Root, Serial, SigningKey, Validity, bundle,
};
use host_rpc::directory::{
    DirectoryReply, DirectoryRequest, Entry, Listed, SignedEntry, channel_tag,
};
use host_rpc::{
    CallError, HelloReply, HelloRequest, PeerClient, PeerHandler, PeerIdentity, RpcError,
    ServerLimits, Session, Target, Trust,
};
use host_types::genesis::ChannelGenesis;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    CertificateId, ChannelName, Code, Decode, Encode, GenesisHash, Hash32, NetworkId, NodeName,
    Weight,
};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const NETWORK: NetworkId = NetworkId::new(Hash32::new([1; 32]));
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn demo() -> ChannelName {
    ChannelName::new("demo").unwrap()
}

fn genesis() -> ChannelGenesis {
    let validator = Validator {
        name: name("bank-a/peer0"),
        public_key: [1; 32],
        weight: Weight::new(1).unwrap(),
        group: "all".into(),
    };
    ChannelGenesis {
        network: NETWORK,
        channel: demo(),
        created: wall_clock(),
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        ..host_client::fixture::genesis()
    }
}

/// A peer that knows one thing: how its channel is.
struct OnePeer(GenesisHash);

#[async_trait]
impl PeerHandler for OnePeer {
    async fn hello(&self, _: &PeerIdentity, request: HelloRequest) -> Result<HelloReply, RpcError> {
        Ok(request)
    }

    async fn deliver(
        &self,
        _: &PeerIdentity,
        _: GenesisHash,
        _: Vec<Bytes>,
    ) -> Result<(), RpcError> {
        Err(RpcError::Busy)
    }

    async fn fetch(&self, _: &PeerIdentity, _: GenesisHash, _: Bytes) -> Result<Bytes, RpcError> {
        Err(RpcError::Busy)
    }

    async fn status(&self, _: &PeerIdentity, request: Bytes) -> Result<Bytes, RpcError> {
        assert_eq!(status_wire::decode_request(&request).unwrap(), demo());
        Ok(status_wire::encode(&status("demo", self.0, Some("bank-a/peer0"), 7)).into())
    }
}

/// A dev network and its radiostation, which runs.
struct World {
    authority: Authority,
    folder: tempfile::TempDir,
    genesis: GenesisHash,
    station: Arc<Station>,
    rpc: SocketAddr,
    rest: SocketAddr,
    ops: SocketAddr,
    trigger: Trigger,
    task: JoinHandle<()>,
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn session(authority: &Authority, who: &str, role: Role) -> Arc<Session> {
    let root = authority.root().clone();
    let organisations =
        ["bank-a", "bank-b"].map(|organisation| (organisation.to_owned(), root.fingerprint()));
    let trust = Arc::new(Trust::new(NETWORK, &organisations, vec![root]));
    let tls = authority.issue_tls(&name(who), role, &[], Validity::default()).unwrap();
    Session::new(trust, tls).unwrap()
}

fn open(authority: &Authority, folder: &tempfile::TempDir) -> Station {
    let config = RadioStationConfig {
        org: "bank-a".into(),
        data_dir: folder.path().join("data"),
        home: folder.path().to_owned(),
        channels: ChannelsConfig { dir: folder.path().join("channels"), join: vec!["*".into()] },
        ..RadioStationConfig::default()
    };
    let session = session(authority, "bank-a/radiostation", Role::RadioStation);
    Station::open(config, session, vec![authority.root().clone()]).unwrap()
}

impl World {
    async fn start() -> Self {
        let authority = Authority::new_dev("test").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis();
        std::fs::create_dir(folder.path().join("channels")).unwrap();
        std::fs::write(folder.path().join("channels/demo.genesis"), genesis.to_bytes()).unwrap();
        let station = Arc::new(open(&authority, &folder));
        let (rpc_listener, rpc) = listener().await;
        let (rest_listener, rest) = listener().await;
        let (ops_listener, ops) = listener().await;
        let listeners = Listeners { rpc: rpc_listener, rest: rest_listener, ops: ops_listener };
        let (trigger, shutdown) = Shutdown::new();
        let running = serve_until(Arc::clone(&station), listeners, shutdown);
        let task = tokio::spawn(async move { running.await.unwrap() });
        let genesis = genesis.hash();
        Self { authority, folder, genesis, station, rpc, rest, ops, trigger, task }
    }

    fn client(&self, who: &str, role: Role) -> PeerClient {
        let session = session(&self.authority, who, role);
        let target = Target { name: name("bank-a/radiostation"), address: self.rpc.to_string() };
        PeerClient::start(session, target)
    }

    fn entry(&self, who: &str, target: &str) -> SignedEntry {
        let key = SigningKey::from_seed([3; 32]);
        let certificate = self
            .authority
            .issue_signing(&name(who), Role::Validator, None, &key.public(), Validity::default())
            .unwrap();
        let entry = Entry {
            certificate: certificate.der,
            rpc_target: target.to_owned(),
            rest_target: String::new(),
            channels: vec![channel_tag(self.genesis, &name(who))],
            issued: wall_clock(),
        };
        entry.sign(NETWORK, &key)
    }

    async fn stop(self) -> (Authority, tempfile::TempDir) {
        self.trigger.fire();
        self.task.await.unwrap();
        (self.authority, self.folder)
    }
}

async fn answer(client: &PeerClient, request: Vec<u8>) -> Result<Vec<u8>, CallError> {
    let request = Bytes::from(request);
    let asking = async {
        loop {
            match client.status(request.clone()).await {
                // The connection is still being made.
                Err(CallError::NotConnected { .. }) => {}
                other => return other.map(|bytes| bytes.to_vec()),
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap()
}

async fn announce(client: &PeerClient, entry: SignedEntry) -> Result<u32, Code> {
    let request = DirectoryRequest::Announce(entry).to_bytes();
    let reply = answer(client, request).await.map_err(|error| error.code())?;
    match DirectoryReply::from_bytes(&reply).unwrap() {
        DirectoryReply::Announced { order } => Ok(order),
        other => panic!("{other:?} instead of a number"),
    }
}

async fn list(client: &PeerClient, channel: Option<ChannelName>) -> Vec<Listed> {
    let reply = answer(client, DirectoryRequest::List { channel }.to_bytes()).await.unwrap();
    match DirectoryReply::from_bytes(&reply).unwrap() {
        DirectoryReply::Peers(listed) => listed,
        other => panic!("{other:?} instead of a list"),
    }
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

async fn page(address: SocketAddr, path: &str) -> serde_json::Value {
    serde_json::from_str(&get(address, path).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_find_each_other_and_pages_name_the_leader() {
    let world = World::start().await;
    let (peer_listener, peer_address) = listener().await;
    let peer = session(&world.authority, "bank-a/peer0", Role::Validator);
    let (_stop, stopped) = watch::channel(false);
    let handler = Arc::new(OnePeer(world.genesis));
    tokio::spawn(host_rpc::serve(peer_listener, peer, handler, ServerLimits::default(), stopped));

    let first = world.client("bank-a/peer0", Role::Validator);
    let second = world.client("bank-b/peer0", Role::Peer);
    let at_first = world.entry("bank-a/peer0", &peer_address.to_string());
    assert_eq!(announce(&first, at_first.clone()).await, Ok(1));
    // Nobody listens there.
    assert_eq!(announce(&second, world.entry("bank-b/peer0", "127.0.0.1:9")).await, Ok(2));
    assert_eq!(announce(&first, at_first.clone()).await, Ok(1));
    let listed = list(&second, Some(demo())).await;
    assert_eq!(listed.iter().map(|one| one.order).collect::<Vec<_>>(), [1, 2]);
    assert!(listed.iter().all(|one| one.is_connected));
    assert_eq!(listed[0].entry, at_first);
    assert_eq!(list(&second, ChannelName::new("other")).await, []);

    let known = async {
        while world.station.live.leader(&demo()).is_none() {
            live::round(&world.station).await;
        }
    };
    timeout(PATIENCE, known).await.unwrap();
    let peers = page(world.rest, "/api/v1/peer/list?channel=demo").await;
    assert_eq!(peers["data"]["connected_peer_count"], 2);
    assert_eq!(peers["data"]["registered_peer_list"][0]["peer_type"], 1);
    assert_eq!(peers["data"]["registered_peer_list"][1]["peer_type"], 0);
    let leader = page(world.rest, "/api/v1/peer/leader?channel=demo").await;
    assert_eq!(leader["data"]["target"], peer_address.to_string());
    let id = leader["data"]["peer_id"].as_str().unwrap().to_owned();
    let status = format!("/api/v1/peer/status?channel=demo&peer_id={id}&group_id={id}");
    assert_eq!(page(world.rest, &status).await["block_height"], 7);
    let statuses = page(world.rest, "/api/v1/peer/status-list?channel=demo").await;
    assert_eq!(statuses["data"]["registered_peer_count"], 2);
    assert_eq!(statuses["data"]["peer_status_list"].as_array().unwrap().len(), 1);
    let certificates = page(world.rest, "/api/v1/cert/list/peer").await;
    assert_eq!(certificates["data"].as_array().unwrap().len(), 2);
    assert_eq!(page(world.rest, "/api/v1/cert/list/ca").await["data"]["cert_type"], 0);
    let metrics = get(world.ops, "/metrics").await;
    assert!(metrics.contains("loopchain_peers_connected 2"), "{metrics}");
    assert!(metrics.contains("loopchain_build_info{"), "{metrics}");

    let (authority, folder) = world.stop().await;
    let again = open(&authority, &folder);
    let listed = again.list(&name("bank-a/peer0"), None);
    assert_eq!(listed.iter().map(|one| one.order).collect::<Vec<_>>(), [1, 2]);
    assert!(listed.iter().all(|one| !one.is_connected));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_evicted_stays_away_until_invited_also_over_a_restart() {
    let world = World::start().await;
    let peer = world.client("bank-b/peer0", Role::Peer);
    let entry = || world.entry("bank-b/peer0", "127.0.0.1:9");
    assert_eq!(announce(&peer, entry()).await, Ok(1));
    let operator = StationAdmin(Arc::clone(&world.station));
    let call = |word: &str| operator.call(json!({"call": word, "peer": "bank-b/peer0"}));
    assert_eq!(call("evict").await.unwrap()["changed"], true);
    assert_eq!(call("evict").await.unwrap()["changed"], false);
    assert_eq!(announce(&peer, entry()).await, Err(Code::JoinRefused));
    assert_eq!(list(&peer, None).await, []);
    let told = operator.call(json!({"call": "peers"})).await.unwrap();
    assert_eq!(told, json!({"peers": [], "evicted": ["bank-b/peer0"]}));
    assert!(open(&world.authority, &world.folder).evicted.contains(&name("bank-b/peer0")));
    assert_eq!(call("invite").await.unwrap()["changed"], true);
    assert_eq!(announce(&peer, entry()).await, Ok(2), "its number is not given again");
    let told = operator.call(json!({"call": "peers"})).await.unwrap();
    let first = &told["peers"][0];
    assert_eq!((&first["state"], &first["channels"]), (&"connected".into(), &json!(["demo"])));
    let wrong = operator.call(json!({"call": "evict", "peer": "nobody"})).await;
    assert_eq!(wrong.unwrap_err().code, Code::ParameterWrong);
    world.stop().await;
}

async fn revoke(client: &PeerClient, list: Option<Vec<u8>>) -> Result<Vec<(Hash32, u64)>, Code> {
    let request = DirectoryRequest::Revoked { list }.to_bytes();
    let reply = answer(client, request).await.map_err(|error| error.code())?;
    match DirectoryReply::from_bytes(&reply).unwrap() {
        DirectoryReply::Revoked(numbers) => Ok(numbers),
        other => panic!("{other:?} instead of numbers"),
    }
}

/// T23 at the directory: session, entry and the way back are gone, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_taken_back_is_out_at_once_and_no_older_list_brings_it_back() {
    let world = World::start().await;
    let good = world.client("bank-a/peer0", Role::Validator);
    assert_eq!(announce(&good, world.entry("bank-a/peer0", "127.0.0.1:9")).await, Ok(1));
    let tls = |who: &str| {
        let validity = Validity::default();
        world.authority.issue_tls(&name(who), Role::Peer, &[], validity).unwrap()
    };
    let identity = tls("bank-b/peer0");
    let serial = identity.certificate.serial.clone();
    let root = world.authority.root().clone();
    let organisations = ["bank-a", "bank-b"].map(|name| (name.to_owned(), root.fingerprint()));
    let trust = Arc::new(Trust::new(NETWORK, &organisations, vec![root.clone()]));
    let target = Target { name: name("bank-a/radiostation"), address: world.rpc.to_string() };
    let bad = PeerClient::start(Session::new(trust, identity).unwrap(), target);
    let entry = world.entry("bank-b/peer0", "127.0.0.1:9");
    let signing = Certificate::parse(&entry.entry().certificate).unwrap().serial;
    assert_eq!(announce(&bad, entry.clone()).await, Ok(2));
    assert_eq!(revoke(&good, None).await, Ok(vec![]));

    let at = wall_clock();
    let list = |number, serials: &[Serial]| {
        let revoked: Vec<_> =
            serials.iter().map(|serial| Revoked { serial: serial.clone(), at }).collect();
        world.authority.issue_crl(number, at, &revoked).unwrap()
    };
    let mut closed = bad.connection();
    // The connection for consensus messages may be slower than the one that announced.
    timeout(PATIENCE, closed.wait_for(|open| *open)).await.unwrap().unwrap();
    let newest = list(2, &[serial.clone(), signing]);
    let known = vec![(root.fingerprint(), 2)];
    assert_eq!(revoke(&good, Some(newest.clone())).await, Ok(known.clone()));
    timeout(Duration::from_secs(5), closed.wait_for(|open| !*open)).await.unwrap().unwrap();
    let listed = list_names(&good).await;
    assert_eq!(listed, ["bank-a/peer0"]);
    assert!(matches!(bad.status(Bytes::new()).await, Err(CallError::NotConnected { .. })));
    // The good one says it for the other: the entry itself is refused.
    let again = world.station.announce(&identity_of("bank-b/peer0", &root), entry).await;
    assert_eq!(again.unwrap_err().code, Code::JoinRefused);

    assert_eq!(revoke(&good, Some(newest)).await, Ok(known.clone()), "every peer brings it");
    assert_eq!(revoke(&good, Some(list(1, &[]))).await, Err(Code::CrlRefused));
    assert_eq!(revoke(&good, Some(b"no list".to_vec())).await, Err(Code::CrlRefused));
    assert_eq!(revoke(&good, None).await, Ok(known));
    let metrics = get(world.ops, "/metrics").await;
    assert!(metrics.contains("loopchain_certificates_revoked 2"), "{metrics}");

    let (authority, folder) = world.stop().await;
    let again = open(&authority, &folder);
    let names: Vec<_> = again.list(&name("bank-a/peer0"), None);
    assert_eq!(names.len(), 1);
    assert_eq!(again.revoked.numbers(), [(root.fingerprint(), 2)]);
    assert!(again.session.trust().is_revoked(&root.fingerprint(), &serial));
}

fn identity_of(who: &str, root: &Root) -> PeerIdentity {
    PeerIdentity {
        root: root.fingerprint(),
        name: name(who),
        role: Role::Peer,
        certificate: CertificateId::new(Hash32::new([1; 32])),
        serial: Serial::new(&[1]).unwrap(),
    }
}

async fn list_names(client: &PeerClient) -> Vec<String> {
    let (mut names, trust_free) = (Vec::new(), list(client, None).await);
    for one in trust_free {
        let certificate = Certificate::parse(&one.entry.entry().certificate).unwrap();
        names.push(certificate.name.as_str().to_owned());
    }
    names
}

/// What an operator puts into `pki/crl` counts as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_the_folder_of_the_operator_is_taken() {
    let world = World::start().await;
    let folder = world.station.config.home.join("pki/crl");
    std::fs::create_dir_all(&folder).unwrap();
    let revoked = [Revoked { serial: Serial::new(&[7]).unwrap(), at: wall_clock() }];
    let crl = world.authority.issue_crl(1, wall_clock(), &revoked).unwrap();
    let text = bundle::write(&[bundle::Block::new(bundle::CRL, crl)]).unwrap();
    std::fs::write(folder.join("bank-a.pem"), text).unwrap();
    let taken = async {
        while world.station.revoked.all().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, taken).await.unwrap();
    world.stop().await;
}

/// T26: who is not in a channel is told what is told of one that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_outside_of_a_channel_learns_nothing_of_it() {
    let world = World::start().await;
    let inside = world.client("bank-a/peer0", Role::Validator);
    assert_eq!(announce(&inside, world.entry("bank-a/peer0", "127.0.0.1:9")).await, Ok(1));
    let outside = world.client("bank-b/peer0", Role::Peer);
    let entry = world.entry("bank-b/peer0", "127.0.0.1:9").entry().clone();
    let key = SigningKey::from_seed([3; 32]);
    let nowhere = Entry { channels: vec![], ..entry }.sign(NETWORK, &key);
    assert_eq!(announce(&outside, nowhere).await, Ok(2));

    let ask = |channel| list(&outside, ChannelName::new(channel));
    assert_eq!((ask("demo").await, ask("never-made").await), (vec![], vec![]));
    let hello = HelloRequest { build: String::new(), channels: vec![] };
    assert_eq!(outside.hello(hello.clone()).await.unwrap().channels, []);
    assert_eq!(inside.hello(hello).await.unwrap().channels, [world.genesis]);
    let about = |hash| outside.fetch(hash, Bytes::new());
    let unknown = GenesisHash::new(Hash32::new([9; 32]));
    let texts =
        [about(world.genesis).await, about(unknown).await].map(|r| r.unwrap_err().to_string());
    assert_eq!(texts[0], texts[1]);

    // The list of everybody, as it lies on the disk of who asked.
    let all = answer(&outside, DirectoryRequest::List { channel: None }.to_bytes()).await.unwrap();
    let holds = |part: &[u8]| all.windows(part.len()).any(|window| window == part);
    assert!(holds(b"127.0.0.1:9"));
    assert!(!holds(b"demo") && !holds(world.genesis.as_bytes()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_announces_another_and_only_peers_announce() {
    let world = World::start().await;
    let target = "127.0.0.1:7100";
    let peer = world.client("bank-b/peer0", Role::Peer);
    let stolen = world.entry("bank-a/peer0", target);
    assert_eq!(announce(&peer, stolen).await, Err(Code::JoinRefused));
    let nowhere = world.entry("bank-b/peer0", "somewhere");
    assert_eq!(announce(&peer, nowhere).await, Err(Code::JoinRefused));
    let foreign = Authority::new_dev("test").unwrap();
    let key = SigningKey::from_seed([3; 32]);
    let certificate = foreign
        .issue_signing(&name("bank-b/peer0"), Role::Peer, None, &key.public(), Validity::default())
        .unwrap();
    let entry = world.entry("bank-b/peer0", target).entry().clone();
    let untrusted = Entry { certificate: certificate.der, ..entry }.sign(NETWORK, &key);
    assert_eq!(announce(&peer, untrusted).await, Err(Code::JoinRefused));
    let client = world.client("bank-a/alice", Role::Client);
    let entry = world.entry("bank-a/alice", target);
    assert_eq!(announce(&client, entry).await, Err(Code::RoleRefused));
    assert_eq!(list(&client, None).await, []);
    let about_blocks = peer.fetch(world.genesis, Bytes::new()).await;
    assert_eq!(about_blocks.unwrap_err().code(), Code::ChannelUnknown);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_cannot_be_kept_is_not_told_and_settings_hide_the_key() {
    let world = World::start().await;
    let peer = world.client("bank-b/peer0", Role::Peer);
    let entry = world.entry("bank-b/peer0", "127.0.0.1:7100");
    let obstacle = world.folder.path().join("data/registry.part");
    std::fs::create_dir(&obstacle).unwrap();
    assert_eq!(announce(&peer, entry.clone()).await, Err(Code::StoreFailed));
    // It can be found nevertheless, and its next sign of life is kept.
    assert_eq!(list(&peer, None).await.len(), 1);
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(announce(&peer, entry).await, Ok(1));
    let settings = get(world.rest, "/api/v1/conf").await;
    assert!(settings.contains("rpc.listen") && !settings.contains("tls.key"), "{settings}");
    let (authority, folder) = world.stop().await;
    assert_eq!(open(&authority, &folder).list(&name("bank-b/peer0"), None).len(), 1);
}
