//! A channel of two organisations under one dev root.

use super::*;
use crate::authority::{Authority, Validity};
use crate::keypair::SigningKey;
use host_types::genesis::{ChannelLimits, RuleConfig};
use host_types::validators::{Validator, ValidatorSet};
use host_types::{NetworkId, Weight};

struct Fixture {
    authority: Authority,
    genesis: ChannelGenesis,
    now: BlockTime,
}

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn issue(authority: &Authority, who: &str, role: Role, seed: u8) -> Certificate {
    let key = SigningKey::from_seed([seed; 32]).public();
    authority.issue_signing(&name(who), role, None, &key, Validity::default()).unwrap()
}

fn fixture() -> Fixture {
    let authority = Authority::new_dev("test").unwrap();
    let now = Validity::days_from_now(0).not_after;
    let root = authority.root().fingerprint();
    let alice = issue(&authority, "bank-a/alice", Role::Client, 1);
    let ann = issue(&authority, "bank-b/ann", Role::Auditor, 2);
    let peer = issue(&authority, "bank-a/peer0", Role::Validator, 3);
    let roles = |word: &str| Policy::Roles(vec![word.into()]);
    let genesis = ChannelGenesis {
        network: NetworkId::default(),
        channel: ChannelName::new("trade").unwrap(),
        created: now,
        rule: RuleConfig { id: "solo".into(), version: 1, sha256: vec![], parameters: vec![] },
        validators: ValidatorSet::new(vec![Validator {
            name: name("bank-a/peer0"),
            public_key: SigningKey::from_seed([3; 32]).public(),
            weight: Weight::new(1).unwrap(),
            group: "bank-a".into(),
        }])
        .unwrap(),
        roots: vec![("bank-a".into(), root), ("bank-b".into(), root)],
        certificates: vec![authority.root().der().to_vec(), alice.der, ann.der, peer.der],
        limits: ChannelLimits::default(),
        policies: Policies {
            submit: roles("client@bank-a"),
            read: Policy::Anyone,
            query: roles("auditor"),
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: false,
            audit: None,
            admin: None,
            grants: Vec::new(),
        },
        metering_required: false,
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    };
    Fixture { authority, genesis, now }
}

fn code(result: Result<&Member, Rejection>) -> Code {
    result.unwrap_err().code
}

#[test]
fn the_genesis_makes_members_and_its_roots_are_none() {
    let Fixture { genesis, .. } = fixture();
    let membership = Membership::from_genesis(&genesis).unwrap();
    assert_eq!(membership.all().count(), 3);
    assert_eq!(membership.roots().len(), 1);
    let alice = membership.by_name("alice").unwrap();
    assert_eq!(membership.by_name("bank-a/alice").unwrap(), alice);
    assert_eq!(membership.get(&alice.id()).unwrap(), alice);
    assert_eq!(alice.address, Address::of_key(&alice.public_key));
    assert_eq!(membership.by_name("bob"), None);
}

#[test]
fn a_genesis_without_its_root_is_refused() {
    let Fixture { mut genesis, .. } = fixture();
    genesis.certificates.remove(0);
    let refused = Membership::from_genesis(&genesis).unwrap_err();
    assert!(matches!(refused, MembershipError::RootMissing { .. }));
}

#[test]
fn every_action_is_judged_by_its_policy() {
    let Fixture { genesis, now, .. } = fixture();
    let membership = Membership::from_genesis(&genesis).unwrap();
    let id = |who: &str| membership.by_name(who).unwrap().id();
    let may = |who: &str, action| membership.may(&id(who), action, &genesis.policies, now);
    assert!(may("alice", Action::Submit).is_ok());
    assert!(may("alice", Action::Read).is_ok());
    assert_eq!(code(may("alice", Action::Query)), Code::RoleRefused);
    assert_eq!(code(may("alice", Action::Deploy)), Code::RoleRefused);
    assert_eq!(code(may("ann", Action::Submit)), Code::AuditorSubmits);
    assert_eq!(code(may("ann", Action::Deploy)), Code::AuditorSubmits);
    assert!(may("ann", Action::Query).is_ok());
    assert!(may("peer0", Action::Deploy).is_ok());
    assert_eq!(code(may("peer0", Action::Submit)), Code::RoleRefused);
}

