//! The shell around a rule inside its `.so`: `export_rule!(Type)` makes the root module, and the
//! functions here are what stands in it. In come bytes, out go bytes; a panic is caught, logged by
//! the host, and poisons the instance: every later call is answered with `Poisoned`.
//!
//! Instances live in a table here and the host holds their numbers, so no pointer crosses. Not
//! here: watching how long a step takes, and what a host does with a poisoned rule.

use crate::{
    ConsensusRule, Inspect, ProofError, RuleError,
    bridge::{self, HostOfCall},
    host::HostFns,
    input::Input,
    mirror::InitCfg,
    output::Output,
    root::{ConsensusMod, ConsensusModRef, Created, Handle, StepCode},
    rule::{LogRecord, VerifyItem},
    version::{PLUGIN_API_MAJOR, PLUGIN_API_MINOR},
    wire,
};
use abi_stable::{
    library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
    std_types::{RResult, RSlice, RStr, RVec},
};
use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What `export_rule!` writes down about a plugin.
pub trait Plugin: 'static {
    /// The rule in it.
    type Rule: ConsensusRule;
    /// Version of the package.
    const PLUGIN_VERSION: &'static str;
}

/// Makes a crate with `crate-type = ["rlib", "cdylib"]` a loadable rule. The second argument is
/// the name of the exported symbol: `loopchain_rule_` and the rule's id.
///
/// ```text
/// plugin_api::export_rule!(Lft, "loopchain_rule_lft");
/// ```
///
/// The symbol is unique for each rule, so that a simulator can link several of them; see
/// [`crate::root::SYMBOL_PREFIX`].
#[macro_export]
macro_rules! export_rule {
    ($rule:ty, $symbol:literal) => {
        /// What this plugin holds.
        #[derive(Debug)]
        pub struct ExportedPlugin;

        impl $crate::export::Plugin for ExportedPlugin {
            type Rule = $rule;
            const PLUGIN_VERSION: &'static str = env!("CARGO_PKG_VERSION");
        }

        /// Where a host begins to read this plugin.
        // SAFETY: the name begins with `loopchain_rule_` and ends with the rule's id; no library
        // that a node links has a symbol of that name.
        #[expect(unsafe_code, reason = "a symbol with a fixed name is how a host finds the rule")]
        #[unsafe(export_name = $symbol)]
        pub static LOOPCHAIN_RULE: $crate::export::Header =
            $crate::export::header::<ExportedPlugin>();
    };
}

/// The type of the exported symbol.
pub type Header = LibHeader;

/// The header of a plugin: magic number, layout of the root module, and how to make one.
#[expect(unsafe_code, reason = "the export shim of architecture.md 6")]
#[must_use]
pub const fn header<P: Plugin>() -> Header {
    // SAFETY: `construct` returns what `root_module` made, a `ConsensusModRef`, which is the type
    // named here.
    unsafe { LibHeader::from_constructor::<ConsensusModRef>(construct::<P>, CheckTypeLayout::Yes) }
}

extern "C" fn construct<P: Plugin>() -> RootModuleResult {
    __call_root_module_loader(root_module::<P>)
}

/// The table of functions of a plugin. A loader gets it from the `.so`; a test may take it here.
#[must_use]
pub fn root_module<P: Plugin>() -> ConsensusModRef {
    ConsensusMod {
        abi_version: PLUGIN_API_MAJOR << 16 | PLUGIN_API_MINOR,
        rule_id: RStr::from_str(P::Rule::ID),
        rule_version: P::Rule::VERSION,
        plugin_version: RStr::from_str(P::PLUGIN_VERSION),
        create: create::<P::Rule>,
        step,
        inspect,
        verify_final: verify_final::<P::Rule>,
        describe_proof: describe_proof::<P::Rule>,
        describe: describe::<P::Rule>,
        destroy,
    }
    .leak_into_prefix()
}

/// A rule without its type.
trait Steppable: Send {
    fn step(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError>;
    fn inspect(&self) -> Inspect;
}

impl<T: ConsensusRule> Steppable for T {
    fn step(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        ConsensusRule::step(self, now_ms, input, out)
    }
    fn inspect(&self) -> Inspect {
        ConsensusRule::inspect(self)
    }
}

/// One instance, and whom its calls for help go to.
struct Instance {
    host: HostFns,
    rule: Result<Box<dyn Steppable>, RuleError>,
}

type Instances = BTreeMap<u64, Arc<Mutex<Instance>>>;
static INSTANCES: Mutex<Instances> = Mutex::new(BTreeMap::new());
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Level of a line that only a debugging person wants.
const DEBUG: u8 = 4;

/// Locks; a panic under the lock was contained and has left a poisoned rule, not a broken one.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs code of a rule. A panic becomes an error that says where.
fn contained<R>(host: HostFns, call: impl FnOnce() -> R) -> Result<R, RuleError> {
    bridge::install();
    let _host_of_call = HostOfCall::enter(host);
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| panicked(&*payload))
}

/// What a panic said.
fn panicked(payload: &(dyn Any + Send)) -> RuleError {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    RuleError { message: format!("the rule panicked: {text}") }
}

/// The signature check of a rule inside a `.so`: asks the host of the current call.
fn verify_by_host(items: &[VerifyItem]) -> bool {
    let message = wire::encode(items);
    HostOfCall::get().is_some_and(|host| (host.verify_many)(RSlice::from_slice(&message)))
}

