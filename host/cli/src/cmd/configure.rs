//! `channel epochs`, `channel configure`, `channel vote`: what a channel runs with, and changing it.
//!
//! In: differences as flags, and the keys of a local network or one identity. Out: a `configure`
//! change that is proposed, approved, and in force from the next epoch on. What would be refused on
//! the chain, or by the rule, is refused here first: a rule that does not take its parameters would
//! halt the channel. Deliberately not here: `channels.toml` (`channel_plan.rs`), who votes (`voting.rs`).

use super::voting::{Seen, named, vote_in, voters};
use super::{Context, Done, up};
use crate::args::Configure as Wanted;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{OK, table};
use crate::profile;
use host_identity::Action;
use host_node::config::grant_words;
use host_rules::PluggedRule;
use host_types::change::{Change, Configure, SystemCall, ValidatorChange};
use host_types::epoch::{BlockLimits, EpochConfig, EpochRun, Epochs};
use host_types::fault::Code;
use host_types::genesis::RuleConfig;
use host_types::hash::Hash32;
use host_types::ids::NodeName;
use host_types::validators::Validator;
use host_types::weight::Weight;
use plugin_api_loader::LoadedRule;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Minor version of the plugin interface from which on a rule sees sealing blocks.
const SEALING_SINCE: u32 = 2;
/// How often it is looked whether the epoch has begun.
const POLL: Duration = Duration::from_millis(50);

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Code::UsageWrong, message)
}

pub(super) fn client(context: &Context) -> Result<(Client, Option<String>), Failure> {
    let target = profile::target(&context.global, &context.data)?;
    let identity = target.identity.clone();
    Ok((Client::sending(&target, context)?, identity))
}

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    }
}

/// `channel epochs`
pub(crate) async fn show(context: &Context) -> Done {
    let (client, _) = client(context)?;
    let seen = Seen::ask(&client).await?;
    context.out.either(&seen.body, lines(&seen));
    Ok(ExitCode::SUCCESS)
}

fn lines(seen: &Seen) -> Vec<String> {
    let mut lines = vec![format!(
        "channel {}: epoch {}, begun on block {}",
        text(&seen.body, "channel"),
        seen.present.epoch,
        text(&seen.body, "root_height")
    )];
    let configs = [Some(("now", &seen.present)), seen.next.as_ref().map(|next| ("next", next))];
    for (word, config) in configs.into_iter().flatten() {
        let (set, rule) = (&config.validators, &config.rule);
        lines.push(format!(
            "  {word:<5} rule {} {}, quorum {} of {}",
            rule.id,
            rule.version,
            set.quorum_weight(),
            set.total_weight()
        ));
        let validator = |v: &Validator| {
            format!("        {} weight {} group {}", v.name, v.weight.get(), v.group)
        };
        lines.extend(set.all().iter().map(validator));
        let grants = &config.policies(&seen.genesis).grants;
        lines.extend(
            grants.iter().map(|one| format!("        grant {}: {}", one.name, grant_words(one))),
        );
    }
    let excluded = text(&seen.body, "excluded");
    if !matches!(excluded.as_str(), "" | "-") {
        lines.push(format!("  leads nothing, absent in the epoch before: {excluded}"));
    }
    if seen.changes().is_empty() {
        lines.push("  no change waits".to_owned());
        return lines;
    }
    let row = |change: &Value| {
        let id = text(change, "id").chars().take(12).collect();
        let weight = text(change, "approved_weight");
        vec![id, text(change, "kind"), text(change, "status"), weight, text(change, "says")]
    };
    let rows = seen.changes().iter().map(row).collect();
    lines.extend(table(&["CHANGE", "KIND", "STATUS", "APPROVED", "SAYS"], rows));
    lines
}

/// `channel configure`
pub(crate) async fn configure(wanted: &Wanted, context: &Context) -> Done {
    let (client, _) = client(context)?;
    let seen = Seen::ask(&client).await?;
    let change = change(wanted, &seen, (&client, context)).await?;
    let base = seen.base();
    let next = made_by(&change, base, &seen)?;
    check(&seen, &next, client.channel_name(), context)?;
    let done = put_through(&client, &seen, (change, &next), wanted.propose, context).await?;
    context.out.either(&done.document, [done.line]);
    Ok(ExitCode::SUCCESS)
}

