//! Every way a certificate can be wrong, one at a time and together.

use super::*;
use crate::authority::{Authority, AuthorityError, Validity};
use crate::keypair::SigningKey;
use crate::revocation::Revoked;
use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, SanType};

const DAY_US: u64 = 86_400_000_000;

fn day(number: u64) -> BlockTime {
    BlockTime::new(number * DAY_US)
}

fn days(from: u64, to: u64) -> Validity {
    Validity { not_before: day(from), not_after: day(to) }
}

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn authority() -> Authority {
    Authority::new("bank-a", days(1, 100)).unwrap()
}

fn key() -> [u8; 32] {
    SigningKey::from_seed([7; 32]).public()
}

fn alice(authority: &Authority) -> Certificate {
    let scope = [ChannelName::new("trade").unwrap()].into();
    authority
        .issue_signing(&name("bank-a/alice"), Role::Client, Some(&scope), &key(), days(10, 20))
        .unwrap()
}

/// A certificate as another tool could have made it.
fn forged(authority: &Authority, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Vec<u8> {
    let make = || -> Result<Vec<u8>, AuthorityError> {
        let who = name("bank-a/alice");
        let mut params = authority.leaf_params(&who, Role::Client, None, days(10, 20), vec![])?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::Other(crate::certificate::SIGNING_USAGE_ARCS.to_vec())];
        change(&mut params);
        let key = SigningKey::from_seed([7; 32]).to_pkcs8().unwrap();
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(
            &key.as_slice().into(),
            &rcgen::PKCS_ED25519,
        )?;
        Ok(params.signed_by(&key, &authority.issuer)?.der().to_vec())
    };
    make().unwrap()
}

fn codes(der: &[u8], wanted: &Wanted<'_>, at: BlockTime) -> Vec<Code> {
    check(der, wanted, at).into_iter().map(|one| one.code).collect()
}

/// What it is called, the certificate, what is wanted, when, and what is wrong.
type Row<'a> = (&'a str, &'a [u8], Wanted<'a>, BlockTime, Vec<Code>);

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row for each way")]
fn every_way_to_be_wrong_has_its_own_code() {
    let ours = authority();
    let roots = [ours.root().clone()];
    let good = alice(&ours);
    let revoked = Revoked { serial: good.serial.clone(), at: day(11) };
    let list = ours.issue_crl(3, day(11), &[revoked]).unwrap();
    let crl = Crl::parse(&list, &roots).unwrap();
    let (bob, other) = (name("bank-a/bob"), ChannelName::new("notes").unwrap());
    let trade = ChannelName::new("trade").unwrap();
    let public = key();
    let base = Wanted {
        roots: &roots,
        role: Some(Role::Client),
        name: Some(&good.name),
        channel: Some(&trade),
        key_use: Some(KeyUse::Signing),
        public_key: Some(&public),
        ..Wanted::default()
    };
    let stranger = authority();
    let strangers = [stranger.root().clone()];
    let short = Authority::new("bank-a", days(1, 12)).unwrap();
    let short_roots = [short.root().clone()];
    let mut broken = good.der.clone();
    *broken.last_mut().unwrap() ^= 1;
    let outlived = alice(&short);
    let at = day(15);
    let table: Vec<Row<'_>> = vec![
        ("right", &good.der, base.clone(), at, vec![]),
        ("expired", &good.der, base.clone(), day(30), vec![Code::CertificateExpired]),
        ("not yet valid", &good.der, base.clone(), day(5), vec![Code::CertificateTooEarly]),
        (
            "other root",
            &good.der,
            Wanted { roots: &strangers, ..base.clone() },
            at,
            vec![Code::CertificateUntrusted],
        ),
        (
            "wrong role",
            &good.der,
            Wanted { role: Some(Role::Admin), ..base.clone() },
            at,
            vec![Code::CertificateRoleWrong],
        ),
        (
            "wrong name",
            &good.der,
            Wanted { name: Some(&bob), ..base.clone() },
            at,
            vec![Code::CertificateNameWrong],
        ),
        (
            "wrong key",
            &good.der,
            Wanted { public_key: Some(&[9; 32]), ..base.clone() },
            at,
            vec![Code::CertificateKeyWrong],
        ),
        (
            "revoked",
            &good.der,
            Wanted { crl: Some(&crl), ..base.clone() },
            at,
            vec![Code::CertificateRevoked],
        ),
        (
            "wrong channel scope",
            &good.der,
            Wanted { channel: Some(&other), ..base.clone() },
            at,
            vec![Code::CertificateScopeWrong],
        ),
        (
            "not for TLS",
            &good.der,
            Wanted { key_use: Some(KeyUse::Tls), ..base.clone() },
            at,
            vec![Code::CertificateUsageWrong],
        ),
        ("chain broken", &broken, base.clone(), at, vec![Code::CertificateChainBroken]),
        (
            "root ran out",
            &outlived.der,
            Wanted { roots: &short_roots, ..base.clone() },
            at,
            vec![Code::CertificateChainBroken],
        ),
        ("no certificate", b"nonsense", base.clone(), at, vec![Code::CertificateMalformed]),
        (
            "expired, revoked and of another role",
            &good.der,
            Wanted { crl: Some(&crl), role: Some(Role::Peer), ..base.clone() },
            day(30),
            vec![Code::CertificateExpired, Code::CertificateRevoked, Code::CertificateRoleWrong],
        ),
    ];
    for (what, der, wanted, at, expected) in table {
        assert_eq!(codes(der, &wanted, at), expected, "{what}");
    }
}

