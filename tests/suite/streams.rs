//! Streams of real peers: the same bytes from each, resumed at another one, through a restart, ended
//! when the network stops; and `event watch`.

use crate::{NETWORK, sample};
use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use tests::network::{CHANNEL, clean};
use tests::stream::{Stream, id_of};
use tests::{Network, eventually, process};

const ALL: &str = "types=block,tx,score";
/// In the place of a transaction or event: the block or transaction itself.
const ITSELF: u32 = u32::MAX;
const WITHIN: Duration = Duration::from_secs(30);

fn url(network: &Network, peer: u16, query: &str) -> String {
    network.url(peer, &format!("/api/v2/channels/{CHANNEL}/events?{query}"))
}

fn pay(network: &Network, amount: u32) {
    let amount = format!("amount={amount}");
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", &amount]);
    assert_eq!(sent.code, 0, "{sent:?}");
}

#[test]
fn all_peers_tell_the_same_bytes_and_each_goes_on_where_another_left_off() {
    let network = NETWORK.lease(sample);
    for amount in 1..=3 {
        pay(&network, amount);
    }
    let (height, _) = network.agreed(CHANNEL, WITHIN);
    let end = format!("{height}.{ITSELF}.{ITSELF}");
    let from_start = format!("{ALL}&from=0");
    let first = Stream::open(&url(&network, 0, &from_start), None).until(&end);
    for kind in ["block", "tx", "score"] {
        assert!(first.iter().any(|frame| frame.contains(&format!("event: {kind}\n"))), "{kind}");
    }
    for peer in 1..4 {
        let told = Stream::open(&url(&network, peer, &from_start), None).until(&end);
        assert_eq!(told, first, "peer{peer}");
    }
    let recent = &first[first.len().saturating_sub(12)..];
    for (peer, pair) in (0..4).cycle().zip(recent.windows(2)) {
        // The path still says where it began; the header counts.
        let mut next = Stream::open(&url(&network, peer, &from_start), Some(id_of(&pair[0])));
        assert_eq!(next.next_frame().as_ref(), Some(&pair[1]), "behind {}", id_of(&pair[0]));
    }
    // A stream and the list name and show an event alike.
    let list = network.cli_json(&["event", "list", "--score", "token"]);
    let path = url(&network, 1, "score=token&from=0");
    let mut stream = Stream::open(&path, None);
    for listed in list["events"].as_array().unwrap() {
        let frame = stream.next_frame().unwrap();
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(data).unwrap(), *listed);
    }
}

#[test]
fn watching_shows_lines_documents_and_what_is_wrong() {
    let network = NETWORK.lease(sample);
    pay(&network, 1);
    let said = network.cli(&[
        "event",
        "watch",
        "--types",
        "block,score",
        "--from",
        "0",
        "--limit",
        "4",
        "--json",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    let documents: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 4);
    assert_eq!(documents[0]["schema"], "loopchain.event.v1");
    assert_eq!(
        (&documents[0]["type"], &documents[0]["data"]["height"]),
        (&"block".into(), &0.into())
    );
    let id = documents[2]["id"].as_str().unwrap();
    let said = network.cli(&[
        "event",
        "watch",
        "--types",
        "block,score",
        "--last-event-id",
        id,
        "--limit",
        "1",
        "--json",
    ]);
    let next: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(next, documents[3]);
    let said = network.cli(&[
        "event", "watch", "--score", "token", "--topic", "transfer", "--from", "0", "--limit", "1",
    ]);
    assert!(said.stdout.contains("event  token.transfer  {"), "{said:?}");
    let said = network.cli(&["event", "watch", "--types", "money"]);
    assert_eq!((said.code, said.error()), (2, "LC7106".into()), "{said:?}");
    let said = network.cli(&["event", "watch", "--last-event-id", "7"]);
    assert_eq!((said.code, said.error()), (2, "LC7106".into()), "{said:?}");
    let said = network.cli(&["event", "watch", "--channel", "nowhere"]);
    assert_eq!((said.code, said.error()), (3, "LC3205".into()), "{said:?}");
}

struct Watch {
    child: Child,
    out: PathBuf,
}

impl Watch {
    fn start(network: &Network, arguments: &[&str]) -> Self {
        let out = network.folder().join("watch.out");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_loopchain-under-test"));
        let mut command = process::tied(&program);
        clean(&mut command);
        command.current_dir(network.folder()).args(["event", "watch"]).args(arguments);
        command.stdout(File::create(&out).unwrap()).stderr(Stdio::null());
        Self { child: process::start(command), out }
    }

    fn heights(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(&self.out).unwrap();
        // The last line may be on its way.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines
            .map(|line| {
                let json: Value = serde_json::from_str(line).unwrap();
                json["data"]["height"].as_u64().unwrap()
            })
            .collect()
    }

    fn reaches(&self, height: u64) {
        eventually(WITHIN, &format!("block {height} is shown"), || {
            (self.heights().last() >= Some(&height)).then_some(())
        });
    }
}

#[test]
fn a_restart_ends_streams_cleanly_and_the_watch_goes_on_without_a_gap() {
    let mut network = Network::up(sample());
    pay(&network, 1);
    let (height, _) = network.agreed(CHANNEL, WITHIN);
    let endpoint = network.url(0, "");
    let arguments = [
        "--types",
        "block",
        "--from",
        "0",
        "--json",
        "--endpoint",
        &endpoint,
        "--channel",
        CHANNEL,
    ];
    let mut watch = Watch::start(&network, &arguments);
    watch.reaches(height);
    let mut open: Vec<_> = (0..8)
        .map(|number| Stream::open(&url(&network, number % 4, "types=score"), None))
        .collect();
    assert!(network.interrupt().success());
    for stream in &mut open {
        let end = stream.next_frame().expect("a stream ends with a word");
        assert!(end.starts_with("event: end\ndata: {\"code\":\"LC3101\""), "{end}");
        assert_eq!(stream.next_frame(), None, "it ends with its last chunk");
    }
    network.start();
    pay(&network, 2);
    let (height, _) = network.agreed(CHANNEL, WITHIN);
    watch.reaches(height);
    let heights = watch.heights();
    assert_eq!(heights, (0..heights.len() as u64).collect::<Vec<_>>());
    process::signal("INT", &[watch.child.id()]);
    let status = process::ended(&mut watch.child, WITHIN).expect("Ctrl-C ends it");
    assert_eq!(status.code(), Some(130));
}
