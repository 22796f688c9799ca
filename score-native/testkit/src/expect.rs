//! Receipts, and what a test may expect of them.
#![expect(clippy::panic, reason = "a broken expectation fails the test by a panic")]

use score_native::{Event, Fault, ReadAs, Untyped, args};
use score_native_abi::trap;
use score_native_link::CallReceipt;
use std::{any::type_name, fmt, marker::PhantomData};

/// What one transaction did; `A` is what it answers.
pub struct Receipt<A = Untyped> {
    /// The method that was called.
    pub method: String,
    /// The receipt itself.
    pub call: CallReceipt,
    answer: PhantomData<fn() -> A>,
}

impl<A> Clone for Receipt<A> {
    fn clone(&self) -> Self {
        Self::new(self.method.clone(), self.call.clone())
    }
}

impl<A> fmt::Debug for Receipt<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("method", &self.method)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl<A> Receipt<A> {
    pub(crate) const fn new(method: String, call: CallReceipt) -> Self {
        Self { method, call, answer: PhantomData }
    }

    /// The same receipt of a call that answers another type.
    pub(crate) fn of<B>(self) -> Receipt<B> {
        Receipt::new(self.method, self.call)
    }

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

    /// It ended with this fault of the author.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn faults(self, fault: &impl Fault) -> Self {
        self.fails(fault.code(), &fault.message())
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

    /// It emitted exactly this event, among others, or let another SCORE emit it.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn emitted<E: Event>(self, event: &E) -> Self {
        let mut data = Vec::new();
        event.encode(&mut data);
        let name = E::INFO.name;
        let events = self.told();
        let found = events.iter().any(|e| e.name == name.as_bytes() && e.data == data);
        let wanted = args::Diagnostic::arguments(&data);
        let emitted: Vec<_> = events.into_iter().map(crate::shown::event).collect();
        let emitted = emitted.join(", ");
        assert!(found, "`{}` did not emit {name}{wanted} but: {emitted}", self.method);
        self
    }

    /// All events in order, those of called SCOREs among them.
    fn told(&self) -> Vec<&score_native_link::Event> {
        let mut others = self.call.others.events.iter().peekable();
        let mut all = Vec::new();
        for (number, event) in (0..).zip(&self.call.events) {
            while let Some(other) = others.next_if(|other| other.after <= number) {
                all.push(&other.event);
            }
            all.push(event);
        }
        all.extend(others.map(|other| &other.event));
        all
    }

    /// The events of this type, in order, whichever SCORE emitted them.
    ///
    /// # Panics
    /// When one of that name has other fields.
    #[track_caller]
    #[must_use]
    pub fn events_of<E: Event>(&self) -> Vec<E> {
        let (name, method) = (E::INFO.name, &self.method);
        let of_type = self.told().into_iter().filter(|event| event.name == name.as_bytes());
        let read = of_type.map(|event| {
            let mut reader = args::Reader::new(&event.data);
            let read = E::decode(&mut reader).and_then(|read| reader.end().map(|()| read));
            read.unwrap_or_else(|why| panic!("`{method}`, event `{name}`: {}", why.text()))
        });
        read.collect()
    }

    /// It emitted this many events, with those of called SCOREs.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn events(self, count: usize) -> Self {
        assert_eq!(self.told().len(), count, "`{}`: another number of events", self.method);
        self
    }

    /// The answer of a call that succeeded.
    ///
    /// # Panics
    /// When it failed, or answers another type.
    #[track_caller]
    #[must_use]
    pub fn answer<V>(self) -> V
    where
        A: ReadAs<V>,
    {
        let this = self.ok();
        A::read(&this.call.output).unwrap_or_else(|error| {
            panic!("`{}` does not answer {}: {}", this.method, type_name::<V>(), error.text())
        })
    }
}
