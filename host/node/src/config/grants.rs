//! `auditors` and `[channel.NAME.grant.GRANT]`: what auditors may read, in people's words.
//!
//! In: the list and the tables. Out: [`Grant`]s as the chain holds them, or an error at the line that
//! causes it; and the lines of grants that a chain holds. Deliberately not here: what a grant opens
//! (`host_types::grant`), which ones a channel may have (`host_identity::grant`).

use super::genesis::Of;
use super::render::{ConfigError, nearest};
use host_collector::moment;
use host_identity::grant as judge;
use host_types::grant::{Grant, Grantee};
use host_types::{BlockTime, Hash32, Height, ScoreName, hash};
use serde::Deserialize;

/// `[channel.NAME.grant.GRANT]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantEntry {
    /// `ORG/NAME`, or `ORG` for all its auditors.
    pub auditor: String,
    /// SCOREs; none: all.
    #[serde(default)]
    pub scores: Vec<String>,
    /// Beginnings of keys of their state: text, or `0x` and hex digits; none: all.
    #[serde(default)]
    pub keys: Vec<String>,
    /// First height.
    #[serde(default)]
    pub from: u64,
    /// Last height; none: whatever comes.
    #[serde(default)]
    pub to: Option<u64>,
    /// Time from which on it opens nothing; none: until a change takes it away.
    #[serde(default)]
    pub until: Option<String>,
}

impl Of<'_> {
    /// The grants of the channel, which has these roots.
    pub(super) fn grants(&self, roots: &[(String, Hash32)]) -> Result<Vec<Grant>, ConfigError> {
        let whole = self.entry.auditors.iter().map(|auditor| {
            let entry = GrantEntry {
                auditor: auditor.clone(),
                scores: Vec::new(),
                keys: Vec::new(),
                from: 0,
                to: None,
                until: None,
            };
            (auditor.as_str(), entry, ["auditors", ""])
        });
        let tables = self.entry.grant.iter();
        let tables = tables.map(|(name, entry)| (name.as_str(), entry.clone(), ["grant", name]));
        let mut grants = Vec::new();
        for (name, entry, path) in whole.chain(tables) {
            grants.push(self.grant(name, &entry, path, roots)?);
        }
        judge::check(&grants, roots).map_err(|(name, why)| self.bad(&["grant", &name], &why))?;
        Ok(grants)
    }

    fn grant(
        &self,
        name: &str,
        entry: &GrantEntry,
        [table, key]: [&str; 2],
        roots: &[(String, Hash32)],
    ) -> Result<Grant, ConfigError> {
        let bad = |field: &str, note: &str| {
            let path = [table, key, field];
            self.bad(if key.is_empty() { &path[..1] } else { &path }, note)
        };
        let who = Grantee::parse(&entry.auditor)
            .ok_or_else(|| bad("auditor", "an auditor is ORG/NAME, or ORG for all of one"))?;
        let organisation = who.organisation();
        let known = roots.iter().find(|(name, _)| name == organisation);
        let (_, root) = known.ok_or_else(|| {
            let error = bad("auditor", "the channel has no such organisation");
            match nearest(organisation, roots.iter().map(|(name, _)| name.as_str())) {
                Some(meant) => error.with_help(format!("did you mean `{meant}`?")),
                None => error.with_help("an auditor's organisation is one of the channel's"),
            }
        })?;
        let score = |text: &String| ScoreName::new(text);
        let scores = entry.scores.iter().map(score).collect::<Option<_>>();
        let keys = entry.keys.iter().map(|text| match text.strip_prefix("0x") {
            Some(digits) => hash::from_hex(digits),
            None => Some(text.as_bytes().to_vec()),
        });
        let until = entry.until.as_deref().map(|text| {
            let time = moment::read(text).map(BlockTime::new);
            time.ok_or_else(|| bad("until", "a time is written as \"2026-12-31T00:00:00Z\""))
        });
        Ok(Grant {
            name: name.to_owned(),
            who: who.clone(),
            root: *root,
            scores: scores.ok_or_else(|| bad("scores", "a SCORE is named [a-z][a-z0-9-]*"))?,
            keys: keys
                .collect::<Option<_>>()
                .ok_or_else(|| bad("keys", "0x is followed by an even number of hex digits"))?,
            from: Height::new(entry.from),
            to: entry.to.map(Height::new),
            until: until.transpose()?,
        })
    }
}

/// What a grant opens, in the words of the file.
#[must_use]
pub fn grant_words(grant: &Grant) -> String {
    let Some(until) = grant.until else { return grant.to_string() };
    let endless = Grant { until: None, ..grant.clone() };
    format!("{endless}, until {}", moment::write(until.get()))
}

/// A key as the file has it.
pub(super) fn key_text(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.starts_with("0x") => text.to_owned(),
        _ => format!("0x{}", hash::to_hex(key)),
    }
}

/// Whether the list `auditors` says the same.
pub(super) fn is_listed(grant: &Grant) -> bool {
    grant.is_whole() && grant.until.is_none() && grant.name == grant.who.to_string()
}
