//! One line with which somebody joins: who invites, as whom, into which network, until when.
//!
//! In: those facts and 32 secret bytes. Out: `lcjoin1.` and base64, and the proof that a request for
//! certificates was made by whoever holds the line. The line is as secret as a password until it is
//! used: it gives a certificate in the name it says. It carries the root's fingerprint, so that
//! whoever joins trusts no other root. Not here: which invitations are open (`host/cli`).

use crate::certificate::CertificateError;
use crate::role::Role;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host_types::codec::{CodecError, CodecErrorKind, Reader, Writer};
use host_types::{BlockTime, Code, Domain, Hash32, NetworkId, NodeName};
use zeroize::Zeroizing;

/// Organisations in one invitation.
pub const ORGANISATIONS_MAX: usize = 64;
/// Addresses of radiostations in one invitation.
pub const TARGETS_MAX: usize = 8;
/// One address, bytes: `ORG/NAME@` (130), a DNS name (253) and a port.
const TARGET_BYTES_MAX: usize = 391;
/// The whole line, bytes: 64 organisations with names of 64 bytes, base64.
pub const LINE_BYTES_MAX: usize = 16 * 1024;

const PREFIX: &str = "lcjoin1.";
/// Bytes of the hash at its end that show a slip of the pen.
const CHECK_BYTES: usize = 4;

/// What a newcomer must know of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Its id.
    pub id: NetworkId,
    /// Organisations and fingerprints of their roots.
    pub organisations: Vec<(String, Hash32)>,
    /// `ORG/NAME` of the radiostation; empty when there is none.
    pub radiostation: String,
    /// `host:port` of each radiostation.
    pub targets: Vec<String>,
}

/// An invitation.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Fingerprint of the root of who invites.
    pub root: Hash32,
    /// Whom it invites.
    pub name: NodeName,
    /// In which role.
    pub role: Role,
    /// Until when, by the clock of who invites.
    pub expires: BlockTime,
    /// Known to who invites and who is invited.
    pub secret: [u8; 32],
    /// The network, when it is known.
    pub network: Option<NetworkFacts>,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invitation({} as {})", self.name, self.role)
    }
}

/// Why a line is no invitation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Not one of ours, or damaged.
    #[error("this is no invitation: {0}")]
    Malformed(String),
    /// Its time is over.
    #[error("the invitation of {0} has run out")]
    Expired(NodeName),
    /// Not made by who was invited.
    #[error("the request of {0} was not made with its invitation")]
    ProofWrong(NodeName),
    /// What came with it.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl InvitationError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Certificate(error) => error.code(),
            _ => Code::InvitationWrong,
        }
    }
}

fn malformed(reason: impl ToString) -> InvitationError {
    InvitationError::Malformed(reason.to_string())
}

