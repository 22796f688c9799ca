//! Room in a channel's pool, for whoever brings transactions of clients.
//!
//! In: how full the pool is, told by the actor. Out: a client's transaction waits here for a moment while
//! the pool is nearly full, before its signature is checked: one that is checked and then refused costs
//! this node as much as one that is taken, and is sent again, so that a node with too many clients would
//! do less and less. Deliberately not here: the bounds of the pool, which it keeps itself; what peers tell,
//! which may be in a block already.

use host_types::{Code, Rejection};
use std::time::Duration;
use tokio::sync::watch;

/// From here on clients wait, percent of the pool: the rest is for what other nodes take meanwhile.
const NEARLY_FULL_PERCENT: u64 = 60;
/// How long a client waits for room: some blocks under load.
const WAIT: Duration = Duration::from_millis(500);

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// Enough.
    Little,
    /// Some.
    Nearly,
    /// None.
    Full,
}

/// The room in one pool.
#[derive(Debug)]
pub struct Room(watch::Sender<Filled>);

impl Default for Room {
    fn default() -> Self {
        Self(watch::Sender::new(Filled::Little))
    }
}

impl Room {
    /// So much of the pool is in use.
    pub fn tell(&self, percent: u64) {
        let filled = match percent {
            ..NEARLY_FULL_PERCENT => Filled::Little,
            NEARLY_FULL_PERCENT..100 => Filled::Nearly,
            100.. => Filled::Full,
        };
        self.0.send_if_modified(|now| std::mem::replace(now, filled) != filled);
    }

    /// Waits while there is little.
    ///
    /// # Errors
    /// `LC3202` when there is none after a while.
    pub async fn wait(&self) -> Result<(), Rejection> {
        if *self.0.borrow() == Filled::Little {
            return Ok(());
        }
        self.wait_at_most(WAIT).await
    }

    async fn wait_at_most(&self, most: Duration) -> Result<(), Rejection> {
        let mut filled = self.0.subscribe();
        let room = filled.wait_for(|filled| *filled == Filled::Little);
        tokio::time::timeout(most, room).await.ok();
        match *self.0.borrow() {
            Filled::Little | Filled::Nearly => Ok(()),
            Filled::Full => Err(Rejection::new(Code::PoolFull, "the pool is full")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waited_in_vain_is_refused_only_when_there_is_no_room_at_all() {
        let room = Room::default();
        let table = [(0, None), (59, None), (60, None), (99, None), (100, Some(Code::PoolFull))];
        for (percent, refused) in table {
            room.tell(percent);
            let told = room.wait_at_most(Duration::ZERO).await;
            assert_eq!(told.err().map(|rejection| rejection.code), refused, "{percent}");
        }
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_once_there_is_room() {
        let room = Room::default();
        for percent in [60, 100] {
            room.tell(percent);
            let opened = async { room.tell(NEARLY_FULL_PERCENT - 1) };
            let (told, ()) = tokio::join!(room.wait_at_most(Duration::MAX), opened);
            assert_eq!(told, Ok(()), "{percent}");
            assert_eq!(room.wait().await, Ok(()), "at once");
        }
    }
}
