//! `freeze` and `unfreeze`, on a map in the place of a state.

use super::{Frozen, Why, all_frozen};
use crate::system::stage::Stage;
use crate::system::state::{ChangeStatus, change_record};
use host_types::change::{Change, SystemCall};
use host_types::{Code, Decode, Encode, Height, ScoreName};

fn freeze(score: &str) -> Change {
    Change::Freeze { score: ScoreName::new(score).unwrap() }
}

fn unfreeze(score: &str) -> Change {
    Change::Unfreeze { score: ScoreName::new(score).unwrap() }
}

#[test]
fn a_score_is_frozen_by_validators_of_weight_q_and_goes_on_by_them_again_and_again() {
    let mut stage = Stage::new();
    let token = stage.activate("token").score;
    for round in 0..2 {
        stage.height += 1;
        let id = stage.propose(0, freeze("token")).unwrap();
        stage.call(1, &SystemCall::Approve { id }).unwrap();
        assert!(all_frozen(&stage.state).is_empty(), "2 of 4");
        let outcome = stage.call(2, &SystemCall::Approve { id }).unwrap();
        let names: Vec<_> = outcome.events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["change-accepted", "score-frozen"], "round {round}");
        let frozen = all_frozen(&stage.state);
        assert_eq!(frozen[&token].since, Height::new(stage.height));
        assert_eq!(frozen[&token].why, Why::Change);
        assert_eq!(frozen[&token].refusal(&token).code, Code::ScoreFrozen);
        assert_eq!(change_record(&stage.state, &id).unwrap().status, ChangeStatus::Done);
        stage.call(3, &SystemCall::Approve { id }).unwrap();

        let id = stage.propose(3, unfreeze("token")).unwrap();
        stage.call(1, &SystemCall::Approve { id }).unwrap();
        assert_eq!(all_frozen(&stage.state).len(), 1);
        let outcome = stage.call(0, &SystemCall::Approve { id }).unwrap();
        assert_eq!(outcome.events[1].name, "score-unfrozen");
        assert!(all_frozen(&stage.state).is_empty());
    }
}

#[test]
fn what_would_change_nothing_is_refused() {
    let mut stage = Stage::new();
    stage.activate("token");
    let said = |result: Result<_, host_types::Rejection>| result.map(drop).unwrap_err().message;
    assert_eq!(said(stage.propose(0, freeze("other"))), "the channel has no SCORE `other`");
    assert_eq!(said(stage.propose(0, unfreeze("token"))), "token is not frozen");
    // Two ways to the same end: the second finds nothing left to do.
    let first = stage.propose(0, freeze("token")).unwrap();
    for validator in 1..3 {
        stage.call(validator, &SystemCall::Approve { id: first }).unwrap();
    }
    assert_eq!(said(stage.propose(0, freeze("token"))), "token is frozen");
    let no_validator = stage.fixture.alice.id;
    assert!(stage.fixture.validators.iter().all(|one| one.id != no_validator));
}

#[test]
fn records_read_back_as_they_were_written() {
    for why in [Why::Change, Why::Crashes] {
        let frozen = Frozen { since: Height::new(300), why, reason: "because".to_owned() };
        assert_eq!(Frozen::from_bytes(&frozen.to_bytes()), Ok(frozen));
    }
}
