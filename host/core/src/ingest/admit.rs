//! The checks of a transaction that need no history, in the order of their cost: form, channel,
//! expiry, signer and role, then all signatures of a batch together. Every transaction passes here
//! exactly once per node.

use host_identity::batch::{Item, verify_batch};
use host_identity::membership::{Action, Membership};

use super::registration::{may_register, may_send_system, registering};
use host_types::genesis::{ChannelLimits, Policies};
use host_types::{
    Address, BlockTime, Code, GenesisHash, RawTx, Rejection, SignedTransaction, TxId,
};
use std::sync::Arc;

/// What is known of the channel when transactions come in.
#[derive(Clone, Debug)]
pub struct AdmitContext {
    /// The channel.
    pub genesis: GenesisHash,
    /// Its limits.
    pub limits: ChannelLimits,
    /// Its policies.
    pub policies: Policies,
    /// Its members as of the last final block.
    pub membership: Arc<Membership>,
    /// Time of the last final block.
    pub block_time: BlockTime,
    /// This node's clock; only used to see what expires before it could be proposed.
    pub wall: BlockTime,
}

/// A transaction whose form, channel, signer, role and signature are checked. Only [`admit`] makes
/// one.
#[derive(Clone, Debug)]
pub struct AdmittedTx {
    transaction: Arc<SignedTransaction>,
    signer: Address,
}

impl AdmittedTx {
    /// The transaction.
    #[must_use]
    pub const fn transaction(&self) -> &Arc<SignedTransaction> {
        &self.transaction
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> TxId {
        self.transaction.id()
    }

    /// Address of the signer.
    #[must_use]
    pub const fn signer(&self) -> Address {
        self.signer
    }
}

/// A transaction that asks to be admitted.
#[derive(Clone, Debug)]
pub enum Offered {
    /// As a peer told it.
    Raw(RawTx),
    /// Its form was checked where it came in.
    Decoded(Arc<SignedTransaction>),
}

impl Offered {
    fn size(&self) -> usize {
        match self {
            Self::Raw(raw) => raw.0.len(),
            Self::Decoded(tx) => tx.size(),
        }
    }

    fn decoded(&self) -> Result<Arc<SignedTransaction>, Refused> {
        let raw = match self {
            Self::Raw(raw) => raw,
            Self::Decoded(tx) => return Ok(Arc::clone(tx)),
        };
        SignedTransaction::decode(raw).map(Arc::new).map_err(|error| {
            let message = format!("not a canonical transaction: {error}");
            (None, Rejection::new(Code::TxMalformed, message))
        })
    }
}

/// A transaction that was refused: its id when it had one, and why.
pub type Refused = (Option<TxId>, Rejection);

/// Admits a batch; answers in the order of the input.
#[must_use]
pub fn admit(offered: &[Offered], context: &AdmitContext) -> Vec<Result<AdmittedTx, Refused>> {
    check_all(offered, context, check_expiry)
}

/// Admits bodies that were fetched for a block. Whether they had expired is a matter between them and
/// that block (`vote::validate`): by this node's clock they may have, and a node that is late must
/// still be able to vote for it.
#[must_use]
pub fn admit_bodies(
    offered: &[Offered],
    context: &AdmitContext,
) -> Vec<Result<AdmittedTx, Refused>> {
    check_all(offered, context, |_, _| Ok(()))
}

/// One more check of a transaction.
type Check = fn(&SignedTransaction, &AdmitContext) -> Result<(), Rejection>;

fn check_all(
    offered: &[Offered],
    context: &AdmitContext,
    check: Check,
) -> Vec<Result<AdmittedTx, Refused>> {
    let verdicts: Vec<_> = offered.iter().map(|one| screen(one, context, check)).collect();
    let items: Vec<Item<'_>> = verdicts
        .iter()
        .flatten()
        .map(|(tx, signer)| Item {
            public_key: signer.key,
            message: tx.signing_message().into(),
            signature: *tx.signature(),
        })
        .collect();
    let mut right = verify_batch(&items).into_iter();
    drop(items);
    verdicts.into_iter().map(|verdict| finish(verdict?, &mut right)).collect()
}

/// The key that a signature has to verify under, and its address.
#[derive(Clone, Copy, Debug)]
struct Signer {
    key: [u8; 32],
    address: Address,
}

impl Signer {
    fn of_key(key: [u8; 32]) -> Self {
        Self { key, address: Address::of_key(&key) }
    }
}

fn finish(
    (tx, signer): (Arc<SignedTransaction>, Signer),
    right: &mut impl Iterator<Item = bool>,
) -> Result<AdmittedTx, Refused> {
    if right.next() == Some(true) {
        return Ok(AdmittedTx { signer: signer.address, transaction: tx });
    }
    let message = format!("the signature of transaction {} does not verify", tx.id());
    Err((Some(tx.id()), Rejection::new(Code::SignatureWrong, message)))
}

/// Everything but the signature; gives the signer it has to be of.
fn screen(
    offered: &Offered,
    context: &AdmitContext,
    check: Check,
) -> Result<(Arc<SignedTransaction>, Signer), Refused> {
    let size = offered.size() as u64;
    if size > context.limits.tx_bytes {
        let message =
            format!("the transaction has {size} bytes, at most {}", context.limits.tx_bytes);
        return Err((None, Rejection::new(Code::TxTooLarge, message)));
    }
    let tx = offered.decoded()?;
    match check(&tx, context).and_then(|()| screen_decoded(&tx, context)) {
        Ok(signer) => Ok((tx, signer)),
        Err(rejection) => Err((Some(tx.id()), rejection)),
    }
}

fn check_expiry(tx: &SignedTransaction, context: &AdmitContext) -> Result<(), Rejection> {
    let now = context.wall.max(context.block_time).get();
    let expiry = tx.transaction().expiry.get();
    if expiry < now {
        let message = format!("the transaction expired {} us ago", now - expiry);
        return Err(Rejection::new(Code::TxExpired, message));
    }
    if expiry - now > context.limits.expiry_us {
        let message = format!(
            "the expiry is {} us ahead, at most {}",
            expiry - now,
            context.limits.expiry_us
        );
        return Err(Rejection::new(Code::ExpiryTooFar, message));
    }
    Ok(())
}

fn screen_decoded(tx: &SignedTransaction, context: &AdmitContext) -> Result<Signer, Rejection> {
    let body = tx.transaction();
    if body.genesis != context.genesis {
        let message =
            format!("the transaction is for channel {}, this is {}", body.genesis, context.genesis);
        return Err(Rejection::new(Code::WrongChannel, message));
    }
    let at = context.block_time;
    if let Some(certificate) = registering(tx) {
        let certificate = may_register(&context.membership, &body.signer, &certificate, at)?;
        return Ok(Signer::of_key(certificate.signing_key().copied().unwrap_or_default()));
    }
    if body.score.is_system() {
        return may_send_system(&context.membership, &body.signer, at).map(Signer::of_key);
    }
    let member = context.membership.may(&body.signer, Action::Submit, &context.policies, at)?;
    Ok(Signer { key: member.public_key, address: member.address })
}