#[test]
fn unknown_expired_and_revoked_signers_are_told_apart() {
    let Fixture { genesis, now, .. } = fixture();
    let mut membership = Membership::from_genesis(&genesis).unwrap();
    let alice = membership.by_name("alice").unwrap().id();
    let stranger = CertificateId::new(Hash32::new([9; 32]));
    let may = |m: &Membership, id, at| {
        m.may(&id, Action::Submit, &genesis.policies, at).map(drop).map_err(|r| r.code)
    };
    assert_eq!(may(&membership, stranger, now), Err(Code::SignerUnknown));
    let late = BlockTime::new(now.get() + 91 * 86_400_000_000);
    assert_eq!(may(&membership, alice, late), Err(Code::CertificateExpired));
    let member = membership.get(&alice).unwrap();
    let taken = (member.root, member.certificate.serial.clone());
    let again = member.certificate.clone();
    membership.set_revoked([taken].into());
    assert_eq!(membership.add(again, now).unwrap_err().code(), Code::CertificateRevoked);
    assert_eq!(may(&membership, alice, now), Err(Code::CertificateRevoked));
    assert_eq!(membership.by_name("alice"), None);
}

#[test]
fn a_renewed_certificate_keeps_its_address_and_a_stolen_name_gets_none() {
    let Fixture { authority, genesis, now } = fixture();
    let mut membership = Membership::from_genesis(&genesis).unwrap();
    let old = membership.by_name("alice").unwrap().clone();
    let renewed = issue(&authority, "bank-a/alice", Role::Client, 1);
    assert_ne!(renewed.id, old.id());
    assert_eq!(membership.add(renewed, now).unwrap().address, old.address);
    let thief = issue(&authority, "bank-b/mallory", Role::Client, 1);
    let refused = membership.add(thief, now).unwrap_err();
    assert!(matches!(refused, MembershipError::KeyTaken { .. }));
}

#[test]
fn strangers_tls_certificates_and_other_channels_are_refused() {
    let Fixture { authority, genesis, now } = fixture();
    let mut membership = Membership::from_genesis(&genesis).unwrap();
    let outsider = issue(&authority, "bank-z/zoe", Role::Client, 9);
    assert!(matches!(
        membership.add(outsider, now).unwrap_err(),
        MembershipError::OrganisationUnknown { .. }
    ));
    let forged = issue(&Authority::new_dev("test").unwrap(), "bank-a/eve", Role::Client, 10);
    assert_eq!(membership.add(forged, now).unwrap_err().code(), Code::CertificateUntrusted);
    let tls =
        authority.issue_tls(&name("bank-a/peer9"), Role::Peer, &[], Validity::default()).unwrap();
    assert!(matches!(
        membership.add(tls.certificate, now).unwrap_err(),
        MembershipError::NotForSigning(_)
    ));
    let scope = BTreeSet::from([ChannelName::new("notes").unwrap()]);
    let key = SigningKey::from_seed([11; 32]).public();
    let elsewhere = authority
        .issue_signing(&name("bank-a/bob"), Role::Client, Some(&scope), &key, Validity::default())
        .unwrap();
    assert!(matches!(
        membership.add(elsewhere, now).unwrap_err(),
        MembershipError::OutOfScope { .. }
    ));
}

#[test]
fn equal_blocks_give_equal_memberships() {
    let Fixture { authority, genesis, now } = fixture();
    let mut a = Membership::from_genesis(&genesis).unwrap();
    let mut b = a.clone();
    let bob = issue(&authority, "bank-b/bob", Role::Client, 20);
    a.add(bob.clone(), now).unwrap();
    a.add(bob.clone(), now).unwrap();
    b.add(bob, now).unwrap();
    assert_eq!(a, b);
}

