//! Policies as people write them, and whom they admit.
//!
//! In: `*`, `quorum`, `ROLE`, `ROLE@ORG`, so many of these. Out: a [`Policy`] as the chain holds it, or
//! what is wrong with the word; whom it admits and which organisations have agreed. Not here: counting
//! the weight that a `quorum` policy needs, keeping who approved (`host/core`).

use crate::role::Role;
use host_types::ChannelName;
use host_types::genesis::{Policies, Policy};
use std::collections::BTreeSet;

/// A policy that cannot be read, or that nobody could ever meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A word that is no role.
    #[error(
        "`{0}` is no role; write validator, peer, client, admin, auditor or radiostation, for one \
         organisation as `client@bank-a`, or `*` or `quorum` alone"
    )]
    Word(String),
    /// Nobody, or `*` or `quorum` among others.
    #[error("a policy is `*` alone, `quorum` alone, or at least one role")]
    Mixed,
    /// None of so many.
    #[error("`of` is at least 1")]
    NoneOfThem,
    /// More than there are.
    #[error("{of} organisations must agree, and {there} could")]
    TooMany {
        /// How many must.
        of: u16,
        /// How many could.
        there: usize,
    },
    /// An organisation that is none of the channel's.
    #[error("`{0}`: the channel has no such organisation")]
    Organisation(String),
    /// Where one signer asks.
    #[error("k of n decides changes (deploy, configure, admin); here one member asks: name roles")]
    OneSigner,
    /// Where something is decided.
    #[error("`{0}`: auditors decide nothing")]
    AuditorDecides(String),
}

/// Reads the words of a policy.
///
/// # Errors
/// When a word is none of the four forms, or they do not go together.
pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Policy, PolicyError> {
    match words {
        [] => return Err(PolicyError::Mixed),
        [word] if word.as_ref() == "*" => return Ok(Policy::Anyone),
        [word] if word.as_ref() == "quorum" => return Ok(Policy::Quorum),
        _ => {}
    }
    let mut roles = Vec::with_capacity(words.len());
    for word in words.iter().map(AsRef::as_ref) {
        match (word, split(word)) {
            ("*" | "quorum", _) => return Err(PolicyError::Mixed),
            (_, None) => return Err(PolicyError::Word(word.to_owned())),
            (_, Some(_)) => roles.push(word.to_owned()),
        }
    }
    Ok(Policy::Roles(roles))
}

/// Reads a policy by which members of `of` organisations decide.
///
/// # Errors
/// When a word is no role, or there is none of either.
pub fn parse_organisations<S: AsRef<str>>(of: u16, words: &[S]) -> Result<Policy, PolicyError> {
    if of == 0 {
        return Err(PolicyError::NoneOfThem);
    }
    match parse(words)? {
        Policy::Roles(from) => Ok(Policy::Organisations { of, from }),
        _ => Err(PolicyError::Mixed),
    }
}

/// Whether all policies of a channel can be met, given its organisations; without any, who is one is
/// not looked at.
///
/// # Errors
/// The first policy that cannot, by the name that people write.
pub fn check(
    policies: &Policies,
    organisations: &BTreeSet<&str>,
) -> Result<(), (&'static str, PolicyError)> {
    let mut all = policies.all().into_iter();
    all.try_for_each(|(name, policy)| check_one(name, policy, organisations).map_err(|e| (name, e)))
}

