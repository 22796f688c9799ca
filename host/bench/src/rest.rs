//! P: how many transactions per second the HTTP server alone can take in: parsed, hashed, answered,
//! without signature check, consensus or disk.

use crate::error::BenchError;
use crate::http::{self, Connection};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use host_types::{RawTx, SignedTransaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

const PATH: &str = "/transactions";
/// Clients, each with one request under way.
const CONNECTIONS: usize = 64;

async fn take(State(taken): State<Arc<AtomicU64>>, body: Bytes) -> (StatusCode, String) {
    match SignedTransaction::decode(&RawTx(body)) {
        Ok(transaction) => {
            taken.fetch_add(1, Ordering::Relaxed);
            (StatusCode::ACCEPTED, format!("{{\"hash\":\"{}\"}}", transaction.id()))
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
    }
}

/// Transactions per second that a parse-only handler takes in, client on the same cores.
///
/// # Errors
/// No connection on this machine.
pub fn parse_only_rate(envelope: &RawTx, window: Duration) -> Result<f64, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchError::connection("start", "the runtime"))?;
    runtime.block_on(measure(envelope, window))
}

async fn measure(envelope: &RawTx, window: Duration) -> Result<f64, BenchError> {
    let failed = |action| BenchError::connection(action, "loopback");
    let taken = Arc::new(AtomicU64::new(0));
    let router = Router::new().route(PATH, post(take)).with_state(Arc::clone(&taken));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("listen on"))?;
    let address = listener.local_addr().map_err(failed("listen on"))?.to_string();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let request = Arc::new(http::post(PATH, "application/cbor", "", &envelope.0));
    // The clock starts when all connections are open.
    let gate = Arc::new(Barrier::new(CONNECTIONS + 1));
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, gate) = (address.clone(), Arc::clone(&gate));
            tokio::spawn(ask_for(address, Arc::clone(&request), gate, window))
        })
        .collect();
    gate.wait().await;
    let start = Instant::now();
    for client in clients {
        client.await.map_err(|_| BenchError::void("a client panicked"))??;
    }
    let count = u32::try_from(taken.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    server.abort();
    Ok(rate)
}

async fn ask_for(
    address: String,
    request: Arc<Vec<u8>>,
    gate: Arc<Barrier>,
    window: Duration,
) -> Result<(), BenchError> {
    let opened = Connection::open(&address).await;
    gate.wait().await;
    let (mut connection, start) = (opened?, Instant::now());
    loop {
        let answer = connection.ask(&request).await?;
        if answer.status != StatusCode::ACCEPTED.as_u16() {
            let what = format!("status {}", answer.status);
            return Err(BenchError::Answer { address, what });
        }
        if start.elapsed() >= window {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{SCORE, Signer, transfers};
    use host_types::{GenesisHash, ScoreName};

    #[test]
    fn a_transaction_is_parsed_and_answered_many_times() {
        let score = ScoreName::new(SCORE).unwrap();
        let all = transfers(&Signer::imaginary(2), GenesisHash::default(), &score, 1);
        let rate = parse_only_rate(&all[0].1, Duration::from_millis(50)).unwrap();
        assert!(rate > 0.0, "{rate}");
    }
}
