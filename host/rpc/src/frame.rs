//! The guard between a peer's bytes and tarpc.
//!
//! In: an authenticated stream. Out: tarpc messages whose size, nesting and deadline are bounded.
//! A frame that makes the decoder fail or panic ends its connection and nothing else. tarpc 0.38
//! panics on far deadlines: ones that overflow are caught while decoding, the others are cut.

use crate::limits::{DEADLINE_MAX, FRAME_DEPTH_MAX};
use bytes::{Bytes, BytesMut};
use futures::{Sink, Stream, ready};
use host_types::limits::FRAME_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tarpc::ClientMessage;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::LengthDelimitedCodec;

/// CBOR with bounded nesting; a panic of the decoder is an error.
pub(crate) struct GuardCodec<Item, SinkItem>(PhantomData<fn() -> (Item, SinkItem)>);

impl<Item, SinkItem> Default for GuardCodec<Item, SinkItem> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Item: DeserializeOwned, SinkItem> tokio_serde::Deserializer<Item>
    for GuardCodec<Item, SinkItem>
{
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<Item> {
        let decode = || -> io::Result<Item> {
            let mut rest = &frame[..];
            let item = ciborium::de::from_reader_with_recursion_limit(&mut rest, FRAME_DEPTH_MAX)
                .map_err(|error| invalid(error.to_string()))?;
            if rest.is_empty() { Ok(item) } else { Err(invalid("bytes follow the message")) }
        };
        std::panic::catch_unwind(decode)
            .unwrap_or_else(|_| Err(invalid("a message that the decoder cannot represent")))
    }
}

impl<Item, SinkItem: Serialize> tokio_serde::Serializer<SinkItem> for GuardCodec<Item, SinkItem> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, item: &SinkItem) -> io::Result<Bytes> {
        let mut frame = Vec::with_capacity(512);
        ciborium::into_writer(item, &mut frame).map_err(|error| invalid(error.to_string()))?;
        Ok(frame.into())
    }
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// A message whose deadline can be far away.
pub(crate) trait Clamp {
    /// Cuts the deadline.
    fn clamp_deadline(&mut self, latest: Instant);
}

impl<T> Clamp for ClientMessage<T> {
    fn clamp_deadline(&mut self, latest: Instant) {
        if let Self::Request(request) = self {
            request.context.deadline = request.context.deadline.min(latest);
        }
    }
}

impl<T> Clamp for tarpc::Response<T> {
    fn clamp_deadline(&mut self, _latest: Instant) {}
}

type Inner<S, Item, SinkItem> =
    tarpc::serde_transport::Transport<S, Item, SinkItem, GuardCodec<Item, SinkItem>>;

/// A tarpc transport whose incoming messages passed the guard.
pub(crate) struct Guarded<S, Item, SinkItem>(Inner<S, Item, SinkItem>);

impl<S, Item, SinkItem> Guarded<S, Item, SinkItem>
where
    S: AsyncRead + AsyncWrite,
    Item: DeserializeOwned,
    SinkItem: Serialize,
{
    pub(crate) fn new(stream: S) -> Self {
        let framed =
            LengthDelimitedCodec::builder().max_frame_length(FRAME_BYTES_MAX).new_framed(stream);
        Self(tarpc::serde_transport::new(framed, GuardCodec::default()))
    }
}

impl<S, Item, SinkItem> Stream for Guarded<S, Item, SinkItem>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Item: DeserializeOwned + Clamp,
    SinkItem: Serialize,
{
    type Item = io::Result<Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(message.map(|message| {
            message.map(|mut message| {
                message.clamp_deadline(Instant::now() + DEADLINE_MAX);
                message
            })
        }))
    }
}

impl<S, Item, SinkItem> Sink<SinkItem> for Guarded<S, Item, SinkItem>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Item: DeserializeOwned,
    SinkItem: Serialize,
{
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: SinkItem) -> io::Result<()> {
        Pin::new(&mut self.0).start_send(item)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
