//! `tx send`, `tx get`, `tx wait`; `tx verify` is in `receipt.rs`, `tx list` in `tx_list.rs`, `tx get
//! --journey` in `journey.rs`.

use super::{Context, Done, call, journey, receipt, tx_list};
use crate::args::{TxCommand, TxSend};
use crate::client::{Client, EventInfo, ReceiptInfo, TxInfo};
use crate::failure::Failure;
use crate::identity::{AddressBook, Identity};
use crate::output::{BAD, OK, WARN};
use crate::profile;
use crate::sign::Call;
use crate::time::seconds;
use host_types::fault::Code;
use host_types::ids::ScoreName;
use host_types::manifest::Manifest;
use host_web::arguments::CallKind;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs `tx …`.
pub(crate) async fn tx(command: TxCommand, context: &Context) -> Done {
    if let TxCommand::Verify { hash, proof, trusted } = &command {
        return receipt::verify_of(hash, proof, trusted, context);
    }
    let target = profile::target(&context.global, &context.data)?;
    let client = match &command {
        // What is sent is signed by itself.
        TxCommand::Send(_) => Client::sending(&target, context)?,
        _ => Client::reading(&target, context)?,
    };
    match command {
        TxCommand::Send(send_args) => send(&send_args, &client, target.identity, context).await,
        TxCommand::Verify { .. } => Ok(ExitCode::SUCCESS),
        TxCommand::List(wanted) => tx_list::list(&wanted, &client, context).await,
        TxCommand::Get { hash, journey: true, .. } => journey::show(&hash, &client, context).await,
        TxCommand::Get { hash, receipt: Some(file), .. } => {
            receipt::save(&hash, &file, &client, context).await
        }
        TxCommand::Get { hash, receipt: None, proof, .. } => {
            let (mut body, info) = client.transaction(&hash).await?;
            if proof {
                body = client.proved(&hash).await?;
            }
            let manifest = manifest_of(&client, &info).await;
            show(context, &body, &Shown { info: &info, took: None, manifest })
        }
        TxCommand::Wait { hash } => {
            let started = Instant::now();
            let (body, info) = client.wait(&hash, context.global.timeout).await?;
            let manifest = manifest_of(&client, &info).await;
            show(context, &body, &Shown { info: &info, took: Some(started.elapsed()), manifest })?;
            outcome(&info, context.global.timeout)
        }
    }
}

/// The manifest of the SCORE that a transaction called; none is no obstacle to showing it.
async fn manifest_of(client: &Client, info: &TxInfo) -> Option<Manifest> {
    client.score(&info.score).await.ok().and_then(|(_, _, manifest)| manifest)
}

/// What is shown of a transaction.
struct Shown<'a> {
    info: &'a TxInfo,
    /// How long it took, when somebody waited.
    took: Option<Duration>,
    /// Tells the order of an event's fields.
    manifest: Option<Manifest>,
}

async fn send(send: &TxSend, client: &Client, identity: Option<String>, context: &Context) -> Done {
    let Some(name) = identity else {
        let message = "nobody is named who signs";
        return Err(Failure::new(Code::IdentityUnknown, message)
            .with_help("`--identity NAME`, or `identity` in the profile"));
    };
    let given = call::given(&send.arguments, send.params.as_deref())?;
    let identity = Identity::find(&context.data, &name)?;
    let (_, channel) = client.channel().await?;
    let book = AddressBook::of(&context.data);
    let (_, _, manifest) = client.score(&send.score).await?;
    let manifest = manifest.ok_or_else(|| {
        let message = format!("the peer does not have the file of {} yet", send.score);
        Failure::new(Code::ArtefactMissing, message)
    })?;
    let called = (CallKind::Transaction, send.method.as_str());
    let args = call::encode(client, &book, &manifest, called, &given).await?;
    let score = ScoreName::new(&send.score)
        .ok_or_else(|| Failure::new(Code::ScoreUnknown, format!("no SCORE `{}`", send.score)))?;
    let call = Call { genesis: channel.genesis()?, score, method: send.method.clone(), args };
    let signed = call.sign(&identity)?;
    let started = Instant::now();
    if send.no_wait {
        let (body, info) = client.submit(&signed, None).await?;
        return show(context, &body, &Shown { info: &info, took: None, manifest: None });
    }
    let (mut body, info) = client.submit_and_wait(&signed, context.global.timeout).await?;
    if let Value::Object(fields) = &mut body {
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        fields.insert("took_ms".to_owned(), took_ms.into());
        fields.insert("validators".to_owned(), channel.validators.len().into());
    }
    let took = Some(started.elapsed());
    show(context, &body, &Shown { info: &info, took, manifest: Some(manifest) })?;
    outcome(&info, context.global.timeout)
}

