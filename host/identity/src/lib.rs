//! Keys, certificates, membership and the one signature rule.
//!
//! In: key files, certificates as DER, signatures with the message they claim to cover.
//! Out: members with a role, verdicts that every peer reaches alike, certificates of a dev CA.
//! Deliberately not here: sockets and sessions (`host/rpc`), the sign log and the guard
//! (`host/core`, `host/store`), the local clock: every check takes its time as an argument.
//!
//! Where to look next: [`mod@verify`], [`batch`], [`certificate`], [`membership`], [`authority`],
//! [`request`], [`revocation`].

pub mod authority;
pub mod batch;
pub mod bundle;
pub mod certificate;
pub mod check;
pub mod grant;
pub mod invitation;
pub mod issue;
pub mod keyfile;
pub mod keypair;
pub mod membership;
pub mod password;
pub mod policy;
pub mod request;
pub mod revocation;
pub mod role;
pub mod root;
pub mod verify;

pub use authority::{Authority, AuthorityError, TlsIdentity, Validity};
pub use batch::{Item, Verified, verify_batch};
pub use certificate::{Certificate, CertificateError, CertificateKey};
pub use invitation::Invitation;
pub use keypair::{KeyError, SigningKey};
pub use membership::{Action, Member, Membership};
pub use request::{KeyUse, Request};
pub use revocation::{Crl, CrlError, Revoked, Serial};
pub use role::Role;
pub use root::Root;
pub use verify::{is_weak_key, verify};
