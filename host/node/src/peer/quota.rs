//! How many transactions of clients of the old interface wait, by the address they came from.
//!
//! In: an address before its transaction is signed, the id after it was taken. Out: room, or a
//! refusal. The pool counts by signer, and here this node signs for everybody, so one client could
//! take the share of all. Deliberately not here: what waits, which the channel knows.

use host_types::{ChannelName, Code, Rejection, TxId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Transactions of one address that may wait: the queue of the edition of 2017, a tenth of a block.
pub const GATEWAY_TXS_PER_ADDRESS_MAX: usize = 100;
/// Addresses that are counted at once; one more is refused until others have nothing waiting. It
/// bounds what strangers can make this node remember.
const ADDRESSES_MAX: usize = 4_096;

/// One transaction that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its channel.
    pub channel: ChannelName,
    /// It.
    pub id: TxId,
    /// When it waits no longer, whatever happened.
    pub until: Instant,
}

/// What waits, by address.
#[derive(Debug, Default)]
pub struct Quota {
    taken: Mutex<BTreeMap<IpAddr, Vec<Taken>>>,
}

impl Quota {
    /// What counts for an address, without what has expired.
    #[must_use]
    pub fn taken(&self, client: IpAddr) -> Vec<Taken> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        taken.get_mut(&client).map_or_else(Vec::new, |list| {
            list.retain(|one| one.until > now);
            list.clone()
        })
    }

    /// Counts no longer what waits no longer.
    pub fn forget(&self, client: IpAddr, id: TxId) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = taken.get_mut(&client) {
            list.retain(|one| one.id != id);
            if list.is_empty() {
                taken.remove(&client);
            }
        }
    }

    /// Counts a transaction, before it is given to its channel.
    ///
    /// # Errors
    /// `LC7129` when its address has too many waiting, or too many addresses are counted.
    pub fn take(
        &self,
        client: IpAddr,
        (channel, id): (ChannelName, TxId),
        wait: Duration,
    ) -> Result<(), Rejection> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if taken.len() >= ADDRESSES_MAX && !taken.contains_key(&client) {
            taken.retain(|_, list| list.iter().any(|one| one.until > now));
        }
        let is_new = !taken.contains_key(&client);
        let waiting = taken.get(&client).map_or(0, Vec::len);
        if waiting >= GATEWAY_TXS_PER_ADDRESS_MAX || is_new && taken.len() >= ADDRESSES_MAX {
            let message = format!("{waiting} transactions of {client} wait already");
            return Err(Rejection::new(Code::TooManyRequests, message));
        }
        taken.entry(client).or_default().push(Taken { channel, id, until: now + wait });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Hash32;

    const WAIT: Duration = Duration::from_secs(120);

    fn transaction(n: usize) -> (ChannelName, TxId) {
        let id = TxId::new(Hash32::sha256(&n.to_be_bytes()));
        (ChannelName::new("demo").unwrap(), id)
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn one_address_that_has_its_share_takes_no_room_from_another() {
        let quota = Quota::default();
        for n in 0..GATEWAY_TXS_PER_ADDRESS_MAX {
            quota.take(address(1), transaction(n), WAIT).unwrap();
        }
        let refused = quota.take(address(1), transaction(1_000), WAIT).unwrap_err();
        assert_eq!(refused.code, Code::TooManyRequests);
        quota.take(address(2), transaction(1_001), WAIT).unwrap();
        quota.forget(address(1), transaction(0).1);
        quota.take(address(1), transaction(1_002), WAIT).unwrap();
        assert_eq!(quota.taken(address(1)).len(), GATEWAY_TXS_PER_ADDRESS_MAX);
    }

    #[test]
    fn what_has_expired_makes_room_and_addresses_are_bounded() {
        let quota = Quota::default();
        for n in 0..GATEWAY_TXS_PER_ADDRESS_MAX {
            quota.take(address(1), transaction(n), Duration::ZERO).unwrap();
        }
        assert_eq!(quota.taken(address(1)).len(), 0);
        quota.take(address(1), transaction(1), WAIT).unwrap();
        for n in 2..=u32::try_from(ADDRESSES_MAX).unwrap() {
            quota.take(address(n), transaction(1), WAIT).unwrap();
        }
        let refused = quota.take(address(0), transaction(1), WAIT).unwrap_err();
        assert_eq!(refused.code, Code::TooManyRequests);
        quota.take(address(1), transaction(2), WAIT).unwrap();
    }
}
