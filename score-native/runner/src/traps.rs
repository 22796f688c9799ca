//! Runs one call and catches what ends it early.
//!
//! In: a loaded SCORE, a call, a view of the state. Out: [`Ended`]. Panic, steps and memory come
//! through the host's functions; a full stack comes as a signal on the guard page, and the handler
//! leads the call out of its stack. Any other fault is written on the progress page and ends the
//! process; the peer starts another and skips the call.
#![expect(unsafe_code, reason = "coroutine stacks, a signal handler and the progress page")]

use crate::host_calls::{HostContext, table};
use crate::load::{Loaded, open_far};
use crate::view::{CallView, Stop};
use corosensei::stack::{DefaultStack, Stack};
use corosensei::trap::CoroutineTrapHandler;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use score_native_abi::{Bytes, Call, Ret, refusal, trap};
use score_native_link::limits::ARENA_BYTES;
use score_native_link::{
    CRASH, CallLimits, CallSpec, FAULT_EXIT_BASE, PROGRESS_BYTES, PROGRESS_FD,
};
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// What the block says to every call in it.
pub(crate) struct BlockFacts<'a> {
    pub(crate) height: u64,
    pub(crate) time_us: u64,
    pub(crate) block_seed: [u8; 32],
    pub(crate) channel: &'a str,
    pub(crate) limits: CallLimits,
}

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) code: u32,
    pub(crate) output: Vec<u8>,
    pub(crate) steps: u64,
}

type Handler = CoroutineTrapHandler<bool>;
/// Returns true when it was led out of a full stack.
type CallStack = Coroutine<(), Stop, bool, DefaultStack>;

/// The words of the progress page; the peer reads them when this process is gone.
static PROGRESS: AtomicPtr<[AtomicU32; 3]> = AtomicPtr::new(std::ptr::null_mut());
/// Lowest address of the calls' stack; its first page is the guard.
static STACK_LIMIT: AtomicUsize = AtomicUsize::new(0);
/// How to leave the running call.
static WAY_OUT: AtomicPtr<Handler> = AtomicPtr::new(std::ptr::null_mut());

const PAGE: usize = 4096;
/// No exception is raised, round to nearest, denormals as they are: the x86-64 default.
static MXCSR: u32 = 0x1f80;

/// Tells the peer which call runs and whose code it is in.
#[derive(Clone, Copy)]
pub(crate) struct HostMark(&'static [AtomicU32; 3]);

impl HostMark {
    /// Maps the progress page.
    pub(crate) fn map() -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let nowhere = std::ptr::null_mut();
        // SAFETY: new memory over the page that the peer made for this process.
        let page = unsafe {
            libc::mmap(nowhere, PROGRESS_BYTES, access, libc::MAP_SHARED, PROGRESS_FD, 0)
        };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        PROGRESS.store(page.cast(), Ordering::Relaxed);
        // SAFETY: the page is mapped for good, aligned, and only used as atomics.
        Ok(Self(unsafe { &*page.cast::<[AtomicU32; 3]>() }))
    }

    /// The call at this position of its batch begins.
    pub(crate) fn begin(self, position: u32) {
        self.enter_host();
        self.0[0].store(position.saturating_add(1), Ordering::Release);
    }

    /// No call runs.
    pub(crate) fn end(self) {
        self.0[0].store(0, Ordering::Release);
    }

    pub(crate) fn enter_host(self) {
        self.0[2].store(1, Ordering::Release);
    }

    pub(crate) fn enter_score(self) {
        self.0[2].store(0, Ordering::Release);
    }
}

