//! Port ranges that no other test of this machine uses.
//!
//! In: nothing. Out: a [`BasePort`], held by a locked file as long as it lives, whose derived ports
//! were all free when it was taken. All lie below the ports that the kernel gives to clients, so
//! that no connection of a test takes one away.

use std::fs::File;
use std::net::TcpListener;

/// Where the bases begin; the ports of a network span less than [`BLOCK`] above its base.
const FIRST: u16 = 20_000;
/// From one block of bases to the next.
const BLOCK: u16 = 3_000;
/// Blocks below 32768, where the ports of clients begin.
const BLOCKS: u16 = 4;
/// Bases of a block: the operations port (50 above REST) of one must not be REST of another.
const BASES: u16 = 12;
/// From one base to the next: a network uses B and B+2 of every hundred.
const STEP: u16 = 4;
/// Peers of the networks of these tests.
const PEERS: u16 = 4;
/// REST and operations above the port for peers.
const ABOVE: [u16; 3] = [0, 1_900, 1_950];

/// A base port that is ours.
#[derive(Debug)]
pub struct BasePort {
    /// Port of the first peer.
    pub number: u16,
    _lock: File,
}

impl BasePort {
    /// Takes one.
    ///
    /// # Panics
    /// When none is free.
    #[must_use]
    pub fn take() -> Self {
        let folder = std::env::temp_dir().join("loopchain-test-ports");
        std::fs::create_dir_all(&folder).expect("a folder for locks of ports");
        // Another start for each process makes it unlikely that two look at the same base at once.
        let start = std::process::id() % u32::from(BLOCKS * BASES);
        let start = u16::try_from(start).unwrap_or_default();
        for i in 0..BLOCKS * BASES {
            let i = (start + i) % (BLOCKS * BASES);
            let number = FIRST + (i / BASES) * BLOCK + (i % BASES) * STEP;
            let path = folder.join(format!("{number}.lock"));
            let Ok(lock) = File::create(path) else { continue };
            if lock.try_lock().is_ok() && is_free(number) {
                return Self { number, _lock: lock };
            }
        }
        panic!("no base port is free: are old networks still running?");
    }

    /// Port of a peer's REST interface.
    #[must_use]
    pub const fn rest(&self, peer: u16) -> u16 {
        self.number + peer * 100 + ABOVE[1]
    }
}

/// A port that nobody listens on now, for a single process beside a network.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn single() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn is_free(base: u16) -> bool {
    let peers = (0..PEERS).map(|peer| base + peer * 100);
    let all = peers.chain([base + 2]).flat_map(|port| ABOVE.map(|above| port + above));
    all.into_iter().all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
}