#[test]
fn what_another_tool_could_have_made_wrong() {
    let ours = authority();
    let roots = [ours.root().clone()];
    let wanted = Wanted { roots: &roots, ..Wanted::default() };
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let table: Vec<(&str, Vec<u8>, Code)> = vec![
        ("no name", forged(&ours, |p| p.subject_alt_names.clear()), Code::CertificateNameWrong),
        (
            "two names",
            forged(&ours, |p| p.subject_alt_names.push(uri("loopchain://bank-a/client/bob"))),
            Code::CertificateNameWrong,
        ),
        (
            "a name of another scheme",
            forged(&ours, |p| p.subject_alt_names = vec![uri("spiffe://bank-a/client/alice")]),
            Code::CertificateNameWrong,
        ),
        (
            "a name and a profile that differ",
            forged(&ours, |p| p.subject_alt_names = vec![uri("loopchain://bank-a/admin/alice")]),
            Code::CertificateNameWrong,
        ),
        ("no profile", forged(&ours, |p| p.custom_extensions.clear()), Code::CertificateMalformed),
        (
            "a signing key with the usage of TLS",
            forged(&ours, |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            Code::CertificateUsageWrong,
        ),
        (
            "an unknown critical extension",
            forged(&ours, |p| {
                let mut strange = CustomExtension::from_oid_content(&[2, 25, 1, 9], vec![5, 0]);
                strange.set_criticality(true);
                p.custom_extensions.push(strange);
            }),
            Code::CertificateChainBroken,
        ),
        (
            "another organisation under our root",
            forged(&ours, |p| p.subject_alt_names = vec![uri("loopchain://bank-b/client/alice")]),
            Code::CertificateUntrusted,
        ),
    ];
    for (what, der, expected) in table {
        assert_eq!(codes(&der, &wanted, day(15)), [expected], "{what}");
    }
}

#[test]
fn an_rsa_key_or_another_curve_is_the_wrong_kind() {
    let ours = authority();
    let who = name("bank-a/alice");
    let params = ours.leaf_params(&who, Role::Client, None, days(10, 20), vec![]).unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let der = params.signed_by(&key, &ours.issuer).unwrap().der().to_vec();
    assert_eq!(codes(&der, &Wanted::default(), day(15)), [Code::CertificateKeyWrong]);
}
