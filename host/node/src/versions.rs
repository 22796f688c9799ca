//! Versions of what this program speaks and writes, for `loopchain version`.
//!
//! In: nothing. Out: the numbers of the parts below. Deliberately not here: deciding what fits
//! together; every part refuses by itself what it does not know.

/// Protocol between nodes.
pub const PROTOCOL: u64 = host_rpc::limits::PROTOCOL;
/// Format of the files of a channel.
pub const STORAGE_FORMAT: u64 = host_store::schema::FORMAT;

/// ABI of consensus rules, `major.minor`.
#[must_use]
pub fn rule_abi() -> String {
    let ours = plugin_api::version::ApiVersion::OURS;
    format!("{}.{}", ours.major, ours.minor)
}

/// ABI of SCOREs, `major.minor`.
#[must_use]
pub fn score_abi() -> String {
    let (major, minor) = score_native_link::ABI;
    format!("{major}.{minor}")
}
