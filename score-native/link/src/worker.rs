//! A SCORE's worker as its peer holds it: started again when it ends, never trusted.
//!
//! In: batches and questions, and a [`StateReader`] for what the worker does not remember. Out: an
//! [`Outcome`]. A call that ends the process is skipped on the next attempt and gets the receipt
//! `crash`; an end without a cause on record is tried once more, then there is no result. It
//! does not decide what that means for the block.

use crate::limits::STACK_BYTES;
use crate::nest::{Alone, Nest, Outermost, Outside};
use crate::outcome::{CallReceipt, NoResult, Outcome};
use crate::pace::{self, Pace};
use crate::process::{Broken, End, Process};
use crate::protocol::{Batch, BlockId, CallKind, Exec, Order, Query, RawReceipt, SandboxReport};
use crate::spawn::{Launch, lower_priority, sealed_file};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time a worker gets to load its SCORE and close its sandbox; it needs about 2 ms.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How a worker is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// Every layer, or the SCORE does not run.
    Strict,
    /// Every layer that this machine has; for development only.
    Basic,
}

impl Sandbox {
    /// The word of the configuration and of the worker's command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Basic => "basic",
        }
    }
}

/// Where the worker's memory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// The same in each run: what a node does.
    Fixed,
    /// As the kernel chooses: a test finds SCOREs that depend on addresses.
    Random,
}

/// Everything needed to start a worker, any number of times.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    program: PathBuf,
    args: Vec<OsString>,
    sandbox: Sandbox,
    addresses: Addresses,
    for_debugger: bool,
    score: Arc<OwnedFd>,
}

/// The argument of a worker that no node ever passes: no layer of the sandbox is laid, and the worker
/// stops itself (`SIGSTOP`) when it is ready, until somebody continues it.
pub const OUTSIDE_SANDBOX: &str = "--outside-sandbox";

/// Its value.
pub const FOR_DEBUGGER: &str = "debugger";

impl WorkerConfig {
    /// `program` with `args` becomes the worker (the peer: its own file with `score-worker`) and
    /// runs the SCORE file `bytes`, which is copied into sealed memory here.
    ///
    /// # Errors
    /// When there is no memory for the file.
    pub fn new(
        program: impl Into<PathBuf>,
        args: Vec<OsString>,
        sandbox: Sandbox,
        bytes: &[u8],
    ) -> std::io::Result<Self> {
        let score = Arc::new(sealed_file(bytes)?);
        let (program, addresses) = (program.into(), Addresses::Fixed);
        Ok(Self { program, args, sandbox, addresses, for_debugger: false, score })
    }

    /// A worker outside the sandbox that waits for a debugger: [`OUTSIDE_SANDBOX`]. Only for one
    /// transaction that is run again by a person, never for a node.
    #[must_use]
    pub const fn for_debugger(mut self) -> Self {
        self.for_debugger = true;
        self
    }

    /// Names the SCORE and its channel on the worker's command line, for people who list processes.
    #[must_use]
    pub fn label(mut self, channel: &str, score: &str) -> Self {
        self.args.push("--label".into());
        self.args.push(format!("{channel}/{score}").into());
        self
    }

    /// Chooses the stack of its calls, at most [`STACK_BYTES`] as without it. It lies where the loader
    /// leaves it, so it is chosen when the worker starts: later it could lie elsewhere on each peer.
    #[must_use]
    pub fn stack(mut self, bytes: u32) -> Self {
        if bytes as usize != STACK_BYTES {
            self.args.push("--stack".into());
            self.args.push(bytes.to_string().into());
        }
        self
    }

    /// Chooses where the worker's memory lies.
    #[must_use]
    pub const fn addresses(mut self, addresses: Addresses) -> Self {
        self.addresses = addresses;
        self
    }

    /// How its workers are confined.
    #[must_use]
    pub const fn sandbox(&self) -> Sandbox {
        self.sandbox
    }

    fn launch(&self) -> Launch {
        let mut args = self.args.clone();
        let confinement = match self.for_debugger {
            true => [OUTSIDE_SANDBOX, FOR_DEBUGGER],
            false => ["--sandbox", self.sandbox.word()],
        };
        args.extend(confinement.map(OsString::from));
        Launch {
            program: self.program.clone(),
            args,
            score: Arc::clone(&self.score),
            fixed_addresses: self.addresses == Addresses::Fixed,
        }
    }
}

