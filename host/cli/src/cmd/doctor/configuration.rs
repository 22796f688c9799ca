//! Files of settings: each that is used here is read as its process reads it.
//!
//! In: homes, the nearest channels.toml, the profile. Out: findings, drawn where they stand.
//! Deliberately not here: what a channels.toml means for a running network (`channel plan`).

use super::{Finding, Place};
use crate::failure::Failure;
use crate::profile;
use host_node::config::{
    ChannelsFile, ConfigError, LogCollectorConfig, Overrides, PeerConfig, ProxyConfig,
    RadioStationConfig, nearest_channels_file,
};
use host_types::fault::Code;
use std::path::Path;

const CHECK: &str = "configuration";

/// Looks.
pub(super) fn check(place: &Place<'_>) -> Vec<Finding> {
    let mut findings: Vec<_> =
        place.homes.iter().filter_map(|(home, file)| wrong(home, file).err()).map(drawn).collect();
    if let Err(failure) = profile::target(&place.context.global, place.data())
        && failure.code() != Code::NotRunning
    {
        findings.push(Finding::of(CHECK, &failure));
    }
    let here = std::env::current_dir().unwrap_or_default();
    let channels = nearest_channels_file(&here);
    if let Some(Err(error)) = channels.as_deref().map(ChannelsFile::load) {
        findings.push(drawn(error));
    }
    if findings.is_empty() {
        let count = place.homes.len() + usize::from(channels.is_some());
        findings.push(Finding::ok(CHECK, format!("{count} files are read without a mistake")));
    }
    findings
}

fn drawn(error: ConfigError) -> Finding {
    Finding::of(CHECK, &Failure::from(error))
}

/// Reads the settings of a home as its process does.
fn wrong(home: &Path, file: &str) -> Result<(), ConfigError> {
    let none = Overrides::default();
    match file {
        "peer.toml" => PeerConfig::load(home, &none).map(drop),
        "radiostation.toml" => RadioStationConfig::load(home, &none).map(drop),
        "proxy.toml" => ProxyConfig::load(home, &none).map(drop),
        _ => LogCollectorConfig::load(home, &none).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_line_and_what_was_meant() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("peer.toml"), "[rest]\nlissten = 1\n").unwrap();
        let found = drawn(wrong(home.path(), "peer.toml").unwrap_err());
        assert_eq!(found.code, Some(Code::ConfigUnknownKey));
        assert!(found.message.contains("peer.toml:2:1"), "{found:?}");
        assert_eq!(found.steps, ["did you mean `listen`?"]);
    }
}
