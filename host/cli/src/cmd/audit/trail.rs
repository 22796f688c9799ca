//! `audit trail`: what a peer answered to auditors.
//!
//! In: the folder of a channel of a peer that runs or has stopped. Out: its records in order, as they are;
//! whether they are true, `audit verify` tells. Deliberately not here: judging them.

use crate::args::AuditTrail;
use crate::cmd::{Context, Done};
use crate::failure::Failure;
use crate::output::{OK, table};
use crate::time::rfc3339;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_node::trail::read_all;
use host_types::Encode;
use host_types::fault::Code;
use host_types::trail::SignedRecord;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn trail(args: &AuditTrail, context: &Context) -> Done {
    let place = args.store.place(context)?;
    if !place.channel.is_dir() {
        let message = format!("{} is no folder of a channel", place.channel.display());
        return Err(Failure::new(Code::ConfigUnreadable, message));
    }
    let (records, odd) = read_all(&place.channel)?;
    if let Some(place) = odd {
        return Err(Failure::new(Code::TrailBroken, place));
    }
    let reader = args.reader.as_deref();
    let is_by = |one: &&SignedRecord| {
        let name = &one.record.reader;
        reader.is_none_or(|wanted| wanted == name.as_str() || wanted == name.short())
    };
    let shown: Vec<_> = records.iter().filter(is_by).collect();
    let document = json!({
        "schema": "loopchain.audit-trail.v1",
        "records": shown.iter().map(|one| record(one)).collect::<Vec<_>>(),
    });
    context.out.either(&document, lines(&shown));
    Ok(ExitCode::SUCCESS)
}

/// One record, for programs: all that is needed to check it.
pub(super) fn record(one: &SignedRecord) -> Value {
    let (record, request) = (&one.record, &one.record.request.request);
    json!({
        "number": record.number,
        "hash": record.hash().to_string(),
        "previous": record.previous.to_string(),
        "reader": record.reader.as_str(),
        "certificate": request.signer.to_string(),
        "method": request.method,
        "target": request.target,
        "grant": record.grant,
        "height": record.height.get(),
        "time": rfc3339(record.time.get()),
        "time_us": record.time.get(),
        "status": record.status,
        "answer": record.answer.to_string(),
        "record": STANDARD.encode(one.to_bytes()),
    })
}

fn lines(records: &[&SignedRecord]) -> Vec<String> {
    if records.is_empty() {
        return vec![format!("{OK} no auditor was answered here")];
    }
    let row = |one: &&SignedRecord| {
        let (record, request) = (&one.record, &one.record.request.request);
        let grant = if record.grant.is_empty() { "-" } else { &record.grant };
        vec![
            record.number.to_string(),
            rfc3339(record.time.get()),
            record.reader.as_str().to_owned(),
            grant.to_owned(),
            record.height.to_string(),
            record.status.to_string(),
            format!("{} {}", request.method, request.target),
        ]
    };
    let head = ["NUMBER", "TIME", "READER", "GRANT", "HEIGHT", "STATUS", "REQUEST"];
    table(&head, records.iter().map(row).collect())
}
