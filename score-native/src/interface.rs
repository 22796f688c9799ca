//! Calls to other SCOREs of the channel: what [`macro@crate::score_interface`] writes is made of this.
//!
//! In: the name of a SCORE, a method and values. Out: its answer, or a [`CallError`]. What the other
//! one did is undone when it fails, and when the caller fails later. It deliberately cannot reach
//! back: a SCORE that waits for an answer is never called.
//!
//! ```
//! use score_native::prelude::*;
//!
//! #[score_interface]
//! trait Token {
//!     fn transfer(&mut self, to: Address, amount: u128) -> Result<(), CallError>;
//!     fn balance_of(&self, who: Address) -> u128;
//! }
//!
//! /// In a method of another SCORE, which pays from its own balance.
//! fn pay_all(me: Address, to: Address) -> Result<(), CallError> {
//!     let mut token = TokenRef::at("token");
//!     let all = token.balance_of(me);
//!     token.transfer(to, all)
//! }
//! ```

use crate::{Fault, Value, abi, args, export, manifest::FaultInfo};
use alloc::{format, string::String, vec::Vec};
use core::fmt;

/// Why another SCORE did not do what it was asked; nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// A fault of the other author (1 to 0xffff), or a code of [`abi::trap`] or [`abi::refusal`].
    pub code: u32,
    /// The message.
    pub text: String,
}

impl CallError {
    /// Its code when a method returns it as its own fault.
    pub const FAULT: u32 = 0xff00;

    /// Whether the other SCORE said no itself, rather than being stopped or not reached.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        self.code <= 0xffff
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A method may return it as it is.
impl Fault for CallError {
    const LIST: &'static [FaultInfo] =
        &[FaultInfo { code: Self::FAULT, name: "CallError", message: "{text}" }];
    fn code(&self) -> u32 {
        Self::FAULT
    }
    fn message(&self) -> String {
        self.text.clone()
    }
}

/// Another SCORE of the channel, by its name there.
#[derive(Clone, Debug)]
pub struct Handle {
    score: String,
}

impl Handle {
    /// The SCORE of this name.
    #[must_use]
    pub fn at(score: &str) -> Self {
        Self { score: score.into() }
    }

    /// Begins a call with this many arguments.
    #[must_use]
    pub fn call<'a>(&'a self, method: &'a str, arguments: usize) -> Call<'a> {
        let mut args = Vec::new();
        args::write_array(&mut args, arguments);
        Call { score: &self.score, method, args }
    }
}

/// A call on its way.
#[derive(Debug)]
pub struct Call<'a> {
    score: &'a str,
    method: &'a str,
    args: Vec<u8>,
}

impl Call<'_> {
    /// Adds the next argument.
    #[must_use]
    pub fn with<V: Value>(mut self, argument: &V) -> Self {
        argument.encode(&mut self.args);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn send(self) -> Result<Vec<u8>, CallError> {
        let (code, output) = export::call(self.score, self.method, &self.args);
        if code == 0 {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output);
        let text = format!("{}.{}: {said}", self.score, self.method);
        Err(CallError { code, text })
    }
}

/// What a successful call gives: `()` or a value.
pub trait Reply: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// [`args::Malformed`]
    fn read(output: &[u8]) -> Result<Self, args::Malformed>;
}

impl Reply for () {
    fn read(output: &[u8]) -> Result<Self, args::Malformed> {
        if output.is_empty() { Ok(()) } else { Err(args::Malformed::Trailing) }
    }
}

impl<V: Value> Reply for V {
    fn read(output: &[u8]) -> Result<Self, args::Malformed> {
        args::decode(output)
    }
}

/// What a method of an interface may return: a [`Reply`], or a `Result` of it and [`CallError`].
pub trait Called {
    /// Makes it of what the other SCORE answered. Without a `Result` a failure panics.
    fn of(answer: Result<Vec<u8>, CallError>) -> Self;
}

impl<R: Reply> Called for Result<R, CallError> {
    fn of(answer: Result<Vec<u8>, CallError>) -> Self {
        R::read(&answer?).map_err(|why| {
            let text = format!("the other SCORE answers another type: {}", why.text());
            CallError { code: abi::refusal::BAD_ARGS, text }
        })
    }
}

impl Called for () {
    fn of(answer: Result<Vec<u8>, CallError>) {
        done(<Result<(), CallError>>::of(answer));
    }
}

impl<V: Value> Called for V {
    fn of(answer: Result<Vec<u8>, CallError>) -> Self {
        done(<Result<V, CallError>>::of(answer))
    }
}

#[expect(clippy::panic, reason = "a panic is the trap by which a SCORE ends")]
fn done<T>(answer: Result<T, CallError>) -> T {
    answer.unwrap_or_else(|error| panic!("{error}"))
}
