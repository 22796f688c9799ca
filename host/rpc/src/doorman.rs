//! Who may come in, and how often: counts sockets per address, connections per identity, faults
//! per name.
//!
//! In: addresses, identities, the monotonic clock. Out: a place that frees itself when dropped, or
//! a coded refusal. Not here: TLS ([`crate::session`]), requests ([`crate::server`]).

use crate::greeting::Class;
use crate::limits::ServerLimits;
use crate::trust::PeerIdentity;
use host_types::{Code, Hash32, NodeName, Rejection};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// After this time without a fault the count starts anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);
/// A penalty doubles at most so often.
const DOUBLINGS_MAX: u32 = 6;
/// Names whose faults are remembered; only certified names get here.
const PENALTIES_MAX: usize = 10_000;

type Who = (Hash32, NodeName);

struct Open {
    id: u64,
    class: Class,
    close: Arc<Notify>,
}

struct Penalty {
    faults: u32,
    last: Instant,
    until: Instant,
}

#[derive(Default)]
struct Book {
    next_id: u64,
    sockets: usize,
    unauthenticated: HashMap<IpAddr, usize>,
    open: HashMap<Who, Vec<Open>>,
    penalties: HashMap<Who, Penalty>,
}

/// The counts of one listener.
pub(crate) struct Doorman {
    limits: ServerLimits,
    book: Mutex<Book>,
}

/// A socket that was let in and has not said who it is. Frees its place when dropped.
pub(crate) struct Visitor {
    doorman: Arc<Doorman>,
    ip: IpAddr,
    is_known: bool,
}

/// A connection with a proven name. Frees its place when dropped.
pub(crate) struct Seat {
    doorman: Arc<Doorman>,
    who: Who,
    id: u64,
    close: Arc<Notify>,
}

impl Doorman {
    pub(crate) fn new(limits: ServerLimits) -> Arc<Self> {
        Arc::new(Self { limits, book: Mutex::default() })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new socket; none when there are too many.
    pub(crate) fn enter(self: &Arc<Self>, ip: IpAddr) -> Option<Visitor> {
        let most = if ip.is_loopback() {
            self.limits.unauthenticated_on_loopback
        } else {
            self.limits.unauthenticated_per_ip
        };
        let mut book = self.book();
        let waiting = book.unauthenticated.get(&ip).copied().unwrap_or(0);
        if waiting >= most || book.sockets >= self.limits.connections {
            return None;
        }
        book.unauthenticated.insert(ip, waiting + 1);
        book.sockets += 1;
        Some(Visitor { doorman: self.clone(), ip, is_known: false })
    }

    /// A seat for a proven identity. When it has too many, its oldest of the same class goes: that
    /// one is most likely dead.
    pub(crate) fn seat(
        self: &Arc<Self>,
        visitor: &mut Visitor,
        peer: &PeerIdentity,
        class: Class,
        now: Instant,
    ) -> Result<Seat, Rejection> {
        let who = (peer.root, peer.name.clone());
        let mut book = self.book();
        let book = &mut *book;
        visitor.know(book);
        if let Some(penalty) = book.penalties.get(&who).filter(|penalty| penalty.until > now) {
            let seconds = (penalty.until - now).as_secs() + 1;
            let message = format!("{} broke a rule and is refused for {seconds} s", peer.name);
            return Err(Rejection::new(Code::TooManyRequests, message));
        }
        let most = self.limits.connections_per_identity;
        let open = book.open.entry(who.clone()).or_default();
        if open.len() >= most {
            let Some(oldest) = open.iter().position(|open| open.class == class) else {
                let message = format!("{} has {most} connections, the most it may", peer.name);
                return Err(Rejection::new(Code::TooManyRequests, message));
            };
            open.remove(oldest).close.notify_one();
        }
        let close = Arc::new(Notify::new());
        let id = book.next_id;
        book.next_id += 1;
        open.push(Open { id, class, close: close.clone() });
        Ok(Seat { doorman: self.clone(), who, id, close })
    }

    /// Closes all connections of an identity and refuses it for a while.
    pub(crate) fn penalise(&self, peer: &PeerIdentity, now: Instant) {
        let who = (peer.root, peer.name.clone());
        let mut book = self.book();
        for open in book.open.remove(&who).unwrap_or_default() {
            open.close.notify_one();
        }
        if book.penalties.len() >= PENALTIES_MAX {
            book.penalties.retain(|_, penalty| penalty.until > now);
        }
        let penalty =
            book.penalties.entry(who).or_insert(Penalty { faults: 0, last: now, until: now });
        if now.duration_since(penalty.last) > FORGIVEN_AFTER {
            penalty.faults = 0;
        }
        penalty.until = now + self.limits.penalty * 2u32.pow(penalty.faults.min(DOUBLINGS_MAX));
        penalty.last = now;
        penalty.faults = penalty.faults.saturating_add(1);
    }
}

impl Visitor {
    /// It said who it is: it no longer counts as unauthenticated.
    fn know(&mut self, book: &mut Book) {
        if std::mem::replace(&mut self.is_known, true) {
            return;
        }
        if let Some(count) = book.unauthenticated.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                book.unauthenticated.remove(&self.ip);
            }
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let doorman = self.doorman.clone();
        let mut book = doorman.book();
        self.know(&mut book);
        book.sockets -= 1;
    }
}

