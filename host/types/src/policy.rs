//! Who may do what on a channel, as it stands in the genesis and in the configuration of an epoch.
//!
//! In and out: a [`Policy`] and the [`Policies`] of a channel, and their bytes. Forms that a release
//! before did not know are encoded so that it refuses them; those it knew keep their bytes for ever
//! (`tests/golden`). Deliberately not here: words that people write and whom they admit
//! (`host-identity`), counting approvals (`host/core/src/system`).

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::grant::Grant;
use crate::limits::{GRANTS_MAX, PARAMETERS_MAX, TEXT_BYTES_MAX};
use std::fmt;

/// Who may do something: the parts of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Anybody who can reach the node.
    Anyone,
    /// Roles, each of any organisation or of one (`client`, `client@bank-a`).
    Roles(Vec<String>),
    /// Validators of weight q.
    Quorum,
    /// Members of so many organisations, each counted once. Only where something is decided: one
    /// transaction has one signer.
    Organisations {
        /// How many must agree; at least 1.
        of: u16,
        /// Roles that speak for their organisation, as in [`Policy::Roles`].
        from: Vec<String>,
    },
}

/// In one line, as people write it.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("*"),
            Self::Quorum => f.write_str("quorum"),
            Self::Roles(roles) => f.write_str(&roles.join(", ")),
            Self::Organisations { of, from } => {
                let word = if *of == 1 { "organisation" } else { "organisations" };
                write!(f, "{of} {word} of {}", from.join(", "))
            }
        }
    }
}

impl Policy {
    const fn is_new(&self) -> bool {
        matches!(self, Self::Organisations { .. })
    }
}

/// The policies of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Who may send transactions.
    pub submit: Policy,
    /// Who may read blocks and transactions.
    pub read: Policy,
    /// Who may query SCOREs.
    pub query: Policy,
    /// What accepts a `deploy` change.
    pub deploy: Policy,
    /// What accepts a `configure` change.
    pub configure: Policy,
    /// Whether a peer may sign for clients of the old REST interface.
    pub v1_gateway: bool,
    /// Who may read recorded evidence; none: as `read`.
    pub audit: Option<Policy>,
    /// What accepts a `freeze` or `unfreeze` change; none: as `deploy`.
    pub admin: Option<Policy>,
    /// What auditors may read besides; in the order in which people wrote it.
    pub grants: Vec<Grant>,
}

impl Policies {
    /// Who may read recorded evidence.
    #[must_use]
    pub const fn audit(&self) -> &Policy {
        match &self.audit {
            Some(policy) => policy,
            None => &self.read,
        }
    }

    /// What accepts a `freeze` or `unfreeze` change.
    #[must_use]
    pub const fn admin(&self) -> &Policy {
        match &self.admin {
            Some(policy) => policy,
            None => &self.deploy,
        }
    }

    /// Every policy with the name that people write.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, &Policy); 7] {
        [
            ("submit", &self.submit),
            ("read", &self.read),
            ("query", &self.query),
            ("deploy", &self.deploy),
            ("configure", &self.configure),
            ("audit", self.audit()),
            ("admin", self.admin()),
        ]
    }

    /// Whether it says something that releases before k of n could not read.
    pub(crate) fn is_new(&self) -> bool {
        self.audit.is_some()
            || self.admin.is_some()
            || !self.grants.is_empty()
            || self.all().iter().any(|(_, policy)| policy.is_new())
    }
}

impl Encode for Policy {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Anyone => w.uint(0),
            Self::Quorum => w.uint(1),
            Self::Roles(roles) => encode_texts(roles, w),
            Self::Organisations { of, from } => {
                w.array(2);
                w.uint(u64::from(*of));
                encode_texts(from, w);
            }
        }
    }
}

impl Decode<'_> for Policy {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        match r.clone().uint() {
            Ok(0) => return r.uint().map(|_| Self::Anyone),
            Ok(1) => return r.uint().map(|_| Self::Quorum),
            Ok(_) => return Err(error),
            Err(_) => {}
        }
        let mut items = r.clone();
        let is_counted = items.array_up_to(PARAMETERS_MAX)? == 2 && items.uint().is_ok();
        if !is_counted {
            return decode_texts(r).map(Self::Roles);
        }
        r.array(2)?;
        match r.uint_as()? {
            0 => Err(error),
            of => Ok(Self::Organisations { of, from: decode_texts(r)? }),
        }
    }
}

fn encode_texts(texts: &[String], w: &mut Writer) {
    w.array(texts.len());
    for text in texts {
        w.text(text);
    }
}

fn decode_texts(r: &mut Reader<'_>) -> Result<Vec<String>, CodecError> {
    let len = r.array_up_to(PARAMETERS_MAX)?;
    (0..len).map(|_| r.text(TEXT_BYTES_MAX).map(str::to_owned)).collect()
}

/// Before there were `audit` and `admin`.
const FIELDS: usize = 6;
const FIELDS_WITH_BOTH: usize = 8;
const FIELDS_WITH_GRANTS: usize = 9;

