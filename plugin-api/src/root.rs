//! The root module: the table of C functions that a rule's `.so` hands to its host. It is an
//! `abi_stable` prefix type, so that fields can be appended without breaking older plugins.
//!
//! Bytes in, bytes out: every slice is a message of [`crate::wire`]. Metadata is typed. Not here:
//! what the functions do ([`crate::export`]) and how a host finds the table (`plugin-api-loader`).

use crate::{host::HostFns, version::PLUGIN_API_TEXT};
use abi_stable::{
    StableAbi, declare_root_module_statics,
    library::RootModule,
    sabi_types::VersionStrings,
    std_types::{RResult, RSlice, RStr, RVec},
};

/// Start of the name of the symbol that holds a rule's header. The full name is unique for each
/// rule (`loopchain_rule_lft`), so that several rules can be linked into one program (a simulator);
/// the loader takes the one symbol of a file that begins so, whatever the file is called.
pub const SYMBOL_PREFIX: &str = "loopchain_rule_";

/// How a call ended.
#[repr(u8)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepCode {
    /// Done; `out` holds the answer.
    Ok,
    /// The input was refused and ignored; `out` holds a [`crate::RuleError`].
    Rejected,
    /// The rule panicked, now or before: the instance is unusable; `out` holds a
    /// [`crate::RuleError`].
    Poisoned,
}

/// An instance inside the plugin, by number. A number that is not in use (any more) is answered
/// with `Poisoned`, so a mistaken handle is an error and never a wild pointer.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// Never used twice in one process.
    pub number: u64,
}

/// A new instance and its first outputs.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Created {
    /// The instance; the host gives it back with `destroy`.
    pub handle: Handle,
    /// `Vec<Output>`.
    pub outputs: RVec<u8>,
}

/// The table. The first field never moves, new ones are added after the last.
#[repr(C)]
#[derive(StableAbi, Debug)]
#[sabi(kind(Prefix(prefix_ref = ConsensusModRef)))]
#[sabi(missing_field(panic))]
pub struct ConsensusMod {
    /// Major and minor of this interface that the plugin was built for: `major << 16 | minor`.
    pub abi_version: u32,
    /// `ConsensusRule::ID`.
    pub rule_id: RStr<'static>,
    /// `ConsensusRule::VERSION`.
    pub rule_version: u32,
    /// Version of the plugin's package.
    pub plugin_version: RStr<'static>,
    /// Makes an instance from `InitCfg` and `Vec<LogRecord>`; the error is a `RuleError`.
    pub create: extern "C" fn(
        cfg: RSlice<'_, u8>,
        log: RSlice<'_, u8>,
        host: HostFns,
    ) -> RResult<Created, RVec<u8>>,
    /// Takes an `Input`, answers `Vec<Output>`.
    pub step: extern "C" fn(
        handle: Handle,
        now_ms: u64,
        input: RSlice<'_, u8>,
        out: &mut RVec<u8>,
    ) -> StepCode,
    /// Answers `Inspect`.
    pub inspect: extern "C" fn(handle: Handle, out: &mut RVec<u8>) -> StepCode,
    /// Takes a `wire::FinalClaim`; `Rejected` with a `ProofError` when it is not proved.
    pub verify_final:
        extern "C" fn(claim: RSlice<'_, u8>, host: HostFns, out: &mut RVec<u8>) -> StepCode,
    /// Takes a `wire::ProofOf`, answers `Vec<(u16, u64)>`: signer and weight.
    pub describe_proof: extern "C" fn(proof: RSlice<'_, u8>, out: &mut RVec<u8>) -> StepCode,
    /// Answers `Vec<Parameter>`.
    pub describe: extern "C" fn(out: &mut RVec<u8>) -> StepCode,
    /// Ends an instance. Unknown handles are ignored.
    #[sabi(last_prefix_field)]
    pub destroy: extern "C" fn(handle: Handle),
}

impl RootModule for ConsensusModRef {
    declare_root_module_statics! {ConsensusModRef}
    const BASE_NAME: &'static str = "loopchain_rule";
    const NAME: &'static str = "loopchain_rule";
    const VERSION_STRINGS: VersionStrings =
        VersionStrings { version: RStr::from_str(PLUGIN_API_TEXT) };
}

impl core::fmt::Debug for ConsensusModRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ConsensusModRef")
            .field("rule_id", &self.rule_id())
            .field("rule_version", &self.rule_version())
            .field("plugin_version", &self.plugin_version())
            .finish_non_exhaustive()
    }
}
