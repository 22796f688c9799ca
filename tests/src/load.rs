//! Writers that go on while processes die, and what was acknowledged to them.
//!
//! In: a network. Out: ids of the transactions that a peer called final. One thread per peer sends
//! signed transfers of one token, each waiting for the one before. A peer that is dead or refuses
//! is asked again after a moment; such a transaction counts as not acknowledged.

use crate::http;
use crate::network::{CHANNEL, Network};
use crate::wallet::Wallet;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Rest after a refusal.
const PAUSE: Duration = Duration::from_millis(50);
/// How often heights are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Writers at all four peers.
#[derive(Debug)]
pub struct Writers {
    stop: Arc<AtomicBool>,
    missed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Writers {
    /// Starts them on the profile's channel.
    #[must_use]
    pub fn start(network: &Network) -> Self {
        let wallet = Arc::new(Wallet::of(network, "alice", CHANNEL));
        let args = json!({"to": "bob", "amount": "1"});
        let args = wallet.args(network, "token", "transfer", &args);
        let (stop, missed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let writer = |peer: u16| {
            let ends = (Arc::clone(&stop), Arc::clone(&missed));
            let (wallet, args) = (Arc::clone(&wallet), args.clone());
            let url = network.url(peer, &format!("/api/v2/channels/{CHANNEL}/transactions"));
            std::thread::spawn(move || write(&url, &wallet, &args, &ends))
        };
        let threads = (0..4).map(writer).collect();
        Self { stop, missed, threads }
    }

    /// Transactions so far that were not acknowledged as final at the first asking.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Stops them; ids of what was acknowledged as final, by the peer that said it.
    ///
    /// # Panics
    /// When a writer did.
    #[must_use]
    pub fn stop(mut self) -> Vec<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).map(|thread| thread.join().expect("a writer")).collect()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn write(
    url: &str,
    wallet: &Wallet,
    args: &[u8],
    (stop, missed): &(Arc<AtomicBool>, Arc<AtomicU64>),
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=5")];
    while !stop.load(Ordering::Relaxed) {
        let signed = wallet.sign(&wallet.call("token", "transfer", args.to_vec()));
        let body = signed.json.to_string();
        let answer = http::exchange("POST", url, &headers, Some(body.as_bytes()));
        match answer {
            Ok(answer) if answer.status == 200 && answer.json()["state"] == "final" => {
                assert_eq!(answer.json()["hash"], signed.id.as_str(), "the answer is about it");
                acknowledged.push(signed.id);
            }
            _ => {
                missed.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        }
    }
    acknowledged
}

/// Watches peers for a while; the longest time in which none of them committed a block.
#[must_use]
pub fn longest_gap(network: &Network, peers: &[u16], time: Duration) -> Duration {
    let start = Instant::now();
    let highest = || peers.iter().filter_map(|peer| network.height(*peer, CHANNEL)).max();
    let (mut last, mut since, mut longest) = (highest(), start, Duration::ZERO);
    while start.elapsed() < time {
        let now = highest();
        if now > last {
            (last, since) = (now, Instant::now());
        }
        longest = longest.max(since.elapsed());
        std::thread::sleep(LOOK_EVERY);
    }
    longest
}
