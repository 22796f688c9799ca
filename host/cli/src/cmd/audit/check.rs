//! `audit check DIR`: whether a report is what its auditor signed, and whether each receipt in it holds.
//!
//! In: the folder of a report from anybody, what is trusted, the rules. Out: who signed it and how many
//! receipts hold, or the first thing that is wrong, exit code 7. No connection is opened.

use super::report::{GENESIS, SIGNATURE, SUMS, message};
use crate::args::Trusted;
use crate::cmd::block_verify::read_file;
use crate::cmd::{Context, Done, receipt};
use crate::failure::Failure;
use crate::output::OK;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_client::receipt::{check_genesis, verify as verify_receipt};
use host_identity::{Certificate, Membership, verify as verify_signature};
use host_types::fault::Code;
use host_types::genesis::ChannelGenesis;
use host_types::{BlockTime, Decode, Hash32};
use host_web::receipt::{DOCUMENT_BYTES_MAX, read};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Largest file of a report, bytes: a receipt may be as large, and a form of 100,000 lines is smaller.
const FILE_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;

fn wrong(code: Code, message: impl Into<String>) -> Failure {
    Failure::new(code, message)
}

/// Runs it.
pub(crate) fn check(folder: &Path, trusted: &Trusted, context: &Context) -> Done {
    let file = |name: &str| read_file(&folder.join(name), FILE_BYTES_MAX, Code::ReceiptMalformed);
    let list = file(SUMS)?;
    let sums = sums(&list)?;
    let mut receipts = Vec::new();
    for (sum, name) in &sums {
        let bytes = file(name)?;
        if Hash32::sha256(&bytes) != *sum {
            return Err(wrong(Code::ReceiptMalformed, format!("{name} is not what was signed")));
        }
        if name.starts_with("proofs/") {
            receipts.push(name.as_str());
        }
    }
    if sums.iter().all(|(_, name)| name != GENESIS) {
        return Err(wrong(Code::ReceiptMalformed, format!("{SUMS} does not name {GENESIS}")));
    }
    let genesis = ChannelGenesis::from_bytes(&file(GENESIS)?)
        .map_err(|error| wrong(Code::ReceiptUntrusted, format!("{GENESIS}: {error}")))?;
    let trust = receipt::trust(trusted, &genesis.channel, context)?;
    let membership = check_genesis(&genesis, &trust)?;
    let auditor = signer(&file(SIGNATURE)?, &list, &membership)?;
    let (shelf, _private) = receipt::rules(trusted.rules.as_deref(), context)?;
    for name in &receipts {
        let checked = read(&file(name)?)
            .and_then(|view| verify_receipt(&view, &trust, &|wanted| shelf.find(wanted)));
        checked.map_err(|why| wrong(why.code, format!("{name}: {}", why.message)))?;
    }
    let document = json!({
        "schema": "loopchain.audit-check.v1",
        "channel": genesis.channel.as_str(),
        "auditor": auditor.name.as_str(),
        "role": auditor.role.word(),
        "files": sums.len(),
        "receipts": receipts.len(),
    });
    let line = format!(
        "{OK} {} files signed by {} ({}), {} receipts hold",
        sums.len(),
        auditor.name,
        auditor.role,
        receipts.len()
    );
    context.out.either(&document, [line]);
    Ok(ExitCode::SUCCESS)
}

/// The lines of a list: a digest, two blanks, a name that leads nowhere else.
fn sums(list: &[u8]) -> Result<Vec<(Hash32, String)>, Failure> {
    let odd = || wrong(Code::ReceiptMalformed, format!("{SUMS} is not a list of digests"));
    let text = std::str::from_utf8(list).map_err(|_| odd())?;
    let line = |line: &str| {
        let (sum, name) = line.split_once("  ")?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let is_inside = name.strip_prefix("proofs/").map_or_else(|| plain(name), plain);
        Some((Hash32::from_hex(sum)?, name.to_owned())).filter(|_| is_inside)
    };
    text.lines().map(|one| line(one).ok_or_else(odd)).collect()
}

fn signer(text: &[u8], list: &[u8], membership: &Membership) -> Result<Certificate, Failure> {
    let refused = |message: &str| wrong(Code::ReceiptSignature, format!("{SIGNATURE}: {message}"));
    let document: Value = serde_json::from_slice(text).map_err(|_| refused("it is not JSON"))?;
    let bytes = |key: &str| {
        let text = document.get(key).and_then(Value::as_str).unwrap_or_default();
        STANDARD.decode(text).map_err(|_| refused("a field is not base64"))
    };
    let certificate = Certificate::parse(&bytes("certificate")?)
        .map_err(|error| wrong(Code::ReceiptCertificate, error.to_string()))?;
    let at = document.get("signed_at_us").and_then(Value::as_u64);
    let at = at.ok_or_else(|| refused("it does not say when"))?;
    membership
        .check_path(&certificate, BlockTime::new(at))
        .map_err(|error| wrong(Code::ReceiptCertificate, error.to_string()))?;
    let signature: [u8; 64] =
        bytes("signature")?.try_into().map_err(|_| refused("a signature has 64 bytes"))?;
    let is_signed = certificate
        .signing_key()
        .is_some_and(|key| verify_signature(key, &message(list, at), &signature));
    if !is_signed {
        return Err(refused(&format!("{} did not sign this list", certificate.name)));
    }
    if document.get("auditor").and_then(Value::as_str) != Some(certificate.name.as_str()) {
        return Err(refused("it names another auditor than its certificate"));
    }
    Ok(certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_files_of_the_folder_only() {
        let sum = "ab".repeat(32);
        let good = format!("{sum}  report.csv\n{sum}  proofs/{sum}.json\n");
        assert_eq!(sums(good.as_bytes()).unwrap().len(), 2);
        for name in ["", "../x", "proofs/../x", "/etc/x", "proofs/a/b", ".x", "a b"] {
            let refused = sums(format!("{sum}  {name}\n").as_bytes()).unwrap_err();
            assert_eq!((refused.code(), refused.exit()), (Code::ReceiptMalformed, 7), "{name}");
        }
    }
}
