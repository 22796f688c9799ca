//! Every role against every operation, on a real network: by REST what a transaction may ask for, by RPC what a
//! session may. One cell is `ok`, or the code of the refusal; the table is the whole of what is promised.

use crate::isolation::{client, network_id};
use crate::sample;
use bytes::Bytes;
use host_identity::{Authority, Certificate, Role, SigningKey, TlsIdentity, Validity, keyfile};
use host_node::peer::status_wire;
use host_rpc::directory::{DirectoryRequest, Entry};
use host_rpc::{CallError, ConnectError, HelloRequest, PeerClient};
use host_types::change::{Change, Deploy, SystemCall};
use host_types::message::FetchRequest;
use host_types::{
    Address, BlockTime, ChannelName, Encode, GenesisHash, Hash32, Height, NodeName, ScoreName,
};
use serde_json::{Value, json};
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Answer, Network, Wallet, wallet};

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(60);

/// What the channel of the sample promises. `nobody` has certificates of an authority that nobody knows.
///
/// register: its own certificate. submit: a payment. deploy, configure, admin: proposes such a change, the last
/// one of a SCORE that there is not. approve: a change that there is not. ready: an artefact that nobody waits
/// for. `LC2114` is the channel's word: only validators decide here. Reads over REST name nobody.
const BY_REST: &str = "\
role         register submit deploy configure admin  approve ready  read query audit
validator    ok       LC4103 ok     ok        LC2114 LC2114  ok     ok   ok    ok
peer         ok       LC4103 LC2114 LC2114    LC2114 LC2114  LC2114 ok   ok    ok
client       ok       ok     LC2114 LC2114    LC2114 LC2114  LC2114 ok   ok    ok
admin        ok       ok     LC2114 LC2114    LC2114 LC2114  LC2114 ok   ok    ok
auditor      ok       LC4301 LC4301 LC4301    LC4301 LC4301  LC4301 ok   ok    ok
radiostation LC4103   LC4101 LC4101 LC4101    LC4101 LC4101  LC4101 ok   ok    ok
nobody       LC4104   LC4101 LC4101 LC4101    LC4101 LC4101  LC4101 ok   ok    ok
";

/// session: TLS and greeting. channels: told in the greeting. follow: blocks; who may not may not deliver
/// either, be it a vote, a proposal, what a relay hands on or a transaction: it is one check
/// (`host/node/src/peer/handler.rs`). status: of a channel. announce: at the RadioStation, which is joining. The
/// auditor has no grant: with one of everything it follows (`examples/auditor`).
const BY_RPC: &str = "\
role         session channels follow status announce
validator    ok      2        ok     ok     ok
peer         ok      1        ok     ok     ok
client       ok      0        LC3205 LC3205 LC4103
admin        ok      0        LC3205 LC3205 LC4103
auditor      ok      0        LC3205 LC3205 ok
radiostation ok      0        LC3205 ok     LC4103
nobody       LC4107  -        -      -      LC4107
";

/// Somebody of each role, with certificates for both uses.
struct Somebody {
    role: &'static str,
    key: SigningKey,
    signing: Certificate,
    tls: TlsIdentity,
}

