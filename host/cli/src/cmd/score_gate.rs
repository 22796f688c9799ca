//! `score upgrade --rehearse`: what a version has to show before it is proposed.
//!
//! In: the version that is meant, and how many blocks it has to repeat. Out: what the rehearsal found and
//! which peers hold the file, to be told with the proposal; or `LC2411`, and nothing is proposed.
//! Deliberately not here: the rehearsal (`score_rehearse`), the proposal (`score_life`).

use super::replay::milliseconds;
use super::replay::place::Stop;
use super::score_rehearse::{self, ScoreRehearse};
use super::{Context, score_life, score_peers};
use crate::args_life::RehearseFirst;
use crate::client::Client;
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{OK, WARN};
use host_node::replay::Rehearsal;
use host_types::fault::Code;
use serde_json::{Value, json};
use std::path::Path;

/// What has been found, for people and for programs.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) lines: Vec<String>,
    /// Null when nothing was rehearsed.
    pub(super) document: Value,
}

/// Rehearses the version that `given` means; a file is only read, and dropped nowhere before.
///
/// # Errors
/// `LC2411` when it differs without leave to, or its `migrate` fails.
pub(super) async fn pass(
    given: &str,
    wanted: &RehearseFirst,
    (client, context): (&Client, &Context),
) -> Result<Option<Rehearsal>, Failure> {
    let Some(blocks) = wanted.rehearse else { return Ok(None) };
    let (name, with) = match given.ends_with(".so") {
        true => (score_life::checked(Path::new(given))?.1.manifest.name, given.to_owned()),
        false => {
            let version = score_life::find(given, client, context).await?;
            (version.score, version.sha256)
        }
    };
    let rehearse = ScoreRehearse { name, with, blocks, store: wanted.store.clone() };
    let stop = Stop::listen();
    let rehearsal = score_rehearse::rehearsed(&rehearse, context, &stop).await?;
    if rehearsal.is_equal() || wanted.even_if_different {
        return Ok(Some(rehearsal));
    }
    let document = score_rehearse::document(&rehearsal);
    context.out.either(&document, score_rehearse::lines(&rehearsal));
    Err(refused(&rehearsal))
}

/// What there is to tell of a rehearsal, with the peers that hold the file.
pub(super) async fn shown(
    rehearsal: Option<&Rehearsal>,
    context: &Context,
) -> Result<Shown, Failure> {
    let Some(rehearsal) = rehearsal else { return Ok(Shown::default()) };
    let (score, sha256) = (rehearsal.score.as_str(), rehearsal.to.sha256.to_string());
    let held = score_peers::holders(score, &sha256, context).await?;
    let mut document = score_rehearse::document(rehearsal);
    document["installed"] = json!({"peers": held.0, "of": held.1});
    Ok(Shown { lines: lines(rehearsal, held), document })
}

fn refused(rehearsal: &Rehearsal) -> Failure {
    let Rehearsal { score, to, receipts_differ, writes_differ, others_differ, .. } = rehearsal;
    let message = format!(
        "rehearsal: with {score} {} {receipts_differ} receipts and {writes_differ} write sets differ, \
         and those of {others_differ} transactions that call it; nothing is proposed",
        to.version
    );
    Failure::new(Code::RehearsalFailed, message).with_exit(EXIT_FOUND).with_help(
        "correct it; when the difference is meant, `--even-if-different` proposes it all the same",
    )
}

fn lines(rehearsal: &Rehearsal, (held, all): (usize, usize)) -> Vec<String> {
    let Rehearsal { from, to, receipts_differ, writes_differ, others_differ, .. } = rehearsal;
    let mark = if rehearsal.is_equal() { OK } else { WARN };
    let writes = match writes_differ + others_differ {
        0 => String::new(),
        more => format!(", {more} write sets and callers do"),
    };
    let mut lines = vec![format!(
        "  {mark} rehearsal: last {} blocks re-run with {}: {receipts_differ} receipts differ{writes}",
        rehearsal.block_count(),
        to.version
    )];
    if let Some(migration) = &rehearsal.migration {
        let root = migration.root.to_string();
        lines.push(format!(
            "  {OK} `migrate` from {} ran on a copy of the state in {}, root {}…",
            from.version,
            milliseconds(migration.took),
            root.get(..4).unwrap_or(&root)
        ));
    }
    let mark = if held == all { OK } else { WARN };
    let sha256 = to.sha256.to_string();
    let short = sha256.get(..8).unwrap_or(&sha256);
    lines.push(format!("  {mark} installed on {held} of {all} peers as {short}…"));
    lines
}
