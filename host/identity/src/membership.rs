//! Who may do what on a channel: the certificates it knows and the policies they are judged by.
//!
//! In: the genesis, then certificates in block order. Out: a [`Member`], or a coded refusal. A
//! plain value without clock or randomness: every peer that applied the same blocks holds the same
//! one, and every check takes block time. Not here: the signature of the transaction
//! ([`crate::batch`]), how `register` executes (`host/core/src/system`).

use crate::certificate::{Certificate, CertificateError};
use crate::policy;
use crate::revocation::Serial;
use crate::role::Role;
use crate::root::Root;
use host_types::change::Change;
use host_types::genesis::{ChannelGenesis, Policies, Policy};
use host_types::{
    Address, BlockTime, CertificateId, ChannelName, Code, Hash32, NodeName, Rejection,
};
use std::collections::{BTreeMap, BTreeSet};

/// Certificates of one channel. More: refused; expired ones can then be revoked.
pub const MEMBERS_MAX: usize = 100_000;

/// Why a certificate does not become a member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The certificate itself.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A genesis names a root and does not carry it.
    #[error("the genesis carries no certificate for root {fingerprint} of {organisation}")]
    RootMissing {
        /// Whose root.
        organisation: String,
        /// SHA-256 of it.
        fingerprint: Hash32,
    },
    /// The organisation is none of the channel's, or another root certified the name.
    #[error("no root of organisation {organisation} on this channel certified {name}")]
    OrganisationUnknown {
        /// Who asks.
        name: NodeName,
        /// Its organisation.
        organisation: String,
    },
    /// A TLS certificate.
    #[error("the certificate of {0} is for TLS: register its signing certificate")]
    NotForSigning(NodeName),
    /// Limited to other channels.
    #[error("the certificate of {name} is not for channel {channel}")]
    OutOfScope {
        /// Who asks.
        name: NodeName,
        /// The channel.
        channel: ChannelName,
    },
    /// The key belongs to another name.
    #[error("the key of {name} is already that of {holder}")]
    KeyTaken {
        /// Who asks.
        name: NodeName,
        /// Who holds it.
        holder: NodeName,
    },
    /// It was revoked.
    #[error("the certificate of {0} was revoked")]
    Revoked(NodeName),
    /// The channel is full.
    #[error("the channel has {MEMBERS_MAX} certificates, the most it can hold")]
    Full,
}

impl MembershipError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Certificate(error) => error.code(),
            Self::KeyTaken { .. } | Self::Full => Code::SystemRefused,
            Self::RootMissing { .. } | Self::OrganisationUnknown { .. } => {
                Code::CertificateUntrusted
            }
            Self::NotForSigning(_) => Code::CertificateUsageWrong,
            Self::OutOfScope { .. } => Code::CertificateScopeWrong,
            Self::Revoked(_) => Code::CertificateRevoked,
        }
    }
}

impl From<MembershipError> for Rejection {
    fn from(error: MembershipError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a transaction.
    Submit,
    /// Read blocks and transactions.
    Read,
    /// Query a SCORE.
    Query,
    /// Propose or approve a `deploy` change.
    Deploy,
    /// Propose or approve a `configure` change.
    Configure,
    /// Propose or approve a `freeze` or `unfreeze` change.
    Admin,
    /// Read recorded evidence.
    Audit,
    /// Send a system transaction of any kind; what it asks for has rules of its own besides.
    System,
    /// Open a session as a node of the channel: receive blocks, deliver messages.
    Session,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Submit,
        Self::System,
        Self::Query,
        Self::Read,
        Self::Deploy,
        Self::Configure,
        Self::Admin,
        Self::Audit,
        Self::Session,
    ];

    /// What somebody does who approves a change: the policy of this decides about it.
    #[must_use]
    pub const fn deciding(change: &Change) -> Self {
        match change {
            Change::Deploy(_) => Self::Deploy,
            Change::Configure(_) | Change::Revoke { .. } => Self::Configure,
            Change::Freeze { .. } | Change::Unfreeze { .. } => Self::Admin,
        }
    }

    /// The policy that says who may; where the role alone decides, it is open to anyone.
    #[must_use]
    pub const fn policy(self, policies: &Policies) -> &Policy {
        match self {
            Self::Submit => &policies.submit,
            Self::Read => &policies.read,
            Self::Query => &policies.query,
            Self::Deploy => &policies.deploy,
            Self::Configure => &policies.configure,
            Self::Admin => policies.admin(),
            Self::Audit => policies.audit(),
            Self::System | Self::Session => &Policy::Anyone,
        }
    }

    /// Whether a policy may open it to a role at all: an auditor changes nothing, a radiostation
    /// has no business on a channel, and only nodes follow one.
    #[must_use]
    pub const fn is_open_to(self, role: Role) -> bool {
        match (self, role) {
            (_, Role::RadioStation) => false,
            (Self::Session, _) => role.is_node(),
            (Self::Read | Self::Query | Self::Audit, _) => true,
            (_, Role::Auditor) => false,
            _ => true,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Submit => "send transactions",
            Self::Read => "read blocks",
            Self::Query => "query SCOREs",
            Self::Deploy => "deploy SCOREs",
            Self::Configure => "configure the channel",
            Self::System => "send system transactions",
            Self::Session => "follow the channel as a node",
            Self::Admin => "freeze SCOREs",
            Self::Audit => "read evidence",
        }
    }
}

