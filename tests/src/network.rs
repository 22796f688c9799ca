//! A local network of real processes: `loopchain-under-test up` on a data folder and ports of its own.
//!
//! In: [`Options`]. Out: a [`Network`] that is ready; when it is dropped its processes are killed, and
//! when the test fails their logs are printed. [`Shared`] lends one network to several tests.

use crate::eventually;
use crate::http::{self, Answer};
use crate::ports::BasePort;
use crate::process;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long `up` may take: four debug processes on a machine that is compiling besides.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long it may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Lines of each log that a failed test shows.
const LOG_LINES: usize = 40;
/// The sample of the source tree.
const CHANNELS: &str = include_str!("../../channels.toml");
/// Channel that requests of v1 mean when they name none.
pub const V1_CHANNEL: &str = "loopchain_default";
/// Channel of the profile.
pub const CHANNEL: &str = "demo";

/// How a network is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program: `env!("CARGO_BIN_EXE_loopchain-under-test")`.
    pub program: PathBuf,
    /// Text of its channels.toml.
    pub channels: String,
    /// Whether `up` prints one JSON document instead of the banner.
    pub is_json: bool,
    /// Whether it starts the proxy and the log collector, too: two processes that few tests need.
    pub has_helpers: bool,
    /// More arguments of `up`.
    pub arguments: Vec<String>,
}

impl Options {
    /// The sample channels, `--json`, no proxy and no log collector.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let (channels, arguments) = (CHANNELS.to_owned(), Vec::new());
        Self { program: program.into(), channels, is_json: true, has_helpers: false, arguments }
    }

    /// The same for people.
    #[must_use]
    pub fn with_banner(mut self) -> Self {
        self.is_json = false;
        self
    }

    /// The same with everything that `up` starts by itself.
    #[must_use]
    pub fn with_helpers(mut self) -> Self {
        self.has_helpers = true;
        self
    }

    /// The same with another argument of `up`.
    #[must_use]
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
}

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code; 255 when a signal ended it.
    pub code: i32,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Said {
    /// stdout as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the failure on stderr, of either form: `LCnnnn`.
    #[must_use]
    pub fn error(&self) -> String {
        let is_code = |text: &&str| text.bytes().skip(2).all(|byte| byte.is_ascii_digit());
        let found = self.stderr.match_indices("LC");
        let found = found.filter_map(|(at, _)| self.stderr.get(at..at + 6)).find(is_code);
        found.unwrap_or_default().to_owned()
    }
}

/// One process as `ps --json` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// `peer0`
    pub name: String,
    /// Its process; 0 when it does not run.
    pub pid: u32,
    /// URL of its REST interface.
    pub rest: String,
}

/// A running network.
#[derive(Debug)]
pub struct Network {
    options: Options,
    folder: TempDir,
    ports: BasePort,
    up: Option<Child>,
    runs: u32,
    /// The document of `up --json`; null with the banner.
    pub document: Value,
}

/// A process beside a network; killed when dropped.
#[derive(Debug)]
pub struct Beside(Child);

impl Beside {
    /// Its process, for signals.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended; none when it still runs after this time.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        process::ended(&mut self.0, within)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Builds what networks need before any of them is started, so that none waits for a compiler while
/// its time runs.
///
/// # Panics
/// When one does not compile.
pub fn build_scores() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let root = score_native_link::build::source_tree().expect("tests run in the source tree");
        for package in ["plugins-notary", "plugins-token"] {
            let built = score_native_link::build::build_score(&root, package, &mut |_| {});
            built.unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

impl Network {
    /// Starts one and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready in time.
    #[must_use]
    pub fn up(options: Options) -> Self {
        let mut network = Self::prepared(options);
        network.start();
        network
    }

    /// Its folder and ports; nothing runs yet.
    ///
    /// # Panics
    /// When files cannot be written.
    #[must_use]
    pub fn prepared(options: Options) -> Self {
        build_scores();
        let folder = tempfile::Builder::new().prefix("loopchain-net-").tempdir();
        let folder = folder.expect("a folder for a network");
        std::fs::write(folder.path().join("channels.toml"), &options.channels)
            .expect("its channels.toml can be written");
        let ports = BasePort::take();
        Self { options, folder, ports, up: None, runs: 0, document: Value::Null }
    }

    /// The folder that `up` was started in, with channels.toml and `data`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Port of its first peer.
    #[must_use]
    pub const fn base_port(&self) -> u16 {
        self.ports.number
    }

    /// URL of a peer's REST interface, or below it.
    #[must_use]
    pub fn url(&self, peer: u16, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.rest(peer))
    }

    /// URL below a peer's operations listener.
    #[must_use]
    pub fn operations(&self, peer: u16, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.rest(peer) + 50)
    }

