//! A network from the homes that `testnet init` makes: every process is the test's own, so it may be killed
//! and stay dead. Four peers of four organisations, a RadioStation, the channel `a`.

use host_identity::{Root, keyfile};
use host_types::{Hash32, NetworkId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;
use tests::network::{Said, build_scores, clean, run};
use tests::ports::BasePort;
use tests::{eventually, http, process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loopchain-under-test");
/// Five debug processes on a machine that is compiling besides.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// Whom the payments go to.
const PAYEE: &str = "hx1111111111111111111111111111111111111111";
/// The peers, by their place in the validator set.
pub(crate) const PEERS: [&str; 4] =
    ["bank-a/peer0", "bank-b/peer1", "exchange/peer2", "registrar/peer3"];

/// The RadioStation of the network.
pub(crate) const STATION: &str = "bank-a/radiostation";

/// The homes, and the processes that run.
pub(crate) struct Homes {
    place: tempfile::TempDir,
    port: BasePort,
    targets: Option<String>,
    running: BTreeMap<String, Child>,
}

impl Homes {
    /// Makes them; nothing runs.
    pub(crate) fn make() -> Self {
        Self::with("a")
    }

    /// With these channels, commas between them.
    pub(crate) fn with(channels: &str) -> Self {
        build_scores();
        let (place, port) = (tempfile::tempdir().unwrap(), BasePort::take());
        let homes = Self { place, port, targets: None, running: BTreeMap::new() };
        let line = format!(
            "testnet init --peers 4 --orgs 4 --channels {channels} --out net --base-port {} \
             --no-password",
            homes.port.number
        );
        homes.ok(&line);
        homes
    }

    pub(crate) fn folder(&self) -> &Path {
        self.place.path()
    }

    /// The home of `ORG/NAME`.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder().join("net").join(name)
    }

    pub(crate) fn home_text(&self, name: &str) -> String {
        self.home(name).display().to_string()
    }

    pub(crate) fn peer(&self, peer: usize) -> PathBuf {
        self.home(PEERS[peer])
    }

    /// Where the RadioStation of the network listens.
    pub(crate) fn station_port(&self) -> u16 {
        self.port.number + 2
    }

    /// Runs a line that must work.
    pub(crate) fn ok(&self, line: &str) -> Said {
        let said = self.cli(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, 0, "{line}: {said:?}");
        said
    }

    pub(crate) fn cli(&self, words: &[&str]) -> Said {
        run(Path::new(PROGRAM), self.folder(), words)
    }

    pub(crate) fn cli_json(&self, words: &[&str]) -> Value {
        let said = self.cli(&[words, &["--json"]].concat());
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
        said.json()
    }

    /// Another RadioStation, by the commands that its organisation types.
    pub(crate) fn add_radiostation(&self, name: &str, port: u16) {
        let (org, short) = name.split_once('/').unwrap();
        let file = self.folder().join("net/network.toml");
        let text = fs::read_to_string(&file).unwrap();
        let known = format!("targets = [\"127.0.0.1:{}\"", self.station_port());
        assert!(text.contains(&known), "{text}");
        let with = format!("{known}, \"{name}@127.0.0.1:{port}\"");
        fs::write(&file, text.replace(&known, &with)).unwrap();
        let home = format!("net/{name}");
        self.ok(&format!(
            "radiostation init --home {home} --network net/network.toml --org {org} --name {short} \
             --listen 127.0.0.1:{port} --no-password"
        ));
        self.ok(&format!(
            "ca sign {home}/pki/request.pem --role radiostation --dir net/{org}/ca --out back.pem"
        ));
        self.ok(&format!("radiostation init --home {home} --certificates back.pem --no-password"));
        let channels = self.home(name).join("channels");
        fs::create_dir_all(&channels).unwrap();
        fs::copy(self.peer(0).join("channels/a.genesis"), channels.join("a.genesis")).unwrap();
    }

    /// RadioStations that every peer listens to, as they stand between the first and the last quote.
    pub(crate) fn listen_to(&mut self, targets: &str) {
        self.targets = Some(format!("radiostation.targets=[\"{targets}\"]"));
    }

    /// Starts the process of a home.
    pub(crate) fn start(&mut self, name: &str) {
        let is_station = !PEERS.contains(&name);
        let mut command = process::tied(Path::new(PROGRAM));
        clean(&mut command);
        command.arg(if is_station { "radiostation" } else { "peer" }).args(["run", "--home"]);
        command.arg(self.home(name)).current_dir(self.folder());
        if let (false, Some(targets)) = (is_station, &self.targets) {
            command.args(["--set", targets]);
        }
        if is_station && name != STATION {
            // Nobody asks for its pages: any port that is free.
            command.args(["--set", "rest.listen=127.0.0.1:0", "--set", "ops.listen=127.0.0.1:0"]);
        }
        let log = || {
            let options =
                File::options().create(true).append(true).open(self.home(name).join("log"));
            options.unwrap()
        };
        command.stdout(log()).stderr(log());
        self.running.insert(name.to_owned(), process::start(command));
    }

    /// Its process.
    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.running[name].id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, name: &str) {
        let mut child = self.running.remove(name).unwrap_or_else(|| panic!("{name} runs"));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What a process has logged so far.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.home(name).join("log")).unwrap_or_default()
    }

    pub(crate) fn url(&self, peer: u16) -> String {
        format!("http://127.0.0.1:{}", self.port.rest(peer))
    }

    /// The channel as a peer has it; none when it does not answer.
    pub(crate) fn channel(&self, peer: u16) -> Option<Value> {
        let url = format!("{}/api/v2/channels/a", self.url(peer));
        let answer = http::exchange("GET", &url, &[], None).ok()?;
        (answer.status == 200).then(|| answer.json())
    }

    pub(crate) fn height(&self, peer: u16) -> Option<u64> {
        self.channel(peer)?["height"].as_u64()
    }

    /// The first sample of a metric of a peer that begins with a text.
    pub(crate) fn metric(&self, peer: u16, begins: &str) -> Option<u64> {
        let url = format!("http://127.0.0.1:{}/metrics", self.port.rest(peer) + 50);
        let answer = http::exchange("GET", &url, &[], None).ok()?;
        let line = answer.body.lines().find(|line| line.starts_with(begins))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// Waits until these peers are connected to each other and at one height.
    pub(crate) fn is_whole(&self, peers: &[u16]) {
        for peer in peers {
            eventually(READY_WITHIN, "it is connected to the others", || {
                let all = self.channel(*peer)?["validators"].as_array()?.clone();
                let is_there = |other: &u16| {
                    let name = PEERS[usize::from(*other)];
                    all.iter().any(|one| one["name"] == name && one["connected"] == true)
                };
                peers.iter().all(is_there).then_some(())
            });
        }
        eventually(READY_WITHIN, "they are at one height", || {
            let heights: Option<Vec<_>> = peers.iter().map(|peer| self.height(*peer)).collect();
            heights?.windows(2).all(|two| two[0] == two[1]).then_some(())
        });
    }

    /// A SCORE that is paid with, approved by three organisations.
    pub(crate) fn activate_token(&self) {
        let at = format!("-c a --endpoint {}", self.url(0));
        let key =
            |peer: usize| format!("--identity {}", self.peer(peer).join("pki/sign.key").display());
        eventually(READY_WITHIN, "the peer has looked into its plugin folder", || {
            self.ok(&format!("score list {at}")).stdout.contains("token").then_some(())
        });
        let proposed = self.ok(&format!(
            "score deploy token@0.1.0 --args {{\"supply\":\"5\"}} --propose --json {at} {}",
            key(0)
        ));
        let id = proposed.json()["change"].as_str().unwrap().to_owned();
        for peer in [1, 2] {
            self.ok(&format!("score approve {id} {at} {}", key(peer)));
        }
        eventually(READY_WITHIN, "token is active", || {
            let asked = format!("query token.total_supply {at}");
            (self.cli(&asked.split_whitespace().collect::<Vec<_>>()).code == 0).then_some(())
        });
    }

    /// A payment by the operator of bank-a is final, within the time of the command.
    pub(crate) fn pays(&self) {
        self.ok(&format!(
            "tx send token transfer to={PAYEE} amount=0 -c a --endpoint {} \
             --identity net/bank-a/operator/sign.key",
            self.url(0)
        ));
    }

    /// Who signed the newest block.
    pub(crate) fn signers(&self) -> Vec<String> {
        let url = format!("{}/api/v2/channels/a/blocks/latest", self.url(0));
        let block = http::get(&url).json();
        let signers = block["proof"]["signers"].as_array().cloned().unwrap_or_default();
        signers.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    }

    /// Settings of the network that every home has.
    fn settings(&self) -> toml::Table {
        fs::read_to_string(self.peer(0).join("peer.toml")).unwrap().parse().unwrap()
    }

    pub(crate) fn network(&self) -> NetworkId {
        NetworkId::from_hex(self.settings()["network"]["id"].as_str().unwrap()).unwrap()
    }

    pub(crate) fn organisations(&self) -> Vec<(String, Hash32)> {
        let settings = self.settings();
        let all = settings["network"]["organisations"].as_table().unwrap().iter();
        let root = |text: &str| Hash32::from_hex(text.strip_prefix("SHA256:").unwrap()).unwrap();
        all.map(|(name, text)| (name.clone(), root(text.as_str().unwrap()))).collect()
    }

    pub(crate) fn roots(&self) -> Vec<Root> {
        let files = fs::read_dir(self.peer(0).join("pki/ca")).unwrap().flatten();
        let root =
            |path: PathBuf| Root::from_der(&keyfile::load_certificate(&path).unwrap()).unwrap();
        files.map(|entry| root(entry.path())).collect()
    }
}

impl Drop for Homes {
    fn drop(&mut self) {
        for (name, mut child) in std::mem::take(&mut self.running) {
            child.kill().ok();
            child.wait().ok();
            if std::thread::panicking() {
                let log = self.log(&name);
                let lines: Vec<_> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(30)..].join("\n");
                show(&format!("--- {name}\n{tail}"));
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "libtest shows it with the test that failed")]
fn show(text: &str) {
    eprintln!("{text}");
}
