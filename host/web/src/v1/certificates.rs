//! `GET /api/v1/cert/list/*` and `/cert/issue/*` of the radiostation.

use super::{FAIL, identity, message, reply};
use crate::json::{Json, Number};
use crate::problem::Problem;
use crate::router::StationApi;
use axum::extract::State;
use axum::response::Response;
use host_types::Code;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Letters of base64 in a line of PEM.
const PEM_LINE: usize = 64;
/// `cert_type` of a root.
const ROOT: u8 = 0;
/// `cert_type` of a peer.
const PEER: u8 = 1;

/// `GET /cert/list/ca`
pub(crate) async fn root(State(api): State<Arc<StationApi>>) -> Response {
    let roots = api.directory.certificates(false);
    match roots.first().and_then(|der| object(ROOT, der)) {
        Some(json) => success(json),
        None => message(FAIL, "Fail loading of CA certificate."),
    }
}

/// `GET /cert/list/peer`
pub(crate) async fn peers(State(api): State<Arc<StationApi>>) -> Response {
    let certificates = api.directory.certificates(true);
    success(certificates.iter().filter_map(|der| object(PEER, der)).collect())
}

fn success(data: Json) -> Response {
    reply(&Json::object([("response_code", 0.into()), ("data", data)]))
}

/// `GET /cert/issue/*` is gone: it issued certificates for anyone who asked.
pub(crate) async fn issue_gone() -> Problem {
    Problem::new(
        Code::Gone,
        "certificates are not issued over HTTP: the organisation's own authority signs them \
         where its key is",
    )
}

/// A certificate as the old edition wrote it; the key `*serial_number` really begins with an
/// asterisk. None for bytes that are no certificate.
fn object(cert_type: u8, der: &[u8]) -> Option<Json> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let serial = Number::integer(&certificate.tbs_certificate.serial.to_string())?;
    Some(Json::object([
        ("cert_type", cert_type.into()),
        ("subject", name(certificate.subject()).into()),
        ("issuer", name(certificate.issuer()).into()),
        ("*serial_number", Json::Number(serial)),
        ("not_after", not_after(&certificate).into()),
        ("cert_pem", pem(der).into()),
    ]))
}

fn not_after(certificate: &X509Certificate<'_>) -> String {
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    let text = crate::time::python(seconds.saturating_mul(1_000_000));
    // Certificates have no fractions of a second.
    text.split('.').next().unwrap_or_default().to_owned()
}

/// `cn=…, ou=…, o=…, c=kr`: the most special part first.
fn name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let parts = name.iter_attributes().filter_map(|attribute| {
        let oid = attribute.attr_type().to_id_string();
        let key = match oid.as_str() {
            "2.5.4.3" => "cn",
            "2.5.4.6" => "c",
            "2.5.4.10" => "o",
            "2.5.4.11" => "ou",
            other => other,
        };
        Some(format!("{key}={}", attribute.as_str().ok()?))
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts.join(", ")
}

fn pem(der: &[u8]) -> String {
    let text = identity::base64(der);
    let lines = text.as_bytes().chunks(PEM_LINE).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", body.join("\n"))
}