/// What the next epoch would run with.
pub(super) fn made_by(
    change: &Configure,
    base: &EpochConfig,
    seen: &Seen,
) -> Result<EpochConfig, Failure> {
    base.changed_by(seen.present.epoch, change).map_err(|why| {
        Failure::new(Code::SystemRefused, format!("this would make no epoch: {why}"))
    })
}

/// What only shows when the epoch begins is refused before: nobody may decide alone, and the rule takes
/// what would come.
pub(super) fn check(
    seen: &Seen,
    next: &EpochConfig,
    channel: &host_types::ChannelName,
    context: &Context,
) -> Result<(), Failure> {
    nobody_decides_alone(next)?;
    check_rule(&seen.present.rule, next, channel, context)
}

/// What became of a change that was proposed.
pub(super) struct PutThrough {
    /// For programs.
    pub(super) document: Value,
    /// For people.
    pub(super) line: String,
}

/// Proposes a change; with the keys of a local network also approves it, and waits until the epoch has
/// begun that it makes.
pub(super) async fn put_through(
    client: &Client,
    seen: &Seen,
    (change, next): (Configure, &EpochConfig),
    only_propose: bool,
    context: &Context,
) -> Result<PutThrough, Failure> {
    let (_, channel) = client.channel().await?;
    let signers = if only_propose {
        vec![named(client_identity(context)?.as_deref(), context)?]
    } else {
        voters(seen, Action::Configure, &context.data)?
    };
    let change = Change::Configure(change);
    let id = change.id();
    let is_accepted = vote_in(client, &channel, seen, change, &signers).await?;
    let end = if is_accepted && !only_propose {
        Some(until_begun(client, next.epoch.get(), context.global.timeout).await?)
    } else {
        None
    };
    let status = match &end {
        Some(_) => "in force",
        None if is_accepted => "accepted",
        None => "open",
    };
    let root = end.as_ref().and_then(|body| body.get("root_height").cloned());
    let document = json!({
        "schema": "loopchain.configure.v1",
        "channel": client.channel_name().as_str(),
        "change": id.to_string(),
        "status": status,
        "epoch": if end.is_some() { next.epoch.get() } else { seen.present.epoch.get() },
        "root_height": root,
        "validators": next.validators.all().len(),
        "total_weight": u64::try_from(next.validators.total_weight()).ok(),
        "quorum": u64::try_from(next.validators.quorum_weight()).ok(),
    });
    let line = match root {
        Some(root) => format!("{OK} epoch {} began on block {root}", next.epoch),
        None => format!(
            "{OK} change {id} is proposed; approve it with `loopchain channel vote {} --approve`",
            id.to_string().get(..12).unwrap_or_default()
        ),
    };
    Ok(PutThrough { document, line })
}

fn client_identity(context: &Context) -> Result<Option<String>, Failure> {
    Ok(profile::target(&context.global, &context.data)?.identity)
}

/// `channel vote`
pub(crate) async fn vote(id: &str, approve: bool, context: &Context) -> Done {
    let (client, identity) = client(context)?;
    let seen = Seen::ask(&client).await?;
    let starts = |change: &&Value| text(change, "id").starts_with(id);
    let mut found = seen.changes().iter().filter(starts);
    let (Some(change), None) = (found.next(), found.next()) else {
        let message = format!("no change, or more than one, that waits begins with `{id}`");
        return Err(Failure::new(Code::NotFound, message)
            .with_help("`loopchain channel epochs` lists those that wait"));
    };
    let mut now = Some(change.clone());
    if approve {
        let signer = named(identity.as_deref(), context)?;
        let (_, channel) = client.channel().await?;
        let odd = || Failure::new(Code::Internal, "the peer's change has no proper id");
        let full = Hash32::from_hex(&text(change, "id")).ok_or_else(odd)?;
        up::vote(&client, &channel, &signer, &SystemCall::Approve { id: full }).await?;
        let after = Seen::ask(&client).await?;
        now = after.changes().iter().find(|one| text(one, "id") == full.to_string()).cloned();
    }
    let is_open = now.as_ref().is_some_and(|change| text(change, "status") == "open");
    let change = now.as_ref().unwrap_or(change);
    let said = if approve { "approved" } else { "waits" };
    let decided = if is_open { approvals_so_far(change, &seen) } else { "accepted".to_owned() };
    let line = format!("{said} {}: {} · {decided}", text(change, "id"), text(change, "says"));
    let document = json!({
        "schema": "loopchain.vote.v1",
        "channel": client.channel_name().as_str(),
        "approved": approve,
        "accepted": !is_open,
        "change": change,
    });
    context.out.either(&document, [line]);
    Ok(ExitCode::SUCCESS)
}

