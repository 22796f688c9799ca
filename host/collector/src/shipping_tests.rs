//! A node that ships its lines, and collectors that are well, dead, deaf, away for a while.

use crate::limits::QUEUE_LINES_MAX;
use crate::queue::{Queue, QueueBounds};
use crate::read::Reader;
use crate::ship::{Destination, ship};
use crate::{Collector, Filter, ForwardFrom, Record, Store, StoreBounds, serve};
use host_identity::{Authority, Role, Validity};
use host_rpc::{Expected, Session, Trust};
use host_types::{NetworkId, NodeName};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const WITHIN: Duration = Duration::from_secs(20);

struct Network(Authority);

impl Network {
    fn new() -> Self {
        Self(Authority::new("bank-a", Validity::days_from_now(2)).unwrap())
    }

    fn session(&self, name: &str, role: Role) -> Arc<Session> {
        let root = self.0.root().clone();
        let organisations = [("bank-a".to_owned(), root.fingerprint())];
        let trust = Trust::new(NetworkId::default(), &organisations, vec![root]);
        let name = NodeName::new(name).unwrap();
        let identity = self.0.issue_tls(&name, role, &[], Validity::days_from_now(1)).unwrap();
        Session::new(Arc::new(trust), identity).unwrap()
    }
}

/// A running collector; dropping `stop` ends it.
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    address: SocketAddr,
}

async fn collector(network: &Network, folder: &Path, address: &str) -> Running {
    let session = network.session("bank-a/log-collector", Role::Client);
    let store = Store::open(folder, StoreBounds::default()).unwrap();
    let collector = Arc::new(Collector::new(store, session, ForwardFrom::Loopback));
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(serve(listener, collector, stopped));
    Running { stop, task, address }
}

