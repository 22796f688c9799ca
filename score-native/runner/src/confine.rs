//! The sandbox of the worker, laid by itself around itself.
//!
//! In: `strict` or `basic`. Out: which layers are on; `strict` refuses to go on without any of
//! them. The order matters: what loading needs is closed only after it, and everything that reads
//! `/proc` comes before Landlock. The list of what remains allowed at the end is
//! [`ALWAYS`] and memory that is not executable, nothing else.
#![expect(unsafe_code, reason = "prctl, setrlimit, unshare, setresuid and munmap")]

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use score_native_link::{Sandbox, SandboxReport};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

/// Address space of the worker: arena, stack, the layers it remembers, and its own program.
const ADDRESS_SPACE_BYTES: u64 = 256 << 20;
/// Descriptors: standard ones, socket, page, file, and one or two while loading.
const DESCRIPTORS: u64 = 8;
/// The user and group that own nothing.
const NOBODY: u32 = 65_534;

/// System calls that are allowed to the end.
const ALWAYS: [i64; 9] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_futex,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_exit_group,
    libc::SYS_rt_sigreturn,
];

/// System calls that loading and the later layers need on top.
const WHILE_LOADING: [i64; 17] = [
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_rt_sigaction,
    libc::SYS_sigaltstack,
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_arch_prctl,
    libc::SYS_lseek,
    libc::SYS_readlink,
    libc::SYS_getpid,
    libc::SYS_rt_sigprocmask,
    libc::SYS_poll,
];

/// The sandbox while it is being closed.
pub(crate) struct Confinement {
    sandbox: Sandbox,
    report: SandboxReport,
    clock_pages: Vec<(usize, usize)>,
    fixed_addresses: bool,
}

impl Confinement {
    /// Lays everything that loading a SCORE can do with.
    pub(crate) fn before_load(sandbox: Sandbox) -> Result<Self, String> {
        let mut this = Self {
            sandbox,
            report: SandboxReport::default(),
            clock_pages: Vec::new(),
            fixed_addresses: has_fixed_addresses(),
        };
        // SAFETY: asks for the user id; it has no effect.
        if unsafe { libc::geteuid() } == 0 {
            this.lay("nobody", become_nobody())?;
        }
        if unshare_namespaces() {
            this.report.on.push("namespaces".into());
        }
        this.lay("parent-death", set(libc::PR_SET_PDEATHSIG, libc::SIGKILL.unsigned_abs().into()))?;
        this.lay("no-new-privileges", set(libc::PR_SET_NO_NEW_PRIVS, 1))?;
        this.lay("not-dumpable", set(libc::PR_SET_DUMPABLE, 0))?;
        let clock_pages = clock_pages();
        match clock_pages {
            Ok(pages) => this.clock_pages = pages,
            Err(error) => this.lay("no-clock-pages", Err(error))?,
        }
        this.lay("landlock", close_files_and_ports())?;
        this.lay("limits", limit_resources())?;
        let allowed = ALWAYS.iter().chain(&WHILE_LOADING).map(|call| (*call, Vec::new()));
        this.lay("seccomp-loading", filter(allowed.collect()))?;
        Ok(this)
    }

    /// True when the peer started this process without random addresses.
    pub(crate) const fn has_fixed_addresses(&self) -> bool {
        self.fixed_addresses
    }

    /// Lays the rest; from here on no clock, no new code and hardly a system call.
    pub(crate) fn after_load(mut self) -> Result<SandboxReport, String> {
        let pages = std::mem::take(&mut self.clock_pages);
        self.lay("no-clock-pages", unmap(&pages))?;
        self.lay(
            "no-time-stamp",
            set(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV.unsigned_abs().into()),
        )?;
        self.lay("seccomp", final_filter())?;
        Ok(self.report)
    }

    fn lay(&mut self, layer: &str, done: io::Result<()>) -> Result<(), String> {
        match done {
            Ok(()) => self.report.on.push(layer.into()),
            Err(error) if self.sandbox == Sandbox::Strict => {
                return Err(format!(
                    "the sandbox is `strict` and this machine does not give its layer `{layer}`: \
                     {error}"
                ));
            }
            Err(error) => self.report.missing.push(format!("{layer}: {error}")),
        }
        Ok(())
    }
}

