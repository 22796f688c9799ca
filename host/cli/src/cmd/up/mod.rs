//! `up`: a whole network on this machine, in one command.
//!
//! In: a data folder (made when there is none), the nearest channels.toml. Out: a RadioStation, peers, a
//! proxy and a log collector as child processes, channels, active SCOREs, a banner; then it watches until it is
//! stopped. Data stays. Deliberately not here: anything of consensus; this is a user of the REST
//! interface like any other, who happens to hold all keys.
//!
//! Where to look next: [`run`] is the order of things; `ready.rs` what ready means.

mod banner;
mod channels;
mod children;
mod deploy;
mod detach;
mod file_changes;
mod launch;
mod plugins;
mod prepare;
mod proxy_and_collector;
mod ready;
mod stop;
mod watch;
mod wishes;

pub(crate) use channels::{genesis, read_genesis, store as store_genesis};
pub(crate) use deploy::vote;
pub(crate) use plugins::{Needed, install_into as install_plugins, released, rules};
pub(crate) use prepare::{ORGANISATIONS, genesis_inputs};

use super::{Context, Done, runtime};
use crate::args::Up;
use crate::client::Client;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::network::{DATA_DEFAULT, DataFolder, Member, NetworkFile, make_folder};
use crate::output::{BAD, Out, WARN};
use crate::profile::Target;
use channels::Plan;
use children::Children;
use host_node::config::ChannelsFile;
use host_types::fault::Code;
use host_types::ids::ChannelName;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use stop::Stop;

/// Exit code of an `up` that was interrupted before it was ready.
const EXIT_INTERRUPTED: u8 = 130;

/// The network that this `up` runs.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// Its folder.
    pub data: DataFolder,
    /// Its members.
    pub network: NetworkFile,
    /// Where to print.
    pub out: Out,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A validator whose key is here.
#[derive(Debug)]
pub(crate) struct LocalValidator {
    /// Its key and certificate.
    pub identity: Identity,
    /// Its REST interface.
    pub url: String,
}

impl Local {
    /// A peer's view of a channel.
    pub(crate) fn client(&self, channel: &ChannelName, url: &str) -> Result<Client, Failure> {
        let (endpoint, channel) = (url.to_owned(), channel.clone());
        Client::new(&Target { endpoint, channel, identity: None }, self.timeout, self.out)
    }

    /// The view of the first peer that has the channel.
    pub(crate) fn any_client(&self, channel: &ChannelName) -> Result<Client, Failure> {
        let names = self.validator_names(channel);
        let is_member = |peer: &&Member| names.contains(&format!("{}/{}", peer.org, peer.name));
        let peer = self.network.peers().find(is_member);
        let url = peer.or_else(|| self.network.peers().next()).map(Member::url);
        self.client(channel, &url.unwrap_or_default())
    }

    /// Names of the validators of a channel; none when it has no genesis yet.
    pub(crate) fn validator_names(&self, channel: &ChannelName) -> Vec<String> {
        let genesis = channels::genesis(&self.data, channel).ok().flatten();
        let validators = genesis.iter().flat_map(|genesis| genesis.validators.all());
        validators.map(|validator| validator.name.to_string()).collect()
    }

    /// The validators of a channel with their keys.
    pub(crate) fn validators_of(
        &self,
        channel: &ChannelName,
    ) -> Result<Vec<LocalValidator>, Failure> {
        let genesis = channels::genesis(&self.data, channel)?;
        let mut found = Vec::new();
        let all = genesis.iter().flat_map(|genesis| genesis.validators.all());
        for validator in all {
            let is_it =
                |peer: &&Member| format!("{}/{}", peer.org, peer.name) == validator.name.as_str();
            if let Some(peer) = self.network.peers().find(is_it) {
                let key = self.data.join(&peer.home).join("pki/sign.key");
                let identity = Identity::load(&key)?;
                found.push(LocalValidator { identity, url: peer.url() });
            }
        }
        Ok(found)
    }
}

impl Needed {
    /// What a channels.toml uses.
    pub(crate) fn of(file: &ChannelsFile) -> Self {
        let rules: BTreeSet<_> = file.channels.values().map(|entry| entry.rule.clone()).collect();
        let scores: BTreeSet<_> =
            file.channels.values().flat_map(|entry| entry.score.keys().cloned()).collect();
        Self { rules: rules.into_iter().collect(), scores: scores.into_iter().collect() }
    }

    /// Without what another one has.
    pub(crate) fn without(mut self, other: &Self) -> Self {
        self.rules.retain(|rule| !other.rules.contains(rule));
        self.scores.retain(|score| !other.scores.contains(score));
        self
    }
}

/// Runs `up`.
pub(crate) fn up(up: &Up, context: &Context) -> Done {
    let given = context.global.data.clone();
    let data = DataFolder::at(given.unwrap_or_else(|| DATA_DEFAULT.into()));
    make_folder(data.path())?;
    if up.detach && !up.detached {
        return detach::start(&data, context);
    }
    runtime()?.block_on(run(up, context, data))
}

