//! A channel that runs, as the lines of `channels.toml` that say the same.
//!
//! In: a [`RunningChannel`]. Out: text that reads back as a file whose plan is empty (a test says so for
//! every form). Everything is written out, defaults too: who reads it sees what the channel is.
//! Deliberately not here: what is in no file: keys, certificates, arguments that `deploy` once had.

use super::against_chain::{RunningChannel, tolerance};
use super::grants::{is_listed, key_text};
use super::units::{Percent, Size, Span};
use host_collector::moment;
use host_types::genesis::{ChannelGenesis, Policy, RuleConfig};
use host_types::tolerance::UnitMode;
use host_types::validators::ValidatorSet;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Text of a TOML string, quoted.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key: bare where it may be.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn list(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

impl RunningChannel {
    /// The lines of `channels.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let now = self.now();
        let name = now.channel.as_str();
        let mut out = format!("[channel.{name}]\n");
        head(&mut out, &now);
        rule(&mut out, name, &now.rule);
        groups(&mut out, name, &now.validators);
        limits(&mut out, name, &now);
        for (score, (version, sha256)) in &self.scores {
            line(&mut out, &format!("\n[channel.{name}.score.{}]", key(score)));
            pair(&mut out, "version", &quoted(version));
            pair(&mut out, "sha256", &quoted(sha256));
        }
        policies(&mut out, name, &now);
        grants(&mut out, name, &now);
        out
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn pair(out: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    writeln!(out, "{} = {value}", key(name)).ok();
}

fn head(out: &mut String, now: &ChannelGenesis) {
    pair(out, "rule", &quoted(&now.rule.id));
    pair(out, "rule_version", &now.rule.version.to_string());
    let builds: Vec<_> = now.rule.sha256.iter().map(ToString::to_string).collect();
    pair(out, "rule_sha256", &list(&builds));
    let roots: Vec<_> = now
        .roots
        .iter()
        .map(|(name, root)| format!("{} = {}", key(name), quoted(&format!("SHA256:{root}"))))
        .collect();
    pair(out, "organisations", &format!("{{ {} }}", roots.join(", ")));
    let listed = now.policies.grants.iter().filter(|grant| is_listed(grant));
    pair(out, "auditors", &list(&listed.map(|grant| grant.name.clone()).collect::<Vec<_>>()));
    // The file refuses what so few peers could fork; the chain does not know the number.
    let fork = tolerance(&now.validators, &now.rule).map_or(0, |t| t.fork.nodes.len() as u64);
    pair(out, "faulty_peers_max", &fork.saturating_sub(1).min(1).to_string());
}

fn rule(out: &mut String, name: &str, rule: &RuleConfig) {
    if rule.parameters.is_empty() {
        return;
    }
    line(out, &format!("\n[channel.{name}.{}]", key(&rule.id)));
    for (parameter, value) in &rule.parameters {
        let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == *value);
        pair(out, parameter, &if is_number { value.clone() } else { quoted(value) });
    }
}

fn groups(out: &mut String, name: &str, set: &ValidatorSet) {
    let mut groups: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for validator in set.all() {
        let member = (validator.name.as_str(), validator.weight.get());
        groups.entry(&validator.group).or_default().push(member);
    }
    for (group, members) in groups {
        line(out, &format!("\n[channel.{name}.group.{}]", key(group)));
        match set.units().get(group) {
            // A flat group's weight is split over the inner weights, which are then the weights.
            None => {
                let weight: u64 = members.iter().map(|(_, weight)| weight).sum();
                pair(out, "weight", &weight.to_string());
            }
            Some(unit) => {
                pair(out, "weight", &unit.weight.get().to_string());
                let mode = match unit.mode {
                    UnitMode::Quorum => "quorum",
                    UnitMode::Delegate => "delegate",
                };
                pair(out, "mode", &quoted(mode));
                pair(out, "inner", &unit.threshold.get().to_string());
            }
        }
        let members: Vec<_> =
            members.iter().map(|(name, weight)| format!("{} = {weight}", key(name))).collect();
        pair(out, "validators", &format!("{{ {} }}", members.join(", ")));
    }
}

fn limits(out: &mut String, name: &str, now: &ChannelGenesis) {
    let l = &now.limits;
    let size = |bytes: u64| quoted(&Size(bytes).to_string());
    line(out, &format!("\n[channel.{name}.limits]"));
    pair(out, "tx_bytes", &size(l.tx_bytes));
    pair(out, "block_bytes", &size(l.block_bytes));
    pair(out, "block_txs", &l.block_txs.to_string());
    pair(out, "mempool_txs", &l.pool_txs.to_string());
    pair(out, "mempool_bytes", &size(l.pool_bytes));
    pair(out, "signer_share", &quoted(&Percent(l.signer_share_percent).to_string()));
    pair(out, "expiry", &quoted(&Span(l.expiry_us).to_string()));
    pair(out, "steps_per_tx", &l.steps_per_tx.to_string());
    pair(out, "steps_per_block", &l.steps_per_block.to_string());
    pair(out, "history_blocks", &l.history_blocks.to_string());
    line(out, &format!("\n[channel.{name}.execution]"));
    let metering = if now.metering_required { "required" } else { "optional" };
    pair(out, "metering", &quoted(metering));
    pair(out, "auto_activate", &now.auto_activate.to_string());
    for (bound, value, _) in now.call.ranges() {
        let is_count = bound == "events";
        let value = if is_count { value.to_string() } else { size(u64::from(value)) };
        pair(out, bound, &value);
    }
}

fn policies(out: &mut String, name: &str, now: &ChannelGenesis) {
    let policies = &now.policies;
    line(out, &format!("\n[channel.{name}.policy]"));
    let given = [
        ("submit", Some(&policies.submit)),
        ("read", Some(&policies.read)),
        ("query", Some(&policies.query)),
        ("deploy", Some(&policies.deploy)),
        ("configure", Some(&policies.configure)),
        ("audit", policies.audit.as_ref()),
        ("admin", policies.admin.as_ref()),
    ];
    for (word, policy) in given {
        let Some(policy) = policy else { continue };
        let value = match policy {
            Policy::Anyone => list(&["*".to_owned()]),
            Policy::Quorum => quoted("quorum"),
            Policy::Roles(roles) => list(roles),
            Policy::Organisations { of, from } => format!("{{ of = {of}, from = {} }}", list(from)),
        };
        pair(out, word, &value);
    }
    pair(out, "v1_gateway", &policies.v1_gateway.to_string());
}

fn grants(out: &mut String, name: &str, now: &ChannelGenesis) {
    for grant in now.policies.grants.iter().filter(|grant| !is_listed(grant)) {
        line(out, &format!("\n[channel.{name}.grant.{}]", key(&grant.name)));
        pair(out, "auditor", &quoted(&grant.who.to_string()));
        let scores: Vec<_> = grant.scores.iter().map(|score| score.as_str().to_owned()).collect();
        pair(out, "scores", &list(&scores));
        pair(out, "keys", &list(&grant.keys.iter().map(|key| key_text(key)).collect::<Vec<_>>()));
        pair(out, "from", &grant.from.to_string());
        if let Some(to) = grant.to {
            pair(out, "to", &to.to_string());
        }
        if let Some(until) = grant.until {
            pair(out, "until", &quoted(&moment::write(until.get())));
        }
    }
}
