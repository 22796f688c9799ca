//! `channel list`, `channel show`, `channel check`.

use super::{Context, Done, runtime};
use crate::args::ChannelCommand;
use crate::client::{ChannelInfo, Client};
use crate::failure::Failure;
use crate::output::{OK, table};
use crate::profile;
use host_node::config::{ChannelsFile, nearest_channels_file};
use host_types::fault::Code;
use host_types::ids::ChannelName;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn channel(command: &ChannelCommand, context: &Context) -> Done {
    match command {
        ChannelCommand::Check { file } => check(file.as_deref(), context),
        ChannelCommand::List => runtime()?.block_on(list(context)),
        ChannelCommand::Show { name } => runtime()?.block_on(show(name.as_deref(), context)),
    }
}

async fn list(context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let (value, channels) = client.channels().await?;
    let rows = channels.iter().map(|info| {
        vec![
            info.channel.clone(),
            info.rule.clone(),
            info.height.to_string(),
            info.transactions.to_string(),
            format!("{} of {}", info.connected(), info.validators.len()),
            info.mode.clone(),
        ]
    });
    let head = ["CHANNEL", "RULE", "HEIGHT", "TRANSACTIONS", "VALIDATORS", "MODE"];
    let lines = table(&head, rows.collect());
    context.out.either(&value, lines);
    Ok(ExitCode::SUCCESS)
}

async fn show(name: Option<&str>, context: &Context) -> Done {
    let mut target = profile::target(&context.global, &context.data)?;
    if let Some(name) = name {
        target.channel = ChannelName::new(name).ok_or_else(|| {
            Failure::new(Code::ChannelUnknown, format!("`{name}` is no name of a channel"))
        })?;
    }
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let (value, info) = client.channel().await?;
    context.out.either(&value, lines(&info));
    Ok(ExitCode::SUCCESS)
}

fn lines(info: &ChannelInfo) -> Vec<String> {
    let mut lines = vec![
        format!("channel {}", info.channel),
        format!("  {:<12} {}", "rule", info.rule),
        format!("  {:<12} {}", "height", info.height),
        format!("  {:<12} {}", "block", info.block_hash),
        format!("  {:<12} {}", "mode", info.mode),
        format!("  {:<12} {}", "leader", info.leader.as_deref().unwrap_or("-")),
        format!(
            "  {:<12} {} of {}, tolerates {} faulty",
            "quorum", info.quorum, info.total_weight, info.faulty_max
        ),
    ];
    for validator in &info.validators {
        let state = if validator.connected { "connected" } else { "absent" };
        let weight = validator.weight;
        lines.push(format!("  {:<12} {} weight {weight} {state}", "validator", validator.name));
    }
    lines
}

/// What can be checked without a network: keys, values, names. Weights need the network's peers.
fn check(file: Option<&Path>, context: &Context) -> Done {
    let here = std::env::current_dir().unwrap_or_default();
    let given = file.map(Path::to_path_buf).or_else(|| context.global.config.clone());
    let Some(path) = given.or_else(|| nearest_channels_file(&here)) else {
        let message = "there is no channels.toml here or above";
        return Err(Failure::new(Code::ConfigUnreadable, message)
            .with_help("name one: loopchain channel check FILE"));
    };
    let channels = ChannelsFile::load(&path)?;
    let network = context.data.network()?;
    let mut unchecked = Vec::new();
    if let Some(network) = &network {
        let inputs = super::up::genesis_inputs(&context.data, network)?;
        let rules = super::up::rules(&context.data)?;
        for name in channels.channels.keys() {
            let planned = channels.genesis(name, &inputs)?;
            for warning in planned.warnings {
                context.out.note(&format!("warning: {warning}"));
            }
            let rule = &planned.genesis.rule.id;
            if rules.ids().contains(rule) {
                channels.check_rule(&planned.genesis, &rules)?;
            } else {
                unchecked.push(format!("channel {name}: rule {rule}"));
            }
        }
    } else {
        unchecked.extend(
            channels
                .channels
                .iter()
                .map(|(name, entry)| format!("channel {name}: rule {}", entry.rule)),
        );
    }
    for what in &unchecked {
        let folder = context.data.join("plugins");
        let note = format!("not checked: {what} has no .so in {}", folder.display());
        context.out.note(&note);
    }
    let names: Vec<_> = channels.channels.keys().map(ChannelName::as_str).collect();
    let shown = path.display().to_string();
    context.out.either(
        &json!({"schema": "loopchain.channel-check.v1", "file": shown, "channels": names,
                "weights_checked": network.is_some(), "rules_checked": unchecked.is_empty()}),
        [format!("{OK} {shown}: {}", names.join(", "))],
    );
    Ok(ExitCode::SUCCESS)
}