impl Seat {
    /// Resolves when this connection must end.
    pub(crate) async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut book = self.doorman.book();
        if let Some(open) = book.open.get_mut(&self.who) {
            open.retain(|open| open.id != self.id);
            if open.is_empty() {
                book.open.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::Role;
    use host_types::CertificateId;
    use std::net::Ipv4Addr;

    const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn peer(name: &str) -> PeerIdentity {
        PeerIdentity {
            root: Hash32::ZERO,
            name: NodeName::new(name).unwrap(),
            role: Role::Validator,
            certificate: CertificateId::default(),
            serial: host_identity::Serial::new(&[1]).unwrap(),
        }
    }

    #[test]
    fn an_address_has_eight_places_until_it_says_who_it_is() {
        let doorman = Doorman::new(ServerLimits::default());
        let mut visitors: Vec<_> = (0..8).map(|_| doorman.enter(FAR).unwrap()).collect();
        assert!(doorman.enter(FAR).is_none());
        let now = Instant::now();
        let seat = doorman.seat(&mut visitors[0], &peer("bank-a/peer0"), Class::Bulk, now);
        assert!(seat.is_ok());
        let ninth = doorman.enter(FAR);
        assert!(ninth.is_some());
        assert!(doorman.enter(FAR).is_none());
        drop(visitors);
        assert!(doorman.enter(FAR).is_some());
    }

    #[tokio::test]
    async fn a_fifth_connection_of_a_class_closes_the_oldest_of_it() {
        let doorman = Doorman::new(ServerLimits::default());
        let (now, peer) = (Instant::now(), peer("bank-a/peer0"));
        let mut visitor = doorman.enter(FAR).unwrap();
        let mut sit = |class| doorman.seat(&mut visitor, &peer, class, now);
        let first = sit(Class::Consensus).unwrap();
        let others: Vec<_> = (0..3).map(|_| sit(Class::Bulk).unwrap()).collect();
        assert!(sit(Class::Transactions).is_err());
        let fifth = sit(Class::Consensus).unwrap();
        first.closed().await;
        drop((first, others));
        let sixth = sit(Class::Transactions);
        assert!(sixth.is_ok());
        drop(fifth);
    }

    #[test]
    fn a_fault_refuses_for_a_while_and_each_one_for_twice_as_long() {
        let doorman = Doorman::new(ServerLimits::default());
        let (start, peer) = (Instant::now(), peer("bank-a/peer0"));
        let mut visitor = doorman.enter(FAR).unwrap();
        let mut may = |after: u64| {
            let at = start + Duration::from_secs(after);
            doorman.seat(&mut visitor, &peer, Class::Bulk, at).map(drop).is_ok()
        };
        doorman.penalise(&peer, start);
        assert!(!may(0) && !may(4) && may(6));
        doorman.penalise(&peer, start + Duration::from_secs(10));
        assert!(!may(15) && !may(19) && may(21));
    }
}
