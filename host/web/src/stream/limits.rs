//! Bounds of streams: how many, how much one holds, how long one is left alone.

use std::time::Duration;

/// Streams that a peer keeps open: each costs at most a page and a task. More: 503 `LC7130`.
pub const STREAMS_MAX: usize = 512;
/// Streams of one address; half of its connections, so that it can still ask. More: 429 `LC7129`.
pub const STREAMS_PER_ADDRESS_MAX: usize = 32;
/// One page of a stream, bytes of what is stored: all that a reader can make a peer hold, beside the
/// socket's buffers. As large as all events of one call, so that any fits.
pub const STREAM_PAGE_BYTES: usize = 64 * 1024;
/// Silence after which a stream says that it lives, seconds; proxies close what is silent for 30.
pub const STREAM_PING_SECONDS: u64 = 15;
/// Largest message taken from a WebSocket client, bytes: it has nothing to say but pong and close.
pub const WS_MESSAGE_BYTES_MAX: usize = 1024;
/// Messages taken from a WebSocket client between two pings of ours. More: closed with 1008.
pub const WS_MESSAGES_MAX: u32 = 64;
/// Pings in a row that a WebSocket client may leave without any answer. More: closed.
pub const WS_PINGS_UNANSWERED_MAX: u32 = 2;
/// Bytes of a WebSocket that a proxy holds each way.
pub const WS_PASSED_BYTES: usize = 8 * 1024;
/// Pings in a row that may not come from the peer behind a proxy. More: it counts as gone.
pub const WS_PINGS_MISSED_MAX: u32 = 3;
/// How long a client has to take the close of its WebSocket.
pub const WS_CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Milliseconds after which a browser comes back by itself.
pub const SSE_RETRY_MS: u64 = 1_000;

const _: () = assert!(STREAMS_PER_ADDRESS_MAX < crate::server::CONNECTIONS_PER_ADDRESS_MAX);
const _: () = assert!(STREAMS_MAX < crate::server::CONNECTIONS_MAX);
const _: () = assert!(STREAM_PAGE_BYTES >= host_types::limits::EVENTS_BYTES_MAX);

/// Bounds that tests make smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Streams of all addresses.
    pub streams: usize,
    /// Streams of one address.
    pub streams_per_address: usize,
    /// Bytes of a page.
    pub page_bytes: usize,
    /// Silence after which a stream says that it lives.
    pub ping: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            streams: STREAMS_MAX,
            streams_per_address: STREAMS_PER_ADDRESS_MAX,
            page_bytes: STREAM_PAGE_BYTES,
            ping: Duration::from_secs(STREAM_PING_SECONDS),
        }
    }
}