fn refused(message: impl ToString) -> RuleError {
    RuleError { message: message.to_string() }
}

/// Writes the answer of a call into `out`.
fn answer<T, E>(result: Result<Result<T, E>, RuleError>, out: &mut RVec<u8>) -> StepCode
where
    T: minicbor::Encode<()>,
    E: minicbor::Encode<()>,
{
    let (code, bytes) = match result {
        Ok(Ok(value)) => (StepCode::Ok, wire::encode(&value)),
        Ok(Err(error)) => (StepCode::Rejected, wire::encode(&error)),
        Err(panic) => (StepCode::Poisoned, wire::encode(&panic)),
    };
    *out = bytes.into();
    code
}

extern "C" fn create<T: ConsensusRule>(
    cfg: RSlice<'_, u8>,
    log: RSlice<'_, u8>,
    host: HostFns,
) -> RResult<Created, RVec<u8>> {
    let made = contained(host, || -> Result<_, RuleError> {
        let cfg: InitCfg =
            wire::decode(&cfg).map_err(|e| refused(format!("configuration: {e}")))?;
        let log: Vec<LogRecord> = wire::decode(&log).map_err(|e| refused(format!("log: {e}")))?;
        T::init(cfg, &log, verify_by_host)
    });
    match made.and_then(|result| result) {
        Ok((rule, outputs)) => {
            let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
            let instance = Instance { host, rule: Ok(Box::new(rule)) };
            lock(&INSTANCES).insert(number, Arc::new(Mutex::new(instance)));
            let outputs = wire::encode(&outputs).into();
            RResult::ROk(Created { handle: Handle { number }, outputs })
        }
        Err(error) => RResult::RErr(wire::encode(&error).into()),
    }
}

/// Runs `call` on a live instance; a panic poisons it.
fn with_instance<R>(
    handle: Handle,
    call: impl FnOnce(&mut dyn Steppable) -> R,
) -> Result<R, RuleError> {
    let instance = lock(&INSTANCES).get(&handle.number).cloned();
    let instance = instance.ok_or_else(|| refused("no instance has this handle"))?;
    let mut instance = lock(&instance);
    let host = instance.host;
    let result = match &mut instance.rule {
        Ok(rule) => contained(host, || call(&mut **rule)),
        Err(poison) => return Err(poison.clone()),
    };
    if let Err(panic) = &result {
        let rule = std::mem::replace(&mut instance.rule, Err(panic.clone()));
        discard(host, rule);
    }
    result
}

/// Drops a rule; should that panic too, it is logged and forgotten.
fn discard(host: HostFns, rule: Result<Box<dyn Steppable>, RuleError>) {
    if contained(host, || drop(rule)).is_err() {
        (host.log)(crate::host::level::ERROR, "rule".into(), "panic while it was dropped".into());
    }
}

extern "C" fn step(
    handle: Handle,
    now_ms: u64,
    input: RSlice<'_, u8>,
    out: &mut RVec<u8>,
) -> StepCode {
    let input = match wire::decode::<Input>(&input) {
        Ok(input) => input,
        Err(error) => {
            let error = refused(format!("input: {error}"));
            return answer::<(), _>(Ok(Err(error)), out);
        }
    };
    let result = with_instance(handle, |rule| {
        let mut outputs = Vec::new();
        match rule.step(now_ms, input, &mut outputs) {
            // What it wished before it refused must not be lost: its state has moved on.
            Err(error) if !outputs.is_empty() => {
                outputs.push(Output::Trace { level: DEBUG, line: error.message });
                Ok(outputs)
            }
            result => result.map(|()| outputs),
        }
    });
    answer(result, out)
}

extern "C" fn inspect(handle: Handle, out: &mut RVec<u8>) -> StepCode {
    let result = with_instance(handle, |rule| Ok::<_, RuleError>(rule.inspect()));
    answer(result, out)
}

extern "C" fn verify_final<T: ConsensusRule>(
    claim: RSlice<'_, u8>,
    host: HostFns,
    out: &mut RVec<u8>,
) -> StepCode {
    let result = contained(host, || {
        let claim: wire::FinalClaim =
            wire::decode(&claim).map_err(|e| ProofError { message: format!("claim: {e}") })?;
        T::verify_final(&claim, verify_by_host)
    });
    answer(result, out)
}

extern "C" fn describe_proof<T: ConsensusRule>(
    proof: RSlice<'_, u8>,
    out: &mut RVec<u8>,
) -> StepCode {
    let result = contained(bridge::SILENT, || {
        let of: wire::ProofOf =
            wire::decode(&proof).map_err(|e| ProofError { message: format!("proof: {e}") })?;
        T::describe_proof(&of.validators, &of.proof)
    });
    answer(result, out)
}

extern "C" fn describe<T: ConsensusRule>(out: &mut RVec<u8>) -> StepCode {
    answer(contained(bridge::SILENT, || Ok::<_, RuleError>(T::parameters())), out)
}

extern "C" fn destroy(handle: Handle) {
    let removed = lock(&INSTANCES).remove(&handle.number);
    let Some(instance) = removed.and_then(Arc::into_inner) else { return };
    let instance = instance.into_inner().unwrap_or_else(PoisonError::into_inner);
    discard(instance.host, instance.rule);
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
