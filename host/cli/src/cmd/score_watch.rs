//! `score watch`: save a file, and the SCORE is built, checked, swapped on the local network and tested.
//!
//! In: a folder with a SCORE, the local network if one runs. Out: one line for each part with its time;
//! with `--json` one document a round. A part that fails ends its round, never the watch.
//! Deliberately not here: activation itself. The file is dropped into the folder that `up` watches, as
//! a person would do it, and the peers are asked until they run it.

mod saved;
mod tested;

use super::{Context, Done, runtime};
use crate::args::ScoreWatch;
use crate::client::{Client, ScoreInfo};
use crate::failure::{EXIT_FOUND, Failure};
use crate::network::write_whole;
use crate::output::{BAD, OK, WARN};
use crate::profile;
use crate::time::seconds;
use host_types::fault::Code;
use saved::Saved;
use score_native_link::build::build_score_at;
use score_native_link::elf::Method;
use score_native_link::{CheckedScore, check, hex};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often a peer is asked whether it runs the new version.
const ASK: Duration = Duration::from_millis(20);
/// `up` looks every 300 ms, votes, and waits for the readiness of four peers; longer is a fault.
const ACTIVE_WITHIN: Duration = Duration::from_secs(20);

/// What one round did, as far as it came.
#[derive(Debug, Default)]
struct Round {
    document: Value,
    failure: Option<Failure>,
}

/// Runs it.
pub(super) fn watch(watch: &ScoreWatch, context: &Context) -> Done {
    let folder = std::fs::canonicalize(&watch.folder)
        .map_err(|error| Failure::file(&watch.folder, &error))?;
    if !folder.join("Cargo.toml").is_file() {
        let message = format!("{} has no Cargo.toml", watch.folder.display());
        return Err(Failure::new(Code::ConfigUnreadable, message)
            .with_help("`loopchain score new NAME` writes a folder to begin with"));
    }
    loop {
        let before = Saved::now(&folder);
        let round = one(&folder, watch, context);
        if let Some(failure) = &round.failure
            && !context.out.is_json()
        {
            context.out.line(&failed(failure));
        }
        if context.out.is_json() {
            context.out.json(&round.document);
        }
        if watch.once {
            let is_good = round.failure.is_none();
            return Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) });
        }
        if context.out.is_read() {
            context.out.note(&format!("  watching {} …", watch.folder.display()));
        }
        if !before.changed(&folder, || context.out.is_read()) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn failed(failure: &Failure) -> String {
    format!("  {BAD} {}", failure.to_text())
}

/// Builds, checks, swaps, tests.
fn one(folder: &Path, watch: &ScoreWatch, context: &Context) -> Round {
    let mut round =
        Round { document: json!({"schema": "loopchain.score-watch.v1"}), failure: None };
    let done = parts(folder, watch, context, &mut round.document);
    round.document["ok"] = done.is_ok().into();
    if let Err(failure) = done {
        round.document["error"] = failure.to_json()["error"].clone();
        round.failure = Some(failure);
    }
    round
}

fn parts(
    folder: &Path,
    watch: &ScoreWatch,
    context: &Context,
    document: &mut Value,
) -> Result<(), Failure> {
    let started = Instant::now();
    let (path, bytes) = built(folder, context)?;
    let build = started.elapsed();
    let checked = check(&bytes).map_err(|findings| super::score::refused(&path, &findings))?;
    let check = started.elapsed() - build;
    tell_built(&checked, (build, check), context, document);
    swap(&path, &bytes, &checked, context, document)?;
    document["callable_ms"] = milliseconds(started.elapsed());
    if !watch.no_test {
        let before = Instant::now();
        let tests = tested::run(folder)?;
        document["tests"] = tests.passed.into();
        document["test_ms"] = milliseconds(before.elapsed());
        let took = seconds(before.elapsed());
        let plural = if tests.passed == 1 { "" } else { "s" };
        context.out.line(&line(&format!("{} test{plural}", tests.passed), &took));
    }
    context.out.line(&methods(&checked.manifest.methods));
    Ok(())
}

/// One part that went well, and how long it took.
fn line(what: &str, took: &str) -> String {
    format!("  {OK} {what:<64} {took:>8}")
}

