//! A rule that panics, exported with `export_rule!` and reached through the same table of functions
//! as one in a `.so`: the host survives, the instance is poisoned, the others go on.

use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    ProofError, ProposalKind, RuleError, Validator, Verify, VerifyItem,
    export::root_module,
    host::{Host, HostFns},
};
use plugin_api_loader::{LoadedRule, StepError};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Panics at everything but `Start`.
#[derive(Debug)]
pub struct Clumsy;

impl ConsensusRule for Clumsy {
    const ID: &'static str = "clumsy";
    const VERSION: u32 = 1;

    fn init(cfg: InitCfg, _: &[LogRecord], _: Verify) -> Result<(Self, Vec<Output>), RuleError> {
        assert!(cfg.epoch > 0, "no epoch zero");
        Ok((Self, Vec::new()))
    }
    fn step(&mut self, _: u64, input: Input, _: &mut Vec<Output>) -> Result<(), RuleError> {
        assert!(input == Input::Start, "stumbled over {input:?}");
        Ok(())
    }
    fn inspect(&self) -> Inspect {
        Inspect::default()
    }
    fn verify_final(claim: &FinalClaim, _: Verify) -> Result<(), ProofError> {
        assert!(!claim.proof.is_empty(), "cannot verify");
        Ok(())
    }
    fn describe_proof(_: &[Validator], proof: &[u8]) -> Result<Vec<(u16, u64)>, ProofError> {
        assert!(!proof.is_empty(), "cannot describe");
        Ok(Vec::new())
    }
}

plugin_api::export_rule!(Clumsy, "loopchain_rule_clumsy");

struct TestHost;
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
impl Host for TestHost {
    fn verify_many(_: &[VerifyItem]) -> bool {
        true
    }
    fn log(level: u8, target: &str, line: &str) {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(format!("{level} {target} {line}"));
    }
}
const HOST: HostFns = HostFns::of::<TestHost>();

fn rule() -> LoadedRule {
    LoadedRule::linked(root_module::<ExportedPlugin>(), [0; 32], Path::new("linked"))
}

fn cfg(epoch: u64) -> InitCfg {
    let root = HeaderView {
        id: Hash::ZERO,
        epoch,
        view: 0,
        kind: ProposalKind::Norm,
        height: 0,
        parent: Pair::default(),
        parent_view: 0,
        proposer: 0,
        carried: Hash::ZERO,
        is_empty: true,
        is_sealing: false,
    };
    InitCfg {
        statement_prefix: Vec::new(),
        epoch,
        root: root.clone(),
        root_pair: Pair::default(),
        head: root,
        head_pair: Pair::default(),
        head_proof: Vec::new(),
        validators: Vec::new(),
        me: None,
        parameters: Vec::new(),
        excluded: Vec::new(),
        rejoin: None,
    }
}

#[test]
fn a_panic_poisons_its_instance_and_no_other() {
    let rule = rule();
    let (mut first, _) = rule.create(&cfg(1), &[], HOST).unwrap();
    let (mut second, _) = rule.create(&cfg(1), &[], HOST).unwrap();
    let poison = StepError::Poisoned("the rule panicked: stumbled over Timer { token: 4 }".into());
    assert_eq!(first.step(0, &Input::Timer { token: 4 }), Err(poison.clone()));
    assert_eq!(first.step(1, &Input::Start), Err(poison.clone()));
    assert_eq!(first.inspect(), Err(poison));
    assert_eq!(second.step(1, &Input::Start), Ok(Vec::new()));
    let lines = LINES.lock().unwrap();
    let logged = lines.iter().find(|line| line.contains("token: 4")).unwrap();
    assert!(logged.starts_with("1 panic ") && logged.contains("containment.rs"), "{logged}");
}

#[test]
fn a_panic_while_creating_or_verifying_is_an_error() {
    let rule = rule();
    let error = rule.create(&cfg(0), &[], HOST).unwrap_err();
    assert_eq!(error.message, "the rule panicked: no epoch zero");
    let head = cfg(1).root;
    let claim = plugin_api_loader::final_claim(&[], &[], &head, &Pair::default(), &[], &[]);
    let error = rule.verify_final(&claim, HOST).unwrap_err();
    assert_eq!(error.message, "the rule panicked: cannot verify");
    let error = rule.describe_proof(&[], &[]).unwrap_err();
    assert_eq!(error.message, "the rule panicked: cannot describe");
}

#[test]
fn several_exported_rules_are_linked_into_one_program() {
    let solo = root_module::<solo::ExportedPlugin>();
    assert_eq!((solo.rule_id().as_str(), rule().id()), ("solo", "clumsy"));
    assert_eq!(root_module::<lft::export::ExportedPlugin>().rule_id(), "lft");
    let own = &raw const LOOPCHAIN_RULE;
    let headers = [&raw const solo::LOOPCHAIN_RULE, &raw const lft::export::LOOPCHAIN_RULE];
    assert!(headers[0] != headers[1] && !headers.contains(&own));
}
