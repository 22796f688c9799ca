//! A SCORE that tries everything the SDK offers, and some of what it forbids.
//!
//! It is compiled twice: as a module of `tests/engines`, and as a crate of its own outside of the
//! workspace, which is what an author has.

use core::sync::atomic::{AtomicU64, Ordering};
use score_native::prelude::*;

/// State of every shape.
#[derive(Debug, State)]
pub struct Probe {
    count: Item<u64>,
    rows: Map<(String, u64), Vec<u8>>,
    words: Set<String>,
    row: List<i64>,
    tickets: Counter,
    entries: Map<u64, Entry>,
    sums: Map<(bool, i32, Address), i64>,
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct Entry {
    /// The text.
    pub note: String,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Value)]
pub enum Fate {
    /// Nothing yet.
    Open,
    /// Somebody closed it.
    Closed {
        /// Who.
        by: Address,
        /// At which height.
        at: u64,
    },
    /// Somebody else has it.
    Given(Address),
}

/// Why something was not done.
#[derive(Debug, Fault)]
pub enum Error {
    /// There is too little.
    #[msg("there are {have}, not {need}")]
    TooLittle {
        /// What there is.
        have: i64,
        /// What was asked for.
        need: i64,
    },
    /// The entry is not there.
    #[code(40)]
    NoEntry,
}

/// Not state: what a fickle SCORE remembers beside the chain.
static BESIDE: AtomicU64 = AtomicU64::new(0);

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

    /// Writes an entry.
    pub fn write(&mut self, note: String) -> u64 {
        let id = self.tickets.next();
        self.entries.set(&id, Entry { note, fate: Fate::Open });
        id
    }

    /// Says what becomes of an entry.
    ///
    /// # Errors
    /// [`Error::NoEntry`]
    pub fn decide(&mut self, id: u64, fate: Fate) -> Result<Entry, Error> {
        ensure!(self.entries.contains(&id), Error::NoEntry);
        let entry = Entry { fate, ..self.entries.take(&id).ok_or(Error::NoEntry)? };
        self.entries.set(&id, entry.clone());
        Ok(entry)
    }

    /// Takes an entry away.
    pub fn erase(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    /// The newest entries, newest first.
    pub fn newest(&self, limit: u32) -> Vec<Entry> {
        self.entries.iter().rev().take(limit as usize).map(|(_, entry)| entry).collect()
    }

    /// Numbers of the entries in a range, from both ends by turns.
    pub fn zigzag(&self, from: u64, to: u64) -> Vec<u64> {
        let mut ids = self.entries.range(from..=to).map(|(id, _)| id);
        let mut out = Vec::new();
        while let Some(id) = ids.next() {
            out.push(id);
            out.extend(ids.next_back());
        }
        out
    }

    /// Adds a word, or takes it away; says whether that changed something.
    pub fn word(&mut self, word: String, add: bool) -> bool {
        if add { self.words.insert(&word) } else { self.words.remove(&word) }
    }

    /// The words that begin like this, in a range, from the end.
    pub fn words(&self, begin: String, from: String, to: String) -> (Vec<String>, Vec<String>) {
        (self.words.prefix(&*begin).collect(), self.words.range(from..to).rev().collect())
    }

    /// Appends to the list or takes from its end; answers the list from the end.
    pub fn list(&mut self, push: Option<i64>) -> (Option<i64>, Vec<i64>) {
        let popped = match push {
            Some(value) => {
                let at = self.row.push(value);
                self.row.set(at, value + 1);
                None
            }
            None => self.row.pop(),
        };
        (popped, self.row.iter().rev().collect())
    }

    /// Writes where the list has nothing.
    pub fn beyond_list(&mut self) {
        self.row.set(self.row.len(), 1);
    }

    /// Adds to a sum, or subtracts from it.
    ///
    /// # Errors
    /// [`Error::TooLittle`]
    pub fn sum(&mut self, key: (bool, i32, Address), more: i64) -> Result<i64, Error> {
        if more >= 0 {
            return Ok(self.sums.add(&key, more));
        }
        let have = self.sums.get(&key);
        ensure!(have >= -more, Error::TooLittle { have, need: -more });
        let left = self.sums.try_sub(&key, -more);
        left.map_err(|have| Error::TooLittle { have, need: -more })
    }

    /// The sums of one kind, in order; and those of one number.
    pub fn sums(&self, kind: bool, number: i32) -> (Vec<i32>, Vec<i64>) {
        let of_kind = self.sums.prefix(&kind).map(|((_, number, _), _)| number).collect();
        (of_kind, self.sums.prefix(&(kind, number)).map(|(_, sum)| sum).collect())
    }

    /// Fickle: answers where its code lies.
    pub fn where_am_i(&mut self) -> u64 {
        (Self::peek as fn(&Self) -> u64) as usize as u64
    }

    /// Fickle: writes where its memory lies.
    pub fn where_is_memory(&mut self) {
        let memory = Box::new(1u8);
        self.count.set(&raw const *memory as u64);
    }

    /// Fickle: remembers beside the chain.
    pub fn remember(&mut self) -> u64 {
        BESIDE.fetch_add(1, Ordering::Relaxed)
    }

    /// Honest: how much was counted.
    pub fn peek(&self) -> u64 {
        self.count.get()
    }

    /// Speaks at each level.
    pub fn speak(&mut self, cx: &Cx) {
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug] {
            cx.log_at(level, "spoken");
        }
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

    /// Calls itself until the stack is full.
    pub fn deep(&mut self, frames: u64) -> u64 {
        let frame = core::hint::black_box([frames; 64]);
        if frames == u64::MAX { 0 } else { self.deep(frames + 1) + frame[frames as usize % 64] }
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
