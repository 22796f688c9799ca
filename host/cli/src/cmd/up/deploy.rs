//! Activates SCOREs on the channels of a local network, by the votes that the channels ask for.
//!
//! In: a channel, an artefact of the drop-in folder. Out: the version is active. `up` holds the
//! keys of all validators, so it signs `propose` with one and `approve` with the others; that each
//! holds the artefact the validators' nodes say themselves (`ready`).

use super::Local;
use super::channels::genesis;
use super::plugins::Artefact;
use crate::client::{ChannelInfo, Client, ScoreInfo, TxInfo};
use crate::cmd::call;
use crate::cmd::voting::{Seen, vote_in, voters};
use crate::failure::Failure;
use crate::identity::{AddressBook, Identity};
use crate::sign::Call;
use host_identity::Action;
use host_node::config::ScoreEntry;
use host_node::scores::unmetered;
use host_types::change::{Change, Deploy, SystemCall};
use host_types::fault::Code;
use host_types::hash::Hash32;
use host_types::height::Height;
use host_types::ids::{Address, ChannelName, ScoreName};
use host_types::manifest::Manifest;
use host_web::arguments::CallKind;
use score_native_link::build::TARGET;
use std::time::{Duration, Instant};

/// How long one step (a vote, readiness of the validators) may take.
pub(crate) const STEP_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether a version is active.
const POLL: Duration = Duration::from_millis(50);
/// Arguments of a SCORE that has no `deploy` method: none.
const NO_ARGUMENTS: [u8; 1] = [0x80];

/// A SCORE that should be active on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// What channels.toml says of it.
    pub entry: &'a ScoreEntry,
    /// The file.
    pub artefact: &'a Artefact,
    /// Whether no version was active before; only then `deploy` runs.
    pub is_first: bool,
}

impl Wish<'_> {
    /// What channels.toml pins and the file does not meet.
    fn check(&self) -> Result<(), Failure> {
        let manifest = &self.artefact.manifest;
        for (what, pinned, found) in [
            ("version", &self.entry.version, &manifest.version),
            ("sha256", &self.entry.sha256, &self.artefact.sha256),
        ] {
            if !pinned.is_empty() && pinned != found {
                let message = format!(
                    "channel {}: SCORE {} in the plugin folder has {what} {found}, \
                     channels.toml wants {pinned}",
                    self.channel, manifest.name
                );
                return Err(Failure::new(Code::ScoreRefused, message)
                    .with_help("drop the file that is wanted, or correct channels.toml"));
            }
        }
        Ok(())
    }

    /// The validators would not say `ready` for it: told here at once.
    fn check_metering(&self, local: &Local) -> Result<(), Failure> {
        let metered = self.artefact.metered;
        let is_required = genesis(&local.data, self.channel)?.is_some_and(|g| g.metering_required);
        if !is_required || metered.is_metered() {
            return Ok(());
        }
        let Manifest { name, version, .. } = &self.artefact.manifest;
        Err(Failure::new(Code::ScoreRefused, unmetered(self.channel, (name, version), metered)))
    }
}

/// Makes a version active; gives it as the channel tells it.
pub(crate) async fn activate(local: &Local, wish: Wish<'_>) -> Result<ScoreInfo, Failure> {
    wish.check()?;
    wish.check_metering(local)?;
    let validators = local.validators_of(wish.channel)?;
    let Some(any) = validators.first() else {
        let message = format!("channel {} has no validator here", wish.channel);
        return Err(Failure::new(Code::NoQuorum, message));
    };
    // Any peer takes anybody's vote; this one is known to answer.
    let client = local.client(wish.channel, &any.url)?;
    let (_, channel) = client.channel().await?;
    // Who votes now: set and policies of the genesis may have changed since.
    let seen = Seen::ask(&client).await?;
    let voters = voters(&seen, Action::Deploy, &local.data)?;
    let change = Change::Deploy(deploy(local, &client, wish).await?);
    vote_in(&client, &channel, &seen, change, &voters).await?;
    until_active(&client, wish).await
}

async fn deploy(local: &Local, client: &Client, wish: Wish<'_>) -> Result<Deploy, Failure> {
    let manifest = &wish.artefact.manifest;
    let deployer = &wish.entry.deployer;
    let book = AddressBook::of(&local.data);
    let address = match Address::parse(deployer).or_else(|| book.address(deployer)) {
        Some(address) => address,
        None => client.member_address(deployer).await?.ok_or_else(|| {
            let message = format!(
                "channel {}: deployer `{deployer}` of SCORE {} is nobody here",
                wish.channel, manifest.name
            );
            Failure::new(Code::IdentityUnknown, message)
        })?,
    };
    let given = serde_json::to_value(&wish.entry.deploy)
        .map_err(|error| Failure::new(Code::ConfigBadValue, error.to_string()))?;
    let method = manifest.methods.iter().find(|method| method.kind == "deploy");
    let args = match method.filter(|_| wish.is_first) {
        Some(method) => {
            let called = (CallKind::Deploy, method.name.as_str());
            call::encode(client, &book, manifest, called, &given).await?
        }
        None if !wish.is_first || wish.entry.deploy.is_empty() => NO_ARGUMENTS.to_vec(),
        None => {
            let message = format!("SCORE {} takes no `deploy` arguments", manifest.name);
            return Err(Failure::new(Code::ArgumentsWrong, message));
        }
    };
    let odd = |what: &str| Failure::new(Code::ScoreRefused, format!("a SCORE with an odd {what}"));
    Ok(Deploy {
        score: ScoreName::new(&manifest.name).ok_or_else(|| odd("name"))?,
        version: manifest.version.clone(),
        sha256: Hash32::from_hex(&wish.artefact.sha256).ok_or_else(|| odd("digest"))?,
        target: TARGET.to_owned(),
        activate_at: Height::ZERO,
        args,
        deployer: address,
    })
}

