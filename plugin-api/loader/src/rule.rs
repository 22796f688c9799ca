//! A loaded rule and its instances, typed: the encoding to bytes and back happens here and nowhere
//! else, so a node sees inputs and outputs only. In come the types of `plugin-api`, out come the
//! same, or an error that says whether the input was refused or the rule is broken.
//!
//! Deliberately not here: carrying outputs out, watching how long a step takes.

use crate::check;
use abi_stable::std_types::{RResult, RSlice, RVec};
use plugin_api::version::ApiVersion;
use plugin_api::{
    HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair, Parameter, ProofError, RuleError,
    Validator,
    host::HostFns,
    root::{ConsensusModRef, Handle, StepCode},
    wire,
};
use std::path::{Path, PathBuf};

/// Why a step had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The input was malformed and ignored; its sender may be penalised. The instance goes on.
    #[error("the rule refused the input: {0}")]
    Rejected(String),
    /// The rule panicked, or answered what is not an answer. The instance is of no use any more:
    /// the channel stops signing, the node goes on.
    #[error("the rule is poisoned: {0}")]
    Poisoned(String),
}

/// A rule that was loaded. Clones are the same rule.
#[derive(Clone, Debug)]
pub struct LoadedRule {
    id: String,
    version: u32,
    plugin_version: String,
    api: ApiVersion,
    sha256: [u8; 32],
    path: PathBuf,
    module: ConsensusModRef,
}

impl LoadedRule {
    /// A rule whose root module is here. The registry calls it for a `.so`; a test may call it for
    /// a rule that is linked into it: `LoadedRule::linked(root_module::<P>(), …)`. `sha256` and
    /// `path` are those of the file.
    #[must_use]
    pub fn linked(module: ConsensusModRef, sha256: [u8; 32], path: &Path) -> Self {
        Self {
            id: module.rule_id().as_str().to_owned(),
            version: module.rule_version(),
            plugin_version: module.plugin_version().as_str().to_owned(),
            api: ApiVersion::OURS,
            sha256,
            path: path.to_owned(),
            module,
        }
    }

    /// The same, built for an interface of another version than ours.
    #[must_use]
    pub const fn built_for(mut self, api: ApiVersion) -> Self {
        self.api = api;
        self
    }

    /// The version of the interface that it was built for.
    #[must_use]
    pub const fn api(&self) -> ApiVersion {
        self.api
    }

    /// Name of the rule (`lft`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Version of the rule's behaviour and formats.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Version of the plugin's package.
    #[must_use]
    pub fn plugin_version(&self) -> &str {
        &self.plugin_version
    }

    /// Digest of the file.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The digest as people write it.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        check::hex(&self.sha256)
    }

    /// The private copy that is loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes an instance and returns what it wants first.
    ///
    /// # Errors
    /// When parameters or log make no sense to the rule, or it panicked.
    pub fn create(
        &self,
        cfg: &InitCfg,
        log: &[LogRecord],
        host: HostFns,
    ) -> Result<(RuleInstance, Vec<Output>), RuleError> {
        let (cfg, log) = (wire::encode(cfg), wire::encode(log));
        let created = (self.module.create())(slice(&cfg), slice(&log), host);
        let created = match created {
            RResult::ROk(created) => created,
            RResult::RErr(error) => return Err(rule_error(&error)),
        };
        let instance = RuleInstance { module: self.module, handle: created.handle };
        let outputs = wire::decode(&created.outputs)
            .map_err(|error| RuleError { message: format!("the rule's first outputs: {error}") })?;
        Ok((instance, outputs))
    }

    /// Checks a Final proof.
    ///
    /// # Errors
    /// When it does not prove that `claim.header` with `claim.pair` is final.
    pub fn verify_final(&self, claim: &wire::FinalClaim, host: HostFns) -> Result<(), ProofError> {
        let claim = wire::encode(claim);
        let mut out = RVec::new();
        let code = (self.module.verify_final())(slice(&claim), host, &mut out);
        proof_answer(code, &out)
    }

    /// Who signed a Final proof: index and weight.
    ///
    /// # Errors
    /// When the bytes are not a proof of this rule.
    pub fn describe_proof(
        &self,
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        let of = wire::ProofOf { validators: validators.to_vec(), proof: proof.to_vec() };
        let of = wire::encode(&of);
        let mut out = RVec::new();
        let code = (self.module.describe_proof())(slice(&of), &mut out);
        proof_answer(code, &out)
    }

    /// The parameters the rule takes.
    ///
    /// # Errors
    /// When the rule panicked.
    pub fn parameters(&self) -> Result<Vec<Parameter>, StepError> {
        let mut out = RVec::new();
        let code = (self.module.describe())(&mut out);
        step_answer(code, &out)
    }
}

/// What [`LoadedRule::verify_final`] is asked, from its parts.
#[must_use]
pub fn final_claim(
    statement_prefix: &[u8],
    validators: &[Validator],
    header: &HeaderView,
    pair: &Pair,
    proof: &[u8],
    parameters: &[(String, String)],
) -> wire::FinalClaim {
    wire::FinalClaim {
        statement_prefix: statement_prefix.to_vec(),
        validators: validators.to_vec(),
        header: header.clone(),
        pair: *pair,
        proof: proof.to_vec(),
        parameters: parameters.to_vec(),
    }
}

/// One running instance of a rule; ends when it is dropped. It may move between threads and is
/// stepped by one at a time.
#[derive(Debug)]
pub struct RuleInstance {
    module: ConsensusModRef,
    handle: Handle,
}

impl RuleInstance {
    /// Tells the rule one thing and returns what it wants.
    ///
    /// # Errors
    /// [`StepError::Rejected`] when the input was ignored, [`StepError::Poisoned`] when the
    /// instance is of no use any more.
    pub fn step(&mut self, now_ms: u64, input: &Input) -> Result<Vec<Output>, StepError> {
        let input = wire::encode(input);
        let mut out = RVec::new();
        let code = (self.module.step())(self.handle, now_ms, slice(&input), &mut out);
        step_answer(code, &out)
    }

    /// What status pages and metrics show.
    ///
    /// # Errors
    /// When the instance is poisoned.
    pub fn inspect(&self) -> Result<Inspect, StepError> {
        let mut out = RVec::new();
        let code = (self.module.inspect())(self.handle, &mut out);
        step_answer(code, &out)
    }
}

impl Drop for RuleInstance {
    fn drop(&mut self) {
        (self.module.destroy())(self.handle);
    }
}

fn slice(bytes: &[u8]) -> RSlice<'_, u8> {
    RSlice::from_slice(bytes)
}

fn rule_error(bytes: &[u8]) -> RuleError {
    wire::decode(bytes)
        .unwrap_or_else(|error| RuleError { message: format!("the rule's error: {error}") })
}

fn step_answer<T>(code: StepCode, out: &[u8]) -> Result<T, StepError>
where
    T: for<'b> minicbor::Decode<'b, ()>,
{
    match code {
        StepCode::Ok => wire::decode(out)
            .map_err(|error| StepError::Poisoned(format!("the rule's answer: {error}"))),
        StepCode::Rejected => Err(StepError::Rejected(rule_error(out).message)),
        StepCode::Poisoned => Err(StepError::Poisoned(rule_error(out).message)),
    }
}

fn proof_answer<T>(code: StepCode, out: &[u8]) -> Result<T, ProofError>
where
    T: for<'b> minicbor::Decode<'b, ()>,
{
    step_answer(code, out).map_err(|error| ProofError {
        message: match error {
            StepError::Rejected(message) | StepError::Poisoned(message) => message,
        },
    })
}
