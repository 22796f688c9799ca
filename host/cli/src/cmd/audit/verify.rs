//! `audit verify [--deep]`: everything that can be checked of a peer's store of a channel.
//!
//! In: the store of a peer that runs or has stopped, which is copied first; the genesis that is trusted;
//! the rules. Out: what was counted, findings by number, exit code 7 when there is one. [`walked`] is
//! the same for a report. Deliberately not here: the checks themselves (`host_node::audit`), executing
//! again (`host_node::replay`).

use crate::args::{AuditSource, AuditVerify};
use crate::cmd::replay::place::{Stop, megabytes, tell_copied};
use crate::cmd::{Context, Done, receipt, runtime, up};
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{OK, Out, WARN};
use host_node::audit::{AuditStore, Findings, Kept, TrailSeen, Walk};
use host_node::replay::{AtTip, Replay};
use host_rules::Rules;

use host_types::fault::Code;
use host_types::height::Height;
use host_types::{GenesisHash, NodeName};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Blocks between two words of progress.
const TOLD_EVERY: u64 = 64;

/// Runs it.
pub(crate) fn verify(args: &AuditVerify, context: &Context) -> Done {
    runtime()?.block_on(async {
        let stop = Stop::listen();
        let done = run(args, context, &stop).await;
        stop.or_interrupted(done)
    })
}

/// What executing again gave.
struct Deep {
    from: u64,
    to: u64,
    transactions: usize,
}

