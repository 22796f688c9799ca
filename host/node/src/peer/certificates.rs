//! This node's own certificates: how long they last, and taking renewed ones while it runs.
//!
//! In: the files that the configuration names. Out: log lines at 30, 7 and 1 days and when they have
//! run out, what `status` tells, renewed certificates in use without a restart. An expired
//! validator goes on voting: its key is in the validator set, and no certificate is asked for
//! there. Deliberately not here: registering a renewed certificate on channels (its holder does
//! that), whom others may be (`host/rpc/trust.rs`).

use super::drop_folder::{Stamp, stamps};
use super::node::Node;
use crate::channel::intake::wall_clock;
use host_identity::keyfile::{self, KeyFileError};
use host_identity::{Certificate, TlsIdentity, password};
use host_rpc::gateway::NodeCertificate;
use host_types::{BlockTime, Code};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often files and clock are looked at.
const LOOK: Duration = Duration::from_secs(1);
const DAY_US: u64 = 86_400 * 1_000_000;
/// Days before the end at which the log says so.
const WARN_DAYS: [u64; 3] = [30, 7, 1];

/// How near the end of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Fine,
    /// So many of [`WARN_DAYS`] have been reached.
    Warned(usize),
    Expired,
}

fn stage(not_after: BlockTime, now: BlockTime) -> Stage {
    let Some(left) = not_after.get().checked_sub(now.get()) else { return Stage::Expired };
    match WARN_DAYS.iter().filter(|days| left <= **days * DAY_US).count() {
        0 => Stage::Fine,
        reached => Stage::Warned(reached),
    }
}

/// The node's certificates as `status` tells them.
#[must_use]
pub fn told(node: &Node) -> Vec<NodeCertificate> {
    let now = wall_clock();
    let files =
        [("signing", &node.config.signing.certificate), ("tls", &node.config.tls.certificate)];
    let read = files.into_iter().filter_map(|(key_use, path)| {
        let certificate = read(path)?;
        let state = match stage(certificate.not_after, now) {
            Stage::Fine => "valid",
            Stage::Warned(_) => "ends soon",
            Stage::Expired => "expired",
        };
        Some(NodeCertificate { key_use, not_after: certificate.not_after, state })
    });
    read.collect()
}

fn read(path: &Path) -> Option<Certificate> {
    Certificate::parse(&keyfile::load_certificate(path).ok()?).ok()
}

/// Follows the files until the node stops.
pub(super) async fn follow(node: Arc<Node>) {
    let files =
        [&node.config.signing.certificate, &node.config.tls.certificate, &node.config.tls.key];
    let files: Vec<PathBuf> = files.into_iter().cloned().collect();
    let mut seen: BTreeMap<PathBuf, Stamp> = stamps(files.clone());
    let mut stages = [Stage::Fine; 2];
    loop {
        tell(&node, &mut stages);
        tokio::time::sleep(LOOK).await;
        let now = stamps(files.clone());
        if now != seen {
            seen = now;
            take(&node);
        }
    }
}

fn tell(node: &Node, stages: &mut [Stage; 2]) {
    let now = wall_clock();
    for (own, before) in told(node).into_iter().zip(stages) {
        let stage = stage(own.not_after, now);
        if stage > *before {
            let (name, key_use) = (&node.name, own.key_use);
            let days = own.not_after.get().saturating_sub(now.get()).div_ceil(DAY_US);
            match stage {
                Stage::Fine => {}
                Stage::Warned(_) => tracing::warn!(
                    event = "certificate.ends",
                    key_use,
                    days,
                    "the {key_use} certificate of {name} ends within {days} days: run `loopchain cert renew`"
                ),
                Stage::Expired => tracing::error!(
                    event = "certificate.expired", code = %Code::OwnCertificateExpired, key_use,
                    "the {key_use} certificate of {name} has run out; it goes on voting: run `loopchain cert renew`"
                ),
            }
        }
        *before = stage;
    }
}

/// Takes what is in the files now; what cannot be used leaves the old in use.
fn take(node: &Node) {
    match read(&node.config.signing.certificate) {
        Some(new) if new.signing_key() == Some(&node.identity.key.public()) => {
            if node.identity.renew(new.id) {
                tracing::info!(
                    event = "certificate.taken",
                    "a renewed signing certificate of {} is in use: `loopchain cert register` makes it known",
                    node.name
                );
            }
        }
        _ => tracing::error!(
            event = "certificate.odd",
            "{} is no certificate of this node's key",
            node.config.signing.certificate.display()
        ),
    }
    let taken = tls(node).map_err(|error| error.to_string()).and_then(|identity| {
        node.mesh.session().renew(identity).map_err(|error| error.to_string())
    });
    match taken {
        Ok(()) => tracing::info!(
            event = "certificate.taken",
            "new sessions of {} use the TLS certificate that is there now",
            node.name
        ),
        Err(error) => tracing::error!(event = "certificate.odd", "the TLS certificate: {error}"),
    }
}

fn tls(node: &Node) -> Result<TlsIdentity, KeyFileError> {
    let files = &node.config.tls;
    let password = password::of_node()?;
    let key = keyfile::load_pkcs8(&files.key, password.as_ref().map(|text| text.as_str()))?;
    let der = keyfile::load_certificate(&files.certificate)?;
    let certificate = Certificate::parse(&der).map_err(|error| KeyFileError::Format {
        path: files.certificate.clone(),
        kind: "certificate",
        reason: error.to_string(),
    })?;
    Ok(TlsIdentity { certificate, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_at_thirty_seven_and_one_days_and_when_it_is_over() {
        let end = BlockTime::new(100 * DAY_US);
        let at = |micros| stage(end, BlockTime::new(micros));
        let table = [
            (69 * DAY_US, Stage::Fine),
            (70 * DAY_US, Stage::Warned(1)),
            (93 * DAY_US, Stage::Warned(2)),
            (99 * DAY_US, Stage::Warned(3)),
            (100 * DAY_US, Stage::Warned(3)),
            (100 * DAY_US + 1, Stage::Expired),
        ];
        for (now, expected) in table {
            assert_eq!(at(now), expected, "{now}");
        }
    }
}
