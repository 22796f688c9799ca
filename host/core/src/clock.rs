//! Time as the stages see it: something they are told.

use host_types::BlockTime;

/// The time of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Milliseconds on a clock that never goes back; for timers.
    pub tick_ms: u64,
    /// Microseconds since 1970 by this node's clock; for the time of blocks it proposes and to
    /// judge how far ahead others' blocks are. Never part of a result.
    pub wall: BlockTime,
}
