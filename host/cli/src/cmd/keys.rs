//! `keys list`: who is in the key folder.

use super::{Context, Done};
use crate::identity;
use crate::output::table;
use crate::time::rfc3339;
use host_types::Address;
use serde_json::json;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn list(context: &Context) -> Done {
    context.data.require_network()?;
    let certificates = identity::certificates(&context.data);
    let of = |certificate: &host_identity::Certificate| {
        certificate.signing_key().map(Address::of_key).map(|address| address.to_string())
    };
    let keys: Vec<_> = certificates
        .iter()
        .map(|certificate| {
            json!({
                "name": certificate.name.short(),
                "organisation": certificate.organisation(),
                "role": certificate.role.word(),
                "address": of(certificate),
                "certificate": certificate.id.to_string(),
                "expires": rfc3339(certificate.not_after.get()),
            })
        })
        .collect();
    let rows = certificates.iter().map(|certificate| {
        vec![
            certificate.name.short().to_owned(),
            certificate.organisation().to_owned(),
            certificate.role.word().to_owned(),
            of(certificate).unwrap_or_default(),
            rfc3339(certificate.not_after.get()),
        ]
    });
    let head = ["NAME", "ORGANISATION", "ROLE", "ADDRESS", "EXPIRES"];
    let lines = table(&head, rows.collect());
    context.out.either(&json!({"schema": "loopchain.keys.v1", "keys": keys}), lines);
    Ok(ExitCode::SUCCESS)
}