/// Closes the sandbox once in a process of its own and gives its layers: what this machine lacks
/// is known before the first SCORE runs. `program` with `args` becomes that process, as in
/// [`WorkerConfig::new`].
///
/// # Errors
/// Which layer is missing, in words for the operator.
pub async fn try_sandbox(
    program: impl Into<PathBuf>,
    args: Vec<OsString>,
    sandbox: Sandbox,
) -> Result<SandboxReport, String> {
    Ok(start_only(program, args, sandbox, "sandbox").await?.report().clone())
}

/// Starts a worker without a SCORE.
pub(crate) async fn start_only(
    program: impl Into<PathBuf>,
    mut args: Vec<OsString>,
    sandbox: Sandbox,
    only: &str,
) -> Result<Process, String> {
    args.extend(["--only".into(), only.into()]);
    let config = WorkerConfig::new(program, args, sandbox, &[]).map_err(|e| e.to_string())?;
    let start = tokio::time::timeout(START_TIMEOUT, Process::start(config.launch()));
    start.await.unwrap_or_else(|_| Err("it does not get ready".into()))
}

/// State as the batch (or the question) finds it: the final state, plus the writes of every
/// unfinished ancestor, plus those of earlier batches of the same block. Keys are those of this
/// SCORE alone. It is asked only for what the worker does not remember, so a reader must never
/// answer from a later point.
pub trait StateReader {
    /// The value of a key.
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>>;

    /// At most `limit` entries whose keys start with `prefix` and are greater than `after` (empty:
    /// from the beginning), ascending; fewer only when there are no more.
    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// The process that executes batches of one SCORE version on one channel.
#[derive(Debug)]
pub struct Worker {
    line: Line,
}

impl Worker {
    /// Starts the process, loads the SCORE and closes the sandbox.
    ///
    /// # Errors
    /// Why it does not run, in words for the operator.
    pub async fn start(config: WorkerConfig) -> Result<Self, NoResult> {
        let mut line = Line::new(config);
        line.ready().await?;
        Ok(Self { line })
    }

    /// Executes a batch. `state` answers as [`StateReader`] says for the batch's block.
    ///
    /// After [`NoResult::Deadline`] the process is gone; the next batch starts another.
    pub async fn execute(
        &mut self,
        batch: Batch,
        state: &mut (dyn StateReader + Send),
        deadline: Instant,
    ) -> Outcome {
        let exec = Order::Exec(Exec { batch, skip: Vec::new(), over: None });
        self.line.run(exec, &mut Alone(state), deadline).await
    }

    /// Executes a batch whose calls may call other SCOREs; what those did stands in the receipts.
    /// `state` answers for this SCORE alone, which nobody else writes to meanwhile.
    pub async fn execute_among(
        &mut self,
        batch: Batch,
        state: &mut (dyn StateReader + Send),
        nest: &mut Nest<'_>,
        deadline: Instant,
    ) -> Outcome {
        nest.until(deadline);
        let block = Some(batch.block);
        let exec = Order::Exec(Exec { batch, skip: Vec::new(), over: None });
        let mut outside = Outermost { state, nest, block };
        let mut outcome = self.line.run(exec, &mut outside, deadline).await;
        nest.complete(&mut outcome);
        outcome
    }

    /// Runs an order in the middle of a call of another SCORE.
    pub(crate) async fn run(
        &mut self,
        order: Order,
        outside: &mut dyn Outside,
        deadline: Instant,
    ) -> Outcome {
        self.line.run(order, outside, deadline).await
    }

    pub(crate) async fn tell(&mut self, order: &Order) {
        self.line.tell(order).await;
    }

    /// The block is final: its changes become the state that the worker remembers.
    pub async fn finalize(&mut self, block: BlockId) {
        self.line.tell(&Order::Final { block }).await;
    }

    /// The block will never be final: the worker drops its changes.
    pub async fn forget(&mut self, block: BlockId) {
        self.line.tell(&Order::Forget { block }).await;
    }

    /// Which layers of the sandbox are on; none when no process runs.
    #[must_use]
    pub fn sandbox_report(&self) -> Option<&SandboxReport> {
        self.line.process.as_ref().map(Process::report)
    }

    /// How many times the process was started again.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.line.restarts
    }

    /// Process id, when one runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.line.process.as_ref().map(Process::id)
    }
}

/// The process that answers questions, beside the one that executes: a slow question never delays
/// a block.
#[derive(Debug)]
pub struct QueryWorker {
    line: Line,
}

impl QueryWorker {
    /// A worker whose process starts with the first question.
    #[must_use]
    pub const fn new(config: WorkerConfig) -> Self {
        Self { line: Line::new(config) }
    }

