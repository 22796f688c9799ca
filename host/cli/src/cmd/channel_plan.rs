//! `channel plan`, `channel apply`, `channel export`: channels.toml as the desired state of channels.
//!
//! In: the file, and what a peer says of its channels. Out: the differences with what they would do to
//! quorum and tolerance and who has to approve; the `configure` change that makes them go away, proposed
//! (with the keys of a local network: in force); or the lines that say what a channel runs with.
//! Deliberately not here: comparing and writing (`host_node::config`), voting (`voting.rs`), proposing
//! (`configure.rs`).

use super::channel_check::{Around, chosen, nodes};
use super::channel_drift::known_file;
use super::voting::Seen;
use super::{Context, Done, configure};
use crate::client::{ChannelInfo, Client};
use crate::failure::Failure;
use crate::network::write_whole;
use crate::output::OK;
use crate::profile;
use host_identity::Action;
use host_node::config::{ChannelPlan, ChannelsFile, Difference, KnownNodes, Means, RunningChannel};
use host_types::fault::Code;
use host_types::genesis::Policy;
use host_types::ids::{ChannelName, NodeName};
use host_types::tolerance::Tolerance;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The file that is meant. `--config` names a file of profiles where a peer is asked.
fn path_of(file: Option<&Path>, context: &Context) -> Result<PathBuf, Failure> {
    file.map(Path::to_path_buf).or_else(|| known_file(context)).ok_or_else(|| {
        let message = "there is no channels.toml here or above";
        Failure::new(Code::ConfigUnreadable, message).with_help(
            "name one: loopchain channel plan FILE; `loopchain channel export -o channels.toml` writes one",
        )
    })
}

/// A peer's view of one channel.
pub(super) fn client_of(name: &ChannelName, context: &Context) -> Result<Client, Failure> {
    let mut target = profile::target(&context.global, &context.data)?;
    target.channel = name.clone();
    Client::sending(&target, context)
}

/// A channel of the file beside its chain.
pub(super) struct Compared {
    name: ChannelName,
    client: Client,
    seen: Seen,
    pub(super) plan: ChannelPlan,
}

/// What a channel runs with, as a peer tells it.
async fn running(client: &Client, around: &Around) -> Result<(RunningChannel, Seen), Failure> {
    let (seen, scores) = tokio::try_join!(Seen::ask(client), async { Ok(client.scores().await?) })?;
    let scores = scores.1.into_iter().map(|one| (one.name, (one.version, one.sha256)));
    let config = seen.base().clone();
    let loaded = around.rules.as_ref().and_then(|rules| rules.any_version(&config.rule).ok());
    let known = loaded.and_then(|rule| rule.parameters().ok()).unwrap_or_default();
    let defaults = known.into_iter().map(|one| (one.name, one.default)).collect();
    let running = RunningChannel {
        genesis: seen.genesis.clone(),
        epoch: seen.present.epoch,
        config,
        scores: scores.collect(),
        defaults,
    };
    Ok((running, seen))
}

/// Compares one channel of the file with its chain.
pub(super) async fn compare(
    file: &ChannelsFile,
    name: &ChannelName,
    around: &Around,
    context: &Context,
) -> Result<Compared, Failure> {
    let client = client_of(name, context)?;
    let (running, seen) = running(&client, around).await?;
    // The network of the data folder may be another one than the peer's.
    let network = around.inputs.as_ref().filter(|i| i.network == seen.genesis.network);
    let network = network.map(|inputs| inputs.validators.as_slice());
    let members = members(file, name, (&running, network.unwrap_or_default()), &client).await?;
    let nodes = KnownNodes { network, members: &members };
    let plan = file.against(name, &running, nodes)?;
    let rule = &plan.wanted.genesis.rule.id;
    if let Some(rules) = around.rules.as_ref().filter(|rules| rules.ids().contains(rule)) {
        file.check_rule(&plan.wanted.genesis, rules)?;
    }
    Ok(Compared { name: name.clone(), client, seen, plan })
}

