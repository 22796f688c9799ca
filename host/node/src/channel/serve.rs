//! What this node tells peers of a channel, and how it takes what they tell.
//!
//! In: bytes of an authenticated member of the channel. Out: inputs for the actor; answers.
//! Every statement's signature is checked here, before the pipeline sees it.

use super::actor::Command;
use super::{ChannelHandle, agreement, own_words};
use crate::scores::Scores;
use host_core::input::Input;
use host_core::vote::rule::NodeId;
use host_identity::verify;
use host_types::limits::{FETCH_BLOCKS_MAX, FETCH_BYTES_MAX, PART_BYTES_MAX};
use host_types::message::{BlockRange, FetchReply, FetchRequest, PeerMessage};
use host_types::statement::Statement;
use host_types::{Decode, Header, Height, RawTx, TxId};
use tokio::sync::oneshot;

/// Takes one message of a peer.
///
/// # Errors
/// One line: the peer broke a rule.
pub async fn deliver(
    channel: &ChannelHandle,
    from: NodeId,
    validator: Option<u16>,
    bytes: &[u8],
) -> Result<(), String> {
    let message = PeerMessage::from_bytes(bytes).map_err(|error| format!("a message: {error}"))?;
    let input = match message {
        PeerMessage::Transactions(raw) => {
            channel.intake().from_peer(raw).await;
            return Ok(());
        }
        PeerMessage::Statement(said) => return statement(channel, (from, validator), said).await,
        PeerMessage::Bundle(statements) => {
            for said in statements {
                // What this node said comes back to it: that is what it waits for.
                if own_of(channel, &said).is_none() || !channel.parts().relay.confirm(&said) {
                    statement(channel, (from, validator), said).await?;
                }
            }
            return Ok(());
        }
        PeerMessage::Handed(said) => {
            // Of an epoch that is not here: its author sends it to all when it sees no bundle.
            if check_statement(channel, &said)? && !channel.parts().relay.hand(validator, &said) {
                tracing::debug!(from, "a statement that is not sent on here");
            }
            return statement(channel, (from, validator), said).await;
        }
        PeerMessage::Proposal(proposal) => {
            if !check_statement(channel, &proposal.statement)? {
                return behind(channel, from, validator, proposal.statement).await;
            }
            if let Some(me) = own_of(channel, &proposal.statement) {
                own_words::show(channel, me, proposal.statement).await;
                return Ok(());
            }
            channel.parts().heard.note(&proposal.statement);
            Input::Proposal { from, proposal }
        }
        PeerMessage::Rule(bytes) => Input::Helper { from, validator, bytes },
    };
    channel.tell(Command::Input(input)).await;
    Ok(())
}

/// Takes one statement, whichever way it came.
async fn statement(
    channel: &ChannelHandle,
    (from, validator): (NodeId, Option<u16>),
    statement: Statement,
) -> Result<(), String> {
    if !check_statement(channel, &statement)? {
        return behind(channel, from, validator, statement).await;
    }
    if let Some(me) = own_of(channel, &statement) {
        own_words::show(channel, me, statement).await;
        return Ok(());
    }
    channel.parts().heard.note(&statement);
    channel.tell(Command::Input(Input::Statement { statement })).await;
    Ok(())
}

/// Checks a statement with the set of its epoch; false when that has not begun here yet.
pub(super) fn check_statement(
    channel: &ChannelHandle,
    statement: &Statement,
) -> Result<bool, String> {
    let epochs = channel.epochs();
    let Some(run) = epochs.get(statement.epoch) else { return Ok(false) };
    let signer = run
        .config
        .validators
        .get(statement.signer)
        .ok_or_else(|| format!("there is no validator {}", statement.signer))?;
    let prefix = run.statement_prefix(channel.parts().hash);
    let message = prefix.message(&statement.slots, &statement.body);
    if verify(&signer.public_key, &message, &statement.signature) {
        Ok(true)
    } else {
        Err(format!("a statement of {} with a wrong signature", signer.name))
    }
}

/// This node's index in the statement's epoch, when it carries this node's own signature.
fn own_of(channel: &ChannelHandle, statement: &Statement) -> Option<u16> {
    let epochs = channel.epochs();
    let set = &epochs.get(statement.epoch)?.config.validators;
    channel.parts().own.index(set).filter(|me| *me == statement.signer)
}

/// Something of an epoch that has not begun here, which nobody here can check: whoever says it may
/// have the blocks that lead there. The pipeline does no more with it than ask.
async fn behind(
    channel: &ChannelHandle,
    from: NodeId,
    validator: Option<u16>,
    statement: Statement,
) -> Result<(), String> {
    tracing::debug!(from, ?validator, epoch = statement.epoch.get(), "a later epoch");
    channel.tell(Command::Input(Input::Statement { statement })).await;
    Ok(())
}

