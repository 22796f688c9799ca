//! `loopchain.toml`: client profiles.
//!
//! In: the file. Out: [`Profile`]s by name. Not here: which file is meant, and flags above it
//! (`host/cli`).

use super::layers::read;
use super::render::{ConfigError, nearest};
use super::toml_pass::typed;
use host_types::fault::Code;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// `[profile.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// URL of a peer's REST interface.
    pub endpoint: String,
    /// Channel of commands that name none.
    pub channel: String,
    /// Who signs.
    pub identity: String,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfilesFile {
    /// Profile of commands that name none.
    pub default: String,
    /// Profiles by name.
    pub profile: BTreeMap<String, Profile>,
}

impl ProfilesFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let Some(text) = read(path)? else {
            let message = format!("{} does not exist", path.display());
            return Err(ConfigError::new(Code::ConfigUnreadable, message));
        };
        typed(path, &text)
    }

    /// The profile of a name, else the default one.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn profile(&self, name: Option<&str>) -> Result<Profile, ConfigError> {
        let name = name.unwrap_or(&self.default);
        if name.is_empty() {
            return Ok(Profile::default());
        }
        self.profile.get(name).cloned().ok_or_else(|| {
            let known = self.profile.keys().map(String::as_str);
            let error = ConfigError::new(Code::ConfigBadValue, format!("no profile `{name}`"));
            match nearest(name, known.clone()) {
                Some(meant) => error.with_help(format!("did you mean `{meant}`?")),
                None => error.with_help(format!(
                    "the profiles are {}",
                    known.collect::<Vec<_>>().join(", ")
                )),
            }
        })
    }
}