/// A registered certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub public_key: [u8; 32],
    /// Address of its key: the caller that SCOREs see.
    pub address: Address,
    /// Fingerprint of the root that certified it.
    pub root: Hash32,
}

impl Member {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &NodeName {
        &self.certificate.name
    }

    /// Its role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.certificate.role
    }

    /// Id of its certificate.
    #[must_use]
    pub const fn id(&self) -> CertificateId {
        self.certificate.id
    }
}

/// The certificates a channel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    channel: ChannelName,
    roots: Vec<Root>,
    organisations: BTreeSet<(String, Hash32)>,
    members: BTreeMap<CertificateId, Member>,
    ids_by_name: BTreeMap<NodeName, BTreeSet<CertificateId>>,
    names_by_address: BTreeMap<Address, NodeName>,
    revoked: BTreeSet<(Hash32, Serial)>,
}

impl Membership {
    /// The members at height 0. The genesis carries its roots among its certificates, where they
    /// are known by the fingerprints it names; every other one becomes a member.
    ///
    /// # Errors
    /// When a root is missing or a certificate is not fit to be a member.
    pub fn from_genesis(genesis: &ChannelGenesis) -> Result<Self, MembershipError> {
        let mut membership = Self {
            channel: genesis.channel.clone(),
            roots: Vec::new(),
            organisations: genesis.roots.iter().cloned().collect(),
            members: BTreeMap::new(),
            ids_by_name: BTreeMap::new(),
            names_by_address: BTreeMap::new(),
            revoked: BTreeSet::new(),
        };
        let fingerprints: BTreeSet<Hash32> = genesis.roots.iter().map(|(_, root)| *root).collect();
        let (roots, members): (Vec<_>, Vec<_>) = genesis
            .certificates
            .iter()
            .partition(|der| fingerprints.contains(&Hash32::sha256(der)));
        membership.roots = roots.iter().map(|der| Root::from_der(der)).collect::<Result<_, _>>()?;
        membership.check_roots_present()?;
        for der in members {
            membership.add(Certificate::parse(der)?, genesis.created)?;
        }
        Ok(membership)
    }

    fn check_roots_present(&self) -> Result<(), MembershipError> {
        let missing = self
            .organisations
            .iter()
            .find(|(_, wanted)| self.roots.iter().all(|root| root.fingerprint() != *wanted));
        match missing {
            None => Ok(()),
            Some((organisation, fingerprint)) => Err(MembershipError::RootMissing {
                organisation: organisation.clone(),
                fingerprint: *fingerprint,
            }),
        }
    }

    /// Takes a certificate into the membership at block time `at`; a second time changes nothing.
    /// That its holder asked for it the caller has checked.
    ///
    /// # Errors
    /// When it does not chain to a root of its organisation at that time, is not a signing
    /// certificate of this channel, was revoked, or its key belongs to another name.
    pub fn add(
        &mut self,
        certificate: Certificate,
        at: BlockTime,
    ) -> Result<&Member, MembershipError> {
        let name = certificate.name.clone();
        let Some(public_key) = certificate.signing_key().copied() else {
            return Err(MembershipError::NotForSigning(name));
        };
        let address = Address::of_key(&public_key);
        let root = self.check_new(&certificate, address, at)?;
        let id = certificate.id;
        self.ids_by_name.entry(name.clone()).or_default().insert(id);
        self.names_by_address.insert(address, name);
        Ok(self.members.entry(id).or_insert(Member { certificate, public_key, address, root }))
    }

    /// Takes a certificate that the channel's state at block time `tip` holds. It was checked when it came:
    /// whatever has run out since, it or the root above it, it is a member still, as it is on a node that
    /// did not restart.
    ///
    /// # Errors
    /// As of [`Membership::add`], when it was never one that could be added.
    pub fn restore(
        &mut self,
        certificate: &Certificate,
        tip: BlockTime,
    ) -> Result<(), MembershipError> {
        let last = tip.min(certificate.not_after);
        let ends = self.roots.iter().map(Root::not_after).filter(|end| *end < last);
        let mut moments: Vec<BlockTime> = ends.chain([last]).collect();
        moments.sort_unstable_by_key(|at| std::cmp::Reverse(*at));
        moments.dedup();
        let mut tried = moments.into_iter().map(|at| self.add(certificate.clone(), at).map(drop));
        let first = tried.next().unwrap_or(Ok(()));
        // What is wrong at the last moment says most.
        first.or_else(|why| tried.find(Result::is_ok).unwrap_or(Err(why)))
    }

