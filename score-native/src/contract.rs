//! What the macros implement for an author's types, and what a call ends with.
//!
//! In: the author's returned values. Out: `Outcome` (code and bytes) for `export.rs`. It deliberately
//! does no dispatch itself: `#[score]` writes that.

use crate::{
    Cx, Value, abi, args,
    manifest::{EventInfo, FaultInfo, FieldInfo, Manifest, TypeName},
};
use alloc::{string::String, vec::Vec};

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
pub trait Event {
    /// Name and fields for the manifest.
    const INFO: EventInfo;
    /// Appends the array of the fields.
    fn encode(&self, out: &mut Vec<u8>);
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
    /// Type of the answer for the manifest.
    const TYPE: TypeName;
    /// Faults for the manifest.
    const FAULTS: &'static [FaultInfo] = &[];
    /// Turns it into the outcome of the call.
    fn outcome(self) -> Outcome;
}

impl Answer for () {
    const TYPE: TypeName = TypeName::of("()");
    fn outcome(self) -> Outcome {
        Outcome::NOTHING
    }
}

impl<V: Value> Answer for V {
    const TYPE: TypeName = V::TYPE;
    fn outcome(self) -> Outcome {
        Outcome { code: 0, data: args::encode(&self) }
    }
}

impl<A: Answer, F: Fault> Answer for Result<A, F> {
    const TYPE: TypeName = A::TYPE;
    const FAULTS: &'static [FaultInfo] = F::LIST;
    fn outcome(self) -> Outcome {
        match self {
            Ok(answer) => answer.outcome(),
            Err(fault) => Outcome { code: fault.code(), data: fault.message().into_bytes() },
        }
    }
}

/// A typed call, as the generated module `tx` makes them: for tests and clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// A value of [`abi::kind`].
    pub kind: u32,
    /// Name of the method.
    pub method: String,
    /// CBOR array of the arguments, or the body for a catch-all.
    pub args: Vec<u8>,
}

impl Invocation {
    /// Starts a call with this many arguments.
    #[must_use]
    pub fn new(kind: u32, method: &str, arguments: usize) -> Self {
        let mut args = Vec::new();
        args::write_array(&mut args, arguments);
        Self { kind, method: method.into(), args }
    }

    /// Adds the next argument.
    #[must_use]
    pub fn with<V: Value>(mut self, argument: &V) -> Self {
        argument.encode(&mut self.args);
        self
    }

    /// A transaction with a body of its own form, for a catch-all.
    #[must_use]
    pub fn any(method: &str, body: &[u8]) -> Self {
        Self { kind: abi::kind::INVOKE, method: method.into(), args: body.into() }
    }

    /// A query with a body of its own form, for a catch-all.
    #[must_use]
    pub fn any_query(method: &str, body: &[u8]) -> Self {
        Self { kind: abi::kind::QUERY, method: method.into(), args: body.into() }
    }
}

/// Names a field for the manifest; used by the derives.
#[must_use]
pub const fn field<V: Value>(name: &'static str) -> FieldInfo {
    FieldInfo { name, of: V::TYPE }
}
