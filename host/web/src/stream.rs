//! Streams of a channel's events over SSE and WebSocket.
//!
//! In: a request with filters and a place to begin. Out: frames in the order of their places, for as
//! long as the client reads, the node runs and the channel may be read. A stream is a cursor over what
//! is stored and a wish to be woken by the next block; nothing is kept for it in between, so a slow
//! reader loses nothing and costs one page. Deliberately not here: reading the store (`host/node`),
//! the page of events without a stream (`v2::events`).
//!
//! Where to look next: `wish` what is asked for, `cursor` what comes next, `frame` how it looks,
//! `sse` and `ws` how it travels, [`limits`].

mod cursor;
mod frame;
pub mod limits;
pub(crate) mod sse;
mod wish;
pub(crate) mod ws;

use crate::gate::ClientAddress;
use crate::problem::Problem;
use crate::router::PeerApi;
use crate::server::seats::{Refused, Seat};
use crate::server::stopping::Stopping;
use axum::http::request::Parts;
use cursor::Cursor;
use frame::Frame;
use host_types::Code;
pub(crate) use wish::wants_stream;

/// A stream that was let in, with what it tells first.
struct Opened {
    cursor: Cursor,
    first: Vec<Frame>,
    seat: Seat,
}

/// Looks at right, filters, place and bounds, and reads what there is: whatever is wrong is told by a
/// status, not in the middle of a stream.
async fn open(api: &PeerApi, name: &str, parts: &Parts) -> Result<Opened, Problem> {
    let channel =
        crate::v2::open_channel(api.gateway.as_ref(), name, host_rpc::gateway::Access::Read)?;
    let wish = wish::read(parts)?;
    let seat = seat(api, parts)?;
    let stopping = parts.extensions.get::<Stopping>().cloned().unwrap_or_default();
    let mut cursor = Cursor::new(api, channel, wish, stopping).await?;
    let first = cursor.read().await?;
    Ok(Opened { cursor, first, seat })
}

fn seat(api: &PeerApi, parts: &Parts) -> Result<Seat, Problem> {
    let address = ClientAddress::of(&parts.extensions);
    api.streams.take(address).map_err(|refused| match refused {
        Refused::Address => {
            let max = api.config.streams.streams_per_address;
            let detail = format!("{max} streams of {address} are open: close one of them first");
            Problem::new(Code::TooManyRequests, detail)
        }
        Refused::All => {
            let max = api.config.streams.streams;
            Problem::new(Code::StreamsFull, format!("this peer has {max} streams open"))
        }
    })
}
