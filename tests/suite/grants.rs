//! An auditor on a network of real processes: what a grant opens and what it does not, the record that
//! each of its reads leaves, the root of these on the chain, and what `audit verify` says once somebody
//! has changed or removed them.

use crate::sample;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_identity::{Certificate, SigningKey, keyfile};
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::{BlockTime, Encode, GenesisHash, Hash32};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tests::http::{self, Answer};
use tests::network::CHANNEL;
use tests::{Network, eventually};

/// Far more than the five seconds between two roots.
const ROOT_WITHIN: Duration = Duration::from_secs(60);
const CLOSED: [(&str, &str); 2] = [
    ("read = [\"*\"]", "read = [\"client\", \"admin\", \"validator\"]"),
    ("query = [\"*\"]", "query = [\"client\", \"admin\", \"validator\"]"),
];

/// Applies what the chain exports with closed policies and these lines behind it.
fn apply(network: &Network, more: &str) {
    let exported = network.cli(&["channel", "export", CHANNEL, "--identity", "alice"]);
    let whole = exported.stdout;
    let whole = CLOSED.iter().fold(whole, |text, (from, to)| text.replace(from, to));
    let (whole, _) = whole.split_once("\n[channel.demo.grant.").unwrap_or((&whole, ""));
    let file = network.folder().join("wanted.toml");
    std::fs::write(&file, format!("{whole}\n{more}")).unwrap();
    let file = file.to_str().unwrap();
    let said = network.cli(&["channel", "apply", file, "-c", CHANNEL, "--identity", "alice"]);
    assert_eq!(said.code, 0, "{said:?}");
}

fn by(network: &Network, identity: &str, words: &[&str]) -> (i32, String) {
    let said = network.cli(&[words, &["--identity", identity]].concat());
    (said.code, if said.code == 0 { String::new() } else { said.error() })
}

fn fine() -> (i32, String) {
    (0, String::new())
}

fn refused(exit: i32, code: &str) -> (i32, String) {
    (exit, code.to_owned())
}

/// What somebody asks, and what is changed about it after it was signed.
pub(crate) struct Asking<'a> {
    network: &'a Network,
    key: SigningKey,
    certificate: Certificate,
    genesis: GenesisHash,
}

impl<'a> Asking<'a> {
    pub(crate) fn of(network: &'a Network, who: &str) -> Self {
        let path = network.data().join(format!("keys/{who}.key"));
        let der = keyfile::load_certificate(&path.with_extension("crt")).unwrap();
        let genesis = network.channel(0, CHANNEL).unwrap()["genesis"].as_str().unwrap().to_owned();
        Self {
            network,
            key: keyfile::load(&path).unwrap(),
            certificate: Certificate::parse(&der).unwrap(),
            genesis: GenesisHash::from_hex(&genesis).unwrap(),
        }
    }

    pub(crate) fn request(&self, target: &str, seconds: i64) -> ReadRequest {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        ReadRequest {
            genesis: self.genesis,
            method: "GET".into(),
            target: target.into(),
            body: Hash32::sha256(b""),
            signer: self.certificate.id,
            nonce: now as u64,
            expiry: BlockTime::new((now + seconds * 1_000_000) as u64),
        }
    }

    pub(crate) fn header(&self, request: ReadRequest) -> String {
        let signature = self.key.sign(&request.signing_message());
        STANDARD.encode(SignedRead { request, signature }.to_bytes())
    }

    fn send(&self, (method, target): (&str, &str), header: &str, body: Option<&[u8]>) -> Answer {
        let url = self.network.url(0, target);
        let headers = [("Loopchain-Read", header), ("Content-Type", "application/json")];
        http::exchange(method, &url, &headers, body).unwrap()
    }

    fn code(&self, target: &str, header: &str) -> (u16, String) {
        let answer = self.send(("GET", target), header, None);
        (answer.status, answer.code())
    }
}

fn trail(network: &Network) -> Vec<Value> {
    let told = network.cli_json(&["audit", "trail"]);
    told["records"].as_array().unwrap().clone()
}

fn segment(network: &Network) -> PathBuf {
    network.data().join("peers/peer0/data/channels/demo/trail/00000001.trail")
}

