//! How often, and after which pause, a request is sent again.
//!
//! In: what the application wishes. Out: pauses. Pure: the randomness that keeps many clients from
//! asking in step comes from the caller. Deliberately not here: which error may be retried (its code).

use std::time::Duration;

/// Rounds over all peers, and the pauses between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often every peer is asked at most; at least 1.
    pub rounds: u32,
    /// Pause after the first round.
    pub first: Duration,
    /// Longest pause; a peer's `Retry-After` is bounded by it too.
    pub most: Duration,
}

/// Three rounds: a peer that restarts is back within seconds, and nobody waits longer unasked.
const ROUNDS: u32 = 3;
/// Shorter than a person notices, longer than a peer takes to come out of a full queue.
const FIRST: Duration = Duration::from_millis(200);
/// Above it an application would rather be told.
const MOST: Duration = Duration::from_secs(5);

impl Default for Retry {
    fn default() -> Self {
        Self { rounds: ROUNDS, first: FIRST, most: MOST }
    }
}

impl Retry {
    /// Every peer is asked once.
    #[must_use]
    pub const fn never() -> Self {
        Self { rounds: 1, first: FIRST, most: MOST }
    }

    /// Pause after a round (numbered from 0): it doubles, and `random` takes away up to half of it. What
    /// the peer asked for is the least, `most` the most.
    #[must_use]
    pub fn pause(&self, round: u32, asked: Option<Duration>, random: u8) -> Duration {
        let factor = 2_u32.saturating_pow(round);
        let full = self.first.saturating_mul(factor).min(self.most);
        let jittered = full - full / 2 * u32::from(random) / 255;
        jittered.max(asked.unwrap_or_default()).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry { rounds: 9, first: ms(100), most: ms(500) };
        let pauses: Vec<_> = (0..5).map(|round| retry.pause(round, None, 0)).collect();
        assert_eq!(pauses, [ms(100), ms(200), ms(400), ms(500), ms(500)]);
        assert_eq!(retry.pause(u32::MAX, None, 0), ms(500));
    }

    #[test]
    fn chance_takes_away_half_at_most() {
        let retry = Retry { rounds: 9, first: ms(100), most: ms(500) };
        assert_eq!(retry.pause(0, None, 255), ms(50));
        assert_eq!(retry.pause(0, None, 51), ms(90));
    }

    #[test]
    fn a_peer_is_given_the_time_it_asks_for_within_the_bound() {
        let retry = Retry { rounds: 9, first: ms(100), most: ms(500) };
        assert_eq!(retry.pause(0, Some(ms(300)), 255), ms(300));
        assert_eq!(retry.pause(0, Some(Duration::from_secs(3600)), 0), ms(500));
    }
}
