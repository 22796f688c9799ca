//! `verify FILE`, `tx verify HASH --proof FILE`, `tx get HASH --receipt FILE`.
//!
//! In: a receipt from a file or from the peer of the profile; what is trusted: roots, a hash, or the
//! genesis in the data folder. Out: what it shows, or the first part that is wrong, exit code 7.
//! `verify` and `tx verify` open no connection. Deliberately not here: the check itself
//! (`host_client::receipt`), the form (`host_web::receipt`).

use super::{Context, Done, block_verify, up};
use crate::args::{Trusted, VerifyReceipt};
use crate::client::Client;
use crate::failure::Failure;
use crate::network::write_whole;
use crate::output::OK;
use host_client::receipt::{Shown, Trust, verify as verify_receipt};
use host_rpc::gateway::ReceiptView;
use host_rules::RuleShelf;
use host_types::fault::Code;
use host_types::ids::ChannelName;
use host_types::{GenesisHash, Hash32, TxId};
use host_web::receipt::{DOCUMENT_BYTES_MAX, read};
use serde_json::{Value, json};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs `verify`.
pub(crate) fn verify(args: &VerifyReceipt, context: &Context) -> Done {
    let view = read_receipt(&args.file)?;
    check_and_tell(&view, &args.trusted, None, context)
}

/// Runs `tx verify`.
pub(crate) fn verify_of(hash: &str, file: &Path, trusted: &Trusted, context: &Context) -> Done {
    let wanted = TxId::from_hex(hash).ok_or_else(|| {
        let message = format!("`{hash}` is no hash of a transaction, which has 64 hex digits");
        Failure::new(Code::UsageWrong, message)
    })?;
    let view = read_receipt(file)?;
    of_transaction(&view, wanted)?;
    check_and_tell(&view, trusted, None, context)
}

/// Runs `tx get --receipt`: what cannot be checked here is not saved.
pub(crate) async fn save(hash: &str, file: &Path, client: &Client, context: &Context) -> Done {
    let wanted = TxId::from_hex(hash);
    let text = format!("{}\n", client.receipt(hash).await?).into_bytes();
    let view = read(&text)?;
    if let Some(wanted) = wanted {
        of_transaction(&view, wanted)?;
    }
    let trusted = Trusted::default();
    if up::genesis(&context.data, client.channel_name())?.is_none() {
        // Nothing is known here to check it against; whoever gets it does.
        write_whole(file, &text)?;
        let document = json!({"schema": "loopchain.receipt-saved.v1", "hash": hash,
            "checked": false, "out": file.display().to_string()});
        let line = format!(
            "{OK} saved {}, not checked: there is no genesis here (loopchain verify FILE)",
            file.display()
        );
        context.out.either(&document, [line]);
        return Ok(ExitCode::SUCCESS);
    }
    check(&view, &trusted, context)?;
    write_whole(file, &text)?;
    check_and_tell(&view, &trusted, Some(file), context)
}

fn of_transaction(view: &ReceiptView, wanted: TxId) -> Result<(), Failure> {
    let id = view.transaction.id();
    if id == wanted {
        return Ok(());
    }
    let message = format!("the receipt is of transaction {id}, not {wanted}");
    Err(Failure::new(Code::ReceiptSignature, message))
}

fn read_receipt(file: &Path) -> Result<ReceiptView, Failure> {
    let text = block_verify::read_file(file, DOCUMENT_BYTES_MAX, Code::ReceiptMalformed)?;
    Ok(read(&text)?)
}

fn check(view: &ReceiptView, trusted: &Trusted, context: &Context) -> Result<Shown, Failure> {
    let trust = trust(trusted, &view.genesis.channel, context)?;
    let (shelf, _private) = rules(trusted.rules.as_deref(), context)?;
    Ok(verify_receipt(view, &trust, &|wanted| shelf.find(wanted))?)
}

fn check_and_tell(
    view: &ReceiptView,
    trusted: &Trusted,
    out: Option<&Path>,
    context: &Context,
) -> Done {
    let shown = check(view, trusted, context)?;
    context.out.either(&document(view, &shown, out), lines(view, &shown, out));
    Ok(ExitCode::SUCCESS)
}

