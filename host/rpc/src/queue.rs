//! Messages waiting for one peer in one class: bounded by number and bytes, oldest first.
//!
//! In: messages of channels. Out: batches that fit one delivery; one message alone goes at once.
//! What happens at the bound depends on the class. Not here: sending ([`crate::client`]).

use crate::error::SendError;
use crate::greeting::Class;
use crate::limits;
use bytes::Bytes;
use host_types::GenesisHash;
use host_types::limits::{DELIVERY_MESSAGES_MAX, FETCH_BYTES_MAX};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Messages of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) channel: GenesisHash,
    pub(crate) messages: Vec<Bytes>,
}

/// What gives way when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenFull {
    /// The oldest message.
    DropOldest,
    /// The new message.
    Refuse,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<(GenesisHash, Bytes)>,
    bytes: usize,
    dropped: u64,
}

/// The queue.
pub(crate) struct OutQueue {
    messages_max: usize,
    bytes_max: usize,
    when_full: WhenFull,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

impl OutQueue {
    pub(crate) fn new(class: Class) -> Self {
        let (messages_max, bytes_max, when_full) = match class {
            Class::Consensus => (
                limits::CONSENSUS_QUEUE_MESSAGES,
                limits::CONSENSUS_QUEUE_BYTES,
                WhenFull::DropOldest,
            ),
            Class::Transactions => (
                limits::TRANSACTIONS_QUEUE_MESSAGES,
                limits::TRANSACTIONS_QUEUE_BYTES,
                WhenFull::Refuse,
            ),
            Class::Bulk => {
                (limits::BULK_QUEUE_MESSAGES, limits::BULK_QUEUE_BYTES, WhenFull::Refuse)
            }
        };
        let (waiting, filled) = (Mutex::default(), Notify::new());
        Self { messages_max, bytes_max, when_full, waiting, filled }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message at the end.
    pub(crate) fn push(&self, channel: GenesisHash, message: Bytes) -> Result<(), SendError> {
        if message.len() > FETCH_BYTES_MAX {
            return Err(SendError::TooLarge { bytes: message.len(), max: FETCH_BYTES_MAX });
        }
        let mut waiting = self.waiting();
        let full = waiting.messages.len() >= self.messages_max
            || waiting.bytes + message.len() > self.bytes_max;
        if full && self.when_full == WhenFull::Refuse {
            waiting.dropped += 1;
            return Err(SendError::Full);
        }
        waiting.bytes += message.len();
        waiting.messages.push_back((channel, message));
        self.drop_oldest(&mut waiting);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    fn drop_oldest(&self, waiting: &mut Waiting) {
        while waiting.messages.len() > self.messages_max || waiting.bytes > self.bytes_max {
            let Some((_, oldest)) = waiting.messages.pop_front() else { return };
            waiting.bytes -= oldest.len();
            waiting.dropped += 1;
        }
    }

    /// Puts batches that were not acknowledged back to the front, oldest first.
    pub(crate) fn put_back(&self, batches: Vec<Batch>) {
        let mut waiting = self.waiting();
        for batch in batches.into_iter().rev() {
            for message in batch.messages.into_iter().rev() {
                waiting.bytes += message.len();
                waiting.messages.push_front((batch.channel, message));
            }
        }
        self.drop_oldest(&mut waiting);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits for messages and takes as many of one channel, from the front, as fit one delivery.
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next_batch(&self) -> Batch {
        loop {
            if let Some(batch) = self.take() {
                return batch;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> Option<Batch> {
        let mut waiting = self.waiting();
        let channel = waiting.messages.front()?.0;
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while let Some((next_channel, message)) = waiting.messages.front() {
            let fits = messages.is_empty()
                || (bytes + message.len() <= limits::DELIVERY_BYTES_MAX
                    && messages.len() < DELIVERY_MESSAGES_MAX);
            if *next_channel != channel || !fits {
                break;
            }
            bytes += message.len();
            messages.extend(waiting.messages.pop_front().map(|(_, message)| message));
        }
        waiting.bytes -= bytes;
        Some(Batch { channel, messages })
    }

    /// Messages waiting, and messages dropped or refused since the start.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let waiting = self.waiting();
        (waiting.messages.len(), waiting.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Hash32;

    fn channel(byte: u8) -> GenesisHash {
        GenesisHash::new(Hash32::new([byte; 32]))
    }

    fn message(number: usize) -> Bytes {
        Bytes::from(number.to_be_bytes().to_vec())
    }

    #[tokio::test]
    async fn order_is_kept_and_a_batch_is_of_one_channel() {
        let queue = OutQueue::new(Class::Consensus);
        for (number, of) in [1, 1, 2, 1].into_iter().enumerate() {
            queue.push(channel(of), message(number)).unwrap();
        }
        let batch = queue.next_batch().await;
        assert_eq!(batch.messages, [message(0), message(1)]);
        assert_eq!(queue.next_batch().await.channel, channel(2));
        assert_eq!(queue.next_batch().await.messages, [message(3)]);
    }

    #[test]
    fn a_full_consensus_queue_drops_its_oldest() {
        let queue = OutQueue::new(Class::Consensus);
        for number in 0..limits::CONSENSUS_QUEUE_MESSAGES + 3 {
            queue.push(channel(1), message(number)).unwrap();
        }
        assert_eq!(queue.counts(), (limits::CONSENSUS_QUEUE_MESSAGES, 3));
        assert_eq!(queue.take().unwrap().messages[0], message(3));
    }

    #[test]
    fn a_full_transaction_queue_refuses_the_newest() {
        let queue = OutQueue::new(Class::Transactions);
        for number in 0..limits::TRANSACTIONS_QUEUE_MESSAGES {
            queue.push(channel(1), message(number)).unwrap();
        }
        assert_eq!(queue.push(channel(1), message(0)), Err(SendError::Full));
        assert_eq!(queue.take().unwrap().messages[0], message(0));
    }

    #[test]
    fn bytes_are_bounded_too_and_a_large_message_travels_alone() {
        let queue = OutQueue::new(Class::Consensus);
        let large = Bytes::from(vec![0; limits::DELIVERY_BYTES_MAX]);
        for _ in 0..40 {
            queue.push(channel(1), large.clone()).unwrap();
        }
        assert_eq!(queue.counts(), (32, 8));
        assert_eq!(queue.take().unwrap().messages.len(), 1);
        let huge = Bytes::from(vec![0; FETCH_BYTES_MAX + 1]);
        assert!(matches!(queue.push(channel(1), huge), Err(SendError::TooLarge { .. })));
    }

    #[test]
    fn what_comes_back_goes_to_the_front_in_order() {
        let queue = OutQueue::new(Class::Consensus);
        for number in 0..3 {
            queue.push(channel(1), message(number)).unwrap();
        }
        let first = queue.take().unwrap();
        queue.push(channel(1), message(3)).unwrap();
        queue.put_back(vec![first]);
        assert_eq!(queue.take().unwrap().messages, [0, 1, 2, 3].map(message));
    }
}