/// Sends one system transaction and waits for it. That somebody did the same before is no error.
pub(crate) async fn vote(
    client: &Client,
    channel: &ChannelInfo,
    identity: &Identity,
    call: &SystemCall,
) -> Result<(), Failure> {
    let signed = Call::system(channel.genesis()?, call)?.sign(identity)?;
    let (_, info) = client.submit_and_wait(&signed, STEP_WITHIN).await?;
    if info.state != "final" {
        return Err(not_final(&channel.channel, call.method(), &info));
    }
    let Some(receipt) = &info.receipt else { return Ok(()) };
    let message = receipt.message.clone().unwrap_or_default();
    if receipt.status == "ok" || message.contains("proposed before") {
        return Ok(());
    }
    let message = format!("channel {}: system.{}: {message}", channel.channel, call.method());
    Err(Failure::new(Code::SystemRefused, message))
}

fn not_final(channel: &str, what: &str, info: &TxInfo) -> Failure {
    let why = info.error.as_ref().map_or_else(
        || format!("not final after {} s", STEP_WITHIN.as_secs()),
        |error| error.message.clone(),
    );
    Failure::new(Code::NoQuorum, format!("channel {channel}: system.{what}: {why}"))
        .with_help("`loopchain status` tells which validators are missing")
}

async fn until_active(client: &Client, wish: Wish<'_>) -> Result<ScoreInfo, Failure> {
    let end = Instant::now() + STEP_WITHIN;
    let name = &wish.artefact.manifest.name;
    loop {
        let (_, scores) = client.scores().await?;
        let is_it =
            |score: &&ScoreInfo| score.name == *name && score.sha256 == wish.artefact.sha256;
        if let Some(score) = scores.iter().find(is_it) {
            return Ok(score.clone());
        }
        let (_, versions) = client.versions(name).await?;
        let mut came_to = versions.iter().filter(|one| one.sha256 == wish.artefact.sha256);
        if let Some(one) = came_to.find(|one| one.state == "failed") {
            let reason = one.reason.clone().unwrap_or_default();
            let message = format!(
                "channel {}: SCORE {name} {} is not active, the version before goes on: {reason}",
                wish.channel, one.version
            );
            return Err(Failure::new(Code::ScoreTrap, message));
        }
        if Instant::now() >= end {
            let message = format!(
                "channel {}: SCORE {name} was accepted but is not active after {} s: too few \
                 validators hold its file",
                wish.channel,
                STEP_WITHIN.as_secs()
            );
            return Err(Failure::new(Code::ArtefactMissing, message)
                .with_help("`loopchain logs` tells what the peers say of the file"));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// One transaction that changes nothing, to see that the network finalises: a data transaction
/// where a SCORE takes any, else an approval of a change that nobody proposed, which is refused.
pub(crate) async fn smoke(local: &Local, channel: &ChannelName) -> Result<(), Failure> {
    let validators = local.validators_of(channel)?;
    let Some(first) = validators.first() else { return Ok(()) };
    let client = local.client(channel, &first.url)?;
    let (_, info) = client.channel().await?;
    let (_, scores) = client.scores().await?;
    for score in scores {
        let (_, _, manifest) = client.score(&score.name).await?;
        if manifest.is_some_and(|manifest| manifest.any.invoke) {
            let alice = Identity::find(&local.data, "alice")?;
            let name = ScoreName::new(&score.name)
                .ok_or_else(|| Failure::new(Code::ScoreUnknown, score.name.clone()))?;
            let args = host_web::arguments::catch_all("{\"data\": \"loopchain up\"}");
            let call = Call { genesis: info.genesis()?, score: name, method: "data".into(), args };
            return finalised(&client, &info, call, &alice).await;
        }
    }
    let call = Call::system(info.genesis()?, &SystemCall::Approve { id: Hash32::ZERO })?;
    finalised(&client, &info, call, &first.identity).await
}

async fn finalised(
    client: &Client,
    channel: &ChannelInfo,
    call: Call,
    identity: &Identity,
) -> Result<(), Failure> {
    let signed = call.sign(identity)?;
    let (_, info) = client.submit_and_wait(&signed, STEP_WITHIN).await?;
    if info.state == "final" { Ok(()) } else { Err(not_final(&channel.channel, "smoke", &info)) }
}
