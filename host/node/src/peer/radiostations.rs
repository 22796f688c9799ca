//! What this node makes of its RadioStations: who answers, and what was wrong with what it said.
//!
//! In: each list that came, and each that did not. Out: log lines when something changes, numbers for the
//! metrics. Nothing here takes a RadioStation out of use: none is believed in the first place, and an entry
//! that is right is right whoever hands it out. Deliberately not here: asking (`discovery`), judging
//! entries (`known_peers`).

use super::known_peers::{Faults, Learned};
use crate::config::RadioStationTarget;
use host_types::NodeName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A peer with an open session that a RadioStation does not list for so long is told: it announces itself
/// every 3 s, and a RadioStation that starts anew has heard everybody by then.
const UNLISTED_AFTER: Duration = Duration::from_secs(15);
/// No list for so long: the RadioStation counts as silent. Three announcements are missing.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// What is told of one RadioStation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether it sent a list lately.
    pub answers: bool,
    /// Entries that were not believed since this node started, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Peers that this node talks to and that it does not list.
    pub unlisted: usize,
}

#[derive(Debug, Default)]
struct Watched {
    seen: Seen,
    last: Option<Instant>,
    is_lying: bool,
    missing: BTreeMap<NodeName, Instant>,
    told: BTreeSet<NodeName>,
}

/// The RadioStations of this node.
#[derive(Debug, Default)]
pub struct Stations(Mutex<BTreeMap<RadioStationTarget, Watched>>);

impl Stations {
    /// A list came; `connected` are the peers that this node talks to.
    pub fn heard(
        &self,
        from: &RadioStationTarget,
        now: Instant,
        learned: &Learned,
        connected: &[NodeName],
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = all.entry(from.clone()).or_default();
        if !watched.seen.answers {
            tracing::info!(event = "radiostation.answers", radiostation = %from.name, "RadioStation {} at {} answers", from.name, from.address);
        }
        (watched.last, watched.seen.answers) = (Some(now), true);
        watched.faults(from, &learned.faults);
        watched.unlisted(from, now, connected.iter().filter(|name| !learned.names.contains(name)));
    }

    /// No list came.
    pub fn silent(&self, from: &RadioStationTarget, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = all.entry(from.clone()).or_default();
        let is_silent = watched.last.is_none_or(|last| now.duration_since(last) > SILENT_AFTER);
        if is_silent && watched.seen.answers {
            watched.seen.answers = false;
            tracing::warn!(event = "radiostation.silent", radiostation = %from.name, "RadioStation {} at {} is silent: this peer goes on with those it knows", from.name, from.address);
        }
    }

    /// Each with what is told of it.
    #[must_use]
    pub fn seen(&self) -> Vec<(RadioStationTarget, Seen)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(target, watched)| (target.clone(), watched.seen.clone())).collect()
    }
}

impl Watched {
    /// Counts every entry; says it once until a list is right again.
    fn faults(&mut self, from: &RadioStationTarget, faults: &Faults) {
        for (reason, count) in faults.counts() {
            *self.seen.refused.entry(reason).or_default() += count;
        }
        if let Some((code, first)) = &faults.first
            && !self.is_lying
        {
            tracing::warn!(
                event = "radiostation.lies", %code, radiostation = %from.name, forged = faults.forged,
                foreign = faults.foreign, stale = faults.stale,
                "RadioStation {} at {} lists what its peers do not say, and that counts for nothing: {first}",
                from.name, from.address
            );
        }
        self.is_lying = faults.first.is_some();
    }

    fn unlisted<'a>(
        &mut self,
        from: &RadioStationTarget,
        now: Instant,
        missing: impl Iterator<Item = &'a NodeName>,
    ) {
        let before = std::mem::take(&mut self.missing);
        self.missing =
            missing.map(|name| (name.clone(), *before.get(name).unwrap_or(&now))).collect();
        let is_long = |since: &Instant| now.duration_since(*since) >= UNLISTED_AFTER;
        let long: BTreeSet<_> = self
            .missing
            .iter()
            .filter(|(_, at)| is_long(at))
            .map(|(name, _)| name.clone())
            .collect();
        for name in long.difference(&self.told) {
            tracing::warn!(
                event = "radiostation.hides", radiostation = %from.name, peer = %name,
                "RadioStation {} at {} does not list {name}, which this peer talks to: it hides or has evicted it, or {name} does not announce itself there",
                from.name, from.address
            );
        }
        self.seen.unlisted = long.len();
        self.told = long;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Code;

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    fn learned(names: &[&str], faults: Faults) -> Learned {
        Learned { news: vec![], names: names.iter().map(|text| name(text)).collect(), faults }
    }

    fn only(stations: &Stations) -> Seen {
        stations.seen().into_iter().next().unwrap().1
    }

    #[test]
    fn what_is_wrong_is_counted_and_who_is_hidden_is_told_after_a_while() {
        let (stations, [a, b]) = (Stations::default(), ["bank-a/peer0", "bank-b/peer0"]);
        let from = RadioStationTarget { name: name("bank-a/radiostation"), address: "h:1".into() };
        let (connected, start) = ([name(a), name(b)], Instant::now());
        let heard = |after: Duration, names: &[&str], faults| {
            stations.heard(&from, start + after, &learned(names, faults), &connected);
        };
        stations.silent(&from, start);
        assert_eq!(only(&stations), Seen::default());
        let first = || Some((Code::Internal, "x".into()));
        let lie = || Faults { forged: 2, first: first(), ..Faults::default() };
        heard(Duration::ZERO, &[a], lie());
        heard(Duration::ZERO, &[a], lie());
        assert_eq!((only(&stations).refused["forged"], only(&stations).unlisted), (4, 0));
        heard(UNLISTED_AFTER, &[a], Faults::default());
        assert_eq!((only(&stations).unlisted, only(&stations).answers), (1, true));
        heard(UNLISTED_AFTER, &[a, b], Faults::default());
        assert_eq!(only(&stations).unlisted, 0);
        stations.silent(&from, start + UNLISTED_AFTER + SILENT_AFTER);
        assert!(only(&stations).answers);
        stations.silent(&from, start + UNLISTED_AFTER + SILENT_AFTER + Duration::from_millis(1));
        assert!(!only(&stations).answers);
    }
}
