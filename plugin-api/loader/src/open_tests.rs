//! Headers of plugins that were built for another interface.

use super::check_api;
use abi_stable::{
    StableAbi, declare_root_module_statics,
    library::{
        __call_root_module_loader, CheckTypeLayout, LibHeader, RootModule, RootModuleResult,
    },
    prefix_type::PrefixTypeTrait,
    sabi_types::VersionStrings,
    std_types::{RSlice, RStr},
};
use plugin_api::export::Plugin;
use std::path::Path;

/// A root module that begins otherwise.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = OtherRef)))]
#[sabi(missing_field(panic))]
struct Other {
    #[sabi(last_prefix_field)]
    check: extern "C" fn(RSlice<'_, u8>) -> bool,
}

impl RootModule for OtherRef {
    declare_root_module_statics! {OtherRef}
    const BASE_NAME: &'static str = "loopchain_rule";
    const NAME: &'static str = "loopchain_rule";
    const VERSION_STRINGS: VersionStrings = VersionStrings { version: RStr::from_str("1.0.0") };
}

/// The same, and it says so.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = LaterRef)))]
#[sabi(missing_field(panic))]
struct Later {
    #[sabi(last_prefix_field)]
    check: extern "C" fn(RSlice<'_, u8>) -> bool,
}

impl RootModule for LaterRef {
    declare_root_module_statics! {LaterRef}
    const BASE_NAME: &'static str = "loopchain_rule";
    const NAME: &'static str = "loopchain_rule";
    const VERSION_STRINGS: VersionStrings = VersionStrings { version: RStr::from_str("1.3.0") };
}

extern "C" fn yes(_: RSlice<'_, u8>) -> bool {
    true
}

extern "C" fn other() -> RootModuleResult {
    __call_root_module_loader(|| Other { check: yes }.leak_into_prefix())
}

extern "C" fn later() -> RootModuleResult {
    __call_root_module_loader(|| Later { check: yes }.leak_into_prefix())
}

static OTHER: LibHeader =
    // SAFETY: `other` returns an `OtherRef`.
    unsafe { LibHeader::from_constructor::<OtherRef>(other, CheckTypeLayout::Yes) };
static LATER: LibHeader =
    // SAFETY: `later` returns a `LaterRef`.
    unsafe { LibHeader::from_constructor::<LaterRef>(later, CheckTypeLayout::Yes) };
static HIDDEN: LibHeader =
    // SAFETY: `other` returns an `OtherRef`.
    unsafe { LibHeader::from_constructor::<OtherRef>(other, CheckTypeLayout::No) };

fn refusal(header: &'static LibHeader) -> String {
    check_api(Path::new("x.so"), header).unwrap_err().to_string()
}

#[test]
fn the_other_modules_are_what_they_say() {
    let other = Other { check: yes }.leak_into_prefix();
    let later = Later { check: yes }.leak_into_prefix();
    assert!((other.check())(RSlice::EMPTY) && (later.check())(RSlice::EMPTY));
}

#[test]
fn a_plugin_for_a_later_interface_is_refused_by_its_version() {
    assert_eq!(
        refusal(&LATER),
        "x.so was built for plugin-api 1.3.0, this host has 1.2; use a build for 1.2, or another \
         host"
    );
}

#[test]
fn a_root_module_of_another_or_hidden_layout_is_refused() {
    for header in [&OTHER, &HIDDEN] {
        assert_eq!(
            refusal(header),
            "x.so says plugin-api 1.2 but its root module has another layout; build it with the \
             plugin-api of this host"
        );
    }
}

#[test]
fn the_header_of_an_exported_rule_fits() {
    struct Exported;
    impl Plugin for Exported {
        type Rule = solo::Solo;
        const PLUGIN_VERSION: &'static str = "0.1.0";
    }
    static HEADER: LibHeader = plugin_api::export::header::<Exported>();
    assert!(check_api(Path::new("x.so"), &HEADER).is_ok());
}
