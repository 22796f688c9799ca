//! The node's one signer: the key, the write-once guard and the sign log, for all channels.
//!
//! In: what channels want signed, in batches. Out: statements that are durable, or refusals.
//! One thread owns it all. What waits when the disk is free goes down in one fdatasync; payloads
//! that a statement needs are synced first. After a failed write or sync nothing is signed on any
//! channel until the process is restarted: there is no retry.
//! Deliberately not here: what to sign (the rule), sending.

use host_identity::SigningKey;
use host_store::{Entry, Guard, Record, Segments, SignLog, Verdict};
use host_types::statement::{Slot, Statement, StatementPrefix};
use host_types::{Epoch, GenesisHash, View};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

/// Requests that may wait for the signer. A channel asks for a handful per block; more than this
/// means the disk hangs, and the channels wait with it.
pub const SIGN_QUEUE_MAX: usize = 1_024;

/// Requests that go down in one sync.
const BATCH_MAX: usize = 256;
/// Bytes that go down in one sync, beside one last request: a batch is one record of the sign log
/// and has to fit one of its segments.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One thing to make durable.
#[derive(Debug)]
pub enum Job {
    /// Sign a statement.
    Sign {
        /// Number of the request.
        sequence: u64,
        /// Registers.
        slots: Vec<Slot>,
        /// The rule's own bytes.
        body: Vec<u8>,
        /// Whether payloads or write sets must be synced first.
        needs_files: bool,
    },
    /// Keep a record of the rule, durable with the next statement.
    Persist {
        /// Its view.
        view: View,
        /// The rule's own bytes.
        record: Vec<u8>,
    },
    /// Everything at or below this view is final: it will never be signed again.
    Floor {
        /// The view.
        view: View,
    },
}

/// What a channel hears back.
#[derive(Debug)]
pub enum Answer {
    /// Signed and durable.
    Signed {
        /// Number of the request.
        sequence: u64,
        /// The statement.
        statement: Statement,
    },
    /// The guard refused, or signing has stopped.
    Refused {
        /// Number of the request.
        sequence: u64,
    },
    /// The channel's own files failed: nothing of the request was signed.
    FilesFailed(String),
}

/// Where a channel's answers go; never blocks for long.
pub type AnswerSink = Arc<dyn Fn(Answer) + Send + Sync>;

/// One channel's door to the signer.
#[derive(Clone)]
pub struct ChannelSigner {
    jobs: mpsc::SyncSender<Request>,
    seat: Arc<Seat>,
}

impl std::fmt::Debug for ChannelSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelSigner({})", self.seat.genesis)
    }
}

struct Seat {
    genesis: GenesisHash,
    epoch: Epoch,
    prefix: StatementPrefix,
    me: u16,
    files: Segments,
    sink: AnswerSink,
}

struct Request {
    seat: Arc<Seat>,
    jobs: Vec<Job>,
}

impl Request {
    /// About what it adds to a batch.
    fn bytes(&self) -> usize {
        let of = |job: &Job| match job {
            Job::Sign { body, .. } => body.len() + 256,
            Job::Persist { record, .. } => record.len() + 64,
            Job::Floor { .. } => 0,
        };
        self.jobs.iter().map(of).sum()
    }
}

impl ChannelSigner {
    /// Hands jobs over, in order; they are made durable together or later, never out of order.
    pub fn submit(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let request = Request { seat: Arc::clone(&self.seat), jobs };
        if let Err(mpsc::SendError(request)) = self.jobs.send(request) {
            refuse(&request);
        }
    }
}

/// What a channel brings to the signer.
#[expect(missing_debug_implementations, reason = "holds what has no form for people")]
pub struct SeatConfig {
    /// The channel.
    pub genesis: GenesisHash,
    /// Its epoch.
    pub epoch: Epoch,
    /// What its statements begin with.
    pub prefix: StatementPrefix,
    /// This node's index.
    pub me: u16,
    /// Files that statements may need.
    pub files: Segments,
    /// Where answers go.
    pub sink: AnswerSink,
}

/// The handle by which channels get their door.
#[derive(Clone, Debug)]
pub struct Signer {
    jobs: mpsc::SyncSender<Request>,
    is_stopped: Arc<AtomicBool>,
    /// Why it never began, when it did not.
    reason: Option<Arc<str>>,
}

impl Signer {
    /// Starts the thread that owns key, guard and log.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(key: SigningKey, guard: Guard, log: SignLog) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel(SIGN_QUEUE_MAX);
        let is_stopped = Arc::new(AtomicBool::new(false));
        let owner = Owner { key, guard, log, is_stopped: Arc::clone(&is_stopped) };
        std::thread::Builder::new().name("signer".into()).spawn(move || owner.run(&queue))?;
        Ok(Self { jobs, is_stopped, reason: None })
    }

    /// One that signs nothing until the process is restarted: reads and sync go on without it.
    #[must_use]
    pub fn stopped(reason: &str) -> Self {
        // Without a receiver every request is refused at once.
        let (jobs, _) = mpsc::sync_channel(1);
        Self { jobs, is_stopped: Arc::new(AtomicBool::new(true)), reason: Some(reason.into()) }
    }

    /// A door for one channel.
    #[must_use]
    pub fn seat(&self, config: SeatConfig) -> ChannelSigner {
        let SeatConfig { genesis, epoch, prefix, me, files, sink } = config;
        let seat = Seat { genesis, epoch, prefix, me, files, sink };
        ChannelSigner { jobs: self.jobs.clone(), seat: Arc::new(seat) }
    }

    /// Whether signing has stopped until restart.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Why nothing is signed until restart; none while it is.
    #[must_use]
    pub fn why_stopped(&self) -> Option<String> {
        let failed = || "the sign log failed: nothing is signed until restart".to_owned();
        self.is_stopped().then(|| self.reason.as_ref().map_or_else(failed, |why| why.to_string()))
    }
}

