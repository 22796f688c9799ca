//! The processes of a local network: started, watched, started again, stopped in order.
//!
//! In: [`Part`]s of the network. Out: running children and [`Event`]s about them. A child dies with
//! `up` however that dies: it holds the reading end of a pipe whose other end only `up` has, and
//! stops when the pipe closes. Children have a process group of their own, so that Ctrl-C reaches
//! `up` only, which stops them in order.

use crate::failure::Failure;
use crate::network::{
    DataFolder, Member, MemberRole, RunFile, RunningProcess, make_folder, write_json,
};
use host_types::fault::Code;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long a dead peer stays dead: long enough to be noticed, and not to spin.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// How long a child may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Events that wait to be told.
const EVENTS_MAX: usize = 64;
/// How much of the end of a log goes into an error, bytes.
const TAIL_BYTES: usize = 2_000;

/// What a child is, in the order in which they are stopped: who asks peers first, and last who takes the
/// last lines of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One address in front of all peers.
    Proxy,
    /// A validating peer.
    Peer,
    /// The directory.
    Radiostation,
    /// Keeps everybody's lines.
    LogCollector,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Proxy, Self::Peer, Self::Radiostation, Self::LogCollector];

    /// The noun of its command.
    const fn noun(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Peer => "peer",
            Self::Radiostation => "radiostation",
            Self::LogCollector => "log-collector",
        }
    }
}

/// A process to run.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its home, relative to the data folder.
    pub home: PathBuf,
    /// Arguments beside its home.
    pub arguments: Vec<String>,
}

impl Part {
    /// That of a member.
    pub(crate) fn of(member: &Member, arguments: Vec<String>) -> Self {
        let kind = match member.role {
            MemberRole::Radiostation => Kind::Radiostation,
            MemberRole::Peer => Kind::Peer,
        };
        Self { kind, name: member.name.clone(), home: member.home.clone(), arguments }
    }
}

/// What a child is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Run,
    Stop,
    Kill,
}

/// What happened to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It ended without being asked to; how.
    Died(String, String),
    /// It was started again.
    Restarted(String),
    /// It cannot be started; why.
    NotStarted(String, String),
}

/// The children of one `up`.
#[derive(Debug)]
pub(crate) struct Children {
    data: DataFolder,
    run: Arc<Mutex<RunFile>>,
    phases: Vec<(Kind, watch::Sender<Phase>)>,
    tasks: Vec<(Kind, JoinHandle<()>)>,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
}

impl Children {
    /// None yet.
    pub(crate) fn new(data: &DataFolder) -> Self {
        let run = RunFile {
            schema: "loopchain.run.v1".to_owned(),
            pid: std::process::id(),
            started_us: crate::time::now_us(),
            ..RunFile::default()
        };
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        Self {
            data: data.clone(),
            run: Arc::new(Mutex::new(run)),
            phases: Vec::new(),
            tasks: Vec::new(),
            sender,
            events,
        }
    }

    /// Starts one and keeps it running.
    pub(crate) fn start(&mut self, part: Part) -> Result<(), Failure> {
        make_folder(&self.data.join("logs"))?;
        let (phase, phases) = watch::channel(Phase::Run);
        let kind = part.kind;
        let nurse = Nurse {
            data: self.data.clone(),
            part,
            run: Arc::clone(&self.run),
            phases,
            events: self.sender.clone(),
        };
        let child = nurse.spawn()?;
        self.phases.push((kind, phase));
        self.tasks.push((kind, tokio::spawn(nurse.watch(child))));
        Ok(())
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Tells `ps` that the network answers.
    pub(crate) fn set_ready(&self) -> Result<(), Failure> {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        run.is_ready = true;
        write_json(&self.data.join("run.json"), &*run)
    }

    /// Whether [`Children::set_ready`] was called.
    pub(crate) fn is_ready(&self) -> bool {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).is_ready
    }

