//! Starts a worker process: what it inherits, and nothing else.
//!
//! In: the program and the sealed SCORE file. Out: the process, our end of its socket and its
//! progress page. The child finds its socket at descriptor 3, the progress page at 4 and the
//! SCORE at 5; every other descriptor is closed, the environment is empty, and it dies with us.
//! The sandbox itself is the worker's own work, before it loads the SCORE.
#![expect(unsafe_code, reason = "memfd, seals and pre_exec have no safe form in std")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

/// Descriptor of the socket in the worker.
pub const SOCKET_FD: RawFd = 3;
/// Descriptor of the progress page in the worker.
pub const PROGRESS_FD: RawFd = 4;
/// Descriptor of the sealed SCORE file in the worker.
pub const SCORE_FD: RawFd = 5;

/// How much a worker with heavy batches yields (`nice`): beside something else it gets a tenth.
const NICENESS: libc::c_int = 10;

/// How long a worker with heavy batches keeps the processor once it has it, where nobody else wants it. Being nice
/// does not end a turn: whoever wakes up waits for its end, about 3 ms. But since Linux 6.12 whoever
/// takes shorter turns, as everybody does by default, goes first at once.
const TURN: Duration = Duration::from_millis(50);

/// Bytes of the worker's first stack: the usual limit. Calls have a stack of their own.
const MAIN_STACK_BYTES: libc::rlim_t = 8 << 20;

/// Bytes of the progress page.
pub const PROGRESS_BYTES: usize = 4096;
/// Bytes of the progress page that mean something: see [`Progress`].
const PROGRESS_USED: usize = 12;

/// What the worker left behind: three little-endian `u32` at the start of the progress page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Position of the running call in its batch, plus 1; 0 when none runs.
    pub(crate) call: u32,
    /// The signal that the worker's fault handler caught; 0 for none.
    pub(crate) signal: u32,
    /// 1 while the worker's own code runs on behalf of the call.
    pub(crate) in_host: u32,
}

/// How a worker is started.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) score: Arc<OwnedFd>,
    pub(crate) fixed_addresses: bool,
}

/// A started worker.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) child: Child,
    pub(crate) socket: UnixStream,
    pub(crate) progress: ProgressPage,
}

/// The page that a worker writes while it lives, read when it is gone.
#[derive(Debug)]
pub(crate) struct ProgressPage(File);

impl ProgressPage {
    /// An unreadable page says nothing.
    pub(crate) fn read(&self) -> Progress {
        let mut page = [0; PROGRESS_USED];
        if self.0.read_exact_at(&mut page, 0).is_err() {
            return Progress::default();
        }
        let word = |at: usize| {
            let bytes = [page[at], page[at + 1], page[at + 2], page[at + 3]];
            u32::from_le_bytes(bytes)
        };
        Progress { call: word(0), signal: word(4), in_host: word(8) }
    }
}

/// Puts the bytes into memory that nobody can change any more.
pub(crate) fn sealed_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = memory_file(c"score.so")?;
    file.write_all(bytes)?;
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: fcntl on a descriptor that we own; it touches no memory of ours.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file.into())
}

fn memory_file(name: &std::ffi::CStr) -> io::Result<File> {
    // SAFETY: the name is NUL-terminated and outlives the call.
    let fd =
        unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and ours.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Starts the worker on the thread that starts all workers. The kernel ends a worker together with
/// the *thread* that started it, so that thread must live as long as the process; a thread of an
/// async runtime's pool does not.
pub(crate) async fn launch(launch: Launch) -> io::Result<Launched> {
    let (answer, wait) = tokio::sync::oneshot::channel();
    let job: Job = Box::new(move || drop(answer.send(start(&launch))));
    launcher()?.send(job).map_err(|_| io::Error::other("the launcher thread has ended"))?;
    wait.await.map_err(|_| io::Error::other("the launcher thread has ended"))?
}

type Job = Box<dyn FnOnce() + Send>;

/// Workers that may wait to be started; more callers than that wait for a place.
const LAUNCH_QUEUE: usize = 64;

fn launcher() -> io::Result<&'static mpsc::SyncSender<Job>> {
    static LAUNCHER: OnceLock<mpsc::SyncSender<Job>> = OnceLock::new();
    if let Some(queue) = LAUNCHER.get() {
        return Ok(queue);
    }
    let (queue, jobs) = mpsc::sync_channel::<Job>(LAUNCH_QUEUE);
    std::thread::Builder::new().name("score-launcher".into()).spawn(move || {
        for job in jobs {
            job();
        }
    })?;
    // When two callers race, the second thread ends with its queue.
    Ok(LAUNCHER.get_or_init(|| queue))
}

