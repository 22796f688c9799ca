//! The peer's end of the socket to a worker.
//!
//! In: whole frames to send. Out: bytes as they come. A plain tokio socket is told whenever it may be
//! written again, and a Unix socket says so each time the other end has read something: that would wake
//! the peer in the middle of every talk for nothing, on a core that the worker could use. So this one
//! listens for what can be read only, and for room to write only while there is none.
//! Deliberately not here: frames.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};

/// One end of a socket pair.
#[derive(Debug)]
pub(crate) struct Socket {
    read: AsyncFd<UnixStream>,
}

impl Socket {
    /// Takes the socket over.
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { read: listen(socket, Interest::READABLE)? })
    }

    /// The same socket for a caller that waits in its calls; from now on nobody else may use it.
    pub(crate) fn blocking(&self) -> io::Result<UnixStream> {
        let same = self.read.get_ref().try_clone()?;
        same.set_nonblocking(false)?;
        Ok(same)
    }

    /// Sends all bytes. Cancelled in the middle it leaves a part: the talk is over then.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        // Another descriptor of the same socket, which listens for room; made when there is none.
        let mut room: Option<AsyncFd<UnixStream>> = None;
        while !bytes.is_empty() {
            match self.read.get_ref().write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waiting = match room.take() {
                        Some(waiting) => waiting,
                        None => {
                            let same = self.read.get_ref().try_clone()?;
                            listen(same, Interest::WRITABLE)?
                        }
                    };
                    // It may have become full again since it was told: that is looked at anew.
                    waiting.writable().await?.clear_ready();
                    room = Some(waiting);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Lets the runtime listen for one thing only.
#[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
fn listen(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: a `UnixStream` of std owns its descriptor, names the same one at every call, and keeps it
    // open until it is dropped, which only the `AsyncFd` that owns it does.
    unsafe { AsyncFd::register_with_interest(socket, interest) }.map_err(Into::into)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.read.poll_read_ready(cx))?;
            let room = into.initialize_unfilled();
            let most = room.len();
            let Ok(read) = ready.try_io(|socket| socket.get_ref().read(room)) else { continue };
            let read = read?;
            if (1..most).contains(&read) {
                // That was all there is: the next wait needs no look that finds nothing.
                ready.clear_ready();
            }
            into.advance(read);
            return Poll::Ready(Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// More than the kernel keeps for a socket.
    const MUCH: usize = 4 << 20;

    #[tokio::test]
    async fn what_does_not_fit_at_once_is_sent_as_there_is_room() {
        let (here, there) = UnixStream::pair().unwrap();
        let (here, mut there) = (Socket::new(here).unwrap(), Socket::new(there).unwrap());
        let sent: Vec<u8> = (0..MUCH).map(|at| at as u8).collect();
        let (mut got, expected) = (vec![0; MUCH], sent.clone());
        let (told, read) = tokio::join!(here.send(&sent), there.read_exact(&mut got));
        told.unwrap();
        assert_eq!(read.unwrap(), MUCH);
        assert_eq!(got, expected);
    }

    #[tokio::test]
    async fn the_end_of_the_other_side_is_an_end_and_sending_to_it_an_error() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut here = Socket::new(here).unwrap();
        drop(there);
        assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(here.send(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
