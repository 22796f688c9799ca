//! What monitoring is told of streams: how many are open, whatever becomes of their clients, and how many
//! were refused.

use crate::fake::get;
use crate::live::Live;
use crate::stream_client::{PATIENCE, Served, Sse, Ws, served};
use host_web::ServerLimits;
use host_web::stream::limits::StreamLimits;
use std::time::{Duration, Instant};

/// Open ones over SSE and WebSocket; refused ones by address and in all.
async fn counts(served: &Served) -> [u64; 4] {
    let text = get(&served.operations, "/metrics").await.body;
    let lines = [
        "loopchain_streams_open{kind=\"sse\"} ",
        "loopchain_streams_open{kind=\"websocket\"} ",
        "loopchain_streams_refused_total{bound=\"address\"} ",
        "loopchain_streams_refused_total{bound=\"all\"} ",
    ];
    lines.map(|name| {
        let values: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(name)).collect();
        let [value] = values[..] else { panic!("{name}: {text}") };
        value.parse().unwrap()
    })
}

/// Waits for what the peer sees only when it reads or writes next.
pub(crate) async fn become_counts(served: &Served, expected: [u64; 4]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let now = counts(served).await;
        if now == expected {
            return;
        }
        assert!(Instant::now() < until, "{now:?} instead of {expected:?}");
        tokio::task::yield_now().await;
    }
}

async fn with(streams: StreamLimits) -> Served {
    served(Live::new(1, 8), streams, ServerLimits::default()).await
}

#[tokio::test]
async fn open_streams_are_counted_until_their_clients_are_gone_whether_they_said_so_or_not() {
    let served = with(StreamLimits::default()).await;
    assert_eq!(counts(&served).await, [0, 0, 0, 0]);
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(Sse::open(served.address, "", None).await);
    }
    let mut polite = Ws::open(served.address, "").await;
    let rude = Ws::open(served.address, "").await;
    assert_eq!(counts(&served).await, [3, 2, 0, 0]);
    readers.pop();
    become_counts(&served, [2, 2, 0, 0]).await;
    polite.0.close(None).await.unwrap();
    become_counts(&served, [2, 1, 0, 0]).await;
    // Its socket is closed without a close of the WebSocket.
    drop((rude, readers));
    become_counts(&served, [0, 0, 0, 0]).await;
}

/// Its socket stays open, as one does behind a cable that was pulled: nothing is heard of it any more.
#[tokio::test]
async fn a_client_that_vanished_is_not_counted_any_more() {
    let streams = StreamLimits { ping: Duration::from_millis(50), ..StreamLimits::default() };
    let served = with(streams).await;
    let vanished = Ws::open(served.address, "").await;
    assert_eq!(counts(&served).await, [0, 1, 0, 0]);
    become_counts(&served, [0, 0, 0, 0]).await;
    drop(vanished);
}

#[tokio::test]
async fn refused_streams_are_counted_by_the_bound_that_refused_them() {
    let streams = StreamLimits { streams: 3, streams_per_address: 2, ..StreamLimits::default() };
    let served = with(streams).await;
    let open =
        [Sse::open(served.address, "", None).await, Sse::open(served.address, "", None).await];
    let (head, _) = Sse::open(served.address, "", None).await.refusal().await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    assert_eq!(counts(&served).await, [2, 0, 1, 0]);
    drop(open);
    let streams = StreamLimits { streams: 1, ..streams };
    let served = with(streams).await;
    let _only = Ws::open(served.address, "").await;
    for refused in 1..=2 {
        let (head, _) = Sse::open(served.address, "", None).await.refusal().await;
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert_eq!(counts(&served).await, [0, 1, 0, refused]);
    }
    // What is wrong with a request is no refusal of a bound.
    let (head, _) = Sse::open(served.address, "types=money", None).await.refusal().await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!(counts(&served).await, [0, 1, 0, 2]);
}

#[tokio::test]
async fn what_is_counted_stands_within_the_text_and_names_no_channel() {
    let served = with(StreamLimits::default()).await;
    let _open = Sse::open(served.address, "", None).await;
    let text = get(&served.operations, "/metrics").await.body;
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    let own: Vec<_> = text.lines().filter(|line| line.contains("streams")).collect();
    assert_eq!(own.len(), 8, "{text}");
    assert!(!text.contains("channel1"), "{text}");
}
