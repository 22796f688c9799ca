//! The shell around a rule, called through the same table that a `.so` hands out: what a host sees
//! when the rule behaves, refuses, panics, or is gone.

use super::{ConsensusModRef, Plugin, root_module};
use crate::{
    ConsensusRule, InitCfg, Input, Inspect, LogRecord, Output, ProofError, RuleError, Validator,
    Verify, VerifyItem,
    host::{Host, HostFns},
    root::{Handle, StepCode},
    wire::{self, samples},
};
use abi_stable::std_types::{RSlice, RVec};
use std::sync::Mutex;

/// A rule whose timer tokens are commands.
struct Obedient {
    verify: Verify,
    steps: u64,
}

const REFUSE: u64 = 1;
const PANIC: u64 = 2;
const VERIFY: u64 = 3;
const TRACE: u64 = 4;
const PANIC_IN_DROP: u64 = 5;

impl Drop for Obedient {
    fn drop(&mut self) {
        assert!(self.steps != PANIC_IN_DROP, "no way out");
    }
}

impl ConsensusRule for Obedient {
    const ID: &'static str = "obedient";
    const VERSION: u32 = 9;

    fn init(
        cfg: InitCfg,
        log: &[LogRecord],
        verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError> {
        match cfg.epoch {
            0 => Err(RuleError { message: "no epoch".into() }),
            1 => panic!("epoch one"),
            _ => {
                let line = format!("{} records", log.len());
                Ok((Self { verify, steps: 0 }, vec![Output::Trace { level: 3, line }]))
            }
        }
    }

    fn step(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        let Input::Timer { token } = input else { return Ok(()) };
        self.steps += 1;
        match token {
            REFUSE => return Err(RuleError { message: "not this one".into() }),
            PANIC => panic!("step {}", self.steps),
            VERIFY => {
                let item = samples::verify_item();
                let good = (self.verify)(std::slice::from_ref(&item));
                let bad = (self.verify)(&[VerifyItem { signature: vec![], ..item }]);
                out.push(Output::Trace { level: 3, line: format!("{good} {bad}") });
            }
            TRACE => trace_event("from inside"),
            PANIC_IN_DROP => self.steps = PANIC_IN_DROP,
            _ => out.push(Output::SetTimer { token, after_ms: now_ms }),
        }
        Ok(())
    }

    fn inspect(&self) -> Inspect {
        Inspect { view: self.steps, ..Inspect::default() }
    }

    fn verify_final(claim: &wire::FinalClaim, verify: Verify) -> Result<(), ProofError> {
        assert!(!claim.proof.is_empty(), "empty proof");
        let is_good = verify(&[samples::verify_item()]) && claim.proof == b"good";
        is_good.then_some(()).ok_or_else(|| ProofError { message: "bad".into() })
    }

    fn describe_proof(
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        Ok(vec![(proof.len() as u16, validators[0].weight)])
    }
}

/// An event as `tracing::warn!` makes one; this package has only `tracing-core`.
fn trace_event(text: &str) {
    use tracing_core::{
        Event, Kind, Level, Metadata, callsite::Callsite, field::FieldSet, identify_callsite,
        subscriber::Interest,
    };
    struct Here;
    static HERE: Here = Here;
    static META: Metadata<'static> = Metadata::new(
        "event",
        "obedient",
        Level::WARN,
        None,
        None,
        None,
        FieldSet::new(&["message", "view"], identify_callsite!(&HERE)),
        Kind::EVENT,
    );
    impl Callsite for Here {
        fn set_interest(&self, _: Interest) {}
        fn metadata(&self) -> &Metadata<'_> {
            &META
        }
    }
    let message = format_args!("{text}");
    let mut fields = META.fields().iter();
    let (first, second) = (fields.next().unwrap(), fields.next().unwrap());
    let values = [
        (&first, Some(&message as &dyn tracing_core::field::Value)),
        (&second, Some(&4_u64 as &dyn tracing_core::field::Value)),
    ];
    Event::dispatch(&META, &META.fields().value_set(&values));
}

struct Obedience;
impl Plugin for Obedience {
    type Rule = Obedient;
    const PLUGIN_VERSION: &'static str = "0.0.1";
}

struct TestHost;
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
impl Host for TestHost {
    fn verify_many(items: &[VerifyItem]) -> bool {
        items.iter().all(|item| *item == samples::verify_item())
    }
    fn log(level: u8, target: &str, line: &str) {
        LINES.lock().unwrap().push(format!("{level} {target}: {line}"));
    }
}

fn module() -> ConsensusModRef {
    root_module::<Obedience>()
}

const HOST: HostFns = HostFns::of::<TestHost>();

fn has_logged(text: &str) -> bool {
    LINES.lock().unwrap().iter().any(|line| line.contains(text))
}

fn create_in_epoch(epoch: u64) -> Result<(Handle, Vec<Output>), RuleError> {
    let cfg = wire::encode(&InitCfg { epoch, ..samples::init_cfg() });
    let log = wire::encode(&samples::log());
    let made = module().create()(RSlice::from_slice(&cfg), RSlice::from_slice(&log), HOST);
    match made.into_result() {
        Ok(created) => Ok((created.handle, wire::decode(&created.outputs).unwrap())),
        Err(error) => Err(wire::decode(&error).unwrap()),
    }
}

fn step(handle: Handle, token: u64) -> (StepCode, RVec<u8>) {
    let input = wire::encode(&Input::Timer { token });
    let mut out = RVec::new();
    (module().step()(handle, 70, RSlice::from_slice(&input), &mut out), out)
}

fn error_in(out: &[u8]) -> String {
    wire::decode::<RuleError>(out).unwrap().message
}

