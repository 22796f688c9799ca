//! The clock: it is not before what happened already.
//!
//! In: when the network and the certificates here were made. Out: a finding. Deliberately not here:
//! comparing clocks of machines, which every block does (its time must fit each validator's clock).

use super::{Finding, Place};
use crate::time::{now_us, rfc3339};
use host_identity::{Certificate, keyfile};
use host_types::fault::Code;

const CHECK: &str = "clock";
/// A clock may be behind the one that made a certificate by so much.
const TOLERATED_US: u64 = 1_000_000;

/// Looks.
pub(super) fn check(place: &Place<'_>) -> Finding {
    let made = place.network.iter().map(|network| network.created_us);
    let folders = place.key_folders();
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let certificates = files
        .flatten()
        .filter_map(|file| Certificate::parse(&keyfile::load_certificate(&file.path()).ok()?).ok());
    let begins = certificates.map(|certificate| certificate.not_before.get());
    judged(now_us(), made.chain(begins).max())
}

fn judged(now_us: u64, newest_us: Option<u64>) -> Finding {
    match newest_us {
        Some(newest) if now_us.saturating_add(TOLERATED_US) < newest => {
            let message = format!(
                "this machine says {}, but something here was made {}",
                rfc3339(now_us),
                rfc3339(newest)
            );
            Finding::problem(CHECK, Code::CertificateTooEarly, message)
                .with_step("timedatectl set-ntp true")
        }
        _ => Finding::ok(CHECK, rfc3339(now_us)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_before_the_newest_certificate_is_wrong() {
        assert_eq!(judged(5_000_000, Some(5_500_000)).state, State::Ok);
        assert_eq!(judged(5_000_000, None).state, State::Ok);
        let wrong = judged(5_000_000, Some(60_000_000));
        assert_eq!((wrong.state, wrong.code), (State::Problem, Some(Code::CertificateTooEarly)));
    }
}
