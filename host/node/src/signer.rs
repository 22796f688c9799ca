//! The node's one signer: the key, the write-once guard and the sign log, for all channels.
//!
//! In: what channels want signed, in batches. Out: statements that are durable, or refusals.
//! One thread owns it all. What waits when the disk is free goes down in one fdatasync; payloads
//! that a statement needs are synced first. After a failed write or sync nothing is signed on any
//! channel until the process is restarted: there is no retry.
//! Deliberately not here: what to sign (the rule), sending.

use crate::whole_file::WholeFile;
use host_identity::SigningKey;
use host_store::{ChannelReplay, Entry, Guard, Record, Segments, SignLog, Verdict};
use host_types::statement::{Slot, Statement, StatementPrefix};
use host_types::{Epoch, GenesisHash, View};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

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
    /// Everything at or below this view is closed for ever, before what follows is signed.
    Close {
        /// The view.
        view: View,
    },
    /// Somebody showed a statement that carries this node's signature.
    Shown {
        /// Its epoch.
        epoch: Epoch,
        /// Its registers.
        slots: Vec<Slot>,
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
    jobs: mpsc::SyncSender<Order>,
    seat: Arc<Seat>,
    shared: Arc<Shared>,
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

/// What the thread is told.
enum Order {
    /// Make these durable.
    Do(Request),
    /// What does the log hold of a channel?
    Remember(GenesisHash, mpsc::SyncSender<Result<ChannelReplay, String>>),
}

impl Request {
    /// About what it adds to a batch.
    fn bytes(&self) -> usize {
        let of = |job: &Job| match job {
            Job::Sign { body, .. } => body.len() + 256,
            Job::Persist { record, .. } => record.len() + 64,
            Job::Floor { .. } | Job::Close { .. } | Job::Shown { .. } => 0,
        };
        self.jobs.iter().map(of).sum()
    }
}

impl ChannelSigner {
    /// Whether this seat signs nothing yet, because it is not known what its key has signed before.
    #[must_use]
    pub fn is_rejoining(&self) -> bool {
        self.shared.is_rejoining(self.seat.genesis, self.seat.epoch)
    }

    /// Hands jobs over, in order; they are made durable together or later, never out of order.
    pub fn submit(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let request = Request { seat: Arc::clone(&self.seat), jobs };
        if let Err(mpsc::SendError(Order::Do(request))) = self.jobs.send(Order::Do(request)) {
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
    jobs: mpsc::SyncSender<Order>,
    shared: Arc<Shared>,
}

/// What the thread and its handles share.
#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    /// Why, when it is known.
    reason: Mutex<Option<String>>,
    /// The log is new and the key is not: epochs of channels that are open again.
    rejoin: Option<Mutex<BTreeMap<GenesisHash, Epoch>>>,
}

impl Shared {
    fn is_rejoining(&self, channel: GenesisHash, epoch: Epoch) -> bool {
        let open = |open: &Mutex<BTreeMap<GenesisHash, Epoch>>| lock(open).get(&channel).copied();
        self.rejoin.as_ref().is_some_and(|rejoin| open(rejoin) != Some(epoch))
    }

    fn stop(&self, reason: Option<String>) {
        *lock(&self.reason) = reason;
        self.is_stopped.store(true, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the signer is started with.
#[derive(Debug)]
pub struct SignerConfig {
    /// The key.
    pub key: SigningKey,
    /// What the log says of registers.
    pub guard: Guard,
    /// The log.
    pub log: SignLog,
    /// Epochs that are open again, when what the key has signed before is not known.
    pub rejoin: Option<BTreeMap<GenesisHash, Epoch>>,
    /// Where it is noted, for the next start, that the log cannot be trusted, and why.
    pub distrusted: WholeFile,
}

impl Signer {
    /// Starts the thread that owns key, guard and log.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(config: SignerConfig) -> std::io::Result<Self> {
        let SignerConfig { key, guard, log, rejoin, distrusted } = config;
        let (jobs, queue) = mpsc::sync_channel(SIGN_QUEUE_MAX);
        let rejoin = rejoin.map(Mutex::new);
        let shared = Arc::new(Shared { rejoin, ..Shared::default() });
        let owner = Owner { key, guard, log, shared: Arc::clone(&shared), distrusted };
        std::thread::Builder::new().name("signer".into()).spawn(move || owner.run(&queue))?;
        Ok(Self { jobs, shared })
    }

    /// One that signs nothing until the process is restarted: reads and sync go on without it.
    #[must_use]
    pub fn stopped(reason: &str) -> Self {
        // Without a receiver every request is refused at once.
        let (jobs, _) = mpsc::sync_channel(1);
        let shared = Shared::default();
        shared.stop(Some(reason.to_owned()));
        Self { jobs, shared: Arc::new(shared) }
    }

    /// A door for one channel.
    #[must_use]
    pub fn seat(&self, config: SeatConfig) -> ChannelSigner {
        let SeatConfig { genesis, epoch, prefix, me, files, sink } = config;
        let seat = Seat { genesis, epoch, prefix, me, files, sink };
        let shared = Arc::clone(&self.shared);
        ChannelSigner { jobs: self.jobs.clone(), seat: Arc::new(seat), shared }
    }

    /// What the log holds of a channel that is taken up again, with all that was signed before this
    /// call. Waits for the disk. A signer that signs nothing remembers nothing: nothing comes of it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn remembered(&self, channel: GenesisHash) -> Result<ChannelReplay, String> {
        let (reply, answer) = mpsc::sync_channel(1);
        if self.jobs.send(Order::Remember(channel, reply)).is_err() {
            return Ok(ChannelReplay::default());
        }
        answer.recv().unwrap_or_else(|_| Ok(ChannelReplay::default()))
    }

    /// Whether it is not known yet what this key has signed in an epoch before.
    #[must_use]
    pub fn is_rejoining(&self, channel: GenesisHash, epoch: Epoch) -> bool {
        self.shared.is_rejoining(channel, epoch)
    }

    /// Whether signing has stopped until restart.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped.load(Ordering::Acquire)
    }

    /// Why nothing is signed until restart; none while it is.
    #[must_use]
    pub fn why_stopped(&self) -> Option<String> {
        let failed = || "the sign log failed: nothing is signed until restart".to_owned();
        self.is_stopped().then(|| lock(&self.shared.reason).clone().unwrap_or_else(failed))
    }
}

struct Owner {
    key: SigningKey,
    guard: Guard,
    log: SignLog,
    shared: Arc<Shared>,
    distrusted: WholeFile,
}

/// Says that signing has stopped when it goes.
struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Release);
    }
}

