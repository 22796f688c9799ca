//! `GET /channels/{c}/epochs`: what the channel runs with now and next, where each epoch began, who
//! leads nothing in it, and the changes that wait for approvals.

use super::{Answer, ok, open_channel};
use crate::json::Json;
use crate::seen::Seen;
use crate::time::rfc3339;
use axum::extract::Path;
use host_rpc::gateway::{Access, ChangeView, EpochsView};
use host_types::change::{Change, Configure, Deploy, ValidatorChange};
use host_types::epoch::EpochConfig;
use host_types::genesis::{ChannelGenesis, Policies};
use host_types::grant::Grant;
use host_types::validators::Validator;
use host_types::{Encode, hash};

/// All of it: there are as many epochs as people decided on, and changes that wait are bounded.
pub(crate) async fn list(Seen(api): Seen, Path(name): Path<String>) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let view = api.gateway.epochs(&channel).await?;
    Ok(ok(&document(channel.as_str(), &view)))
}

/// What the channel was made of, as the bytes that its hash is of: whoever knows the hash can check
/// them. They hold no secret: every peer has them.
pub(crate) async fn genesis(Seen(api): Seen, Path(name): Path<String>) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let genesis = api.gateway.epochs(&channel).await?.genesis;
    Ok(ok(&Json::object([
        ("schema", "loopchain.genesis.v1".into()),
        ("channel", channel.as_str().into()),
        ("hash", genesis.hash().to_string().into()),
        ("genesis", hash::to_hex(&genesis.to_bytes()).into()),
    ])))
}

fn document(channel: &str, view: &EpochsView) -> Json {
    let present = view.epochs.current();
    let excluded = |epoch| {
        let names = view.excluded.get(&epoch).map(Vec::as_slice).unwrap_or_default();
        names.iter().map(|name| Json::from(name.as_str())).collect::<Json>()
    };
    let all = view.epochs.all().map(|run| {
        Json::object([
            ("epoch", run.config.epoch.get().into()),
            ("root_height", run.root_height.get().into()),
            ("root", run.root.to_string().into()),
            ("validators", run.config.validators.all().len().into()),
            ("excluded", excluded(run.config.epoch)),
        ])
    });
    let mut document = Json::object([
        ("schema", "loopchain.epochs.v1".into()),
        ("channel", channel.into()),
        ("epoch", present.config.epoch.get().into()),
        ("root_height", present.root_height.get().into()),
        ("excluded", excluded(present.config.epoch)),
        ("present", config(&present.config, &view.genesis)),
    ]);
    if let Some(next) = &view.next {
        document.push("next", config(next, &view.genesis));
    }
    document.push("changes", view.changes.iter().map(change).collect::<Json>());
    document.push("epochs", all.collect::<Json>());
    document
}

/// For people, and in `config` the bytes that its hash is of.
pub(super) fn config(config: &EpochConfig, genesis: &ChannelGenesis) -> Json {
    let parameters = config.rule.parameters.iter();
    let parameters = parameters.map(|(name, value)| (name.clone().into(), value.clone().into()));
    let quorum = u64::try_from(config.validators.quorum_weight()).unwrap_or(u64::MAX);
    Json::object([
        ("epoch", config.epoch.get().into()),
        ("hash", config.hash().to_string().into()),
        ("rule", config.rule.id.as_str().into()),
        ("rule_version", config.rule.version.into()),
        ("parameters", Json::Object(parameters.collect())),
        ("quorum", quorum.into()),
        ("validators", config.validators.all().iter().map(validator).collect()),
        ("block_bytes", config.limits.block_bytes.into()),
        ("block_txs", config.limits.block_txs.into()),
        ("steps_per_block", config.limits.steps_per_block.into()),
        ("policies", policies(config.policies(genesis))),
        ("grants", grants(&config.policies(genesis).grants)),
        ("config", hash::to_hex(&config.to_bytes()).into()),
    ])
}