/// How much of what the policy wants is there.
fn approvals_so_far(change: &Value, seen: &Seen) -> String {
    match text(change, "policy").as_str() {
        "quorum" | "-" => {
            let (said, needed) = (text(change, "approved_weight"), &seen.present.validators);
            format!("approved by weight {said}, {} decide", needed.quorum_weight())
        }
        policy => {
            let organisations = text(change, "organisations");
            let agreed = if organisations.is_empty() { "nobody" } else { &organisations };
            format!("approved by {agreed}, needed: {policy}")
        }
    }
}

async fn until_begun(client: &Client, epoch: u64, within: Duration) -> Result<Value, Failure> {
    let end = Instant::now() + within;
    loop {
        let body = client.epochs().await?;
        if body.get("epoch").and_then(Value::as_u64).is_some_and(|now| now >= epoch) {
            return Ok(body);
        }
        if Instant::now() >= end {
            let message = format!(
                "the change is accepted, but epoch {epoch} has not begun after {} s",
                within.as_secs()
            );
            return Err(Failure::new(Code::NoQuorum, message)
                .with_help("`loopchain status` tells which validators are missing"));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn name_of(text: &str) -> Result<NodeName, Failure> {
    NodeName::new(text).ok_or_else(|| wrong(format!("`{text}` is no ORG/NAME of a node")))
}

fn weight_of(text: &str) -> Result<Weight, Failure> {
    let weight = text.parse().ok().and_then(Weight::new);
    weight.ok_or_else(|| wrong(format!("`{text}` is no weight: a whole number above 0")))
}

fn split<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=').ok_or_else(|| wrong(format!("`{text}` is not of the form {form}")))
}

/// The change that the flags ask for.
async fn change(
    wanted: &Wanted,
    seen: &Seen,
    (client, context): (&Client, &Context),
) -> Result<Configure, Failure> {
    let base = seen.next.as_ref().unwrap_or(&seen.present);
    let known = |name: &NodeName| base.validators.all().iter().find(|v| v.name == *name).cloned();
    let mut validators = Vec::new();
    for text in &wanted.weight {
        let (name, weight) = split(text, "ORG/NAME=WEIGHT")?;
        let name = name_of(name)?;
        let validator = known(&name).ok_or_else(|| wrong(format!("{name} is no validator")))?;
        let unit = base.validators.unit_of(&validator).copied();
        let validator = Validator { weight: weight_of(weight)?, ..validator };
        validators.push(ValidatorChange::Set { validator, unit });
    }
    for name in &wanted.remove {
        validators.push(ValidatorChange::Remove(name_of(name)?));
    }
    for text in &wanted.add {
        let (name, rest) = split(text, "ORG/NAME=WEIGHT[:KEY]")?;
        let (weight, key) = rest.split_once(':').map_or((rest, None), |(w, k)| (w, Some(k)));
        let (name, weight) = (name_of(name)?, weight_of(weight)?);
        let public_key = match key {
            Some(key) => Hash32::from_hex(key).map(|hash| *hash.as_bytes()),
            None => client.member_key(name.as_str()).await?,
        };
        let public_key = public_key.ok_or_else(|| {
            Failure::new(Code::IdentityUnknown, format!("no member {name} with one key is known"))
                .with_help("register its certificate first, or give the key: ORG/NAME=WEIGHT:KEY")
        })?;
        let group = known(&name).map_or_else(|| name.to_string(), |validator| validator.group);
        let validator = Validator { name, public_key, weight, group };
        let unit = base.validators.unit_of(&validator).copied();
        validators.push(ValidatorChange::Set { validator, unit });
    }
    let rule = rule(&base.rule, &changed_rule(base, wanted, context)?, &wanted.parameter)?;
    let now = BlockLimits::of(&base.limits);
    let limits = BlockLimits {
        block_bytes: wanted.block_bytes.unwrap_or(now.block_bytes),
        block_txs: wanted.block_txs.unwrap_or(now.block_txs),
        steps_per_block: wanted.steps_per_block.unwrap_or(now.steps_per_block),
    };
    let limits = (limits != now).then_some(limits);
    let epoch = seen.present.epoch;
    Ok(Configure { epoch, validators, rule, limits, policies: None })
}

/// The rule that is wanted, without parameters when it is another one.
fn changed_rule(
    base: &EpochConfig,
    wanted: &Wanted,
    context: &Context,
) -> Result<RuleConfig, Failure> {
    let Some(id) = wanted.rule.as_ref().filter(|id| **id != base.rule.id) else {
        return Ok(base.rule.clone());
    };
    let none = RuleConfig { id: id.clone(), version: 0, sha256: vec![], parameters: vec![] };
    let loaded = up::rules(&context.data)?.any_version(&none)?;
    // Where builds are named, the one here is; under a dev CA none is.
    let is_pinned = !base.rule.sha256.is_empty();
    let sha256 = is_pinned.then(|| Hash32::new(loaded.sha256())).into_iter().collect();
    Ok(RuleConfig { version: loaded.version(), sha256, ..none })
}

/// The rule with other parameters; none when all is as it was.
fn rule(
    base: &RuleConfig,
    other: &RuleConfig,
    wanted: &[String],
) -> Result<Option<RuleConfig>, Failure> {
    let mut rule = other.clone();
    for text in wanted {
        let (name, value) = split(text, "NAME=VALUE")?;
        rule.parameters.retain(|(known, _)| known != name);
        if !value.is_empty() {
            rule.parameters.push((name.to_owned(), value.to_owned()));
        }
    }
    rule.parameters.sort();
    Ok((rule != *base).then_some(rule))
}

/// As for a genesis: only under `solo` may one of them decide alone.
fn nobody_decides_alone(next: &EpochConfig) -> Result<(), Failure> {
    let quorum = next.validators.quorum_weight();
    let entities = next.validators.entities();
    let alone = entities.iter().find(|entity| u128::from(entity.weight()) >= quorum);
    match alone.filter(|_| next.rule.id != "solo") {
        None => Ok(()),
        Some(entity) => {
            let (name, weight) = (entity.name(), entity.weight());
            let message = format!("{name} would decide alone: weight {weight} of {quorum} needed");
            Err(Failure::new(Code::ConfigBadValue, message)
                .with_help("give the others more weight, or this one less"))
        }
    }
}

/// Whether the rule takes the next epoch; without its file here only the chain can tell.
fn check_rule(
    present: &RuleConfig,
    next: &EpochConfig,
    channel: &host_types::ChannelName,
    context: &Context,
) -> Result<(), Failure> {
    let Some(genesis) = up::genesis(&context.data, channel)? else { return Ok(()) };
    if !context.data.join("plugins").is_dir() {
        return Ok(());
    }
    let rules = up::rules(&context.data)?;
    knows_epochs(&rules.find(present)?)?;
    let loaded = rules.find(&next.rule)?;
    let root = genesis.header();
    let run = EpochRun {
        config: Arc::new(next.clone()),
        ..Epochs::of_genesis(&genesis).current().clone()
    };
    PluggedRule::idle_in(&loaded, &genesis, &run, &root)?;
    knows_epochs(&loaded)
}

/// A rule that was built before there were sealing blocks may never finish one.
fn knows_epochs(loaded: &LoadedRule) -> Result<(), Failure> {
    if loaded.api().minor >= SEALING_SINCE {
        return Ok(());
    }
    let message = format!(
        "rule {} was built for plugin-api {}, which knows no sealing blocks",
        loaded.id(),
        loaded.api()
    );
    Err(Failure::new(Code::RuleRefused, message)
        .with_help(format!("use a build for plugin-api 1.{SEALING_SINCE} or later")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_set_taken_out_and_sorted() {
        let base = RuleConfig {
            id: "lft".into(),
            version: 3,
            sha256: vec![],
            parameters: vec![("delta".into(), "500".into()), ("hold".into(), "5".into())],
        };
        assert_eq!(rule(&base, &base, &[]).unwrap(), None);
        let wanted = ["hold=".to_owned(), "block_interval=20".to_owned()];
        let changed = rule(&base, &base, &wanted).unwrap().unwrap();
        let pairs: Vec<_> = changed.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(pairs, ["block_interval=20", "delta=500"]);
        assert_eq!(rule(&base, &base, &["delta".to_owned()]).unwrap_err().code(), Code::UsageWrong);
    }

    #[test]
    fn names_and_weights_are_refused_before_anybody_is_asked() {
        for text in ["", "0", "-1", "many"] {
            assert_eq!(weight_of(text).unwrap_err().code(), Code::UsageWrong, "{text}");
        }
        assert_eq!(name_of("nobody").unwrap_err().code(), Code::UsageWrong);
        assert_eq!(weight_of("3").unwrap().get(), 3);
    }
}
