//! Sends signed transactions: at a fixed rate whatever the network does, or as fast as it takes
//! them.
//!
//! In: envelopes, addresses, a pace. Out: for every transaction when it should have been sent, when
//! it was answered and how. With a rate nothing waits for answers (an open loop); with `max` each
//! connection keeps a bounded number of requests under way, and a transaction that is refused for
//! the moment is sent again.

use super::client::submit;
use crate::error::BenchError;
use crate::http::{Connection, Receiver, Sender};
use host_types::{RawTx, TxId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How fast transactions are offered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many per second, evenly, whatever happens.
    Rate(f64),
    /// As fast as the network takes them.
    Max,
}

/// Rest after a refusal for the moment (a full pool).
const REFUSED_PAUSE: Duration = Duration::from_millis(5);
/// Requests of one connection whose answers are outstanding in the open loop.
const OUTSTANDING_MAX: usize = 16_384;

/// One transaction that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Its number in the stock.
    pub(super) number: usize,
    /// When it should have been sent, since the clock of the run.
    pub(super) due: Duration,
    /// When it was answered.
    pub(super) answered: Duration,
    /// HTTP status of the answer.
    pub(super) status: u16,
}

/// What came of the load.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Every transaction, once, with its last answer.
    pub(super) sent: Vec<Sent>,
    /// Refusals for the moment.
    pub(super) refused: u64,
    /// The stock was empty before the time was over.
    pub(super) is_stock_empty: bool,
}

/// What all connections share.
struct Shared {
    channel: &'static str,
    stock: Arc<Vec<(TxId, RawTx)>>,
    next: AtomicUsize,
    is_stock_empty: AtomicBool,
    clock: Instant,
    end: Duration,
}

/// Where and how to send.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The channel.
    pub(super) channel: &'static str,
    /// `host:port` of every peer.
    pub(super) peers: Vec<String>,
    /// Connections to each.
    pub(super) connections: usize,
    /// Requests under way on each.
    pub(super) pipeline: usize,
    /// How fast.
    pub(super) pace: Pace,
    /// How long.
    pub(super) length: Duration,
}

/// Sends until the time is over or the stock is empty.
pub(super) async fn run(
    plan: &Plan,
    stock: Arc<Vec<(TxId, RawTx)>>,
    clock: Instant,
) -> Result<Outcome, BenchError> {
    let shared = Arc::new(Shared {
        channel: plan.channel,
        stock,
        next: AtomicUsize::new(0),
        is_stock_empty: AtomicBool::new(false),
        clock,
        end: clock.elapsed() + plan.length,
    });
    let start = clock.elapsed();
    let all = plan.connections * plan.peers.len();
    let mut tasks = Vec::new();
    for lane in 0..all {
        // Neighbouring lanes go to different peers.
        let Some(address) = plan.peers.get(lane % plan.peers.len().max(1)) else { break };
        let connection = Connection::open(address).await?;
        let shared = Arc::clone(&shared);
        let (pace, pipeline) = (plan.pace, plan.pipeline);
        tasks.push(tokio::spawn(async move {
            match pace {
                Pace::Max => closed_loop(&shared, connection, pipeline).await,
                Pace::Rate(rate) => {
                    let schedule = Schedule { start, rate, lane, lanes: all };
                    open_loop(shared, connection, schedule).await
                }
            }
        }));
    }
    let mut outcome = Outcome::default();
    for task in tasks {
        let part = task.await.map_err(|_| BenchError::void("a sender panicked"))??;
        outcome.sent.extend(part.sent);
        outcome.refused += part.refused;
    }
    outcome.is_stock_empty = shared.is_stock_empty.load(Ordering::Relaxed);
    Ok(outcome)
}

impl Shared {
    fn take(&self) -> Option<usize> {
        if self.clock.elapsed() >= self.end {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number < self.stock.len() {
            return Some(number);
        }
        self.is_stock_empty.store(true, Ordering::Relaxed);
        None
    }

    fn request(&self, number: usize) -> Vec<u8> {
        self.stock.get(number).map(|(_, raw)| submit(self.channel, raw)).unwrap_or_default()
    }
}

/// Whether the same request may succeed later.
const fn is_for_the_moment(status: u16) -> bool {
    status == 429 || status == 503
}

async fn closed_loop(
    shared: &Shared,
    mut connection: Connection,
    pipeline: usize,
) -> Result<Outcome, BenchError> {
    let mut outcome = Outcome::default();
    let mut under_way: VecDeque<(usize, Duration)> = VecDeque::new();
    let mut again: VecDeque<(usize, Duration)> = VecDeque::new();
    loop {
        let mut requests = Vec::new();
        while under_way.len() < pipeline {
            let fresh = || shared.take().map(|number| (number, shared.clock.elapsed()));
            let Some((number, due)) = again.pop_front().or_else(fresh) else { break };
            requests.extend_from_slice(&shared.request(number));
            under_way.push_back((number, due));
        }
        if !requests.is_empty() {
            connection.sender.send(&requests).await?;
        }
        let Some((number, due)) = under_way.pop_front() else { return Ok(outcome) };
        let mut status = connection.receiver.receive().await?.status;
        if is_for_the_moment(status) {
            outcome.refused += 1;
            tokio::time::sleep(REFUSED_PAUSE).await;
            if shared.clock.elapsed() < shared.end {
                again.push_back((number, due));
                continue;
            }
            status = 0;
        }
        outcome.sent.push(Sent { number, due, answered: shared.clock.elapsed(), status });
    }
}

/// Which transactions a connection sends when.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    start: Duration,
    rate: f64,
    lane: usize,
    lanes: usize,
}