/// What each role may do under the policies that a channel has outside of development, and under
/// ones as open as can be, in the order of [`Action::ALL`]: submit, system, query, read, deploy,
/// configure, admin, audit, session. `o` yes, `r` not in this role, `a` an auditor changes nothing.
const ROLES_AND_ACTIONS: [(Role, &str, &str); 6] = [
    (Role::Validator, "rorroooro", "ooooooooo"),
    (Role::Peer, "rooorrroo", "ooooooooo"),
    (Role::Client, "oooorrror", "oooooooor"),
    (Role::Admin, "oooooooor", "oooooooor"),
    (Role::Auditor, "aaooaaaoo", "aaooaaaoo"),
    (Role::RadioStation, "rrrrrrrrr", "rrrrrrrrr"),
];

#[test]
fn every_role_against_every_action() {
    let Fixture { authority, genesis, now } = fixture();
    let mut membership = Membership::from_genesis(&genesis).unwrap();
    let roles = |words: &[&str]| Policy::Roles(words.iter().map(|w| (*w).to_owned()).collect());
    let usual = Policies {
        submit: roles(&["client", "admin"]),
        read: roles(&["client", "admin", "peer", "auditor"]),
        query: roles(&["client", "admin", "peer", "auditor"]),
        deploy: Policy::Quorum,
        configure: Policy::Quorum,
        v1_gateway: false,
        admin: None,
        grants: Vec::new(),
        audit: None,
    };
    let open = Policies {
        submit: Policy::Anyone,
        read: Policy::Anyone,
        query: Policy::Anyone,
        deploy: Policy::Anyone,
        configure: Policy::Anyone,
        v1_gateway: false,
        admin: None,
        grants: Vec::new(),
        audit: None,
    };
    for (seed, (role, under_usual, under_open)) in (20..).zip(ROLES_AND_ACTIONS) {
        let certificate = issue(&authority, &format!("bank-a/the-{role}"), role, seed);
        let id = membership.add(certificate, now).unwrap().id();
        for (policies, expected) in [(&usual, under_usual), (&open, under_open)] {
            let verdict = |action| match membership.may(&id, action, policies, now) {
                Ok(_) => 'o',
                Err(refused) if refused.code == Code::RoleRefused => 'r',
                Err(refused) if refused.code == Code::AuditorSubmits => 'a',
                Err(refused) => panic!("{role}: {refused}"),
            };
            let found: String = Action::ALL.into_iter().map(verdict).collect();
            assert_eq!(found, expected, "{role}");
        }
    }
}

/// A node that restarts reads who is a member from the state. Whose root has run out meanwhile is one still on
/// the nodes that go on: receipts would differ otherwise.
#[test]
fn what_was_registered_is_restored_after_its_certificate_or_its_root_has_run_out() {
    let short = Authority::new("bank-a", Validity::days_from_now(10)).unwrap();
    let Fixture { mut genesis, now, .. } = fixture();
    genesis.roots = vec![("bank-a".into(), short.root().fingerprint())];
    genesis.certificates = vec![short.root().der().to_vec()];
    let (who, key) = (name("bank-a/late"), SigningKey::from_seed([7; 32]).public());
    let months = Validity::days_from_now(90);
    let late = short.issue_signing(&who, Role::Client, None, &key, months).unwrap();
    let mut running = Membership::from_genesis(&genesis).unwrap();
    running.add(late.clone(), now).unwrap();
    let days = |days: u64| BlockTime::new(now.get() + days * 86_400_000_000);
    for tip in [days(1), days(20), days(200)] {
        let mut again = Membership::from_genesis(&genesis).unwrap();
        again.restore(&late, tip).unwrap();
        assert_eq!(again, running, "{tip:?}");
    }
    let stranger = Authority::new("bank-a", Validity::days_from_now(10)).unwrap();
    let forged = stranger.issue_signing(&who, Role::Client, None, &key, months).unwrap();
    let refused = running.restore(&forged, days(20)).unwrap_err();
    assert_eq!(refused.code(), Code::CertificateUntrusted);
}