/// Each in one line, as people write it.
fn policies(policies: &Policies) -> Json {
    let all = policies.all().into_iter();
    let mut fields: Vec<_> =
        all.map(|(name, policy)| (name.into(), policy.to_string().into())).collect();
    fields.push(("v1_gateway".into(), policies.v1_gateway.into()));
    Json::Object(fields)
}

/// By name, each in one line.
fn grants(grants: &[Grant]) -> Json {
    Json::Object(
        grants.iter().map(|one| (one.name.clone().into(), says_grant(one).into())).collect(),
    )
}

fn says_grant(grant: &Grant) -> String {
    let Some(until) = grant.until else { return grant.to_string() };
    format!("{}, until {}", Grant { until: None, ..grant.clone() }, rfc3339(until.get()))
}

fn validator(validator: &Validator) -> Json {
    Json::object([
        ("name", validator.name.as_str().into()),
        ("public_key", hash::to_hex(&validator.public_key).into()),
        ("weight", validator.weight.get().into()),
        ("group", validator.group.as_str().into()),
    ])
}

fn change(view: &ChangeView) -> Json {
    let says = match &view.change {
        Change::Deploy(deploy) => vec![says_deploy(deploy)],
        Change::Configure(configure) => differences(configure),
        Change::Freeze { score } | Change::Unfreeze { score } => vec![score.as_str().to_owned()],
        Change::Revoke { crl } => vec![format!(
            "revocation list of {} bytes, SHA-256 {}",
            crl.len(),
            host_types::Hash32::sha256(crl)
        )],
    };
    Json::object([
        ("id", view.id.to_string().into()),
        ("kind", view.change.kind().into()),
        ("status", if view.is_accepted { "accepted" } else { "open" }.into()),
        ("proposed_at", view.proposed.get().into()),
        ("says", says.iter().map(|line| Json::from(line.as_str())).collect()),
        ("approved", view.approvals.iter().map(|name| Json::from(name.as_str())).collect()),
        ("approved_weight", view.weight.into()),
        ("policy", view.policy.to_string().into()),
        (
            "organisations",
            view.organisations.iter().map(|name| Json::from(name.as_str())).collect(),
        ),
    ])
}

fn says_deploy(deploy: &Deploy) -> String {
    let Deploy { score, version, sha256, .. } = deploy;
    let when = match deploy.activate_at.get() {
        0 => "as soon as it may".to_owned(),
        height => format!("at block {height}"),
    };
    format!("{score} {version} {sha256} {when}")
}

/// One line for each difference.
fn differences(configure: &Configure) -> Vec<String> {
    let mut lines: Vec<String> = configure
        .validators
        .iter()
        .map(|change| match change {
            ValidatorChange::Remove(name) => format!("- {name}"),
            ValidatorChange::Set { validator, .. } => {
                let Validator { name, weight, group, .. } = validator;
                format!("+ {name} weight {} group {group}", weight.get())
            }
        })
        .collect();
    if let Some(rule) = &configure.rule {
        let parameters = rule.parameters.iter().map(|(name, value)| format!(" {name}={value}"));
        lines.push(format!("rule {} {}{}", rule.id, rule.version, parameters.collect::<String>()));
    }
    if let Some(limits) = &configure.limits {
        lines.push(format!(
            "blocks of {} bytes, {} transactions, {} steps",
            limits.block_bytes, limits.block_txs, limits.steps_per_block
        ));
    }
    if let Some(policies) = &configure.policies {
        let all = policies.all().into_iter();
        lines.extend(all.map(|(name, policy)| format!("policy {name}: {policy}")));
        let word = if policies.v1_gateway { "on" } else { "off" };
        lines.push(format!("policy v1_gateway: {word}"));
        let grants = policies.grants.iter();
        lines.extend(grants.map(|one| format!("grant {}: {}", one.name, says_grant(one))));
    }
    lines
}
