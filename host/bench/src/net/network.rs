//! The network under test: `loopchain up` on a folder of its own.
//!
//! In: the program, ports, a channel. Out: addresses and process ids of the peers. It starts what a
//! user starts and reads the files that `up` documents; it knows nothing of how peers work.

use super::NetOptions;
use crate::error::BenchError;
use serde::Deserialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Name of the channel under load.
pub(super) const CHANNEL: &str = "demo";
/// Name of the channel beside it, where there is one.
pub(super) const QUIET: &str = "quiet";
/// Tokens that alice gets when the SCORE is deployed.
pub(super) const SUPPLY: u64 = 1_000_000_000;
/// `up` may have to build SCOREs and rules first.
const READY_WITHIN: Duration = Duration::from_secs(600);
const STOP_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// How much of the end of a log goes into an error, bytes.
const TAIL_BYTES: usize = 1_500;

/// What is read of `network.json`.
#[derive(Debug, Deserialize)]
struct NetworkFile {
    members: Vec<Member>,
    organisations: Vec<Organisation>,
}

#[derive(Debug, Deserialize)]
struct Member {
    name: String,
    role: String,
    port: u16,
}

#[derive(Debug, Deserialize)]
struct Organisation {
    name: String,
}

/// What is read of `run.json`.
#[derive(Debug, Deserialize)]
struct RunFile {
    is_ready: bool,
    processes: Vec<RunningProcess>,
}

#[derive(Debug, Deserialize)]
struct RunningProcess {
    name: String,
    pid: u32,
}

/// A channel with a token that is alice's.
fn with_token(channel: &str) -> String {
    format!(
        "[channel.{channel}.score.token]\ndeployer = \"alice\"\ndeploy = {{ supply = \"{SUPPLY}\" }}\n"
    )
}

/// REST listens so far above a peer's own port.
const REST_ABOVE: u16 = 1900;

/// A peer of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// `host:port` of its REST interface.
    pub(super) rest: String,
    /// Its process.
    pub(super) pid: u32,
}

/// A running network; stopped when dropped.
#[derive(Debug)]
pub(super) struct LocalNetwork {
    program: PathBuf,
    data: PathBuf,
    up: Child,
    /// The peers, in order.
    pub(super) peers: Vec<Peer>,
    /// Its organisations.
    pub(super) organisations: Vec<String>,
}

impl LocalNetwork {
    /// Starts one below `folder` and waits until it is ready.
    pub(super) fn start(
        options: &NetOptions,
        folder: &Path,
        is_durable: bool,
    ) -> Result<Self, BenchError> {
        Self::start_with(options, folder, is_durable, &with_token(CHANNEL))
    }

    /// The channels of [`start_with`](Self::start_with) when there are two: SCOREs of the one under load
    /// need not count their steps.
    pub(super) fn two_channels() -> String {
        let (quiet, loaded) = (with_token(QUIET), with_token(CHANNEL));
        format!("{quiet}{loaded}[channel.{CHANNEL}.execution]\nmetering = \"optional\"\n")
    }

    /// Channels of these names, each with a token that is alice's.
    pub(super) fn with_tokens(channels: &[&str]) -> String {
        channels.iter().map(|channel| with_token(channel)).collect()
    }

