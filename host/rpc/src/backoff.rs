//! How long to wait before trying again: doubling, with jitter, so that peers that lost one node
//! together do not come back together.

use std::net::IpAddr;
use std::time::Duration;

/// First wait.
pub const FIRST: Duration = Duration::from_millis(50);
/// Longest wait.
pub const LONGEST: Duration = Duration::from_secs(5);
/// Longest wait for a peer on this machine, where trying costs nothing.
pub const LONGEST_ON_LOOPBACK: Duration = Duration::from_millis(250);

/// The waits of one connection.
#[derive(Clone, Debug)]
pub struct Backoff {
    attempt: u32,
    longest: Duration,
}

impl Backoff {
    /// Waits for a peer at this address (none: not known yet).
    #[must_use]
    pub fn for_address(ip: Option<IpAddr>) -> Self {
        let is_loopback = ip.is_some_and(|ip| ip.is_loopback());
        Self { attempt: 0, longest: if is_loopback { LONGEST_ON_LOOPBACK } else { LONGEST } }
    }

    /// It worked: the next wait is a first one.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next wait: between half and the whole of 50 ms · 2ⁿ, at most the longest. `random` is
    /// any number; its spread is the jitter.
    pub fn next(&mut self, random: u32) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.attempt.min(16)).min(self.longest);
        self.attempt = self.attempt.saturating_add(1);
        whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_success() {
        let mut backoff = Backoff::for_address(None);
        let waits: Vec<_> = (0..10).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(0).as_millis(), 25);
    }

    #[test]
    fn a_peer_on_this_machine_is_tried_often() {
        let mut backoff = Backoff::for_address(Some(Ipv4Addr::LOCALHOST.into()));
        assert!((0..40).all(|_| backoff.next(u32::MAX) <= LONGEST_ON_LOOPBACK));
    }
}