fn check_one(name: &str, policy: &Policy, known: &BTreeSet<&str>) -> Result<(), PolicyError> {
    let decides = matches!(name, "deploy" | "configure" | "admin");
    let (of, words) = match policy {
        Policy::Anyone | Policy::Quorum => return Ok(()),
        Policy::Roles(words) => (1, words),
        Policy::Organisations { .. } if !decides => return Err(PolicyError::OneSigner),
        Policy::Organisations { of, from } => (*of, from),
    };
    let mut named = Some(BTreeSet::new());
    for word in words {
        let (role, organisation) = split(word).ok_or_else(|| PolicyError::Word(word.clone()))?;
        if decides && role == Role::Auditor {
            return Err(PolicyError::AuditorDecides(word.clone()));
        }
        match organisation {
            Some(one) if !known.is_empty() && !known.contains(one) => {
                return Err(PolicyError::Organisation(word.clone()));
            }
            // A role of any organisation: then all of them could.
            None => named = None,
            Some(one) => drop(named.as_mut().map(|named| named.insert(one))),
        }
    }
    let there = match named {
        Some(named) => named.len(),
        None if known.is_empty() => return Ok(()),
        None => known.len(),
    };
    match of {
        0 => Err(PolicyError::NoneOfThem),
        _ if words.is_empty() => Err(PolicyError::Mixed),
        _ if usize::from(of) > there => Err(PolicyError::TooMany { of, there }),
        _ => Ok(()),
    }
}

fn split(word: &str) -> Option<(Role, Option<&str>)> {
    match word.split_once('@') {
        None => Some((Role::parse(word)?, None)),
        Some((role, organisation)) => {
            // Organisations are named like channels.
            ChannelName::new(organisation)?;
            Some((Role::parse(role)?, Some(organisation)))
        }
    }
}

/// Whether a policy admits a role of an organisation. `Quorum` admits those who may take part in
/// such a decision: validators, and admins, whose proposal alone counts nothing.
#[must_use]
pub fn admits(policy: &Policy, role: Role, organisation: &str) -> bool {
    match policy {
        Policy::Anyone => true,
        Policy::Quorum => matches!(role, Role::Validator | Role::Admin),
        Policy::Roles(words) | Policy::Organisations { from: words, .. } => {
            words.iter().filter_map(|word| split(word)).any(|(named, of)| {
                named == role
                    && of.is_none_or(|named_organisation| named_organisation == organisation)
            })
        }
    }
}