fn everybody(network: &Network) -> Vec<Somebody> {
    let own = Authority::load(&network.data().join("pki/ca"), None).unwrap();
    let stranger = Authority::new("bank-a", Validity::days_from_now(30)).unwrap();
    let all = Role::ALL.iter().map(|role| (&own, *role, role.word()));
    let all = all.chain([(&stranger, Role::Client, "nobody")]);
    let somebody = |(seed, (authority, role, word)): (u8, (&Authority, Role, &'static str))| {
        // Validators are pinned by key: the one that there is.
        let is_validator = role == Role::Validator;
        let name =
            if is_validator { "bank-a/peer0".to_owned() } else { format!("bank-a/some-{word}") };
        let pki = network.data().join("peers/peer0/pki/sign.key");
        let key = match is_validator {
            true => keyfile::load(&pki).unwrap(),
            false => SigningKey::from_seed([seed; 32]),
        };
        let (name, days) = (NodeName::new(&name).unwrap(), Validity::days_from_now(30));
        let public = key.public();
        let signing = authority.issue_signing(&name, role, None, &public, days).unwrap();
        let tls = authority.issue_tls(&name, role, &["127.0.0.1".to_owned()], days).unwrap();
        let keys = network.data().join("keys");
        keyfile::save(&keys.join(format!("some-{word}.key")), &key).unwrap();
        keyfile::save_certificate(&keys.join(format!("some-{word}.crt")), &signing.der).unwrap();
        Somebody { role: word, key, signing, tls }
    };
    (101..).zip(all).map(somebody).collect()
}

/// `ok`, or the code that stands in the answer or in the receipt.
fn cell(answer: &Answer) -> String {
    let told = answer.json();
    if answer.status != 200 {
        return told["code"].as_str().map_or_else(|| answer.body.clone(), str::to_owned);
    }
    let result = &told["receipt"];
    match result["status"].as_str() {
        None | Some("ok") => "ok".to_owned(),
        Some(_) => format!("LC{}", result["code"]),
    }
}

/// The system transactions of the table, by their column.
fn calls(one: &Somebody, authority: &Authority, number: u64) -> Vec<SystemCall> {
    let deploy = Deploy {
        score: ScoreName::new("never-built").unwrap(),
        version: format!("0.{number}.0"),
        sha256: Hash32::new([7; 32]),
        target: String::new(),
        activate_at: Height::new(0),
        args: vec![],
        deployer: Address::new([0; 20]),
    };
    // A list that takes nobody back.
    let crl = authority.issue_crl(number, BlockTime::new(wallet::now_us()), &[]).unwrap();
    let freeze = Change::Freeze { score: ScoreName::new("never-built").unwrap() };
    vec![
        SystemCall::Register { certificate: one.signing.der.clone() },
        SystemCall::Propose { change: Change::Deploy(deploy) },
        SystemCall::Propose { change: Change::Revoke { crl } },
        SystemCall::Propose { change: freeze },
        SystemCall::Approve { id: Hash32::ZERO },
        SystemCall::Ready { sha256: Hash32::ZERO },
    ]
}

fn by_rest(network: &Network, all: &[Somebody]) -> Vec<Vec<String>> {
    let authority = Authority::load(&network.data().join("pki/ca"), None).unwrap();
    let path = |rest: &str| format!("/api/v2/channels/{CHANNEL}/{rest}");
    let row = |(number, one): (u64, &Somebody)| {
        let wallet = Wallet::of(network, &format!("some-{}", one.role), CHANNEL);
        let send = |score: &str, method: &str, args: Vec<u8>| {
            let signed = wallet.sign(&wallet.call(score, method, args));
            cell(&signed.send(network, 0, CHANNEL))
        };
        let mut system = calls(one, &authority, number).into_iter();
        let mut says = |call: SystemCall| send("system", call.method(), call.args());
        let mut row = vec![one.role.to_owned(), says(system.next().unwrap())];
        let payment = json!({"to": "carol", "amount": "0"});
        let args = wallet.args(network, "token", "transfer", &payment);
        row.push(send("token", "transfer", args));
        row.extend(system.map(&mut says));
        row.push(cell(&network.get(0, &path("blocks/latest"))));
        let query = json!({"method": "total_supply", "args": {}}).to_string();
        row.push(cell(&network.post(0, &path("scores/token/query"), &query)));
        row.push(cell(&network.get(0, &path("evidence"))));
        row
    };
    (1..).zip(all).map(row).collect()
}

/// What is answered to a question, asked again while its connection is lost: the other one of this name comes
/// back at any time and takes its place.
async fn answer<T, F>(mut ask: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let asking = async {
        loop {
            match ask().await {
                Err(CallError::NotConnected { .. } | CallError::Lost { .. }) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                answered => return answered,
            }
        }
    };
    tokio::time::timeout(WITHIN, asking).await.expect("an answer")
}

fn told<T>(answer: &Result<T, CallError>) -> String {
    answer.as_ref().map_or_else(|error| error.code().to_string(), |_| "ok".to_owned())
}

/// A connection for questions, or why there is none.
async fn reached(client: &PeerClient) -> Result<(), String> {
    let asking = async {
        loop {
            let hello = HelloRequest { build: String::new(), channels: vec![] };
            match client.hello(hello).await {
                Err(CallError::NotConnected { .. }) => {}
                _ => return Ok(()),
            }
            if let Some(ConnectError::Refused { rejection, .. }) = client.last_error().as_deref() {
                return Err(rejection.code.to_string());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WITHIN, asking).await.expect("an answer or a refusal")
}

async fn by_rpc_of(network: &Network, one: &Somebody, genesis: GenesisHash) -> Vec<String> {
    // The peer that it would be itself talks to itself no more than to others: another one is asked.
    let peer = client(network, one.tls.clone(), ("bank-b/peer1", network.base_port() + 100));
    let station =
        client(network, one.tls.clone(), ("bank-a/radiostation", network.base_port() + 2));
    let mut row = vec![one.role.to_owned()];
    match reached(&peer).await {
        Err(code) => row.extend([code].into_iter().chain((0..3).map(|_| "-".to_owned()))),
        Ok(()) => {
            let hello = || HelloRequest { build: String::new(), channels: vec![] };
            let greeting = answer(|| peer.hello(hello())).await.unwrap();
            row.extend(["ok".to_owned(), greeting.channels.len().to_string()]);
            let head = Bytes::from(FetchRequest::Head.to_bytes());
            row.push(told(&answer(|| peer.fetch(genesis, head.clone())).await));
            let status =
                Bytes::from(status_wire::encode_request(&ChannelName::new(CHANNEL).unwrap()));
            row.push(told(&answer(|| peer.status(status.clone())).await));
        }
    }
    let entry = Entry {
        certificate: one.signing.der.clone(),
        rpc_target: format!("127.0.0.1:{}", network.base_port()),
        rest_target: String::new(),
        channels: vec![],
        issued: BlockTime::new(wallet::now_us()),
    };
    let entry = entry.sign(network_id(network), &one.key);
    let announce = Bytes::from(DirectoryRequest::Announce(entry).to_bytes());
    match reached(&station).await {
        Err(code) => row.push(code),
        Ok(()) => row.push(told(&answer(|| station.status(announce.clone())).await)),
    }
    row
}

fn table(heading: &str, rows: &[Vec<String>]) -> String {
    let columns: Vec<_> = heading.lines().next().unwrap().split_whitespace().collect();
    let heading = columns.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let all = [&[heading], rows].concat();
    let width = |at: usize| all.iter().map(|row| row[at].len()).max().unwrap_or_default();
    let mut text = String::new();
    for row in &all {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:<0$}", width(at)));
        text.push_str(cells.collect::<Vec<_>>().join(" ").trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let network = Network::up(sample());
    let all = everybody(&network);
    let genesis: Value = network.channel(0, CHANNEL).unwrap()["genesis"].clone();
    let genesis = GenesisHash::from_hex(genesis.as_str().unwrap()).unwrap();
    let by_rest = table(BY_REST, &by_rest(&network, &all));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows: Vec<_> =
        all.iter().map(|one| runtime.block_on(by_rpc_of(&network, one, genesis))).collect();
    let by_rpc = table(BY_RPC, &rows);
    assert!(by_rest == BY_REST && by_rpc == BY_RPC, "it is\n{by_rest}\n{by_rpc}");
}
