//! Keys of a channel: who signed a transaction, who proposed a block.

use super::identity;
use host_rpc::gateway::Gateway;
use host_types::{CertificateId, ChannelName, NodeName};
use std::collections::BTreeMap;

/// Keys by certificate and by name.
#[derive(Debug, Default)]
pub(super) struct Signers {
    by_certificate: BTreeMap<CertificateId, [u8; 32]>,
    by_name: BTreeMap<NodeName, [u8; 32]>,
}

impl Signers {
    /// The members and validators of a channel; what cannot be asked now stays unknown.
    pub(super) async fn of(gateway: &dyn Gateway, channel: &ChannelName) -> Self {
        let mut signers = Self::default();
        for member in gateway.members(channel, None).await.unwrap_or_default() {
            signers.by_certificate.insert(member.certificate, member.public_key);
            signers.by_name.insert(member.name, member.public_key);
        }
        if let Ok(validators) = gateway.validators(channel).await {
            let keys = validators.all().iter().map(|v| (v.name.clone(), v.public_key));
            signers.by_name.extend(keys);
        }
        signers
    }

    /// Key of a certificate.
    pub(super) fn key(&self, certificate: &CertificateId) -> Option<&[u8; 32]> {
        self.by_certificate.get(certificate)
    }

    /// `peer_id` of a certificate; empty when it is not known.
    pub(super) fn peer_id(&self, certificate: &CertificateId) -> String {
        self.key(certificate).map(identity::peer_id).unwrap_or_default()
    }

    /// `peer_id` of a validator; empty when it is not known.
    pub(super) fn peer_id_of(&self, name: Option<&NodeName>) -> String {
        name.and_then(|name| self.by_name.get(name)).map(identity::peer_id).unwrap_or_default()
    }
}
