//! `replay --height H [--to H] [--tx I] [--native]`: executes kept blocks again and compares.
//!
//! In: a peer's store, which may be in use. Out: for each transaction whether it is equal, with steps
//! and time; where a result parts from the stored one, and exit code 7. With `--native` one
//! transaction runs in a process that waits for a debugger. Deliberately not here: the work itself
//! (`host_node::replay`).

pub(crate) mod place;

use super::{Context, Done, runtime};
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{BAD, OK, Out};
use clap::Args;
use host_node::replay::native::{NativeReplay, Waiting};
use host_node::replay::{BlockReplay, Replay, TxReplay, compare};
use host_types::fault::Code;
use host_types::height::Height;
use place::{Stop, StoreFlags, megabytes, tell_copied};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// `replay`
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The block.
    #[arg(long, value_name = "HEIGHT")]
    pub height: u64,
    /// And those after it, up to this one or the first that differs; `latest` for the last.
    #[arg(long, value_name = "HEIGHT|latest", conflicts_with_all = ["tx", "native"])]
    pub to: Option<String>,
    /// One transaction of it, from 0 on.
    #[arg(long, value_name = "INDEX")]
    pub tx: Option<usize>,
    /// Run that transaction in a process outside the sandbox that waits for gdb or perf.
    #[arg(long, requires = "tx", conflicts_with = "with")]
    pub native: bool,
    /// Run this file in place of the SCORE that its manifest names.
    #[arg(long, value_name = "FILE.so")]
    pub with: Option<PathBuf>,
    /// Whose store.
    #[command(flatten)]
    pub store: StoreFlags,
}

/// Runs it.
pub(crate) fn replay(args: &ReplayArgs, context: &Context) -> Done {
    runtime()?.block_on(async {
        let stop = Stop::listen();
        let done = run(args, context, &stop).await;
        stop.or_interrupted(done)
    })
}

async fn run(args: &ReplayArgs, context: &Context, stop: &Stop) -> Done {
    let place = args.store.place(context)?;
    let progress = context.out.progress("copying the store");
    let mut told = |now, all| {
        tell_copied(&progress, (now, all));
        !stop.is_heard()
    };
    let (workers, height) = (args.store.workers(), Height::new(args.height));
    let mut replay = Replay::before(&place, workers, height, &mut told)?;
    let copied = replay.copied();
    progress.finish(&format!(
        "copied {:.1} MB of {}",
        megabytes(copied.bytes),
        place.channel.display()
    ));
    if let Some(file) = &args.with {
        let bytes = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
        replay.replace(&bytes)?;
    }
    match (args.native, args.tx) {
        (true, Some(index)) => native(&mut replay, index, context.out, stop).await,
        _ => blocks(&mut replay, args, context.out, stop).await,
    }
}

/// The last height that is asked for.
fn last(args: &ReplayArgs, replay: &Replay) -> Result<u64, Failure> {
    let kept = replay.last().get();
    let asked = match args.to.as_deref() {
        None => return Ok(args.height),
        Some("latest") => return Ok(kept),
        Some(text) => text.parse().map_err(|_| {
            let message = format!("`--to {text}` is neither a height nor `latest`");
            Failure::new(Code::UsageWrong, message)
        })?,
    };
    if (args.height..=kept).contains(&asked) {
        return Ok(asked);
    }
    let message =
        format!("`--to {asked}`: the store has blocks {} to {kept} of these", args.height);
    Err(Failure::new(Code::UsageWrong, message))
}

async fn blocks(replay: &mut Replay, args: &ReplayArgs, out: Out, stop: &Stop) -> Done {
    let (last, channel) = (last(args, replay)?, replay.genesis().channel.clone());
    let (mut documents, mut is_equal) = (Vec::new(), true);
    while replay.next().get() <= last && is_equal && !stop.is_heard() {
        let block = replay.block().await?;
        is_equal = verdict(&block, args.tx)?;
        for line in lines(channel.as_str(), &block, args.tx) {
            out.line(&line);
        }
        documents.push(document(&block, args.tx));
    }
    if out.is_json() {
        out.json(&json!({
            "schema": "loopchain.replay.v1",
            "channel": channel.as_str(),
            "equal": is_equal,
            "copied_bytes": replay.copied().bytes,
            "blocks": documents,
        }));
    }
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

/// Whether what was asked about is equal.
fn verdict(block: &BlockReplay, tx: Option<usize>) -> Result<bool, Failure> {
    let Some(index) = tx else { return Ok(block.parted.is_none()) };
    let (height, count) = (block.height, block.transactions.len());
    let found = block.transactions.get(index).ok_or_else(|| {
        let message = format!("block {height} has {count} transactions, from 0 on");
        Failure::new(Code::NotFound, message)
    })?;
    Ok(found.is_equal)
}

fn shown(block: &BlockReplay, tx: Option<usize>) -> impl Iterator<Item = (usize, &TxReplay)> {
    let all = block.transactions.iter().enumerate();
    all.filter(move |(index, _)| tx.is_none_or(|wanted| wanted == *index))
}

/// Milliseconds for people.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn lines(channel: &str, block: &BlockReplay, tx: Option<usize>) -> Vec<String> {
    let count = block.transactions.len();
    let (mark, word) = if block.parted.is_none() { (OK, "equal") } else { (BAD, "differs") };
    let mut lines = vec![format!(
        "{mark} block {} of {channel}: {word}   {count} transactions, {} steps, {}",
        block.height,
        block.steps(),
        milliseconds(block.took())
    )];
    for (index, tx) in shown(block, tx) {
        let mark = if tx.is_equal { " " } else { BAD };
        let call = format!("{}.{}", tx.score, tx.method);
        let (status, took) = (tx.status.word(), milliseconds(tx.took));
        lines.push(format!(
            "{mark} {index:>4}  {call:<28} {status:<8} {:>10} steps {took:>12}",
            tx.steps
        ));
    }
    if let Some(parted) = &block.parted {
        let [here, stored] = &parted.both;
        lines.push(format!("  {}", parted.line));
        lines.push(format!("  {:<8} {here}", "here"));
        lines.push(format!("  {:<8} {stored}", "stored"));
        for (name, here, stored) in [
            ("state root", block.computed.state, block.stored.state),
            ("receipts root", block.computed.receipts, block.stored.receipts),
        ] {
            if here != stored {
                lines.push(format!("  {name}: here {here}, stored {stored}"));
            }
        }
    }
    lines
}