/// What is trusted.
pub(super) fn trust(
    given: &Trusted,
    channel: &ChannelName,
    context: &Context,
) -> Result<Trust, Failure> {
    let odd = |text: &str, form: &str| {
        Failure::new(Code::UsageWrong, format!("`{text}` is not written as {form}"))
    };
    if !given.trust.is_empty() {
        let root = |text: &String| {
            let hex = text.strip_prefix("SHA256:").unwrap_or(text);
            Hash32::from_hex(&hex.to_ascii_lowercase())
                .ok_or_else(|| odd(text, "SHA256: and 64 hex digits"))
        };
        return Ok(Trust::Roots(given.trust.iter().map(root).collect::<Result<_, _>>()?));
    }
    if let Some(text) = &given.genesis {
        let hash = GenesisHash::from_hex(text).ok_or_else(|| odd(text, "64 hex digits"))?;
        return Ok(Trust::Genesis(hash));
    }
    match up::genesis(&context.data, channel)? {
        Some(genesis) => Ok(Trust::Genesis(genesis.hash())),
        None => {
            let message = format!("nothing is trusted: there is no genesis of {channel} here");
            Err(Failure::new(Code::ConfigUnreadable, message).with_help(
                "`--genesis HASH`, or `--trust SHA256:HEX` for each organisation's root; from a \
                 member of the channel, not from whoever gave you the receipt",
            ))
        }
    }
}

/// Where the private copies of rules are while they are used, when there is no data folder.
pub(super) struct PrivateFolder(PathBuf);

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What stays is only untidy.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The rules of `--rules`, of the data folder, or of the installation.
pub(super) fn rules(
    given: Option<&Path>,
    context: &Context,
) -> Result<(RuleShelf, Option<PrivateFolder>), Failure> {
    let own = context.data.join("plugins");
    if given.is_none() && own.is_dir() {
        return Ok((up::rules(&context.data)?, None));
    }
    let folder = given.map(Path::to_owned).or_else(up::released).ok_or_else(|| {
        let message = format!("there is no folder {} with the channel's rule", own.display());
        Failure::new(Code::RuleRefused, message)
            .with_help("`--rules DIR` names the folder with the rule's .so")
    })?;
    let private = std::env::temp_dir().join(format!("loopchain-rules-{}", std::process::id()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&private);
    made.map_err(|error| Failure::file(&private, &error))?;
    let private = PrivateFolder(private);
    let shelf = RuleShelf::open(&folder, &private.0)?;
    Ok((shelf, Some(private)))
}

fn document(view: &ReceiptView, shown: &Shown, out: Option<&Path>) -> Value {
    let (body, header) = (view.transaction.transaction(), &view.proof.header);
    json!({
        "schema": "loopchain.receipt-verify.v1",
        "channel": view.genesis.channel.as_str(),
        "genesis": view.genesis.hash().to_string(),
        "hash": view.transaction.id().to_string(),
        "score": body.score.as_str(),
        "method": body.method,
        "signer": shown.signer.as_str(),
        "role": shown.role.word(),
        "status": view.receipt.status.word(),
        "code": view.receipt.code,
        "height": header.height.get(),
        "index": view.included.index,
        "block": header.id().to_string(),
        "time": host_web::time::rfc3339(header.time.get()),
        "epoch": header.epoch.get(),
        "epochs_followed": view.proof.epochs.len(),
        "quorum": shown.proven.quorum,
        "total_weight": shown.proven.total,
        "weight": u64::try_from(shown.proven.weight).unwrap_or(u64::MAX),
        "out": out.map(|path| path.display().to_string()),
    })
}

fn lines(view: &ReceiptView, shown: &Shown, out: Option<&Path>) -> Vec<String> {
    let (body, header) = (view.transaction.transaction(), &view.proof.header);
    let line = |name: &str, value: String| format!("  {name:<9} {value}");
    let Shown { signer, role, proven } = shown;
    let mut lines = vec![
        format!(
            "{OK} included in block {} of {}, final with {} of {}, signed by {signer}",
            header.height, view.genesis.channel, proven.weight, proven.total
        ),
        line("hash", view.transaction.id().to_string()),
        line("call", format!("{}.{}", body.score, body.method)),
        line("result", format!("{} (code {})", view.receipt.status.word(), view.receipt.code)),
        line("signer", format!("{signer}, {role}")),
        line("time", host_web::time::rfc3339(header.time.get())),
        line("genesis", view.genesis.hash().to_string()),
    ];
    if !view.proof.epochs.is_empty() {
        let (epoch, count) = (header.epoch, view.proof.epochs.len());
        lines.push(line("epoch", format!("{epoch}, {count} changes followed from the genesis")));
    }
    lines.extend(out.map(|path| line("saved", path.display().to_string())));
    lines
}
