//! A process's own certificates: how long they last, and taking renewed ones while it runs.
//!
//! In: the files that the configuration of a peer or a RadioStation names ([`Holder`]). Out: log lines when
//! two thirds of their life are over, at 30, 7 and 1 days and when they have run out, what `status` and
//! metrics tell, renewed certificates in use without a restart. An expired validator goes on voting: its
//! key is in the validator set, and no certificate is asked for there. Deliberately not here: registering a renewed certificate on channels (its holder does
//! that), whom others may be (`host/rpc/src/trust.rs`).

use super::drop_folder::{Stamp, stamps};
use super::node::Node;
use crate::channel::intake::wall_clock;
use crate::config::TlsConfig;
use host_identity::keyfile::{self, KeyFileError};
use host_identity::{Certificate, TlsIdentity, password};
use host_rpc::Session;
use host_rpc::gateway::NodeCertificate;
use host_types::{BlockTime, Code, NodeName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often files and clock are looked at.
const LOOK: Duration = Duration::from_secs(1);
const DAY_US: u64 = 86_400 * 1_000_000;
/// Share of a certificate's life after which it should be renewed.
const RENEW_AT_PERCENT: u64 = 66;
/// Days before the end at which the log says so.
const WARN_DAYS: [u64; 3] = [30, 7, 1];

/// How near the end of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Fine,
    /// [`RENEW_AT_PERCENT`] and [`WARN_DAYS`]: so many of them have been reached.
    Warned(usize),
    Expired,
}

fn stage(not_before: BlockTime, not_after: BlockTime, now: BlockTime) -> Stage {
    let Some(left) = not_after.get().checked_sub(now.get()) else { return Stage::Expired };
    let life = not_after.get().saturating_sub(not_before.get());
    let is_due = left <= life / 100 * (100 - RENEW_AT_PERCENT);
    let days = WARN_DAYS.iter().filter(|days| left <= **days * DAY_US).count();
    match usize::from(is_due) + days {
        0 => Stage::Fine,
        reached => Stage::Warned(reached),
    }
}

/// A process with certificates of its own.
pub trait Holder: Send + Sync + 'static {
    /// `ORG/NAME`.
    fn name(&self) -> &NodeName;

    /// Its TLS files.
    fn tls(&self) -> &TlsConfig;

    /// Its sessions.
    fn session(&self) -> &Arc<Session>;

    /// Its home folder.
    fn home(&self) -> &Path;

    /// Program and arguments that renew its certificates; empty: a person does it.
    fn renewal(&self) -> &[String];

    /// What goes on when a certificate has run out, for the log.
    fn after_end(&self) -> &'static str;

    /// The file of its signing certificate; none when it signs nothing.
    fn signing_file(&self) -> Option<&Path> {
        None
    }

    /// Takes what is in that file now.
    fn take_signing(&self) {}
}

impl Holder for Node {
    fn name(&self) -> &NodeName {
        &self.name
    }

    fn tls(&self) -> &TlsConfig {
        &self.config.tls
    }

    fn session(&self) -> &Arc<Session> {
        self.mesh.session()
    }

    fn home(&self) -> &Path {
        &self.config.home
    }

    fn renewal(&self) -> &[String] {
        &self.config.renewal.command
    }

    fn after_end(&self) -> &'static str {
        "it goes on voting"
    }

    fn signing_file(&self) -> Option<&Path> {
        Some(&self.config.signing.certificate)
    }

    fn take_signing(&self) {
        let file = &self.config.signing.certificate;
        match read(file) {
            Some(new) if new.signing_key() == Some(&self.identity.key.public()) => {
                if self.identity.renew(new.id) {
                    tracing::info!(
                        event = "certificate.taken",
                        "a renewed signing certificate of {} is in use: `loopchain cert register` makes it known",
                        self.name
                    );
                }
            }
            _ => tracing::error!(
                event = "certificate.odd",
                "{} is no certificate of this node's key",
                file.display()
            ),
        }
    }
}

/// The certificates as they stand in the files, by use.
fn own(holder: &dyn Holder) -> Vec<(&'static str, Certificate)> {
    let signing = holder.signing_file().map(|path| ("signing", path));
    let files = signing.into_iter().chain([("tls", holder.tls().certificate.as_path())]);
    files.filter_map(|(key_use, path)| Some((key_use, read(path)?))).collect()
}