struct Owner {
    key: SigningKey,
    guard: Guard,
    log: SignLog,
    is_stopped: Arc<AtomicBool>,
}

/// Says that signing has stopped when it goes.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Owner {
    fn run(mut self, queue: &mpsc::Receiver<Request>) {
        // Also when this thread breaks off: then nothing is signed any more.
        let _stop = StopOnDrop(Arc::clone(&self.is_stopped));
        while let Ok(first) = queue.recv() {
            let mut bytes = first.bytes();
            let mut requests = vec![first];
            while requests.len() < BATCH_MAX
                && bytes < BATCH_BYTES_MAX
                && let Ok(more) = queue.try_recv()
            {
                bytes += more.bytes();
                requests.push(more);
            }
            self.serve(requests);
        }
    }

    fn serve(&mut self, requests: Vec<Request>) {
        if self.is_stopped.load(Ordering::Acquire) {
            requests.iter().for_each(refuse);
            return;
        }
        let (mut records, mut answers, mut floors) = (Vec::new(), Vec::new(), Vec::new());
        for request in &requests {
            if let Err(error) = sync_files(request) {
                // That channel is halted; the others go on.
                refuse(request);
                (request.seat.sink)(Answer::FilesFailed(error.to_string()));
                continue;
            }
            self.prepare(request, &mut records, &mut answers, &mut floors);
        }
        if !records.is_empty()
            && let Err(error) = self.log.append_batch(&records)
        {
            tracing::error!(code = %host_types::Code::SigningStopped, "{error}; nothing is signed until restart");
            self.is_stopped.store(true, Ordering::Release);
            requests.iter().for_each(refuse);
            return;
        }
        for (seat, answer) in answers {
            (seat.sink)(answer);
        }
        for (seat, view) in floors {
            self.guard.raise_floor(seat.genesis, seat.epoch, view);
            if let Err(error) = self.log.floor(seat.genesis, seat.epoch, view) {
                tracing::error!(code = %host_types::Code::SigningStopped, "{error}");
                self.is_stopped.store(true, Ordering::Release);
                return;
            }
        }
    }

    fn prepare(
        &mut self,
        request: &Request,
        records: &mut Vec<Record>,
        answers: &mut Vec<(Arc<Seat>, Answer)>,
        floors: &mut Vec<(Arc<Seat>, View)>,
    ) {
        let seat = &request.seat;
        for job in &request.jobs {
            match job {
                Job::Sign { sequence, slots, body, .. } => {
                    let answer = self.sign(seat, *sequence, slots, body, records);
                    answers.push((Arc::clone(seat), answer));
                }
                Job::Persist { view, record } => records.push(Record {
                    channel: seat.genesis,
                    entry: Entry::RuleRecord {
                        epoch: seat.epoch,
                        view: *view,
                        bytes: record.clone(),
                    },
                }),
                Job::Floor { view } => floors.push((Arc::clone(seat), *view)),
            }
        }
    }

    fn sign(
        &mut self,
        seat: &Seat,
        sequence: u64,
        slots: &[Slot],
        body: &[u8],
        records: &mut Vec<Record>,
    ) -> Answer {
        if let Verdict::Refused { slot } = self.guard.check(seat.genesis, seat.epoch, slots) {
            tracing::warn!(view = slot.view.get(), class = slot.class, "the guard refused to sign");
            return Answer::Refused { sequence };
        }
        // Ed25519 is deterministic: signing the same statement again gives the same bytes.
        let signature = self.key.sign(&seat.prefix.message(slots, body));
        records.push(Record {
            channel: seat.genesis,
            entry: Entry::Signed {
                epoch: seat.epoch,
                slots: slots.to_vec(),
                body: body.to_vec(),
                signature,
            },
        });
        let statement = Statement {
            epoch: seat.epoch,
            signer: seat.me,
            slots: slots.to_vec(),
            body: body.to_vec(),
            signature,
        };
        Answer::Signed { sequence, statement }
    }
}

/// Payloads and write sets that the request's statements need are durable before anything is signed.
fn sync_files(request: &Request) -> Result<(), host_store::StoreError> {
    let needs = |job: &Job| matches!(job, Job::Sign { needs_files, .. } if *needs_files);
    if request.jobs.iter().any(needs) { request.seat.files.sync() } else { Ok(()) }
}

fn refuse(request: &Request) {
    for job in &request.jobs {
        if let Job::Sign { sequence, .. } = job {
            (request.seat.sink)(Answer::Refused { sequence: *sequence });
        }
    }
}
