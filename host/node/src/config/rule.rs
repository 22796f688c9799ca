//! Whether the rule that `channels.toml` names exists and takes what the file says of it.
//!
//! In: a planned genesis, the rules of a plugin folder. Out: nothing, or an error at the line that
//! causes it. It comes before a genesis is written: a chain whose rule nobody can start is of no
//! use, and what stands in a genesis cannot be corrected later. Deliberately not here: which values
//! a rule takes, which the rule itself says.

use super::channels::ChannelsFile;
use super::render::{ConfigError, nearest};
use super::toml_pass::{key_span_of, unknown_key};
use host_rules::{PluggedRule, RuleShelf};
use host_types::fault::Code;
use host_types::genesis::ChannelGenesis;

/// Rules that come with every release.
const SHIPPED: [&str; 3] = ["lft", "simplex", "solo"];

impl ChannelsFile {
    /// Checks name, version and parameters of the rule of a genesis that this file made.
    ///
    /// # Errors
    /// `LC6101` when there is no such rule, `LC1104` for a parameter it does not have, `LC1105` for
    /// a version or a value it does not take.
    pub fn check_rule(
        &self,
        genesis: &ChannelGenesis,
        shelf: &RuleShelf,
    ) -> Result<(), ConfigError> {
        let (channel, rule) = (genesis.channel.as_str(), genesis.rule.id.as_str());
        let at = |code, path: &[&str], note: &str| {
            self.error(code, &[&["channel", channel], path].concat(), note)
        };
        let loaded = shelf.any_version(&genesis.rule).map_err(|refusal| {
            let error = at(refusal.code, &["rule"], &refusal.message);
            let ids = shelf.ids();
            match nearest(rule, SHIPPED.into_iter().chain(ids.iter().map(String::as_str))) {
                Some(meant) if meant != rule => error.with_help(format!("did you mean `{meant}`?")),
                _ => error,
            }
        })?;
        if loaded.version() != genesis.rule.version {
            let note = format!("rule `{rule}` is version {} here", loaded.version());
            let help =
                format!("write `rule_version = {}`, or drop the other one in", loaded.version());
            return Err(at(Code::ConfigBadValue, &["rule_version"], &note).with_help(help));
        }
        let known = loaded.parameters().map_err(|error| {
            at(Code::RuleRefused, &["rule"], &format!("it cannot describe itself: {error}"))
        })?;
        let known: Vec<String> = known.into_iter().map(|parameter| parameter.name).collect();
        let given = || genesis.rule.parameters.iter().map(|(name, _)| name);
        if let Some(name) = given().find(|name| !known.contains(name)) {
            let span = key_span_of(&self.text, &["channel", channel, rule, name]).unwrap_or(0..0);
            return Err(unknown_key(&self.path, &self.text, name, span, &known));
        }
        PluggedRule::accepts(&loaded, genesis).map_err(|refusal| {
            // The rule's words name what they are about.
            let named = given().find(|name| refusal.message.contains(name.as_str()));
            let path: Vec<_> = [rule].into_iter().chain(named.map(String::as_str)).collect();
            at(Code::ConfigBadValue, &path, &refusal.message)
        })
    }
}
