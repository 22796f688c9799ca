//! Bounds of the connections between peers: unit, reason, what happens at each.
//!
//! Sizes that both ends must agree on live in `host_types::limits`.

use std::time::Duration;

/// Version of what is said on a connection. Another one: refused with `LC3107`.
pub const PROTOCOL: u64 = 1;
/// From the accepted socket to the answered greeting. Longer: closed.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time a request may claim for itself; later deadlines are cut to it (tarpc's timer
/// panics on far ones).
pub const DEADLINE_MAX: Duration = Duration::from_secs(30);
/// How long a call waits for its answer. Longer: the connection is given up and made again.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call waits for a connection that is just being made.
pub const CONNECTION_WAIT: Duration = Duration::from_millis(250);
/// Silence after which a client asks whether the other end lives.
pub const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Silence after which a server closes a connection: several pings.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests of one connection that are worked on at once. More: not read until one is done.
pub const IN_FLIGHT_MAX: usize = 32;
/// Deliveries sent and not yet acknowledged per connection: enough to never wait for a round
/// trip, few enough that little is sent twice after a break.
pub const WINDOW: usize = 16;
/// Bytes of one delivery, so that urgent messages wait behind at most one such frame.
pub const DELIVERY_BYTES_MAX: usize = 1024 * 1024;
/// Consensus messages waiting for one peer. More: the oldest is dropped, newer ones supersede it.
pub const CONSENSUS_QUEUE_MESSAGES: usize = 4_096;
/// Bytes of consensus messages waiting for one peer. More: the oldest is dropped.
pub const CONSENSUS_QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// Transaction messages waiting for one peer. More: refused, the sender keeps them in its pool.
pub const TRANSACTIONS_QUEUE_MESSAGES: usize = 4_096;
/// Bytes of transaction messages waiting for one peer. More: refused.
pub const TRANSACTIONS_QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// Bulk messages waiting for one peer; bulk is mostly fetched. More: refused.
pub const BULK_QUEUE_MESSAGES: usize = 64;
/// Bytes of bulk messages waiting for one peer. More: refused.
pub const BULK_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Nesting of a frame's CBOR. Deeper: the connection is closed.
pub const FRAME_DEPTH_MAX: usize = 32;
/// Name of a build in a hello, bytes. Longer: the caller is penalised.
pub const BUILD_BYTES_MAX: usize = 64;
/// Channels in a hello. More: the caller is penalised.
pub const HELLO_CHANNELS_MAX: usize = 256;

/// Bounds of a listener. The defaults are the product's; tests use smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections in all. More: closed at once.
    pub connections: usize,
    /// Sockets of one address that have not said who they are. More: closed at once.
    pub unauthenticated_per_ip: usize,
    /// The same for loopback, where many honest nodes share one address.
    pub unauthenticated_on_loopback: usize,
    /// Connections of one identity: one per class and one that replaces a dead one. More: the
    /// oldest of the same class is closed, else the new one is refused.
    pub connections_per_identity: usize,
    /// Bytes per second of one connection beyond loopback. More: read later.
    pub bytes_per_second: u64,
    /// From the accepted socket to the answered greeting. Longer: closed.
    pub handshake: Duration,
    /// Silence of an open connection. Longer: closed.
    pub idle: Duration,
    /// How long a peer is refused after its first fault; doubles with each, up to 64 times.
    pub penalty: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            unauthenticated_per_ip: 8,
            unauthenticated_on_loopback: 256,
            connections_per_identity: 4,
            bytes_per_second: 10_000_000,
            handshake: HANDSHAKE_TIMEOUT,
            idle: IDLE_TIMEOUT,
            penalty: Duration::from_secs(5),
        }
    }
}