impl Schedule {
    /// The `turn`th transaction of this connection: its number and when it is due.
    fn turn(&self, turn: usize) -> (usize, Duration) {
        let number = turn * self.lanes + self.lane;
        (number, self.start + Duration::from_secs_f64(number as f64 / self.rate))
    }
}

async fn open_loop(
    shared: Arc<Shared>,
    connection: Connection,
    schedule: Schedule,
) -> Result<Outcome, BenchError> {
    let Connection { mut sender, receiver } = connection;
    let (sent, outstanding) = mpsc::channel(OUTSTANDING_MAX);
    let reader = tokio::spawn(read_answers(receiver, outstanding, shared.clock));
    let written = write_requests(&shared, &mut sender, sent, schedule).await;
    // The sender is still open: a peer may close a connection whose other side is closed.
    let read = reader.await.map_err(|_| BenchError::void("a reader panicked"))?;
    written.and(read)
}

/// Sends each transaction when it is due; tells the reader of each.
async fn write_requests(
    shared: &Shared,
    sender: &mut Sender,
    sent: mpsc::Sender<(usize, Duration)>,
    schedule: Schedule,
) -> Result<(), BenchError> {
    for turn in 0.. {
        let (number, due) = schedule.turn(turn);
        if due >= shared.end {
            break;
        }
        if number >= shared.stock.len() {
            shared.is_stock_empty.store(true, Ordering::Relaxed);
            break;
        }
        tokio::time::sleep_until((shared.clock + due).into()).await;
        sender.send(&shared.request(number)).await?;
        if sent.send((number, due)).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn read_answers(
    mut receiver: Receiver,
    mut outstanding: mpsc::Receiver<(usize, Duration)>,
    clock: Instant,
) -> Result<Outcome, BenchError> {
    let mut outcome = Outcome::default();
    while let Some((number, due)) = outstanding.recv().await {
        let status = receiver.receive().await?.status;
        outcome.refused += u64::from(is_for_the_moment(status));
        outcome.sent.push(Sent { number, due, answered: clock.elapsed(), status });
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::network::CHANNEL;
    use crate::workload::{SCORE, Signer, transfers};
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use host_types::{GenesisHash, ScoreName};

    fn stock(count: usize) -> Arc<Vec<(TxId, RawTx)>> {
        let score = ScoreName::new(SCORE).unwrap();
        Arc::new(transfers(&Signer::imaginary(2), GenesisHash::default(), &score, count))
    }

    /// A server that refuses every third request for the moment.
    async fn serve() -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let take = || async {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            if number % 3 == 2 { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::ACCEPTED }
        };
        let router = Router::new().route("/api/v2/channels/demo/transactions", post(take));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn plan(address: String, pace: Pace) -> Plan {
        let length = Duration::from_secs(20);
        let peers = vec![address.clone(), address];
        Plan { channel: CHANNEL, peers, connections: 2, pipeline: 3, pace, length }
    }

    #[tokio::test]
    async fn the_closed_loop_sends_everything_once_more_until_it_is_taken() {
        let plan = plan(serve().await, Pace::Max);
        let outcome = run(&plan, stock(50), Instant::now()).await.unwrap();
        let mut numbers: Vec<_> = outcome.sent.iter().map(|sent| sent.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        assert!(outcome.sent.iter().all(|sent| sent.status == 202));
        assert!(outcome.refused > 0 && outcome.is_stock_empty);
    }

    #[tokio::test]
    async fn the_open_loop_keeps_its_times_and_sends_nothing_twice() {
        let plan = plan(serve().await, Pace::Rate(1_000.0));
        let clock = Instant::now();
        let outcome = run(&plan, stock(50), clock).await.unwrap();
        assert_eq!(outcome.sent.len(), 50);
        for sent in &outcome.sent {
            let since_first = sent.due - outcome.sent.iter().map(|s| s.due).min().unwrap();
            assert_eq!(since_first.as_millis() as usize, sent.number);
            assert!(sent.answered >= sent.due);
        }
    }
}
