//! Since when this node has seen no quorum of a channel.
//!
//! In: which validators it has open sessions with, looked at every second. Out: how long they have
//! been too few. Without a quorum nothing becomes final: who sends a transaction is better told so
//! than left waiting. Deliberately not here: consensus, which needs no such clock.

use super::ChannelHandle;
use host_types::{Code, Rejection};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A quorum that is missing for less is no reason to refuse: leaders change, links break and are
/// there again. It is also longer than a channel needs to connect after its start.
pub const MISSED_AFTER: Duration = Duration::from_secs(10);

/// What was seen last.
#[derive(Debug, Default)]
pub struct QuorumWatch(Mutex<Option<Instant>>);

impl QuorumWatch {
    /// Takes what is seen now.
    pub fn see(&self, is_reached: bool, now: Instant) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if is_reached { None } else { since.or(Some(now)) };
    }

    /// How long there has been none, when that is worth telling.
    #[must_use]
    pub fn missed(&self, now: Instant) -> Option<Duration> {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = now.saturating_duration_since(since?);
        (missed >= MISSED_AFTER).then_some(missed)
    }
}

impl ChannelHandle {
    /// Whether the validators that this node has open sessions with reach the quorum.
    fn is_quorum_seen(&self) -> bool {
        let parts = self.parts();
        let epoch = self.epoch();
        let set = &epoch.validators;
        let me = parts.own.index(set).map(usize::from);
        let is_seen = |(index, name)| me == Some(index) || parts.links.is_connected(name);
        let names = set.all().iter().map(|validator| &validator.name).enumerate();
        let seen: Vec<u16> =
            names.filter(|one| is_seen(*one)).filter_map(|(i, _)| u16::try_from(i).ok()).collect();
        set.said_by(&seen) >= set.quorum_weight()
    }

    /// Why nothing sent now would become final soon: this node has seen no quorum for a while.
    #[must_use]
    pub fn without_quorum(&self) -> Option<Rejection> {
        let missed = self.parts().quorum.missed(Instant::now())?;
        let message = format!(
            "channel {} has had no quorum for {} s, as far as this peer sees: nothing becomes final",
            self.genesis().channel,
            missed.as_secs()
        );
        Some(Rejection::new(Code::NoQuorum, message))
    }
}

/// Looks for as long as it is let.
pub async fn follow(channel: ChannelHandle) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        channel.parts().quorum.see(channel.is_quorum_seen(), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_missed_once_it_was_away_for_long() {
        let (watch, start) = (QuorumWatch::default(), Instant::now());
        let later = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watch.missed(later(100)), None, "nothing was seen yet");
        watch.see(false, start);
        watch.see(false, later(9));
        assert_eq!(watch.missed(later(9)), None);
        assert_eq!(watch.missed(later(12)), Some(Duration::from_secs(12)));
        watch.see(true, later(12));
        assert_eq!(watch.missed(later(30)), None, "it is back");
        watch.see(false, later(30));
        assert_eq!(watch.missed(later(39)), None, "counted anew");
    }
}
