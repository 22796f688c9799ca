//! Quarantine: a SCORE that crashes again and again takes no transactions any more.
//!
//! In: how many receipts of a block say `crash`, for each SCORE; the height of the next block. Out:
//! counts under `crashes/`, and a record under `frozen/` at the start of the block after the one in
//! which there were too many within the window. Only receipts count, which are the same on every node:
//! what a slow machine does not finish is no receipt, so nothing of it gets here. Deliberately not here:
//! a node's own strikes (`propose::strikes`), lifting it ([`super::freeze`]).

use super::state::SystemState;
use super::{event, freeze};
use host_types::limits::{CRASH_WINDOW_BLOCKS, CRASHES_MAX};
use host_types::{CodecError, Decode, Height, Reader, ScoreEvent, ScoreName, Writer};
use std::collections::BTreeMap;

const CRASHES: &str = "crashes/";

fn crashes_key(score: &ScoreName) -> Vec<u8> {
    [CRASHES.as_bytes(), score.as_str().as_bytes()].concat()
}

/// Heights and crashes in them, ascending: at most one entry for each block of the window.
type Counts = Vec<(u64, u64)>;

fn read(bytes: &[u8]) -> Result<Counts, CodecError> {
    let mut r = Reader::new(bytes);
    let count = r.array_up_to(usize::try_from(CRASH_WINDOW_BLOCKS).unwrap_or(usize::MAX))?;
    let mut counts = Vec::with_capacity(count);
    for _ in 0..count {
        r.array(2)?;
        counts.push((Height::decode(&mut r)?.get(), r.uint()?));
    }
    r.finish().map(|()| counts)
}

fn written(counts: &[(u64, u64)]) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(counts.len());
    for (height, crashes) in counts {
        w.array(2);
        w.uint(*height);
        w.uint(*crashes);
    }
    w.into_bytes()
}

/// Those within the window that ends with the block `last`.
fn within(counts: Counts, last: u64) -> Counts {
    counts.into_iter().filter(|(height, _)| height + CRASH_WINDOW_BLOCKS > last).collect()
}

/// The end of a block in which SCOREs crashed.
pub(super) fn count(
    counts: &BTreeMap<ScoreName, u64>,
    height: Height,
    state: &mut SystemState<'_>,
) {
    for (score, crashes) in counts.iter().filter(|(_, crashes)| **crashes > 0) {
        let key = crashes_key(score);
        let known = state.get(&key).and_then(|value| read(&value).ok()).unwrap_or_default();
        let mut counts = within(known, height.get());
        counts.push((height.get(), *crashes));
        state.put(key, written(&counts));
    }
}

/// The start of a block: who crashed too often until the one before it is suspended; whose crashes are
/// all old is forgotten.
pub(super) fn suspend(height: Height, state: &mut SystemState<'_>) -> Vec<ScoreEvent> {
    let mut events = Vec::new();
    let last = height.get().saturating_sub(1);
    for key in state.scan(CRASHES.as_bytes()) {
        let name = key.get(CRASHES.len()..).and_then(|name| std::str::from_utf8(name).ok());
        let Some(score) = name.and_then(ScoreName::new) else { continue };
        let known = state.get(&key).and_then(|value| read(&value).ok()).unwrap_or_default();
        let recent = within(known, last);
        let crashes: u64 = recent.iter().map(|(_, crashes)| crashes).sum();
        if crashes < CRASHES_MAX && !recent.is_empty() {
            continue;
        }
        state.remove(key);
        if crashes < CRASHES_MAX || freeze::is_frozen(&score, state) {
            continue;
        }
        let reason = format!("it crashed {crashes} times within {CRASH_WINDOW_BLOCKS} blocks");
        let why = freeze::Why::Crashes;
        freeze::put(&score, &freeze::Frozen { since: height, why, reason }, state);
        events.push(event("score-suspended", |w| {
            w.array(2);
            w.text(score.as_str());
            w.uint(crashes);
        }));
    }
    events
}

#[cfg(test)]
#[path = "quarantine_tests.rs"]
mod tests;
