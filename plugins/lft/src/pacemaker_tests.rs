//! Timers of the pacemaker, as tables of virtual time.

use super::{Arm, Deadlines, Due, Heard, jitter, timeouts};
use crate::parameters::Parameters;

#[test]
fn timeouts_grow_by_half_and_stop_at_the_limit() {
    let parameters = Parameters::default();
    let table: Vec<(u64, u64, u64)> = [0, 1, 2, 3, 4, 5, 6, 7, 100, u64::MAX]
        .iter()
        .map(|fails| timeouts(&parameters, *fails))
        .map(|t| (t.delta, t.lead, t.certificate))
        .collect();
    assert_eq!(
        table,
        [
            (500, 1250, 2000),
            (750, 1750, 2750),
            (1125, 2500, 3875),
            (1687, 3624, 5561),
            (2531, 5312, 8093),
            (3166, 6582, 9998),
            (3166, 6582, 9998),
            (3166, 6582, 9998),
            (3166, 6582, 9998),
            (3166, 6582, 9998),
        ]
    );
}

#[test]
fn a_first_repetition_comes_before_half_of_delta() {
    for delta in [1, 2, 3, 500, 60_000] {
        let parameters = Parameters { delta, timeout_max: 600_000, ..Parameters::default() };
        assert!(timeouts(&parameters, 0).resend <= (delta / 2).max(1));
    }
}

#[test]
fn only_an_earlier_deadline_costs_a_timer() {
    let mut deadlines = Deadlines::default();
    assert_eq!(deadlines.rearm(0), None);
    deadlines.set(Due::Lead, 100);
    assert_eq!(deadlines.rearm(0), Some(Arm::In(100)));
    deadlines.set(Due::Lead, 200);
    assert_eq!(deadlines.rearm(50), None);
    deadlines.set(Due::Pull, 60);
    assert_eq!(deadlines.rearm(50), Some(Arm::In(10)));
    assert!(deadlines.take_due(59).is_empty());
    assert_eq!(deadlines.take_due(60), [Due::Pull]);
    deadlines.fired();
    assert_eq!(deadlines.rearm(60), Some(Arm::In(140)));
    deadlines.clear(Due::Lead);
    assert_eq!(deadlines.rearm(61), Some(Arm::Never));
    assert_eq!(deadlines.rearm(61), None);
}

#[test]
fn a_leader_is_inactive_after_two_rounds_of_silence_or_a_missed_turn() {
    let mut heard = Heard::new(4, 1, 0);
    assert!(!heard.is_inactive(2, 9, 0, 10));
    assert!(heard.is_inactive(2, 10, 0, 10));
    heard.note(2, 10, 5);
    assert!(!heard.is_inactive(2, 13, 100, 10));
    heard.missed_turn(2);
    assert!(!heard.is_inactive(2, 13, 100, 10), "three views only");
    assert!(!heard.is_inactive(2, 14, 24, 10), "not 2 delta yet");
    assert!(heard.is_inactive(2, 14, 25, 10));
    heard.note(2, 14, 26);
    assert!(!heard.is_inactive(2, 18, 100, 10), "one word and it is waited for again");
    assert_eq!(heard.active(18).collect::<Vec<_>>(), [2]);
}

#[test]
fn jitter_adds_at_most_a_quarter() {
    for base in [0, 1, 7, 125, 5000] {
        for count in 0..50 {
            let with = jitter(base, 3, count);
            assert!((base..=base + base / 4).contains(&with));
        }
    }
    assert!((0..50).map(|count| jitter(1000, 1, count)).any(|w| w != jitter(1000, 2, 0)));
}
