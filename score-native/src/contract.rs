//! What the macros implement for an author's types, and what a call ends with.
//!
//! In: the author's returned values. Out: `Outcome` (code and bytes) for `export.rs`. It deliberately
//! does no dispatch itself: `#[score]` writes that.

use crate::{
    Cx, Value, abi,
    args::{self, Malformed, Reader},
    manifest::{EventInfo, FaultInfo, FieldInfo, Manifest, TypeName},
};
use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

/// A SCORE; written by [`macro@crate::score`].
pub trait Contract {
    /// What it says about itself.
    const MANIFEST: &'static Manifest;
    /// Its table; natively the same calls run through it as in the `.so`.
    const TABLE: &'static abi::Score;

    /// Runs one call.
    ///
    /// # Errors
    /// [`Refused`] when the author's code was not reached.
    fn dispatch(kind: u32, method: &str, args: &[u8], cx: &Cx) -> Result<Outcome, Refused>;
}

/// An event; derived.
pub trait Event: Sized {
    /// Name and fields for the manifest.
    const INFO: EventInfo;
    /// Appends the array of the fields.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads the array of the fields: for tests and clients.
    ///
    /// # Errors
    /// [`Malformed`]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// An error of the author; derived for an enum.
pub trait Fault {
    /// All its variants for the manifest.
    const LIST: &'static [FaultInfo];
    /// Code of this one.
    fn code(&self) -> u32;
    /// Message of this one.
    fn message(&self) -> String;
}

/// What a call ends with when the author's code ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0, or the code of a fault.
    pub code: u32,
    /// The answer in CBOR (no bytes for `()`), or the message.
    pub data: Vec<u8>,
}

impl Outcome {
    /// Success without an answer.
    pub const NOTHING: Self = Self { code: 0, data: Vec::new() };
}

/// A call that did not reach the author's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// A code of [`abi::refusal`].
    pub code: u32,
    /// The reason.
    pub text: String,
}

impl Refused {
    /// There is no method of that name and kind.
    #[must_use]
    pub fn no_method(method: &str) -> Self {
        Self { code: abi::refusal::NO_METHOD, text: ["no method `", method, "`"].concat() }
    }
}

/// What a method may return: `()`, a value, or a `Result` of these and a [`Fault`].
pub trait Answer {
    /// What a caller gets when it succeeds.
    type Success;
    /// Type of the answer for the manifest.
    const TYPE: TypeName;
    /// Faults for the manifest.
    const FAULTS: &'static [FaultInfo] = &[];
    /// Turns it into the outcome of the call.
    fn outcome(self) -> Outcome;
}

impl Answer for () {
    type Success = ();
    const TYPE: TypeName = TypeName::of("()");
    fn outcome(self) -> Outcome {
        Outcome::NOTHING
    }
}

impl<V: Value> Answer for V {
    type Success = V;
    const TYPE: TypeName = V::TYPE;
    fn outcome(self) -> Outcome {
        Outcome { code: 0, data: args::encode(&self) }
    }
}

impl<A: Answer, F: Fault> Answer for Result<A, F> {
    type Success = A::Success;
    const TYPE: TypeName = A::TYPE;
    const FAULTS: &'static [FaultInfo] = F::LIST;
    fn outcome(self) -> Outcome {
        match self {
            Ok(answer) => answer.outcome(),
            Err(fault) => Outcome { code: fault.code(), data: fault.message().into_bytes() },
        }
    }
}

/// The answer of a call whose type nobody told: whoever asks names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untyped {}

/// What an answer can be read as: itself, or anything when it is [`Untyped`].
pub trait ReadAs<V> {
    /// Reads the answer of a call that succeeded.
    ///
    /// # Errors
    /// [`Malformed`]
    fn read(bytes: &[u8]) -> Result<V, Malformed>;
}

impl<V: Value> ReadAs<V> for V {
    fn read(bytes: &[u8]) -> Result<V, Malformed> {
        args::decode(bytes)
    }
}

impl<V: Value> ReadAs<V> for Untyped {
    fn read(bytes: &[u8]) -> Result<V, Malformed> {
        args::decode(bytes)
    }
}

impl ReadAs<()> for () {
    fn read(bytes: &[u8]) -> Result<(), Malformed> {
        if bytes.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
}

/// A call, as the generated module `tx` makes them: for tests and clients. `A` is what it answers.
pub struct Invocation<A = Untyped> {
    /// A value of [`abi::kind`].
    pub kind: u32,
    /// Name of the method.
    pub method: String,
    /// CBOR array of the arguments, or the body for a catch-all.
    pub args: Vec<u8>,
    /// What it answers.
    pub answer: PhantomData<fn() -> A>,
}

// Not derived: whether `A` can be copied, compared or shown does not matter.
impl<A> Clone for Invocation<A> {
    fn clone(&self) -> Self {
        let (method, args) = (self.method.clone(), self.args.clone());
        Self { kind: self.kind, method, args, answer: PhantomData }
    }
}

impl<A> PartialEq for Invocation<A> {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.method, &self.args) == (other.kind, &other.method, &other.args)
    }
}

impl<A> Eq for Invocation<A> {}

impl<A> fmt::Debug for Invocation<A> {
    /// `transfer(h'0102…', 30)`: the arguments in CBOR's diagnostic notation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.method, args::Diagnostic::arguments(&self.args))
    }
}

impl Invocation {
    /// Starts a call with this many arguments.
    #[must_use]
    pub fn new(kind: u32, method: &str, arguments: usize) -> Self {
        let mut args = Vec::new();
        args::write_array(&mut args, arguments);
        Self { kind, method: method.into(), args, answer: PhantomData }
    }

    /// A transaction with a body of its own form, for a catch-all.
    #[must_use]
    pub fn any(method: &str, body: &[u8]) -> Self {
        let kind = abi::kind::INVOKE;
        Self { kind, method: method.into(), args: body.into(), answer: PhantomData }
    }

    /// A query with a body of its own form, for a catch-all.
    #[must_use]
    pub fn any_query(method: &str, body: &[u8]) -> Self {
        Self { kind: abi::kind::QUERY, ..Self::any(method, body) }
    }
}

impl<A> Invocation<A> {
    /// Adds the next argument.
    #[must_use]
    pub fn with<V: Value>(mut self, argument: &V) -> Self {
        argument.encode(&mut self.args);
        self
    }

    /// Says what it answers.
    #[must_use]
    pub fn answering<B>(self) -> Invocation<B> {
        Invocation { kind: self.kind, method: self.method, args: self.args, answer: PhantomData }
    }

    /// Forgets what it answers, so that different calls have one type.
    #[must_use]
    pub fn untyped(self) -> Invocation {
        self.answering()
    }
}

/// Names a field for the manifest; used by the derives.
#[must_use]
pub const fn field<V: Value>(name: &'static str) -> FieldInfo {
    FieldInfo { name, of: V::TYPE }
}