    fn check_new(
        &self,
        certificate: &Certificate,
        address: Address,
        at: BlockTime,
    ) -> Result<Hash32, MembershipError> {
        let name = &certificate.name;
        if !certificate.covers(&self.channel) {
            let channel = self.channel.clone();
            return Err(MembershipError::OutOfScope { name: name.clone(), channel });
        }
        if let Some(holder) = self.names_by_address.get(&address).filter(|holder| *holder != name) {
            let holder = holder.clone();
            return Err(MembershipError::KeyTaken { name: name.clone(), holder });
        }
        if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&certificate.id) {
            return Err(MembershipError::Full);
        }
        let root = self.check_path(certificate, at)?;
        if self.revoked.contains(&(root, certificate.serial.clone())) {
            return Err(MembershipError::Revoked(name.clone()));
        }
        Ok(root)
    }

    /// Fingerprint of the root that its organisation has on this channel and that certified it.
    ///
    /// # Errors
    /// When it does not, or is not valid at that time.
    pub fn check_path(
        &self,
        certificate: &Certificate,
        at: BlockTime,
    ) -> Result<Hash32, MembershipError> {
        let organisation = certificate.organisation();
        let roots: Vec<Root> = self
            .roots
            .iter()
            .filter(|root| {
                self.organisations.contains(&(organisation.to_owned(), root.fingerprint()))
            })
            .cloned()
            .collect();
        if roots.is_empty() {
            return Err(MembershipError::OrganisationUnknown {
                name: certificate.name.clone(),
                organisation: organisation.to_owned(),
            });
        }
        Ok(certificate.verify_path(&roots, at)?.fingerprint())
    }

    /// Takes certificates back, by root and serial number, in the place of what was taken back
    /// before. Nobody ceases to be a member: its name and its address stay taken.
    pub fn set_revoked(&mut self, revoked: BTreeSet<(Hash32, Serial)>) {
        self.revoked = revoked;
    }

    /// What was taken back.
    #[must_use]
    pub const fn revoked(&self) -> &BTreeSet<(Hash32, Serial)> {
        &self.revoked
    }

    fn is_revoked(&self, member: &Member) -> bool {
        let serial = &member.certificate.serial;
        !self.revoked.is_empty() && self.revoked.contains(&(member.root, serial.clone()))
    }

    /// The member with this certificate.
    #[must_use]
    pub fn get(&self, id: &CertificateId) -> Option<&Member> {
        self.members.get(id)
    }

    /// All members, by id of their certificates.
    pub fn all(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The newest certificate of a name: `ORG/NAME`, or `NAME` where only one organisation has it.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Member> {
        let full = match NodeName::new(name) {
            Some(full) => full,
            None => self.only_full_name(name)?,
        };
        self.ids_by_name
            .get(&full)?
            .iter()
            .filter_map(|id| self.members.get(id))
            .filter(|member| !self.is_revoked(member))
            .max_by_key(|member| (member.certificate.not_before, member.id()))
    }

    fn only_full_name(&self, short: &str) -> Option<NodeName> {
        let mut found =
            self.ids_by_name.iter().filter(|(name, ids)| name.short() == short && !ids.is_empty());
        match (found.next(), found.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            _ => None,
        }
    }

    /// The roots of the channel.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The member behind a certificate id when it may do something at block time `at`.
    ///
    /// # Errors
    /// A coded refusal: `SignerUnknown`, `CertificateRevoked`, `CertificateExpired`,
    /// `AuditorSubmits`, `RoleRefused`.
    pub fn may(
        &self,
        id: &CertificateId,
        action: Action,
        policies: &Policies,
        at: BlockTime,
    ) -> Result<&Member, Rejection> {
        let member = self.holder(id, action, at)?;
        let policy = action.policy(policies);
        let (name, role) = (member.name(), member.role());
        if policy::admits(policy, role, member.certificate.organisation()) {
            return Ok(member);
        }
        let message =
            format!("{name} is {role} and may not {}: the channel wants {policy}", action.words());
        Err(Rejection::new(Code::RoleRefused, message))
    }

    /// The member behind a certificate id when its role is one that may do something at block time
    /// `at` at all; the channel's policy is asked by [`Membership::may`].
    ///
    /// # Errors
    /// As [`Membership::may`].
    pub fn holder(
        &self,
        id: &CertificateId,
        action: Action,
        at: BlockTime,
    ) -> Result<&Member, Rejection> {
        let channel = &self.channel;
        let member = self.members.get(id).ok_or_else(|| {
            let message = format!("certificate {id} is not registered on channel {channel}");
            Rejection::new(Code::SignerUnknown, message)
        })?;
        if self.is_revoked(member) {
            let message = format!("certificate {id} was revoked on channel {channel}");
            return Err(Rejection::new(Code::CertificateRevoked, message));
        }
        let certificate = &member.certificate;
        certificate
            .check_period(at)
            .map_err(|error| Rejection::new(error.code(), error.to_string()))?;
        let (name, role) = (&certificate.name, certificate.role);
        if !action.is_open_to(role) {
            let message = format!("{name} is a {role} and may not {}", action.words());
            let is_auditor = role == Role::Auditor && action != Action::Session;
            let code = if is_auditor { Code::AuditorSubmits } else { Code::RoleRefused };
            return Err(Rejection::new(code, message));
        }
        Ok(member)
    }
}

#[cfg(test)]
#[path = "membership_tests.rs"]
mod tests;