impl Owner {
    fn run(mut self, queue: &mpsc::Receiver<Order>) {
        // Also when this thread breaks off: then nothing is signed any more.
        let _stop = StopOnDrop(Arc::clone(&self.shared));
        while let Ok(first) = queue.recv() {
            let (mut bytes, mut requests, mut asked) = (0, Vec::new(), None);
            let mut next = Some(first);
            while let Some(order) = next.take() {
                match order {
                    Order::Do(request) => {
                        bytes += request.bytes();
                        requests.push(request);
                    }
                    Order::Remember(channel, reply) => {
                        asked = Some((channel, reply));
                        break;
                    }
                }
                if requests.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
                    next = queue.try_recv().ok();
                }
            }
            self.serve(requests);
            // After everything that was asked for before it.
            if let Some((channel, reply)) = asked {
                let held = self.log.replay_of(channel).map_err(|error| error.to_string());
                // Whoever asked may have gone away.
                reply.send(held).ok();
            }
        }
    }

    fn serve(&mut self, requests: Vec<Request>) {
        if self.shared.is_stopped.load(Ordering::Acquire) {
            requests.iter().for_each(refuse);
            return;
        }
        let (mut records, mut answers, mut floors) = (Vec::new(), Vec::new(), Vec::new());
        let mut closed = Vec::new();
        for request in &requests {
            if let Err(error) = sync_files(request) {
                // That channel is halted; the others go on.
                refuse(request);
                (request.seat.sink)(Answer::FilesFailed(error.to_string()));
                continue;
            }
            self.prepare(request, &mut records, &mut answers, &mut floors, &mut closed);
        }
        if !records.is_empty()
            && let Err(error) = self.log.append_batch(&records)
        {
            tracing::error!(code = %host_types::Code::SigningStopped, "{error}; nothing is signed until restart");
            self.shared.stop(None);
            requests.iter().for_each(refuse);
            return;
        }
        if let Some(rejoin) = &self.shared.rejoin {
            let open = closed.into_iter().map(|seat| (seat.genesis, seat.epoch));
            lock(rejoin).extend(open);
        }
        for (seat, answer) in answers {
            (seat.sink)(answer);
        }
        for (seat, view) in floors {
            self.guard.raise_floor(seat.genesis, seat.epoch, view);
            if let Err(error) = self.log.floor(seat.genesis, seat.epoch, view) {
                tracing::error!(code = %host_types::Code::SigningStopped, "{error}");
                self.shared.stop(None);
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
        closed: &mut Vec<Arc<Seat>>,
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
                Job::Close { view } => {
                    self.guard.raise_floor(seat.genesis, seat.epoch, *view);
                    let entry = Entry::Floor { epoch: seat.epoch, view: *view };
                    records.push(Record { channel: seat.genesis, entry });
                    closed.push(Arc::clone(seat));
                }
                Job::Shown { epoch, slots } => self.look_at(seat, *epoch, slots),
            }
        }
    }

    /// A statement with this node's signature that its log does not hold: the log is an old copy, or
    /// somebody else has the key. From here on nothing is signed, also after a restart.
    fn look_at(&self, seat: &Seat, epoch: Epoch, slots: &[Slot]) {
        let is_unsure = !self.guard.is_open(seat.genesis, epoch);
        if is_unsure || self.guard.knows(seat.genesis, epoch, slots) {
            return;
        }
        let view = slots.iter().map(|slot| slot.view.get()).max().unwrap_or_default();
        let reason = format!(
            "a peer holds a statement of this node of view {view} that its sign log does not hold: the \
             log was restored from a copy, or another process uses this key; nothing is signed with it \
             any more. Stop the other process; give this node a new key, or start it with --rejoin"
        );
        tracing::error!(code = %host_types::Code::SigningStopped, "{reason}");
        if let Err(failed) = self.distrusted.save(reason.as_bytes()) {
            tracing::error!(code = %failed.code, "a restart would trust the sign log again: do not restart this node with it. {}", failed.message);
        }
        self.shared.stop(Some(reason));
    }

    fn sign(
        &mut self,
        seat: &Seat,
        sequence: u64,
        slots: &[Slot],
        body: &[u8],
        records: &mut Vec<Record>,
    ) -> Answer {
        if self.shared.is_stopped.load(Ordering::Acquire) {
            return Answer::Refused { sequence };
        }
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