impl Encode for Policies {
    fn encode(&self, w: &mut Writer) {
        let has_grants = !self.grants.is_empty();
        let has_more = has_grants || self.audit.is_some() || self.admin.is_some();
        w.array(match (has_grants, has_more) {
            (true, _) => FIELDS_WITH_GRANTS,
            (false, true) => FIELDS_WITH_BOTH,
            (false, false) => FIELDS,
        });
        self.submit.encode(w);
        self.read.encode(w);
        self.query.encode(w);
        self.deploy.encode(w);
        self.configure.encode(w);
        w.bool(self.v1_gateway);
        if has_more {
            w.option(self.audit.as_ref());
            w.option(self.admin.as_ref());
        }
        if has_grants {
            w.list(&self.grants);
        }
    }
}

impl Decode<'_> for Policies {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let arity = r.error(CodecErrorKind::WrongArity);
        let fields = r.array_up_to(FIELDS_WITH_GRANTS)?;
        let mut policies = Self {
            submit: Policy::decode(r)?,
            read: Policy::decode(r)?,
            query: Policy::decode(r)?,
            deploy: Policy::decode(r)?,
            configure: Policy::decode(r)?,
            v1_gateway: r.bool()?,
            audit: None,
            admin: None,
            grants: Vec::new(),
        };
        match fields {
            FIELDS => return Ok(policies),
            FIELDS_WITH_BOTH | FIELDS_WITH_GRANTS => {}
            _ => return Err(arity),
        }
        (policies.audit, policies.admin) = (r.option()?, r.option()?);
        // One form for one value.
        let says_more = if fields == FIELDS_WITH_GRANTS {
            policies.grants = r.list(GRANTS_MAX)?;
            !policies.grants.is_empty()
        } else {
            policies.audit.is_some() || policies.admin.is_some()
        };
        if says_more { Ok(policies) } else { Err(arity) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies() -> Policies {
        Policies {
            submit: Policy::Roles(vec!["client".into()]),
            read: Policy::Anyone,
            query: Policy::Anyone,
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: true,
            audit: None,
            admin: None,
            grants: Vec::new(),
        }
    }

    fn grant() -> Grant {
        Grant {
            name: "fss/audit0".into(),
            who: crate::grant::Grantee::parse("fss/audit0").unwrap(),
            root: crate::Hash32::sha256(b"root"),
            scores: Vec::new(),
            keys: Vec::new(),
            from: crate::Height::ZERO,
            to: None,
            until: None,
        }
    }

    #[test]
    fn what_is_not_named_is_that_of_another() {
        let mut policies = policies();
        assert_eq!((policies.audit(), policies.admin()), (&Policy::Anyone, &Policy::Quorum));
        assert!(!policies.is_new());
        policies.admin = Some(Policy::Roles(vec!["admin".into()]));
        assert_eq!(policies.admin(), &Policy::Roles(vec!["admin".into()]));
        assert!(policies.is_new());
    }

    #[test]
    fn every_form_has_one_encoding() {
        let counted =
            Policy::Organisations { of: 2, from: vec!["admin".into(), "validator".into()] };
        let of_one = Policy::Organisations { of: 1, from: vec!["admin@a".into()] };
        let two_roles = Policy::Roles(vec!["admin".into(), "client".into()]);
        for policy in [Policy::Anyone, Policy::Quorum, two_roles, counted.clone(), of_one] {
            assert_eq!(Policy::from_bytes(&policy.to_bytes()), Ok(policy));
        }
        let with = |audit, admin| Policies { audit, admin, ..policies() };
        for policies in [
            with(None, None),
            with(Some(Policy::Anyone), None),
            with(None, Some(counted.clone())),
            Policies { deploy: counted.clone(), ..policies() },
            Policies { grants: vec![grant()], ..policies() },
            Policies { grants: vec![grant()], admin: Some(counted), ..policies() },
        ] {
            let bytes = policies.to_bytes();
            assert_eq!(Policies::from_bytes(&bytes), Ok(policies));
            for length in 0..bytes.len() {
                assert!(Policies::from_bytes(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn another_form_of_the_same_is_refused() {
        // None of so many organisations, and both places empty.
        let nobody = [0x82, 0x00, 0x81, 0x61, b'a'];
        assert!(Policy::from_bytes(&nobody).is_err());
        let mut w = Writer::default();
        w.array(FIELDS_WITH_BOTH);
        (0..5).for_each(|_| w.uint(1));
        w.bool(true);
        w.option(None::<&Policy>);
        w.option(None::<&Policy>);
        assert!(Policies::from_bytes(&w.into_bytes()).is_err());
        // A place for grants, and none in it.
        let mut bytes = Policies { audit: Some(Policy::Anyone), ..policies() }.to_bytes();
        bytes[0] += 1;
        bytes.push(0x80);
        assert!(Policies::from_bytes(&bytes).is_err());
    }
}