#[test]
fn an_auditor_reads_what_it_was_granted_and_every_read_leaves_a_record() {
    let mut network = Network::up(sample());
    let sent = network.cli_json(&["tx", "send", "token", "transfer", "to=bob", "amount=7"]);
    let paid = sent["hash"].as_str().unwrap().to_owned();
    apply(&network, "");
    let get = ["tx", "get", paid.as_str()];
    let said = network.cli(&get);
    assert_eq!((said.code, said.error().as_str()), (4, "LC4103"), "{said:?}");
    assert_eq!(by(&network, "alice", &get), fine());
    assert_eq!(by(&network, "auditor", &get), refused(4, "LC4302"));
    assert!(trail(&network).is_empty(), "nobody was answered");

    apply(
        &network,
        "[channel.demo.grant.tokens]\nauditor = \"registrar/auditor\"\nscores = [\"token\"]\n",
    );
    let shown = network.cli_json(&["channel", "epochs", "--identity", "alice"]);
    assert_eq!(
        shown["present"]["grants"],
        json!({"tokens": "registrar/auditor reads token"}),
        "{shown}"
    );
    let shown = network.cli_json(&["channel", "show", CHANNEL, "--identity", "alice"]);
    let grant = &shown["grants"][0];
    let told = (&grant["name"], &grant["auditor"], &grant["scores"], &grant["until"]);
    let (name, auditor, scores) = (json!("tokens"), json!("registrar/auditor"), json!(["token"]));
    assert_eq!(told, (&name, &auditor, &scores, &Value::Null), "{shown}");
    let plain = network.cli(&["channel", "show", CHANNEL, "--identity", "alice"]).stdout;
    assert!(plain.contains("  grant        tokens: registrar/auditor reads token\n"), "{plain}");
    the_scope_is_what_it_says(&network, &get);
    records_tell_who_read_what_under_which_grant(&network, &paid);
    what_is_not_signed_for_this_now_is_refused(&network);
    everybody_can_compare_the_trail_with_the_chain(&network);

    // Taken away again: the next request is refused.
    apply(&network, "");
    assert_eq!(by(&network, "auditor", &get), refused(4, "LC4302"));
    // One that has run out opens nothing either.
    apply(
        &network,
        "[channel.demo.grant.old]\nauditor = \"registrar\"\nuntil = \"2026-01-01T00:00:00Z\"\n",
    );
    assert_eq!(by(&network, "auditor", &get), refused(4, "LC4302"));
    assert!(network.interrupt().success());
    a_trail_that_was_changed_is_found(&network);
}

fn the_scope_is_what_it_says(network: &Network, get: &[&str]) {
    assert_eq!(by(network, "auditor", get), fine());
    assert_eq!(by(network, "auditor", &["query", "token.balance_of", "who=bob"]), fine());
    // Blocks hold everything; so does evidence. What is not covered is not there.
    assert_eq!(by(network, "auditor", &["block", "get", "latest"]), refused(3, "LC7104"));
    assert_eq!(by(network, "auditor", &["audit", "evidence"]), refused(4, "LC4103"));
    let events = network.cli_json(&["event", "list", "--identity", "auditor"]);
    let scores: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|one| one["score"].clone()).collect();
    assert!(!scores.is_empty() && scores.iter().all(|score| score == "token"), "{events}");
    // Where a page goes on tells nothing either.
    assert_eq!(by(network, "auditor", &["tx", "list"]), refused(2, "LC7106"));
    let asking = Asking::of(network, "auditor");
    let page = |query: &str| {
        let target = format!("/api/v2/channels/demo/{query}");
        let header = asking.header(asking.request(&target, 30));
        asking.send(("GET", &target), &header, None).json()
    };
    let token = page("transactions?score=token&limit=1");
    assert_eq!(token["transactions"][0]["score"], "token", "{token}");
    let system = page("transactions?score=system&limit=1");
    assert_eq!((&system["transactions"], &system["next_cursor"]), (&json!([]), &Value::Null));
    let system = page("events?score=system&limit=1");
    assert_eq!((&system["events"], &system["next_from"]), (&json!([]), &Value::Null), "{system}");
    let all = network.cli_json(&["event", "list", "--identity", "alice"]);
    assert!(all["events"].as_array().unwrap().len() > scores.len(), "{all}");
    assert_eq!(
        by(network, "auditor", &["tx", "send", "token", "transfer", "to=bob", "amount=1"]).1,
        "LC4301"
    );
}

fn records_tell_who_read_what_under_which_grant(network: &Network, paid: &str) {
    let records = trail(network);
    let targets = |one: &Value| one["target"].as_str().unwrap().to_owned();
    let first = &records[0];
    assert_eq!(targets(first), format!("/api/v2/channels/demo/transactions/{paid}"));
    assert_eq!(
        (&first["reader"], &first["grant"]),
        (&json!("registrar/auditor"), &json!("tokens"))
    );
    assert_eq!((&first["number"], &first["status"]), (&json!(1), &json!(200)));
    let block = records.iter().find(|one| targets(one).ends_with("/blocks/latest")).unwrap();
    assert_eq!((&block["status"], &block["grant"]), (&json!(404), &json!("")));
    for pair in records.windows(2) {
        assert_eq!(pair[1]["previous"], pair[0]["hash"]);
    }
    let told = network.cli_json(&["audit", "trail", "--reader", "audit9"]);
    assert_eq!(told["records"], json!([]));
}

