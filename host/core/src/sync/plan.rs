//! When to fetch blocks, and from whom.

use crate::vote::rule::NodeId;
use host_types::Height;
use host_types::limits::FETCH_BLOCKS_MAX;
use host_types::message::FetchRequest;

/// Milliseconds without an answer after which a range is asked for again.
pub const RETRY_MS: u64 = 1_000;

/// What is being fetched.
#[derive(Clone, Debug, Default)]
pub struct SyncPlan {
    target: Option<Height>,
    asked_at_ms: Option<u64>,
    /// The highest claim heard since the last question.
    claimed_since: Option<Height>,
}

impl SyncPlan {
    /// Somebody claims to have final blocks up to `height`.
    pub fn hint(&mut self, height: Height) {
        self.target = self.target.max(Some(height));
        self.claimed_since = self.claimed_since.max(Some(height));
    }

    /// The next request, when one is due: this node's last final block is `head`.
    pub fn next(&mut self, head: Height, tick_ms: u64) -> Option<FetchRequest> {
        if self.target.is_none_or(|target| target <= head) {
            *self = Self::default();
            return None;
        }
        if self.asked_at_ms.is_some_and(|at| tick_ms < at + RETRY_MS) {
            return None;
        }
        self.asked_at_ms = Some(tick_ms);
        self.claimed_since = None;
        let max = u32::try_from(FETCH_BLOCKS_MAX).unwrap_or(u32::MAX);
        Some(FetchRequest::Blocks { from: head.next(), max })
    }

    /// An answer came (whatever it held): the next range may be asked for at once. When nobody had
    /// anything, the claims from before the question are dropped, so that a lie stalls nobody. Those
    /// heard since stand: the question may have been lost while who made them was out of reach.
    pub fn answered(&mut self, _from: NodeId, had_blocks: bool) {
        self.asked_at_ms = None;
        if !had_blocks {
            self.target = self.claimed_since;
        }
    }

    /// Whether this node is catching up.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.target.is_some()
    }
}
