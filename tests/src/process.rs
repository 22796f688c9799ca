//! Processes of a test: started so that they cannot outlive it, signalled, waited for.
//!
//! In: commands. Out: children whose parent is one thread that lives as long as the test program;
//! the kernel kills them when it ends (`setpriv --pdeathsig`). A thread of a single test would not
//! do: it ends with its test, and a shared network must not.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

type Order = (Command, SyncSender<io::Result<Child>>);

/// `program` with its arguments to come, killed when this test program ends.
#[must_use]
pub fn tied(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program).stdin(Stdio::null());
    command
}

/// Starts a command from the thread that lives as long as the test program.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn start(command: Command) -> Child {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let shown = format!("{command:?}");
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, queue) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in queue {
                reply.send(command.spawn()).ok();
            }
        });
        orders
    });
    let (reply, started) = sync_channel(1);
    spawner.send((command, reply)).expect("the thread that starts processes lives for ever");
    let started = started.recv().expect("it answers every order");
    started.unwrap_or_else(|error| panic!("{shown} does not start: {error}"))
}

/// Sends a signal (`KILL`, `INT`) to processes; those that are gone are passed over.
///
/// # Panics
/// When there is no `kill` program.
pub fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(pids).stderr(Stdio::null());
    kill.status().expect("`kill` is there");
}

/// Whether a process is there and no zombie.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}

/// The command line of a process; empty when it is gone.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Processes whose command line contains a text, such as a data folder.
#[must_use]
pub fn with_text(text: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id() && command_line(*pid).contains(text)).collect()
}

/// Processes below one, with theirs.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")));
    let children: Vec<u32> = lists
        .flat_map(|list| {
            let list = list.unwrap_or_default();
            list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect();
    children.iter().copied().chain(children.iter().flat_map(|child| descendants(*child))).collect()
}

/// Waits for the end of a process, at most so long.
///
/// # Panics
/// When the system does not tell.
#[must_use]
pub fn ended(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + within;
    loop {
        let status = child.try_wait().expect("a child can be waited for");
        if status.is_some() || Instant::now() >= end {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
