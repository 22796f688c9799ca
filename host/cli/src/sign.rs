//! Signing, as every application does it (`host/client`), by an identity of the command line.

use crate::identity::Identity;
use host_client::Signer;
use host_types::ids::CertificateId;

pub(crate) use host_client::Call;

impl Signer for Identity {
    fn certificate_id(&self) -> CertificateId {
        self.certificate.id
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}
