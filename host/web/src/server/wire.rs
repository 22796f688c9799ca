//! A socket that hands hyper one head at a time and says what it is doing.
//!
//! In: a socket. Out: the same bytes, unless a head is ambiguous: then a line hyper answers with
//! 400. A head is held back until it is complete or over its limit, so slow heads are seen.

use super::activity::Activity;
use super::framing::{Framing, framing, head_end};
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Read from the socket at once, bytes.
const READ_BYTES: usize = 8 * 1024;
/// Bytes nobody wants that are read before the socket is closed: what a client has under way when it
/// is refused. Whoever sends a gigabyte all the same sends it nowhere.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// No request line: hyper answers 400 and closes.
const NO_REQUEST: &[u8] = b"\0\r\n\r\n";

/// The socket.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    activity: Arc<Activity>,
    head_max: usize,
    /// Came, not handed on yet.
    held: BytesMut,
    /// Bytes of `held` in which no head ends.
    searched: usize,
    /// Bytes that may be handed on: the rest of a complete head and its body.
    granted: u64,
    /// Bytes thrown away after the answer.
    lingered: usize,
    /// Where the socket's bytes go first; made once, because clearing it costs as much as a read.
    space: Box<[u8]>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>, head_max: usize) -> Self {
        let (held, space) = (BytesMut::new(), vec![0; READ_BYTES].into_boxed_slice());
        Self { stream, activity, head_max, held, searched: 0, granted: 0, lingered: 0, space }
    }

    /// Reads into `held`; how many bytes came.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = ReadBuf::new(&mut self.space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        self.activity.touch();
        self.held.extend_from_slice(space.filled());
        Poll::Ready(Ok(space.filled().len()))
    }

    /// Grants the head in `held` with its body, when it is complete or too large.
    fn grant(&mut self) {
        if let Some(end) = head_end(&self.held, self.searched) {
            self.activity.end_head();
            let head = self.held.get(..end).unwrap_or_default();
            self.granted = match framing(head) {
                Framing::Length(body) => body.saturating_add(end as u64),
                Framing::Chunked => u64::MAX,
                Framing::Ambiguous => {
                    self.held = BytesMut::from(NO_REQUEST);
                    u64::MAX
                }
            };
            self.searched = 0;
        } else if self.held.len() > self.head_max {
            self.activity.end_head();
            self.granted = u64::MAX;
        } else {
            self.searched = self.held.len();
            if !self.held.is_empty() {
                self.activity.begin_head();
            }
        }
    }

    fn hand_on(&mut self, to: &mut ReadBuf<'_>) {
        let granted = usize::try_from(self.granted).unwrap_or(usize::MAX);
        let len = granted.min(self.held.len()).min(to.remaining());
        to.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        if self.granted != u64::MAX {
            self.granted -= len as u64;
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.granted == 0 {
                if self.activity.is_tunnel() {
                    self.granted = u64::MAX;
                } else {
                    self.grant();
                }
            }
            if self.granted > 0 && !self.held.is_empty() {
                self.hand_on(to);
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                // The end: hyper gets what there is and says what is missing.
                if self.held.is_empty() || self.granted > 0 {
                    return Poll::Ready(Ok(()));
                }
                self.granted = u64::MAX;
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        match &written {
            Poll::Pending => self.activity.begin_stall(),
            Poll::Ready(Ok(bytes)) => self.activity.took(*bytes),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// hyper asks for it once it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.end_stall();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says that all is answered, then reads on for a while: a socket closed with bytes unread resets
    /// the connection, and the client would lose the answer that tells it why.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        let is_body_left = self.granted > 0 || !self.held.is_empty();
        if is_body_left {
            self.activity.begin_linger();
            while self.lingered < LINGER_BYTES_MAX {
                self.held.clear();
                match ready!(self.poll_fill(cx))? {
                    0 => break,
                    bytes => self.lingered += bytes,
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
