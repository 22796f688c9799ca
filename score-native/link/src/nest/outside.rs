//! What the other side of a worker's talk needs: state, and answers to its calls.
//!
//! In: what the worker asks in the middle of an order. Out: the answer, from the state reader alone or
//! with the calls of a [`Nest`]. It reads no sockets.

use super::{Boxed, Entries, Nest};
use crate::limits::{SCAN_PAGE_BYTES, SCAN_PAGE_ENTRIES};
use crate::outcome::NoResult;
use crate::protocol::{BlockId, CallAnswer, CallAsk, CallSpec, Entry, Order, RawReceipt};
use crate::worker::StateReader;
use score_native_abi::refusal;

/// What the other side of a worker's talk needs.
pub(crate) trait Outside: Send {
    /// The order is sent, maybe again: what calls of an earlier attempt did is undone.
    fn begin(&mut self);
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>>;
    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Entries;
    /// Answers a call that `spec`, a call of `order`, makes.
    fn call<'a>(
        &'a mut self,
        order: &'a Order,
        spec: &'a CallSpec,
        ask: CallAsk,
    ) -> Boxed<'a, Result<Order, NoResult>>;
    /// The call at this position has ended; none when there is nothing to do.
    fn ended<'a>(&'a mut self, position: usize, receipt: &RawReceipt) -> Option<Boxed<'a, ()>>;
}

/// A worker without neighbours.
pub(crate) struct Alone<'a>(pub(crate) &'a mut (dyn StateReader + Send));

impl Outside for Alone<'_> {
    fn begin(&mut self) {}

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Entries {
        self.0.scan(prefix, after, limit)
    }

    fn call<'a>(
        &'a mut self,
        _order: &'a Order,
        _spec: &'a CallSpec,
        _ask: CallAsk,
    ) -> Boxed<'a, Result<Order, NoResult>> {
        let text = "there are no calls between SCOREs here";
        let answer = CallAnswer::refused(refusal::NO_CALLS, text);
        Box::pin(std::future::ready(Ok(Order::Answer(answer))))
    }

    fn ended<'a>(&'a mut self, _position: usize, _receipt: &RawReceipt) -> Option<Boxed<'a, ()>> {
        None
    }
}

/// What the batch's or question's own worker sees.
pub(crate) struct Outermost<'a, 'n> {
    pub(crate) state: &'a mut (dyn StateReader + Send),
    pub(crate) nest: &'a mut Nest<'n>,
    /// The block that is executed; none in a question.
    pub(crate) block: Option<BlockId>,
}

impl Outside for Outermost<'_, '_> {
    fn begin(&mut self) {
        self.nest.begin();
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.state.get(key)
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Entries {
        self.state.scan(prefix, after, limit)
    }

    fn call<'a>(
        &'a mut self,
        order: &'a Order,
        spec: &'a CallSpec,
        ask: CallAsk,
    ) -> Boxed<'a, Result<Order, NoResult>> {
        Box::pin(self.nest.call(order, spec, ask))
    }

    fn ended<'a>(&'a mut self, position: usize, receipt: &RawReceipt) -> Option<Boxed<'a, ()>> {
        let nest = &mut *self.nest;
        let is_quiet = nest.journal.is_empty() && nest.logs.is_empty();
        if is_quiet && nest.crashed.is_none() && nest.stack[0].events.is_empty() {
            nest.undo(0);
            return None;
        }
        let has_succeeded = receipt.code == 0;
        Some(Box::pin(nest.settle(position, self.block, has_succeeded)))
    }
}

/// What the worker of a called SCORE sees.
pub(super) struct Inner<'a, 'n> {
    pub(super) nest: &'a mut Nest<'n>,
    pub(super) score: String,
}

impl Outside for Inner<'_, '_> {
    fn begin(&mut self) {
        let top = self.nest.stack.len().saturating_sub(1);
        self.nest.undo(top);
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.nest.get(&self.score, key)
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Entries {
        self.nest.scan(&self.score, prefix, after, limit)
    }

    fn call<'a>(
        &'a mut self,
        order: &'a Order,
        spec: &'a CallSpec,
        ask: CallAsk,
    ) -> Boxed<'a, Result<Order, NoResult>> {
        Box::pin(self.nest.call(order, spec, ask))
    }

    fn ended<'a>(&'a mut self, _position: usize, _receipt: &RawReceipt) -> Option<Boxed<'a, ()>> {
        None
    }
}

/// One page of a scan: bounded in entries and bytes, never empty unless it is the end.
pub(crate) fn page(outside: &mut dyn Outside, prefix: &[u8], after: &[u8], limit: u32) -> Order {
    let limit = limit.clamp(1, SCAN_PAGE_ENTRIES) as usize;
    let found = outside.scan(prefix, after, limit);
    let mut complete = found.len() < limit;
    let mut bytes = 0;
    let mut entries = Vec::with_capacity(found.len());
    for (key, value) in found.into_iter().take(limit) {
        bytes += key.len() + value.len();
        if bytes > SCAN_PAGE_BYTES && !entries.is_empty() {
            complete = false;
            break;
        }
        entries.push(Entry { key, value });
    }
    Order::Page { entries, complete }
}
