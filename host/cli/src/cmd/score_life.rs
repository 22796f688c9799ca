//! `score deploy|upgrade|approve|vote|freeze|unfreeze`: changes about SCOREs.
//!
//! In: which version or SCORE, and the keys of a local network or one identity. Out: a change that is
//! proposed and, with enough keys, accepted; what became of it. What would be refused on the chain is
//! refused here first where it can be told. Deliberately not here: copying files to the machines of
//! others: each operator drops the file, or its peer fetches it by its digest.

use super::score_gate::Shown;
use super::voting::{Seen, named, vote_in, voters};
use super::{Context, Done, call, configure, score_gate, score_peers, score_versions};
use crate::args_life::{Deploy as Wanted, Freeze, LifeCommand, RehearseFirst};
use crate::client::{Client, VersionInfo};
use crate::failure::Failure;
use crate::identity::{AddressBook, Identity};
use crate::network::write_whole;
use crate::output::OK;
use host_identity::Action;
use host_types::change::{Change, Deploy};
use host_types::fault::Code;
use host_types::hash::Hash32;
use host_types::height::Height;
use host_types::ids::{Address, ScoreName};
use host_types::manifest::Manifest;
use host_web::arguments::CallKind;
use score_native_link::build::TARGET;
use score_native_link::{CheckedScore, check, hex};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often it is looked what became of a change.
const POLL: Duration = Duration::from_millis(50);
/// How long a peer may take to notice a file in its folder and check it.
const FOUND_WITHIN: Duration = Duration::from_secs(15);
/// Arguments of a SCORE that takes none.
/// How long a peer that has just started, or a file that was just dropped, may keep `deploy` waiting.
const FOLDER_READ_WITHIN: Duration = Duration::from_secs(3);
const NO_ARGUMENTS: [u8; 1] = [0x80];

/// Runs it.
pub(super) async fn run(command: LifeCommand, context: &Context) -> Done {
    match command {
        LifeCommand::List => score_versions::list(context).await,
        LifeCommand::Show { name, peers: false, .. } => score_versions::show(&name, context).await,
        LifeCommand::Show { name, radiostation, .. } => {
            score_peers::show(&name, radiostation.as_deref(), context).await
        }
        LifeCommand::Deploy(wanted) => deploy(&wanted, None, context).await,
        LifeCommand::Upgrade(upgrade) => {
            let wanted = Wanted {
                version: upgrade.version,
                at: Some(upgrade.at),
                how: upgrade.how,
                args: "{}".to_owned(),
                deployer: None,
            };
            deploy(&wanted, Some(&upgrade.rehearsal), context).await
        }
        LifeCommand::Approve { id } => vote(&id, true, context).await,
        LifeCommand::Vote { id, approve } => vote(&id, approve, context).await,
        LifeCommand::Freeze(wanted) => freeze(&wanted, true, context).await,
        LifeCommand::Unfreeze(wanted) => freeze(&wanted, false, context).await,
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Code::UsageWrong, message)
}

/// An upgrade, when there is something that it has to show first.
async fn deploy(wanted: &Wanted, first: Option<&RehearseFirst>, context: &Context) -> Done {
    let (client, identity) = configure::client(context)?;
    let rehearsal = match first {
        Some(first) => score_gate::pass(&wanted.version, first, (&client, context)).await?,
        None => None,
    };
    let version = awaited(&wanted.version, &client, context).await?;
    let (_, versions) = client.all_versions().await?;
    let is_active = |one: &&VersionInfo| one.score == version.score && one.state == "active";
    let active = versions.iter().find(is_active);
    if first.is_some() && active.is_none() {
        let message = format!("SCORE {} is not active on {}", version.score, client.channel_name());
        return Err(Failure::new(Code::ScoreUnknown, message)
            .with_help("`loopchain score deploy` makes a first version active"));
    }
    let seen = Seen::ask(&client).await?;
    let signers =
        signers(wanted.how.propose, identity.as_deref(), (&seen, Action::Deploy), context)?;
    let Some(proposer) = signers.first() else {
        return Err(Failure::new(Code::NoQuorum, "no validator's key is here"));
    };
    let shown = score_gate::shown(rehearsal.as_ref(), context).await?;
    let (_, channel) = client.channel().await?;
    let at = height(wanted.at.as_deref(), channel.height)?;
    let change = Change::Deploy(Deploy {
        score: ScoreName::new(&version.score).ok_or_else(|| wrong("an odd name of a SCORE"))?,
        version: version.version.clone(),
        sha256: Hash32::from_hex(&version.sha256).ok_or_else(|| wrong("an odd digest"))?,
        target: TARGET.to_owned(),
        activate_at: Height::new(at),
        args: arguments(wanted, &version, active.is_none(), (&client, context)).await?,
        deployer: deployer(wanted.deployer.as_deref(), proposer, (&client, context)).await?,
    });
    let id = change.id();
    vote_in(&client, &channel, &seen, change, &signers).await?;
    // Whose approval suffices is for the channel's policy to say.
    let now = with_manifest(&client, &version).await?;
    let is_accepted = !matches!(now.state.as_str(), "installed" | "staged");
    let waits = wanted.how.wait || (is_accepted && at == 0 && !wanted.how.propose);
    let end = if waits { Some(until_decided(&client, &version, context).await?) } else { None };
    tell(&client, (&version, &id, at), (is_accepted, end.as_ref()), shown, context);
    Ok(ExitCode::SUCCESS)
}

