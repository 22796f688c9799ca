//! Bounds of the proxy: unit, reason, what happens at each. Those of its clients' connections are
//! `host_web::ServerLimits`, the same as a peer's.

use std::time::Duration;

/// How often a peer that answers is asked what it has.
pub const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long a check may take. Longer: the peer counts as down.
pub const CHECK_WITHIN: Duration = Duration::from_secs(3);
/// How long a connection may take. Longer: the next peer is asked.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long an answer may take, beyond what the client asks to wait for: a peer's own queries take
/// up to 30 s. Longer: the next peer is asked.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(35);
/// Longest `Prefer: wait` that a peer obeys.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// Idle connections that are kept for each peer. More: closed.
pub const IDLE_CONNECTIONS_MAX: usize = 64;
/// Answers up to this size are read before the client gets the first byte, so that another peer can
/// still answer. Larger ones pass through as they come.
pub const BUFFERED_BYTES_MAX: u64 = 1024 * 1024;
/// One kept answer, bytes. Larger ones are not kept.
pub const CACHED_BYTES_MAX: usize = 256 * 1024;
/// Channels of one peer that are remembered. More: the first ones by name.
pub const CHANNELS_MAX: usize = 1_024;
/// The list of channels of a peer, bytes. Larger: the peer counts as down.
pub const CHECK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Clients whose last height is remembered. More: all are forgotten.
pub const CLIENTS_MAX: usize = 16_384;
/// How much of an answer is searched for the height it speaks of, bytes.
pub const SEARCHED_BYTES_MAX: usize = 4 * 1024;
/// Proxies that a request may have passed. More: refused, because they ask each other.
pub const PROXIES_MAX: usize = 4;
/// How often a RadioStation is asked who is there: as often as peers announce themselves.
pub const LIST_EVERY: Duration = Duration::from_secs(3);
/// The list of a RadioStation, bytes: what fits one of its answers, in base64. Larger: it counts as silent.
pub const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Peers that RadioStations name and that are asked. More: those already known.
pub const LEARNED_MAX: usize = 64;
