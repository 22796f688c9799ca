//! T26: a peer of the network that is a member of one channel learns nothing of another one: by RPC, by
//! REST, in its metrics, its log and its files. The answer about it is that about one that does not exist.

use crate::sample;
use bytes::Bytes;
use host_identity::{Authority, Role, SigningKey, TlsIdentity, Validity, keyfile};
use host_node::peer::status_wire;
use host_rpc::{CallError, HelloRequest, PeerClient, Session, Target, Trust};
use host_types::message::FetchRequest;
use host_types::{
    BlockId, ChannelName, Encode, Epoch, GenesisHash, Hash32, NetworkId, NodeName, TxId,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tests::network::{CHANNEL, clean};
use tests::ports::BasePort;
use tests::{Network, eventually, http, process};

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(60);
/// Who is in the sample's channel alone.
const OUTSIDER: &str = "bank-a/outsider";
/// The channel that it must not know. Neither word stands anywhere else.
const SECRET: &str = "hushed-deal";
/// No channel, as long as the other.
const NEVER: &str = "never-bargn";

/// What the outsider is in the network: real certificates, a home of its own.
struct Outsider {
    home: PathBuf,
    tls: TlsIdentity,
}

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

/// Certificates of the network's authority, and a home that knows one genesis.
fn outsider(network: &Network) -> Outsider {
    let authority = Authority::load(&network.data().join("pki/ca"), None).unwrap();
    let home = network.folder().join("outsider");
    let pki = home.join("pki");
    fs::create_dir_all(pki.join("ca")).unwrap();
    fs::create_dir_all(home.join("channels")).unwrap();
    let key = SigningKey::from_seed([77; 32]);
    let who = name(OUTSIDER);
    let signing = authority
        .issue_signing(&who, Role::Peer, None, &key.public(), Validity::days_from_now(30))
        .unwrap();
    keyfile::save(&pki.join("sign.key"), &key).unwrap();
    keyfile::save_certificate(&pki.join("sign.crt"), &signing.der).unwrap();
    let hosts = ["127.0.0.1".to_owned()];
    let tls = authority.issue_tls(&who, Role::Peer, &hosts, Validity::days_from_now(30)).unwrap();
    tls.save(&pki).unwrap();
    keyfile::save_certificate(&pki.join("ca/root.crt"), authority.root().der()).unwrap();
    let genesis = format!("channels/{CHANNEL}.genesis");
    fs::copy(network.data().join(&genesis), home.join(&genesis)).unwrap();
    let text = fs::read_to_string(network.data().join("peers/peer0/peer.toml")).unwrap();
    let (text, _) = text.split_once("[gateway]").unwrap();
    let plugins = network.data().join("plugins").display().to_string();
    let text = text
        .replace("name = \"peer0\"", "name = \"outsider\"")
        .replace("\"../../channels\"", "\"channels\"")
        .replace("../../plugins", &plugins);
    fs::write(home.join("peer.toml"), text).unwrap();
    let key = pki.join("sign.key").display().to_string();
    let registered =
        network.cli_json(&["cert", "register", "--identity", &key, "--channel", CHANNEL]);
    crate::keys::hold("cert register", &registered);
    assert_eq!(registered["channel"], CHANNEL);
    Outsider { home, tls }
}

pub(crate) fn network_id(network: &Network) -> NetworkId {
    let text = fs::read_to_string(network.data().join("peers/peer0/peer.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("id = ")).unwrap();
    NetworkId::from_hex(line.trim_start_matches("id = ").trim_matches('"')).unwrap()
}

pub(crate) fn client(network: &Network, tls: TlsIdentity, to: (&str, u16)) -> PeerClient {
    let root = Authority::load(&network.data().join("pki/ca"), None).unwrap().root().clone();
    let text = fs::read_to_string(network.data().join("peers/peer0/peer.toml")).unwrap();
    let organisations: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(" = \"SHA256:"))
        .map(|(name, _)| (name.to_owned(), root.fingerprint()))
        .collect();
    let trust = Trust::new(network_id(network), &organisations, vec![root]);
    let session = Session::new(Arc::new(trust), tls).unwrap();
    let address = format!("127.0.0.1:{}", to.1);
    PeerClient::start(session, Target { name: name(to.0), address })
}

/// Every question about a channel that RPC knows.
fn questions() -> Vec<FetchRequest> {
    let zero = Hash32::new([0; 32]);
    vec![
        FetchRequest::Head,
        FetchRequest::Bodies(vec![TxId::new(zero)]),
        FetchRequest::Proposal(BlockId::new(zero)),
        FetchRequest::Digests(BlockId::new(zero)),
        FetchRequest::Artefact { sha256: zero, offset: 0 },
        FetchRequest::Newest { epoch: Epoch::new(0), signer: 0 },
    ]
}

async fn refusals(client: &PeerClient, channel: GenesisHash, name: &str) -> Vec<String> {
    let told = |result: Result<Bytes, CallError>| match result {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(error) => error.to_string().replace(name, "NAME"),
    };
    let mut all = Vec::new();
    for question in questions() {
        all.push(told(client.fetch(channel, question.to_bytes().into()).await));
    }
    // Bytes that are no question are not looked at before it is known who asks.
    all.push(told(client.fetch(channel, Bytes::from_static(b"\xff")).await));
    let status = status_wire::encode_request(&ChannelName::new(name).unwrap());
    all.push(told(client.status(status.into()).await));
    all
}

async fn asked_by_rpc(network: &Network, tls: &TlsIdentity, secret: GenesisHash) {
    let unknown = GenesisHash::new(Hash32::new([9; 32]));
    for peer in 0..4u16 {
        let state = network.get(peer, "/api/v2/channels").json();
        let who = state["node"]["name"].as_str().unwrap().to_owned();
        let client = client(network, tls.clone(), (&who, network.base_port() + 100 * peer));
        tokio::time::timeout(WITHIN, client.connected()).await.unwrap();
        let hello = HelloRequest { build: String::new(), channels: vec![] };
        let told = eventually_hello(&client, hello).await;
        assert!(told.len() == 1 && !told.contains(&secret), "{who}: {told:?}");
        let about = refusals(&client, secret, SECRET).await;
        assert!(about.iter().all(|text| text.contains("no such channel here")), "{about:?}");
        assert_eq!(about, refusals(&client, unknown, NEVER).await, "{who}");
    }
}

/// The bulk connection may open after the one for consensus.
async fn eventually_hello(client: &PeerClient, hello: HelloRequest) -> Vec<GenesisHash> {
    let asking = async {
        loop {
            match client.hello(hello.clone()).await {
                Err(CallError::NotConnected { .. }) => tokio::task::yield_now().await,
                other => return other.unwrap().channels,
            }
        }
    };
    tokio::time::timeout(WITHIN, asking).await.unwrap()
}

/// The same request about the channel and about none.
fn asked_by_rest(port: u16) {
    let hash = "0".repeat(64);
    let get = [
        "/api/v2/channels/C",
        "/api/v2/channels/C/members",
        "/api/v2/channels/C/blocks",
        "/api/v2/channels/C/blocks/1",
        "/api/v2/channels/C/blocks/latest",
        "/api/v2/channels/C/blocks/1/certificate",
        "/api/v2/channels/C/epochs",
        "/api/v2/channels/C/genesis",
        "/api/v2/channels/C/events",
        "/api/v2/channels/C/evidence",
        "/api/v2/channels/C/scores",
        "/api/v2/channels/C/scores/token",
        "/api/v2/channels/C/scores/token/versions",
        "/api/v2/channels/C/transactions/HASH",
        "/api/v1/status/peer?channel=C",
        "/api/v1/status/score?channel=C",
        "/api/v1/blocks?channel=C",
        "/api/v1/transactions?hash=HASH&channel=C",
        "/api/v1/transactions/result?hash=HASH&channel=C",
    ];
    let post = [
        ("/api/v2/channels/C/transactions", "{}"),
        ("/api/v2/channels/C/scores/token/query", "{\"method\":\"balance\",\"args\":{}}"),
        ("/api/v1/query", "{\"channel\":\"C\",\"method\":\"balance\",\"params\":{}}"),
        ("/api/v1/transactions", "{\"channel\":\"C\",\"method\":\"transfer\",\"params\":{}}"),
    ];
    let base = format!("http://127.0.0.1:{port}");
    let ask = |path: &str, body: Option<&str>, channel: &str| {
        let fill = |text: &str| text.replace('C', channel).replace("HASH", &hash);
        // `C` stands for the channel alone: none of the paths has another.
        let url = format!("{base}{}", fill(path));
        let answer = match body {
            Some(body) => http::post(&url, &fill(body)),
            None => http::get(&url),
        };
        let mut json = answer.json();
        if let Some(object) = json.as_object_mut() {
            object.remove("request_id");
        }
        (answer.status, json.to_string().replace(channel, "NAME"))
    };
    for path in get {
        assert_eq!(ask(path, None, SECRET), ask(path, None, NEVER), "{path}");
    }
    for (path, body) in post {
        assert_eq!(ask(path, Some(body), SECRET), ask(path, Some(body), NEVER), "{path}");
    }
}

/// Files below a folder that hold one of these.
fn holding(folder: &Path, parts: &[Vec<u8>]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path)
                && parts.iter().any(|part| bytes.windows(part.len()).any(|at| at == &part[..]))
            {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn a_member_of_one_channel_learns_nothing_of_another() {
    let network = Network::up(sample());
    let Outsider { home, tls } = outsider(&network);
    let file = network.folder().join("channels.toml");
    let before = fs::read_to_string(&file).unwrap();
    let lines = format!("{before}\n[channel.{SECRET}]\n[channel.{SECRET}.score.notary]\n");
    fs::write(&file, lines).unwrap();
    for peer in 0..4 {
        eventually(WITHIN, "every peer has taken it up", || network.channel(peer, SECRET));
    }
    let sent = ["tx", "send", "notary", "record", "data=a deal", "--channel", SECRET];
    eventually(WITHIN, "a transaction is final in it", || {
        (network.cli(&sent).code == 0).then_some(())
    });
    let hash = network.channel(0, SECRET).unwrap()["genesis"].as_str().unwrap().to_owned();
    let secret = GenesisHash::from_hex(&hash).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(asked_by_rpc(&network, &tls, secret));
    runtime.shutdown_background();

    let ports = BasePort::take();
    let mut command = process::tied(Path::new(env!("CARGO_BIN_EXE_loopchain-under-test")));
    clean(&mut command);
    command.args(["peer", "run", "-vv", "--home"]).arg(&home).current_dir(&home);
    let above = [("rpc", 0), ("rest", 1_900), ("ops", 1_950)];
    for (section, above) in above {
        let listen = format!("{section}.listen=127.0.0.1:{}", ports.number + above);
        command.args(["--set", &listen]);
    }
    let log = home.join("log");
    let output = || Stdio::from(fs::File::options().create(true).append(true).open(&log).unwrap());
    command.stdout(output()).stderr(output());
    let mut peer = process::start(command);
    let url = format!("http://127.0.0.1:{}/api/v2/channels/{CHANNEL}", ports.rest(0));
    let height = network.height(0, CHANNEL).unwrap();
    eventually(WITHIN, "the outsider follows its own channel", || {
        let answer = http::exchange("GET", &url, &[], None).ok()?;
        (answer.status == 200 && answer.json()["height"].as_u64()? >= height).then_some(())
    });
    eventually(WITHIN, "it has heard of all peers", || {
        let list = fs::read(home.join("data/peers.list")).ok()?;
        let holds = |peer: u16| {
            let target = format!("127.0.0.1:{}", network.base_port() + 100 * peer).into_bytes();
            list.windows(target.len()).any(|at| at == &target[..])
        };
        (0..4).all(holds).then_some(())
    });
    asked_by_rest(ports.rest(0));
    let metrics = http::get(&format!("http://127.0.0.1:{}/metrics", ports.number + 1_950)).body;
    assert!(metrics.contains(CHANNEL) && !metrics.contains(SECRET) && !metrics.contains(&hash));
    process::signal("INT", &[peer.id()]);
    assert!(process::ended(&mut peer, WITHIN).unwrap().success());
    let raw = secret.as_bytes().to_vec();
    assert!(
        !holding(&network.data().join("peers/peer0/data"), std::slice::from_ref(&raw)).is_empty()
    );
    // What was asked in the test itself is no leak: no line of the log repeats it either.
    let parts = [SECRET.as_bytes().to_vec(), hash.into_bytes(), raw];
    assert_eq!(holding(&home, &parts), Vec::<PathBuf>::new());
}
