//! `audit report`: the transactions of a period, a receipt for each, signed by the auditor.
//!
//! In: the store of a peer, which is audited on the way; a period, a signer; the auditor's key. Out: a
//! folder: the forms, `proofs/HASH.json`, `channel.genesis`, `SHA256SUMS` of all of them and
//! `SIGNATURE.json` over that list. `audit check` and `sha256sum -c` read it. Deliberately not here:
//! how the forms look (`tables`).

use super::tables::{Row, csv, html};
use super::trail::record;
use super::verify::{findings, open, trail, trail_of, walked};
use crate::args::{AuditReport, ReportFormat};
use crate::cmd::replay::place::Stop;
use crate::cmd::{Context, Done, receipt, runtime};
use crate::failure::{EXIT_FOUND, Failure};
use crate::identity::Identity;
use crate::network::write_whole;
use crate::output::{OK, WARN};
use crate::profile;
use crate::time::{now_us, parse, rfc3339};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_identity::Certificate;
use host_node::audit::{AuditStore, Findings, TrailSeen};
use host_rpc::gateway::ReceiptView;
use host_types::fault::Code;
use host_types::{BlockTime, Domain, Encode, Hash32};
use host_web::receipt::document;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Transactions of one report, at most: each has a file of its own, and a folder with more of them is
/// of no use to anybody.
const TRANSACTIONS_MAX: usize = 100_000;
/// Name of the list of digests.
pub(super) const SUMS: &str = "SHA256SUMS";
/// Name of the signature over it.
pub(super) const SIGNATURE: &str = "SIGNATURE.json";
/// Name of the trail of audited reads.
const TRAIL: &str = "trail.json";
/// Name of the genesis.
pub(super) const GENESIS: &str = "channel.genesis";
const DAY_US: u64 = 86_400_000_000;

/// Runs it.
pub(crate) fn report(args: &AuditReport, context: &Context) -> Done {
    runtime()?.block_on(async {
        let stop = Stop::listen();
        let done = run(args, context, &stop);
        stop.or_interrupted(done)
    })
}

/// Which transactions.
struct Wanted {
    from: u64,
    to: u64,
    signer: Option<String>,
}

impl Wanted {
    fn new(args: &AuditReport) -> Result<Self, Failure> {
        let from = args.from.as_deref().map(|text| time(text, false)).transpose()?;
        let to = args.to.as_deref().map(|text| time(text, true)).transpose()?;
        // `alice@bank-a` is what people write of `bank-a/alice`.
        let full = |name: &String| match name.split_once('@') {
            Some((name, organisation)) => format!("{organisation}/{name}"),
            None => name.clone(),
        };
        let signer = args.signer.as_ref().map(full);
        Ok(Self { from: from.unwrap_or(0), to: to.unwrap_or(u64::MAX), signer })
    }

    fn is_in(&self, time: BlockTime) -> bool {
        (self.from..=self.to).contains(&time.get())
    }

    fn is_by(&self, certificate: &Certificate) -> bool {
        let name = &certificate.name;
        self.signer.as_deref().is_none_or(|one| name.as_str() == one || name.short() == one)
    }
}

/// Microseconds of a day or a time; of a day its first, or its last.
fn time(text: &str, is_end: bool) -> Result<u64, Failure> {
    let end = if is_end { DAY_US - 1 } else { 0 };
    let day = parse(&format!("{text}T00:00:00Z")).map(|start| start + end);
    day.or_else(|| text.contains('T').then(|| parse(text)).flatten()).ok_or_else(|| {
        let message = format!("`{text}` is no day and no time");
        Failure::new(Code::UsageWrong, message).with_help("2026-10-01, or 2026-10-01T12:00:00Z")
    })
}

