//! Loads the SCORE: the sealed file at descriptor 5 becomes code, an arena and a stack.
//!
//! In: the descriptor. Out: [`Loaded`], or why this SCORE does not run here. Loading may run code
//! of the file, so the first filter of system calls is already in place. It makes no call.
#![expect(unsafe_code, reason = "dlopen, mmap and the SCORE's exported table")]

use corosensei::stack::DefaultStack;
use score_native_abi::{MAGIC, MAJOR, MINOR, SYMBOL, Score};
use score_native_link::SCORE_FD;
use score_native_link::limits::ARENA_BYTES;
use std::ffi::{CStr, CString, c_void};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the arena lies when addresses are fixed: far from everything the kernel places.
const ARENA_ADDRESS: usize = 0x2000_0000_0000;

const PAGE: usize = 4096;

/// Bytes at the front of the arena up to which zeroing is cheaper than giving pages back and
/// faulting them in again. The rest is given back after each call, whatever the SCORE says it used.
const ZEROED_BY_HAND_MAX: usize = 16 * PAGE;

/// Bytes at the front of the arena that every call may use as it likes, and that are zeroed after it:
/// several times what a call of a ledger uses. The far part behind them is closed, so that
/// a call that never came there needs no system call to be cleaned up after.
const NEAR_BYTES: usize = 4 * PAGE;

const FAR_BYTES: usize = ARENA_BYTES - NEAR_BYTES;

/// Calls for which the far part stays open once a call has touched it. Such calls come in a
/// row, and opening costs a fault.
const FAR_CALLS: u32 = 64;

/// Where the far part begins while it is closed, else 0.
static CLOSED_FROM: AtomicUsize = AtomicUsize::new(0);

/// A loaded SCORE.
pub(crate) struct Loaded {
    pub(crate) score: &'static Score,
    pub(crate) arena: *mut u8,
    pub(crate) stack: Option<DefaultStack>,
    statics: Vec<Static>,
    may_close: bool,
    /// Calls until the far part of the arena is closed again; 0 while it is closed.
    far_calls_left: u32,
}

/// Writable memory of the file, and what it held after loading.
struct Static {
    address: usize,
    bytes: Vec<u8>,
}

impl Loaded {
    /// Loads the file at [`SCORE_FD`].
    pub(crate) fn load(fixed_addresses: bool, stack_bytes: usize) -> Result<Self, String> {
        let mut loaded = Self::load_for_debugger("self", fixed_addresses, stack_bytes)?;
        loaded.may_close = true;
        loaded.close_far();
        Ok(loaded)
    }

    /// The same without faults that are no faults of the SCORE; `process` is how a path names
    /// this process, for whoever reads the loader's list.
    pub(crate) fn load_for_debugger(
        process: &str,
        fixed_addresses: bool,
        stack_bytes: usize,
    ) -> Result<Self, String> {
        let score = open(process)?;
        check_table(score)?;
        let statics = writable_memory(std::ptr::from_ref(score) as usize);
        let steps = score.steps as usize;
        let inside =
            |s: &Static| s.address <= steps && steps.saturating_add(8) <= s.address + s.bytes.len();
        if !score.steps.is_null() && (!steps.is_multiple_of(8) || !statics.iter().any(inside)) {
            return Err("its step counter does not lie in its own memory".into());
        }
        let arena = map_arena(fixed_addresses).map_err(|e| format!("the arena: {e}"))?;
        let stack = DefaultStack::new(stack_bytes).map_err(|e| format!("the stack: {e}"))?;
        let (may_close, far_calls_left) = (false, 0);
        Ok(Self { score, arena, stack: Some(stack), statics, may_close, far_calls_left })
    }

    /// Puts everything back that the next call could see: statics and arena. `used` is what the
    /// SCORE says it used of the arena; it is only a hint.
    pub(crate) fn restore(&mut self, used: usize) {
        for memory in &self.statics {
            // SAFETY: the range is writable memory of the loaded file, which is never unloaded, and
            // no call runs.
            unsafe {
                let to = memory.address as *mut u8;
                std::ptr::copy_nonoverlapping(memory.bytes.as_ptr(), to, memory.bytes.len());
            }
        }
        if CLOSED_FROM.load(Ordering::Relaxed) != 0 {
            // SAFETY: the front of the arena, which is ours, and no call runs.
            unsafe { std::ptr::write_bytes(self.arena, 0, NEAR_BYTES) };
            return;
        }
        let by_hand = used.clamp(1, ZEROED_BY_HAND_MAX).next_multiple_of(PAGE);
        // SAFETY: both ranges lie in the arena, which is ours, and no call runs. Pages that are
        // given back read as zero.
        unsafe {
            std::ptr::write_bytes(self.arena, 0, by_hand);
            let rest = self.arena.add(by_hand).cast::<c_void>();
            libc::madvise(rest, ARENA_BYTES - by_hand, libc::MADV_DONTNEED);
        }
        let left = if self.far_calls_left == 0 { FAR_CALLS } else { self.far_calls_left };
        self.far_calls_left = left - 1;
        if self.far_calls_left == 0 && self.may_close {
            self.close_far();
        }
    }

