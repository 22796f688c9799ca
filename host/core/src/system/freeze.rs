//! `freeze` and `unfreeze`: SCOREs that take no transactions for now.
//!
//! In: a change that is proposed or accepted. Out: a record under `frozen/`, from the next transaction
//! on, and an event. A SCORE that crashed too often has the same record (`super::quarantine`), and
//! `unfreeze` lifts both. Deliberately not here: refusing transactions (admission and execution look
//! the record up), stopping workers: queries go on.

use super::state::{SystemState, View};
use super::{event, refuse};
use host_types::limits::REASON_BYTES_MAX;
use host_types::{
    Code, CodecError, Decode, Encode, Height, Reader, Rejection, ScoreEvent, ScoreName, Writer,
};
use std::collections::BTreeMap;

const FROZEN: &str = "frozen/";

/// Why a SCORE takes no transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The channel decided so.
    Change,
    /// It crashed too often.
    Crashes,
}

/// A SCORE that takes no transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Since this block.
    pub since: Height,
    /// Who wanted it.
    pub why: Why,
    /// One line for people.
    pub reason: String,
}

impl Frozen {
    /// What the sender of a transaction for it is told.
    #[must_use]
    pub fn refusal(&self, score: &ScoreName) -> Rejection {
        let Self { since, reason, .. } = self;
        let message = format!("SCORE {score} is frozen since block {since}: {reason}");
        Rejection::new(Code::ScoreFrozen, message)
    }
}

impl Encode for Frozen {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.since.encode(w);
        w.uint(match self.why {
            Why::Change => 0,
            Why::Crashes => 1,
        });
        w.text(&self.reason);
    }
}

impl Decode<'_> for Frozen {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let since = Height::decode(r)?;
        let why = if r.uint()? == 0 { Why::Change } else { Why::Crashes };
        Ok(Self { since, why, reason: r.text(REASON_BYTES_MAX)?.to_owned() })
    }
}

fn frozen_key(score: &ScoreName) -> Vec<u8> {
    [FROZEN.as_bytes(), score.as_str().as_bytes()].concat()
}

/// Whether a write may say something of frozen SCOREs.
#[must_use]
pub fn is_of_frozen(key: &[u8]) -> bool {
    key.starts_with(FROZEN.as_bytes())
}

/// Every SCORE that takes no transactions.
#[must_use]
pub fn all_frozen(view: &dyn View) -> BTreeMap<ScoreName, Frozen> {
    let name = |key: &[u8]| ScoreName::new(std::str::from_utf8(key.get(FROZEN.len()..)?).ok()?);
    let found = view.scan(FROZEN.as_bytes());
    found
        .iter()
        .filter_map(|(key, value)| Some((name(key)?, Frozen::from_bytes(value).ok()?)))
        .collect()
}

pub(super) fn is_frozen(score: &ScoreName, state: &SystemState<'_>) -> bool {
    state.get(&frozen_key(score)).is_some()
}

/// Whether the change would do something: `freezes` one that is active and not frozen, or lets one go
/// on that is.
pub(super) fn check(
    score: &ScoreName,
    freezes: bool,
    state: &SystemState<'_>,
) -> Result<(), Rejection> {
    if state.active(score).is_none() {
        return Err(refuse(format!("the channel has no SCORE `{score}`")));
    }
    match (freezes, is_frozen(score, state)) {
        (true, true) => Err(refuse(format!("{score} is frozen"))),
        (false, false) => Err(refuse(format!("{score} is not frozen"))),
        _ => Ok(()),
    }
}

pub(super) fn put(score: &ScoreName, frozen: &Frozen, state: &mut SystemState<'_>) {
    state.put(frozen_key(score), frozen.to_bytes());
}

pub(super) fn freeze(
    score: &ScoreName,
    height: Height,
    state: &mut SystemState<'_>,
) -> Result<ScoreEvent, Rejection> {
    check(score, true, state)?;
    let reason = "the channel decided so".to_owned();
    put(score, &Frozen { since: height, why: Why::Change, reason }, state);
    Ok(named("score-frozen", score))
}

pub(super) fn unfreeze(
    score: &ScoreName,
    state: &mut SystemState<'_>,
) -> Result<ScoreEvent, Rejection> {
    check(score, false, state)?;
    state.remove(frozen_key(score));
    Ok(named("score-unfrozen", score))
}

fn named(name: &str, score: &ScoreName) -> ScoreEvent {
    event(name, |w| {
        w.array(1);
        w.text(score.as_str());
    })
}

#[cfg(test)]
#[path = "freeze_tests.rs"]
mod tests;