/// Answers one question of a peer.
pub async fn fetch(channel: &ChannelHandle, scores: &Scores, request: FetchRequest) -> FetchReply {
    match request {
        FetchRequest::Bodies(ids) => FetchReply::Bodies(bodies(channel, ids).await),
        FetchRequest::Proposal(block) => {
            let (reply, answer) = oneshot::channel();
            channel.tell(Command::Proposal(block, reply)).await;
            let waiting = answer.await.ok().flatten();
            let found = waiting.or_else(|| stored_proposal(channel, block));
            FetchReply::Proposal(found.map(|(header, ids)| (Box::new(header), ids)))
        }
        FetchRequest::Blocks { from, max } => {
            FetchReply::Blocks(blocks(channel, from, max).map(Box::new))
        }
        FetchRequest::Artefact { sha256, offset } => {
            FetchReply::Artefact(scores.bytes(&sha256).and_then(|bytes| {
                let start = usize::try_from(offset).ok()?;
                let rest = bytes.get(start..)?;
                let part = rest.get(..rest.len().min(PART_BYTES_MAX))?.to_vec();
                Some((bytes.len() as u64, part))
            }))
        }
        FetchRequest::Digests(block) => FetchReply::Digests(
            on_disk(channel, move |channel| agreement::digests(channel, block)).await,
        ),
        FetchRequest::Outcome { block, roots, offset } => {
            let part =
                move |channel: &ChannelHandle| agreement::outcome(channel, block, roots, offset);
            FetchReply::Outcome(on_disk(channel, part).await)
        }
        FetchRequest::Newest { epoch, signer } => {
            FetchReply::Newest(channel.parts().heard.newest(epoch, signer).map(Box::new))
        }
        FetchRequest::Head => FetchReply::Head(channel.reader().tip().height),
    }
}

/// Reads what may take long beside everything else.
async fn on_disk<T: Send + 'static>(
    channel: &ChannelHandle,
    read: impl FnOnce(&ChannelHandle) -> Option<T> + Send + 'static,
) -> Option<T> {
    let channel = channel.clone();
    tokio::task::spawn_blocking(move || read(&channel)).await.ok().flatten()
}

async fn bodies(channel: &ChannelHandle, ids: Vec<TxId>) -> Vec<RawTx> {
    let (reply, answer) = oneshot::channel();
    channel.tell(Command::Bodies(ids.clone(), reply)).await;
    let mut found = answer.await.unwrap_or_default();
    if found.len() < ids.len() {
        let stored = ids.iter().filter_map(|id| channel.reader().transaction(id).ok().flatten());
        found.extend(stored.map(|(_, tx)| tx.raw()));
    }
    let mut size = 0;
    found.into_iter().take_while(|raw| fits(&mut size, raw.0.len())).collect()
}

fn stored_proposal(
    channel: &ChannelHandle,
    block: host_types::BlockId,
) -> Option<(Header, Vec<TxId>)> {
    let stored = channel.reader().block_by_id(block).ok().flatten()?.block;
    let ids = stored.transactions().iter().map(|tx| tx.id()).collect();
    Some((stored.header().clone(), ids))
}

fn fits(size: &mut usize, more: usize) -> bool {
    *size += more + 8;
    *size <= FETCH_BYTES_MAX
}

/// Consecutive blocks that end in one with a proof of its own.
fn blocks(channel: &ChannelHandle, from: Height, max: u32) -> Option<BlockRange> {
    let reader = channel.reader();
    let max = (max as usize).min(FETCH_BLOCKS_MAX);
    let (mut blocks, mut size, mut last) = (Vec::new(), 0, None);
    let mut height = from;
    while blocks.len() < max {
        let Some(stored) = reader.block_by_height(height).ok().flatten() else { break };
        let raw: Vec<RawTx> = stored.block.transactions().iter().map(|tx| tx.raw()).collect();
        let bytes = raw.iter().map(|raw| raw.0.len() + 8).sum::<usize>() + 1024;
        if !fits(&mut size, bytes) {
            break;
        }
        let seals = stored.block.header().next_validators.is_some();
        blocks.push((stored.block.header().clone(), raw));
        if let Some(proof) = stored.proof {
            last = Some((blocks.len(), stored.roots, proof));
        }
        if seals {
            // Who takes a range knows the set of one epoch.
            break;
        }
        height = height.next();
    }
    if let Some((count, roots, proof)) = last {
        blocks.truncate(count);
        return Some(BlockRange { blocks, roots, proof });
    }
    // No block of the range has a proof of its own: the next one that has proves the last.
    let (header, _) = blocks.last()?;
    let height = header.height;
    let proof = channel.proof_of(height)?;
    let roots = reader.pair(height).ok().flatten()?.roots;
    Some(BlockRange { blocks, roots, proof })
}