impl Invitation {
    /// The line.
    #[must_use]
    pub fn to_line(&self) -> Zeroizing<String> {
        let mut w = Writer::default();
        w.array(6);
        w.bytes(self.root.as_bytes());
        w.text(self.name.as_str());
        w.text(self.role.word());
        w.uint(self.expires.get());
        w.bytes(&self.secret);
        match &self.network {
            None => w.null(),
            Some(network) => write_network(&mut w, network),
        }
        let mut bytes = w.into_bytes();
        let check = Domain::Invitation.hash(&[&bytes]);
        bytes.extend(&check.as_bytes()[..CHECK_BYTES]);
        Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads the line.
    ///
    /// # Errors
    /// When it is none of ours or damaged.
    pub fn parse(line: &str) -> Result<Self, InvitationError> {
        let line = line.trim();
        if line.len() > LINE_BYTES_MAX {
            return Err(malformed(format!("it has {} bytes", line.len())));
        }
        let text = line
            .strip_prefix(PREFIX)
            .ok_or_else(|| malformed(format!("it does not begin with `{PREFIX}`")))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(malformed)?;
        let at =
            bytes.len().checked_sub(CHECK_BYTES).ok_or_else(|| malformed("it is too short"))?;
        let (body, check) = bytes.split_at(at);
        if Domain::Invitation.hash(&[body]).as_bytes()[..CHECK_BYTES] != *check {
            return Err(malformed("a part of it is missing or changed"));
        }
        read(body).map_err(malformed)
    }

    /// Proof that who holds this invitation made these requests.
    #[must_use]
    pub fn proof(&self, requests: &[Hash32]) -> Hash32 {
        let mut parts: Vec<&[u8]> = vec![&self.secret];
        parts.extend(requests.iter().map(|digest| digest.as_bytes().as_slice()));
        Domain::Invitation.hash(&parts)
    }

    /// Whether it holds at this time for requests with this proof.
    ///
    /// # Errors
    /// When it ran out, or the proof is of another secret or other requests.
    pub fn check(
        &self,
        requests: &[Hash32],
        proof: &[u8],
        now: BlockTime,
    ) -> Result<(), InvitationError> {
        if self.proof(requests).as_bytes() != proof {
            return Err(InvitationError::ProofWrong(self.name.clone()));
        }
        if now > self.expires {
            return Err(InvitationError::Expired(self.name.clone()));
        }
        Ok(())
    }
}

fn write_network(w: &mut Writer, network: &NetworkFacts) {
    w.array(4);
    w.bytes(network.id.as_bytes());
    w.array(network.organisations.len());
    for (organisation, root) in &network.organisations {
        w.array(2);
        w.text(organisation);
        w.bytes(root.as_bytes());
    }
    w.text(&network.radiostation);
    w.array(network.targets.len());
    network.targets.iter().for_each(|target| w.text(target));
}

fn read(body: &[u8]) -> Result<Invitation, CodecError> {
    let mut r = Reader::new(body);
    r.array(6)?;
    let root = Hash32::new(r.bytes_exact::<32>()?);
    let out_of_range = r.error(CodecErrorKind::OutOfRange);
    let name = NodeName::new(r.text(NodeName::BYTES_MAX)?).ok_or(out_of_range)?;
    let out_of_range = r.error(CodecErrorKind::OutOfRange);
    let role = Role::parse(r.text(NodeName::BYTES_MAX)?).ok_or(out_of_range)?;
    let expires = BlockTime::new(r.uint()?);
    let secret = r.bytes_exact::<32>()?;
    let network = if r.is_null() { None } else { Some(read_network(&mut r)?) };
    r.finish()?;
    Ok(Invitation { root, name, role, expires, secret, network })
}

fn read_network(r: &mut Reader<'_>) -> Result<NetworkFacts, CodecError> {
    r.array(4)?;
    let id = NetworkId::new(Hash32::new(r.bytes_exact::<32>()?));
    let mut organisations = Vec::new();
    for _ in 0..r.array_up_to(ORGANISATIONS_MAX)? {
        r.array(2)?;
        let name = r.text(NodeName::BYTES_MAX)?.to_owned();
        organisations.push((name, Hash32::new(r.bytes_exact::<32>()?)));
    }
    let radiostation = r.text(NodeName::BYTES_MAX)?.to_owned();
    let mut targets = Vec::new();
    for _ in 0..r.array_up_to(TARGETS_MAX)? {
        targets.push(r.text(TARGET_BYTES_MAX)?.to_owned());
    }
    Ok(NetworkFacts { id, organisations, radiostation, targets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            root: Hash32::sha256(b"root"),
            name: NodeName::new("bank-b/peer0").unwrap(),
            role: Role::Validator,
            expires: BlockTime::new(1_000),
            secret: [7; 32],
            network: Some(NetworkFacts {
                id: NetworkId::default(),
                organisations: vec![("bank-b".to_owned(), Hash32::sha256(b"root"))],
                radiostation: "bank-a/radiostation".to_owned(),
                targets: vec!["bank-a.example:7102".to_owned()],
            }),
        }
    }

    #[test]
    fn the_line_reads_back_with_and_without_a_network() {
        for network in [invitation().network, None] {
            let invitation = Invitation { network, ..invitation() };
            let line = invitation.to_line();
            assert!(line.starts_with("lcjoin1.") && !line.contains(char::is_whitespace));
            assert_eq!(Invitation::parse(&format!(" {}\n", line.as_str())).unwrap(), invitation);
        }
    }

    #[test]
    fn every_slip_of_the_pen_is_refused() {
        let line = invitation().to_line();
        for index in 0..line.len() {
            let mut wrong = line.as_bytes().to_vec();
            wrong[index] = if wrong[index] == b'A' { b'B' } else { b'A' };
            let refused = Invitation::parse(&String::from_utf8(wrong).unwrap()).unwrap_err();
            assert_eq!(refused.code(), Code::InvitationWrong, "at {index}");
            assert!(Invitation::parse(&line[..index]).is_err());
        }
    }

    #[test]
    fn a_proof_holds_for_its_requests_until_the_end() {
        let (invitation, requests) = (invitation(), [Hash32::sha256(b"a"), Hash32::sha256(b"b")]);
        let proof = invitation.proof(&requests);
        let check = |requests: &[Hash32], proof: Hash32, now| {
            invitation.check(requests, proof.as_bytes(), BlockTime::new(now)).is_ok()
        };
        assert!(check(&requests, proof, 1_000));
        assert!(!check(&requests, proof, 1_001));
        assert!(!check(&requests[..1], proof, 1));
        let other = Invitation { secret: [8; 32], ..invitation.clone() };
        assert!(!check(&requests, other.proof(&requests), 1));
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert!(!format!("{:?}", invitation()).contains('7'));
    }
}
