//! The table of admission: what is wrong, and the code that says so.

use super::{Offered, admit, admit_bodies};
use crate::fixture::{Fixture, now};
use host_types::change::SystemCall;
use host_types::{
    BlockTime, Code, GenesisHash, Hash32, RawTx, ScoreName, SignedTransaction, Transaction,
};

fn code(fixture: &Fixture, raw: RawTx) -> Option<Code> {
    admit(&[Offered::Raw(raw)], &fixture.context())
        .pop()
        .unwrap()
        .err()
        .map(|(_, rejection)| rejection.code)
}

#[test]
fn every_wrong_transaction_gets_its_own_code() {
    let f = Fixture::new();
    let good = || f.transaction(1);
    let by_alice = |tx: Transaction| Fixture::sign(tx, &f.alice);
    let other = GenesisHash::new(Hash32::new([9; 32]));
    let late = BlockTime::new(now().get() - 1);
    let far = BlockTime::new(now().get() + f.genesis.limits.expiry_us + 1);
    let mut cut = by_alice(good()).0.to_vec();
    cut.pop();
    let big = vec![0u8; 64 * 1024 + 1];
    let system = Transaction {
        score: ScoreName::new("system").unwrap(),
        method: "ready".into(),
        args: SystemCall::Ready { sha256: Hash32::ZERO }.args().into(),
        ..good()
    };
    let table = [
        ("good", by_alice(good()), None),
        ("cut", RawTx(cut.into()), Some(Code::TxMalformed)),
        ("big", RawTx(big.into()), Some(Code::TxTooLarge)),
        (
            "another channel",
            by_alice(Transaction { genesis: other, ..good() }),
            Some(Code::WrongChannel),
        ),
        ("expired", by_alice(Transaction { expiry: late, ..good() }), Some(Code::TxExpired)),
        ("far", by_alice(Transaction { expiry: far, ..good() }), Some(Code::ExpiryTooFar)),
        ("another key", Fixture::sign(good(), &f.auditor), Some(Code::SignatureWrong)),
        (
            "an auditor",
            Fixture::sign(Transaction { signer: f.auditor.id, ..good() }, &f.auditor),
            Some(Code::AuditorSubmits),
        ),
        (
            "a validator may not send what is for clients",
            Fixture::sign(Transaction { signer: f.validators[0].id, ..good() }, &f.validators[0]),
            Some(Code::RoleRefused),
        ),
        (
            "a validator may send system transactions",
            Fixture::sign(
                Transaction { signer: f.validators[0].id, ..system.clone() },
                &f.validators[0],
            ),
            None,
        ),
        (
            "an auditor may not even those",
            Fixture::sign(Transaction { signer: f.auditor.id, ..system }, &f.auditor),
            Some(Code::AuditorSubmits),
        ),
    ];
    for (name, raw, expected) in table {
        assert_eq!(code(&f, raw), expected, "{name}");
    }
}

#[test]
fn one_wrong_signature_in_a_batch_hurts_nobody_else() {
    let f = Fixture::new();
    let offered: Vec<Offered> = (0..8)
        .map(|i| {
            let by = if i == 3 { &f.auditor } else { &f.alice };
            let raw = Fixture::sign(f.transaction(i), by);
            // Where its form is checked makes no difference.
            if i % 2 == 0 {
                Offered::Raw(raw)
            } else {
                Offered::Decoded(SignedTransaction::decode(&raw).unwrap().into())
            }
        })
        .collect();
    let verdicts = admit(&offered, &f.context());
    let wrong: Vec<usize> =
        verdicts.iter().enumerate().filter(|(_, v)| v.is_err()).map(|(i, _)| i).collect();
    assert_eq!(wrong, [3]);
}

