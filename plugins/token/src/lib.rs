//! A token SCORE: one owner who mints, balances that move by transfer.
//!
//! In: `deploy(supply)`, `transfer(to, amount)`, `mint(to, amount)` and the queries. Out: balances in
//! the state, the event `transfer`, two faults. It deliberately has no allowances and no decimals.
#![no_std]
use score_native::prelude::*;

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
    /// Somebody else tried to mint.
    #[msg("only the owner may mint")]
    NotOwner,
}

#[score]
impl Token {
    /// The deployer becomes the owner and gets the whole supply.
    pub fn deploy(&mut self, cx: &Cx, supply: u128) {
        self.owner.set(cx.caller());
        self.create(cx.caller(), supply);
    }

    /// Makes new tokens.
    ///
    /// # Errors
    /// [`Error::NotOwner`]
    pub fn mint(&mut self, cx: &Cx, to: Address, amount: u128) -> Result<(), Error> {
        ensure!(self.owner.try_get() == Some(cx.caller()), Error::NotOwner);
        self.create(to, amount);
        Ok(())
    }

    /// Moves tokens of the caller.
    ///
    /// # Errors
    /// [`Error::Insufficient`]
    pub fn transfer(&mut self, cx: &Cx, to: Address, amount: u128) -> Result<(), Error> {
        let from = cx.caller();
        let paid = self.balances.try_sub(&from, amount);
        paid.map_err(|have| Error::Insufficient { have, need: amount })?;
        self.balances.add(&to, amount);
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

    fn create(&mut self, to: Address, amount: u128) {
        self.supply.add(amount);
        self.balances.add(&to, amount);
    }
}
