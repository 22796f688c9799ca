//! Policies as people write them, and whom they admit.
//!
//! In: `*`, `quorum`, `ROLE`, `ROLE@ORG`. Out: a [`Policy`] of the channel's genesis, or what is
//! wrong with the word. Not here: counting the weight that a `quorum` policy needs (`host/core`).

use crate::role::Role;
use host_types::ChannelName;
use host_types::genesis::Policy;

/// A policy that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A word that is no role.
    #[error(
        "{0:?} is no policy: write `*`, `quorum`, or a role (validator, peer, client, admin, \
         auditor, radiostation), for one organisation as `client@bank-a`"
    )]
    Word(String),
    /// Nobody, or `*` or `quorum` among others.
    #[error("a policy is `*` alone, `quorum` alone, or at least one role")]
    Mixed,
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
        Policy::Roles(words) => words.iter().filter_map(|word| split(word)).any(|(named, of)| {
            named == role && of.is_none_or(|named_organisation| named_organisation == organisation)
        }),
    }
}

/// The policy as people write it.
#[must_use]
pub fn words(policy: &Policy) -> Vec<String> {
    match policy {
        Policy::Anyone => vec!["*".to_owned()],
        Policy::Quorum => vec!["quorum".to_owned()],
        Policy::Roles(roles) => roles.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_and_is_written_back() {
        for text in [&["*"][..], &["quorum"], &["client"], &["client@bank-a", "admin"]] {
            assert_eq!(words(&parse(text).unwrap()), text);
        }
    }

    #[test]
    fn other_words_are_refused_by_name() {
        assert_eq!(parse(&["klient"]), Err(PolicyError::Word("klient".into())));
        assert_eq!(parse(&["client@Bank A"]), Err(PolicyError::Word("client@Bank A".into())));
        assert_eq!(parse::<&str>(&[]), Err(PolicyError::Mixed));
        assert_eq!(parse(&["*", "client"]), Err(PolicyError::Mixed));
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