    /// URL of the RadioStation's REST interface, or below it.
    #[must_use]
    pub fn station(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.rest(0) + 2)
    }

    /// Reads a path of a peer.
    #[must_use]
    pub fn get(&self, peer: u16, path: &str) -> Answer {
        http::get(&self.url(peer, path))
    }

    /// Sends JSON to a peer.
    #[must_use]
    pub fn post(&self, peer: u16, path: &str, json: &str) -> Answer {
        http::post(&self.url(peer, path), json)
    }

    /// State of a channel as a peer sees it; `None` when it does not answer.
    #[must_use]
    pub fn channel(&self, peer: u16, channel: &str) -> Option<Value> {
        let url = self.url(peer, &format!("/api/v2/channels/{channel}"));
        let answer = http::exchange("GET", &url, &[], None).ok()?;
        (answer.status == 200).then(|| answer.json())
    }

    /// Height of a channel at a peer; `None` when it does not answer.
    #[must_use]
    pub fn height(&self, peer: u16, channel: &str) -> Option<u64> {
        self.channel(peer, channel)?["height"].as_u64()
    }

    /// Height of a channel, and its block there, once all peers say the same.
    ///
    /// # Panics
    /// When they do not agree in time.
    pub fn agreed(&self, channel: &str, within: Duration) -> (u64, String) {
        eventually(within, "all peers are at one height with one hash", || {
            let tip = |peer| {
                let state = self.channel(peer, channel)?;
                Some((state["height"].as_u64()?, state["block_hash"].as_str()?.to_owned()))
            };
            let first = tip(0)?;
            (1..4).all(|peer| tip(peer).as_ref() == Some(&first)).then_some(first)
        })
    }

    /// Starts `up` (again) and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready in time.
    pub fn start(&mut self) {
        self.launch();
        let end = Instant::now() + READY_WITHIN;
        while !self.is_ready() {
            let up = self.up.as_mut().expect("it was started");
            if let Some(status) = process::ended(up, Duration::from_millis(20)) {
                panic!("`up` ended with {status}:{}", self.logs());
            }
            assert!(Instant::now() < end, "`up` is not ready in time:{}", self.logs());
        }
    }

    /// Starts `up` and waits for nothing.
    ///
    /// # Panics
    /// When it does not start.
    pub fn launch(&mut self) {
        self.runs += 1;
        let mut command = process::tied(&self.options.program);
        clean(&mut command);
        command.current_dir(self.folder()).arg("up").arg("--data").arg(self.data());
        command.args(["--base-port", &self.ports.number.to_string()]);
        command.arg("--config").arg(self.folder().join("channels.toml"));
        if self.options.is_json {
            command.arg("--json");
        }
        if !self.options.has_helpers {
            command.args(["--no-proxy", "--no-log-collector"]);
        }
        let file = |ending: &str| File::create(self.output(ending)).expect("a file for its output");
        command.args(&self.options.arguments).stdout(file("out")).stderr(file("err"));
        self.up = Some(process::start(command));
    }

    fn output(&self, ending: &str) -> PathBuf {
        self.folder().join(format!("up-{}.{ending}", self.runs))
    }

    fn is_ready(&mut self) -> bool {
        let text = std::fs::read_to_string(self.output("out")).unwrap_or_default();
        if self.options.is_json {
            self.document = serde_json::from_str(&text).unwrap_or_default();
            return !self.document.is_null();
        }
        text.contains("Ctrl-C stops it")
    }

    /// What the `up` that runs now, or ran last, has printed so far: stdout, then stderr.
    #[must_use]
    pub fn said(&self) -> String {
        let read = |ending| std::fs::read_to_string(self.output(ending)).unwrap_or_default();
        read("out") + &read("err")
    }

    /// The line that `up` prints with this text in it.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn said_line(&self, text: &str, within: Duration) -> String {
        eventually(within, &format!("`up` says {text:?}"), || {
            self.said().lines().find(|line| line.contains(text)).map(str::to_owned)
        })
    }

    /// The `up` process.
    ///
    /// # Panics
    /// When none runs.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.up.as_ref().expect("`up` runs").id()
    }

    /// Every process of the network that runs now, `up` too.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let mut pids = process::with_text(&self.data().display().to_string());
        let below: Vec<_> = pids.iter().flat_map(|pid| process::descendants(*pid)).collect();
        pids.extend(below);
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Ctrl-C; waits for the end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn interrupt(&mut self) -> ExitStatus {
        process::signal("INT", &[self.pid()]);
        self.wait_for_end()
    }

    /// SIGKILL for `up` alone; waits for the end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn kill_up(&mut self) -> ExitStatus {
        process::signal("KILL", &[self.pid()]);
        self.wait_for_end()
    }

    /// Waits until `up` has ended by itself.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let mut up = self.up.take().expect("`up` runs");
        let status = process::ended(&mut up, STOP_WITHIN);
        self.up = Some(up);
        let status = status.unwrap_or_else(|| panic!("`up` does not end:{}", self.logs()));
        self.up = None;
        status
    }

    /// Runs a command of this network.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> Said {
        let data = self.data().display().to_string();
        let all: Vec<_> = arguments.iter().copied().chain(["--data", data.as_str()]).collect();
        run(&self.options.program, self.folder(), &all)
    }

    /// Starts a process beside the network; it is killed when the answer is dropped. What it says is
    /// in `NAME.err` of the folder.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn beside(&self, name: &str, arguments: &[&str]) -> Beside {
        let mut command = process::tied(&self.options.program);
        clean(&mut command);
        let path = self.folder().join(format!("{name}.err"));
        let said = File::options().create(true).append(true).open(path);
        command.current_dir(self.folder()).args(arguments).stdout(Stdio::null());
        command.stderr(said.expect("a file for what it says"));
        Beside(process::start(command))
    }

    /// Runs a command of this network with `--json`; its document.
    ///
    /// # Panics
    /// When it does not exit with 0.
    #[must_use]
    pub fn cli_json(&self, arguments: &[&str]) -> Value {
        let all: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        let said = self.cli(&all);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said.json()
    }

    /// What runs, the RadioStation first.
    ///
    /// # Panics
    /// When `ps` fails.
    #[must_use]
    pub fn ps(&self) -> Vec<Process> {
        let document = self.cli_json(&["ps"]);
        let list = document["processes"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let process = |one: &Value| Process {
            name: text(&one["name"]),
            pid: one["pid"].as_u64().and_then(|pid| pid.try_into().ok()).unwrap_or_default(),
            rest: text(&one["rest"]),
        };
        list.iter().map(process).collect()
    }

    /// The process of a member.
    ///
    /// # Panics
    /// When there is no such member.
    #[must_use]
    pub fn pid_of(&self, name: &str) -> u32 {
        let found = self.ps().into_iter().find(|process| process.name == name);
        found.unwrap_or_else(|| panic!("no member {name}")).pid
    }

    /// The end of all logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        let mut files: Vec<_> = (1..=self.runs)
            .flat_map(|run| ["out", "err"].map(|e| self.folder().join(format!("up-{run}.{e}"))))
            .collect();
        let logs = std::fs::read_dir(self.data().join("logs")).into_iter().flatten().flatten();
        let mut logs: Vec<_> = logs.map(|entry| entry.path()).collect();
        logs.sort();
        files.extend(logs);
        for path in files {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let all = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<_> = all.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            text.push_str(&format!("\n--- {name}\n{}", tail.join("\n")));
        }
        text
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show(&self.logs());
        }
        if let Some(mut up) = self.up.take() {
            // `up` first, or it would start again what is killed here.
            up.kill().ok();
            up.wait().ok();
        }
        process::signal("KILL", &self.pids());
        let is_gone = || self.pids().is_empty();
        let end = Instant::now() + Duration::from_secs(5);
        while !is_gone() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[expect(clippy::print_stderr, reason = "libtest shows it with the test that failed")]
fn show(text: &str) {
    eprintln!("{text}");
}

/// Settings of the surrounding shell are not meant for a network under test.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("LOOPCHAIN_")) {
            command.env_remove(name);
        }
    }
}

/// Runs a command of a program in a folder.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(program);
    clean(&mut command);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Said {
        code: output.status.code().unwrap_or(255),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// One network for several tests; it runs as long as one of them does.
#[derive(Debug)]
pub struct Shared(Mutex<Weak<Network>>);

impl Shared {
    /// None yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it stands in a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The network that runs, else a new one.
    #[must_use]
    pub fn lease(&self, options: impl FnOnce() -> Options) -> Lease {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(network) = slot.upgrade() {
            return Lease(network);
        }
        let network = Arc::new(Network::up(options()));
        *slot = Arc::downgrade(&network);
        Lease(network)
    }
}

/// A share in a network.
#[derive(Debug)]
pub struct Lease(Arc<Network>);

impl std::ops::Deref for Lease {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The network itself tells when this is the last share.
        if std::thread::panicking() && Arc::strong_count(&self.0) > 1 {
            show(&self.0.logs());
        }
    }
}
