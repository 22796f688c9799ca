//! `score show NAME --peers --radiostation URL`: the peers of a channel as a RadioStation lists them, one of them
//! dead, and a RadioStation that lies.

use crate::homes::{Homes, PEERS, STATION};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_identity::Certificate;
use host_rpc::directory::SignedEntry;
use host_types::Decode;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use tests::network::Said;
use tests::{eventually, http};

/// Debug processes on a machine that is compiling besides.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

fn show(homes: &Homes, station: &str, more: &[&str]) -> Said {
    let endpoint = homes.url(0);
    let words = ["score", "show", "token", "-c", "a", "--endpoint", &endpoint];
    homes.cli(&[&words, &["--peers", "--radiostation", station][..], more].concat())
}

/// The peers by name, and why one of them said nothing.
fn rows(said: &Said) -> Vec<(String, Option<String>)> {
    assert_eq!(said.code, 0, "{said:?}");
    let document = said.json();
    let row = |one: &Value| {
        let code = one["error"]["code"].as_str().map(str::to_owned);
        (one["peer"].as_str().unwrap().to_owned(), code)
    };
    document["peers"].as_array().unwrap().iter().map(row).collect()
}

/// Serves one JSON document to whoever asks, as long as the test runs.
fn serve(page: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = page.to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The request fits, and is the only one of its connection.
            let asked = stream.read(&mut [0; 4_096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            asked.and_then(|_| stream.write_all(answer.as_bytes())).ok();
        }
    });
    url
}

#[test]
fn every_peer_that_a_radiostation_lists_answers_for_itself_or_is_told_with_the_reason() {
    let mut homes = Homes::make();
    homes.start(STATION);
    PEERS.iter().for_each(|name| homes.start(name));
    homes.is_whole(&[0, 1, 2, 3]);
    for peer in 0..4 {
        let url = format!("{}/api/v2/channels/a/scores/token/versions", homes.url(peer));
        eventually(WITHIN, "it has installed the SCORE", || {
            (http::get(&url).status == 200).then_some(())
        });
    }
    let station = format!("http://127.0.0.1:{}", homes.station_port() + 1_900);
    let page = eventually(WITHIN, "all are listed", || {
        let page = http::get(&format!("{station}/api/v2/peers")).json();
        (page["peers"].as_array()?.len() == PEERS.len()).then_some(page)
    });
    let mut found = rows(&show(&homes, &station, &["--json"]));
    found.sort();
    let all: Vec<_> = PEERS.iter().map(|name| ((*name).to_owned(), None)).collect();
    assert_eq!(found, all);
    let plain = show(&homes, &station, &[]).stdout;
    assert_eq!(plain.matches("token  0.1.0").count(), 4, "{plain}");

    homes.kill(PEERS[1]);
    let found = rows(&show(&homes, &station, &["--json"]));
    let dead = ("bank-b/peer1".to_owned(), Some("LC3101".to_owned()));
    assert_eq!(found.iter().filter(|row| **row == dead).count(), 1, "{found:?}");
    assert_eq!(found.iter().filter(|(_, error)| error.is_none()).count(), 3, "{found:?}");
    let plain = show(&homes, &station, &[]).stdout;
    assert!(plain.contains("! bank-b/peer1 at http://127.0.0.1:"), "{plain}");

    a_lie_is_told_and_nothing_is_asked_there(&homes, page);
    let nobody = show(&homes, "http://127.0.0.1:9", &[]);
    assert_eq!((nobody.code, nobody.error().as_str()), (5, "LC3101"), "{nobody:?}");
    let no_station = show(&homes, &homes.url(0), &[]);
    assert_ne!(no_station.code, 0, "{no_station:?}");
    let unknown = homes.cli(&[
        "score",
        "show",
        "nothing",
        "-c",
        "a",
        "--endpoint",
        &homes.url(0),
        "--peers",
        "--radiostation",
        &station,
    ]);
    assert_eq!((unknown.code, unknown.error().as_str()), (4, "LC2106"), "{unknown:?}");
}

/// One that leaves a validator out and changes what another has signed.
fn a_lie_is_told_and_nothing_is_asked_there(homes: &Homes, mut page: Value) {
    let of = |entry: &Value, name: &str| {
        let bytes = STANDARD.decode(entry["entry"].as_str().unwrap()).unwrap();
        let entry = SignedEntry::from_bytes(&bytes).unwrap();
        Certificate::parse(&entry.entry().certificate).unwrap().name.as_str() == name
    };
    let peers = page["peers"].as_array_mut().unwrap();
    peers.retain(|entry| !of(entry, PEERS[2]));
    let forged = peers.iter_mut().find(|entry| of(entry, PEERS[3])).unwrap();
    let mut bytes = STANDARD.decode(forged["entry"].as_str().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    forged["entry"] = json!(STANDARD.encode(bytes));
    let liar = serve(&page);
    let found = rows(&show(homes, &liar, &["--json"]));
    let error = |name: &str| found.iter().find(|(of, _)| of == name).unwrap().1.clone();
    assert_eq!(error(PEERS[0]), None, "{found:?}");
    assert_eq!(error(PEERS[2]).as_deref(), Some("LC3101"), "{found:?}");
    assert_eq!(error(PEERS[3]).as_deref(), Some("LC4117"), "{found:?}");
    let plain = show(homes, &liar, &[]).stdout;
    assert!(plain.contains("! exchange/peer2: the RadioStation lists no entry of it"), "{plain}");
    assert!(plain.contains("! registrar/peer3: its entry is not believed: "), "{plain}");
}
