//! One replica of `bench bound`: the work of a peer per block, and nothing else.

use super::{Checking, Incoming};
use crate::error::BenchError;
use crate::workload::KnownSigner;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use host_identity::batch::{BATCH_MAX, Item, verify_batch};
use host_identity::verify::verify;
use host_store::schema::{HEIGHTS, TXS, height_key, tx_key, tx_value};
use host_store::{Location, RealDisk, Segments};
use host_types::{Address, Block, BlockId, CertificateId, Height, SignedTransaction};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names of the stages.
pub(super) const STAGES: [&str; 5] = ["decode", "verify", "assemble", "execute", "store"];

/// Wall time of each stage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stages(pub(super) [Duration; STAGES.len()]);

/// Balances, blocks and their index.
pub(super) struct Replica {
    members: Arc<HashMap<CertificateId, KnownSigner>>,
    checking: Checking,
    balances: HashMap<Address, i64>,
    segments: Segments,
    index: Database,
    heights: Keyspace,
    transactions: Keyspace,
    head: BlockId,
    stages: Stages,
}

impl Replica {
    /// An empty one in a folder.
    pub(super) fn open(
        folder: &Path,
        members: Arc<HashMap<CertificateId, KnownSigner>>,
        checking: Checking,
    ) -> Result<Self, BenchError> {
        let blocks = folder.join("blocks");
        let disk = Arc::new(RealDisk::default());
        let segments = Segments::open_on(disk, &blocks, Location::default(), Height::ZERO)?;
        let index = Database::builder(folder.join("db")).open()?;
        let heights = index.keyspace(HEIGHTS, KeyspaceCreateOptions::default)?;
        let transactions = index.keyspace(TXS, KeyspaceCreateOptions::default)?;
        Ok(Self {
            members,
            checking,
            balances: HashMap::new(),
            segments,
            index,
            heights,
            transactions,
            head: BlockId::default(),
            stages: Stages::default(),
        })
    }

    /// The last block.
    pub(super) const fn head(&self) -> BlockId {
        self.head
    }

    /// Something that only the same transfers give.
    pub(super) fn total(&self) -> (usize, i64) {
        (self.balances.len(), self.balances.values().map(|balance| balance.wrapping_mul(7)).sum())
    }

    /// Where the time went.
    pub(super) const fn stages(&self) -> Stages {
        self.stages
    }

    /// Takes a block in as a peer must.
    pub(super) fn commit(&mut self, incoming: &Incoming) -> Result<(), BenchError> {
        let mut clock = Instant::now();
        let mut lap = |stage: &mut Duration| {
            let now = Instant::now();
            *stage += now - clock;
            clock = now;
        };
        let mut stages = self.stages;
        let [decode, verify, assemble, execute, store] = &mut stages.0;
        let decoded = incoming.transactions.iter().map(SignedTransaction::decode);
        let transactions = decoded.map(|tx| tx.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        lap(decode);
        self.check(&transactions)?;
        lap(verify);
        let block = Block::assemble(incoming.header.clone(), transactions.into())
            .ok_or_else(|| BenchError::void("the Merkle root is another"))?;
        lap(assemble);
        self.execute(&block)?;
        lap(execute);
        self.store(&block)?;
        lap(store);
        self.stages = stages;
        self.head = block.id();
        Ok(())
    }

    fn member(&self, tx: &SignedTransaction) -> Result<&KnownSigner, BenchError> {
        let member = self.members.get(&tx.transaction().signer);
        member.ok_or_else(|| BenchError::void("an unknown signer"))
    }

    fn check(&self, transactions: &[Arc<SignedTransaction>]) -> Result<(), BenchError> {
        if self.checking == Checking::Nothing {
            return Ok(());
        }
        for chunk in transactions.chunks(BATCH_MAX) {
            let items = chunk
                .iter()
                .map(|tx| {
                    let public_key = self.member(tx)?.public_key;
                    let message = tx.signing_message().into();
                    Ok(Item { public_key, message, signature: *tx.signature() })
                })
                .collect::<Result<Vec<_>, BenchError>>()?;
            let single = |item: &Item<'_>| verify(&item.public_key, &item.message, &item.signature);
            let are_right = match self.checking {
                Checking::Batch => verify_batch(&items).into_iter().all(|verdict| verdict),
                Checking::Single | Checking::Nothing => items.iter().all(single),
            };
            if !are_right {
                return Err(BenchError::void("a signature does not verify"));
            }
        }
        Ok(())
    }

    fn execute(&mut self, block: &Block) -> Result<(), BenchError> {
        for tx in block.transactions().iter() {
            let payer = self.member(tx)?.address;
            let args = &tx.transaction().args;
            // [ bytes 20, uint ]: array header, bytes header, the address.
            let payee: Option<[u8; 20]> = args.get(2..22).and_then(|bytes| bytes.try_into().ok());
            let payee = payee.ok_or_else(|| BenchError::void("arguments of another form"))?;
            *self.balances.entry(payer).or_default() -= 1;
            *self.balances.entry(Address::new(payee)).or_default() += 1;
        }
        Ok(())
    }

    fn store(&self, block: &Block) -> Result<(), BenchError> {
        self.segments.append_block(block)?;
        self.segments.sync()?;
        let height = block.header().height;
        let mut batch = self.index.batch();
        batch.insert(&self.heights, height_key(height), *block.id().as_bytes());
        for (i, tx) in block.transactions().iter().enumerate() {
            let index = u32::try_from(i).unwrap_or(u32::MAX);
            batch.insert(&self.transactions, tx_key(&tx.id()), tx_value(height, index));
        }
        Ok(batch.commit()?)
    }
}
