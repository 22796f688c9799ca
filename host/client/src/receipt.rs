//! Checks portable receipts, for whoever trusts nothing but a genesis hash or the roots of organisations.
//!
//! In: a [`ReceiptView`] from anybody, what is trusted and the rules. Out: what it shows, or the first
//! part that is wrong, by its code. Nothing is asked over a network. Revocation lists are not looked at:
//! whether the signer's certificate was taken back the validators judged when they executed the block, and
//! their result is what is proved. Deliberately not here: making one (`host-node`), the JSON form
//! (`host-web`), files and words for people (the command line).

use crate::block_proof::{Proven, Rules, verify_from};
use host_identity::{Certificate, Membership, Role, verify as verify_signature};
use host_rpc::gateway::ReceiptView;
use host_types::genesis::ChannelGenesis;
use host_types::{Code, Domain, Encode, GenesisHash, Hash32, NodeName, Rejection};

/// What somebody has from elsewhere than the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The hash of the channel's genesis.
    Genesis(GenesisHash),
    /// SHA-256 of the root certificates of all organisations of the channel: its members are those
    /// whom they certified.
    Roots(Vec<Hash32>),
}

/// What a receipt shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Who signed the transaction.
    pub signer: NodeName,
    /// In which role.
    pub role: Role,
    /// By which weight its block is final.
    pub proven: Proven,
}

fn refused(code: Code, message: impl Into<String>) -> Rejection {
    Rejection::new(code, message)
}

/// Checks a receipt, from what is trusted to the result: genesis, epochs, Final proof, place of the
/// transaction, its result, its certificate, its signature.
///
/// # Errors
/// The code of the first part that is wrong: `LC3312`, `LC3317`, `LC3302`, `LC3315`, `LC3316`,
/// `LC3314`, `LC3313`; `LC6101` when a rule is not here or does not take its epoch.
pub fn verify(view: &ReceiptView, trust: &Trust, rules: Rules<'_>) -> Result<Shown, Rejection> {
    let membership = check_genesis(&view.genesis, trust)?;
    let proven = verify_from(&view.proof, &view.genesis, rules, Code::ReceiptEpochs)?;
    check_place(view)?;
    check_result(view)?;
    let certificate = check_certificate(view, &membership)?;
    check_signature(view, &certificate)?;
    Ok(Shown { signer: certificate.name, role: certificate.role, proven })
}

/// The members of a genesis, when it is the trusted one or made by those who are trusted.
///
/// # Errors
/// `LC3312`.
pub fn check_genesis(genesis: &ChannelGenesis, trust: &Trust) -> Result<Membership, Rejection> {
    let untrusted = |message: String| refused(Code::ReceiptUntrusted, message);
    let hash = genesis.hash();
    if let Trust::Genesis(trusted) = trust
        && hash != *trusted
    {
        return Err(untrusted(format!("the receipt is of genesis {hash}, not {trusted}")));
    }
    let membership = Membership::from_genesis(genesis)
        .map_err(|error| untrusted(format!("the genesis in the receipt: {error}")))?;
    if let Trust::Roots(trusted) = trust {
        check_roots(genesis, &membership, trusted)?;
    }
    Ok(membership)
}

/// Somebody who knows the organisations needs no hash: every root is known, and every validator is
/// one that a root certified in that role.
fn check_roots(
    genesis: &ChannelGenesis,
    membership: &Membership,
    trusted: &[Hash32],
) -> Result<(), Rejection> {
    if let Some((organisation, root)) =
        genesis.roots.iter().find(|(_, root)| !trusted.contains(root))
    {
        let message = format!("the root SHA256:{root} of {organisation} is not trusted");
        return Err(refused(Code::ReceiptUntrusted, message));
    }
    let is_certified = |name: &NodeName, key: &[u8; 32]| {
        membership.all().any(|member| {
            member.name() == name && member.public_key == *key && member.role() == Role::Validator
        })
    };
    let mut validators = genesis.validators.all().iter();
    match validators.find(|one| !is_certified(&one.name, &one.public_key)) {
        None => Ok(()),
        Some(one) => {
            let message = format!("no root certified {} as a validator under its key", one.name);
            Err(refused(Code::ReceiptUntrusted, message))
        }
    }
}

fn check_place(view: &ReceiptView) -> Result<(), Rejection> {
    let (header, place) = (&view.proof.header, &view.included);
    let id = view.transaction.id();
    let fits = place.leaves == u64::from(header.tx_count)
        && place.verify(Domain::TxRoot, id.as_bytes(), header.tx_root);
    if fits {
        return Ok(());
    }
    let (index, height) = (place.index, header.height);
    let message = format!("transaction {id} does not stand at place {index} of block {height}");
    Err(refused(Code::ReceiptNotIncluded, message))
}

fn check_result(view: &ReceiptView) -> Result<(), Rejection> {
    let (place, result) = (&view.included, &view.resulted);
    let fits = (place.index, place.leaves) == (result.index, result.leaves)
        && result.verify(Domain::ReceiptRoot, &view.receipt.to_bytes(), view.proof.roots.receipts);
    if fits {
        return Ok(());
    }
    let height = view.proof.header.height;
    let message =
        format!("block {height} has another result for the transaction at place {}", place.index);
    Err(refused(Code::ReceiptResult, message))
}

fn check_certificate(
    view: &ReceiptView,
    membership: &Membership,
) -> Result<Certificate, Rejection> {
    let wrong = |message: String| refused(Code::ReceiptCertificate, message);
    let certificate = Certificate::parse(&view.certificate)
        .map_err(|error| wrong(format!("the certificate in the receipt: {error}")))?;
    let signer = view.transaction.transaction().signer;
    if certificate.id != signer {
        let message = format!("the transaction names certificate {signer}, not {}", certificate.id);
        return Err(wrong(message));
    }
    let at = view.proof.header.time;
    membership.check_path(&certificate, at).map_err(|error| wrong(error.to_string()))?;
    if !certificate.covers(&view.genesis.channel) {
        return Err(wrong(format!("{} is limited to other channels", certificate.name)));
    }
    Ok(certificate)
}

fn check_signature(view: &ReceiptView, certificate: &Certificate) -> Result<(), Rejection> {
    let (tx, hash) = (&view.transaction, view.genesis.hash());
    let body = tx.transaction();
    let name = &certificate.name;
    if body.genesis != hash {
        let message = format!("the transaction is for genesis {}, not {hash}", body.genesis);
        return Err(refused(Code::ReceiptSignature, message));
    }
    let is_signed = certificate
        .signing_key()
        .is_some_and(|key| verify_signature(key, &tx.signing_message(), tx.signature()));
    if is_signed {
        return Ok(());
    }
    Err(refused(Code::ReceiptSignature, format!("{name} did not sign transaction {}", tx.id())))
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
