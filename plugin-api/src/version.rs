//! The number of the plugin interface and the rule that says which plugin fits which host.
//!
//! The rule: the majors are equal, and the plugin's minor is not larger than the host's. The major
//! grows when something changes or goes; the minor grows when something is added at an end: a last
//! field of [`crate::root::ConsensusMod`] or of a message, an input, an output. A host sends no input that is newer
//! than the plugin's minor, so an old plugin runs in a new host for ever; a new plugin in an old
//! host is refused, since it may ask for what that host cannot do. Not here: the version of a rule
//! (`ConsensusRule::VERSION`) and of a plugin's package.

/// Grows when an old plugin can no longer run.
pub const PLUGIN_API_MAJOR: u32 = 1;
/// Grows with every addition at an end.
pub const PLUGIN_API_MINOR: u32 = 2;
/// Both as `abi_stable` wants them: a semantic version. `version_text_agrees` holds them together.
pub const PLUGIN_API_TEXT: &str = "1.2.0";

/// Version of the interface that a plugin was built for, or that a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersion {
    /// See [`PLUGIN_API_MAJOR`].
    pub major: u32,
    /// See [`PLUGIN_API_MINOR`].
    pub minor: u32,
}

impl ApiVersion {
    /// The version of the crate this is compiled with.
    pub const OURS: Self = Self { major: PLUGIN_API_MAJOR, minor: PLUGIN_API_MINOR };

    /// Reads `major.minor.patch`; none when it is not of that form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        let version = Self { major: parts.next()??, minor: parts.next()?? };
        parts.next()??;
        parts.next().is_none().then_some(version)
    }

    /// True when a host of this version may run a plugin built for `plugin`.
    #[must_use]
    pub const fn runs(self, plugin: Self) -> bool {
        self.major == plugin.major && plugin.minor <= self.minor
    }
}

impl core::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiVersion, PLUGIN_API_TEXT};

    #[test]
    fn version_text_agrees() {
        assert_eq!(ApiVersion::parse(PLUGIN_API_TEXT), Some(ApiVersion::OURS));
    }

    #[test]
    fn a_host_runs_its_own_minor_and_older_ones_only() {
        let host = ApiVersion { major: 2, minor: 3 };
        for (major, minor, runs) in
            [(2, 3, true), (2, 0, true), (2, 4, false), (1, 3, false), (3, 0, false)]
        {
            assert_eq!(host.runs(ApiVersion { major, minor }), runs, "{major}.{minor}");
        }
    }

    #[test]
    fn a_version_is_three_numbers() {
        for text in ["", "1", "1.0", "1.0.0.0", "1.0.x", "a.b.c"] {
            assert_eq!(ApiVersion::parse(text), None, "{text}");
        }
    }
}
