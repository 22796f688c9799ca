//! Which signed requests are of now, and that none is answered twice.
//!
//! In: requests whose signature holds, this node's clock. Out: a refusal, or that it may be answered. What
//! is remembered is bounded; full, it refuses, and forgets nothing that could come again. Deliberately
//! not here: whose they are (`caller`).

use host_types::limits::{READ_WINDOW_US, READS_REMEMBERED_MAX};
use host_types::read_request::ReadRequest;
use host_types::{BlockTime, Code, Domain, Encode, Hash32, Rejection};
use std::collections::{BTreeMap, BTreeSet};

/// Signed requests that were answered and could come again.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    by_expiry: BTreeMap<BlockTime, BTreeSet<Hash32>>,
    count: usize,
    /// The latest expiry that was forgotten: up to it a request could come again, unseen, once the clock is
    /// set back.
    forgotten: Option<BlockTime>,
}

impl Remembered {
    /// Takes one that has not come before.
    pub(super) fn take(&mut self, request: &ReadRequest, now: BlockTime) -> Result<(), Rejection> {
        let live = self.by_expiry.split_off(&now);
        let over = std::mem::replace(&mut self.by_expiry, live);
        self.count -= over.values().map(BTreeSet::len).sum::<usize>();
        self.forgotten = self.forgotten.max(over.keys().next_back().copied());
        if Some(request.expiry) <= self.forgotten {
            let message = "this signed request ran out before the clock of this node was set back";
            return Err(Rejection::new(Code::ReadStale, message));
        }
        let id = Domain::ReadRequest.hash(&[&request.to_bytes()]);
        if self.by_expiry.get(&request.expiry).is_some_and(|known| known.contains(&id)) {
            let message = "this signed request was answered before";
            return Err(Rejection::new(Code::ReadRepeated, message));
        }
        if self.count >= READS_REMEMBERED_MAX {
            let message = format!("{READS_REMEMBERED_MAX} signed requests came within a minute");
            return Err(Rejection::new(Code::TooManyRequests, message));
        }
        self.by_expiry.entry(request.expiry).or_default().insert(id);
        self.count += 1;
        Ok(())
    }
}

/// Whether a request is of now: it is answered until its expiry, which lies a minute ahead at most.
pub(super) fn check_time(request: &ReadRequest, now: BlockTime) -> Result<(), Rejection> {
    let (now, expiry) = (now.get(), request.expiry.get());
    let stale = |message: String| Err(Rejection::new(Code::ReadStale, message));
    if expiry < now {
        return stale(format!("this signed request ran out {} ms ago", (now - expiry) / 1_000));
    }
    if expiry - now > READ_WINDOW_US {
        let (ahead, most) = ((expiry - now) / 1_000, READ_WINDOW_US / 1_000);
        return stale(format!(
            "this signed request runs out in {ahead} ms; at most {most} ms are taken"
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "signed_reads_tests.rs"]
mod tests;