/// Exit code of a transaction that was waited for.
pub(super) fn outcome(info: &TxInfo, waited: Duration) -> Done {
    match (info.state.as_str(), &info.receipt, &info.error) {
        ("final", Some(receipt), _) if receipt.status == "ok" => Ok(ExitCode::SUCCESS),
        ("final", Some(receipt), _) => Err(refusal(info, receipt)),
        ("rejected", _, Some(error)) => {
            Err(Failure::from_problem(409, &json!({"code": error.code, "detail": error.message})))
        }
        _ => {
            let message = format!(
                "transaction {} was accepted but is not final after {} s",
                info.hash,
                waited.as_secs()
            );
            Err(Failure::new(Code::NotFinalYet, message)
                .with_help(format!("loopchain tx wait {}", info.hash)))
        }
    }
}

/// Why a final transaction did nothing.
fn refusal(info: &TxInfo, receipt: &ReceiptInfo) -> Failure {
    let code = match receipt.status.as_str() {
        "trap" => Code::ScoreTrap,
        "crash" => Code::ScoreCrash,
        "refused" => u16::try_from(receipt.code)
            .ok()
            .and_then(Code::from_number)
            .unwrap_or(Code::SystemRefused),
        _ => Code::ScoreFault,
    };
    let message = receipt.message.clone().unwrap_or_else(|| receipt.status.clone());
    // It was final: sending it again does the same, whatever the code says elsewhere.
    Failure::new(code, format!("{}.{}: {message}", info.score, info.method)).with_exit(4)
}

fn show(context: &Context, body: &Value, shown: &Shown<'_>) -> Done {
    let book = AddressBook::of(&context.data);
    let validators = body.get("validators").and_then(Value::as_u64);
    context.out.either(body, lines(shown, validators, &book));
    Ok(ExitCode::SUCCESS)
}

fn lines(shown: &Shown<'_>, validators: Option<u64>, book: &AddressBook) -> Vec<String> {
    let info = shown.info;
    let transaction = format!("  transaction  {}", shortened(&info.hash));
    match (&info.receipt, &info.error) {
        (Some(receipt), _) => {
            let mark = if receipt.status == "ok" { OK } else { BAD };
            let after =
                shown.took.map(|took| format!(" after {}", seconds(took))).unwrap_or_default();
            let votes = info.voters.len();
            let votes = match validators {
                Some(all) => format!("{votes} of {all} validators"),
                None => format!("{votes} validators"),
            };
            let height = info.height.unwrap_or_default();
            let mut lines = vec![
                format!("{mark} final in block {height}{after} ({votes})"),
                transaction,
                format!("  result       {}", result(receipt)),
            ];
            let manifest = shown.manifest.as_ref();
            // The manifest is that of the SCORE that was called; others may speak through it.
            let of = |event: &EventInfo| manifest.filter(|_| event.score == info.score);
            lines.extend(info.events.iter().map(|event| event_line(event, of(event), book)));
            lines
        }
        (None, Some(error)) => {
            vec![format!("{BAD} rejected: {}", error.message), transaction]
        }
        (None, None) => vec![format!("{WARN} accepted, not final yet"), transaction],
    }
}

fn result(receipt: &ReceiptInfo) -> String {
    match (&receipt.message, &receipt.output) {
        (Some(message), _) => format!("{}: {message}", receipt.status),
        (None, Value::Null) => receipt.status.clone(),
        (None, output) => format!("{} {output}", receipt.status),
    }
}

