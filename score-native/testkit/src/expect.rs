//! Receipts, and what a test may expect of them.
#![expect(clippy::panic, reason = "a broken expectation fails the test by a panic")]

use score_native::{Event, Value, args};
use score_native_abi::trap;
use score_native_link::CallReceipt;

/// What one transaction did.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The method that was called.
    pub method: String,
    /// The receipt itself.
    pub call: CallReceipt,
}

impl Receipt {
    /// The message of a failed call.
    #[must_use]
    pub fn message(&self) -> String {
        String::from_utf8_lossy(&self.call.output).into_owned()
    }

    /// Steps taken; 0 on the native engine, which is not metered.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.call.steps
    }

    /// It succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> Self {
        let (code, message) = (self.call.code, self.message());
        assert!(code == 0, "`{}` failed with {code:#x}: {message}", self.method);
        self
    }

    /// It ended with this fault (or other code) and message.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn fails(self, code: u32, message: &str) -> Self {
        let found = (self.call.code, self.message());
        assert_eq!(found, (code, message.to_owned()), "`{}` ended otherwise", self.method);
        self
    }

    /// It panicked, with this in its message.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn panics(self, part: &str) -> Self {
        let (code, message) = (self.call.code, self.message());
        let panicked = code == trap::PANIC && message.contains(part);
        assert!(panicked, "`{}`: no panic with {part:?} but {code:#x} {message}", self.method);
        self
    }

    /// It ended with this trap of the SCORE ABI, whatever the message.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn traps(self, code: u32) -> Self {
        let message = self.message();
        assert_eq!(self.call.code, code, "`{}` ended otherwise: {message}", self.method);
        self
    }

    /// It emitted exactly this event, among others.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn emitted<E: Event>(self, event: &E) -> Self {
        let mut data = Vec::new();
        event.encode(&mut data);
        let name = E::INFO.name;
        let events = &self.call.events;
        let found = events.iter().any(|e| e.name == name.as_bytes() && e.data == data);
        let names: Vec<_> = events.iter().map(|e| String::from_utf8_lossy(&e.name)).collect();
        assert!(found, "`{}` did not emit that `{name}`, but {names:?}", self.method);
        self
    }

    /// It emitted this many events.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn events(self, count: usize) -> Self {
        assert_eq!(self.call.events.len(), count, "`{}`: another number of events", self.method);
        self
    }

    /// The answer of a call that succeeded.
    ///
    /// # Panics
    /// When it failed, or answers another type.
    #[track_caller]
    #[must_use]
    pub fn answer<V: Value>(self) -> V {
        let this = self.ok();
        match args::decode(&this.call.output) {
            Ok(value) => value,
            Err(error) => {
                let wanted = V::TYPE;
                panic!("`{}` does not answer {}: {}", this.method, wanted.as_str(), error.text())
            }
        }
    }
}