#[test]
fn the_table_says_what_is_in_the_plugin() {
    let module = module();
    assert_eq!(module.rule_id(), "obedient");
    assert_eq!(module.rule_version(), 9);
    assert_eq!(module.plugin_version(), "0.0.1");
    assert_eq!(module.abi_version(), (1 << 16) | 2);
}

#[test]
fn an_instance_is_created_stepped_inspected_and_destroyed() {
    let (handle, outputs) = create_in_epoch(2).unwrap();
    assert_eq!(outputs, [Output::Trace { level: 3, line: "2 records".into() }]);
    let (code, out) = step(handle, 42);
    assert_eq!(code, StepCode::Ok);
    let outputs: Vec<Output> = wire::decode(&out).unwrap();
    assert_eq!(outputs, [Output::SetTimer { token: 42, after_ms: 70 }]);
    let mut out = RVec::new();
    assert_eq!(module().inspect()(handle, &mut out), StepCode::Ok);
    assert_eq!(wire::decode::<Inspect>(&out).unwrap().view, 1);
    module().destroy()(handle);
    let (code, out) = step(handle, 42);
    assert_eq!(
        (code, error_in(&out).as_str()),
        (StepCode::Poisoned, "no instance has this handle")
    );
    module().destroy()(handle);
}

#[test]
fn a_refused_input_leaves_the_instance_alive() {
    let (handle, _) = create_in_epoch(2).unwrap();
    let (code, out) = step(handle, REFUSE);
    assert_eq!((code, error_in(&out).as_str()), (StepCode::Rejected, "not this one"));
    assert_eq!(step(handle, 42).0, StepCode::Ok);
    module().destroy()(handle);
}

#[test]
fn an_input_that_is_not_understood_is_refused() {
    let (handle, _) = create_in_epoch(2).unwrap();
    let mut out = RVec::new();
    let code = module().step()(handle, 0, RSlice::from_slice(&[0x82, 9, 0]), &mut out);
    assert_eq!(code, StepCode::Rejected);
    assert_eq!(error_in(&out), "input: format 9, this side speaks 1");
    module().destroy()(handle);
}

#[test]
fn a_panic_is_contained_logged_and_poisons_the_instance_for_ever() {
    let (handle, _) = create_in_epoch(2).unwrap();
    let (code, out) = step(handle, PANIC);
    assert_eq!((code, error_in(&out).as_str()), (StepCode::Poisoned, "the rule panicked: step 1"));
    for _ in 0..3 {
        let (code, out) = step(handle, 42);
        assert_eq!(code, StepCode::Poisoned);
        assert_eq!(error_in(&out), "the rule panicked: step 1");
    }
    let mut out = RVec::new();
    assert_eq!(module().inspect()(handle, &mut out), StepCode::Poisoned);
    assert!(has_logged("1 panic: ") && has_logged("step 1"));
    module().destroy()(handle);
}

#[test]
fn a_poisoned_instance_leaves_the_others_alone() {
    let (first, _) = create_in_epoch(2).unwrap();
    let (second, _) = create_in_epoch(2).unwrap();
    assert_eq!(step(first, PANIC).0, StepCode::Poisoned);
    assert_eq!(step(second, 42).0, StepCode::Ok);
    module().destroy()(first);
    module().destroy()(second);
}

#[test]
fn a_panic_while_creating_is_an_error() {
    assert_eq!(create_in_epoch(0).unwrap_err().message, "no epoch");
    assert_eq!(create_in_epoch(1).unwrap_err().message, "the rule panicked: epoch one");
}

#[test]
fn a_panic_while_dropping_is_contained() {
    let (handle, _) = create_in_epoch(2).unwrap();
    assert_eq!(step(handle, PANIC_IN_DROP).0, StepCode::Ok);
    module().destroy()(handle);
    assert!(has_logged("panic while it was dropped"));
}

#[test]
fn the_host_checks_the_signatures() {
    let (handle, _) = create_in_epoch(2).unwrap();
    let (_, out) = step(handle, VERIFY);
    let outputs: Vec<Output> = wire::decode(&out).unwrap();
    assert_eq!(outputs, [Output::Trace { level: 3, line: "true false".into() }]);
    module().destroy()(handle);
}

#[test]
fn events_of_a_rule_reach_the_log_of_the_host() {
    let (handle, _) = create_in_epoch(2).unwrap();
    assert_eq!(step(handle, TRACE).0, StepCode::Ok);
    assert!(has_logged("2 obedient: from inside view=4"), "{:?}", LINES.lock().unwrap());
    module().destroy()(handle);
}

#[test]
fn proofs_are_verified_and_described_without_an_instance() {
    let verify = |proof: &[u8]| {
        let claim = wire::FinalClaim { proof: proof.to_vec(), ..samples::final_claim() };
        let claim = wire::encode(&claim);
        let mut out = RVec::new();
        (module().verify_final()(RSlice::from_slice(&claim), HOST, &mut out), out)
    };
    assert_eq!(verify(b"good").0, StepCode::Ok);
    let (code, out) = verify(b"else");
    assert_eq!((code, error_in(&out).as_str()), (StepCode::Rejected, "bad"));
    let (code, out) = verify(b"");
    assert_eq!(
        (code, error_in(&out).as_str()),
        (StepCode::Poisoned, "the rule panicked: empty proof")
    );
    let of = wire::encode(&samples::proof_of());
    let mut out = RVec::new();
    assert_eq!(module().describe_proof()(RSlice::from_slice(&of), &mut out), StepCode::Ok);
    assert_eq!(wire::decode::<Vec<(u16, u64)>>(&out).unwrap(), [(3, 7)]);
}
