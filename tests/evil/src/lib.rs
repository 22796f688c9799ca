//! Attack SCOREs: each method breaks one rule of the sandbox.
//!
//! In: calls of the tests in `score-native-runner`. Out: what the sandbox makes of them. The deploy
//! check refuses this file, so the tests hand it to a worker unchecked. `fork` is a fork bomb: it
//! is only ever called where the filter of system calls is on.
#![no_std]
#![expect(unsafe_code, reason = "attacks are what this package is for")]

use core::arch::asm;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use score_native::prelude::*;

/// Numbers of the system calls on x86-64.
mod number {
    pub(crate) const READ: u64 = 0;
    pub(crate) const WRITE: u64 = 1;
    pub(crate) const MMAP: u64 = 9;
    pub(crate) const SOCKET: u64 = 41;
    pub(crate) const CLONE: u64 = 56;
    pub(crate) const FORK: u64 = 57;
    pub(crate) const EXECVE: u64 = 59;
    pub(crate) const KILL: u64 = 62;
    pub(crate) const PTRACE: u64 = 101;
    pub(crate) const GETPPID: u64 = 110;
    pub(crate) const TKILL: u64 = 200;
    pub(crate) const CLOCK_GETTIME: u64 = 228;
    pub(crate) const EXIT_GROUP: u64 = 231;
    pub(crate) const OPENAT: u64 = 257;
    pub(crate) const GETRANDOM: u64 = 318;
}