fn start(launch: &Launch) -> io::Result<Launched> {
    let (ours, theirs) = UnixStream::pair()?;
    let progress = memory_file(c"progress")?;
    progress.set_len(PROGRESS_BYTES as u64)?;
    let fds = [theirs.as_raw_fd(), progress.as_raw_fd(), launch.score.as_raw_fd()];
    let fixed_addresses = launch.fixed_addresses;
    let mut command = Command::new(&launch.program);
    command.args(&launch.args).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: the closure makes system calls only, all of them async-signal-safe, and allocates
    // nothing; the descriptors are open until `spawn` has returned.
    unsafe { command.pre_exec(move || prepare_child(fds, fixed_addresses)) };
    let child = command.spawn()?;
    Ok(Launched { child, socket: ours, progress: ProgressPage(progress) })
}

/// Processor time that a child, which is not waited for yet, has used; none where it cannot be read.
pub(crate) fn cpu_time(process: u32) -> Option<Duration> {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    let id = libc::pid_t::try_from(process).ok()?;
    // SAFETY: both write into variables that live through the calls.
    let read = unsafe {
        libc::clock_getcpuclockid(id, &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    let whole = Duration::from_secs(u64::try_from(time.tv_sec).ok()?);
    read.then(|| whole + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0)))
}

/// From now on a child yields to whoever else wants the processor. Yielding more is always allowed.
pub(crate) fn lower_priority(process: u32) {
    let Ok(id) = libc::pid_t::try_from(process) else { return };
    let wish = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_BATCH as u32,
        sched_flags: 0,
        sched_nice: NICENESS,
        sched_priority: 0,
        sched_runtime: TURN.as_nanos() as u64,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: it reads a variable that lives through the call, and says how long that is; the other call has
    // no memory. A child that has just ended cannot yield any more.
    unsafe {
        if libc::syscall(libc::SYS_sched_setattr, id, &raw const wish, 0) != 0 {
            libc::setpriority(libc::PRIO_PROCESS, process, NICENESS);
        }
    }
}

/// Runs in the child between fork and exec.
fn prepare_child(fds: [RawFd; 3], fixed_addresses: bool) -> io::Result<()> {
    const FREE_FROM: RawFd = 6;
    let mut copies = [0; 3];
    for (copy, fd) in copies.iter_mut().zip(fds) {
        // Out of the way first: a source may stand where another one goes.
        // SAFETY: a descriptor call without memory.
        *copy = at_least_zero(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, FREE_FROM) })?;
    }
    for (copy, place) in copies.into_iter().zip([SOCKET_FD, PROGRESS_FD, SCORE_FD]) {
        // SAFETY: a descriptor call without memory.
        at_least_zero(unsafe { libc::dup2(copy, place) })?;
    }
    // Closed at exec rather than now: std reports a failed exec through one of them.
    let flag = libc::CLOSE_RANGE_CLOEXEC as libc::c_long;
    // SAFETY: system calls without memory; the arguments are plain numbers.
    unsafe {
        if libc::syscall(libc::SYS_close_range, FREE_FROM, libc::c_uint::MAX, flag) != 0 {
            return Err(io::Error::last_os_error());
        }
        at_least_zero(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
        if fixed_addresses {
            // The limit of the stack decides how far below it the kernel places everything else.
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            at_least_zero(libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit))?;
            limit.rlim_cur = MAIN_STACK_BYTES.min(limit.rlim_max);
            at_least_zero(libc::setrlimit(libc::RLIMIT_STACK, &raw const limit))?;
            at_least_zero(libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong))?;
        }
    }
    Ok(())
}

fn at_least_zero(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
