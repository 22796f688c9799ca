//! `score rehearse NAME --with VERSION --blocks N`: what a new version makes of the last blocks.
//!
//! In: the file of the new version, or its digest or `NAME@VERSION` among the peer's files; a peer's
//! store, which may be in use. Out: how many receipts and write sets differ, steps, time, the first
//! differences; exit code 7 when anything differs or `migrate` fails. [`rehearsed`] is the same for
//! `upgrade --rehearse`. Deliberately not here: the work itself (`host_node::replay`).

use super::replay::milliseconds;
use super::replay::place::{Stop, StoreFlags, tell_copied};
use super::{Context, Done, runtime};
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{BAD, OK, WARN};
use clap::Args;
use host_node::replay::rehearsal::{Difference, Step, Steps, Version, rehearse as run};
use host_node::replay::{Place, Rehearsal, Trial, compare};
use host_types::fault::Code;
use host_types::hash::Hash32;
use host_types::ids::ScoreName;
use score_native_link::{ArtefactStore, check};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// `score rehearse`
#[derive(Clone, Debug, Args)]
pub struct ScoreRehearse {
    /// The SCORE.
    pub name: String,
    /// The new version: a file, or the SHA-256 or NAME@VERSION of one that the peer has.
    #[arg(long, value_name = "FILE.so|SHA256|NAME@VERSION")]
    pub with: String,
    /// The last blocks, so many at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub blocks: u64,
    /// Whose store.
    #[command(flatten)]
    pub store: StoreFlags,
}

/// Runs it.
pub(crate) fn rehearse(args: &ScoreRehearse, context: &Context) -> Done {
    runtime()?.block_on(async {
        let stop = Stop::listen();
        let done = rehearsed(args, context, &stop).await.map(|rehearsal| {
            context.out.either(&document(&rehearsal), lines(&rehearsal));
            match rehearsal.is_equal() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FOUND),
            }
        });
        stop.or_interrupted(done)
    })
}

/// The rehearsal, with its progress told; nothing is printed of its result.
pub(crate) async fn rehearsed(
    args: &ScoreRehearse,
    context: &Context,
    stop: &Stop,
) -> Result<Rehearsal, Failure> {
    let place = args.store.place(context)?;
    let score = ScoreName::new(&args.name).ok_or_else(|| {
        let message = format!("`{}` is no name of a SCORE", args.name);
        Failure::new(Code::ScoreUnknown, message)
    })?;
    let trial = Trial { score, bytes: new_version(&args.with, &place)?, blocks: args.blocks };
    let progress = context.out.progress("rehearsal");
    let mut told = |step| {
        match step {
            Step::Copied(now, all) => tell_copied(&progress, (now, all)),
            Step::Ran(now, all) => progress.tell(&format!("block {now} of {all}")),
        }
        !stop.is_heard()
    };
    let done = run(&place, args.store.workers(), &trial, &mut told).await;
    progress.finish("rehearsed");
    Ok(done?)
}

/// The bytes of the version that is named.
fn new_version(with: &str, place: &Place) -> Result<Vec<u8>, Failure> {
    let failed = |error: score_native_link::StoreError| {
        Failure::new(Code::ConfigUnreadable, error.to_string())
    };
    let missing = || {
        let message = format!("the peer has no SCORE file {with} in {}", place.scores.display());
        Failure::new(Code::ArtefactMissing, message)
            .with_help("name a file, or drop it into the plugins folder first")
            .with_exit(3)
    };
    if !place.scores.is_dir() || Path::new(with).is_file() {
        let path = Path::new(with);
        return std::fs::read(path).map_err(|error| Failure::file(path, &error));
    }
    let store = ArtefactStore::open(&place.scores).map_err(failed)?;
    if let Some(sha256) = Hash32::from_hex(with) {
        return store.get(*sha256.as_bytes()).map_err(failed)?.ok_or_else(missing);
    }
    let Some((name, version)) = with.split_once('@') else {
        let path = Path::new(with);
        return std::fs::read(path).map_err(|error| Failure::file(path, &error));
    };
    let mut found = Vec::new();
    for id in store.list().map_err(failed)? {
        let Some(bytes) = store.get(id).map_err(failed)? else { continue };
        let manifest = check(&bytes).ok().map(|checked| checked.manifest);
        if manifest.is_some_and(|found| found.name == name && found.version == version) {
            found.push(bytes);
        }
    }
    if found.len() > 1 {
        let message = format!("{} files of the peer call themselves {with}", found.len());
        return Err(Failure::new(Code::UsageWrong, message).with_help("name one by its SHA-256"));
    }
    found.pop().ok_or_else(missing)
}