/// The certificates as `status` tells them.
#[must_use]
pub fn told(holder: &dyn Holder) -> Vec<NodeCertificate> {
    let now = wall_clock();
    let own = own(holder).into_iter().map(|(key_use, certificate)| {
        let state = match stage(certificate.not_before, certificate.not_after, now) {
            Stage::Fine => "valid",
            Stage::Warned(_) => "ends soon",
            Stage::Expired => "expired",
        };
        NodeCertificate { key_use, not_after: certificate.not_after, state }
    });
    own.collect()
}

/// Whether one of them should be renewed.
pub(super) fn is_due(holder: &dyn Holder) -> bool {
    told(holder).iter().any(|own| own.state != "valid")
}

fn read(path: &Path) -> Option<Certificate> {
    Certificate::parse(&keyfile::load_certificate(path).ok()?).ok()
}

/// Follows the files until the process stops.
pub(crate) async fn follow(holder: Arc<dyn Holder>) {
    let tls = holder.tls();
    let files = [holder.signing_file(), Some(&tls.certificate), Some(&tls.key)];
    let files: Vec<PathBuf> = files.into_iter().flatten().map(Path::to_owned).collect();
    let mut seen: BTreeMap<PathBuf, Stamp> = stamps(files.clone());
    let mut stages = BTreeMap::new();
    loop {
        tell(&*holder, &mut stages);
        tokio::time::sleep(LOOK).await;
        let now = stamps(files.clone());
        if now != seen {
            seen = now;
            take(&*holder);
        }
    }
}

fn tell(holder: &dyn Holder, stages: &mut BTreeMap<&'static str, Stage>) {
    let (now, name) = (wall_clock(), holder.name());
    for (key_use, certificate) in own(holder) {
        let stage = stage(certificate.not_before, certificate.not_after, now);
        let before = stages.insert(key_use, stage).unwrap_or(Stage::Fine);
        if stage <= before {
            continue;
        }
        let days = certificate.not_after.get().saturating_sub(now.get()).div_ceil(DAY_US);
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
                "the {key_use} certificate of {name} has run out; {}: run `loopchain cert renew`",
                holder.after_end()
            ),
        }
    }
}

/// Takes what is in the files now; what cannot be used leaves the old in use.
fn take(holder: &dyn Holder) {
    holder.take_signing();
    let taken = identity(holder.tls())
        .map_err(|error| error.to_string())
        .and_then(|identity| holder.session().renew(identity).map_err(|error| error.to_string()));
    match taken {
        Ok(()) => tracing::info!(
            event = "certificate.taken",
            "new sessions of {} use the TLS certificate that is there now",
            holder.name()
        ),
        Err(error) => tracing::error!(event = "certificate.odd", "the TLS certificate: {error}"),
    }
}

fn identity(files: &TlsConfig) -> Result<TlsIdentity, KeyFileError> {
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
    fn the_end_is_told_after_two_thirds_at_thirty_seven_and_one_days_and_when_it_is_over() {
        let (start, end) = (BlockTime::new(10 * DAY_US), BlockTime::new(100 * DAY_US));
        let at = |micros| stage(start, end, BlockTime::new(micros));
        let due = end.get() - 90 * DAY_US / 100 * 34;
        let table = [
            (10 * DAY_US, Stage::Fine),
            (due - 1, Stage::Fine),
            (due, Stage::Warned(1)),
            (70 * DAY_US, Stage::Warned(2)),
            (93 * DAY_US, Stage::Warned(3)),
            (99 * DAY_US, Stage::Warned(4)),
            (100 * DAY_US, Stage::Warned(4)),
            (100 * DAY_US + 1, Stage::Expired),
        ];
        for (now, expected) in table {
            assert_eq!(at(now), expected, "{now}");
        }
    }

    #[test]
    fn a_long_life_is_told_long_before_thirty_days() {
        let (start, end) = (BlockTime::new(0), BlockTime::new(3_000 * DAY_US));
        assert_eq!(stage(start, end, BlockTime::new(1_979 * DAY_US)), Stage::Fine);
        assert_eq!(stage(start, end, BlockTime::new(1_980 * DAY_US)), Stage::Warned(1));
    }
}