    /// Starts one with the channels of this file.
    pub(super) fn start_with(
        options: &NetOptions,
        folder: &Path,
        is_durable: bool,
        text: &str,
    ) -> Result<Self, BenchError> {
        let data = folder.join("network");
        let channels = folder.join("channels.toml");
        fs::write(&channels, text).map_err(BenchError::disk("write", &channels))?;
        let log = folder.join("up.log");
        let output = File::create(&log).map_err(BenchError::disk("make", &log))?;
        let errors = output.try_clone().map_err(BenchError::disk("open", &log))?;
        let durability = if is_durable { "full" } else { "os" };
        let up = Command::new(&options.program)
            .args(["up", "--json", "--config"])
            .arg(&channels)
            .arg("--data")
            .arg(&data)
            .args(["--peers", &options.peers.to_string()])
            .args(["--base-port", &options.base_port.to_string()])
            .args(["--set", &format!("storage.durability={durability}")])
            .args(["--set", "log.level=warn"])
            // Nobody uses them, and they are processes on the same cores.
            .args(["--no-proxy", "--no-log-collector"])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(BenchError::disk("start", &options.program))?;
        let program = options.program.clone();
        let mut network = Self { program, data, up, peers: Vec::new(), organisations: Vec::new() };
        network.wait_until_ready(&log)?;
        Ok(network)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<(), BenchError> {
        let end = Instant::now() + READY_WITHIN;
        loop {
            let status = self.up.try_wait().map_err(BenchError::disk("wait for", &self.program))?;
            if let Some(status) = status {
                let tail = tail(log);
                return Err(BenchError::Network(format!("`up` ended with {status}: {tail}")));
            }
            let run: Option<RunFile> = read(&self.data.join("run.json"));
            if let Some(run) = run.filter(|run| run.is_ready) {
                return self.take_in(&run);
            }
            if Instant::now() >= end {
                let seconds = READY_WITHIN.as_secs();
                let tail = tail(log);
                return Err(BenchError::Network(format!("not ready after {seconds} s: {tail}")));
            }
            std::thread::sleep(POLL);
        }
    }

    fn take_in(&mut self, run: &RunFile) -> Result<(), BenchError> {
        let network: Option<NetworkFile> = read(&self.data.join("network.json"));
        let odd = || BenchError::Network("network.json is not as `up` writes it".to_owned());
        let network = network.ok_or_else(odd)?;
        for member in network.members.iter().filter(|member| member.role == "peer") {
            let process = run.processes.iter().find(|process| process.name == member.name);
            let pid = process.ok_or_else(odd)?.pid;
            let port = member.port.checked_add(REST_ABOVE).ok_or_else(odd)?;
            self.peers.push(Peer { rest: format!("127.0.0.1:{port}"), pid });
        }
        self.organisations = network.organisations.into_iter().map(|o| o.name).collect();
        if self.peers.is_empty() || self.organisations.is_empty() { Err(odd()) } else { Ok(()) }
    }

    /// Deploys a SCORE file on a channel and waits until it is active.
    pub(super) fn deploy(&self, file: &Path, channel: &str, args: &str) -> Result<(), BenchError> {
        let mut deploy = Command::new(&self.program);
        deploy.args(["score", "deploy"]).arg(file).args(["--args", args, "--channel", channel]);
        deploy.arg("--data").arg(&self.data).stdin(Stdio::null());
        let said = deploy.output().map_err(BenchError::disk("start", &self.program))?;
        if said.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        Err(BenchError::Network(format!("{} is not deployed: {error}", file.display())))
    }

    /// Folder of the authority that issues certificates.
    pub(super) fn authority(&self) -> PathBuf {
        self.data.join("pki/ca")
    }

    /// Key and certificate of somebody whose identity is here.
    pub(super) fn person(&self, name: &str) -> (PathBuf, PathBuf) {
        let keys = self.data.join("keys");
        (keys.join(format!("{name}.key")), keys.join(format!("{name}.crt")))
    }

    /// The process of `up`.
    pub(super) fn up_pid(&self) -> u32 {
        self.up.id()
    }

    /// Bytes on disk of all peers.
    pub(super) fn disk_bytes(&self) -> u64 {
        folder_bytes(&self.data.join("peers"))
    }

    /// Asks the network to stop and waits for it.
    pub(super) fn stop(mut self) -> Result<(), BenchError> {
        self.ask_to_stop();
        let end = Instant::now() + STOP_WITHIN;
        loop {
            let status = self.up.try_wait().map_err(BenchError::disk("wait for", &self.program))?;
            match status {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(BenchError::Network(format!("`up` ended with {status}")));
                }
                None if Instant::now() >= end => {
                    let seconds = STOP_WITHIN.as_secs();
                    return Err(BenchError::Network(format!("still running after {seconds} s")));
                }
                None => std::thread::sleep(POLL),
            }
        }
    }

    fn ask_to_stop(&self) {
        let mut down = Command::new(&self.program);
        down.arg("down").arg("--data").arg(&self.data);
        // What went wrong shows when `up` does not end.
        down.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

impl Drop for LocalNetwork {
    fn drop(&mut self) {
        if !matches!(self.up.try_wait(), Ok(Some(_))) {
            self.ask_to_stop();
            // The children of `up` stop when it is gone.
            self.up.kill().ok();
            self.up.wait().ok();
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    // The file is replaced as a whole; before `up` has made it there is none.
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = bytes.len().saturating_sub(TAIL_BYTES);
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).trim().to_owned()
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => folder_bytes(&entry.path()),
        // Files made large in advance count with what is in them.
        Ok(about) => std::os::unix::fs::MetadataExt::blocks(&about) * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_up_writes_is_read_and_the_rest_of_it_ignored() {
        let run = r#"{"schema":"x","pid":1,"started_us":2,"is_ready":true,
            "processes":[{"name":"peer0","pid":7,"restarts":0}]}"#;
        let run: RunFile = serde_json::from_str(run).unwrap();
        assert!(run.is_ready && run.processes[0].pid == 7);
        let network = r#"{"members":[{"name":"peer0","org":"a","role":"peer","port":7100}],
            "organisations":[{"name":"a","root":"00"}],"base_port":7100}"#;
        let network: NetworkFile = serde_json::from_str(network).unwrap();
        assert_eq!(network.members[0].port, 7100);
        assert_eq!(network.organisations[0].name, "a");
    }

    #[test]
    fn a_program_that_ends_at_once_is_told_with_what_it_said() {
        let folder = tempdir();
        let options = NetOptions { program: "/bin/false".into(), ..NetOptions::default() };
        let refused = LocalNetwork::start(&options, folder.path(), true).unwrap_err();
        assert!(matches!(&refused, BenchError::Network(_)), "{refused}");
    }

    fn tempdir() -> crate::scratch::Scratch {
        crate::scratch::Scratch::new(&std::env::temp_dir()).unwrap()
    }
}