fn run(args: &AuditReport, context: &Context, stop: &Stop) -> Done {
    let wanted = Wanted::new(args)?;
    let auditor = auditor(context)?;
    if args.out.exists() {
        let message = format!("{} is there already", args.out.display());
        return Err(Failure::new(Code::UsageWrong, message).with_help("name a new folder"));
    }
    let store = open(&args.source, context, stop)?;
    let (shelf, _private) = receipt::rules(args.source.rules.as_deref(), context)?;
    let rules = |wanted: &_| shelf.find(wanted);
    let mut folder = Folder::new(&args.out)?;
    let mut rows = Vec::new();
    let of = trail_of(&args.source, context)?;
    let (out, of) = ((context.out, stop), of.as_ref());
    let (found, seen) = walked(&store, &rules, out, of, &mut |kept, walk| {
        let header = kept.block.header();
        if !wanted.is_in(header.time) {
            return Ok(());
        }
        for (index, tx) in kept.block.transactions().iter().enumerate() {
            let Some(certificate) = walk.certificate(tx) else { continue };
            if !wanted.is_by(&certificate) {
                continue;
            }
            if rows.len() == TRANSACTIONS_MAX {
                let message = format!("more than {TRANSACTIONS_MAX} transactions fit");
                return Err(Failure::new(Code::UsageWrong, message)
                    .with_help("report a shorter period, or one signer"));
            }
            let view = store.receipt(kept, index, walk, &rules)?;
            let row = row(&view, &certificate);
            folder.put(&row.receipt(), format!("{}\n", document(&view)).as_bytes())?;
            rows.push(row);
        }
        Ok(())
    })?;
    put_trail(&mut folder, &seen)?;
    write(args, &mut folder, (&store, &found, &rows, &seen), &auditor)?;
    folder.sign(&auditor)?;
    tell(args, context, (&store, &found, &rows, &seen), &auditor);
    Ok(if found.count() == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

/// Who signs the report.
fn auditor(context: &Context) -> Result<Identity, Failure> {
    let name = match &context.global.identity {
        Some(name) => Some(name.clone()),
        None => profile::target(&context.global, &context.data)?.identity,
    };
    let name = name.ok_or_else(|| {
        Failure::new(Code::IdentityUnknown, "nobody is named who signs the report")
            .with_help("`--identity NAME`, or the path of a key")
    })?;
    Identity::find(&context.data, &name)
}

fn row(view: &ReceiptView, certificate: &Certificate) -> Row {
    let (body, header) = (view.transaction.transaction(), &view.proof.header);
    Row {
        height: header.height.get(),
        index: view.included.index,
        time: rfc3339(header.time.get()),
        hash: view.transaction.id().to_string(),
        signer: certificate.name.as_str().to_owned(),
        score: body.score.as_str().to_owned(),
        method: body.method.clone(),
        status: view.receipt.status.word(),
        code: view.receipt.code,
    }
}

/// What a report is made of.
type Parts<'a> = (&'a AuditStore, &'a Findings, &'a [Row], &'a TrailSeen);

/// Every record, so that whoever has the report can check them.
fn put_trail(folder: &mut Folder<'_>, seen: &TrailSeen) -> Result<(), Failure> {
    let document = json!({
        "schema": "loopchain.audit-trail.v1",
        "of": seen.of.as_ref().map(host_types::NodeName::as_str),
        "records": seen.records.iter().map(record).collect::<Vec<_>>(),
    });
    folder.put(TRAIL, format!("{document:#}\n").as_bytes())
}

fn write(
    args: &AuditReport,
    folder: &mut Folder<'_>,
    (store, found, rows, seen): Parts<'_>,
    auditor: &Identity,
) -> Result<(), Failure> {
    let genesis = store.genesis();
    folder.put(GENESIS, &genesis.to_bytes())?;
    let name = auditor.certificate.name.as_str();
    let period = [&args.from, &args.to].map(|time| time.as_deref().unwrap_or("-").to_owned());
    let facts = [
        format!("channel {}, genesis {}", genesis.channel, genesis.hash()),
        format!("from {} to {}, signer {}", period[0], period[1], signer(args)),
        format!("{} transactions, {} findings", rows.len(), found.count()),
        format!("{} records in the trail of audited reads", seen.records.len()),
        format!("audited up to block {} by {name}", store.last()),
    ];
    for format in &args.format {
        match format {
            ReportFormat::Csv => folder.put("report.csv", csv(rows).as_bytes())?,
            ReportFormat::Html => {
                let title = format!("Audit of {}", genesis.channel);
                folder.put("report.html", html(&title, &facts, rows).as_bytes())?;
            }
            ReportFormat::Json => {
                let document = json!({
                    "schema": "loopchain.audit-report.v1",
                    "channel": genesis.channel.as_str(),
                    "genesis": genesis.hash().to_string(),
                    "from": args.from, "to": args.to, "signer": args.signer,
                    "auditor": name,
                    "height": store.last().get(),
                    "trail": trail(seen),
                    "findings": findings(found),
                    "more_findings": found.more,
                    "transactions": rows.iter().map(Row::json).collect::<Vec<_>>(),
                });
                folder.put("report.json", format!("{document:#}\n").as_bytes())?;
            }
        }
    }
    Ok(())
}

fn signer(args: &AuditReport) -> &str {
    args.signer.as_deref().unwrap_or("anybody")
}

fn tell(
    args: &AuditReport,
    context: &Context,
    (store, found, rows, seen): Parts<'_>,
    by: &Identity,
) {
    let name = by.certificate.name.as_str();
    let document = json!({
        "schema": "loopchain.audit-report-made.v1",
        "channel": store.genesis().channel.as_str(),
        "transactions": rows.len(),
        "findings": findings(found),
        "trail": trail(seen),
        "auditor": name,
        "out": args.out.display().to_string(),
    });
    let mut lines = vec![format!(
        "{OK} {} transactions, each with a receipt; report signed by {name} in {}",
        rows.len(),
        args.out.display()
    )];
    if found.count() > 0 {
        let count = found.count();
        lines.push(format!("{WARN} {count} findings: `loopchain audit verify` lists them"));
    }
    context.out.either(&document, lines);
}

/// The folder, and the digest of each file in it.
struct Folder<'a> {
    path: &'a Path,
    sums: Vec<(String, Hash32)>,
}

impl<'a> Folder<'a> {
    fn new(path: &'a Path) -> Result<Self, Failure> {
        let made = std::fs::create_dir_all(path.join("proofs"));
        made.map_err(|error| Failure::file(path, &error))?;
        Ok(Self { path, sums: Vec::new() })
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        write_whole(&self.path.join(name), bytes)?;
        self.sums.push((name.to_owned(), Hash32::sha256(bytes)));
        Ok(())
    }

    /// Writes the list and the signature over it.
    fn sign(&mut self, auditor: &Identity) -> Result<(), Failure> {
        self.sums.sort();
        let line = |(name, sum): &(String, Hash32)| format!("{sum}  {name}\n");
        let list: String = self.sums.iter().map(line).collect();
        let signed_at = now_us();
        let signature = auditor.key.sign(&message(list.as_bytes(), signed_at));
        let document: Value = json!({
            "schema": "loopchain.audit-signature.v1",
            "auditor": auditor.certificate.name.as_str(),
            "signed_at_us": signed_at,
            "certificate": STANDARD.encode(&auditor.certificate.der),
            "signature": STANDARD.encode(signature),
        });
        write_whole(&self.path.join(SUMS), list.as_bytes())?;
        write_whole(&self.path.join(SIGNATURE), format!("{document:#}\n").as_bytes())
    }
}

/// What an auditor signs: the list, and when.
pub(super) fn message(list: &[u8], signed_at_us: u64) -> Vec<u8> {
    Domain::AuditReport.message(&[list, &signed_at_us.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_whole_and_a_time_is_a_moment() {
        let day = 1_790_812_800_000_000;
        assert_eq!(time("2026-10-01", false).unwrap(), day);
        assert_eq!(time("2026-10-01", true).unwrap(), day + DAY_US - 1);
        assert_eq!(time("2026-10-01T00:00:01Z", true).unwrap(), day + 1_000_000);
        for odd in ["", "5", "2026-13-01", "2026-10-01T25:00:00Z", "yesterday"] {
            assert_eq!(time(odd, false).unwrap_err().code(), Code::UsageWrong, "{odd}");
        }
    }
}