fn tell(
    client: &Client,
    (version, id, at): (&VersionInfo, &Hash32, u64),
    (is_accepted, end): (bool, Option<&VersionInfo>),
    shown: Shown,
    context: &Context,
) {
    let status = match end {
        Some(_) => "active",
        None if is_accepted => "approved",
        None => "open",
    };
    let VersionInfo { score, version, sha256, .. } = version;
    let short = id.to_string().get(..12).unwrap_or_default().to_owned();
    let line = match end.and_then(|end| end.height) {
        Some(since) => format!("{OK} {score} {version} is active since block {since}"),
        None if is_accepted => format!(
            "{OK} change {id} is accepted: {score} {version} becomes active {} if validators of \
             weight q hold it; `loopchain score show {score}` tells who does",
            if at == 0 { "as soon as it may,".to_owned() } else { format!("in block {at},") }
        ),
        None => format!(
            "{OK} change {id} is proposed; approve it with `loopchain score approve {short}`"
        ),
    };
    let mut document = json!({
        "schema": "loopchain.score-change.v1",
        "channel": client.channel_name().as_str(),
        "change": id.to_string(),
        "kind": "deploy",
        "status": status,
        "score": score,
        "version": version,
        "sha256": sha256,
        "activate_at": at,
        "active_since": end.and_then(|end| end.height),
    });
    if !shown.document.is_null() {
        document["rehearsal"] = shown.document;
    }
    context.out.either(&document, shown.lines.into_iter().chain([line]));
}

/// Nobody approves a version by a name that its file does not have.
async fn vote(id: &str, approve: bool, context: &Context) -> Done {
    let (client, _) = configure::client(context)?;
    let (_, versions) = client.all_versions().await?;
    let is_it = |one: &&VersionInfo| one.change.as_ref().is_some_and(|full| full.starts_with(id));
    if let Some(found) = versions.iter().find(is_it).filter(|_| approve) {
        let found = with_manifest(&client, found).await?;
        says_what_it_is(&found, found.manifest()?.as_ref())?;
    }
    configure::vote(id, approve, context).await
}

fn says_what_it_is(change: &VersionInfo, file: Option<&Manifest>) -> Result<(), Failure> {
    let Some(file) = file.filter(|file| file.version != change.version) else { return Ok(()) };
    let VersionInfo { score, version, sha256, .. } = change;
    let message = format!(
        "the change says {score} {version}, the file {sha256} says {} {}",
        file.name, file.version
    );
    Err(Failure::new(Code::ScoreRefused, message)
        .with_help("ask who proposed it; do not approve what its name does not tell"))
}

/// Who signs: with `--propose` the one that is named, else all whose keys are here.
pub(super) fn signers(
    is_proposal: bool,
    identity: Option<&str>,
    (seen, action): (&Seen, Action),
    context: &Context,
) -> Result<Vec<Identity>, Failure> {
    if is_proposal {
        return Ok(vec![named(identity, context)?]);
    }
    voters(seen, action, &context.data)
}

/// The version that is meant, also when the peer has not read its plugin folder yet.
async fn awaited(given: &str, client: &Client, context: &Context) -> Result<VersionInfo, Failure> {
    let end = Instant::now() + FOLDER_READ_WITHIN;
    loop {
        match find(given, client, context).await {
            Err(failure) if failure.code() == Code::ArtefactMissing && Instant::now() < end => {
                tokio::time::sleep(POLL).await;
            }
            found => return found,
        }
    }
}

