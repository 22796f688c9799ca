//! `channel list`, `channel show`; `channel check` stands in `channel_check.rs`, `channel genesis` in
//! `channel_genesis.rs`, what changes an epoch
//! in `configure.rs`, what makes channels what a file says in `channel_plan.rs`.

use super::channel_drift::Drift;
use super::channel_grants;
use super::import_old;
use super::{Context, Done, runtime};
use crate::args::ChannelCommand;
use crate::client::{ChannelInfo, Client};
use crate::failure::Failure;
use crate::output::table;
use crate::profile;
use host_types::fault::Code;
use host_types::ids::ChannelName;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn channel(command: &ChannelCommand, context: &Context) -> Done {
    match command {
        ChannelCommand::Check { file } => super::channel_check::check(file.as_deref(), context),
        ChannelCommand::Plan { file } => {
            runtime()?.block_on(super::channel_plan::plan(file.as_deref(), context))
        }
        ChannelCommand::Apply { file, propose, force } => {
            let how = (*propose, *force);
            runtime()?.block_on(super::channel_plan::apply(file.as_deref(), how, context))
        }
        ChannelCommand::Export { name, out } => {
            let export = super::channel_plan::export(name.as_deref(), out.as_deref(), context);
            runtime()?.block_on(export)
        }
        ChannelCommand::Genesis(wanted) => super::channel_genesis::genesis(wanted, context),
        ChannelCommand::Create(wanted) => import_old::create(wanted, context),
        ChannelCommand::Import { old, out } => {
            import_old::import(import_old::Old::Channels, old, out.as_deref(), context)
        }
        ChannelCommand::List => runtime()?.block_on(list(context)),
        ChannelCommand::Epochs => runtime()?.block_on(super::configure::show(context)),
        ChannelCommand::Configure(wanted) => {
            runtime()?.block_on(super::configure::configure(wanted, context))
        }
        ChannelCommand::Vote { id, approve } => {
            runtime()?.block_on(super::configure::vote(id, *approve, context))
        }
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
    let client = Client::reading(&target, context)?;
    let (mut value, info) = client.channel().await?;
    let grants = channel_grants::of(&client).await?;
    let drift = Drift::of(&[&info.channel], context).await;
    let mut lines = lines(&info);
    if let Some(grants) = &grants {
        lines.extend(channel_grants::lines(grants));
        value["grants"] = channel_grants::document(grants);
    }
    if let Some(drift) = &drift {
        value["drift"] = drift.document(&info.channel);
        let line = drift.line(&info.channel);
        lines.extend(line.map(|line| format!("  {:<12} {line}", "drift")));
    }
    context.out.either(&value, lines);
    Ok(ExitCode::SUCCESS)
}

fn lines(info: &ChannelInfo) -> Vec<String> {
    let mut lines = vec![
        format!("channel {}", info.channel),
        format!("  {:<12} {}", "rule", info.rule),
        format!("  {:<12} {}", "epoch", info.epoch),
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