fn short(version: &Version) -> String {
    let sha256 = version.sha256.to_string();
    format!("{} ({}…)", version.version, sha256.get(..8).unwrap_or(&sha256))
}

/// For people.
pub(crate) fn lines(rehearsal: &Rehearsal) -> Vec<String> {
    let Rehearsal { score, from, to, transactions, receipts_differ, writes_differ, .. } = rehearsal;
    let (first, last) = rehearsal.blocks;
    let mark = if rehearsal.is_equal() { OK } else { BAD };
    let mut lines = vec![format!(
        "{mark} rehearsal: {} blocks ({first} to {last}) re-run with {score} {} in place of {}: \
         {receipts_differ} receipts differ",
        rehearsal.block_count(),
        short(to),
        short(from)
    )];
    if let Some(migration) = &rehearsal.migration {
        let (writes, took) = (migration.writes, milliseconds(migration.took));
        lines.push(format!("  {:<12} {writes} keys written, {took}", "migrate"));
    }
    lines.push(format!("  {:<12} {transactions} transactions", "ran"));
    lines.push(format!("  {:<12} {receipts_differ} of them", "receipts"));
    lines.push(format!("  {:<12} {writes_differ} of them", "writes"));
    if rehearsal.others_differ > 0 {
        let others = rehearsal.others_differ;
        lines.push(format!("{WARN} {:<12} {others} transactions of SCOREs that call it", "others"));
    }
    let Steps { old_sum, new_sum, old_max, new_max } = rehearsal.steps;
    let ratio = rehearsal.steps.ratio().map(|ratio| format!(", {ratio:.2} times as many"));
    let ratio = ratio.unwrap_or_default();
    lines.push(format!(
        "  {:<12} {new_sum} before {old_sum}{ratio}; at most {new_max} before {old_max}",
        "steps"
    ));
    lines.push(format!("  {:<12} {}", "time", milliseconds(rehearsal.took)));
    lines.extend(rehearsal.differences.iter().flat_map(difference_lines));
    lines
}

fn difference_lines(found: &Difference) -> Vec<String> {
    let Difference { height, index, tx, score, method, old, new, keys } = found;
    let mut lines = vec![
        format!("{BAD} block {height}, transaction {index}: {score}.{method}  {tx}"),
        format!("    {:<8} {}", "old", compare::told(old)),
        format!("    {:<8} {}", "new", compare::told(new)),
    ];
    if let Some(key) = keys.first() {
        let text = |name: &str| key.get(name).map(Value::to_string).unwrap_or_default();
        let (of, key) = (text("score"), text("key"));
        lines.push(format!("    key {key} of {of}: old {}, new {}", text("agreed"), text("own")));
    }
    lines
}

/// For programs.
pub(crate) fn document(rehearsal: &Rehearsal) -> Value {
    let version = |v: &Version| json!({"version": v.version, "sha256": v.sha256.to_string()});
    let Steps { old_sum, new_sum, old_max, new_max } = rehearsal.steps;
    let microseconds =
        |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let differences = rehearsal.differences.iter().map(|found| {
        json!({
            "height": found.height.get(),
            "index": found.index,
            "hash": found.tx.to_string(),
            "score": found.score.as_str(),
            "method": found.method,
            "old": compare::receipt(&found.old),
            "new": compare::receipt(&found.new),
            "keys": found.keys,
        })
    });
    json!({
        "schema": "loopchain.score-rehearsal.v1",
        "score": rehearsal.score.as_str(),
        "from": version(&rehearsal.from),
        "to": version(&rehearsal.to),
        "first": rehearsal.blocks.0.get(),
        "last": rehearsal.blocks.1.get(),
        "blocks": rehearsal.block_count(),
        "migrate": rehearsal.migration.as_ref().map(|migration| json!({
            "writes": migration.writes,
            "root": migration.root.to_string(),
            "microseconds": microseconds(migration.took),
        })),
        "transactions": rehearsal.transactions,
        "receipts_differ": rehearsal.receipts_differ,
        "writes_differ": rehearsal.writes_differ,
        "others_differ": rehearsal.others_differ,
        "steps": {
            "old_sum": old_sum,
            "new_sum": new_sum,
            "old_max": old_max,
            "new_max": new_max,
            "ratio": rehearsal.steps.ratio(),
        },
        "microseconds": microseconds(rehearsal.took),
        "equal": rehearsal.is_equal(),
        "differences": differences.collect::<Vec<_>>(),
    })
}