/// Keys of validators that the file names and that are neither on the chain nor of the network.
async fn members(
    file: &ChannelsFile,
    name: &ChannelName,
    (running, network): (&RunningChannel, &[(NodeName, [u8; 32])]),
    client: &Client,
) -> Result<Vec<(NodeName, [u8; 32])>, Failure> {
    let named = file.named_validators(name)?;
    let mut found = Vec::new();
    for (node, _) in named.iter().flat_map(|inputs| &inputs.validators) {
        let is_known = running.config.validators.index_of(node).is_some()
            || network.iter().any(|(known, _)| known == node);
        if !is_known && let Some(key) = client.member_key(node.as_str()).await? {
            found.push((node.clone(), key));
        }
    }
    Ok(found)
}

/// Channels that the peer has.
async fn there(context: &Context) -> Result<BTreeSet<String>, Failure> {
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let (_, channels) = client.channels().await?;
    Ok(channels.into_iter().map(|info| info.channel).collect())
}

/// `channel plan`
pub(super) async fn plan(file: Option<&Path>, context: &Context) -> Done {
    let path = path_of(file, context)?;
    let file = ChannelsFile::load(&path)?;
    let names = chosen(&file, context.global.channel.as_deref())?;
    let (around, there) = (Around::of(context)?, there(context).await?);
    let (mut documents, mut lines, mut to_do) = (Vec::new(), Vec::new(), 0);
    for name in names {
        if !there.contains(name.as_str()) {
            to_do += 1;
            let (document, people) = new_channel(&file, name, &around)?;
            documents.push(document);
            lines.extend(people);
            continue;
        }
        let compared = compare(&file, name, &around, context).await?;
        to_do += compared.plan.differences.len();
        documents.push(compared.document(&path));
        lines.extend(compared.people(&path));
    }
    let unnamed = there.iter().filter(|name| {
        ChannelName::new(name).is_some_and(|name| !file.channels.contains_key(&name))
    });
    let unnamed: Vec<_> =
        if context.global.channel.is_some() { Vec::new() } else { unnamed.collect() };
    for name in &unnamed {
        context.out.note(&format!("channel {name} runs, and {} does not name it", path.display()));
    }
    if to_do == 0 {
        lines.push(format!("{OK} nothing to do"));
    }
    context.out.either(
        &json!({"schema": "loopchain.channel-plan.v1", "file": path.display().to_string(),
                "is_same": to_do == 0, "channels": documents, "unnamed": unnamed}),
        lines,
    );
    Ok(ExitCode::SUCCESS)
}

/// A channel that is not there yet: what it would be.
fn new_channel(
    file: &ChannelsFile,
    name: &ChannelName,
    around: &Around,
) -> Result<(Value, Vec<String>), Failure> {
    let planned = around.plan(file, name)?;
    let mut lines = vec![format!("channel {name} (new)")];
    if let Some(planned) = &planned {
        lines.extend(super::channel_check::people(planned).into_iter().skip(1));
    }
    lines.push(format!(
        "  {:<12} `loopchain up` that reads this file creates it; elsewhere `channel create`",
        "next"
    ));
    let tolerance = planned.as_ref().map(super::channel_check::machine);
    let document = json!({"channel": name.as_str(), "state": "new", "would_be": tolerance});
    Ok((document, lines))
}

