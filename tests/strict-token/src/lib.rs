//! A token with another rule: what an upgrade of `plugins/token` is rehearsed with.
//!
//! In and out: as `plugins/token`, whose state it takes over. It refuses transfers of more than
//! [`MOST`], and takes over no state in which the owner still holds the whole supply.
#![no_std]
use score_native::prelude::*;

/// The largest transfer.
pub const MOST: u128 = 100;

/// What the token remembers.
#[derive(Debug, State)]
pub struct Token {
    owner: Item<Address>,
    supply: Item<u128>,
    balances: Map<Address, u128>,
}

/// Tokens went from one address to another.
#[derive(Debug, Event)]
pub struct Transfer {
    /// Who paid.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much.
    pub amount: u128,
}

/// Why a transaction was not done.
#[derive(Debug, Fault)]
pub enum Error {
    /// The payer has too little.
    #[msg("balance {have} is less than {need}")]
    Insufficient {
        /// What the payer has.
        have: u128,
        /// What the transfer takes.
        need: u128,
    },
    /// The new rule.
    #[msg("at most {most} in one transfer")]
    TooMuch {
        /// What is allowed.
        most: u128,
    },
}

#[score(name = "token")]
impl Token {
    /// Takes the state over as it is.
    pub fn migrate(&mut self, _from: String) {
        let owner = self.owner.get();
        assert!(self.balances.get(&owner) < self.supply.get(), "nothing was ever transferred");
    }

    /// Moves tokens of the caller, few at a time.
    ///
    /// # Errors
    /// [`Error::TooMuch`], [`Error::Insufficient`]
    pub fn transfer(&mut self, cx: &Cx, to: Address, amount: u128) -> Result<(), Error> {
        ensure!(amount <= MOST, Error::TooMuch { most: MOST });
        let from = cx.caller();
        let have = self.balances.get(&from);
        ensure!(have >= amount, Error::Insufficient { have, need: amount });
        self.balances.set(&from, have - amount);
        self.balances.update(&to, |balance| balance + amount);
        cx.emit(Transfer { from, to, amount });
        Ok(())
    }

    /// What an address has.
    pub fn balance_of(&self, who: Address) -> u128 {
        self.balances.get(&who)
    }

    /// What all addresses have together.
    pub fn total_supply(&self) -> u128 {
        self.supply.get()
    }
}
