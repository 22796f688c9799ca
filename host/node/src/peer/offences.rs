//! Nodes that broke a rule which was found out only after their words had been taken.
//!
//! In: a node and what it did, from a channel. Out: once, the reason to close its connections and to refuse it
//! for a while (the listener does that, `host/rpc/doorman.rs`, longer with each time); and for a minute that
//! it is asked after all others. Deliberately not here: what breaks a rule (`host/core`).

use host_core::vote::rule::NodeId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nodes that are remembered: as many as a node keeps connections to. More: the oldest is forgotten.
const OFFENDERS_MAX: usize = 1_024;
/// How long others are asked first.
const DOUBTED_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Offence {
    at: Instant,
    /// Until its connections were closed.
    due: Option<String>,
}

/// What nodes did lately.
#[derive(Debug, Default)]
pub(super) struct Offences(Mutex<BTreeMap<NodeId, Offence>>);

impl Offences {
    /// Notes what a node did; true when it is the first thing since its connections were closed, and worth
    /// a line.
    pub(super) fn note(&self, node: NodeId, reason: &str, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= OFFENDERS_MAX && !all.contains_key(&node) {
            let oldest = all.iter().min_by_key(|(_, offence)| offence.at).map(|(node, _)| *node);
            oldest.and_then(|node| all.remove(&node));
        }
        let offence = all.entry(node).or_insert(Offence { at: now, due: None });
        offence.at = now;
        let is_first = offence.due.is_none();
        offence.due.get_or_insert_with(|| reason.to_owned());
        is_first
    }

    /// Why the connections of a node are to be closed; told once.
    pub(super) fn due(&self, node: NodeId) -> Option<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_mut(&node)?.due.take()
    }

    /// Whether others are to be asked first.
    pub(super) fn is_doubted(&self, node: NodeId, now: Instant) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&node).is_some_and(|one| now.saturating_duration_since(one.at) < DOUBTED_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offence_closes_connections_once_and_is_doubted_for_a_minute() {
        let (offences, start) = (Offences::default(), Instant::now());
        assert_eq!((offences.due(7), offences.is_doubted(7, start)), (None, false));
        assert!(offences.note(7, "first", start));
        assert!(!offences.note(7, "second", start), "one line for all until it is closed");
        assert_eq!(offences.due(7).as_deref(), Some("first"));
        assert_eq!(offences.due(7), None);
        assert!(offences.note(7, "third", start + Duration::from_secs(50)));
        assert!(offences.is_doubted(7, start + Duration::from_secs(109)));
        assert!(!offences.is_doubted(7, start + Duration::from_secs(110)));
        assert!(!offences.is_doubted(8, start));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let (offences, start) = (Offences::default(), Instant::now());
        for node in 0..=OFFENDERS_MAX as NodeId {
            offences.note(node, "x", start + Duration::from_millis(node));
        }
        assert_eq!(offences.0.lock().unwrap().len(), OFFENDERS_MAX);
        assert_eq!((offences.due(0), offences.due(1).is_some()), (None, true));
    }
}
