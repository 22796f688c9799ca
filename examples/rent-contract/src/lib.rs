//! The contract sample of the old edition: contracts are proposed, their parties approve them.
//!
//! In: `propose`, `approve` and the query `get_user_contracts`, with the parameters they had in 2017.
//! Out: the contracts of each user, in the words that the old clients read. As in the sample the quorum
//! is kept and shown, and whether it is reached is the reader's to say.
#![no_std]
use score_native::prelude::*;

/// What the SCORE remembers: the old edition kept a contract and a list of ids for each user in
/// LevelDB.
#[derive(Debug, State)]
pub struct RentContract {
    last_id: Item<u64>,
    contracts: Map<u64, Contract>,
    of_user: Map<String, Vec<u64>>,
}

/// A contract, with the names that the old sample answered.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct Contract {
    /// Who proposed it; the first approver.
    pub proposer: String,
    /// Who else takes part.
    pub counterparties: Vec<String>,
    /// What is agreed.
    pub content: String,
    /// How many approvals it needs; text, as in the sample.
    pub quorum: String,
    /// Who approved, in order.
    pub approvers: Vec<String>,
    /// Its number, from 1.
    pub contract_id: u64,
}

/// The answer of `get_user_contracts`.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct UserContracts {
    /// In the order in which they were proposed.
    pub user_contracts: Vec<Contract>,
}

/// Why nothing was done: the transaction is in the block, and changed nothing.
#[derive(Debug, Fault)]
pub enum Error {
    /// There is no such contract.
    #[msg("there is no contract {contract_id}")]
    Unknown {
        /// Its number.
        contract_id: u64,
    },
    /// Only its parties approve a contract.
    #[msg("{user_id} is no party of contract {contract_id}")]
    NoParty {
        /// Who tried.
        user_id: String,
        /// Its number.
        contract_id: u64,
    },
    /// Once is enough.
    #[msg("{user_id} has approved contract {contract_id}")]
    Approved {
        /// Who tried.
        user_id: String,
        /// Its number.
        contract_id: u64,
    },
}

#[score]
impl RentContract {
    /// Proposes a contract and answers its number.
    pub fn propose(
        &mut self,
        proposer: String,
        counterparties: Vec<String>,
        content: String,
        quorum: String,
    ) -> u64 {
        let contract_id = self.last_id.get() + 1;
        self.last_id.set(contract_id);
        self.of_user.update(&proposer, |ids| with(ids, contract_id));
        for user in &counterparties {
            self.of_user.update(user, |ids| with(ids, contract_id));
        }
        let approvers = [proposer.clone()].into();
        let contract =
            Contract { proposer, counterparties, content, quorum, approvers, contract_id };
        self.contracts.set(&contract_id, contract);
        contract_id
    }

    /// Adds an approval.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::NoParty`], [`Error::Approved`]
    pub fn approve(&mut self, user_id: String, contract_id: u64) -> Result<(), Error> {
        let Some(mut contract) = self.contracts.try_get(&contract_id) else {
            return Err(Error::Unknown { contract_id });
        };
        let approved = contract.approvers.contains(&user_id);
        ensure!(!approved, Error::Approved { user_id, contract_id });
        let is_party = contract.counterparties.contains(&user_id);
        ensure!(is_party, Error::NoParty { user_id, contract_id });
        contract.approvers.push(user_id);
        self.contracts.set(&contract_id, contract);
        Ok(())
    }

    /// The contracts that a user proposed or takes part in.
    pub fn get_user_contracts(&self, user_id: String) -> UserContracts {
        let ids = self.of_user.get(&user_id);
        let user_contracts = ids.iter().filter_map(|id| self.contracts.try_get(id)).collect();
        UserContracts { user_contracts }
    }
}

/// A party that is named twice has the contract once.
fn with(mut ids: Vec<u64>, id: u64) -> Vec<u64> {
    if !ids.contains(&id) {
        ids.push(id);
    }
    ids
}