fn what_is_not_signed_for_this_now_is_refused(network: &Network) {
    let asking = Asking::of(network, "auditor");
    let target = "/api/v2/channels/demo/events?limit=1";
    let header = asking.header(asking.request(target, 30));
    let before = trail(network).len();
    let answer = asking.send(("GET", target), &header, None);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    // The record is of exactly this answer.
    let records = trail(network);
    assert_eq!(records.len(), before + 1);
    let hash = Hash32::sha256(answer.body.as_bytes()).to_string();
    assert_eq!(records[before]["answer"], json!(hash));

    let refused = |code: &str, status: u16| (status, code.to_owned());
    assert_eq!(asking.code(target, &header), refused("LC4304", 409), "once is enough");
    let other = "/api/v2/channels/demo/events?limit=2";
    assert_eq!(
        asking.code(other, &asking.header(asking.request(target, 30))),
        refused("LC2103", 403)
    );
    let old = asking.header(asking.request(target, -2));
    assert_eq!(asking.code(target, &old), refused("LC4303", 403));
    let early = asking.header(asking.request(target, 90));
    assert_eq!(asking.code(target, &early), refused("LC4303", 403));
    let posted = asking.send(("POST", target), &asking.header(asking.request(target, 30)), None);
    assert_eq!((posted.status, posted.code()), refused("LC2103", 403));
    for malformed in ["", "AAAA", "not base64", &"A".repeat(5_000)] {
        assert_eq!(asking.code(target, malformed), refused("LC7106", 400), "{malformed:.9}");
    }
    let list = "/api/v2/channels";
    assert_eq!(asking.code(list, &asking.header(asking.request(list, 30))), refused("LC7106", 400));
    // Who is no member gets the answer of a channel that does not exist.
    let mut stranger = asking.request(target, 30);
    stranger.signer = host_types::CertificateId::new(Hash32::sha256(b"nobody"));
    let answer = asking.send(("GET", target), &asking.header(stranger), None);
    let none = "/api/v2/channels/none/events?limit=1";
    let nowhere = asking.send(("GET", none), &asking.header(asking.request(none, 30)), None);
    assert_eq!((answer.status, answer.code()), refused("LC3205", 404));
    let detail = |answer: &Answer| answer.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail(&answer).replace("demo", "none"), detail(&nowhere));
    assert_eq!(trail(network).len(), before + 1, "what was refused to nobody known is no read");
    // It sends nothing, whoever signed it.
    let target = "/api/v2/channels/demo/transactions";
    let mut request = asking.request(target, 30);
    let body = br#"{"transaction":"","signature":""}"#;
    (request.method, request.body) = ("POST".into(), Hash32::sha256(body));
    let answer = asking.send(("POST", target), &asking.header(request), Some(body));
    assert!(["LC2101", "LC4301"].contains(&answer.code().as_str()), "{answer:?}");
}

/// What `audit verify` says of the trail of peer0, with the genesis of the data folder.
fn verified(network: &Network) -> (i32, Value) {
    let said = network.cli(&["audit", "verify", "--json"]);
    (said.code, said.json())
}

fn everybody_can_compare_the_trail_with_the_chain(network: &Network) {
    let count = trail(network).len();
    let told = eventually(ROOT_WITHIN, "the root of the trail is on the chain", || {
        let (code, told) = verified(network);
        assert_eq!((code, &told["findings"]), (0, &json!([])), "{told}");
        (told["trail"]["on_chain"] == json!(count)).then_some(told)
    });
    assert_eq!(told["trail"], json!({"of": "bank-a/peer0", "records": count, "on_chain": count}));
    let events = ["event", "list", "--topic", "trail-recorded", "--identity", "alice"];
    let events = network.cli_json(&events);
    assert_eq!(events["events"][0]["fields"][0], "bank-a/peer0", "{events}");
}

fn a_trail_that_was_changed_is_found(network: &Network) {
    let whole = std::fs::read(segment(network)).unwrap();
    let codes = || {
        let (exit, told) = verified(network);
        let all = told["findings"].as_array().unwrap().clone();
        let codes: Vec<_> =
            all.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect();
        assert!(all.iter().all(|one| one["height"].as_u64() > Some(0)), "{told}");
        (exit, codes)
    };
    assert_eq!(codes(), (0, vec![]));
    // A letter of what was asked first.
    let at = whole.windows(8).position(|part| part == b"/api/v2/").unwrap();
    let mut changed = whole.clone();
    changed[at + 1] = b'b';
    std::fs::write(segment(network), &changed).unwrap();
    assert_eq!(codes(), (7, vec!["LC3322".to_owned()]));
    // The last record, and the whole file.
    std::fs::write(segment(network), &whole[..whole.len() - 10]).unwrap();
    assert_eq!(codes(), (7, vec!["LC3323".to_owned()]));
    std::fs::remove_file(segment(network)).unwrap();
    assert_eq!(codes(), (7, vec!["LC3323".to_owned()]));
    std::fs::write(segment(network), &whole).unwrap();
    assert_eq!(codes(), (0, vec![]));
}