impl Running {
    async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

struct Node {
    queue: Arc<Queue>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn node_as(session: Arc<Session>, address: SocketAddr, bounds: QueueBounds) -> Node {
    let queue = Arc::new(Queue::new(bounds));
    let (stop, stopped) = watch::channel(false);
    let name = NodeName::new("bank-a/log-collector").unwrap();
    let destination = Destination { address: address.to_string(), collector: Expected::Name(name) };
    let task = tokio::spawn(ship(Arc::clone(&queue), session, destination, stopped));
    Node { queue, stop, task }
}

fn node(network: &Network, address: SocketAddr, bounds: QueueBounds) -> Node {
    node_as(network.session("bank-a/peer0", Role::Validator), address, bounds)
}

fn say(queue: &Queue, numbers: std::ops::Range<u64>) {
    for number in numbers {
        queue.push(format!(r#"{{"level":"INFO","message":"line {number}"}}"#).as_bytes());
    }
}

fn kept(folder: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    Reader::new(folder).read(&Filter::default(), &mut |record| records.push(record)).unwrap();
    records
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().filter_map(|record| record.seq).collect()
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < WITHIN, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn lines_arrive_in_order_each_once_and_under_the_name_of_the_certificate() {
    let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
    let collector = collector(&network, folder.path(), "127.0.0.1:0").await;
    let node = node(&network, collector.address, QueueBounds::default());
    say(&node.queue, 0..10_000);
    until("all are acknowledged", || node.queue.shipped() == 10_000).await;
    say(&node.queue, 10_000..10_005);
    node.stop.send_replace(true);
    node.task.await.unwrap();
    assert_eq!(node.queue.shipped(), 10_005, "the last words too");
    let records = kept(folder.path());
    assert_eq!(numbers(&records), (0..10_005).collect::<Vec<_>>());
    assert!(records.iter().all(|record| record.source == "bank-a/peer0"));
    assert_eq!(records[7].message(), "line 7");
    collector.end().await;
}

#[tokio::test]
async fn a_dead_collector_costs_a_node_the_oldest_lines_and_no_time() {
    let network = Network::new();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let node = node(&network, address, QueueBounds::default());
    let lines = 2 * QUEUE_LINES_MAX as u64;
    say(&node.queue, 0..lines);
    let (waiting, _) = node.queue.waiting();
    assert!(waiting <= QUEUE_LINES_MAX, "{waiting}");
    assert!(node.queue.dropped() >= lines / 2 - 4_096, "{}", node.queue.dropped());
    let stopping = Instant::now();
    node.stop.send_replace(true);
    node.task.await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(1), "nobody waits for the dead");
}

#[tokio::test]
async fn a_collector_that_accepts_and_never_reads_stops_nothing() {
    let network = Network::new();
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap();
    let node = node(&network, address, QueueBounds { lines: 100, bytes: 1 << 20 });
    let _held = deaf.accept();
    say(&node.queue, 0..1_000);
    let (waiting, _) = node.queue.waiting();
    assert!(waiting <= 100);
    assert!(node.queue.dropped() >= 800, "{}", node.queue.dropped());
    assert_eq!(node.queue.shipped(), 0);
    let stopping = Instant::now();
    node.stop.send_replace(true);
    node.task.await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_collector_that_proves_its_name_and_never_answers_stops_nothing() {
    let network = Network::new();
    let session = network.session("bank-a/log-collector", Role::Client);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let (stream, _) = silent.accept().await.unwrap();
        session.accept_stream(stream).await.unwrap()
    });
    let node = node(&network, address, QueueBounds { lines: 100, bytes: 1 << 20 });
    say(&node.queue, 0..1);
    let _session = held.await.unwrap();
    until("the batch is on its way", || node.queue.waiting().0 == 0).await;
    say(&node.queue, 1..1_001);
    assert_eq!((node.queue.waiting().0, node.queue.dropped()), (100, 900));
    assert_eq!(node.queue.shipped(), 0);
    let stopping = Instant::now();
    node.stop.send_replace(true);
    node.task.await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_was_kept_in_order_and_each_line_once() {
    let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
    let first = collector(&network, folder.path(), "127.0.0.1:0").await;
    let address = first.address;
    let node = node(&network, address, QueueBounds { lines: 500, bytes: 1 << 20 });
    say(&node.queue, 0..100);
    until("the first are acknowledged", || node.queue.shipped() == 100).await;
    first.end().await;
    // One batch may be on its way when it is gone; all others wait, up to the bound.
    say(&node.queue, 100..101);
    until("it is on its way", || node.queue.waiting().0 == 0).await;
    say(&node.queue, 101..1_101);
    assert_eq!((node.queue.waiting().0, node.queue.dropped()), (500, 500));
    let second = collector(&network, folder.path(), &address.to_string()).await;
    until("the rest is acknowledged", || node.queue.shipped() == 601).await;
    let records = kept(folder.path());
    let expected: Vec<_> = (0..101).chain(601..1_101).collect();
    assert_eq!(numbers(&records), expected);
    let told: Vec<_> = records.iter().filter(|record| record.seq.is_none()).collect();
    let [told] = told[..] else { panic!("{told:?}") };
    assert_eq!(told.message(), "bank-a/peer0 dropped 500 lines because its queue was full");
    second.end().await;
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_kept_once() {
    let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
    let collector = collector(&network, folder.path(), "127.0.0.1:0").await;
    let session = network.session("bank-a/peer0", Role::Validator);
    let expected = Expected::Role(Role::Client);
    let address = collector.address.to_string();
    for body in ["a\nb\n", "a\nb\n", "a\nb\nc\n"] {
        let mut stream = session.open_stream(&address, &expected).await.unwrap();
        let request = format!(
            "POST /v1/logs HTTP/1.1\r\nhost: x\r\nconnection: close\r\nloopchain-run: 07\r\n\
             loopchain-first: 5\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.ok();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains(&format!("\"acknowledged\":{}", 4 + body.len() / 2)), "{answer}");
    }
    assert_eq!(numbers(&kept(folder.path())), [5, 6, 7]);
    collector.end().await;
}

#[tokio::test]
async fn clients_send_no_lines_and_strangers_get_no_session() {
    let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
    let collector = collector(&network, folder.path(), "127.0.0.1:0").await;
    let alice = node_as(
        network.session("bank-a/alice", Role::Client),
        collector.address,
        QueueBounds::default(),
    );
    let stranger = node(&Network::new(), collector.address, QueueBounds::default());
    let peer = node(&network, collector.address, QueueBounds::default());
    for node in [&alice, &stranger, &peer] {
        say(&node.queue, 0..3);
    }
    until("the peer's arrive", || peer.queue.shipped() == 3).await;
    assert_eq!((alice.queue.shipped(), stranger.queue.shipped()), (0, 0));
    assert!(kept(folder.path()).iter().all(|record| record.source == "bank-a/peer0"));
    collector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_messages_are_kept_and_acknowledged_on_the_same_port() {
    let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
    let collector = collector(&network, folder.path(), "127.0.0.1:0").await;
    let address = collector.address;
    let talk = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        // What Docker's driver sends: message mode, in two writes.
        stream.write_all(b"\x94\xabdocker.demo\xce\x65\x92\x00\x80\x81\xa3log").unwrap();
        stream.write_all(b"\xa2hi\x81\xa5chunk\xa4YWJj").unwrap();
        let mut answer = [0; 13];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"\x81\xa3ack\xdb\x00\x00\x00\x04YWJj"[..13].as_ref());
        let mut wrong = std::net::TcpStream::connect(address).unwrap();
        wrong.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        wrong.read_to_end(&mut rest).ok();
        assert_eq!(rest, b"", "closed without a word");
    });
    talk.await.unwrap();
    let records = kept(folder.path());
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.source.as_str(), record.message()), ("fluentd:docker.demo", "hi"));
    assert_eq!(record.time_us, 0x6592_0080 * 1_000_000);
    collector.end().await;
}