fn milliseconds(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

fn built(folder: &Path, context: &Context) -> Result<(std::path::PathBuf, Vec<u8>), Failure> {
    let progress = context.out.progress("building");
    let built = build_score_at(folder, &mut |line| progress.tell(line));
    drop(progress);
    let path = built.map_err(|error| {
        Failure::new(Code::BuildFailed, error.to_string())
            .with_help("correct it and save: it is built again")
    })?;
    let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
    Ok((path, bytes))
}

fn tell_built(
    checked: &CheckedScore,
    (build, check): (Duration, Duration),
    context: &Context,
    document: &mut Value,
) {
    let manifest = &checked.manifest;
    let sha256 = hex(&checked.sha256);
    document["name"] = manifest.name.as_str().into();
    document["version"] = manifest.version.as_str().into();
    document["sha256"] = sha256.as_str().into();
    document["size"] = checked.size.into();
    document["build_ms"] = milliseconds(build);
    document["check_ms"] = milliseconds(check);
    let kilobytes = checked.size / 1000;
    let short = sha256.get(..8).unwrap_or_default();
    let what =
        format!("built {} {}   {kilobytes} KB   sha256 {short}…", manifest.name, manifest.version);
    context.out.line(&line(&what, &seconds(build)));
    let metered = if checked.metered.is_metered() { "metered" } else { "not metered" };
    let what = format!("checks: ABI {}, 0 findings, {metered}", manifest.abi);
    context.out.line(&line(&what, &format!("{} ms", check.as_millis())));
}

/// Drops the file into the folder of the local network, and waits until its peers run it.
fn swap(
    path: &Path,
    bytes: &[u8],
    checked: &CheckedScore,
    context: &Context,
    document: &mut Value,
) -> Result<(), Failure> {
    if context.data.running()?.is_none() {
        context.out.line(&format!(
            "  {WARN} no network runs here, so nothing was swapped: `loopchain up` starts one"
        ));
        return Ok(());
    }
    let started = Instant::now();
    let name = path.file_name().unwrap_or_default();
    let dropped = context.data.join("plugins").join(name);
    let is_there = std::fs::read(&dropped).is_ok_and(|there| there == bytes);
    if !is_there {
        write_whole(&dropped, bytes)?;
    }
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::new(&target, context.global.timeout, context.out)?;
    let (since, activation) = runtime()?.block_on(async {
        let is_of = (checked.manifest.name.as_str(), hex(&checked.sha256));
        let active = active(&client, (is_of.0, &is_of.1), ACTIVE_WITHIN).await?;
        Ok::<_, Failure>((active.active_since, activation(&client, &active).await))
    })?;
    let channel = client.channel_name();
    document["channel"] = channel.as_str().into();
    document["active_since"] = since.into();
    document["swap_ms"] = milliseconds(started.elapsed());
    let what = format!("active on channel {channel} from block {since}");
    context.out.line(&line(&what, &seconds(started.elapsed())));
    document["activation_us"] = activation.into();
    // A peer that took over what the others agreed on has nothing to tell.
    let took =
        activation.map(|us| format!("{:.1} ms", Duration::from_micros(us).as_secs_f64() * 1e3));
    let took = took.unwrap_or_else(|| "-".to_owned());
    context.out.line(&line("of that the swap in the peer: worker and migrate", &took));
    Ok(())
}

/// How long the peer needed for the swap itself, microseconds; the rest is votes and waiting.
async fn activation(client: &Client, active: &ScoreInfo) -> Option<u64> {
    let (_, versions) = client.versions(&active.name).await.ok()?;
    versions.into_iter().find(|one| one.sha256 == active.sha256)?.activation_us
}

/// Asks until the version with these bytes is the active one, or has failed to become it.
async fn active(
    client: &Client,
    (name, sha256): (&str, &str),
    within: Duration,
) -> Result<ScoreInfo, Failure> {
    let ask = async {
        loop {
            if let Ok((_, info, _)) = client.score(name).await
                && info.sha256 == sha256
            {
                return Ok(info);
            }
            if let Some(why) = failed_to_start(client, name, sha256).await {
                return Err(why);
            }
            tokio::time::sleep(ASK).await;
        }
    };
    tokio::time::timeout(within, ask).await.unwrap_or_else(|_| {
        let message = format!(
            "{name} was dropped, but channel {} does not run it after {} s",
            client.channel_name(),
            within.as_secs()
        );
        Err(Failure::new(Code::ScoreNotActive, message).with_help(
            "the terminal of `loopchain up` says why; a channel with `auto_activate = false` waits \
             for a vote",
        ))
    })
}

/// Why the version was decided but did not become active: its `deploy` or `migrate` did not end well.
async fn failed_to_start(client: &Client, name: &str, sha256: &str) -> Option<Failure> {
    let (_, versions) = client.versions(name).await.ok()?;
    let failed = versions.into_iter().find(|one| one.sha256 == sha256 && one.state == "failed")?;
    let reason = failed.reason.unwrap_or_else(|| "it gives no reason".to_owned());
    let message = format!("{name} {} did not become active: {reason}", failed.version);
    Some(Failure::new(Code::ScoreTrap, message).with_help("the version before it stays active"))
}

fn methods(methods: &[Method]) -> String {
    let list: Vec<_> = methods
        .iter()
        .map(|method| {
            let fields: Vec<_> =
                method.args.iter().map(|a| format!("{}: {}", a.name, a.kind)).collect();
            let kind = if method.kind == "query" { "query " } else { "" };
            let (name, returns) = (&method.name, &method.returns);
            let answer = if returns == "()" { String::new() } else { format!(" -> {returns}") };
            format!("{kind}{name}({}){answer}", fields.join(", "))
        })
        .collect();
    format!("  methods: {}", list.join("   "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Target;
    use host_types::ids::ChannelName;

    #[test]
    fn a_score_that_nobody_activates_is_told_with_the_time_that_was_waited() {
        // Nothing listens on port 1: no peer ever says that it runs the version.
        let channel = ChannelName::new("demo").unwrap();
        let endpoint = "http://127.0.0.1:1".to_owned();
        let target = Target { endpoint, channel, identity: None };
        let client =
            Client::new(&target, Duration::from_secs(1), crate::output::Out::machine()).unwrap();
        let waited = active(&client, ("guestbook", "00"), Duration::from_millis(20));
        let failure = runtime().unwrap().block_on(waited).unwrap_err();
        assert_eq!((failure.code(), failure.exit()), (Code::ScoreNotActive, 6));
    }
}