/// A system call without the C library.
fn system_call(number: u64, args: [u64; 6]) -> i64 {
    let answer;
    // SAFETY: none of the calls in this file gives away or frees memory of ours.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => answer,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

/// Not state: what a SCORE would like to remember outside of the chain.
static HIDDEN: AtomicU64 = AtomicU64::new(0);

/// Bytes that `stale` looks through: most of the arena.
const HOARD_BYTES: usize = 8 << 20;

/// Something that happened.
#[derive(Debug, Event)]
pub struct Happened {
    /// How often.
    pub times: u64,
}

/// The method of a token that it uses.
#[score_interface]
trait Token {
    fn transfer(&mut self, to: Address, amount: u128) -> Result<(), CallError>;
}

/// A counter that honest calls move.
#[derive(Debug, State)]
pub struct Evil {
    count: Item<u64>,
    texts: Map<String, String>,
}

#[inline(never)]
fn deep(frames: u64) -> u64 {
    let frame = black_box([frames; 64]);
    if frames == u64::MAX { 0 } else { deep(frames + 1) + frame[(frames % 64) as usize] }
}

#[score(name = "evil")]
impl Evil {
    /// An honest call.
    pub fn ok(&mut self) -> u64 {
        let count = self.count.get() + 1;
        self.count.set(count);
        count
    }

    /// An honest question.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// An honest check of a signature.
    pub fn verify(&self, cx: &Cx, key: Vec<u8>, message: Vec<u8>, signature: Vec<u8>) -> bool {
        let key = <[u8; 32]>::try_from(key).unwrap_or_default();
        cx.verify(&key, &message, &signature)
    }

    /// An honest hash.
    pub fn hash(&self, cx: &Cx, data: Vec<u8>) -> Vec<u8> {
        cx.hash(&data).to_vec()
    }

    /// Honestly keeps a text.
    pub fn keep(&mut self, key: String, text: String) {
        self.texts.set(&key, text);
    }

    /// Honestly lists the keys of all texts, after removing one.
    pub fn keys_without(&mut self, key: String) -> Vec<String> {
        self.texts.remove(&key);
        self.texts.page(None, 1_000).into_iter().map(|(key, _)| key).collect()
    }

    /// Honestly writes nearly as much as a call may.
    pub fn bulk(&mut self) {
        for key in 0..15_u64 {
            self.texts.set(&format!("{key}"), "x".repeat(60_000));
        }
    }

    /// Writes, then reads beyond a list.
    pub fn panic(&mut self) {
        self.count.set(1_000);
        let empty: Vec<u64> = Vec::new();
        self.count.set(empty[black_box(7)]);
    }

    /// Never ends, and counts its steps.
    pub fn spin(&mut self) {
        loop {
            black_box(());
        }
    }

    /// Never ends, and does not count.
    pub fn spin_uncounted(&mut self) {
        // SAFETY: touches nothing.
        unsafe { asm!("2: jmp 2b", options(nomem, nostack)) }
    }

    /// Takes all memory.
    pub fn hog(&mut self) {
        let mut all: Vec<Vec<u8>> = Vec::new();
        loop {
            all.push(vec![1; 1 << 20]);
        }
    }

    /// Calls itself without end.
    pub fn deep(&mut self) -> u64 {
        deep(0)
    }

    /// Calls itself without end, and the host in each frame.
    pub fn deep_in_host(&mut self) -> u64 {
        let key = format!("{}", self.count.get());
        self.texts.set(&key, black_box(key.clone()));
        if black_box(false) { 0 } else { self.deep_in_host() + key.len() as u64 }
    }

    /// Writes where nothing is.
    pub fn wild_write(&mut self) {
        // SAFETY: it is not; that is the attack.
        unsafe { core::ptr::write_volatile(black_box(0x10) as *mut u8, 1) }
    }

    /// Honestly pays from its own balance.
    ///
    /// # Errors
    /// What the token says.
    pub fn pay(&mut self, token: String, to: Address, amount: u128) -> Result<(), CallError> {
        TokenRef::at(&token).transfer(to, amount)
    }

    /// Pays, then writes where nothing is.
    ///
    /// # Errors
    /// What the token says.
    pub fn pay_and_crash(
        &mut self,
        token: String,
        to: Address,
        amount: u128,
    ) -> Result<(), CallError> {
        TokenRef::at(&token).transfer(to, amount)?;
        self.wild_write();
        Ok(())
    }

    /// Runs what is no instruction.
    pub fn ud2(&mut self) {
        // SAFETY: faults.
        unsafe { asm!("ud2") }
    }

    /// Stops as if for a debugger.
    pub fn breakpoint(&mut self) {
        // SAFETY: faults.
        unsafe { asm!("int3") }
    }

    /// Ends the worker politely.
    pub fn exit(&mut self) -> i64 {
        system_call(number::EXIT_GROUP, [0; 6])
    }

    /// A fork bomb.
    pub fn fork(&mut self) -> i64 {
        loop {
            let answer = system_call(number::FORK, [0; 6]);
            if answer < 0 {
                return answer;
            }
        }
    }

    /// Becomes another program.
    pub fn exec(&mut self) -> i64 {
        let shell = c"/bin/sh".as_ptr() as u64;
        system_call(number::EXECVE, [shell, 0, 0, 0, 0, 0])
    }

    /// Starts a thread: `CLONE_VM` and its companions, on its own stack.
    pub fn thread(&mut self) -> i64 {
        system_call(number::CLONE, [0x0005_0f00, 0, 0, 0, 0, 0])
    }

    /// Becomes the debugger of the peer.
    pub fn ptrace(&mut self) -> i64 {
        const ATTACH: u64 = 16;
        let parent = system_call(number::GETPPID, [0; 6]).cast_unsigned();
        system_call(number::PTRACE, [ATTACH, parent, 0, 0, 0, 0])
    }

    /// Aborts as the C library does: a signal to its own thread.
    pub fn abort(&mut self) -> i64 {
        const SIGABRT: u64 = 6;
        system_call(number::TKILL, [1, SIGABRT, 0, 0, 0, 0])
    }

    /// Writes to where a peer would print; answers what the kernel said to each.
    pub fn print_secret(&mut self) -> Vec<i64> {
        let text = b"SECRET";
        let at = text.as_ptr() as u64;
        [1, 2, 6, 7].map(|fd| system_call(number::WRITE, [fd, at, 6, 0, 0, 0])).to_vec()
    }

    /// Reads what it can of the world: its standard input and descriptors that nobody gave it.
    pub fn read_all(&mut self) -> Vec<i64> {
        let mut bytes = [0_u8; 16];
        let at = bytes.as_mut_ptr() as u64;
        [0, 6, 7].map(|fd| system_call(number::READ, [fd, at, 16, 0, 0, 0])).to_vec()
    }

    /// Counts beyond what the number holds.
    pub fn overflow(&mut self) -> u64 {
        u64::MAX - self.count.get() + black_box(1) + self.count.get()
    }

    /// Says this to the peer in the worker's place, then waits for whatever comes.
    pub fn say(&mut self, frames: Vec<u8>) -> i64 {
        let mut sent = 0;
        while sent < frames.len() {
            let (at, left) = (frames[sent..].as_ptr() as u64, (frames.len() - sent) as u64);
            let answer = system_call(number::WRITE, [3, at, left, 0, 0, 0]);
            let Ok(more) = usize::try_from(answer) else { return answer };
            sent += more;
        }
        let mut byte = [0_u8; 1];
        let at = byte.as_mut_ptr() as u64;
        while system_call(number::READ, [3, at, 1, 0, 0, 0]) > 0 {}
        system_call(number::EXIT_GROUP, [0; 6])
    }

    /// Opens a connection.
    pub fn socket(&mut self) -> i64 {
        system_call(number::SOCKET, [2, 1, 0, 0, 0, 0])
    }

    /// Opens a file.
    pub fn open(&mut self) -> i64 {
        let here = (-100_i64).cast_unsigned();
        system_call(number::OPENAT, [here, c"/etc/passwd".as_ptr() as u64, 0, 0, 0, 0])
    }

    /// Kills the peer.
    pub fn kill_parent(&mut self) -> i64 {
        let parent = system_call(number::GETPPID, [0; 6]).cast_unsigned();
        system_call(number::KILL, [parent, 9, 0, 0, 0, 0])
    }

    /// Asks the kernel for random numbers.
    pub fn getrandom(&mut self) -> u64 {
        let mut number = [0_u64; 1];
        let at = number.as_mut_ptr() as u64;
        system_call(number::GETRANDOM, [at, 8, 0, 0, 0, 0]);
        number[0]
    }

    /// Asks the kernel for the time.
    pub fn clock(&mut self) -> u64 {
        let mut time = [0_u64; 2];
        let at = time.as_mut_ptr() as u64;
        system_call(number::CLOCK_GETTIME, [0, at, 0, 0, 0, 0]);
        time[1]
    }

    /// Asks for memory that can be written and run.
    pub fn mmap_exec(&mut self) -> i64 {
        system_call(number::MMAP, [0, 4096, 7, 0x22, u64::MAX, 0])
    }

    /// Talks to the peer in the worker's place.
    pub fn forge(&mut self) -> i64 {
        let frame = [0xff_u8; 64];
        system_call(number::WRITE, [3, frame.as_ptr() as u64, 64, 0, 0, 0])
    }

    /// Reads the time stamp counter.
    pub fn rdtsc(&mut self) -> u64 {
        // SAFETY: reads a register; the sandbox makes it fault.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    /// Asks which processor this is. Nothing but the deploy check stops it.
    pub fn cpuid(&mut self) -> u64 {
        u64::from(core::arch::x86_64::__cpuid(1).ebx)
    }

    /// Makes a random number. Nothing but the deploy check stops it.
    pub fn rdrand(&mut self) -> u64 {
        let number: u64;
        // SAFETY: writes one register.
        unsafe { asm!("rdrand {}", out(reg) number) }
        number
    }

    /// Counts in a static.
    pub fn hidden(&mut self) -> u64 {
        HIDDEN.fetch_add(1, Ordering::Relaxed)
    }

    /// Fills the arena and gives it back; answers whether it was clean.
    pub fn stale(&mut self) -> u64 {
        let mut hoard: Vec<u8> = Vec::with_capacity(HOARD_BYTES);
        let from = hoard.as_mut_ptr();
        let mut dirty = 0;
        for at in (0..HOARD_BYTES).step_by(4096) {
            // SAFETY: inside the capacity; what is read there is the attack.
            unsafe {
                dirty += u64::from(core::ptr::read_volatile(from.add(at)));
                core::ptr::write_volatile(from.add(at), 1);
            }
        }
        dirty
    }

    /// Like `stale`, and panics.
    pub fn stale_panic(&mut self) {
        let dirty = self.stale();
        assert!(dirty > 1 << 40, "filled");
    }

    /// Where the stack, the arena and the code lie.
    pub fn addresses(&mut self) -> Vec<u64> {
        let on_stack = 1_u8;
        let on_stack = &raw const on_stack as u64;
        let in_arena = Box::new(1_u8);
        let in_arena = &raw const *in_arena as u64;
        vec![black_box(on_stack), black_box(in_arena), deep as *const () as u64]
    }

    /// Writes although it is a question.
    pub fn write_in_query(&self) -> u64 {
        let mut same = <Self as State>::open();
        same.count.set(7);
        7
    }

    /// Tells the world although it is a question.
    pub fn emit_in_query(&self, cx: &Cx) -> u64 {
        cx.emit(Happened { times: 1 });
        1
    }

    /// Answers a megabyte.
    pub fn huge_output(&mut self) -> Vec<u8> {
        vec![0; 1 << 20]
    }

    /// Emits more events than a call may.
    pub fn many_events(&mut self, cx: &Cx) {
        for times in 0..2_000 {
            cx.emit(Happened { times });
        }
    }

    /// Emits one event of this many bytes and more.
    pub fn huge_event(&mut self, cx: &Cx) {
        cx.emit(Huge { text: "x".repeat(100_000) });
    }

    /// Stores a value that is too long.
    pub fn huge_value(&mut self) {
        self.texts.set(&String::from("k"), "x".repeat(100_000));
    }

    /// Stores under a key that is too long.
    pub fn huge_key(&mut self) {
        self.texts.set(&"k".repeat(1_000), String::new());
    }

    /// Stores more than a call may.
    pub fn many_writes(&mut self) {
        for key in 0..100_u64 {
            self.texts.set(&format!("{key}"), "x".repeat(60_000));
        }
    }

    /// Talks a lot to the operator.
    pub fn many_lines(&mut self, cx: &Cx) {
        for _ in 0..1_000 {
            cx.log(&"line\n".repeat(1_000));
        }
    }
}

/// A long event.
#[derive(Debug, Event)]
pub struct Huge {
    /// What makes it long.
    pub text: String,
}