/// The file behind a descriptor that the peer left open for this process.
pub(crate) fn inherited_file(fd: i32) -> io::Result<File> {
    // SAFETY: asks about a descriptor; it has no effect.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and nothing else in this process uses it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Makes a panic of the worker's own code end the process without a word: the usual report would
/// need system calls that are not allowed, and look like a deed of the SCORE.
pub(crate) fn end_quietly_on_panic() {
    /// Not a status that the fault handler uses.
    const PANICKED: i32 = 99;
    // SAFETY: ends the process.
    std::panic::set_hook(Box::new(|_| unsafe { libc::_exit(PANICKED) }));
}

/// Ends this process at once. The usual way out makes system calls that are no longer allowed.
pub(crate) fn leave() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}

/// Where only ancestors may trace a process (Yama), lets a debugger that is started beside this one
/// do so. Kernels without it refuse, and need no permission.
pub(crate) fn let_debuggers_attach() {
    // SAFETY: takes one number.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::c_ulong::MAX, 0, 0, 0) };
}

/// Stops until somebody continues this process.
pub(crate) fn stop_this_process() {
    // SAFETY: a signal to this process, which is not caught and cannot be.
    unsafe { libc::raise(libc::SIGSTOP) };
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set(option: libc::c_int, value: u64) -> io::Result<()> {
    // SAFETY: every option that is set here takes one number.
    checked(unsafe { libc::prctl(option, value, 0, 0, 0) })
}

pub(crate) fn has_fixed_addresses() -> bool {
    const ASK: libc::c_ulong = 0xffff_ffff;
    // SAFETY: asks for the personality; it has no effect.
    let personality = unsafe { libc::personality(ASK) };
    personality >= 0 && personality & libc::ADDR_NO_RANDOMIZE != 0
}

fn become_nobody() -> io::Result<()> {
    // SAFETY: calls with plain numbers; the list of groups is empty.
    unsafe {
        checked(libc::setgroups(0, std::ptr::null()))?;
        checked(libc::setresgid(NOBODY, NOBODY, NOBODY))?;
        checked(libc::setresuid(NOBODY, NOBODY, NOBODY))
    }
}

/// A bonus where the machine allows it: the other layers stand without.
fn unshare_namespaces() -> bool {
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWNS;
    // SAFETY: this process has one thread; nothing here relies on the old namespaces.
    unsafe { libc::unshare(all) == 0 }
}

/// Where the kernel's clock pages lie; they can be read without a system call.
fn clock_pages() -> io::Result<Vec<(usize, usize)>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let is_clock = |line: &&str| line.ends_with("[vdso]") || line.contains("[vvar");
    let range = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        Some((number(start)?, number(end)?))
    };
    Ok(maps.lines().filter(is_clock).filter_map(range).collect())
}

fn unmap(pages: &[(usize, usize)]) -> io::Result<()> {
    for (start, end) in pages {
        // SAFETY: nothing in this process asks for the time; the loader has finished with them.
        checked(unsafe { libc::munmap(*start as *mut libc::c_void, end - start) })?;
    }
    Ok(())
}

/// No file, no port; where the kernel can, also no abstract socket and no signal to others.
fn close_files_and_ports() -> io::Result<()> {
    let close = || {
        landlock::Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V4))?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V6))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .no_new_privs(true)
            .restrict_self()
    };
    let status = close().map_err(io::Error::other)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(io::Error::other("Landlock is not enforced"));
    }
    Ok(())
}

/// There is no limit of CPU time: it counts over the whole life of a process, and a worker lives for
/// days. What one batch may take is the peer's deadline, which kills from outside.
fn limit_resources() -> io::Result<()> {
    let limits = [
        (libc::RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, DESCRIPTORS),
        (libc::RLIMIT_FSIZE, 0),
        (libc::RLIMIT_NPROC, 0),
    ];
    for (resource, most) in limits {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: reads the struct.
        checked(unsafe { libc::setrlimit(resource, &raw const limit) })?;
    }
    Ok(())
}

/// From here on only these system calls; any other one ends the process.
fn filter(allowed: BTreeMap<i64, Vec<SeccompRule>>) -> io::Result<()> {
    let (kill, allow) = (SeccompAction::KillProcess, SeccompAction::Allow);
    let filter = SeccompFilter::new(allowed, kill, allow, TargetArch::x86_64);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

fn final_filter() -> io::Result<()> {
    /// Third argument of both.
    const ACCESS: u8 = 2;
    let executable = SeccompCmpOp::MaskedEq(libc::PROT_EXEC.unsigned_abs().into());
    let not_executable = SeccompCondition::new(ACCESS, SeccompCmpArgLen::Dword, executable, 0)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(io::Error::other)?;
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> =
        ALWAYS.iter().map(|call| (*call, Vec::new())).collect();
    allowed.insert(libc::SYS_mmap, vec![not_executable.clone()]);
    allowed.insert(libc::SYS_mprotect, vec![not_executable]);
    filter(allowed)
}