#[test]
fn a_certificate_registers_itself_and_nobody_else_does() {
    use host_identity::{Role, SigningKey, Validity};
    let f = Fixture::new();
    let key = SigningKey::from_seed([77; 32]);
    let name = host_types::NodeName::new("org1/dora").unwrap();
    let days = Validity::days_from_now(5);
    let dora = f.authority.issue_signing(&name, Role::Client, None, &key.public(), days).unwrap();
    let call = SystemCall::Register { certificate: dora.der.clone() };
    let tx = Transaction {
        score: ScoreName::new("system").unwrap(),
        method: "register".into(),
        args: call.args().into(),
        signer: dora.id,
        ..f.transaction(1)
    };
    let dora = crate::fixture::Identity { key, id: dora.id };
    assert_eq!(code(&f, Fixture::sign(tx.clone(), &dora)), None);
    let (role, public) = (Role::RadioStation, dora.key.public());
    let station = f.authority.issue_signing(&name, role, None, &public, days).unwrap();
    let call = SystemCall::Register { certificate: station.der };
    let asks = Transaction { args: call.args().into(), signer: station.id, ..tx.clone() };
    assert_eq!(code(&f, Fixture::sign(asks, &dora)), Some(Code::RoleRefused));
    let for_another = Transaction { signer: f.alice.id, ..tx };
    assert_eq!(code(&f, Fixture::sign(for_another, &f.alice)), Some(Code::SignatureWrong));
}

/// A validator whose certificate ran out votes on, and says nothing else: its own transactions, `ready` and
/// `evidence` among them, are those of an expired subject (`docs/spec/system.md`).
#[test]
fn an_expired_validator_sends_no_system_transactions_until_it_registers_a_renewed_certificate() {
    use super::registration::{may_register, may_send_system};
    use host_identity::{Certificate, Role, Validity};
    let f = Fixture::new();
    let validator = &f.validators[0];
    let of = |id| f.membership.get(id).unwrap().certificate.clone();
    let expired: Certificate = of(&validator.id);
    let after = BlockTime::new(expired.not_after.get() + 1);
    let refused = may_send_system(&f.membership, &validator.id, after).unwrap_err();
    assert_eq!(refused.code, Code::CertificateExpired);
    let (role, public) = (Role::Validator, validator.key.public());
    let longer =
        Validity { not_after: BlockTime::new(after.get() * 2), ..Validity::days_from_now(9) };
    let renewed = f.authority.issue_signing(&expired.name, role, None, &public, longer).unwrap();
    may_register(&f.membership, &renewed.id, &renewed.der, after).unwrap();
    let mut members = (*f.membership).clone();
    members.add(renewed.clone(), after).unwrap();
    assert_eq!(may_send_system(&members, &renewed.id, after), Ok(public));
}

/// Found by `cargo sim --seed 0x385`: a node that was late could not vote for a block, because it took
/// no body whose expiry had passed by its own clock, and without its weight there was no quorum.
#[test]
fn a_body_for_a_block_may_have_expired_since_and_must_be_right_otherwise() {
    let f = Fixture::new();
    let expired = Transaction { expiry: BlockTime::new(now().get() - 1), ..f.transaction(1) };
    let other = Transaction { genesis: GenesisHash::default(), ..f.transaction(2) };
    let offered = [
        Offered::Raw(Fixture::sign(expired.clone(), &f.alice)),
        Offered::Raw(Fixture::sign(other, &f.alice)),
        Offered::Raw(Fixture::sign(f.transaction(3), &f.auditor)),
    ];
    let found: Vec<_> = admit_bodies(&offered, &f.context())
        .into_iter()
        .map(|one| one.map(|tx| tx.id()).map_err(|(_, rejection)| rejection.code))
        .collect();
    let wrong = [Err(Code::WrongChannel), Err(Code::SignatureWrong)];
    assert_eq!(found[0], Ok(expired.id()));
    assert_eq!(found[1..], wrong);
    let code = code(&f, Fixture::sign(expired, &f.alice));
    assert_eq!(code, Some(Code::TxExpired), "nobody else brings it in");
}