fn event_line(event: &EventInfo, manifest: Option<&Manifest>, book: &AddressBook) -> String {
    let kind = manifest.and_then(|m| m.events.iter().find(|kind| kind.name == event.name));
    let fields = match (&event.fields, kind) {
        (Value::Object(fields), kind) => {
            let declared = kind.into_iter().flat_map(|kind| &kind.fields).map(|field| &field.name);
            let mut names: Vec<_> = declared.filter(|name| fields.contains_key(*name)).collect();
            if kind.is_none() {
                names.extend(fields.keys());
            }
            let written = names.iter().filter_map(|name| {
                fields.get(*name).map(|value| format!("{name}={}", plain(value, book)))
            });
            written.collect::<Vec<_>>().join(" ")
        }
        (other, _) => plain(other, book),
    };
    format!("  event        {}.{}  {fields}", event.score, event.name)
}

/// Text without quotes, addresses by name.
fn plain(value: &Value, book: &AddressBook) -> String {
    match value {
        Value::String(text) => book.name_of(text).to_owned(),
        other => other.to_string(),
    }
}

/// `9dc7e5ed17cc…4accee5f`
fn shortened(hash: &str) -> String {
    match (hash.get(..12), hash.len().checked_sub(8).and_then(|at| hash.get(at..))) {
        (Some(head), Some(tail)) if hash.len() > 24 => format!("{head}…{tail}"),
        _ => hash.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Address;

    fn sample(status: &str) -> TxInfo {
        let alice = Address::of_key(&[1; 32]).to_string();
        serde_json::from_value(json!({
            "state": "final", "score": "token", "method": "transfer",
            "hash": "9dc7e5ed17cc000000000000000000000000000000000000000000004accee5f",
            "height": 15, "voters": ["a", "b", "c", "d"],
            "receipt": {"status": status, "code": 1, "output": null,
                        "message": if status == "ok" { None } else { Some("balance 0") }},
            "events": [{"score": "token", "name": "transfer",
                        "fields": {"from": alice, "amount": "100"}}],
        }))
        .unwrap()
    }

    #[test]
    fn a_final_transaction_is_shown_as_in_the_guide() {
        let mut book = AddressBook::default();
        book.insert("alice", Address::of_key(&[1; 32]));
        let took = Some(Duration::from_millis(230));
        let manifest = serde_json::from_value(json!({
            "abi": "1.0", "name": "token", "version": "0.1.0", "methods": [],
            "events": [{"name": "transfer", "fields": [
                {"name": "from", "type": "address"}, {"name": "amount", "type": "u128"}]}],
        }));
        let info = sample("ok");
        let shown = Shown { info: &info, took, manifest: Some(manifest.unwrap()) };
        let lines = lines(&shown, Some(4), &book);
        assert_eq!(
            lines,
            [
                format!("{OK} final in block 15 after 0.23 s (4 of 4 validators)"),
                "  transaction  9dc7e5ed17cc…4accee5f".to_owned(),
                "  result       ok".to_owned(),
                "  event        token.transfer  from=alice amount=100".to_owned(),
            ]
        );
    }

    #[test]
    fn the_exit_code_follows_the_receipt() {
        let wait = Duration::from_secs(1);
        assert!(outcome(&sample("ok"), wait).is_ok());
        let fault = outcome(&sample("fault"), wait).unwrap_err();
        assert_eq!((fault.code(), fault.exit()), (Code::ScoreFault, 4));
        assert_eq!(fault.message(), "token.transfer: balance 0");
        let pending = TxInfo { state: "pending".to_owned(), receipt: None, ..sample("ok") };
        let pending = outcome(&pending, wait).unwrap_err();
        assert_eq!((pending.code(), pending.exit()), (Code::NotFinalYet, 6));
        for (status, code) in [("trap", Code::ScoreTrap), ("crash", Code::ScoreCrash)] {
            let stopped = outcome(&sample(status), wait).unwrap_err();
            assert_eq!((stopped.code(), stopped.exit()), (code, 4));
        }
    }
}
