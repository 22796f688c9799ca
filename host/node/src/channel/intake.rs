//! Transactions on their way into the pipeline: what waits together is checked together.
//!
//! In: envelopes from clients (who wait for a verdict) and from peers. Out: admitted transactions
//! to the actor. One batch is checked at a time, off the async threads; while it runs the next one
//! gathers, and under load for a moment longer: a signature of a large batch costs a third of one
//! of a small batch. A transaction that comes alone waits for nothing and is checked by whoever brings it. Evidence that proves nothing, or
//! that the chain holds, goes no further: every node that finds it sends it. Nor does what is for a frozen
//! SCORE. Deliberately not here: the
//! checks (`host_core::ingest`, `host_core::system::evidence`), the pool.

use super::actor::Command;
use super::executor_task::KnowledgeWatch;
use super::journeys::Journeys;
use super::room::Room;
use crate::peer::readiness::Stored;
use host_core::ingest::admit::Refused;
use host_core::ingest::{AdmitContext, AdmittedTx, Offered, admit};
use host_core::system::evidence;
use host_store::Reader;
use host_types::change::SystemCall;
use host_types::genesis::ChannelGenesis;
use host_types::{BlockTime, Code, GenesisHash, RawTx, Rejection, SignedTransaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that may wait to be checked. More: clients are told to come back, peers' batches wait.
pub const INTAKE_QUEUE_MAX: usize = 4_096;
/// Transactions checked together.
const BATCH_MAX: usize = 1_024;

/// How long a batch gathers after one of at least so many transactions: short beside the time to a
/// final block under such a load, long enough for the signatures of one signer to meet.
const GATHER: [(usize, Duration); 2] =
    [(128, Duration::from_millis(8)), (32, Duration::from_millis(5))];

/// So few are checked where they are: it takes less time than waking another thread would.
const HERE_MAX: usize = 2;

/// What is on its way through the intake counts as long as this lives.
#[derive(Debug)]
struct Turn(Arc<AtomicUsize>);

impl Turn {
    /// One more; and whether there is no other, so that nobody is overtaken.
    fn take(under_way: &Arc<AtomicUsize>) -> (Self, bool) {
        let others = under_way.fetch_add(1, Ordering::AcqRel);
        (Self(Arc::clone(under_way)), others == 0)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who waits for the verdict of one transaction.
pub type Verdict = oneshot::Sender<Result<(), Rejection>>;

/// Transactions to check.
#[derive(Debug)]
enum Arrived {
    /// One of a client of this node.
    Client(Arc<SignedTransaction>, Verdict),
    /// Several told by a peer.
    Peer(Vec<RawTx>),
}

/// This node's clock, microseconds since 1970.
#[must_use]
pub fn wall_clock() -> BlockTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    BlockTime::new(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Makes the context of admission at this moment.
#[derive(Clone, Debug)]
pub struct ContextSource {
    /// The channel.
    pub genesis: Arc<ChannelGenesis>,
    /// Its hash.
    pub hash: GenesisHash,
    /// Members as of the last stored block.
    pub knowledge: KnowledgeWatch,
    /// Time of the last stored block.
    pub block_time: watch::Receiver<BlockTime>,
    /// The stored channel.
    pub reader: Reader,
}

impl ContextSource {
    /// The context now.
    #[must_use]
    pub fn now(&self) -> AdmitContext {
        let knowledge = self.knowledge.borrow();
        AdmitContext {
            genesis: self.hash,
            limits: self.genesis.limits,
            policies: knowledge.epoch().policies(&self.genesis).clone(),
            membership: Arc::clone(&knowledge.membership),
            block_time: *self.block_time.borrow(),
            wall: wall_clock(),
        }
    }

    /// Whether evidence would be recorded, and a SCORE takes transactions, as of the last stored block;
    /// anything else is of use.
    fn is_of_use(&self, tx: &AdmittedTx) -> Result<(), Rejection> {
        let body = tx.transaction().transaction();
        self.knowledge.borrow().is_not_frozen(&body.score)?;
        if !body.score.is_system() || body.method != "evidence" {
            return Ok(());
        }
        let call = SystemCall::decode(&body.method, &body.args);
        // Other arguments are told by the receipt, as those of every method.
        let Ok(Some(SystemCall::Evidence { statements })) = call else { return Ok(()) };
        let epochs = Arc::clone(&self.knowledge.borrow().epochs);
        let state = Stored(self.reader.clone());
        evidence::judge(&statements, || self.hash, &epochs, &state).map(drop)
    }

    fn admit(&self, offered: &[Offered]) -> Vec<Result<AdmittedTx, Refused>> {
        let now = self.now();
        let admitted = offered.chunks(BATCH_MAX).flat_map(|chunk| admit(chunk, &now));
        let of_use = |tx: AdmittedTx| match self.is_of_use(&tx) {
            Ok(()) => Ok(tx),
            Err(rejection) => Err((Some(tx.id()), rejection)),
        };
        admitted.map(|answer| answer.and_then(of_use)).collect()
    }
}

/// The way in.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: mpsc::Sender<(Arrived, Turn)>,
    under_way: Arc<AtomicUsize>,
    desk: Desk,
    room: Arc<Room>,
}

impl Intake {
    /// Starts the task on the threads of `front`.
    #[must_use]
    pub fn start(
        context: ContextSource,
        actor: mpsc::Sender<Command>,
        journeys: Arc<Journeys>,
        front: &Handle,
    ) -> Self {
        let (queue, receiver) = mpsc::channel(INTAKE_QUEUE_MAX);
        let desk = Desk { context, actor, journeys };
        front.spawn(run(desk.clone(), receiver));
        Self { queue, under_way: Arc::default(), desk, room: Arc::default() }
    }

    /// Where the actor tells how full its pool is.
    #[must_use]
    pub fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }

    /// Checks one transaction of a client.
    ///
    /// # Errors
    /// Its refusal.
    pub async fn submit(&self, tx: Arc<SignedTransaction>) -> Result<(), Rejection> {
        self.room.wait().await?;
        let (verdict, answer) = oneshot::channel();
        let (turn, is_alone) = Turn::take(&self.under_way);
        if is_alone {
            self.desk.check(vec![Offered::Decoded(tx)], vec![Some(verdict)], turn).await;
        } else {
            let full =
                || Rejection::new(Code::PoolFull, "too many transactions wait to be checked");
            self.queue.try_send((Arrived::Client(tx, verdict), turn)).map_err(|_| full())?;
        }
        answer.await.map_err(|_| Rejection::new(Code::ChannelHalted, "the channel has stopped"))?
    }

    /// Takes what a peer told; drops it when the channel has stopped.
    pub async fn from_peer(&self, raw: Vec<RawTx>) {
        let (turn, is_alone) = Turn::take(&self.under_way);
        if is_alone && raw.len() <= HERE_MAX {
            let verdicts = raw.iter().map(|_| None).collect();
            self.desk.check(raw.into_iter().map(Offered::Raw).collect(), verdicts, turn).await;
        } else {
            self.queue.send((Arrived::Peer(raw), turn)).await.ok();
        }
    }
}

async fn run(desk: Desk, mut queue: mpsc::Receiver<(Arrived, Turn)>) {
    let mut last = 0;
    while let Some(first) = queue.recv().await {
        if let Some((_, wait)) = GATHER.iter().find(|(least, _)| last >= *least) {
            tokio::time::sleep(*wait).await;
        }
        let (mut offered, mut verdicts, mut turns) = (Vec::new(), Vec::new(), Vec::new());
        let mut add = |(one, turn): (Arrived, Turn)| {
            turns.push(turn);
            match one {
                Arrived::Client(tx, verdict) => {
                    offered.push(Offered::Decoded(tx));
                    verdicts.push(Some(verdict));
                }
                Arrived::Peer(txs) => {
                    verdicts.extend(txs.iter().map(|_| None));
                    offered.extend(txs.into_iter().map(Offered::Raw));
                }
            }
        };
        add(first);
        while let Ok(more) = queue.try_recv() {
            add(more);
        }
        last = offered.len();
        desk.check(offered, verdicts, turns).await;
    }
}

/// Where transactions are checked.
#[derive(Clone, Debug)]
struct Desk {
    context: ContextSource,
    actor: mpsc::Sender<Command>,
    journeys: Arc<Journeys>,
}

impl Desk {
    /// Checks transactions together and hands them on; they are on their way until then.
    async fn check<T>(&self, offered: Vec<Offered>, verdicts: Vec<Option<Verdict>>, turns: T) {
        let came = wall_clock();
        let (count, context) = (offered.len(), self.context.clone());
        let check = move || context.admit(&offered);
        let answers = if count <= HERE_MAX {
            check()
        } else {
            let Ok(answers) = tokio::task::spawn_blocking(check).await else { return };
            answers
        };
        self.journeys.came(answers.iter().flatten().map(AdmittedTx::id), came);
        forward(&self.actor, answers, verdicts).await;
        drop(turns);
    }
}

async fn forward(
    actor: &mpsc::Sender<Command>,
    answers: Vec<Result<AdmittedTx, Refused>>,
    verdicts: Vec<Option<Verdict>>,
) {
    let (mut own, mut told) = (Vec::new(), Vec::new());
    for (answer, verdict) in answers.into_iter().zip(verdicts) {
        match (answer, verdict) {
            (Ok(tx), Some(verdict)) => own.push((tx, verdict)),
            (Ok(tx), None) => told.push(tx),
            (Err((_, rejection)), Some(verdict)) => drop(verdict.send(Err(rejection))),
            (Err((id, rejection)), None) => {
                tracing::debug!(code = %rejection.code, ?id, "a peer's transaction: {rejection}");
            }
        }
    }
    if !own.is_empty() {
        actor.send(Command::Submit(own)).await.ok();
    }
    if !told.is_empty() {
        actor.send(Command::Told(told)).await.ok();
    }
}
