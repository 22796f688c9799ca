//! `[channel.NAME.policy]`: who may do what, in people's words.
//!
//! In: the table. Out: [`Policies`] as the chain holds them, or an error at the line that causes it.
//! Forms: `"quorum"`, a list of `role` or `role@organisation`, `["*"]`, and k of n as
//! `{ of = 2, from = [...] }`. Deliberately not here: whom a policy admits (`host_identity::policy`).

use super::channels::{ChannelEntry, ChannelsFile};
use super::genesis::Of;
use super::render::{ConfigError, nearest};
use host_identity::Role;
use host_identity::policy::{self, PolicyError};
use host_types::Hash32;
use host_types::genesis::{Policies, Policy};
use host_types::limits::PARAMETERS_MAX;
use serde::Deserialize;
use std::collections::BTreeSet;

/// A policy as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyValue {
    /// Validators of weight q.
    Quorum,
    /// Roles; `*` is anybody.
    Roles(Vec<String>),
    /// Members of so many organisations.
    Organisations {
        /// How many.
        of: u16,
        /// Roles that speak for their organisation.
        from: Vec<String>,
    },
}

impl<'de> Deserialize<'de> for PolicyValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Counted {
            of: u16,
            from: Vec<String>,
        }
        struct Form;
        impl<'de> serde::de::Visitor<'de> for Form {
            type Value = PolicyValue;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "\"quorum\", a list of roles such as [\"client\", \"admin@bank-a\"], or \
                     { of = 2, from = [\"admin@bank-a\", ...] }",
                )
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PolicyValue, E> {
                match text {
                    "quorum" => Ok(PolicyValue::Quorum),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<PolicyValue, A::Error> {
                let mut roles = Vec::new();
                while let Some(role) = list.next_element()? {
                    roles.push(role);
                }
                Ok(PolicyValue::Roles(roles))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<PolicyValue, A::Error> {
                let table = serde::de::value::MapAccessDeserializer::new(map);
                let Counted { of, from } = Counted::deserialize(table)?;
                Ok(PolicyValue::Organisations { of, from })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// The table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyTable {
    /// Who may send transactions.
    pub submit: PolicyValue,
    /// Who may read blocks and transactions.
    pub read: PolicyValue,
    /// Who may query SCOREs.
    pub query: PolicyValue,
    /// What accepts a `deploy` change.
    pub deploy: PolicyValue,
    /// What accepts a `configure` change.
    pub configure: PolicyValue,
    /// Who may read recorded evidence; none: as `read`.
    pub audit: Option<PolicyValue>,
    /// What accepts a `freeze` or `unfreeze` change; none: as `deploy`.
    pub admin: Option<PolicyValue>,
    /// Whether peers sign for v1 clients.
    pub v1_gateway: bool,
}

impl Default for PolicyTable {
    fn default() -> Self {
        let roles = |names: &[&str]| {
            PolicyValue::Roles(names.iter().map(|name| (*name).to_owned()).collect())
        };
        Self {
            submit: roles(&["client", "admin"]),
            read: roles(&["*"]),
            query: roles(&["*"]),
            deploy: PolicyValue::Quorum,
            configure: PolicyValue::Quorum,
            audit: None,
            admin: None,
            v1_gateway: true,
        }
    }
}

impl ChannelsFile {
    /// The policies of a channel, which has these organisations under these roots.
    ///
    /// # Errors
    /// The first one that cannot be read or that nobody could meet, with its line.
    pub fn policies(
        &self,
        (name, entry): (&str, &ChannelEntry),
        roots: &[(String, Hash32)],
    ) -> Result<Policies, ConfigError> {
        Of { file: self, name, entry }.policies(roots)
    }
}

impl Of<'_> {
    pub(super) fn policies(&self, roots: &[(String, Hash32)]) -> Result<Policies, ConfigError> {
        let known: BTreeSet<&str> = roots.iter().map(|(name, _)| name.as_str()).collect();
        let table = &self.entry.policy;
        let perhaps = |name, value: &Option<PolicyValue>| {
            value.as_ref().map(|value| self.policy(name, value)).transpose()
        };
        let policies = Policies {
            submit: self.policy("submit", &table.submit)?,
            read: self.policy("read", &table.read)?,
            query: self.policy("query", &table.query)?,
            deploy: self.policy("deploy", &table.deploy)?,
            configure: self.policy("configure", &table.configure)?,
            v1_gateway: table.v1_gateway,
            audit: perhaps("audit", &table.audit)?,
            admin: perhaps("admin", &table.admin)?,
            grants: self.grants(roots)?,
        };
        match policy::check(&policies, &known) {
            Ok(()) => Ok(policies),
            Err((name, error)) => Err(self.refused(name, &error, &known)),
        }
    }

    fn policy(&self, name: &str, value: &PolicyValue) -> Result<Policy, ConfigError> {
        let (words, read) = match value {
            PolicyValue::Quorum => return Ok(Policy::Quorum),
            PolicyValue::Roles(words) => (words, policy::parse(words)),
            PolicyValue::Organisations { of, from } => {
                (from, policy::parse_organisations(*of, from))
            }
        };
        if words.len() > PARAMETERS_MAX {
            let note = format!("{} roles; at most {PARAMETERS_MAX}", words.len());
            return Err(self.bad(&["policy", name], &note));
        }
        read.map_err(|error| self.refused(name, &error, &BTreeSet::new()))
    }

    /// With what was perhaps meant.
    fn refused(&self, name: &str, error: &PolicyError, known: &BTreeSet<&str>) -> ConfigError {
        let shown = self.bad(&["policy", name], &error.to_string());
        let parts = |word: &str| match word.split_once('@') {
            Some((role, organisation)) => (role.to_owned(), Some(organisation.to_owned())),
            None => (word.to_owned(), None),
        };
        let meant = match error {
            PolicyError::Word(word) => {
                let (role, organisation) = parts(word);
                let roles = Role::ALL.into_iter().map(Role::word);
                nearest(&role, roles).map(|role| match organisation {
                    Some(organisation) => format!("{role}@{organisation}"),
                    None => role.to_owned(),
                })
            }
            PolicyError::Organisation(word) => {
                let (role, organisation) = parts(word);
                let organisation = organisation.unwrap_or_default();
                nearest(&organisation, known.iter().copied()).map(|one| format!("{role}@{one}"))
            }
            _ => None,
        };
        match (meant, error) {
            (Some(meant), _) => shown.with_help(format!("did you mean `{meant}`?")),
            (None, PolicyError::Organisation(_)) => {
                let names: Vec<_> = known.iter().copied().collect();
                shown.with_help(format!("its organisations are {}", names.join(", ")))
            }
            (None, _) => shown,
        }
    }
}