async fn run(args: &AuditVerify, context: &Context, stop: &Stop) -> Done {
    let store = open(&args.source, context, stop)?;
    let (shelf, _private) = receipt::rules(args.source.rules.as_deref(), context)?;
    let started = Instant::now();
    let rules = |wanted: &_| shelf.find(wanted);
    let of = trail_of(&args.source, context)?;
    let (mut found, trail) =
        walked(&store, &rules, (context.out, stop), of.as_ref(), &mut |_, _| Ok(()))?;
    let took = started.elapsed();
    let deep = match args.deep && !stop.is_heard() {
        true => Some(again(args, context, stop, &mut found).await?),
        false => None,
    };
    let shown = Shown { store: &store, found: &found, trail: &trail, deep: deep.as_ref(), took };
    context.out.either(&shown.json(), shown.lines());
    Ok(if found.count() == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

/// The copy of the store, of the channel that is trusted.
pub(super) fn open(
    source: &AuditSource,
    context: &Context,
    stop: &Stop,
) -> Result<AuditStore, Failure> {
    let place = source.store.place(context)?;
    let progress = context.out.progress("copying the store");
    let mut told = |now, all| {
        tell_copied(&progress, (now, all));
        !stop.is_heard()
    };
    let store = AuditStore::open(&place, &mut told)?;
    let copied = megabytes(store.copied().bytes);
    progress.finish(&format!("copied {copied:.1} MB of {}", place.channel.display()));
    let genesis = store.genesis();
    let trusted = match &source.genesis {
        Some(text) => Some(GenesisHash::from_hex(text).ok_or_else(|| {
            let message = format!("`{text}` is not written as 64 hex digits");
            Failure::new(Code::UsageWrong, message)
        })?),
        None => up::genesis(&context.data, &genesis.channel)?.map(|genesis| genesis.hash()),
    };
    match trusted {
        Some(trusted) if trusted != genesis.hash() => {
            let message = format!("the store is of genesis {}, not {trusted}", genesis.hash());
            Err(Failure::new(Code::ReceiptUntrusted, message))
        }
        Some(_) => Ok(store),
        None => {
            let message = "nothing is trusted: there is no genesis of the channel here";
            Err(Failure::new(Code::ConfigUnreadable, message).with_help(format!(
                "`--genesis HASH`, from a member of the channel; the store says {}",
                genesis.hash()
            )))
        }
    }
}

/// Whose trail the store should have, where that is known.
pub(super) fn trail_of(
    source: &AuditSource,
    context: &Context,
) -> Result<Option<NodeName>, Failure> {
    let owner = match &source.trail_of {
        Some(name) => Some(name.clone()),
        None => source.store.owner(context)?,
    };
    let name = |text: String| {
        NodeName::new(&text).ok_or_else(|| {
            let message = format!("`{text}` is not written as ORG/NAME");
            Failure::new(Code::UsageWrong, message)
        })
    };
    owner.map(name).transpose()
}

/// Walks over all blocks; `visit` sees each one after it was checked.
pub(super) fn walked(
    store: &AuditStore,
    rules: Rules<'_>,
    (out, stop): (Out, &Stop),
    trail_of: Option<&NodeName>,
    visit: &mut dyn FnMut(&Kept, &Walk<'_>) -> Result<(), Failure>,
) -> Result<(Findings, TrailSeen), Failure> {
    let progress = out.progress("checking");
    let mut walk = store.walk(rules)?;
    let last = store.last().get();
    let mut ended = None;
    for height in 1..=last {
        if stop.is_heard() {
            break;
        }
        let kept = match store.block(Height::new(height)) {
            Ok(kept) => kept,
            Err(why) => {
                walk.lost(Height::new(height), &why);
                continue;
            }
        };
        if let Err(why) = walk.block(&kept) {
            ended = Some((height, why));
            break;
        }
        visit(&kept, &walk)?;
        if height % TOLD_EVERY == 0 {
            let percent = height * 100 / last.max(1);
            progress.tell(&format!("block {height} of {last}, {percent} %"));
        }
    }
    let (trail, wrong) = store.trail(&walk, trail_of);
    let mut found = walk.finish();
    for (height, what) in wrong {
        found.add(height, what.code, what.message);
    }
    if let Some((height, why)) = ended {
        let message = format!("{}; nothing above it was judged", why.message);
        found.add(Height::new(height), why.code, message);
    }
    progress.finish(&format!("checked {} blocks", found.blocks));
    Ok((found, trail))
}

/// Executes what can be executed again, and compares.
async fn again(
    args: &AuditVerify,
    context: &Context,
    stop: &Stop,
    found: &mut Findings,
) -> Result<Deep, Failure> {
    let place = args.source.store.place(context)?;
    let progress = context.out.progress("re-running");
    let oldest = |at: &AtTip<'_>| Ok(at.oldest);
    let mut told = |_, _| !stop.is_heard();
    let workers = args.source.store.workers();
    let mut replay = Replay::begin(&place, workers, &oldest, &mut told)?;
    let (from, last) = (replay.next().get(), replay.last().get());
    let mut deep = Deep { from, to: from.saturating_sub(1), transactions: 0 };
    while replay.next().get() <= last && !stop.is_heard() {
        let height = replay.next();
        let block = replay.block().await?;
        deep.to = height.get();
        deep.transactions += block.transactions.len();
        if let Some(parted) = &block.parted {
            let [here, stored] = &parted.both;
            let message = format!("{}: here {here}, stored {stored}", parted.line);
            found.add(height, Code::Diverged, message);
            // Every later block would differ because this one does.
            break;
        }
        progress.tell(&format!("block {height} of {last}"));
    }
    progress.finish(&format!("re-ran blocks {} to {}", deep.from, deep.to));
    Ok(deep)
}

struct Shown<'a> {
    store: &'a AuditStore,
    found: &'a Findings,
    trail: &'a TrailSeen,
    deep: Option<&'a Deep>,
    took: Duration,
}

impl Shown<'_> {
    fn json(&self) -> Value {
        let (genesis, found) = (self.store.genesis(), self.found);
        let least = found.least.iter().map(|(epoch, least)| {
            json!({
                "epoch": epoch.get(),
                "weight": u64::try_from(least.weight).unwrap_or(u64::MAX),
                "quorum": least.quorum,
                "total_weight": least.total,
                "height": least.height.get(),
            })
        });
        json!({
            "schema": "loopchain.audit-verify.v1",
            "channel": genesis.channel.as_str(),
            "genesis": genesis.hash().to_string(),
            "height": self.store.last().get(),
            "blocks": found.blocks,
            "proofs": found.proofs,
            "covered": found.covered,
            "transactions": found.transactions,
            "least": least.collect::<Vec<_>>(),
            "deep": self.deep.map(|deep| json!({
                "from": deep.from, "to": deep.to, "transactions": deep.transactions,
            })),
            "trail": trail(self.trail),
            "findings": findings(found),
            "more_findings": found.more,
            "microseconds": u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
        })
    }

    fn lines(&self) -> Vec<String> {
        let found = self.found;
        let is_of = |codes: &[Code]| found.list.iter().any(|one| codes.contains(&one.what.code));
        let line =
            |is_wrong: bool, text: String| format!("  {} {text}", if is_wrong { WARN } else { OK });
        let broken = is_of(&[Code::ChainBroken, Code::StoreDamaged]);
        let mut lines = vec![
            line(broken, format!("{} blocks: links, Merkle roots", found.blocks)),
            line(
                is_of(&[Code::ProofWrong]),
                format!(
                    "{} Final proofs, {} blocks under a later one",
                    found.proofs, found.covered
                ),
            ),
        ];
        for (epoch, least) in &found.least {
            lines.push(format!(
                "      epoch {epoch}: at least {} of {}, least {} at {}",
                least.quorum, least.total, least.weight, least.height
            ));
        }
        let rate = found.transactions as f64 / self.took.as_secs_f64().max(1e-9);
        let people = found
            .list
            .iter()
            .any(|one| matches!(one.what.code.number(), 2101..=2199 | 4101..=4399));
        lines.push(line(
            people,
            format!(
                "{} transactions: signatures, certificates and CRL at block time ({rate:.0} tx/s)",
                found.transactions
            ),
        ));
        if let Some(Deep { from, to, transactions }) = self.deep {
            let text = format!(
                "{transactions} transactions of blocks {from} to {to} executed again: state roots"
            );
            lines.push(line(is_of(&[Code::Diverged]), text));
            if *from > 1 {
                lines.push(format!("      the peer keeps no undo records of blocks below {from}"));
            }
        }
        let trail = self.trail;
        if !trail.records.is_empty() || is_of(TRAIL) {
            let of = trail.of.as_ref().map_or("nobody", NodeName::as_str);
            let (count, on_chain) = (trail.records.len(), trail.on_chain);
            let text = format!("{count} records in the trail of {of}, {on_chain} on the chain");
            lines.push(line(is_of(TRAIL), text));
        }
        for (number, one) in (1..).zip(&found.list) {
            let (height, what) = (one.height, &one.what);
            lines.push(format!(
                "  {WARN} {number}  block {height}: {}  {}",
                what.message, what.code
            ));
        }
        lines.push(match found.count() {
            0 => "audit: no findings".to_owned(),
            1 => "audit: 1 finding".to_owned(),
            count => format!("audit: {count} findings"),
        });
        lines
    }
}

/// What says something of a trail.
const TRAIL: &[Code] = &[Code::TrailBroken, Code::TrailMissing, Code::TrailFailed];

/// Whose trail it is, and how long.
pub(super) fn trail(trail: &TrailSeen) -> Value {
    json!({
        "of": trail.of.as_ref().map(NodeName::as_str),
        "records": trail.records.len(),
        "on_chain": trail.on_chain,
    })
}

/// By number, for programs.
pub(super) fn findings(found: &Findings) -> Vec<Value> {
    let each = (1u64..).zip(&found.list).map(|(number, one)| {
        json!({
            "number": number,
            "height": one.height.get(),
            "code": one.what.code.to_string(),
            "message": one.what.message,
        })
    });
    each.collect()
}
