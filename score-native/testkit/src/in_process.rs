//! One SCORE's table in this process: the source itself, or a loaded `.so`.
//!
//! In: calls. Out: receipts. The `.so` runs on a stack and in an arena of its own, so that a trap can
//! leave it; a call that it makes runs on a further one, on top. It deliberately does not confine it, restore its statics or survive a stack overflow:
//! that is the worker's work.
#![expect(unsafe_code, reason = "loads and calls a SCORE")]

use crate::{
    calls::{Beginning, Changes, Ended, Journal},
    company::Company,
    engine::{CHANNEL, Entries, Moment},
    library::{self, LibraryError},
};
use corosensei::{Coroutine, CoroutineResult};
use libloading::{Library, Symbol};
use score_native_abi::{Bytes, Call, Host, MAGIC, MAJOR, MINOR, Ret, SYMBOL, Score, kind, trap};
use score_native_link::{
    CallLimits, CallSpec, Write, limits::OUTPUT_BYTES_MAX, protocol::RawReceipt,
};
use std::path::{Path, PathBuf};

/// Bytes of the arena, as in the worker.
const ARENA_BYTES: usize = 16 << 20;

/// A SCORE in this process.
pub(crate) struct InProcess {
    table: *const Score,
    loaded: Option<Loaded>,
}

/// What belongs to a `.so` only.
struct Loaded {
    path: PathBuf,
    /// Longer than what a call gets by [`Loaded::offset`].
    arena: Vec<u8>,
    /// Where in it the arena begins: a test moves it.
    offset: usize,
    /// Keeps the table where it is.
    _library: Library,
}

impl InProcess {
    pub(crate) const fn native(table: &'static Score) -> Self {
        Self { table, loaded: None }
    }

    /// Loads a private copy: two tests must not share the statics of one `.so`.
    /// What a peer would refuse is refused here.
    pub(crate) fn load(so: &Path) -> Result<Self, LibraryError> {
        library::checked(&std::fs::read(so)?)?;
        Self::load_checked(so, 0)
    }

    fn load_checked(so: &Path, offset: usize) -> Result<Self, LibraryError> {
        let copy = tempfile::Builder::new().prefix("score-").suffix(".so").tempfile()?;
        std::fs::copy(so, copy.path())?;
        // SAFETY: a test runs its author's own SCORE, which has no constructors.
        let library = unsafe { Library::new(copy.path()) }?;
        // SAFETY: the symbol of a SCORE is its table; what it points to is looked at below.
        let symbol: Symbol<'_, *const Score> = unsafe { library.get(SYMBOL) }?;
        let table = *symbol;
        // SAFETY: a static of the library, which is kept.
        let score = unsafe { &*table };
        if score.magic != MAGIC {
            return Err(LibraryError::NoScore);
        }
        if score.major != MAJOR || score.minor > MINOR {
            return Err(LibraryError::Abi { major: score.major, minor: score.minor });
        }
        let (path, arena) = (so.to_path_buf(), vec![0; ARENA_BYTES + offset]);
        let loaded = Loaded { path, arena, offset, _library: library };
        Ok(Self { table, loaded: Some(loaded) })
    }

    /// The same file, loaded anew at other addresses, with the arena moved by `offset` (a multiple of
    /// 16); nothing when this is a source.
    pub(crate) fn elsewhere(&self, offset: usize) -> Option<Result<Self, LibraryError>> {
        let path = &self.loaded.as_ref()?.path;
        Some(Self::load_checked(path, offset))
    }

    /// Another one of the same SCORE.
    pub(crate) fn again(&self) -> Result<Self, LibraryError> {
        self.elsewhere(0).unwrap_or(Ok(Self { table: self.table, loaded: None }))
    }

    fn score(&self) -> &Score {
        // SAFETY: a static of this program or of the library that is kept.
        unsafe { &*self.table }
    }

    fn arena(&mut self) -> (*mut u8, usize) {
        let arena = self.loaded.as_mut().map(|loaded| &mut loaded.arena[loaded.offset..]);
        arena.map_or((std::ptr::null_mut(), 0), |arena| (arena.as_mut_ptr(), arena.len()))
    }