/// The version that is meant: of a file, by name and version, or by digest.
pub(super) async fn find(
    given: &str,
    client: &Client,
    context: &Context,
) -> Result<VersionInfo, Failure> {
    if given.ends_with(".so") {
        return of_file(Path::new(given), client, context).await;
    }
    let (_, versions) = client.all_versions().await?;
    let is_it = |one: &&VersionInfo| match given.split_once('@') {
        Some((name, version)) => one.score == name && one.version == version,
        None => given.len() >= 8 && one.sha256.starts_with(given),
    };
    let mut found = versions.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(one), None) => with_manifest(client, one).await,
        (None, _) => Err(Failure::new(
            Code::ArtefactMissing,
            format!("the peer knows no version `{given}`"),
        )
        .with_help("`loopchain score list` shows those it knows; drop the file into its plugins folder, or name the .so file")),
        (Some(_), Some(_)) => Err(wrong(format!("several versions are `{given}`"))
            .with_help("name the SHA-256 of the one that is meant: `loopchain score list`")),
    }
}

async fn with_manifest(client: &Client, one: &VersionInfo) -> Result<VersionInfo, Failure> {
    let (_, versions) = client.versions(&one.score).await?;
    let same = versions.into_iter().find(|other| other.sha256 == one.sha256);
    Ok(same.unwrap_or_else(|| one.clone()))
}

/// A file that a peer would take.
pub(super) fn checked(path: &Path) -> Result<(Vec<u8>, CheckedScore), Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let checked = check(&bytes).map_err(|findings| {
        let first = findings.first().map(ToString::to_string).unwrap_or_default();
        Failure::new(Code::ScoreRefused, format!("{}: {first}", path.display()))
            .with_help("`loopchain score check FILE` lists every finding")
    })?;
    Ok((bytes, checked))
}

