//! Bringing a database that lost blocks, or cannot be opened, up to its tip marker again.
//!
//! In: a channel's folder. Out: its store, rebuilt as far as its own segments reach, and a report.
//! The segments hold bodies, results and Final proofs; nothing is executed again, but every state
//! root is computed again and compared. What is then still missing comes from peers; until it is
//! there the tip marker stays as it is. Deliberately not here: the sign log, which needs no repair
//! because the database is not in it.

use crate::commitment::StateCommitment;
use crate::database::opening::{self, Behind, DATABASE_DIR};
use crate::database::{ChannelStore, CommitBlock, StoreOptions};
use crate::error::{Part, StoreError};
use host_types::Height;
use host_types::genesis::ChannelGenesis;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// Where a database was put that could not be opened.
    pub moved_to: Option<PathBuf>,
    /// Tip of the database before.
    pub from: Height,
    /// Tip after the blocks of the segments were committed again.
    pub to: Height,
    /// Height of the tip marker, while blocks up to it are still missing.
    pub missing_up_to: Option<Height>,
}

/// Opens a channel's store whatever happened to its database.
///
/// # Errors
/// When the segments or the tip marker are damaged, or belong to another channel.
pub fn open_repaired(
    dir: &Path,
    genesis: &ChannelGenesis,
    options: &StoreOptions,
) -> Result<(ChannelStore, RepairReport), StoreError> {
    let (mut store, moved_to) = match opening::open(dir, genesis, options, Behind::Accepted) {
        Ok(store) => (store, None),
        Err(StoreError::Database { source, .. }) if is_about_content(&source) => {
            let moved_to = put_aside(dir)?;
            (opening::open(dir, genesis, options, Behind::Accepted)?, Some(moved_to))
        }
        Err(e) => return Err(e),
    };
    let from = store.reader().tip().height;
    while commit_next(&mut store)? {}
    let to = store.reader().tip().height;
    let missing_up_to = store.ahead().map(|marked| marked.height);
    tracing::warn!(%from, %to, ?missing_up_to, ?moved_to, "a channel's database was repaired");
    Ok((store, RepairReport { moved_to, from, to, missing_up_to }))
}

/// True when the files are bad; false when the machine is, or another process has them open.
const fn is_about_content(error: &fjall::Error) -> bool {
    !matches!(error, fjall::Error::Io(_) | fjall::Error::Locked | fjall::Error::Poisoned)
}

fn put_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let old = dir.join(DATABASE_DIR);
    let free = (1u32..).map(|n| dir.join(format!("{DATABASE_DIR}.damaged-{n}")));
    let to = free.into_iter().find(|path| !path.exists()).unwrap_or_else(|| dir.join("db.damaged"));
    std::fs::rename(&old, &to).map_err(StoreError::io(Part::Channel, "put aside", &old))?;
    Ok(to)
}

/// Commits the child of the tip if the segments have it whole and say that it is final.
fn commit_next(store: &mut ChannelStore) -> Result<bool, StoreError> {
    let (segments, tip) = (store.segments(), store.reader().tip());
    let candidates = segments.all_unfinished();
    let next = candidates.into_iter().filter(|(_, kept)| kept.height == tip.height.next());
    for (id, kept) in next {
        let (Some(body), Some((_, at)), Some(proof)) = (kept.block, kept.result, kept.proof) else {
            continue;
        };
        let block = segments.read_block(body)?.decode().map_err(|e| {
            StoreError::damaged(Part::Channel, &store.path(), 0, format!("block {id}: {e}"))
        })?;
        if block.header().parent.block != tip.block {
            continue;
        }
        let (result, proof) = (Arc::new(segments.read_result(at)?), segments.read_proof(proof)?);
        let state_tree = store.tree();
        let (_, tree) = state_tree.apply(&state_tree.committed(), &result.writes)?;
        store.commit(&[CommitBlock { block, result, tree, proof }])?;
        return Ok(true);
    }
    Ok(false)
}