async fn run(up: &Up, context: &Context, data: DataFolder) -> Done {
    let _lock = data.lock()?;
    let stop = Stop::watch(&data, up.detached)?;
    let path = channels::find(context.global.config.as_deref(), &data)?;
    // Before it is read: a change in between is then read twice, and never missed.
    let read_at = watch::modified(&path);
    let file = channels::load(&path)?;
    let is_new = data.network()?.is_none();
    for line in banner::head(data.path(), &path, is_new) {
        context.out.line(&line);
    }
    let started = Instant::now();
    let wanted = prepare::Wanted {
        peers: up.peers,
        base_port: up.base_port,
        certificates_last: up.certificates_last,
    };
    let (network, _) = prepare::network(&data, wanted)?;
    let organisations = network.organisations.len();
    context.out.line(&banner::timed(
        "keys and certificates",
        &format!("dev CA, {organisations} organisations"),
        started.elapsed(),
    ));
    let (out, timeout) = (context.out, context.global.timeout);
    let local = Local { data, network, out, timeout };
    let plan = plan(&local, &file)?;
    let parts = launch::Parts::of(&local, up, context)?;
    let mut children = Children::new(&local.data);
    let served = tokio::select! {
        served = serve((&local, &parts, context), (up, is_new, read_at), (file, plan), &mut children) => {
            Some(served)
        }
        () = stop.requested() => None,
    };
    let is_ready = children.is_ready();
    finish(&local, &stop, &mut children).await;
    match served {
        Some(Err(failure)) => Err(failure),
        None if !is_ready => Ok(ExitCode::from(EXIT_INTERRUPTED)),
        Some(Ok(())) | None => Ok(ExitCode::SUCCESS),
    }
}

fn plan(local: &Local, file: &ChannelsFile) -> Result<Plan, Failure> {
    let inputs = genesis_inputs(&local.data, &local.network)?;
    channels::plan(&local.data, file, &inputs)
}

/// Installs what the file needs, checks the rules, then writes: in this order, because what stands
/// in a genesis cannot be corrected. Gives the channels that can run.
async fn make_channels(
    local: &Local,
    (file, mut plan): (&ChannelsFile, Plan),
    needed: Needed,
) -> Result<(ChannelsFile, Plan), Failure> {
    install(local, needed).await?;
    plan.check_rules(&local.data, file)?;
    for warning in &plan.warnings {
        local.out.announce(&format!("  {WARN} {warning}"));
    }
    for (channel, _) in &plan.states {
        if let Some(why) = plan.stuck.get(channel) {
            local.out.announce(&format!("  {BAD} channel {channel} does not start: {why}"));
        }
    }
    plan.store(&local.data)?;
    let mut runs = file.clone();
    runs.channels.retain(|channel, _| !plan.stuck.contains_key(channel));
    if let Some(why) = plan.stuck.values().next().filter(|_| runs.channels.is_empty()) {
        return Err(Failure::new(Code::RuleRefused, format!("no channel can start: {why}")));
    }
    Ok((runs, plan))
}

/// Starts everything; with `--once` returns when it is ready, else never by itself.
async fn serve(
    (local, parts, context): (&Local, &launch::Parts, &Context),
    (up, is_new, read_at): (&Up, bool, Option<SystemTime>),
    (file, plan): (ChannelsFile, Plan),
    children: &mut Children,
) -> Result<(), Failure> {
    let (file, plan) = make_channels(local, (&file, plan), Needed::of(&file)).await?;
    let profile = channels::profile_channel(&file).map(ChannelName::as_str).unwrap_or_default();
    prepare::write_profile(&local.data, &local.network, profile)?;
    let launched = Instant::now();
    launch::run(local, &file, parts, children).await?;
    let mut attempts = wishes::Attempts::new();
    let readied = ready::channels(local, &file, &mut attempts, launched);
    let readied = ready::within(local, readied);
    let channels = Box::pin(ready::unless_one_dies(local, children, readied)).await?;
    children.set_ready()?;
    let has = |channel: Option<&ChannelName>, score: &str| {
        let found =
            channels.iter().find(|(info, _)| channel.is_some_and(|c| c.as_str() == info.channel));
        found.is_some_and(|(_, scores)| scores.iter().any(|active| active.name == score))
    };
    let default = ChannelName::new("loopchain_default");
    let foot = banner::foot(
        local,
        has(channels::profile_channel(&file), "token"),
        has(default.as_ref(), "notary"),
    );
    let took = launched.elapsed();
    let document = banner::document(local, is_new, (&channels, parts.helpers()), took);
    local.out.either(&document, foot);
    if !up.once {
        file_changes::tell(local, &file, &plan, context).await;
        watch::run((local, context), (file, read_at), attempts, children).await;
    }
    Ok(())
}

/// Builds or copies what is needed, off the runtime's threads, with progress.
async fn install(local: &Local, needed: Needed) -> Result<(), Failure> {
    let (data, out) = (local.data.clone(), local.out);
    let built = tokio::task::spawn_blocking(move || {
        let progress = out.progress("building");
        let done = plugins::install(&data, &needed, &mut |line| progress.tell(line));
        progress.finish("rules and SCOREs built");
        done
    });
    built.await.map_err(|error| Failure::new(Code::Internal, error.to_string()))?
}

/// Stops the children in order; at once when asked again.
async fn finish(local: &Local, stop: &Stop, children: &mut Children) {
    let has_any = children.has_any();
    if has_any {
        local.out.announce("  stopping");
    }
    let kill = children.kill();
    let stopped = children.stop();
    tokio::pin!(stopped);
    tokio::select! {
        () = &mut stopped => {}
        () = stop.insisted() => {
            kill();
            stopped.await;
        }
    }
    // Who reads it later sees that nothing runs, because the lock is gone.
    std::fs::remove_file(local.data.join("run.json")).ok();
    std::fs::remove_file(local.data.join(super::down::STOP_FILE)).ok();
    if has_any {
        local.out.line(&format!("  stopped; data stays in {}", local.data.path().display()));
    }
}

fn refused_line(path: &Path, why: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("  {BAD} {name} is not used: {why}")
}

fn failed_line(channel: &ChannelName, score: &str, failure: &Failure) -> String {
    let (code, message) = (failure.code(), failure.message());
    format!("  {BAD} SCORE {score} on channel {channel}: {code}: {message}")
}