fn document(block: &BlockReplay, tx: Option<usize>) -> Value {
    let transactions = shown(block, tx).map(|(index, tx)| {
        json!({
            "index": index,
            "hash": tx.id.to_string(),
            "score": tx.score.as_str(),
            "method": tx.method,
            "artefact": tx.artefact.map(|sha256| sha256.to_string()),
            "status": tx.status.word(),
            "steps": tx.steps,
            "microseconds": u64::try_from(tx.took.as_micros()).unwrap_or(u64::MAX),
            "equal": tx.is_equal,
        })
    });
    json!({
        "height": block.height.get(),
        "hash": block.block.to_string(),
        "equal": block.parted.is_none(),
        "state_root": block.computed.state.to_string(),
        "receipts_root": block.computed.receipts.to_string(),
        "transactions": transactions.collect::<Vec<_>>(),
        "difference": block.parted.as_ref().map(|parted| &parted.record),
    })
}

async fn native(replay: &mut Replay, index: usize, out: Out, stop: &Stop) -> Done {
    let height = replay.next().get();
    let mut told = |waiting: &Waiting| tell_waiting(waiting, (height, index), out);
    let done = tokio::select! {
        done = replay.native(index, &mut told) => done?,
        () = heard(stop) => return Ok(ExitCode::from(EXIT_FOUND)),
    };
    let NativeReplay { here, stored, .. } = &done;
    let is_equal = done.is_equal();
    let (mark, word) = if is_equal { (OK, "equal") } else { (BAD, "differs") };
    let mut lines = vec![format!("{mark} transaction {index} of block {height}: {word}")];
    lines.push(format!("  {:<8} {}", "here", compare::told(here)));
    if !is_equal {
        lines.push(format!("  {:<8} {}", "stored", compare::told(stored)));
    }
    let document = json!({
        "schema": "loopchain.replay-native.v1",
        "height": height,
        "index": index,
        "equal": is_equal,
        "here": compare::receipt(here),
        "stored": compare::receipt(stored),
    });
    out.either(&document, lines);
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

async fn heard(stop: &Stop) {
    /// A person does not notice.
    const LOOK: Duration = Duration::from_millis(50);
    while !stop.is_heard() {
        tokio::time::sleep(LOOK).await;
    }
}

/// With `--json` on stderr: stdout has one document, at the end.
fn tell_waiting(waiting: &Waiting, (height, index): (u64, usize), out: Out) {
    let Waiting { pid, tx, score, method, artefact, file, loaded_at } = waiting;
    if out.is_json() {
        let document = json!({
            "waiting": pid,
            "hash": tx.to_string(),
            "score": score.as_str(),
            "method": method,
            "artefact": artefact.to_string(),
            "file": file.display().to_string(),
            "loaded_at": loaded_at,
        });
        return out.raw_error(&format!("{document}\n"));
    }
    let short = artefact.to_string();
    out.line(&format!("process {pid} waits outside the sandbox to run {score}.{method}"));
    out.line(&format!("  transaction {index} of block {height}  {tx}"));
    out.line(&format!("  artefact {}…  {}", short.get(..12).unwrap_or(&short), file.display()));
    // gdb would show the stop that is over as if it came again.
    let quiet = "handle SIGSTOP nostop noprint nopass";
    out.line(&format!("  debug     gdb -p {pid} -ex '{quiet}'      then break, continue"));
    if let Some(address) = loaded_at {
        out.line(&format!("            add-symbol-file UNSTRIPPED.so -o {address:#x}"));
    }
    out.line(&format!("  profile   perf record -g -p {pid}"));
    out.line(&format!("  go on     kill -CONT {pid}"));
}
