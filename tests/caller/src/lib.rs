//! A SCORE that calls others, in every way that can go wrong.
//!
//! In: names of SCOREs, from the tests. Out: what the calls answered, and notes of its own, so that a
//! test sees what was undone. It is honest; what it calls may not be.
#![no_std]
use score_native::prelude::*;

/// The methods of a token that it uses.
#[score_interface]
pub trait Token {
    /// Moves tokens of the caller, which is this SCORE.
    fn transfer(&mut self, to: Address, amount: u128) -> Result<(), CallError>;
    /// What an address has.
    fn balance_of(&self, who: Address) -> u128;
}

/// The methods of another one of its kind.
#[score_interface]
pub trait Caller {
    /// See `Caller::relay`.
    fn relay(&mut self, path: Vec<String>) -> Result<u64, CallError>;
    /// Writes and fails.
    fn note_and_fail(&mut self, text: String) -> Result<(), CallError>;
    /// Pays and fails.
    fn pay_and_fail(&mut self, token: String, to: Address, amount: u128) -> Result<(), CallError>;
    /// Counts.
    fn count(&self) -> u64;
    /// Asks the next one.
    fn ask_along(&self, path: Vec<String>) -> Result<u64, CallError>;
    /// Never ends.
    fn spin(&mut self) -> Result<(), CallError>;
    /// Emits so many events.
    fn shout(&mut self, times: u64) -> Result<(), CallError>;
    /// Writes so many bytes.
    fn bulk(&mut self, bytes: u64) -> Result<(), CallError>;
}

/// The methods of a SCORE that attacks.
#[score_interface]
pub trait Evil {
    /// Crashes.
    fn wild_write(&mut self) -> Result<(), CallError>;
    /// Writes although it is a question.
    fn write_in_query(&self) -> Result<u64, CallError>;
}

/// The methods of a SCORE that crashes and may be frozen.
#[score_interface]
pub trait Ward {
    /// Counts.
    fn count_up(&mut self) -> Result<u64, CallError>;
    /// Crashes.
    fn crash(&mut self) -> Result<(), CallError>;
    /// What it has counted.
    fn count(&self) -> u64;
}

/// What it remembers.
#[derive(Debug, State)]
pub struct Caller {
    calls: Item<u64>,
    notes: Map<String, String>,
}

/// It did something.
#[derive(Debug, Event)]
pub struct Did {
    /// What.
    pub what: String,
}

/// Why it did not.
#[derive(Debug, Fault)]
pub enum Error {
    /// On purpose.
    #[msg("on purpose")]
    OnPurpose,
    /// The other one failed.
    #[msg("{text}")]
    Other {
        /// What it said.
        text: String,
    },
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Other { text: format!("{:#x} {}", error.code, error.text) }
    }
}

fn did(cx: &Cx, what: &str) {
    cx.emit(Did { what: what.into() });
}

#[score(name = "caller", events(Did))]
impl Caller {
    /// Pays from its own balance.
    ///
    /// # Errors
    /// What the token says.
    pub fn pay(&mut self, cx: &Cx, token: String, to: Address, amount: u128) -> Result<(), Error> {
        did(cx, "before");
        TokenRef::at(&token).transfer(to, amount)?;
        self.calls.set(self.calls.get() + 1);
        did(cx, "after");
        Ok(())
    }

    /// Pays and asks in one transaction; answers the receiver's balance.
    ///
    /// # Errors
    /// What the token says.
    pub fn pay_twice(&mut self, token: String, to: Address, amount: u128) -> Result<u128, Error> {
        let mut token = TokenRef::at(&token);
        token.transfer(to, amount)?;
        token.transfer(to, amount)?;
        Ok(token.balance_of(to))
    }

    /// Pays, whatever the token says: answers its code.
    pub fn try_pay(&mut self, token: String, to: Address, amount: u128) -> u64 {
        self.calls.set(self.calls.get() + 1);
        let code = TokenRef::at(&token).transfer(to, amount).map_or_else(|e| e.code, |()| 0);
        u64::from(code)
    }

    /// Pays and fails.
    ///
    /// # Errors
    /// Always.
    pub fn pay_and_fail(&mut self, token: String, to: Address, amount: u128) -> Result<(), Error> {
        TokenRef::at(&token).transfer(to, amount)?;
        Err(Error::OnPurpose)
    }

    /// Lets another one pay and fail, then pays itself.
    ///
    /// # Errors
    /// What the token says.
    pub fn pay_after_failure(
        &mut self,
        other: String,
        token: String,
        to: Address,
        amount: u128,
    ) -> Result<(), Error> {
        let failed = CallerRef::at(&other).pay_and_fail(token.clone(), to, amount).is_err();
        ensure!(failed, Error::OnPurpose);
        TokenRef::at(&token).transfer(to, amount)?;
        Ok(())
    }