    /// Asks a question; [`Outcome::Receipts`] holds exactly one, without writes and events.
    pub async fn query(
        &mut self,
        mut query: Query,
        state: &mut (dyn StateReader + Send),
        deadline: Instant,
    ) -> Outcome {
        query.call.kind = CallKind::Query;
        self.line.run(Order::Query(query), &mut Alone(state), deadline).await
    }

    /// Asks a question that may ask other SCOREs.
    pub async fn query_among(
        &mut self,
        mut query: Query,
        state: &mut (dyn StateReader + Send),
        nest: &mut Nest<'_>,
        deadline: Instant,
    ) -> Outcome {
        nest.until(deadline);
        query.call.kind = CallKind::Query;
        let mut outside = Outermost { state, nest, block: None };
        let mut outcome = self.line.run(Order::Query(query), &mut outside, deadline).await;
        nest.complete(&mut outcome);
        outcome
    }

    /// Runs an order in the middle of a question to another SCORE.
    pub(crate) async fn run(
        &mut self,
        order: Order,
        outside: &mut dyn Outside,
        deadline: Instant,
    ) -> Outcome {
        self.line.run(order, outside, deadline).await
    }
}

/// A process that is there when needed.
#[derive(Debug)]
struct Line {
    config: WorkerConfig,
    process: Option<Process>,
    /// What it used lately.
    pace: Option<Pace>,
    restarts: u64,
    /// When something was heavy last.
    heavy_at: Option<Instant>,
    /// The process runs at a lower priority.
    is_yielding: bool,
}

impl Line {
    const fn new(config: WorkerConfig) -> Self {
        let (process, pace, restarts) = (None, None, 0);
        Self { config, process, pace, restarts, heavy_at: None, is_yielding: false }
    }

    /// Whether the process has to yield: something heavy came not long ago.
    fn has_to_yield(&self) -> bool {
        self.heavy_at.is_some_and(|at| at.elapsed() < pace::YIELDS_FOR)
    }

    async fn ready(&mut self) -> Result<(), NoResult> {
        if self.process.as_ref().is_some_and(Process::is_in_talk) {
            // A caller went away in the middle.
            self.drop_process();
        }
        if self.is_yielding && !self.has_to_yield() {
            // Only a new process has the priority back.
            self.process = None;
        }
        if self.process.is_none() {
            self.is_yielding = self.has_to_yield();
            let start = tokio::time::timeout(START_TIMEOUT, Process::start(self.config.launch()));
            let process = start.await.unwrap_or_else(|_| Err("it does not get ready".into()));
            let process = process.map_err(NoResult::Start)?;
            if self.config.sandbox == Sandbox::Strict && !process.report().missing.is_empty() {
                let missing = process.report().missing.join("; ");
                return Err(NoResult::Start(format!(
                    "layers of the sandbox are missing: {missing}"
                )));
            }
            if self.is_yielding {
                lower_priority(process.id());
            }
            self.pace = Some(Pace::of(process.id()));
            self.process = Some(process);
        }
        Ok(())
    }

    async fn tell(&mut self, order: &Order) {
        let Some(process) = &mut self.process else { return };
        // A process that does not even read is of no use; the next batch starts another.
        let told = tokio::time::timeout(START_TIMEOUT, process.tell(order)).await;
        if !matches!(told, Ok(Ok(()))) {
            self.drop_process();
        }
    }

    async fn run(
        &mut self,
        mut order: Order,
        outside: &mut dyn Outside,
        deadline: Instant,
    ) -> Outcome {
        let mut unexplained = 0;
        loop {
            outside.begin();
            let attempt = self.attempt(&order, outside);
            let attempt = tokio::time::timeout_at(deadline.into(), attempt).await;
            let end = match attempt {
                Ok(Ok(receipts)) => return answered(receipts),
                Ok(Err(Ended::NoResult(reason))) => return Outcome::NoResult(reason),
                Ok(Err(Ended::NeedState)) if make_fresh(&mut order) => continue,
                Ok(Err(Ended::NeedState)) => {
                    self.drop_process();
                    End::Unexplained("it asks for state without end".into())
                }
                Ok(Err(Ended::Process(end))) => end,
                Err(_) => {
                    self.drop_process();
                    return Outcome::NoResult(NoResult::Deadline);
                }
            };
            tracing::debug!(?end, "a SCORE's worker ended");
            if self.config.for_debugger {
                return ended_before_eyes(&order, end);
            }
            match end {
                End::Crash(position) if skip(&mut order, position) => {}
                End::Crash(position) => {
                    if let Order::Query(query) = &order {
                        return answered(vec![RawReceipt::crash(query.call.steps)]);
                    }
                    unexplained += 1;
                    if unexplained > 1 {
                        let why = format!("call {position} was skipped and is blamed again");
                        return Outcome::NoResult(NoResult::Unexplained(why));
                    }
                }
                End::Unexplained(why) => {
                    unexplained += 1;
                    if unexplained > 1 {
                        return Outcome::NoResult(NoResult::Unexplained(why));
                    }
                }
            }
        }
    }

