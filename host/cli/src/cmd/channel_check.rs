//! `channel check`: whether a channels.toml makes safe channels, and what each of them tolerates.
//!
//! In: the file, and the network of the data folder when there is one. Out: for each channel its
//! validators, quorums, and the fewest nodes that could halt or fork it; or the first mistake, drawn
//! at its line. Without a network only channels that name their validators in groups can be weighed.
//! Deliberately not here: the arithmetic (`host_types::tolerance`), the rules (`host_node::config`),
//! talking to peers.

use super::{Context, Done};
use crate::failure::Failure;
use crate::output::OK;
use host_node::config::{ChannelsFile, GenesisInputs, Planned, nearest_channels_file};
use host_rules::RuleShelf;
use host_types::fault::Code;
use host_types::ids::ChannelName;
use host_types::tolerance::{Coalition, Entity};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn check(file: Option<&Path>, context: &Context) -> Done {
    let path = path_of(file, context)?;
    let channels = ChannelsFile::load(&path)?;
    let names = chosen(&channels, context.global.channel.as_deref())?;
    let around = Around::of(context)?;
    let (mut reports, mut lines, mut unchecked) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        let Some(planned) = around.plan(&channels, name)? else {
            let what = "it names no validators, and there is no network whose they would be";
            unchecked.push(format!("weights of channel {name}: {what}"));
            continue;
        };
        let rule = &planned.genesis.rule.id;
        match around.rules.as_ref().filter(|rules| rules.ids().contains(rule)) {
            Some(rules) => channels.check_rule(&planned.genesis, rules)?,
            None => {
                let folder = context.data.join("plugins");
                let why = format!("has no .so in {}", folder.display());
                unchecked.push(format!("channel {name}: rule {rule} {why}"));
            }
        }
        for warning in &planned.warnings {
            context.out.note(&format!("warning: {warning}"));
        }
        lines.extend(people(&planned));
        reports.push(machine(&planned));
    }
    for what in &unchecked {
        context.out.note(&format!("not checked: {what}"));
    }
    let (names, shown) = (names.iter().map(|name| name.as_str()), path.display().to_string());
    let names: Vec<_> = names.collect();
    lines.push(format!("{OK} {shown}: {}", names.join(", ")));
    context.out.either(
        &json!({"schema": "loopchain.channel-check.v1", "file": shown, "channels": names,
                "weights_checked": reports.len() == names.len(),
                "rules_checked": unchecked.is_empty(), "tolerance": reports}),
        lines,
    );
    Ok(ExitCode::SUCCESS)
}

/// The file that is meant: as given, else the nearest upwards.
pub(super) fn path_of(file: Option<&Path>, context: &Context) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let given = file.map(Path::to_path_buf).or_else(|| context.global.config.clone());
    given.or_else(|| nearest_channels_file(&here)).ok_or_else(|| {
        let message = "there is no channels.toml here or above";
        Failure::new(Code::ConfigUnreadable, message)
            .with_help("name one: `loopchain channel check FILE`")
    })
}

/// All channels of the file, or the one asked for.
pub(super) fn chosen<'a>(
    channels: &'a ChannelsFile,
    only: Option<&str>,
) -> Result<Vec<&'a ChannelName>, Failure> {
    let all = channels.channels.keys();
    let Some(only) = only else { return Ok(all.collect()) };
    let found: Vec<_> = all.clone().filter(|name| name.as_str() == only).collect();
    if found.is_empty() {
        let names: Vec<_> = all.map(ChannelName::as_str).collect();
        let message = format!("{} has no channel `{only}`", channels.path.display());
        return Err(Failure::new(Code::ChannelUnknown, message)
            .with_help(format!("its channels are {}", names.join(", "))));
    }
    Ok(found)
}

/// What this machine knows beside the file.
pub(super) struct Around {
    pub(super) inputs: Option<GenesisInputs>,
    pub(super) rules: Option<RuleShelf>,
}

impl Around {
    pub(super) fn of(context: &Context) -> Result<Self, Failure> {
        let network = context.data.network()?;
        let inputs = network
            .map(|network| super::up::genesis_inputs(&context.data, &network))
            .transpose()?;
        // Opening a shelf makes its folders: a check leaves nothing behind.
        let has_plugins = context.data.join("plugins").is_dir();
        let rules = has_plugins.then(|| super::up::rules(&context.data)).transpose()?;
        Ok(Self { inputs, rules })
    }