    /// From now on the first touch of the far part is a fault, which [`open_far`] answers.
    fn close_far(&self) {
        // SAFETY: the range lies in the arena, which is ours, and no call runs.
        let closed = unsafe {
            let far = self.arena.add(NEAR_BYTES);
            (libc::mprotect(far.cast(), FAR_BYTES, libc::PROT_NONE) == 0).then_some(far as usize)
        };
        // What cannot be closed is cleaned up after each call.
        CLOSED_FROM.store(closed.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Opens the far part of the arena when a fault at `address` was the first touch of it; false when it
/// was not. For the handler of faults: it uses no memory but a static.
pub(crate) fn open_far(address: usize) -> bool {
    let from = CLOSED_FROM.swap(0, Ordering::Relaxed);
    if from == 0 || !(from..from + FAR_BYTES).contains(&address) {
        CLOSED_FROM.store(from, Ordering::Relaxed);
        return false;
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the range lies in the arena, which was mapped like this before it was closed.
    unsafe { libc::mprotect(from as *mut c_void, FAR_BYTES, access) == 0 }
}

fn open(process: &str) -> Result<&'static Score, String> {
    // A path with a directory: dlopen would otherwise search, and ask for the working directory.
    let path = CString::new(format!("/proc/{process}/fd/{SCORE_FD}")).map_err(|e| e.to_string())?;
    // SAFETY: both strings are NUL-terminated. The file is untrusted; that its constructors, if
    // any, run here is what the filter of system calls is for.
    let symbol = unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        if library.is_null() {
            return Err(format!("it does not load: {}", loader_error()));
        }
        libc::dlsym(library, SYMBOL.as_ptr().cast())
    };
    if symbol.is_null() || !(symbol as usize).is_multiple_of(align_of::<Score>()) {
        return Err("it does not export a SCORE's table".into());
    }
    // SAFETY: the symbol is an aligned object of the loaded file, which is never unloaded; a file
    // that lies about it faults here and ends this process only.
    Ok(unsafe { &*symbol.cast::<Score>() })
}

fn loader_error() -> String {
    // SAFETY: dlerror gives null or a NUL-terminated text that lives until the next loader call.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            "no reason given".into()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}

fn check_table(score: &Score) -> Result<(), String> {
    let (major, minor) = (score.major, score.minor);
    if score.magic != MAGIC || (score.size as usize) < size_of::<Score>() {
        return Err("its table is not a SCORE's".into());
    }
    if major != MAJOR {
        return Err(format!("SCORE speaks ABI {major}.{minor}, this host {MAJOR}.{MINOR}"));
    }
    if minor > MINOR {
        return Err(format!(
            "SCORE needs host ABI {major}.{minor} or newer, this host has {MAJOR}.{MINOR}"
        ));
    }
    Ok(())
}

fn map_arena(fixed_addresses: bool) -> io::Result<*mut u8> {
    let (place, flag) = if fixed_addresses {
        (ARENA_ADDRESS as *mut c_void, libc::MAP_FIXED_NOREPLACE)
    } else {
        (std::ptr::null_mut(), 0)
    };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | flag;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: new memory; with a fixed place nothing that is mapped already is replaced.
    let arena = unsafe { libc::mmap(place, ARENA_BYTES, access, flags, -1, 0) };
    if arena == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // Huge pages would be zeroed whole for a call that uses a few bytes. A kernel without them
    // refuses, and has none to avoid.
    // SAFETY: advice about the memory above.
    unsafe { libc::madvise(arena, ARENA_BYTES, libc::MADV_NOHUGEPAGE) };
    Ok(arena.cast())
}

/// The writable memory of the loaded file that holds `address`, less what the loader has sealed.
fn writable_memory(address: usize) -> Vec<Static> {
    let mut search = Search { address, ranges: Vec::new() };
    // SAFETY: the callback gets `search` back and nothing else; it is called before this returns.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut search).cast()) };
    let copy = |(start, end): (usize, usize)| {
        // SAFETY: a readable range of the loaded file; nothing writes to it now.
        let bytes = unsafe { std::slice::from_raw_parts(start as *const u8, end - start) };
        Static { address: start, bytes: bytes.to_vec() }
    };
    search.ranges.into_iter().map(copy).collect()
}

struct Search {
    address: usize,
    ranges: Vec<(usize, usize)>,
}

unsafe extern "C" fn collect(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    search: *mut c_void,
) -> libc::c_int {
    // SAFETY: the loader passes a valid description, and `search` as it was given.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
    // SAFETY: the loader's own table of this object.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let range = |header: &libc::Elf64_Phdr| {
        let start = (info.dlpi_addr + header.p_vaddr) as usize;
        (start, start + header.p_memsz as usize)
    };
    let loads = || headers.iter().filter(|h| h.p_type == libc::PT_LOAD);
    let holds = |h: &libc::Elf64_Phdr| {
        let (start, end) = range(h);
        (start..end).contains(&search.address)
    };
    if !loads().any(holds) {
        return 0;
    }
    let sealed = headers.iter().find(|h| h.p_type == libc::PT_GNU_RELRO).map(range);
    // The loader seals whole pages.
    let sealed = sealed.map(|(start, end)| (start / PAGE * PAGE, end / PAGE * PAGE));
    for header in loads().filter(|h| h.p_flags & libc::PF_W != 0) {
        let (mut start, end) = range(header);
        if let Some((sealed_start, sealed_end)) = sealed
            && (sealed_start..sealed_end).contains(&start)
        {
            start = sealed_end;
        }
        if start < end {
            search.ranges.push((start, end));
        }
    }
    1
}