/// The organisations that have agreed, each once, of those who spoke (role and organisation).
#[must_use]
pub fn agreed<'a>(
    policy: &Policy,
    spoke: impl IntoIterator<Item = (Role, &'a str)>,
) -> BTreeSet<&'a str> {
    let counts = |(role, organisation): &(Role, &str)| admits(policy, *role, organisation);
    spoke.into_iter().filter(counts).map(|(_, organisation)| organisation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_and_is_written_back() {
        for text in [&["*"][..], &["quorum"], &["client"], &["client@bank-a", "admin"]] {
            assert_eq!(parse(text).unwrap().to_string(), text.join(", "));
        }
        let two = parse_organisations(2, &["admin@bank-a", "admin@bank-b"]).unwrap();
        assert_eq!(two.to_string(), "2 organisations of admin@bank-a, admin@bank-b");
    }

    #[test]
    fn other_words_are_refused_by_name() {
        assert_eq!(parse(&["klient"]), Err(PolicyError::Word("klient".into())));
        assert_eq!(parse(&["client@Bank A"]), Err(PolicyError::Word("client@Bank A".into())));
        assert_eq!(parse::<&str>(&[]), Err(PolicyError::Mixed));
        assert_eq!(parse(&["*", "client"]), Err(PolicyError::Mixed));
        assert_eq!(parse_organisations(0, &["admin"]), Err(PolicyError::NoneOfThem));
        assert_eq!(parse_organisations(1, &["quorum"]), Err(PolicyError::Mixed));
    }

    /// Every form of a policy against every kind of signer, who is of bank-a.
    #[test]
    fn every_form_admits_whom_it_names() {
        use Role::{Admin, Auditor, Client, Peer, RadioStation, Validator};
        let roles = |words: &[&str]| parse(words).unwrap();
        let two = |words: &[&str]| parse_organisations(2, words).unwrap();
        let table: [(Policy, &[Role]); 8] = [
            (Policy::Anyone, &Role::ALL),
            (Policy::Quorum, &[Validator, Admin]),
            (roles(&["client"]), &[Client]),
            (roles(&["client@bank-a", "peer"]), &[Client, Peer]),
            (roles(&["client@bank-b", "auditor@bank-a"]), &[Auditor]),
            (roles(&["radiostation"]), &[RadioStation]),
            (two(&["admin", "validator@bank-b"]), &[Admin]),
            (two(&["admin@bank-b", "admin@bank-c"]), &[]),
        ];
        for (policy, admitted) in table {
            for role in Role::ALL {
                let is_admitted = admits(&policy, role, "bank-a");
                assert_eq!(is_admitted, admitted.contains(&role), "{policy} {role}");
            }
        }
    }

    #[test]
    fn an_organisation_counts_once_and_only_by_a_role_that_speaks_for_it() {
        let policy = parse_organisations(2, &["admin", "validator@bank-c"]).unwrap();
        let spoke = [
            (Role::Admin, "bank-a"),
            (Role::Admin, "bank-a"),
            (Role::Validator, "bank-b"),
            (Role::Validator, "bank-c"),
        ];
        assert_eq!(agreed(&policy, spoke), BTreeSet::from(["bank-a", "bank-c"]));
    }

    #[test]
    fn a_policy_that_nobody_could_meet_is_refused_by_its_name() {
        let policies = |name: &str, policy: Policy| {
            let mut all = Policies {
                submit: Policy::Anyone,
                read: Policy::Anyone,
                query: Policy::Anyone,
                deploy: Policy::Quorum,
                configure: Policy::Quorum,
                v1_gateway: false,
                audit: None,
                admin: None,
                grants: Vec::new(),
            };
            match name {
                "submit" => all.submit = policy,
                "deploy" => all.deploy = policy,
                _ => all.admin = Some(policy),
            }
            all
        };
        let known = BTreeSet::from(["bank-a", "bank-b"]);
        let refused = |name, policy| check(&policies(name, policy), &known).unwrap_err();
        let counted = |of, words: &[&str]| parse_organisations(of, words).unwrap();
        let two = || counted(2, &["admin"]);
        assert_eq!(check(&policies("deploy", two()), &known), Ok(()));
        assert_eq!(refused("submit", two()), ("submit", PolicyError::OneSigner));
        let too_many = |of, there| PolicyError::TooMany { of, there };
        assert_eq!(refused("deploy", counted(3, &["admin"])), ("deploy", too_many(3, 2)));
        let one_named = counted(2, &["admin@bank-a", "validator@bank-a"]);
        assert_eq!(refused("admin", one_named), ("admin", too_many(2, 1)));
        let stranger = PolicyError::Organisation("admin@bank-x".into());
        assert_eq!(refused("deploy", parse(&["admin@bank-x"]).unwrap()), ("deploy", stranger));
        let auditor = PolicyError::AuditorDecides("auditor".into());
        assert_eq!(refused("deploy", parse(&["auditor"]).unwrap()), ("deploy", auditor));
        assert_eq!(refused("submit", Policy::Roles(vec![])), ("submit", PolicyError::Mixed));
        // Where the organisations are not known, they are not judged.
        let nobody = BTreeSet::new();
        assert_eq!(check(&policies("deploy", counted(3, &["admin"])), &nobody), Ok(()));
    }

    #[test]
    fn a_role_of_one_organisation_admits_nobody_else() {
        let policy = parse(&["client@bank-a"]).unwrap();
        assert!(admits(&policy, Role::Client, "bank-a"));
        assert!(!admits(&policy, Role::Client, "bank-b"));
        assert!(!admits(&policy, Role::Admin, "bank-a"));
        assert!(admits(&Policy::Anyone, Role::Auditor, "x"));
        assert!(!admits(&Policy::Quorum, Role::Client, "bank-a"));
    }
}
