//! Who leads which view: plain rotation, LFT's spinning leader.
//!
//! Depends on epoch and view only, so every node computes it alone. A wrong answer costs progress,
//! never agreement. Not here: skipping a silent leader (`pacemaker.rs`).

/// The schedule of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Number of validators, at least 1.
    count: u64,
    /// Consecutive views of one leader, at least 1.
    tenure: u64,
    /// Where this epoch starts, so that epochs do not always begin with the same leader.
    offset: u64,
}

impl Schedule {
    /// Rotation over `count` validators, `tenure` views each.
    #[must_use]
    pub fn new(count: u16, tenure: u64, epoch: u64) -> Self {
        let count = u64::from(count.max(1));
        Self { count, tenure: tenure.max(1), offset: epoch % count }
    }

    /// Index of the leader of a view.
    #[must_use]
    pub fn leader(&self, view: u64) -> u16 {
        let turn = (view / self.tenure) % self.count;
        u16::try_from((turn + self.offset) % self.count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn every_validator_leads_equally_often() {
        for (count, tenure) in [(1, 1), (4, 1), (5, 3), (7, 2)] {
            for epoch in [0, 1, 9] {
                let schedule = Schedule::new(count, tenure, epoch);
                let mut turns = vec![0; usize::from(count)];
                for view in 0..u64::from(count) * tenure * 10 {
                    turns[usize::from(schedule.leader(view))] += 1;
                }
                assert!(turns.iter().all(|t| *t == 10 * tenure), "{count} {tenure} {turns:?}");
            }
        }
    }

    #[test]
    fn the_leader_changes_with_every_view_by_default() {
        let schedule = Schedule::new(4, 1, 0);
        let leaders: Vec<u16> = (1..=5).map(|view| schedule.leader(view)).collect();
        assert_eq!(leaders, [1, 2, 3, 0, 1]);
        assert_eq!(Schedule::new(4, 1, u64::MAX).leader(u64::MAX), 2);
    }
}
