//! A node whose connection opens again.

use super::Bench;
use crate::effect::Effect;
use crate::input::Input;
use host_types::Height;
use host_types::message::FetchRequest;

fn asks(effects: &[Effect]) -> Vec<FetchRequest> {
    let ask = |effect: &Effect| match effect {
        Effect::Fetch { request, .. } => Some(request.clone()),
        _ => None,
    };
    effects.iter().filter_map(ask).collect()
}

#[test]
fn who_has_more_final_blocks_is_asked_for_them_and_who_has_not_is_not() {
    let mut bench = Bench::new();
    assert!(asks(&bench.tell(Input::PeerHead { height: Height::ZERO })).is_empty());
    let asked = asks(&bench.tell(Input::PeerHead { height: Height::new(3) }));
    let [FetchRequest::Blocks { from, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(*from, Height::new(1));
}

/// Seed `0x1009c4` of the simulator: the channel was idle afterwards, so nobody claimed it again.
#[test]
fn a_claim_heard_while_a_question_is_open_outlives_its_empty_answer() {
    let mut bench = Bench::new();
    assert_eq!(asks(&bench.tell(Input::PeerHead { height: Height::new(3) })).len(), 1);
    assert!(asks(&bench.tell(Input::PeerHead { height: Height::new(3) })).is_empty());
    let lost = Input::FetchedBlocks { from: 0, range: None };
    let [FetchRequest::Blocks { .. }] = asks(&bench.tell(lost.clone())).as_slice() else {
        panic!("the second claim was dropped with the first")
    };
    assert!(asks(&bench.tell(lost)).is_empty(), "nobody has what was claimed");
}
