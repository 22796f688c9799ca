//! A stream that is read no faster than so many bytes per second.
//!
//! In: a stream and a rate. Out: the same stream; reading waits while more than a second's worth
//! came in the last second, so the sender's TCP window closes. Writing is not touched.

use futures::ready;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A paced stream; without a rate it is the stream itself.
pub(crate) struct Paced<S> {
    stream: S,
    pace: Option<Pace>,
}

struct Pace {
    bytes_per_second: u64,
    /// When everything read so far would have come at exactly the rate.
    paid_until: Instant,
    wait: Pin<Box<Sleep>>,
}

impl Pace {
    fn charge(&mut self, bytes: usize) {
        let now = Instant::now();
        let micros = (bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second.max(1);
        self.paid_until = self.paid_until.max(now) + Duration::from_micros(micros);
        // A burst of one second is free; what goes beyond must be waited for.
        let free = now + Duration::from_secs(1);
        if self.paid_until > free {
            self.wait.as_mut().reset(now + (self.paid_until - free));
        }
    }
}

impl<S> Paced<S> {
    pub(crate) fn new(stream: S, bytes_per_second: Option<u64>) -> Self {
        let now = Instant::now();
        let pace = bytes_per_second.map(|bytes_per_second| Pace {
            bytes_per_second,
            paid_until: now,
            wait: Box::pin(tokio::time::sleep_until(now)),
        });
        Self { stream, pace }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pace) = &mut self.pace
            && !pace.wait.is_elapsed()
        {
            ready!(pace.wait.as_mut().poll(cx));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if let Some(pace) = &mut self.pace {
            pace.charge(buffer.filled().len() - before);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn seconds_to_read(bytes: usize, rate: Option<u64>) -> u64 {
        let (mut sender, receiver) = tokio::io::duplex(64 * 1024);
        let mut receiver = Paced::new(receiver, rate);
        let writer = tokio::spawn(async move { sender.write_all(&vec![0; bytes]).await });
        let start = std::time::Instant::now();
        receiver.read_exact(&mut vec![0; bytes]).await.unwrap();
        writer.await.unwrap().unwrap();
        start.elapsed().as_secs()
    }

    #[tokio::test]
    async fn a_burst_of_a_second_is_free_and_the_rest_is_waited_for() {
        assert_eq!(seconds_to_read(500_000, Some(500_000)).await, 0);
        assert_eq!(seconds_to_read(1_100_000, Some(500_000)).await, 1);
        assert_eq!(seconds_to_read(4_000_000, None).await, 0);
    }
}