/// The file is checked here as each peer will; on a local network it is dropped for the peers when none
/// of them holds it.
async fn of_file(path: &Path, client: &Client, context: &Context) -> Result<VersionInfo, Failure> {
    let (bytes, checked) = checked(path)?;
    let (name, digest) = (&checked.manifest.name, hex(&checked.sha256));
    if let Some(found) = held(client, name, &digest).await? {
        return Ok(found);
    }
    let folder = context.data.join("plugins");
    if !folder.is_dir() {
        let message = format!("the peer does not hold {name} {}", checked.manifest.version);
        return Err(Failure::new(Code::ArtefactMissing, message)
            .with_help("drop the file into the plugins folder of a peer, then try again"));
    }
    let file = format!("lib{name}-{}.so", checked.manifest.version);
    write_whole(&folder.join(file), &bytes)?;
    let end = Instant::now() + FOUND_WITHIN;
    loop {
        if let Some(found) = held(client, name, &digest).await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            let message = format!("the peer has not taken {} up", path.display());
            return Err(Failure::new(Code::ArtefactMissing, message)
                .with_help("`loopchain score list` tells what it says of the file"));
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn held(client: &Client, name: &str, sha256: &str) -> Result<Option<VersionInfo>, Failure> {
    match client.versions(name).await {
        Ok((_, versions)) => Ok(versions.into_iter().find(|one| one.here && one.sha256 == sha256)),
        Err(failure) if failure.code() == Code::ScoreUnknown => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// A height, or so many blocks from now.
fn height(at: Option<&str>, now: u64) -> Result<u64, Failure> {
    let Some(at) = at else { return Ok(0) };
    let odd = || wrong(format!("`{at}` is no height: a number above {now}, or +N blocks"));
    let height = match at.strip_prefix('+') {
        Some(more) => more.parse().ok().and_then(|more: u64| now.checked_add(more)),
        None => at.parse().ok(),
    };
    height.filter(|height| *height > now).ok_or_else(odd)
}

/// Arguments of `deploy`, for the first version of a SCORE.
async fn arguments(
    wanted: &Wanted,
    version: &VersionInfo,
    is_first: bool,
    (client, context): (&Client, &Context),
) -> Result<Vec<u8>, Failure> {
    let given: Value = serde_json::from_str(&wanted.args)
        .map_err(|error| wrong(format!("`--args` is not JSON: {error}")))?;
    let has_some = given.as_object().is_none_or(|fields| !fields.is_empty());
    let manifest: Option<Manifest> = version.manifest()?;
    let method = manifest.as_ref().and_then(|manifest| manifest.method("deploy", "deploy"));
    match (method.filter(|_| is_first), &manifest) {
        (Some(method), Some(manifest)) => {
            let book = AddressBook::of(&context.data);
            let called = (CallKind::Deploy, method.name.as_str());
            call::encode(client, &book, manifest, called, &given).await
        }
        _ if has_some => {
            let message = format!("SCORE {} takes no `deploy` arguments now", version.score);
            Err(Failure::new(Code::ArgumentsWrong, message))
        }
        _ => Ok(NO_ARGUMENTS.to_vec()),
    }
}

async fn deployer(
    given: Option<&str>,
    proposer: &Identity,
    (client, context): (&Client, &Context),
) -> Result<Address, Failure> {
    let Some(name) = given else { return Ok(Address::of_key(&proposer.key.public())) };
    let book = AddressBook::of(&context.data);
    match Address::parse(name).or_else(|| book.address(name)) {
        Some(address) => Ok(address),
        None => client.member_address(name).await?.ok_or_else(|| {
            Failure::new(Code::IdentityUnknown, format!("`{name}` is nobody on the channel"))
        }),
    }
}

async fn until_decided(
    client: &Client,
    wanted: &VersionInfo,
    context: &Context,
) -> Result<VersionInfo, Failure> {
    let end = Instant::now() + context.global.timeout;
    loop {
        let (_, versions) = client.versions(&wanted.score).await?;
        let found = versions.into_iter().find(|one| one.sha256 == wanted.sha256);
        let state = found.as_ref().map_or("-", |one| one.state.as_str());
        let VersionInfo { score, version, .. } = wanted;
        match (state, found.as_ref()) {
            ("active", Some(one)) => return Ok(one.clone()),
            (word @ ("cancelled" | "failed"), Some(one)) => {
                let reason = one.reason.clone().unwrap_or_default();
                let code = if word == "failed" { Code::ScoreTrap } else { Code::ArtefactMissing };
                return Err(Failure::new(code, format!("{score} {version} {word}: {reason}"))
                    .with_help("correct it, then propose it again: what was active stays"));
            }
            _ if Instant::now() >= end => {
                let message = format!(
                    "{score} {version} is {state} after {} s",
                    context.global.timeout.as_secs()
                );
                return Err(Failure::new(Code::NotFinalYet, message).with_help(format!(
                    "`loopchain score show {score}` tells who approved it and who is ready"
                )));
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

async fn freeze(wanted: &Freeze, freezes: bool, context: &Context) -> Done {
    let (client, identity) = configure::client(context)?;
    let score = ScoreName::new(&wanted.name)
        .ok_or_else(|| wrong(format!("`{}` is no name of a SCORE", wanted.name)))?;
    let change = if freezes { Change::Freeze { score } } else { Change::Unfreeze { score } };
    let seen = Seen::ask(&client).await?;
    let signers = signers(wanted.propose, identity.as_deref(), (&seen, Action::Admin), context)?;
    let (_, channel) = client.channel().await?;
    let (id, kind) = (change.id(), change.kind());
    vote_in(&client, &channel, &seen, change, &signers).await?;
    let waits = Seen::ask(&client).await?;
    let is_done = !waits.changes().iter().any(|one| one["id"] == id.to_string());
    let short = id.to_string().get(..12).unwrap_or_default().to_owned();
    let line = match (is_done, freezes) {
        (true, true) => format!("{OK} {} takes no transactions; queries answer", wanted.name),
        (true, false) => format!("{OK} {} takes transactions again", wanted.name),
        (false, _) => format!(
            "{OK} change {id} is proposed; approve it with `loopchain score approve {short}`"
        ),
    };
    let document = json!({
        "schema": "loopchain.score-change.v1",
        "channel": client.channel_name().as_str(),
        "change": id.to_string(),
        "kind": kind,
        "status": if is_done { "done" } else { "open" },
        "score": wanted.name,
    });
    context.out.either(&document, [line]);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_whose_file_says_another_version_is_not_approved() {
        let file = |version: &str| -> Manifest {
            let manifest =
                json!({"abi": "1.0", "name": "token", "version": version, "methods": []});
            serde_json::from_value(manifest).unwrap()
        };
        let change: VersionInfo = serde_json::from_value(json!({
            "score": "token", "version": "1.3.0", "sha256": "00", "state": "staged", "here": true,
        }))
        .unwrap();
        says_what_it_is(&change, None).unwrap();
        says_what_it_is(&change, Some(&file("1.3.0"))).unwrap();
        let failure = says_what_it_is(&change, Some(&file("1.2.0"))).unwrap_err();
        assert_eq!(failure.code(), Code::ScoreRefused);
        assert!(failure.message().ends_with("the file 00 says token 1.2.0"), "{failure:?}");
    }

    #[test]
    fn heights_are_absolute_or_from_now() {
        for (at, expected) in [
            (None, Some(0)),
            (Some("+1"), Some(101)),
            (Some("200"), Some(200)),
            (Some("+0"), None),
            (Some("100"), None),
            (Some("x"), None),
            (Some("+18446744073709551615"), None),
        ] {
            assert_eq!(height(at, 100).ok(), expected, "{at:?}");
        }
        assert_eq!(height(Some("7"), 100).unwrap_err().code(), Code::UsageWrong);
    }
}