    async fn attempt(
        &mut self,
        order: &Order,
        outside: &mut dyn Outside,
    ) -> Result<Vec<RawReceipt>, Ended> {
        self.ready().await.map_err(Ended::NoResult)?;
        match self.ask(order, outside).await {
            Ok(receipts) => Ok(receipts),
            Err(Broken::NeedState) => Err(Ended::NeedState),
            Err(Broken::TooLong(why)) => Err(Ended::NoResult(NoResult::TooLong(why))),
            Err(Broken::Called(why)) => {
                // It still waits for the answer.
                self.drop_process();
                Err(Ended::NoResult(why))
            }
            Err(Broken::Breach(why)) => {
                self.drop_process();
                Err(Ended::Process(End::Unexplained(why)))
            }
            Err(Broken::Gone) => {
                let end = match self.process.take() {
                    Some(process) => process.end().await.1,
                    None => End::Unexplained("it is gone".into()),
                };
                self.restarts += 1;
                Err(Ended::Process(end))
            }
        }
    }

    async fn ask(
        &mut self,
        order: &Order,
        outside: &mut dyn Outside,
    ) -> Result<Vec<RawReceipt>, Broken> {
        let Some(process) = &mut self.process else { return Err(Broken::Gone) };
        let id = process.id();
        let pace = self.pace.get_or_insert_with(|| Pace::of(id));
        let mut ask = std::pin::pin!(process.ask(order, outside));
        let answer = tokio::select! {
            biased;
            answer = &mut ask => Some(answer),
            () = pace.until_heavy() => None,
        };
        if answer.is_none() || pace.is_heavy() {
            // Noted at once: the deadline may end this before the answer comes.
            self.heavy_at = Some(Instant::now());
            if !std::mem::replace(&mut self.is_yielding, true) {
                lower_priority(id);
            }
        }
        match answer {
            Some(answer) => answer,
            None => {
                let answer = ask.await;
                // What is heavy ends now, which may be long after it was noticed.
                self.heavy_at = Some(Instant::now());
                answer
            }
        }
    }

    fn drop_process(&mut self) {
        if self.process.take().is_some() {
            self.restarts += 1;
        }
    }
}

/// How an attempt ended without receipts.
enum Ended {
    NeedState,
    NoResult(NoResult),
    Process(End),
}

fn answered(receipts: Vec<RawReceipt>) -> Outcome {
    Outcome::Receipts(receipts.into_iter().map(CallReceipt::from).collect())
}

/// What somebody looked into is not started again behind his back.
fn ended_before_eyes(order: &Order, end: End) -> Outcome {
    match (order, end) {
        (Order::Exec(exec), End::Crash(position)) => {
            let call = exec.batch.calls.get(position as usize);
            let steps = call.map_or(0, |call| call.steps.min(exec.batch.steps));
            answered(vec![RawReceipt::crash(steps)])
        }
        (_, End::Crash(_)) => answered(vec![RawReceipt::crash(0)]),
        (_, End::Unexplained(why)) => Outcome::NoResult(NoResult::Unexplained(why)),
    }
}

/// The next attempt begins with nothing remembered; false when this one did.
const fn make_fresh(order: &mut Order) -> bool {
    match order {
        Order::Exec(exec) if !exec.batch.fresh => {
            exec.batch.fresh = true;
            true
        }
        _ => false,
    }
}

/// The next attempt leaves this call out; false when that is not possible.
fn skip(order: &mut Order, position: u32) -> bool {
    match order {
        Order::Exec(exec)
            if (position as usize) < exec.batch.calls.len() && !exec.skip.contains(&position) =>
        {
            exec.skip.push(position);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{FOR_DEBUGGER, OUTSIDE_SANDBOX, Sandbox, WorkerConfig};

    #[test]
    fn a_worker_is_outside_the_sandbox_only_when_that_is_asked_for_by_name() {
        for sandbox in [Sandbox::Strict, Sandbox::Basic] {
            let config = WorkerConfig::new("/bin/true", Vec::new(), sandbox, b"").unwrap();
            let args = config.clone().label("demo", "token").launch().args;
            assert_eq!(args, ["--label", "demo/token", "--sandbox", sandbox.word()]);
            let args = config.for_debugger().launch().args;
            assert_eq!(args, [OUTSIDE_SANDBOX, FOR_DEBUGGER]);
        }
    }
}
