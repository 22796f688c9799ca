//! Where jmt's nodes live: a keyspace of a database, written in one batch a block as a channel's
//! store does it, with all of them in memory too if wanted.
//!
//! In: nodes of a block and the nodes that it made stale. Out: nodes by key. Stale nodes are removed
//! in the same batch: no old version is kept, as little as possible is written. Not here: values,
//! which a channel's store has in a keyspace of their own whatever the tree; proofs get them from
//! memory.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Version};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

/// What a batch added and removed, in bytes of keys and values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) nodes: u64,
    pub(crate) bytes: u64,
}

/// The nodes of one tree.
pub(crate) struct Nodes {
    database: Database,
    keyspace: Keyspace,
    memory: Option<RefCell<HashMap<NodeKey, Node>>>,
    pub(crate) values: RefCell<HashMap<KeyHash, OwnedValue>>,
}

/// Bytes of borsh before the path: version, number of nibbles, length of the path.
const BORSH_HEAD: usize = 8 + 8 + 4;

/// The version, then the path, as jmt's own users have it: what a block writes stands together.
fn key_bytes(key: &NodeKey) -> anyhow::Result<Vec<u8>> {
    let borsh = borsh::to_vec(key)?;
    let mut bytes = key.version().to_be_bytes().to_vec();
    bytes.push(u8::try_from(key.nibble_path().num_nibbles())?);
    bytes.extend_from_slice(borsh.get(BORSH_HEAD..).unwrap_or_default());
    Ok(bytes)
}

impl Nodes {
    /// Opens the database of a folder with the cache that a channel's store gives its own.
    pub(crate) fn open(dir: &Path, is_in_memory: bool, memtable: u64) -> anyhow::Result<Self> {
        let options = host_store::StoreOptions::default();
        let database = Database::builder(dir)
            .worker_threads(options.worker_threads)
            .cache_size(options.cache_bytes)
            .open()?;
        let create = || KeyspaceCreateOptions::default().max_memtable_size(memtable);
        let keyspace = database.keyspace("nodes", create)?;
        let memory = is_in_memory.then(RefCell::default);
        Ok(Self { database, keyspace, memory, values: RefCell::default() })
    }

    /// Writes what a block made, durably, and forgets what it replaced.
    pub(crate) fn commit(&self, update: &TreeUpdateBatch) -> anyhow::Result<Written> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        let mut written = Written::default();
        for (key, node) in update.node_batch.nodes() {
            let (at, bytes) = (key_bytes(key)?, borsh::to_vec(node)?);
            written.nodes += 1;
            written.bytes += (at.len() + bytes.len()) as u64;
            batch.insert(&self.keyspace, at, bytes);
        }
        // Both sets are in the order of keys, which go into the memtable faster so.
        for stale in &update.stale_node_index_batch {
            let at = key_bytes(&stale.node_key)?;
            written.bytes += at.len() as u64;
            batch.remove(&self.keyspace, at);
        }
        batch.commit()?;
        if let Some(memory) = &self.memory {
            let mut memory = memory.borrow_mut();
            for stale in &update.stale_node_index_batch {
                memory.remove(&stale.node_key);
            }
            let nodes = update.node_batch.nodes().iter();
            memory.extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
        }
        Ok(written)
    }
}

impl TreeReader for Nodes {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        if let Some(memory) = &self.memory {
            return Ok(memory.borrow().get(key).cloned());
        }
        let bytes = self.keyspace.get(key_bytes(key)?)?;
        Ok(bytes.map(|bytes| borsh::from_slice(&bytes)).transpose()?)
    }

    fn get_value_option(&self, _: Version, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.values.borrow().get(&key).cloned())
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("only for restoring, which is not measured")
    }
}
