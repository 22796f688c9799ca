//! What a channel can set for `solo`. In come the sorted pairs of `InitCfg`, out comes
//! [`Settings`] or one line that says which name or value is wrong.

use plugin_api::{Parameter, RuleError};

/// Longest `block_interval`, ms: a minute. Longer is a mistake in the unit.
pub const BLOCK_INTERVAL_MS_MAX: u64 = 60_000;
/// `block_interval` when the channel says nothing, ms.
pub const BLOCK_INTERVAL_MS_DEFAULT: u64 = 10;

/// The parameters, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Least time between two proposals, ms; 0 = as fast as possible.
    pub block_interval_ms: u64,
}

impl Settings {
    /// Reads the pairs of the channel.
    ///
    /// # Errors
    /// At an unknown name, or a value that is not a whole number in its range.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, RuleError> {
        let mut settings = Self { block_interval_ms: BLOCK_INTERVAL_MS_DEFAULT };
        for (name, value) in pairs {
            if name != "block_interval" {
                let message = format!("solo has no parameter `{name}`; it takes `block_interval`");
                return Err(RuleError { message });
            }
            let ms = value.parse().ok().filter(|ms| *ms <= BLOCK_INTERVAL_MS_MAX);
            settings.block_interval_ms = ms.ok_or_else(|| RuleError {
                message: format!(
                    "`block_interval` is {value:?}; give 0 to {BLOCK_INTERVAL_MS_MAX} milliseconds"
                ),
            })?;
        }
        Ok(settings)
    }

    /// What [`Settings::read`] takes, for people.
    #[must_use]
    pub fn described() -> Vec<Parameter> {
        vec![Parameter {
            name: "block_interval".to_owned(),
            unit: "ms".to_owned(),
            default: BLOCK_INTERVAL_MS_DEFAULT.to_string(),
            meaning: "Least time between two proposals; 0 is as fast as possible.".to_owned(),
        }]
    }
}
