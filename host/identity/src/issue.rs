//! What an authority signs for others: certificates for keys it never sees, and revocation lists.
//!
//! In: requests, a role, a scope, a period. Out: certificates and lists as DER. The authority
//! decides the role and the scope; the request only says the name and proves the key. Not here:
//! the record of what was issued (`host/cli`).

use crate::authority::{Authority, AuthorityError, Validity, whole};
use crate::certificate::{Certificate, SIGNING_USAGE_ARCS};
use crate::request::{KeyUse, Request};
use crate::revocation::Revoked;
use crate::role::Role;
use host_types::{BlockTime, ChannelName};
use rcgen::{
    CertificateRevocationListParams, ExtendedKeyUsagePurpose, KeyIdMethod, RevokedCertParams,
    SerialNumber,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// After how long a tool that is not ours should look for a newer list. Ours never call a list too
/// old, because peers would not agree on it.
const NEXT_UPDATE: Duration = Duration::from_secs(30 * 86_400);

impl Authority {
    /// A certificate for the key of a request, in this role whatever the request would like; only
    /// signing certificates have a scope.
    ///
    /// # Errors
    /// A name of another organisation, or the encoder.
    pub fn issue(
        &self,
        request: &Request,
        role: Role,
        scope: Option<&BTreeSet<ChannelName>>,
        validity: Validity,
    ) -> Result<Certificate, AuthorityError> {
        let (scope, hosts, usages) = match request.key_use {
            KeyUse::Signing => {
                let usage = ExtendedKeyUsagePurpose::Other(SIGNING_USAGE_ARCS.to_vec());
                (scope, vec![], vec![usage])
            }
            KeyUse::Tls => (
                None,
                request.hosts.clone(),
                vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth],
            ),
        };
        let mut params = self.leaf_params(&request.name, role, scope, validity, hosts)?;
        params.extended_key_usages = usages;
        let certificate = params.signed_by(request.public_key(), &self.issuer)?;
        Ok(Certificate::parse(certificate.der())?)
    }

    /// A revocation list with this number, as DER.
    ///
    /// # Errors
    /// The encoder.
    pub fn issue_crl(
        &self,
        number: u64,
        now: BlockTime,
        revoked: &[Revoked],
    ) -> Result<Vec<u8>, AuthorityError> {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let entry = |one: &Revoked| RevokedCertParams {
            serial_number: SerialNumber::from_slice(one.serial.as_bytes()),
            revocation_time: epoch + whole(one.at),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: epoch + whole(now),
            next_update: epoch + whole(now) + NEXT_UPDATE,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?.der().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keypair::SigningKey;
    use host_types::NodeName;

    fn request(who: &str, role: Role) -> Request {
        let key = SigningKey::generate().unwrap().to_pkcs8().unwrap();
        let name = NodeName::new(who).unwrap();
        let der = Request::make(&name, role, KeyUse::Signing, &[], &key).unwrap();
        Request::parse(&der).unwrap()
    }

    #[test]
    fn the_authority_decides_role_and_scope() {
        let authority = Authority::new("bank-a", Validity::days_from_now(30)).unwrap();
        let scope = [ChannelName::new("trade").unwrap()].into();
        let issued = authority
            .issue(&request("bank-a/ann", Role::Admin), Role::Auditor, Some(&scope), <_>::default())
            .unwrap();
        assert_eq!((issued.role, issued.scope), (Role::Auditor, Some(scope)));
    }

    #[test]
    fn another_organisation_gets_nothing() {
        let authority = Authority::new("bank-a", Validity::days_from_now(30)).unwrap();
        let refused = authority.issue(
            &request("bank-b/ann", Role::Client),
            Role::Client,
            None,
            <_>::default(),
        );
        assert!(matches!(refused, Err(AuthorityError::WrongOrganisation { .. })));
    }
}
