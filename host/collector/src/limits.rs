//! Bounds of shipping and collecting: unit, reason, what happens at each.

use std::time::Duration;

/// One line of a node, bytes: far above what a node says. Longer: a line that tells its size instead.
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// Lines that wait in a node, bytes: hours of an idle node, minutes of a loud one. More: the oldest
/// is dropped and counted.
pub const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines that wait in a node. More: the oldest is dropped and counted.
pub const QUEUE_LINES_MAX: usize = 65_536;
/// Lines of one batch, bytes. A batch ends before it.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Lines of one batch. A batch ends before it.
pub const BATCH_LINES_MAX: usize = 4_096;
/// How long a node gathers lines before it sends them: one write to disk for many lines.
pub const BATCH_WAIT: Duration = Duration::from_millis(100);
/// How long a batch may take until it is acknowledged. Longer: the connection is given up and the
/// batch is sent again on another one.
pub const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);
/// How long a node that stops tries to hand over its last lines, when the collector answered before.
pub const LAST_WORDS_WITHIN: Duration = Duration::from_millis(500);
/// An answer to a batch, bytes. Larger: the connection is given up.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// The body of a batch, bytes: whole lines of a sender of the next version, too. Larger: 413.
pub const BODY_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX;
/// Connections of a collector: every node of a large network twice. More: closed at once.
pub const CONNECTIONS_MAX: usize = 512;
/// How long a connection may take for its first byte. Longer: closed.
pub const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(10);
/// Silence of a connection. Longer: closed; the other end makes another one.
pub const IDLE_MAX: Duration = Duration::from_secs(120);
/// Nodes whose last number is remembered, so that no line is kept twice. More: the one that comes
/// first by name is forgotten.
pub const SOURCES_MAX: usize = 4_096;
/// One message of the forward protocol, bytes: Fluent Bit sends chunks of 2 MiB. Larger: closed.
pub const FORWARD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events of one message of the forward protocol. More: closed.
pub const FORWARD_EVENTS_MAX: usize = 65_536;
/// Nesting of msgpack. Deeper: closed.
pub const MSGPACK_DEPTH_MAX: usize = 16;
/// Name of a tag, bytes. Longer: cut.
pub const TAG_BYTES_MAX: usize = 128;
/// A file of the store, bytes, when nothing else is configured.
pub const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// All files of the store, bytes, when nothing else is configured. More: the oldest is removed.
pub const KEEP_BYTES: u64 = 1024 * 1024 * 1024;
/// Age of a file of the store, when nothing else is configured. Older: removed.
pub const KEEP_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often `-f` looks for new lines.
pub const FOLLOW_EVERY: Duration = Duration::from_millis(200);

const _: () = assert!(LINE_BYTES_MAX < BATCH_BYTES_MAX && BATCH_BYTES_MAX < QUEUE_BYTES_MAX);
const _: () = assert!(BATCH_BYTES_MAX + BATCH_LINES_MAX < BODY_BYTES_MAX);
