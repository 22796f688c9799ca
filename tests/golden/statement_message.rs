//! What a statement's signature covers is written twice, in the words of the host and in those of
//! the plugin interface, because neither may depend on the other. Here the two are compared.

use crate::samples;
use host_types::View;
use host_types::hash::Hash32;
use host_types::statement::Slot;
use plugin_api::mirror;

fn both(slots: &[Slot], body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let prefix = samples::statement_prefix();
    let mirrored: Vec<_> = slots
        .iter()
        .map(|slot| mirror::Slot {
            view: slot.view.get(),
            class: slot.class,
            digest: mirror::Hash(*slot.digest.as_bytes()),
        })
        .collect();
    let theirs = mirror::statement_message(prefix.as_bytes(), &mirrored, body);
    (prefix.message(slots, body), theirs)
}

#[test]
fn host_and_plugin_interface_sign_the_same_bytes() {
    let slot =
        |view, class| Slot { view: View::new(view), class, digest: Hash32::new([class; 32]) };
    let cases: [&[Slot]; 4] = [
        &[],
        &[slot(1, mirror::class::VOTE)],
        &[slot(7, mirror::class::VOTE), slot(6, mirror::class::END)],
        &[slot(u64::MAX, u8::MAX), slot(0, 0), slot(1, 1), slot(2, 2)],
    ];
    for slots in cases {
        for body in [&[][..], &[0], &[0xff; 300]] {
            let (ours, theirs) = both(slots, body);
            assert_eq!(ours, theirs, "{slots:?}");
        }
    }
}

#[test]
fn no_two_statements_share_their_signed_bytes() {
    let slot = Slot { view: View::new(1), class: 3, digest: Hash32::new([4; 32]) };
    let mut body = Vec::new();
    body.extend_from_slice(&1_u64.to_be_bytes());
    body.push(3);
    body.extend_from_slice(&[4; 32]);
    // A slot moved into the body would be another statement; the counts keep them apart.
    assert_ne!(both(&[slot], &[]).0, both(&[], &body).0);
}