/// Numbers of a set for people, and how they change.
fn effects(before: Option<&Tolerance>, after: &Tolerance) -> Vec<String> {
    let quorum = |t: &Tolerance| format!("{} of {}", t.bounds.quorum, t.bounds.total);
    let faulty = |t: &Tolerance| t.bounds.faulty_max.to_string();
    let halt = |t: &Tolerance| nodes(&t.halt);
    let fork = |t: &Tolerance| nodes(&t.fork);
    type Says<'a> = &'a dyn Fn(&Tolerance) -> String;
    let rows: [(&str, Says<'_>); 4] =
        [("quorum", &quorum), ("tolerates", &faulty), ("could halt", &halt), ("could fork", &fork)];
    let row = |(word, says): (&str, Says<'_>)| match before.map(says) {
        Some(old) if old != says(after) => format!("  {word:<12} {old} → {}", says(after)),
        _ => format!("  {word:<12} {}", says(after)),
    };
    rows.into_iter().map(row).collect()
}

fn numbers(tolerance: &Tolerance) -> Value {
    let bounds = &tolerance.bounds;
    json!({
        "total_weight": bounds.total.to_string(),
        "quorum": bounds.quorum.to_string(),
        "faulty_max": bounds.faulty_max.to_string(),
        "fast_quorum": bounds.fast_quorum.map(|fast| fast.to_string()),
        "halt": super::channel_check::coalition(&tolerance.halt),
        "fork": super::channel_check::coalition(&tolerance.fork),
    })
}

fn one_difference(one: &Difference, path: &Path) -> String {
    let Difference { kind, name, chain, file, means, line } = one;
    let mark = match (means, chain, file) {
        (Means::Never(_), ..) => '!',
        (_, None, _) => '+',
        (_, _, None) => '-',
        _ => '~',
    };
    let says = match (chain, file) {
        (Some(chain), Some(file)) => format!("{chain} → {file}"),
        (one, other) => one.as_ref().or(other.as_ref()).cloned().unwrap_or_default(),
    };
    let place = line.map(|line| format!("{}:{line}", path.display()));
    let why = match (means, place) {
        (Means::Never(why), Some(place)) => format!("   {place}: cannot change: {why}"),
        (Means::Never(why), None) => format!("   cannot change: {why}"),
        _ => String::new(),
    };
    format!("  {mark} {kind:<12} {name}   {says}{why}")
}

fn machine_difference(one: &Difference) -> Value {
    let (means, why) = match one.means {
        Means::Configure => ("configure", None),
        Means::Deploy => ("deploy", None),
        Means::Never(why) => ("never", Some(why)),
    };
    json!({"kind": one.kind, "name": one.name, "chain": one.chain, "file": one.file,
           "changed_by": means, "why": why, "line": one.line})
}

impl Compared {
    fn has_scores(&self) -> impl Iterator<Item = &Difference> {
        self.plan.differences.iter().filter(|one| one.means == Means::Deploy)
    }

    fn people(&self, path: &Path) -> Vec<String> {
        let mut lines = vec![format!("channel {}", self.name)];
        lines.extend(self.plan.differences.iter().map(|one| one_difference(one, path)));
        for score in &self.plan.unnamed {
            lines.push(format!(
                "    {:<12} {score}   the file does not name it; it stays: `loopchain score freeze`",
                "SCORE"
            ));
        }
        if self.plan.is_same() {
            lines.push("  as the file says".to_owned());
            return lines;
        }
        if self.plan.change.is_some() {
            lines.extend(effects(self.plan.before.as_ref(), &self.plan.wanted.tolerance));
            lines.push(format!("  {:<12} {}", "approvals", self.needs(Action::Configure).0));
        }
        if self.has_scores().next().is_some() {
            lines.push(format!("  {:<12} {}", "SCOREs", self.needs(Action::Deploy).0));
        }
        lines.extend(self.plan.wanted.warnings.iter().map(|one| format!("  ! {one}")));
        if self.plan.change.is_some() {
            let next = format!("loopchain channel apply -c {}", self.name);
            lines.push(format!("  {:<12} {next}", "next"));
        }
        lines
    }

    /// Whose approvals a change takes, in words and as members or organisations.
    fn needs(&self, action: Action) -> (String, Value) {
        let policy = self.seen.policy(action);
        let set = &self.seen.present.validators;
        let value = |needs: Value| json!({"policy": policy.to_string(), "needs": needs});
        match policy {
            Policy::Quorum => {
                let (quorum, total) = (set.quorum_weight(), set.total_weight());
                let names: Vec<_> =
                    set.all().iter().map(|v| format!("{} ({})", v.name, v.weight.get())).collect();
                let people =
                    format!("validators of weight {quorum} of {total}: {}", names.join(", "));
                let weights: BTreeMap<_, _> =
                    set.all().iter().map(|v| (v.name.as_str(), v.weight.get())).collect();
                (people, value(json!({"weight": quorum.to_string(), "validators": weights})))
            }
            Policy::Organisations { of, from } => {
                (policy.to_string(), value(json!({"organisations": of, "from": from})))
            }
            Policy::Roles(roles) => {
                (format!("one of {policy}"), value(json!({"members": 1, "from": roles})))
            }
            Policy::Anyone => ("any one member".to_owned(), value(json!({"members": 1}))),
        }
    }

    fn document(&self, path: &Path) -> Value {
        let plan = &self.plan;
        let differences: Vec<_> = plan.differences.iter().map(machine_difference).collect();
        json!({
            "channel": self.name.as_str(),
            "file": path.display().to_string(),
            "state": if plan.is_same() { "same" } else { "differs" },
            "epoch": self.seen.present.epoch.get(),
            "differences": differences,
            "scores_unnamed": plan.unnamed,
            "before": plan.before.as_ref().map(numbers),
            "after": numbers(&plan.wanted.tolerance),
            "approvals": {
                "configure": plan.change.is_some().then(|| self.needs(Action::Configure).1),
                "deploy": self.has_scores().next().map(|_| self.needs(Action::Deploy).1),
            },
            "warnings": plan.wanted.warnings,
            "change": plan.change.as_ref().map(|change| {
                host_types::change::Change::Configure(change.clone()).id().to_string()
            }),
        })
    }
}

/// `channel apply`
pub(super) async fn apply(
    file: Option<&Path>,
    (only_propose, is_forced): (bool, bool),
    context: &Context,
) -> Done {
    let path = path_of(file, context)?;
    let file = ChannelsFile::load(&path)?;
    let names = chosen(&file, context.global.channel.as_deref())?;
    let (around, there) = (Around::of(context)?, there(context).await?);
    // All of it is looked at before any of it is done.
    let (mut plans, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        if there.contains(name.as_str()) {
            plans.push(compare(&file, name, &around, context).await?);
        } else {
            missing.push(name.as_str());
        }
    }
    for name in &missing {
        context.out.note(&format!(
            "channel {name} is not there: `loopchain up` that reads {} creates it, elsewhere \
             `loopchain channel create`",
            path.display()
        ));
    }
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    for compared in &plans {
        for one in &compared.plan.differences {
            match one.means {
                Means::Configure => {}
                Means::Never(_) => context.out.note(one_difference(one, &path).trim_start()),
                Means::Deploy => context.out.note(&format!(
                    "SCORE {}: `loopchain score deploy` makes it active; where `up` reads this file it \
                     does so itself",
                    one.name
                )),
            }
        }
        let done = put_through(compared, (only_propose, is_forced), context).await?;
        lines.push(format!("channel {}: {}", compared.name, done.1));
        let left = compared.plan.differences.iter().filter(|one| one.means != Means::Configure);
        let left: Vec<_> = left.map(machine_difference).collect();
        documents.push(json!({"channel": compared.name.as_str(), "done": done.0, "left": left}));
    }
    context.out.either(
        &json!({"schema": "loopchain.channel-apply.v1", "file": path.display().to_string(),
                "channels": documents, "missing": missing}),
        lines,
    );
    Ok(ExitCode::SUCCESS)
}

async fn put_through(
    compared: &Compared,
    (only_propose, is_forced): (bool, bool),
    context: &Context,
) -> Result<(Value, String), Failure> {
    let Compared { name, client, seen, plan } = compared;
    let Some(change) = plan.change.clone() else {
        return Ok((Value::Null, "nothing to propose".to_owned()));
    };
    let next = configure::made_by(&change, seen.base(), seen)?;
    configure::check(seen, &next, name, context)?;
    let (_, channel) = client.channel().await?;
    if !is_forced {
        is_live(&next.validators, &channel)?;
    }
    let done = configure::put_through(client, seen, (change, &next), only_propose, context).await?;
    Ok((done.document, done.line))
}

/// What [`bring`] did.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    /// The epoch that began; none: nothing of it can change on a chain.
    pub(crate) done: Option<String>,
    /// A line for each difference.
    pub(crate) differences: Vec<String>,
    /// What it did to quorum and tolerance.
    pub(crate) effects: Vec<String>,
}

/// Makes a channel what the file says as far as a `configure` change can, with the keys that are here; `None`
/// when there is nothing to do.
pub(crate) async fn bring(
    file: &ChannelsFile,
    name: &ChannelName,
    context: &Context,
) -> Result<Option<Brought>, Failure> {
    let compared = compare(file, name, &Around::of(context)?, context).await?;
    let ours = compared.plan.differences.iter().filter(|one| one.means != Means::Deploy);
    let differences: Vec<_> = ours.map(|one| one_difference(one, &file.path)).collect();
    if differences.is_empty() {
        return Ok(None);
    }
    let Compared { plan, .. } = &compared;
    if plan.change.is_none() {
        return Ok(Some(Brought { done: None, differences, effects: Vec::new() }));
    }
    let effects = effects(plan.before.as_ref(), &plan.wanted.tolerance);
    let (_, done) = put_through(&compared, (false, false), context).await?;
    let done = done.trim_start_matches(OK).trim_start().to_owned();
    Ok(Some(Brought { done: Some(done), differences, effects }))
}

/// In how many places a file says something else than the chain.
pub(crate) async fn differences(
    file: &ChannelsFile,
    name: &ChannelName,
    context: &Context,
) -> Result<usize, Failure> {
    let compared = compare(file, name, &Around::of(context)?, context).await?;
    Ok(compared.plan.differences.len())
}

/// A set that could not decide as things stand would stop the channel.
fn is_live(
    next: &host_types::validators::ValidatorSet,
    channel: &ChannelInfo,
) -> Result<(), Failure> {
    let is_here = |name: &NodeName| {
        channel.validators.iter().any(|one| one.connected && one.name == name.as_str())
    };
    let (mut here, mut absent) = (Vec::new(), Vec::new());
    for (index, validator) in (0u16..).zip(next.all()) {
        // Whoever joins is no validator yet, and nobody tells whether it runs.
        let joins = channel.validators.iter().all(|one| one.name != validator.name.as_str());
        if joins || is_here(&validator.name) {
            here.push(index);
        } else {
            absent.push(validator.name.as_str());
        }
    }
    let (weight, needed) = (next.said_by(&here), next.quorum_weight());
    if weight >= needed {
        return Ok(());
    }
    let message = format!(
        "channel {}: the next epoch would stand still: weight {weight} of {needed} that are needed \
         is there; absent: {}",
        channel.channel,
        absent.join(", ")
    );
    Err(Failure::new(Code::NoQuorum, message)
        .with_help("start them first, or say `--force` if they will come"))
}

/// `channel export`
pub(super) async fn export(name: Option<&str>, to: Option<&Path>, context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let name = match name {
        None => target.channel,
        Some(name) => ChannelName::new(name).ok_or_else(|| {
            Failure::new(Code::ChannelUnknown, format!("`{name}` is no name of a channel"))
        })?,
    };
    let client = client_of(&name, context)?;
    let (running, seen) = running(&client, &Around::of(context)?).await?;
    let text = format!(
        "# Channel {name} as its chain runs with it{}, epoch {}. Keys, certificates and arguments of\n\
         # `deploy` stand in no file.\n\n{}",
        if seen.next.is_some() { " from the next epoch on" } else { "" },
        running.config.epoch,
        running.to_toml()
    );
    let document = json!({"schema": "loopchain.channel-export.v1", "channel": name.as_str(),
                          "epoch": running.config.epoch.get(), "toml": text,
                          "file": to.map(|path| path.display().to_string())});
    match to {
        None => context.out.either(&document, text.lines().map(str::to_owned)),
        Some(path) => {
            if path.exists() {
                let message = format!("{} exists", path.display());
                return Err(Failure::new(Code::UsageWrong, message)
                    .with_help("name another file, or remove it: nothing is written over"));
            }
            write_whole(path, text.as_bytes())?;
            context.out.either(&document, [format!("{OK} {}", path.display())]);
        }
    }
    Ok(ExitCode::SUCCESS)
}
