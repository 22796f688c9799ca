//! Evidence on the chain: recorded once, in bounds, of two epochs; nobody honest is accused.

use super::*;
use crate::system::stage::Stage;
use crate::system::state::all_evidence;
use host_types::change::SystemCall;
use host_types::statement::Slot;
use host_types::{Hash32, Height, View as RuleView};

impl Stage {
    /// A statement of a validator in an epoch; each slot is view, class, digest.
    fn statement(&self, epoch: u64, signer: u16, slots: &[(u64, u8, u8)]) -> Statement {
        let slot = |&(view, class, digest): &(u64, u8, u8)| Slot {
            view: RuleView::new(view),
            class,
            digest: Hash32::new([digest; 32]),
        };
        let slots: Vec<_> = slots.iter().map(slot).collect();
        let (epoch, body) = (Epoch::new(epoch), b"body".to_vec());
        let run = self.epochs.get(epoch).unwrap_or_else(|| self.epochs.current());
        let prefix = run.statement_prefix(self.fixture.genesis.hash());
        let key = &self.fixture.validators[usize::from(signer % 4)].key;
        let signature = key.sign(&prefix.message(&slots, &body));
        Statement { epoch, signer, slots, body, signature }
    }

    fn pair(&self, epoch: u64, signer: u16, view: u64) -> [Statement; 2] {
        [1, 2].map(|digest| self.statement(epoch, signer, &[(view, 3, digest)]))
    }

    fn accuse(&mut self, by: usize, statements: [Statement; 2]) -> Result<Outcome, Rejection> {
        self.call(by, &SystemCall::Evidence { statements: Box::new(statements) })
    }

    /// The next epoch begins.
    fn turn(&mut self) {
        let weight = self.epoch().epoch.get() % 2 + 2;
        let id = self.propose(0, self.weigh(0, weight)).unwrap();
        for validator in 1..4 {
            self.call(validator, &SystemCall::Approve { id }).unwrap();
        }
        self.height += 1;
        self.seal();
    }
}

fn code(result: Result<Outcome, Rejection>) -> Code {
    result.map(|_| ()).unwrap_err().code
}

#[test]
fn two_values_of_one_register_are_recorded_once_with_block_and_statements() {
    let mut stage = Stage::new();
    stage.height = 9;
    let pair = stage.pair(0, 2, 7);
    let outcome = stage.accuse(0, pair.clone()).unwrap();
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.events[0].name, "evidence-recorded");
    let [a, b] = pair.clone();
    // Whoever comes later, from whichever side, adds nothing, and is told so.
    let third = stage.statement(0, 2, &[(7, 3, 3)]);
    for (by, pair) in [(1, pair.clone()), (2, [b, a.clone()]), (3, [a, third])] {
        assert_eq!(code(stage.accuse(by, pair)), Code::EvidenceKnown);
    }
    let record = EvidenceRecord { height: Height::new(9), statements: pair };
    assert_eq!(all_evidence(&stage.state), [record]);
    // Another view and another signer are other evidence.
    stage.accuse(0, stage.pair(0, 2, 8)).unwrap();
    stage.accuse(0, stage.pair(0, 3, 7)).unwrap();
    assert_eq!(all_evidence(&stage.state).len(), 3);
}

#[test]
fn an_honest_validator_is_never_accused() {
    let mut stage = Stage::new();
    let vote = stage.statement(0, 1, &[(7, 3, 1)]);
    let mut forged = stage.statement(0, 1, &[(7, 3, 2)]);
    forged.signature[0] ^= 1;
    let mut moved = vote.clone();
    moved.slots[0].digest = Hash32::new([2; 32]);
    let mut other_epoch = stage.statement(0, 1, &[(7, 3, 2)]);
    other_epoch.epoch = Epoch::new(1);
    let cases = [
        ("the same statement", vote.clone()),
        ("the same value again", stage.statement(0, 1, &[(7, 3, 1), (6, 4, 1)])),
        ("another view", stage.statement(0, 1, &[(8, 3, 2)])),
        ("another class", stage.statement(0, 1, &[(7, 4, 2)])),
        ("another signer", stage.statement(0, 2, &[(7, 3, 2)])),
        ("a forged signature", forged),
        ("slots that were not signed", moved),
        ("another epoch", other_epoch),
    ];
    for (what, other) in cases {
        for pair in [[vote.clone(), other.clone()], [other, vote.clone()]] {
            assert_eq!(code(stage.accuse(0, pair)), Code::EvidenceWorthless, "{what}");
        }
    }
    // An epoch that has not begun, and a number that no validator has.
    assert_eq!(code(stage.accuse(0, stage.pair(1, 1, 7))), Code::EvidenceWorthless);
    assert_eq!(code(stage.accuse(0, stage.pair(0, 9, 7))), Code::EvidenceWorthless);
    assert_eq!(all_evidence(&stage.state), []);
}

#[test]
fn one_cheat_does_not_drive_out_another() {
    let mut stage = Stage::new();
    for view in 1..=EVIDENCE_PER_SIGNER_MAX as u64 {
        stage.accuse(1, stage.pair(0, 0, view)).unwrap();
    }
    assert_eq!(code(stage.accuse(1, stage.pair(0, 0, 1_000))), Code::EvidenceKnown);
    stage.accuse(1, stage.pair(0, 3, 1_000)).unwrap();
    assert_eq!(all_evidence(&stage.state).len(), EVIDENCE_PER_SIGNER_MAX + 1);
}

#[test]
fn the_epoch_before_is_still_heard_with_its_own_set_and_prefix_and_none_older() {
    let mut stage = Stage::new();
    let old = stage.pair(0, 2, 7);
    stage.turn();
    stage.accuse(0, old.clone()).unwrap();
    // The same view of the next epoch is another register.
    stage.accuse(0, stage.pair(1, 2, 7)).unwrap();
    // What was signed for one epoch proves nothing in another.
    let mut moved = stage.pair(0, 2, 8);
    moved.iter_mut().for_each(|statement| statement.epoch = Epoch::new(1));
    assert_eq!(code(stage.accuse(0, moved)), Code::EvidenceWorthless);
    let before = stage.pair(0, 1, 7);
    stage.turn();
    assert_eq!(code(stage.accuse(0, before)), Code::EvidenceWorthless, "two epochs ago");
    assert_eq!(code(stage.accuse(0, old)), Code::EvidenceWorthless);
    assert_eq!(all_evidence(&stage.state).len(), 2, "what was recorded stays");
}