    /// Whether any was started.
    pub(crate) fn has_any(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Stops them, kind by kind.
    pub(crate) async fn stop(&mut self) {
        for kind in Kind::ALL {
            self.tell(kind, Phase::Stop);
            for (_, task) in self.tasks.iter_mut().filter(|(of, _)| *of == kind) {
                // A nurse that panicked has dropped its child, which kills it.
                task.await.ok();
            }
        }
        self.tasks.clear();
    }

    /// Ends every wait of [`Children::stop`].
    pub(crate) fn kill(&self) -> impl Fn() + use<> {
        let phases: Vec<_> = self.phases.iter().map(|(_, phase)| phase.clone()).collect();
        move || {
            for phase in &phases {
                phase.send_replace(Phase::Kill);
            }
        }
    }

    fn tell(&self, kind: Kind, wish: Phase) {
        for (_, phase) in self.phases.iter().filter(|(of, _)| *of == kind) {
            phase.send_if_modified(|phase| {
                let is_more = *phase < wish;
                *phase = wish.max(*phase);
                is_more
            });
        }
    }
}

/// Starts and watches one child.
struct Nurse {
    data: DataFolder,
    part: Part,
    run: Arc<Mutex<RunFile>>,
    phases: watch::Receiver<Phase>,
    events: mpsc::Sender<Event>,
}

impl Nurse {
    fn spawn(&self) -> Result<(Child, ChildStdin), Failure> {
        let path = self.data.log(&self.part.name);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(|error| Failure::file(&path, &error))?;
        let second = log.try_clone().map_err(|error| Failure::file(&path, &error))?;
        let mut command = Command::new(program());
        command.args([self.part.kind.noun(), "run", "--until-stdin-closes", "--home"]);
        command.arg(self.data.join(&self.part.home)).args(&self.part.arguments);
        if self.part.kind != Kind::Peer {
            // Settings in the environment are meant for peers; others have other keys.
            let names = std::env::vars_os().map(|(name, _)| name);
            let settings = names.filter(|name| {
                name.to_str().is_some_and(|n| n.starts_with("LOOPCHAIN_") && n.contains("__"))
            });
            settings.for_each(|name| {
                command.env_remove(name);
            });
        }
        command.stdin(Stdio::piped()).stdout(log).stderr(second);
        command.process_group(0).kill_on_drop(true);
        let failed = |error: std::io::Error| {
            let message = format!("{} does not start: {error}", self.part.name);
            Failure::new(Code::StartFailed, message)
        };
        let mut child = command.spawn().map_err(failed)?;
        let stdin =
            child.stdin.take().ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
        self.record(child.id())?;
        Ok((child, stdin))
    }

    /// Writes into `run.json` which process it is now.
    fn record(&self, pid: Option<u32>) -> Result<(), Failure> {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &self.part.name;
        match (pid, run.processes.iter_mut().find(|process| process.name == *name)) {
            (Some(pid), Some(process)) => {
                process.pid = pid;
                process.restarts += 1;
            }
            (Some(pid), None) => {
                run.processes.push(RunningProcess { name: name.clone(), pid, restarts: 0 });
            }
            (None, _) => run.processes.retain(|process| process.name != *name),
        }
        write_json(&self.data.join("run.json"), &*run)
    }

    async fn watch(mut self, mut child: (Child, ChildStdin)) {
        loop {
            let how = tokio::select! {
                ended = child.0.wait() => match ended {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                },
                () = asked(&mut self.phases, Phase::Stop) => return self.stop(child).await,
            };
            let name = self.part.name.clone();
            // Nobody listens any more only when `up` is ending.
            self.events.send(Event::Died(name.clone(), how)).await.ok();
            child = loop {
                tokio::select! {
                    () = tokio::time::sleep(RESTART_AFTER) => {}
                    () = asked(&mut self.phases, Phase::Stop) => return,
                }
                match self.spawn() {
                    Ok(child) => break child,
                    Err(why) => {
                        let event = Event::NotStarted(name.clone(), why.message().to_owned());
                        self.events.send(event).await.ok();
                    }
                }
            };
            self.events.send(Event::Restarted(name)).await.ok();
        }
    }

    /// Closing the pipe asks it to stop; after a while, or when asked twice, it is killed.
    async fn stop(&mut self, (mut child, stdin): (Child, ChildStdin)) {
        drop(stdin);
        let is_gone = tokio::select! {
            _ = child.wait() => true,
            () = tokio::time::sleep(STOP_WITHIN) => false,
            () = asked(&mut self.phases, Phase::Kill) => false,
        };
        if !is_gone {
            // It may have ended in between.
            child.kill().await.ok();
        }
        self.record(None).ok();
    }
}

/// Returns when at least this is asked for.
async fn asked(phases: &mut watch::Receiver<Phase>, least: Phase) {
    // An error means that `up` has dropped the sender: it is ending.
    phases.wait_for(|phase| *phase >= least).await.ok();
}

/// This program. A build may have put another file in its place; the running one still works.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    if own.is_file() { own } else { PathBuf::from("/proc/self/exe") }
}

/// The last lines of a child's log, for an error.
pub(crate) fn log_tail(data: &DataFolder, name: &str) -> String {
    let bytes = std::fs::read(data.log(name)).unwrap_or_default();
    let start = bytes.len().saturating_sub(TAIL_BYTES);
    let text = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().map(|line| format!("\n  {line}")).collect()
}