/// Runs a call with the steps granted.
pub(crate) fn run(
    loaded: &mut Loaded,
    mark: HostMark,
    facts: &BlockFacts<'_>,
    (spec, granted): (&CallSpec, u64),
    view: &mut CallView<'_>,
) -> Ended {
    let limit = i64::try_from(granted).unwrap_or(i64::MAX);
    let Some(stack) = loaded.stack.take() else {
        return Ended { code: trap::STACK, output: b"no stack".to_vec(), steps: granted };
    };
    let mut own_counter = limit;
    let metered = !loaded.score.steps.is_null();
    let steps = if metered { loaded.score.steps } else { &raw mut own_counter };
    let mut context = HostContext { view, yielder: std::ptr::null(), steps, mark };
    let call = abi_call(facts, spec, loaded.arena, limit);
    let mut ret = Ret::EMPTY;
    let (result, stack) = enter(stack, loaded, &mut context, &call, &mut ret);
    // SAFETY: the counter lies in the SCORE's memory or on our stack; no call runs.
    let counted = unsafe { steps.read() };
    loaded.stack = Some(stack);
    let ended = match result {
        CoroutineResult::Return(false) => {
            let left = if metered { ret.steps_left } else { counted };
            returned((&ret, facts.limits.output_bytes), limit, left)
        }
        CoroutineResult::Return(true) => Ended {
            code: trap::STACK,
            output: b"stack exhausted".to_vec(),
            steps: used(limit, counted),
        },
        CoroutineResult::Yield(stop) => {
            // A SCORE that crashed costs the transaction all its steps, also a called one.
            let left = if matches!(stop.code, trap::STEPS | CRASH) { 0 } else { counted };
            Ended { code: stop.code, output: stop.text.into_bytes(), steps: used(limit, left) }
        }
    };
    loaded.restore(ret.arena_used.min(ARENA_BYTES));
    ended
}

fn used(limit: i64, left: i64) -> u64 {
    (limit - left.clamp(0, limit)).unsigned_abs()
}

fn abi_call(facts: &BlockFacts<'_>, spec: &CallSpec, arena: *mut u8, steps: i64) -> Call {
    Call {
        size: size_of::<Call>() as u32,
        kind: spec.kind.abi(),
        height: facts.height,
        time_us: facts.time_us,
        block_seed: facts.block_seed,
        tx_hash: spec.tx_hash,
        tx_index: spec.tx_index,
        origin: spec.origin,
        caller: spec.caller,
        role: spec.role,
        organisation: Bytes::new(spec.organisation.as_bytes()),
        channel: Bytes::new(facts.channel.as_bytes()),
        method: Bytes::new(spec.method.as_bytes()),
        args: Bytes::new(&spec.args),
        arena,
        arena_len: ARENA_BYTES.min(facts.limits.arena_bytes as usize),
        steps,
    }
}

/// Enters the SCORE on its own stack and comes back when the call has ended, one way or another.
fn enter(
    stack: DefaultStack,
    loaded: &Loaded,
    context: &mut HostContext<'_, '_>,
    call: &Call,
    ret: &mut Ret,
) -> (CoroutineResult<Stop, bool>, DefaultStack) {
    let (run, mark) = (loaded.score.run, context.mark);
    let context: *mut HostContext<'_, '_> = context;
    let host = table(context);
    let host = &raw const host;
    let (call, ret): (*const Call, *mut Ret) = (call, ret);
    let yielder_place = {
        // SAFETY: a field of the context, which outlives the call.
        unsafe { &raw mut (*context).yielder }
    };
    let body = move |yielder: &Yielder<(), Stop>, ()| {
        // SAFETY: all of them are alive until `enter` returns, and the call does not outlive it;
        // `run` is called as the ABI says.
        unsafe {
            *yielder_place = yielder;
            default_rounding();
            mark.enter_score();
            run(host, call, ret);
        }
        mark.enter_host();
        false
    };
    let mut coroutine: CallStack = Coroutine::with_stack(stack, body);
    let mut way_out = coroutine.trap_handler();
    WAY_OUT.store(&raw mut way_out, Ordering::Release);
    let result = coroutine.resume(());
    WAY_OUT.store(std::ptr::null_mut(), Ordering::Release);
    mark.enter_host();
    default_rounding();
    if matches!(result, CoroutineResult::Yield(_)) {
        // SAFETY: what is left on the stack are frames of the SCORE, which own nothing of ours,
        // and of `on_our_stack`, which has nothing to drop when it suspends.
        unsafe { coroutine.force_reset() };
    }
    (result, coroutine.into_stack())
}

