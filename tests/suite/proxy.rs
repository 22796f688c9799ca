//! A proxy of its own process in front of three peers: failover under load, channels that only some
//! peers have, no quorum, streams, and a client that does not trust it.

use crate::sample;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tests::http::{self, Answer};
use tests::network::{Beside, CHANNEL};
use tests::stream::{Stream, id_of};
use tests::websocket::{Message, WebSocket};
use tests::{Network, Options, Wallet, eventually, ports, process};

const WITHIN: Duration = Duration::from_secs(30);
/// A channel that peer0 and peer1 decide alone.
const PAIR: &str = "\n[channel.pair]\n[channel.pair.group.a]\nvalidators = { \"bank-a/peer0\" = 1 }\n\
                    [channel.pair.group.b]\nvalidators = { \"bank-b/peer1\" = 1 }\n";

fn with_pair() -> Options {
    let mut options = sample();
    options.channels.push_str(PAIR);
    options
}

/// Starts a proxy of peers 0 to 2 and waits until it is ready; gives its URL, too.
fn proxy(network: &Network) -> (Beside, String) {
    let home = network.folder().join("proxy");
    std::fs::create_dir_all(&home).unwrap();
    let peers: Vec<_> = (0..3).map(|peer| network.url(peer, "")).collect();
    let (rest, ops) = (ports::single(), ports::single());
    let text = format!(
        "[proxy]\npeers = {peers:?}\n[rest]\nlisten = \"127.0.0.1:{rest}\"\n\
         [ops]\nlisten = \"127.0.0.1:{ops}\"\n"
    );
    std::fs::write(home.join("proxy.toml"), text).unwrap();
    let child = network.beside("proxy", &["proxy", "run", "--home", home.to_str().unwrap()]);
    let up = |peer: &String| {
        let authority = peer.strip_prefix("http://").unwrap();
        format!("loopchain_proxy_peer_up{{peer=\"{authority}\"}} 1")
    };
    eventually(WITHIN, "it has found all peers", || {
        let metrics = format!("http://127.0.0.1:{ops}/metrics");
        let metrics = http::exchange("GET", &metrics, &[], None).ok()?.body;
        peers.iter().all(|peer| metrics.contains(&up(peer))).then_some(())
    });
    (child, format!("http://127.0.0.1:{rest}"))
}

/// Clients of a proxy that go on until they are told to stop; each request must succeed.
struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<usize>>,
}

fn must(answer: std::io::Result<Answer>, what: &str) -> Answer {
    let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(answer.status, 200, "{what}: {answer:?}");
    answer
}

impl Clients {
    fn start(network: &Network, url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let wallet = Arc::new(Wallet::of(network, "alice", CHANNEL));
        let args = wallet.args(network, "token", "transfer", &json!({"to": "bob", "amount": "1"}));
        let base = format!("{url}/api/v2/channels/{CHANNEL}");
        let writer = || {
            let (stop, wallet, args) = (Arc::clone(&stop), Arc::clone(&wallet), args.clone());
            let url = format!("{base}/transactions");
            std::thread::spawn(move || {
                let headers = [("Content-Type", "application/json"), ("Prefer", "wait=20")];
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let signed = wallet.sign(&wallet.call("token", "transfer", args.clone()));
                    let body = signed.json.to_string();
                    let sent = http::exchange("POST", &url, &headers, Some(body.as_bytes()));
                    let answer = must(sent, "a signed write").json();
                    assert_eq!(
                        (&answer["state"], &answer["hash"]),
                        (&json!("final"), &json!(signed.id))
                    );
                    count += 1;
                }
                count
            })
        };
        let reader = |path: &str| {
            let (stop, url) = (Arc::clone(&stop), format!("{base}{path}"));
            std::thread::spawn(move || {
                let (mut count, mut height) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    let answer = must(http::exchange("GET", &url, &[], None), &url).json();
                    let now = answer["height"].as_u64().unwrap();
                    assert!(now >= height, "{url} went back from {height} to {now}");
                    (count, height) = (count + 1, now);
                    std::thread::sleep(Duration::from_millis(5));
                }
                count
            })
        };
        let threads =
            vec![writer(), writer(), reader(""), reader("/blocks/latest"), reader("/blocks/1")];
        Self { stop, threads }
    }

    fn end(self) -> Vec<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

