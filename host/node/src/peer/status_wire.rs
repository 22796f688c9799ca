//! A channel's status as it travels to the radiostation, for its status pages. Nothing of it is
//! ever believed by consensus.

use host_rpc::gateway::{ChannelStatus, Mode};
use host_types::block::{Pair, RootPair};
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::limits::TEXT_BYTES_MAX;
use host_types::{BlockId, BlockTime, ChannelName, GenesisHash, Height, NodeName};

/// The question: which channel.
#[must_use]
pub fn encode_request(channel: &ChannelName) -> Vec<u8> {
    channel.to_bytes()
}

/// Reads a question.
///
/// # Errors
/// When it is none.
pub fn decode_request(bytes: &[u8]) -> Result<ChannelName, CodecError> {
    ChannelName::from_bytes(bytes)
}

const fn mode_number(mode: &Mode) -> u64 {
    match mode {
        Mode::Normal => 0,
        Mode::Syncing => 1,
        Mode::Rejoining => 2,
        Mode::Degraded(_) => 3,
        Mode::Halted(_) => 4,
    }
}

fn mode_reason(mode: &Mode) -> &str {
    match mode {
        Mode::Degraded(why) | Mode::Halted(why) => {
            // The page shows the beginning; the whole line is in the peer's own status.
            let end = (0..=TEXT_BYTES_MAX.min(why.len())).rev().find(|i| why.is_char_boundary(*i));
            why.get(..end.unwrap_or_default()).unwrap_or_default()
        }
        _ => "",
    }
}

/// The answer.
#[must_use]
pub fn encode(status: &ChannelStatus) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(18);
    status.channel.encode(&mut w);
    status.genesis.encode(&mut w);
    w.text(&status.rule);
    status.height.encode(&mut w);
    status.head.block.encode(&mut w);
    status.head.roots.encode(&mut w);
    status.time.encode(&mut w);
    w.uint(status.epoch);
    w.uint(status.view);
    w.option(status.leader.as_ref());
    w.uint(status.tx_total);
    w.uint(status.made_blocks);
    w.uint(status.pool_txs);
    w.uint(mode_number(&status.mode));
    w.text(mode_reason(&status.mode));
    w.list(&[status.quorum, status.total_weight, status.faulty_max]);
    w.bool(status.is_leader_complained);
    w.bool(status.v1_gateway);
    w.into_bytes()
}

/// Reads an answer. What pages of the radiostation do not show (sandbox, validators, the weight that is
/// connected, results that differed) is left out.
///
/// # Errors
/// When it is none.
pub fn decode(bytes: &[u8]) -> Result<ChannelStatus, CodecError> {
    let mut reader = Reader::new(bytes);
    let r = &mut reader;
    r.array(18)?;
    let mut status = ChannelStatus {
        channel: ChannelName::decode(r)?,
        genesis: GenesisHash::decode(r)?,
        rule: r.text(TEXT_BYTES_MAX)?.to_owned(),
        height: Height::decode(r)?,
        head: Pair { block: BlockId::decode(r)?, roots: RootPair::decode(r)? },
        time: BlockTime::decode(r)?,
        epoch: r.uint()?,
        view: r.uint()?,
        leader: r.option::<NodeName>()?,
        tx_total: r.uint()?,
        made_blocks: r.uint()?,
        pool_txs: r.uint()?,
        mode: Mode::Normal,
        sandbox: "",
        quorum: 0,
        total_weight: 0,
        connected_weight: 0,
        faulty_max: 0,
        validators: Vec::new(),
        divergences: 0,
        last_divergence: None,
        is_leader_complained: false,
        v1_gateway: false,
    };
    let error = r.error(CodecErrorKind::OutOfRange);
    let number = r.uint()?;
    let why = r.text(TEXT_BYTES_MAX)?.to_owned();
    status.mode = match number {
        0 => Mode::Normal,
        1 => Mode::Syncing,
        2 => Mode::Rejoining,
        3 => Mode::Degraded(why),
        4 => Mode::Halted(why),
        _ => return Err(error),
    };
    r.array(3)?;
    status.quorum = r.uint()?;
    status.total_weight = r.uint()?;
    status.faulty_max = r.uint()?;
    status.is_leader_complained = r.bool()?;
    status.v1_gateway = r.bool()?;
    r.finish()?;
    Ok(status)
}