    /// Calls the first of the path with the rest of it; answers how many were reached.
    ///
    /// # Errors
    /// Of the one that could not go on.
    pub fn relay(&mut self, path: Vec<String>) -> Result<u64, Error> {
        self.calls.set(self.calls.get() + 1);
        let Some((next, rest)) = path.split_first() else { return Ok(1) };
        Ok(CallerRef::at(next).relay(rest.to_vec())? + 1)
    }

    /// Goes on when the one that it called fails; answers its code.
    pub fn shrug(&mut self, other: String) -> u64 {
        self.calls.set(self.calls.get() + 1);
        let answer = CallerRef::at(&other).note_and_fail("gone".into());
        answer.map_or_else(|error| u64::from(error.code), |()| 0)
    }

    /// Writes and fails.
    ///
    /// # Errors
    /// Always.
    pub fn note_and_fail(&mut self, cx: &Cx, text: String) -> Result<(), Error> {
        self.notes.set(&text, text.clone());
        did(cx, "lost");
        Err(Error::OnPurpose)
    }

    /// Calls one that never ends.
    ///
    /// # Errors
    /// What it says.
    pub fn wait(&mut self, other: String) -> Result<(), Error> {
        Ok(CallerRef::at(&other).spin()?)
    }

    /// Never ends.
    pub fn spin(&mut self) {
        loop {
            core::hint::black_box(());
        }
    }

    /// Emits so many events.
    pub fn shout(&mut self, cx: &Cx, times: u64) {
        for _ in 0..times {
            did(cx, "shout");
        }
    }

    /// Emits so many events, and lets another one do so.
    ///
    /// # Errors
    /// What it says.
    pub fn shout_both(&mut self, cx: &Cx, other: String, times: u64) -> Result<(), Error> {
        CallerRef::at(&other).shout(times)?;
        self.shout(cx, times);
        Ok(())
    }

    /// Writes so many bytes.
    pub fn bulk(&mut self, bytes: u64) {
        for piece in 0..bytes / 50_000 {
            self.notes.set(&format!("{piece}"), "x".repeat(50_000));
        }
    }

    /// Writes so many bytes, and lets another one do so.
    ///
    /// # Errors
    /// What it says.
    pub fn bulk_both(&mut self, other: String, bytes: u64) -> Result<(), Error> {
        self.bulk(bytes);
        Ok(CallerRef::at(&other).bulk(bytes)?)
    }

    /// Calls one that crashes, after an own write.
    ///
    /// # Errors
    /// None that it lives to see.
    pub fn crash_there(&mut self, other: String) -> Result<(), Error> {
        self.calls.set(1_000);
        Ok(EvilRef::at(&other).wild_write()?)
    }

    /// Lets a ward crash, after an own write.
    ///
    /// # Errors
    /// None that it lives to see.
    pub fn crash_ward(&mut self, other: String) -> Result<(), Error> {
        self.calls.set(1_000);
        Ok(WardRef::at(&other).crash()?)
    }

    /// Lets a ward count, whatever it says: answers its code.
    pub fn try_count(&mut self, other: String) -> u64 {
        self.calls.set(self.calls.get() + 1);
        WardRef::at(&other).count_up().map_or_else(|error| u64::from(error.code), |_| 0)
    }

    /// Asks a ward.
    pub fn ask_ward(&self, other: String) -> u64 {
        WardRef::at(&other).count()
    }

    /// How often it was called.
    pub fn count(&self) -> u64 {
        self.calls.get()
    }

    /// The texts that it keeps.
    pub fn kept(&self) -> u64 {
        self.notes.page(None, 1_000).len() as u64
    }

    /// Asks a token.
    pub fn ask_balance(&self, token: String, who: Address) -> u128 {
        TokenRef::at(&token).balance_of(who)
    }

    /// Asks the first of the path with the rest of it.
    ///
    /// # Errors
    /// Of the one that could not go on.
    pub fn ask_along(&self, path: Vec<String>) -> Result<u64, Error> {
        let Some((next, rest)) = path.split_first() else { return Ok(1) };
        Ok(CallerRef::at(next).ask_along(rest.to_vec())? + 1)
    }

    /// Asks one that writes.
    ///
    /// # Errors
    /// What it says.
    pub fn ask_to_write(&self, other: String) -> Result<u64, Error> {
        Ok(EvilRef::at(&other).write_in_query()?)
    }

    /// Pays although it is a question.
    ///
    /// # Errors
    /// What the token says.
    pub fn ask_to_pay(&self, token: String, to: Address) -> Result<u64, Error> {
        TokenRef::at(&token).transfer(to, 1)?;
        Ok(1)
    }
}