#[test]
fn no_request_fails_while_each_peer_in_turn_is_killed() {
    let network = Network::up(with_pair());
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    // From its next start on peer2 does not follow the channel of two.
    let settings = network.data().join("peers/peer2/peer.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let joins = "[channels]\njoin = [\"demo\", \"loopchain_default\"]\n";
    std::fs::write(&settings, text.replace("[channels]\n", joins)).unwrap();
    let (_proxy, url) = proxy(&network);
    let clients = Clients::start(&network, &url);
    for peer in 0..3 {
        let name = format!("peer{peer}");
        let pid = network.pid_of(&name);
        process::signal("KILL", &[pid]);
        eventually(WITHIN, "it runs again and has caught up", || {
            let highest = network.height(3, CHANNEL)?;
            (network.pid_of(&name) != pid && network.height(peer, CHANNEL)? + 5 >= highest)
                .then_some(())
        });
        eventually(WITHIN, "it votes again", || {
            let state = network.channel(3, CHANNEL)?;
            (state["connected_weight"] == 4
                && network.channel(peer, CHANNEL)?["connected_weight"] == 4)
                .then_some(())
        });
    }
    let counts = clients.end();
    // Writes wait for new leaders while peers come and go; reads do not.
    let (writes, reads) = counts.split_at(2);
    assert!(writes.iter().all(|count| *count > 1), "{counts:?}");
    assert!(reads.iter().all(|count| *count > 50), "{counts:?}");
    only_who_has_a_channel_is_asked(&network, &url);
    proofs_pass_and_a_lie_is_found(&network, &url);
    v1_is_the_peers_own(&url);
    without_a_quorum_writes_are_told_to_come_back(&network, &url);
}

/// The id of the next message with data.
fn next_id(socket: &mut WebSocket) -> Result<String, Message> {
    loop {
        match socket.next_message() {
            Message::Text(text) => {
                let json: Value = serde_json::from_str(&text).unwrap();
                if json["type"] != "place" {
                    return Ok(json["id"].as_str().unwrap().to_owned());
                }
            }
            end => return Err(end),
        }
    }
}

/// WebSockets that a node says are open.
fn open_sockets(metrics: &str) -> Option<u64> {
    let text = http::exchange("GET", metrics, &[], None).ok()?.body;
    let open = "loopchain_streams_open{kind=\"websocket\"} ";
    text.lines().find_map(|line| line.strip_prefix(open))?.parse().ok()
}

#[test]
fn a_web_socket_through_the_proxy_goes_on_at_another_peer_when_its_own_is_killed() {
    let network = Network::up(sample());
    let (mut proxy, url) = proxy(&network);
    let pay = |amount: u32| {
        let amount = format!("amount={amount}");
        let transfer = ["tx", "send", "token", "transfer", "to=carol", &amount, "--endpoint", &url];
        let sent = network.cli(&transfer);
        assert_eq!(sent.code, 0, "{sent:?}");
    };
    (1..=3).for_each(pay);
    let path = format!("/api/v2/channels/{CHANNEL}/events?types=block,tx,score&from=0");
    let through = format!("{url}{}", path.replace("events?", "events/ws?"));
    let mut socket = WebSocket::open(&through);
    let mut got: Vec<_> = (0..5).map(|_| next_id(&mut socket).unwrap()).collect();
    let metrics = |peer| network.operations(peer, "/metrics");
    let at = (0..3).find(|peer| open_sockets(&metrics(*peer)) == Some(1)).unwrap();
    process::signal("KILL", &[network.pid_of(&format!("peer{at}"))]);
    // What was on its way comes still.
    let end = loop {
        match next_id(&mut socket) {
            Ok(id) => got.push(id),
            Err(end) => break end,
        }
    };
    // A frame that it had begun is followed by nothing.
    if let Message::Close(code, reason) = &end {
        assert_eq!(*code, 1001);
        assert!(reason.starts_with("LC3101 the peer behind this proxy is gone"), "{reason}");
    }
    let last = got.last().unwrap();
    let mut socket = WebSocket::open(&format!("{through}&last_event_id={last}"));
    pay(4);
    let (height, _) = network.agreed(CHANNEL, WITHIN);
    let end = format!("{height}.{0}.{0}", u32::MAX);
    let told = Stream::open(&network.url(3, &path), None).until(&end);
    let expected: Vec<_> = told.iter().map(|frame| id_of(frame).to_owned()).collect();
    while got.len() < expected.len() {
        got.push(next_id(&mut socket).unwrap());
    }
    assert_eq!(got, expected);
    process::signal("TERM", &[proxy.id()]);
    let Message::Close(code, reason) = next_id(&mut socket).unwrap_err() else {
        panic!("no close")
    };
    assert!(code == 1001 && reason.starts_with("LC3101 this proxy stops"), "{code} {reason}");
    assert!(proxy.ended(WITHIN).expect("it waits for nobody").success());
    for peer in 0..3 {
        eventually(WITHIN, "no place is taken any more", || {
            (open_sockets(&metrics(peer)) == Some(0)).then_some(())
        });
    }
}

fn only_who_has_a_channel_is_asked(network: &Network, url: &str) {
    assert_eq!(network.channel(2, "pair"), None, "peer2 does not have it");
    for _ in 0..20 {
        let answer = http::get(&format!("{url}/api/v2/channels/pair"));
        assert_eq!((answer.status, &answer.json()["channel"]), (200, &json!("pair")));
    }
    let nobody = http::get(&format!("{url}/api/v2/channels/nobody"));
    assert_eq!((nobody.status, nobody.code().as_str()), (404, "LC3205"));
}

fn proofs_pass_and_a_lie_is_found(network: &Network, url: &str) {
    let path = format!("/api/v2/channels/{CHANNEL}/blocks/1/certificate");
    let through = http::get(&format!("{url}{path}"));
    assert_eq!(through.body, http::get(&format!("{url}{path}")).body, "the kept one");
    let verified = network.cli(&["block", "verify", "1", "--endpoint", url]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let liar = liar(url.to_owned(), through.json()["state_root"].as_str().unwrap().to_owned());
    let refused = network.cli(&["block", "verify", "1", "--endpoint", &liar]);
    assert_eq!((refused.code, refused.error().as_str()), (7, "LC3302"), "{refused:?}");
}

/// A proxy before the proxy that tells another state root.
fn liar(url: String, root: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = vec![0; 16 * 1024];
            let count = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
            let other = "0".repeat(root.len());
            let body = http::get(&format!("{url}{path}")).body.replace(&root, &other);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    own
}

fn v1_is_the_peers_own(url: &str) {
    let path = "/api/v1/blocks";
    let answer = http::get(&format!("{url}{path}"));
    assert_eq!((answer.status, answer.header("deprecation")), (200, Some("true")));
    assert_eq!(answer.json()["response_code"], 0, "{answer:?}");
    let body = r#"{"jsonrpc":"2.0","method":"propose","id":1,"params":{"proposer":"a","counterparty":"b","content":"x"}}"#;
    let sent = http::post(&format!("{url}/api/v1/transactions"), body);
    assert_eq!((sent.status, &sent.json()["response_code"]), (200, &json!("0")), "{sent:?}");
}

fn without_a_quorum_writes_are_told_to_come_back(network: &Network, url: &str) {
    let wallet = Wallet::of(network, "alice", CHANNEL);
    let args = wallet.args(network, "token", "transfer", &json!({"to": "bob", "amount": "1"}));
    for peer in ["peer2", "peer3"] {
        let home = network.data().join("peers").join(peer);
        std::fs::rename(&home, home.with_extension("away")).unwrap();
        process::signal("KILL", &[network.pid_of(peer)]);
    }
    let answer = eventually(WITHIN, "the proxy says that there is no quorum", || {
        let signed = wallet.sign(&wallet.call("token", "transfer", args.clone()));
        let headers = [("Content-Type", "application/json")];
        let url = format!("{url}/api/v2/channels/{CHANNEL}/transactions");
        let body = signed.json.to_string();
        let answer = http::exchange("POST", &url, &headers, Some(body.as_bytes())).ok()?;
        (answer.status == 503).then_some(answer)
    });
    assert_eq!(answer.code(), "LC3201", "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let read = http::get(&format!("{url}/api/v2/channels/{CHANNEL}"));
    assert_eq!(read.status, 200, "reads go on");
}