fn default_rounding() {
    // SAFETY: sets the default that Rust assumes everywhere.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const MXCSR, options(nostack, readonly));
    };
}

fn returned((ret, longest): (&Ret, u32), limit: i64, left: i64) -> Ended {
    let steps = used(limit, left);
    let length = ret.data.len;
    let is_refusal = (refusal::BAD_UTF8..=refusal::FROZEN).contains(&ret.code);
    if ret.code > 0xffff && !is_refusal {
        let output = format!("the SCORE answered the reserved code {:#x}", ret.code).into_bytes();
        return Ended { code: trap::PANIC, output, steps };
    }
    if length > longest as usize {
        let output = format!("an output of {length} bytes, at most {longest}");
        return Ended { code: trap::LIMIT, output: output.into_bytes(), steps };
    }
    if length > 0 && ret.data.ptr.is_null() {
        return Ended { code: trap::LIMIT, output: b"an output at no address".to_vec(), steps };
    }
    // SAFETY: not null and short; a wild pointer faults, and the peer skips this call.
    let output = if length == 0 { Vec::new() } else { unsafe { ret.data.get() }.to_vec() };
    Ended { code: ret.code, output, steps }
}

/// Installs the handler of faults, on a stack of its own.
pub(crate) fn catch_faults(loaded: &Loaded) -> io::Result<()> {
    /// Enough for the handler with the largest register state.
    const SIGNAL_STACK_BYTES: usize = 64 << 10;
    let limit = loaded.stack.as_ref().map_or(0, |stack| stack.limit().get());
    STACK_LIMIT.store(limit, Ordering::Relaxed);
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory that stays for good; the structs are plain data that these calls read.
    unsafe {
        let nowhere = std::ptr::null_mut();
        let memory = libc::mmap(nowhere, SIGNAL_STACK_BYTES, access, flags, -1, 0);
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: SIGNAL_STACK_BYTES };
        if libc::sigaltstack(&raw const stack, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
            if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Opens the far part of the arena; leads a call with a full stack out of it; writes any other fault
/// down and ends the process.
/// It uses no memory but the page, the statics and its own stack.
extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes both; the way out is set only while its coroutine lives, and we
    // are on the thread that runs it.
    unsafe {
        let address = (*info).si_addr() as usize;
        if signal == libc::SIGSEGV && open_far(address) {
            return;
        }
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let way_out = WAY_OUT.load(Ordering::Acquire);
        let guard = STACK_LIMIT.load(Ordering::Relaxed);
        let in_guard = signal == libc::SIGSEGV && (guard..guard + PAGE).contains(&address);
        let stack_pointer = registers[libc::REG_RSP as usize] as usize;
        if in_guard && !way_out.is_null() && (*way_out).stack_ptr_in_bounds(stack_pointer) {
            let to = (*way_out).setup_trap_handler(|| true);
            registers[libc::REG_RIP as usize] = to.rip as i64;
            registers[libc::REG_RSP as usize] = to.rsp as i64;
            registers[libc::REG_RBP as usize] = to.rbp as i64;
            registers[libc::REG_RDI as usize] = to.rdi as i64;
            registers[libc::REG_RSI as usize] = to.rsi as i64;
            return;
        }
        let page = PROGRESS.load(Ordering::Relaxed);
        if !page.is_null() {
            (&(*page))[1].store(signal.unsigned_abs(), Ordering::Release);
        }
        libc::_exit(FAULT_EXIT_BASE + signal);
    }
}