    pub(super) fn plan(
        &self,
        file: &ChannelsFile,
        name: &ChannelName,
    ) -> Result<Option<Planned>, Failure> {
        let named = match &self.inputs {
            Some(_) => None,
            None => file.named_validators(name)?,
        };
        let inputs = self.inputs.as_ref().or(named.as_ref());
        Ok(inputs.map(|inputs| file.genesis(name, inputs)).transpose()?)
    }
}

pub(super) fn people(planned: &Planned) -> Vec<String> {
    let (genesis, tolerance) = (&planned.genesis, &planned.tolerance);
    let bounds = tolerance.bounds;
    let fast = bounds.fast_quorum.map_or_else(String::new, |fast| format!(", fq {fast}"));
    let mut lines = vec![
        format!("channel {}", genesis.channel),
        format!("  {:<12} {}", "rule", genesis.rule.id),
        format!(
            "  {:<12} N {}, f {}, q {}{fast}",
            "weights", bounds.total, bounds.faulty_max, bounds.quorum
        ),
        format!("  {:<12} Byzantine weight {} of {}", "tolerates", bounds.faulty_max, bounds.total),
    ];
    for v in genesis.validators.all() {
        let word = if genesis.validators.unit_of(v).is_some() { "inner weight" } else { "weight" };
        let (name, weight, group) = (&v.name, v.weight.get(), &v.group);
        lines.push(format!("  {:<12} {name} {word} {weight} group {group}", "validator"));
    }
    for entity in genesis.validators.entities() {
        if let Entity::Group { name, weight, mode, threshold, members } = entity {
            let sum: u128 = members.iter().map(|node| u128::from(node.weight)).sum();
            let speaks = format!("speaks by inner weight {threshold} of {sum}");
            let mode = mode.as_str();
            lines.push(format!("  {:<12} {name} weight {weight} mode {mode}, {speaks}", "group"));
        }
    }
    lines.push(format!("  {:<12} {}", "could halt", nodes(&tolerance.halt)));
    lines.push(format!("  {:<12} {}", "could fork", nodes(&tolerance.fork)));
    lines
}

pub(super) fn nodes(coalition: &Coalition) -> String {
    let shown = coalition.nodes.iter().map(|node| format!("{} ({})", node.name, node.weight));
    let shown: Vec<_> = shown.collect();
    let word = if shown.len() == 1 { "node" } else { "nodes" };
    format!("{} {word} of weight {}: {}", shown.len(), coalition.weight, shown.join(", "))
}

/// Sums are text: they may be larger than the numbers of JSON.
pub(super) fn machine(planned: &Planned) -> Value {
    let (genesis, tolerance) = (&planned.genesis, &planned.tolerance);
    let bounds = tolerance.bounds;
    let validators = genesis
        .validators
        .all()
        .iter()
        .map(|v| json!({"name": v.name.as_str(), "weight": v.weight.get(), "group": v.group}));
    let groups = genesis.validators.entities().into_iter().filter_map(|entity| match entity {
        Entity::Alone(_) => None,
        Entity::Group { name, weight, mode, threshold, .. } => Some(json!({
            "name": name, "weight": weight, "mode": mode.as_str(), "threshold": threshold})),
    });
    json!({
        "channel": genesis.channel.as_str(),
        "rule": genesis.rule.id,
        "validators": validators.collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
        "total_weight": bounds.total.to_string(),
        "faulty_max": bounds.faulty_max.to_string(),
        "quorum": bounds.quorum.to_string(),
        "fast_quorum": bounds.fast_quorum.map(|fast| fast.to_string()),
        "halt": coalition(&tolerance.halt),
        "fork": coalition(&tolerance.fork),
        "warnings": planned.warnings,
    })
}

pub(super) fn coalition(coalition: &Coalition) -> Value {
    let nodes = coalition.nodes.iter().map(|n| json!({"name": n.name, "weight": n.weight}));
    json!({"nodes": nodes.collect::<Vec<_>>(), "weight": coalition.weight.to_string()})
}
