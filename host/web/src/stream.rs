//! Streams of a channel's events over SSE and WebSocket.
//!
//! In: a request with filters and a place to begin. Out: frames in the order of their places, for as
//! long as the client reads, the node runs and the channel may be read. A stream is a cursor over what
//! is stored and a wish to be woken by the next block; nothing is kept for it in between, so a slow
//! reader loses nothing and costs one page. Deliberately not here: reading the store (`host/node`),
//! the page of events without a stream (`v2::events`).
//!
//! Where to look next: `wish` what is asked for, `cursor` what comes next, `frame` how it looks,
//! `sse` and `ws` how it travels, `place` how many there are, `through` those that
//! a proxy hands on, [`limits`].

mod boundary;
mod cursor;
mod frame;
pub mod limits;
pub(crate) mod place;
pub(crate) mod sse;
pub(crate) mod through;
mod wish;
pub(crate) mod ws;

use crate::gate::ClientAddress;
use crate::problem::Problem;
use crate::router::PeerApi;
use crate::server::stopping::Stopping;
use axum::http::request::Parts;
use cursor::Cursor;
use frame::Frame;
use place::{Kind, Place};
pub use through::ToWebSocket;
pub(crate) use wish::wants_stream;

/// A stream that was let in, with what it tells first.
struct Opened {
    cursor: Cursor,
    first: Vec<Frame>,
    place: Place,
}

/// Looks at right, filters, place and bounds, and reads what there is: whatever is wrong is told by a
/// status, not in the middle of a stream.
async fn open(api: &PeerApi, name: &str, parts: &Parts, kind: Kind) -> Result<Opened, Problem> {
    let channel =
        crate::v2::open_channel(api.gateway.as_ref(), name, host_rpc::gateway::Access::Read)?;
    let wish = wish::read(parts)?;
    let place = api.streams.take(ClientAddress::of(&parts.extensions), kind)?;
    let stopping = parts.extensions.get::<Stopping>().cloned().unwrap_or_default();
    let mut cursor = Cursor::new(api, channel, wish, stopping).await?;
    let first = cursor.read().await?;
    Ok(Opened { cursor, first, place })
}
