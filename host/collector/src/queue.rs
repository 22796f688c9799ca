//! Lines of a node that wait to be sent: bounded, never waited for.
//!
//! In: lines from any thread. Out: batches with the number of their first line. When it is full the
//! oldest line is dropped and counted: the newest lines tell why a node is in trouble. Not here:
//! sockets ([`crate::ship`]).

use crate::limits::{
    BATCH_BYTES_MAX, BATCH_LINES_MAX, LINE_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_LINES_MAX,
};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Lines.
    pub lines: usize,
    /// Their bytes together.
    pub bytes: usize,
}

impl Default for QueueBounds {
    fn default() -> Self {
        Self { lines: QUEUE_LINES_MAX, bytes: QUEUE_BYTES_MAX }
    }
}

/// Lines in order, numbered without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Number of the first line.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// Lines that were dropped before the first one, after the batch before.
    pub dropped: u64,
    /// The lines, each with its line end.
    pub body: Bytes,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Box<[u8]>>,
    first: u64,
    bytes: usize,
    dropped: u64,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    bounds: QueueBounds,
    waiting: Mutex<Waiting>,
    news: Notify,
    dropped: AtomicU64,
    shipped: AtomicU64,
}

impl Queue {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: QueueBounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Takes a line; a line end is not part of it. Holds a lock for a copy, and waits for nobody.
    pub fn push(&self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line: Box<[u8]> =
            if line.len() > LINE_BYTES_MAX { too_long(line.len()) } else { line.into() };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = 0;
        while waiting.lines.len() >= self.bounds.lines.max(1)
            || waiting.bytes + line.len() > self.bounds.bytes
        {
            let Some(oldest) = waiting.lines.pop_front() else { break };
            waiting.bytes -= oldest.len();
            waiting.first += 1;
            dropped += 1;
        }
        waiting.dropped += dropped;
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        drop(waiting);
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.news.notify_one();
    }

    /// The oldest lines as one batch; `None` when none waits.
    #[must_use]
    pub fn take(&self) -> Option<Batch> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, mut body, mut count) = (waiting.first, BytesMut::new(), 0);
        while let Some(line) = waiting.lines.front() {
            if count >= BATCH_LINES_MAX || body.len() + line.len() > BATCH_BYTES_MAX {
                break;
            }
            body.extend_from_slice(line);
            body.put_u8(b'\n');
            count += 1;
            let length = line.len();
            waiting.bytes -= length;
            waiting.first += 1;
            waiting.lines.pop_front();
        }
        if count == 0 {
            return None;
        }
        let dropped = std::mem::take(&mut waiting.dropped);
        Some(Batch { first, count: count as u64, dropped, body: body.freeze() })
    }

    /// Waits until there may be lines.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Counts lines that the collector has acknowledged.
    pub(crate) fn acknowledge(&self, lines: u64) {
        self.shipped.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Lines acknowledged since the start.
    #[must_use]
    pub fn shipped(&self) -> u64 {
        self.shipped.load(Ordering::Relaxed)
    }

    /// Lines that wait, and their bytes.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        (waiting.lines.len(), waiting.bytes)
    }
}

fn too_long(bytes: usize) -> Box<[u8]> {
    format!(r#"{{"level":"WARN","event":"log.too_long","message":"a line of {bytes} bytes is not shipped"}}"#)
        .into_bytes()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(batch: &Batch) -> Vec<String> {
        String::from_utf8_lossy(&batch.body).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_full_queue_drops_its_oldest_lines_and_says_how_many() {
        let queue = Queue::new(QueueBounds { lines: 3, bytes: 100 });
        for i in 0..5 {
            queue.push(format!("line {i}\n").as_bytes());
        }
        let batch = queue.take().unwrap();
        assert_eq!((batch.first, batch.count, batch.dropped, queue.dropped()), (2, 3, 2, 2));
        assert_eq!(lines(&batch), ["line 2", "line 3", "line 4"]);
        assert_eq!(queue.take(), None);
        queue.push(b"line 5");
        let batch = queue.take().unwrap();
        assert_eq!((batch.first, batch.dropped), (5, 0));
    }

    #[test]
    fn bytes_are_bounded_too_and_a_line_too_long_is_told() {
        let queue = Queue::new(QueueBounds { lines: 100, bytes: 10 });
        queue.push(b"123456");
        queue.push(b"789012");
        assert_eq!(queue.waiting(), (1, 6));
        let queue = Queue::default();
        queue.push(&vec![b'x'; LINE_BYTES_MAX + 1]);
        let batch = queue.take().unwrap();
        assert!(lines(&batch)[0].contains("log.too_long"), "{batch:?}");
    }

    #[test]
    fn a_batch_ends_at_its_bounds_and_the_next_goes_on() {
        let queue = Queue::default();
        for _ in 0..=BATCH_LINES_MAX {
            queue.push(b"x");
        }
        let batches: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        let counts: Vec<_> = batches.iter().map(|batch| (batch.first, batch.count)).collect();
        assert_eq!(counts, [(0, BATCH_LINES_MAX as u64), (BATCH_LINES_MAX as u64, 1)]);
    }
}
