//! The notary: any body is noted once, any query is answered with itself, on every engine.

use notary::{Notary, Note, Noted, tx};
use score_native::Invocation;
use score_native_testkit::Testnet;

const HELLO: &[u8] = br#"{"data":"hello"}"#;
/// `printf '{"data":"hello"}' | sha256sum`
const HELLO_HASH: [u8; 32] = [
    0x1a, 0x1b, 0xc6, 0xb5, 0xb1, 0x17, 0xed, 0x93, 0xa2, 0xfc, 0xc4, 0x02, 0x81, 0xef, 0xc9, 0x3d,
    0x8c, 0xcb, 0xcc, 0x3e, 0x52, 0xb2, 0xdd, 0x00, 0xa3, 0xca, 0x64, 0xd5, 0x4b, 0xa7, 0xcd, 0x38,
];

fn story(mut net: Testnet) -> Testnet {
    let [alice, bob] = net.accounts();
    net.send(alice, Invocation::any("", HELLO)).ok().emitted(&Noted { hash: HELLO_HASH });
    let first = net.query(tx::find(HELLO_HASH));
    assert_eq!(first, Some(Note { height: 1, time_us: 1_500_000_000_000_000, signer: alice }));
    net.send(bob, Invocation::any("propose", HELLO)).ok().emitted(&Noted { hash: HELLO_HASH });
    assert_eq!(net.query(tx::find(HELLO_HASH)), first, "the first note stays");
    net.send(bob, Invocation::any("", b"{}")).ok();
    assert_eq!(net.query(tx::find([7; 32])), None);
    net
}

#[test]
fn any_body_is_noted_once() {
    story(Testnet::native::<Notary>());
}

#[test]
fn the_so_and_the_worker_agree_with_the_source() {
    let net = story(Testnet::native::<Notary>());
    net.replay_on(Testnet::so("notary")).replay_on(Testnet::jailed("notary"));
    net.fuzz("notary", 4);
}

#[test]
fn a_query_is_answered_with_itself() {
    for mut net in [Testnet::native::<Notary>(), Testnet::so("notary")] {
        assert_eq!(net.query::<Vec<u8>>(Invocation::any_query("anything", HELLO)), HELLO);
        assert_eq!(net.query::<Vec<u8>>(Invocation::any_query("", b"")), b"");
    }
}

#[test]
fn a_transaction_named_like_a_query_is_noted_too() {
    let mut net = Testnet::native::<Notary>();
    let [alice] = net.accounts();
    net.send(alice, Invocation::any("find", b"x")).ok().events(1);
}
