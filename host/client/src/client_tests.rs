//! Peers of this process that answer, refuse or are not there: who is asked, how often, with which bytes.

use super::*;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A peer that gives these answers in order, the last one for ever, and keeps what it was sent.
struct Peer {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn answering(answers: &'static [(u16, &'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut count = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let mut piece = [0; 4096];
                    let size = stream.read(&mut piece).await.unwrap();
                    assert!(size > 0, "the request ended early");
                    request.extend_from_slice(&piece[..size]);
                }
                kept.lock().unwrap().push(String::from_utf8(request).unwrap());
                let (status, headers, body) = answers[count.min(answers.len() - 1)];
                count += 1;
                let answer = format!(
                    "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, seen }
    }

    /// A port on which nobody listens.
    async fn absent() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    fn bodies(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|one| one.split_once("\r\n\r\n").unwrap().1.to_owned()).collect()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let size = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= size.map_or(0, |size| size.parse().unwrap())
}

const FINAL: (u16, &str, &str) = (200, "", r#"{"state": "final", "hash": "00"}"#);
const BUSY: (u16, &str, &str) =
    (429, "retry-after: 0\r\n", r#"{"code": "LC3202", "detail": "full"}"#);
const REFUSED: (u16, &str, &str) = (409, "", r#"{"code": "LC2104", "detail": "expired"}"#);

fn client(urls: &[&str]) -> Client {
    let pause = Duration::from_millis(1);
    let retry = Retry { rounds: 3, first: pause, most: pause };
    Client::new(Settings::new(urls.iter().copied(), "demo").unwrap().with_retry(retry)).unwrap()
}

fn signed() -> Signed {
    let id = host_types::TxId::new(Hash32::new([7; 32]));
    Signed { id, envelope: serde_json::json!({"transaction": "AA==", "signature": "AA=="}) }
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_passed_over_and_not_asked_first_again() {
    let (absent, peer) = (Peer::absent().await, Peer::answering(&[FINAL]).await);
    let client = client(&[&absent, &peer.url]);
    for _ in 0..2 {
        assert_eq!(client.submit(&signed(), None).await.unwrap().1.state, "final");
    }
    assert_eq!(client.first.load(Ordering::Relaxed), 1);
    assert_eq!(peer.bodies().len(), 2);
}

#[tokio::test]
async fn what_may_pass_is_sent_again_as_the_same_bytes() {
    let peer = Peer::answering(&[BUSY, BUSY, FINAL]).await;
    let (_, info) = client(&[&peer.url]).submit(&signed(), None).await.unwrap();
    assert_eq!(info.state, "final");
    let bodies = peer.bodies();
    assert_eq!(bodies, vec![signed().envelope.to_string(); 3]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_asked_once() {
    let (peer, other) = (Peer::answering(&[REFUSED]).await, Peer::answering(&[FINAL]).await);
    let refused = client(&[&peer.url, &other.url]).submit(&signed(), None).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_retryable()), (Code::TxExpired, false));
    assert_eq!((peer.bodies().len(), other.bodies().len()), (1, 0));
}

#[tokio::test]
async fn rounds_are_bounded_and_the_last_refusal_is_told() {
    let (peer, other) = (Peer::answering(&[BUSY]).await, Peer::answering(&[BUSY]).await);
    let refused = client(&[&peer.url, &other.url]).channel().await.unwrap_err();
    assert_eq!(refused.code(), Code::PoolFull);
    assert_eq!(refused.retry_after(), Some(Duration::ZERO));
    assert_eq!((peer.bodies().len(), other.bodies().len()), (3, 3));
}

#[tokio::test]
async fn a_wait_that_is_over_is_not_begun_again() {
    let peer = Peer::answering(&[BUSY]).await;
    let wait = Some(Duration::ZERO);
    let refused = client(&[&peer.url]).submit(&signed(), wait).await.unwrap_err();
    assert_eq!((refused.code(), peer.bodies().len()), (Code::PoolFull, 1));
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_no_peers() {
    let peer = Peer::answering(&[(200, "", "<html>")]).await;
    let client =
        Client::new(Settings::new([peer.url.as_str()], "demo").unwrap().with_retry(Retry::never()));
    let refused = client.unwrap().channel().await.unwrap_err();
    assert_eq!(refused.code(), Code::Unreachable);
    assert!(refused.message().ends_with("is no peer: no JSON in its answer"), "{refused}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = Settings::new([url.as_str()], "demo").unwrap();
    let settings = settings.with_timeout(Duration::from_millis(20)).with_retry(Retry::never());
    let refused = Client::new(settings).unwrap().channel().await.unwrap_err();
    assert_eq!(refused.code(), Code::Unreachable);
}

const FIRST_EVENTS: (u16, &str, &str) = (
    200,
    "content-type: text/event-stream\r\n",
    "id: 1.0.0\nevent: tx\ndata: 1\n\nid: 1.0.1\nevent: tx\nda",
);
const LATER_EVENTS: (u16, &str, &str) =
    (200, "content-type: text/event-stream\r\n", "id: 1.0.1\nevent: tx\ndata: 2\n\n");

#[tokio::test]
async fn a_stream_that_is_cut_off_goes_on_after_its_last_event() {
    let peer = Peer::answering(&[FIRST_EVENTS, LATER_EVENTS]).await;
    let mut events = client(&[&peer.url]).stream(&[("types", "tx"), ("score", "a b")], None);
    let (one, two) = (events.next().await.unwrap(), events.next().await.unwrap());
    assert_eq!((one.data.as_str(), two.data.as_str(), events.last_id()), ("1", "2", "1.0.1"));
    let seen = peer.seen.lock().unwrap().clone();
    assert!(seen[0].starts_with("GET /api/v2/channels/demo/events?types=tx&score=a%20b "));
    assert!(!seen[0].contains("last-event-id"), "{}", seen[0]);
    assert!(seen[1].contains("last-event-id: 1.0.0\r\n"), "{}", seen[1]);
}

const GONE: (u16, &str, &str) = (
    200,
    "content-type: text/event-stream\r\n",
    "id: 5.0.0\n\nevent: end\ndata: {\"code\":\"LC3101\",\"detail\":\"the peer stops\"}\n\n",
);
const FORBIDDEN: (u16, &str, &str) = (
    200,
    "content-type: text/event-stream\r\n",
    "event: end\ndata: {\"code\":\"LC4103\",\"detail\":\"no longer\"}\n\n",
);

#[tokio::test]
async fn a_peer_that_ends_a_stream_is_left_or_believed_by_the_code_it_gives() {
    let peer = Peer::answering(&[GONE, FORBIDDEN]).await;
    let mut events = client(&[&peer.url]).stream(&[], None);
    let end = events.next().await.unwrap_err();
    assert_eq!((end.code().to_string().as_str(), end.message()), ("LC4103", "no longer"));
    assert!(peer.seen.lock().unwrap()[1].contains("last-event-id: 5.0.0\r\n"));
}

#[test]
fn settings_without_a_peer_or_with_a_wrong_channel_are_refused() {
    let none = Settings::new([], "demo").unwrap_err();
    assert_eq!(none.code(), Code::UsageWrong);
    let wrong = Settings::new(["http://127.0.0.1:1"], "Demo!").unwrap_err();
    assert_eq!(wrong.code(), Code::ChannelUnknown);
}
