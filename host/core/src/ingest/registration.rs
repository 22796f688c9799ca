//! Who may send a system transaction, and who may register.
//!
//! System transactions are judged by what they ask for (only validators approve, and so on), not by
//! the channel's `submit` policy; every member but an auditor or a radiostation may send one. A certificate that is
//! no member yet may register itself: it signs with the key it carries.

use host_identity::{Action, Certificate, Membership, Role};
use host_types::change::SystemCall;
use host_types::{BlockTime, CertificateId, Code, Rejection, SignedTransaction};

/// The certificate that a `system.register` carries; none for anything else.
#[must_use]
pub fn registering(tx: &SignedTransaction) -> Option<Vec<u8>> {
    let body = tx.transaction();
    if !body.score.is_system() || body.method != "register" {
        return None;
    }
    match SystemCall::decode(&body.method, &body.args) {
        Ok(Some(SystemCall::Register { certificate })) => Some(certificate),
        _ => None,
    }
}

/// The parsed certificate when `signer` may register it at this block time.
///
/// # Errors
/// When it is not the signer's own, a radiostation's, not a signing certificate, or not trusted by the channel.
pub fn may_register(
    membership: &Membership,
    signer: &CertificateId,
    der: &[u8],
    at: BlockTime,
) -> Result<Certificate, Rejection> {
    let certificate = Certificate::parse(der)
        .map_err(|error| Rejection::new(error.code(), format!("the certificate: {error}")))?;
    if certificate.id != *signer {
        let message = format!("certificate {} must sign its own registration", certificate.id);
        return Err(Rejection::new(Code::SignatureWrong, message));
    }
    if certificate.role == Role::RadioStation {
        let message =
            format!("{} is a radiostation, which is member of no channel", certificate.name);
        return Err(Rejection::new(Code::RoleRefused, message));
    }
    if certificate.signing_key().is_none() {
        let message = format!("{} is not a signing certificate", certificate.id);
        return Err(Rejection::new(Code::CertificateUsageWrong, message));
    }
    membership
        .check_path(&certificate, at)
        .map_err(|error| Rejection::new(error.code(), error.to_string()))?;
    Ok(certificate)
}

/// The key of a member that may send system transactions at this block time.
///
/// # Errors
/// When it is no member, its certificate is not valid then, or its role may send none.
pub fn may_send_system(
    membership: &Membership,
    signer: &CertificateId,
    at: BlockTime,
) -> Result<[u8; 32], Rejection> {
    Ok(membership.holder(signer, Action::System, at)?.public_key)
}
