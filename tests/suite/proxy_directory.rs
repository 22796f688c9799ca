//! A proxy that is told RadioStations and no peer: one that appears is asked, one that leaves is not, and
//! nothing changes when the RadioStation dies.

use crate::homes::{Homes, PEERS, STATION};
use std::fs;
use std::process::Child;
use std::time::Duration;
use tests::network::clean;
use tests::{eventually, http, ports, process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loopchain-under-test");
/// Debug processes on a machine that is compiling besides; a peer counts as gone after 10 s of silence.
const WITHIN: Duration = Duration::from_secs(90);

struct Proxy {
    child: Child,
    rest: u16,
    ops: u16,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Proxy {
    /// Of the network and its roots, without a key.
    fn start(homes: &Homes) -> Self {
        let home = homes.folder().join("proxy");
        fs::create_dir_all(&home).unwrap();
        let (rest, ops) = (ports::single(), ports::single());
        let station = homes.station_port() + 1_900;
        let settings = fs::read_to_string(homes.peer(0).join("peer.toml")).unwrap();
        let settings: toml::Table = settings.parse().unwrap();
        let mut network = settings["network"].as_table().unwrap().clone();
        network.remove("radiostation");
        let mut file = toml::Table::new();
        file.insert("network".to_owned(), network.into());
        let text = format!(
            "[proxy]\nradiostations = [\"http://127.0.0.1:{station}\"]\ntrust = [{:?}]\n\
             [rest]\nlisten = \"127.0.0.1:{rest}\"\n[ops]\nlisten = \"127.0.0.1:{ops}\"\n",
            homes.peer(0).join("pki/ca")
        );
        fs::write(home.join("proxy.toml"), text + &file.to_string()).unwrap();
        let mut command = process::tied(std::path::Path::new(PROGRAM));
        clean(&mut command);
        command.args(["proxy", "run", "--home"]).arg(&home).stdout(std::process::Stdio::null());
        command.stderr(fs::File::create(home.join("log")).unwrap());
        Self { child: process::start(command), rest, ops }
    }

    /// Peers that it asks, and whether they answer.
    fn peers(&self) -> Option<Vec<String>> {
        let url = format!("http://127.0.0.1:{}/metrics", self.ops);
        let text = http::exchange("GET", &url, &[], None).ok()?.body;
        let lines = text.lines().filter_map(|line| line.strip_prefix("loopchain_proxy_peer_up"));
        let mut peers: Vec<_> = lines.map(str::to_owned).collect();
        peers.sort();
        Some(peers)
    }

    fn reads(&self) {
        let url = format!("http://127.0.0.1:{}/api/v2/channels/a", self.rest);
        assert_eq!(http::get(&url).status, 200);
    }
}

fn up(homes: &Homes, peers: &[u16]) -> Vec<String> {
    let line = |peer: &u16| {
        let url = homes.url(*peer);
        format!("{{peer=\"{}\"}} 1", url.strip_prefix("http://").unwrap())
    };
    let mut lines: Vec<_> = peers.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn a_proxy_learns_its_peers_and_forgets_who_left() {
    let mut homes = Homes::make();
    homes.start(STATION);
    PEERS[..3].iter().for_each(|name| homes.start(name));
    homes.is_whole(&[0, 1, 2]);
    let proxy = Proxy::start(&homes);
    let asks = |homes: &Homes, what: &str, peers: &[u16]| {
        eventually(WITHIN, what, || (proxy.peers()? == up(homes, peers)).then_some(()));
        proxy.reads();
    };
    asks(&homes, "all that the RadioStation names", &[0, 1, 2]);
    homes.start(PEERS[3]);
    asks(&homes, "one that appeared", &[0, 1, 2, 3]);
    homes.kill(PEERS[0]);
    asks(&homes, "one that left is forgotten", &[1, 2, 3]);
    homes.kill(STATION);
    homes.start(PEERS[0]);
    proxy.reads();
    homes.kill(PEERS[1]);
    eventually(WITHIN, "the others are asked without a RadioStation", || {
        let down = proxy.peers()?.iter().filter(|line| line.ends_with(" 1")).count();
        (down == 2).then_some(())
    });
    proxy.reads();
}
