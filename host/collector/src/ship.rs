//! Sends the lines of a node to a collector, batch after batch.
//!
//! In: a [`Queue`], where the collector is and who it must be. Out: acknowledged batches, in order. A
//! batch that was not acknowledged is sent again as it was, with the same numbers, so the collector
//! keeps each line once. Whatever the collector does, only this task waits for it.

use crate::limits::{ACKNOWLEDGED_WITHIN, ANSWER_BYTES_MAX, BATCH_WAIT, LAST_WORDS_WITHIN};
use crate::queue::{Batch, Queue};
use bytes::Bytes;
use host_rpc::backoff::Backoff;
use host_rpc::{Expected, Session};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::timeout;

/// Where lines go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// `host:port`
    pub address: String,
    /// Whose certificate answers there.
    pub collector: Expected,
}

struct Shipper {
    session: Arc<Session>,
    destination: Destination,
    run: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// Ships until told to stop; then tries once to hand over the rest, if the collector answered before.
pub async fn ship(
    queue: Arc<Queue>,
    session: Arc<Session>,
    destination: Destination,
    mut stopped: watch::Receiver<bool>,
) {
    // Random per process; runs of a node must differ, not be secret.
    let run = format!("{:016x}", RandomState::new().hash_one("run"));
    let mut shipper = Shipper { session, destination, run, connection: None };
    let mut unsent = None;
    let mut is_answering = false;
    tokio::select! {
        // A lost sender is the same wish.
        _ = stopped.wait_for(|stop| *stop) => {}
        () = shipper.run(&queue, &mut unsent, &mut is_answering) => {}
    }
    if is_answering {
        // Nobody waits longer for lines that were lost before, too, when a process died.
        timeout(LAST_WORDS_WITHIN, shipper.flush(&queue, unsent)).await.ok();
    }
}

impl Shipper {
    /// Never returns; what it holds when it is given up stands in `unsent`.
    async fn run(&mut self, queue: &Queue, unsent: &mut Option<Batch>, is_answering: &mut bool) {
        let mut backoff = Backoff::for_address(None);
        let random = RandomState::new();
        let mut is_told = false;
        loop {
            if unsent.is_none() {
                *unsent = queue.take();
            }
            let Some(batch) = unsent else {
                queue.news().await;
                tokio::time::sleep(BATCH_WAIT).await;
                continue;
            };
            match self.send(batch).await {
                Ok(()) => {
                    if !*is_answering {
                        tracing::info!(
                            event = "log.shipping",
                            "log lines go to {}",
                            self.destination.address
                        );
                    }
                    *is_answering = true;
                    backoff.reset();
                    queue.acknowledge(batch.count);
                    *unsent = None;
                }
                Err(error) => {
                    // One line for each time it goes away, not one for each attempt.
                    if std::mem::take(is_answering) || !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(
                            event = "log.not_shipped",
                            "log lines wait: {}: {error}",
                            self.destination.address
                        );
                    }
                    self.connection = None;
                    let jitter = random.hash_one(batch.first) as u32;
                    tokio::time::sleep(backoff.next(jitter)).await;
                }
            }
        }
    }

    async fn flush(&mut self, queue: &Queue, unsent: Option<Batch>) {
        let mut next = unsent.or_else(|| queue.take());
        while let Some(batch) = next {
            if self.send(&batch).await.is_err() {
                return;
            }
            queue.acknowledge(batch.count);
            next = queue.take();
        }
    }

    async fn send(&mut self, batch: &Batch) -> io::Result<()> {
        let sent = timeout(ACKNOWLEDGED_WITHIN, self.exchange(batch)).await;
        sent.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "no acknowledgement in time"))
        })
    }

    async fn exchange(&mut self, batch: &Batch) -> io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) if connection.is_ready() => connection,
            _ => self.connect().await?,
        };
        let request = Request::post("/v1/logs")
            .header(hyper::header::HOST, "log-collector")
            .header(hyper::header::CONTENT_TYPE, "application/x-ndjson")
            .header("loopchain-run", &self.run)
            .header("loopchain-first", batch.first)
            .header("loopchain-dropped", batch.dropped)
            .body(Full::new(batch.body.clone()))
            .map_err(io::Error::other)?;
        let answer = connection.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        if !status.is_success() {
            let text = crate::record::escaped(&String::from_utf8_lossy(&body));
            return Err(io::Error::other(format!("it answered {status}: {text}")));
        }
        self.connection = Some(connection);
        Ok(())
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let Destination { address, collector } = &self.destination;
        let stream = self.session.open_stream(address, collector).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // It ends with the last request; its error is that request's too.
        tokio::spawn(connection);
        Ok(sender)
    }
}
