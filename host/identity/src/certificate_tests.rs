//! Certificates of the dev authority, and ones that are wrong in one way each.

use super::*;
use crate::authority::{Authority, Validity};
use crate::keypair::SigningKey;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn days(from: u64, to: u64) -> Validity {
    let day = |n: u64| BlockTime::new(n * 86_400_000_000);
    Validity { not_before: day(from), not_after: day(to) }
}

fn issue(authority: &Authority, validity: Validity) -> Certificate {
    let key = SigningKey::from_seed([7; 32]).public();
    authority.issue_signing(&name("bank-a/alice"), Role::Client, None, &key, validity).unwrap()
}

#[test]
fn what_is_issued_reads_back() {
    let authority = Authority::new_dev("test").unwrap();
    let scope: BTreeSet<_> =
        ["trade", "notes"].iter().map(|n| ChannelName::new(n).unwrap()).collect();
    let key = SigningKey::from_seed([7; 32]).public();
    let certificate = authority
        .issue_signing(&name("bank-a/ann"), Role::Auditor, Some(&scope), &key, days(1, 2))
        .unwrap();
    assert_eq!(certificate.name, name("bank-a/ann"));
    assert_eq!(certificate.role, Role::Auditor);
    assert_eq!(certificate.scope, Some(scope));
    assert_eq!(certificate.key, CertificateKey::Ed25519(key));
    assert_eq!(certificate.not_before.get(), 86_400_000_000);
    assert_eq!(certificate.not_after.get(), 2 * 86_400_000_000 + 999_999);
    assert!(certificate.covers(&ChannelName::new("trade").unwrap()));
    assert!(!certificate.covers(&ChannelName::new("other").unwrap()));
    assert_eq!(certificate.id.hash(), Hash32::sha256(&certificate.der));
}

#[test]
fn a_long_scope_needs_a_long_length() {
    let channels = |count: u8| -> BTreeSet<ChannelName> {
        (0..count).map(|i| ChannelName::new(&format!("channel-number-{i}")).unwrap()).collect()
    };
    for count in [1, 6, 10, 60] {
        let scope = channels(count);
        let value = profile_value(Role::Client, Some(&scope));
        let text = read_utf8_string(&value).unwrap();
        assert_eq!(text.split(',').count(), usize::from(count));
    }
}

#[test]
fn another_root_is_not_believed() {
    let (ours, theirs) = (Authority::new_dev("a").unwrap(), Authority::new_dev("a").unwrap());
    let certificate = issue(&theirs, Validity::default());
    let now = Validity::days_from_now(0).not_after;
    let refused = certificate.verify_path(&[ours.root().clone()], now).unwrap_err();
    assert_eq!(refused.code(), Code::CertificateUntrusted);
    assert!(certificate.verify_path(&[], now).is_err());
    let both = [ours.root().clone(), theirs.root().clone()];
    assert_eq!(certificate.verify_path(&both, now).unwrap(), theirs.root());
}

#[test]
fn the_period_is_judged_by_the_time_given_and_not_by_the_clock() {
    let authority = Authority::new("bank-a", days(10, 40)).unwrap();
    let certificate = issue(&authority, days(20, 30));
    let roots = [authority.root().clone()];
    let at = |micros: u64| certificate.verify_path(&roots, BlockTime::new(micros));
    let day = 86_400_000_000;
    assert!(at(20 * day).is_ok());
    assert!(at(30 * day + 999_999).is_ok());
    assert_eq!(at(20 * day - 1).unwrap_err().code(), Code::CertificateTooEarly);
    assert_eq!(at(30 * day + 1_000_000).unwrap_err().code(), Code::CertificateExpired);
}

#[test]
fn an_expired_root_certifies_nobody() {
    let authority = Authority::new("bank-a", days(10, 12)).unwrap();
    let certificate = issue(&authority, days(10, 30));
    let roots = [authority.root().clone()];
    let late = BlockTime::new(20 * 86_400_000_000);
    assert_eq!(
        certificate.verify_path(&roots, late).unwrap_err().code(),
        Code::CertificateChainBroken
    );
}

#[test]
fn every_changed_byte_is_refused_or_breaks_the_path() {
    let authority = Authority::new_dev("test").unwrap();
    let certificate = issue(&authority, Validity::default());
    let now = Validity::days_from_now(0).not_after;
    let roots = [authority.root().clone()];
    for index in 0..certificate.der.len() {
        let mut der = certificate.der.clone();
        der[index] ^= 1;
        let verdict = Certificate::parse(&der).and_then(|c| c.verify_path(&roots, now).map(drop));
        assert!(verdict.is_err(), "byte {index}");
    }
}

#[test]
fn a_root_or_a_cut_certificate_is_no_member() {
    let authority = Authority::new_dev("test").unwrap();
    assert!(Certificate::parse(authority.root().der()).is_err());
    let certificate = issue(&authority, Validity::default());
    for end in 0..certificate.der.len() {
        assert!(Certificate::parse(&certificate.der[..end]).is_err());
    }
    let mut longer = certificate.der.clone();
    longer.push(0);
    assert!(Certificate::parse(&longer).is_err());
    assert!(Root::from_der(&certificate.der).is_err());
}
