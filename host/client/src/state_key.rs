//! Checks what a peer says of a key of the state, for whoever has verified the Final proof of the block.
//!
//! In: a [`StateKey`] with its proof from anybody, the block's proof, which [`crate::block_proof::verify`]
//! found to hold, and the key that was asked for. Out: the key's value after that block, or `LC3318`.
//! Nothing is asked over a network. Deliberately not here: the JSON form (`host-web`), the rule of
//! hashing (`host_types::state_proof`).

use host_rpc::gateway::ProofView;
use host_types::{Code, Rejection, ScoreName};
use host_web::state_key::StateKey;

fn refused(message: impl Into<String>) -> Rejection {
    Rejection::new(Code::StateProofWrong, message)
}

/// The value of a SCORE's key after the block; none when the key was not there.
///
/// # Errors
/// `LC3318` when the document is about another key or block, has no proof, or its proof does not hold.
pub fn verify<'a>(
    told: &'a StateKey,
    block: &ProofView,
    score: &ScoreName,
    key: &[u8],
) -> Result<Option<&'a [u8]>, Rejection> {
    let (answer, header) = (&told.answer, &block.header);
    if (&told.score, told.key.as_slice()) != (score, key) {
        return Err(refused("it is about another key than the one asked for"));
    }
    if told.channel != block.channel
        || (answer.height, answer.block) != (header.height, header.id())
        || answer.state_root != block.roots.state
    {
        let message = format!("it is not about the state after block {}", header.height);
        return Err(refused(message));
    }
    let Some(proof) = &answer.proof else {
        return Err(refused("it has no proof: ask with `proof=true`"));
    };
    let value = answer.value.as_deref();
    if !proof.verify(block.roots.state, score, key, value) {
        let message = format!("the proof does not show that value after block {}", header.height);
        return Err(refused(message));
    }
    Ok(value)
}
