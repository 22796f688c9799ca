//! `cert show` and `cert check`: what certificates say, and everything that is wrong with them.

use super::{Context, Done};
use crate::args_pki::CertCheck;
use crate::ca_folder::load_crl;
use crate::failure::{EXIT_FOUND, Failure};
use crate::network_facts::load_root;
use crate::output::{BAD, OK};
use crate::time::{self, now_us, rfc3339};
use host_identity::bundle;
use host_identity::check::{self, Wanted};
use host_identity::{Certificate, KeyUse, Root};
use host_types::Address;
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NodeName};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// `*`, or the channels of a certificate.
pub(super) fn scope_text(certificate: &Certificate) -> String {
    certificate.scope.as_ref().map_or_else(
        || "*".to_owned(),
        |scope| scope.iter().map(ChannelName::as_str).collect::<Vec<_>>().join(","),
    )
}

/// A certificate for programs.
pub(super) fn document(certificate: &Certificate) -> Value {
    let address = certificate.signing_key().map(|key| Address::of_key(key).to_string());
    json!({
        "name": certificate.name.as_str(), "role": certificate.role.word(),
        "use": if address.is_some() { "signing" } else { "tls" },
        "channels": scope_text(certificate), "serial": certificate.serial.to_string(),
        "id": certificate.id.to_string(), "address": address,
        "not_before": rfc3339(certificate.not_before.get()),
        "not_after": rfc3339(certificate.not_after.get()),
    })
}

fn ders(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let blocks = bundle::load(path)?.into_iter().filter(|b| b.label == bundle::CERTIFICATE);
    let ders: Vec<_> = blocks.map(|block| block.der).collect();
    if ders.is_empty() {
        let message = format!("{} holds no certificate", path.display());
        return Err(Failure::new(Code::CertificateMalformed, message));
    }
    Ok(ders)
}

/// `cert show`
pub(super) fn show(path: &Path, context: &Context) -> Done {
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    for der in ders(path)? {
        if let Ok(root) = Root::from_der(&der) {
            let fingerprint = format!("SHA256:{}", root.fingerprint());
            let until = rfc3339(root.not_after().get());
            lines.push(format!("root of {}  {fingerprint}  until {until}", root.organisation()));
            documents.push(json!({
                "root": true, "organisation": root.organisation(),
                "fingerprint": fingerprint, "not_after": until,
            }));
            continue;
        }
        let certificate = Certificate::parse(&der)?;
        let document = document(&certificate);
        let word = |key: &str| document[key].as_str().unwrap_or("-").to_owned();
        lines.push(format!("{}  {}  for {}", word("name"), word("role"), word("use")));
        for key in ["channels", "serial", "id", "address", "not_before", "not_after"] {
            lines.push(format!("  {key:<11} {}", word(key)));
        }
        documents.push(document);
    }
    context.out.either(&json!({"schema": "loopchain.cert.v1", "certificates": documents}), lines);
    Ok(ExitCode::SUCCESS)
}

fn at(text: Option<&str>) -> Result<BlockTime, Failure> {
    let Some(text) = text else { return Ok(BlockTime::new(now_us())) };
    time::parse(text).map(BlockTime::new).ok_or_else(|| {
        Failure::new(Code::ConfigBadValue, format!("`{text}` is no time"))
            .with_help("write 2026-01-31T12:00:00Z, or microseconds since 1970")
    })
}

/// `cert check`
pub(super) fn check(args: &CertCheck, context: &Context) -> Done {
    let roots = args.root.iter().map(|file| load_root(file)).collect::<Result<Vec<_>, _>>()?;
    let crl = args.crl.as_deref().map(|file| load_crl(file, &roots)).transpose()?;
    let name = args.name.as_deref().map(|name| NodeName::new(name).ok_or(name)).transpose();
    let channel = args.for_channel.as_deref().map(|name| ChannelName::new(name).ok_or(name));
    let no_name = |text: &str| Failure::new(Code::ConfigBadValue, format!("`{text}` is no name"));
    let (name, channel) = (name.map_err(no_name)?, channel.transpose().map_err(no_name)?);
    let key_use = match (args.signing, args.tls) {
        (true, _) => Some(KeyUse::Signing),
        (_, true) => Some(KeyUse::Tls),
        _ => None,
    };
    let wanted = Wanted {
        roots: &roots,
        crl: crl.as_ref(),
        role: args.role,
        name: name.as_ref(),
        channel: channel.as_ref(),
        key_use,
        public_key: None,
    };
    let at = at(args.at.as_deref())?;
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    for der in ders(&args.file)? {
        if Root::from_der(&der).is_ok() {
            continue;
        }
        let found = check::check(&der, &wanted, at);
        let who = Certificate::parse(&der).map_or_else(
            |_| args.file.display().to_string(),
            |one| format!("{} ({})", one.name, one.role),
        );
        if found.is_empty() {
            lines.push(format!("{OK} {who}"));
            continue;
        }
        for one in found {
            lines.push(format!("{BAD} {who}: {} {}", one.code, one.message));
            documents.push(json!({
                "certificate": who, "code": one.code.to_string(), "message": one.message,
            }));
        }
    }
    let is_right = documents.is_empty();
    let document = json!({
        "schema": "loopchain.cert-check.v1", "at": rfc3339(at.get()), "problems": documents,
    });
    context.out.either(&document, lines);
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}
