//! The only `unsafe` of the host's side: hands a checked file to the dynamic linker and takes the
//! root module out of it. In come the path of the private copy and the name of the symbol, out
//! comes the table of functions. A library is never unloaded, because `abi_stable` hands out
//! `'static` references into it.
//!
//! Deliberately not here: checks of the bytes (`check.rs`), the copy (`registry.rs`).
#![expect(unsafe_code, reason = "dlopen; the file that architecture.md 6 names")]

use crate::refusal::{Refusal, one_line, shown};
use abi_stable::{
    StableAbi,
    abi_stability::abi_checking::check_layout_compatibility,
    library::{AbiHeaderRef, LibHeader},
    type_layout::TypeLayout,
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use plugin_api::{root::ConsensusModRef, version::ApiVersion};
use std::path::Path;

/// Loads the library at `path` (a private, immutable copy whose bytes were checked) and returns its
/// root module and the version of the interface that it was built for.
pub(crate) fn open(path: &Path, symbol: &str) -> Result<(ConsensusModRef, ApiVersion), Refusal> {
    let unloadable = |reason: &dyn std::fmt::Display| Refusal::Unloadable {
        path: shown(path),
        reason: one_line(&reason.to_string()),
    };
    // SAFETY: constructors of the library run here. It is operator code that the channel accepts by
    // its digest, as trusted as this program; its file is whole and nobody writes to it any more.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| unloadable(&error))?;
    // SAFETY: symbols of this name are made by `export_rule!` only and are a `static` of a type
    // that begins with an `AbiHeader`; an `AbiHeaderRef` is the address of one.
    let header = unsafe { library.get::<AbiHeaderRef>(symbol.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|error| unloadable(&error));
    std::mem::forget(library);
    let header = header?.upgrade().map_err(|error| unloadable(&error))?;
    let api = check_api(path, header)?;
    // SAFETY: the layout of the root module was compared with ours and fits.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<ConsensusModRef>() };
    module.map(|module| (module, api)).map_err(|error| unloadable(&error))
}

/// Version and layout of the interface.
fn check_api(path: &Path, header: &'static LibHeader) -> Result<ApiVersion, Refusal> {
    let host = ApiVersion::OURS;
    let text = header.version_strings().version;
    let Some(built_for) = ApiVersion::parse(&text).filter(|plugin| host.runs(*plugin)) else {
        let plugin = one_line(&text);
        return Err(Refusal::OtherApi { path: shown(path), plugin, host });
    };
    let fits = header.layout().is_some_and(|theirs| has_fitting_layout(path, theirs));
    let refusal = || Refusal::OtherLayout { path: shown(path), version: host };
    fits.then_some(built_for).ok_or_else(refusal)
}

/// `abi_stable` accepts a newer library in an older host only; a prefix type fits in both
/// directions, as long as the host asks before it calls what an older plugin may lack.
fn has_fitting_layout(path: &Path, theirs: &'static TypeLayout) -> bool {
    let ours = <ConsensusModRef as StableAbi>::LAYOUT;
    let Err(report) = check_layout_compatibility(ours, theirs) else { return true };
    let fits = check_layout_compatibility(theirs, ours).is_ok();
    if !fits {
        tracing::debug!(path = %path.display(), %report, "layout of a refused rule");
    }
    fits
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
