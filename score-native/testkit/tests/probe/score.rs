//! A SCORE that tries everything the SDK offers, and some of what it forbids.
//!
//! It is compiled twice: as a module of `engines.rs`, and as a crate of its own outside of the
//! workspace, which is what an author has.

use score_native::prelude::*;

/// State of every shape.
#[derive(Debug, State)]
pub struct Probe {
    count: Item<u64>,
    rows: Map<(String, u64), Vec<u8>>,
}

/// Everything that a call may know of the world.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct World {
    /// Caller and signer.
    pub who: (Address, Address),
    /// Organisation and role.
    pub member: (String, u32),
    /// Channel, height, time.
    pub block: (String, u64, u64),
    /// Transaction: id, seed.
    pub tx: ([u8; 32], [u8; 32]),
}

/// Something was counted.
#[derive(Debug, Event)]
pub struct Counted {
    /// So far.
    pub count: u64,
}

#[score(name = "probe")]
impl Probe {
    /// Takes over from another version.
    pub fn migrate(&mut self, cx: &Cx, from: String) {
        self.rows.set(&(from, cx.height()), Vec::new());
    }

    /// Adds a row.
    pub fn add(&mut self, cx: &Cx, name: String, number: u64, bytes: Vec<u8>) {
        self.rows.set(&(name, number), bytes);
        let count = self.count.get() + 1;
        self.count.set(count);
        cx.emit(Counted { count });
    }

    /// Removes a row and tells what comes first then.
    pub fn remove(&mut self, name: String, number: u64) -> Vec<((String, u64), Vec<u8>)> {
        self.rows.remove(&(name, number));
        self.rows.page(None, 1)
    }

    /// Up to `limit` rows after one.
    pub fn page(&self, after: Option<(String, u64)>, limit: u64) -> Vec<((String, u64), Vec<u8>)> {
        self.rows.page(after.as_ref(), limit as usize)
    }

    /// Tells what it knows.
    pub fn world(&mut self, cx: &Cx) -> World {
        cx.log("asked for the world");
        World {
            who: (cx.caller(), cx.signer()),
            member: (cx.organisation().into(), cx.role()),
            block: (cx.channel().into(), cx.height(), cx.block_time()),
            tx: (cx.tx_hash(), cx.seed()),
        }
    }

    /// Checks a signature.
    pub fn verify(&self, cx: &Cx, key: [u8; 32], message: Vec<u8>, signature: Vec<u8>) -> bool {
        cx.verify(&key, &message, &signature)
    }

    /// Writes where no writing is: the type system is walked around.
    pub fn write_in_query(&self) -> u64 {
        <Self as State>::open().count.set(99);
        99
    }

    /// Emits where no event is.
    pub fn emit_in_query(&self, cx: &Cx) {
        cx.emit(Counted { count: 0 });
    }

    /// Writes a value of this length under a key of that length.
    pub fn sized(&mut self, key: u64, value: u64) {
        let name = "k".repeat(key as usize);
        self.rows.set(&(name, 0), vec![1; value as usize]);
    }

    /// Emits many events.
    pub fn chatter(&mut self, cx: &Cx, events: u64) {
        (0..events).for_each(|count| cx.emit(Counted { count }));
    }

    /// Never ends.
    pub fn spin(&mut self) {
        loop {
            core::hint::spin_loop();
        }
    }

    /// Takes memory without end.
    pub fn hog(&mut self) -> u64 {
        let mut kept = Vec::new();
        loop {
            kept.push(vec![1u64; 1 << 16]);
            if kept.len() > 1 << 20 {
                return kept.len() as u64;
            }
        }
    }

    /// Grows and gives back memory; far more than the arena in sum.
    pub fn breathe(&mut self) -> u64 {
        (0..2000u64).map(|at| vec![at; 1 << 12][at as usize]).sum()
    }

    /// Reads beyond a slice.
    pub fn beyond(&self, at: u64) -> u8 {
        [1, 2, 3][at as usize]
    }
}