    /// Runs the call and copies its answer out of the SCORE's memory: what it ended with, and the
    /// steps it took.
    fn answer(&self, call: &Call, journal: &mut Journal<'_, '_>) -> (Ended, u64) {
        let mut ret = Ret::EMPTY;
        let host = journal.host();
        let (score, journal) = (self.score(), std::ptr::from_mut(journal));
        let passage = Passage {
            run: score.run,
            host: &raw const host,
            call: std::ptr::from_ref(call),
            ret: &raw mut ret,
            journal: journal.cast(),
        };
        let ended = if self.loaded.is_some() { passage.on_own_stack() } else { passage.here() };
        let left = match &ended {
            None => ret.steps_left,
            // SAFETY: the counter of a `.so`, which does not run.
            Some(_) => unsafe { score.steps.as_ref() }.copied().unwrap_or_default(),
        };
        // The next call counts its first blocks before it sets the counter.
        // SAFETY: as above.
        if let Some(counter) = unsafe { score.steps.as_mut() } {
            *counter = i64::MAX;
        }
        // Out of steps leaves the counter at its highest.
        let left = if left > call.steps { 0 } else { left.max(0) };
        let metered = !score.steps.is_null();
        let steps = if metered { u64::try_from(call.steps - left).unwrap_or_default() } else { 0 };
        // SAFETY: the answer is valid until the next call.
        let answer = || (ret.code, unsafe { ret.data.get() }.to_vec());
        let ended = ended.unwrap_or_else(answer);
        if ended.1.len() > OUTPUT_BYTES_MAX {
            return ((trap::LIMIT, b"the answer of a call beyond its limit".into()), steps);
        }
        (ended, steps)
    }
}

/// One call on its way into a SCORE; the pointers outlive it.
struct Passage {
    run: unsafe extern "C" fn(*const Host, *const Call, *mut Ret),
    host: *const Host,
    call: *const Call,
    ret: *mut Ret,
    journal: *mut Journal<'static, 'static>,
}

impl Passage {
    /// Runs the source of this program on this stack.
    fn here(self) -> Option<Ended> {
        // SAFETY: the pointers are those of `InProcess::answer`, which waits.
        unsafe {
            (self.run)(self.host, self.call, self.ret);
            (*self.journal).ended.take()
        }
    }

    /// Runs a `.so` on a stack that a trap can leave.
    fn on_own_stack(self) -> Option<Ended> {
        let mut stack = Coroutine::<(), Ended, ()>::new(move |exit, ()| {
            let passage = self;
            // SAFETY: the pointers are those of `InProcess::answer`, which waits.
            unsafe {
                (*passage.journal).exit = Some(std::ptr::from_ref(exit));
                (passage.run)(passage.host, passage.call, passage.ret);
            }
        });
        match stack.resume(()) {
            CoroutineResult::Return(()) => None,
            CoroutineResult::Yield(ended) => {
                // SAFETY: a SCORE aborts instead of unwinding, so nothing on its stack is dropped.
                unsafe { stack.force_reset() };
                Some(ended)
            }
        }
    }
}

impl InProcess {
    /// The SCORE's manifest, JSON.
    pub(crate) fn manifest(&self) -> String {
        // SAFETY: a static of the SCORE.
        let json = unsafe { self.score().manifest.get() };
        String::from_utf8_lossy(json).into_owned()
    }

    /// Whether it is a `.so`, which counts its steps.
    pub(crate) const fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// Runs one call. Nothing is applied: the writes stand in the receipt, and a call that fails or
    /// asks has neither writes nor events.
    pub(crate) fn run(
        &mut self,
        moment: &Moment,
        spec: &CallSpec,
        (state, over, limits): (&Entries, &Changes, CallLimits),
        company: &mut Company<'_>,
    ) -> RawReceipt {
        let (arena, arena_len) = self.arena();
        let call = Call {
            size: size_of::<Call>() as u32,
            kind: spec.kind.abi(),
            height: moment.height,
            time_us: moment.time_us,
            block_seed: moment.block_seed,
            tx_hash: spec.tx_hash,
            tx_index: spec.tx_index,
            origin: spec.origin,
            caller: spec.caller,
            role: spec.role,
            organisation: Bytes::new(spec.organisation.as_bytes()),
            channel: Bytes::new(CHANNEL.as_bytes()),
            method: Bytes::new(spec.method.as_bytes()),
            args: Bytes::new(&spec.args),
            arena,
            arena_len,
            steps: i64::try_from(spec.steps).unwrap_or(i64::MAX),
        };
        let is_query = call.kind == kind::QUERY;
        let steps = self.loaded.as_ref().map_or(std::ptr::null_mut(), |_| self.score().steps);
        let begun = Beginning { state, over, limits, is_query, granted: spec.steps, steps };
        let mut journal = Journal::new(begun, company);
        let ((code, output), steps) = self.answer(&call, &mut journal);
        let Journal { writes, events, logs, .. } = journal;
        if let Some(loaded) = &mut self.loaded {
            loaded.arena.fill(0);
        }
        let writes = writes.into_iter().map(|(key, value)| Write { key, value }).collect();
        let mut receipt = RawReceipt { code, output, events, writes, steps, logs };
        if code != 0 || is_query {
            receipt.events.clear();
            receipt.writes.clear();
        }
        receipt
    }
}
