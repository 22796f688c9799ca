//! Puts layers on top of each other: defaults, a file, the environment, `--set`.
//!
//! In: the layers. Out: one typed value. The environment and `--set` are text; a value stays text
//! when its field takes text (`LOOPCHAIN_NAME=007` is a name), and is read as TOML otherwise.

use super::render::ConfigError;
use super::toml_pass::typed;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use host_types::fault::Code;
use serde::de::DeserializeOwned;
use std::path::Path;

/// What stands above a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    values: Vec<(String, Vec<String>, String)>,
}

/// Variables with this prefix are settings.
const PREFIX: &str = "LOOPCHAIN_";

impl Overrides {
    /// Adds `LOOPCHAIN_REST__LISTEN=…`-like variables: those with `__`, since the others are flags
    /// of the command line (`LOOPCHAIN_PROFILE`).
    #[must_use]
    pub fn with_environment(mut self, variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut found: Vec<_> = variables
            .filter_map(|(name, value)| {
                let rest = name.strip_prefix(PREFIX)?;
                let path: Vec<_> = rest.split("__").map(str::to_ascii_lowercase).collect();
                (path.len() > 1).then_some((name, path, value))
            })
            .collect();
        found.sort();
        self.values.extend(found);
        self
    }

    /// Adds `key.path=value` texts of `--set`.
    ///
    /// # Errors
    /// When one has no `=`.
    pub fn with_settings(mut self, settings: &[String]) -> Result<Self, ConfigError> {
        for setting in settings {
            let Some((path, value)) = setting.split_once('=') else {
                let message = format!("`--set {setting}` has no `=`");
                return Err(ConfigError::new(Code::ConfigBadValue, message)
                    .with_help("write --set rest.listen=127.0.0.1:9000"));
            };
            let path = path.split('.').map(|part| part.trim().to_owned()).collect();
            self.values.push((format!("--set {setting}"), path, value.to_owned()));
        }
        Ok(self)
    }
}

struct Layer(Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("configuration")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

fn layer(table: &toml::Table) -> Result<Layer, ConfigError> {
    let value = Value::serialize(table).map_err(|error| internal(&error))?;
    Ok(Layer(value.into_dict().unwrap_or_default()))
}

fn internal(error: &figment::Error) -> ConfigError {
    ConfigError::new(Code::ConfigBadValue, format!("settings do not fit together: {}", error.kind))
}

/// The text of a file; `None` when there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", file.display());
            Err(ConfigError::new(Code::ConfigUnreadable, message))
        }
    }
}

/// Merges a file (may be missing) and what stands above it.
pub(super) fn merged<T: DeserializeOwned>(
    file: &Path,
    overrides: &Overrides,
) -> Result<T, ConfigError> {
    let mut figment = Figment::new();
    if let Some(text) = read(file)? {
        typed::<T>(file, &text)?;
        figment = figment.merge(layer(&typed::<toml::Table>(file, &text)?)?);
    }
    for (origin, path, value) in &overrides.values {
        figment = figment.merge(layer(&single::<T>(origin, path, value)?)?);
    }
    figment.extract().map_err(|error| internal(&error))
}

/// A document with one value, in the form its field takes.
fn single<T: DeserializeOwned>(
    origin: &str,
    path: &[String],
    value: &str,
) -> Result<toml::Table, ConfigError> {
    let text = nested(path, toml::Value::String(value.to_owned()));
    let Err(error) = toml::from_str::<T>(&text.to_string()) else { return Ok(text) };
    if let Ok(mut parsed) = format!("value = {value}").parse::<toml::Table>()
        && let Some(value) = parsed.remove("value")
    {
        let table = nested(path, value);
        if toml::from_str::<T>(&table.to_string()).is_ok() {
            return Ok(table);
        }
    }
    let name = origin.split('=').next().unwrap_or(origin);
    let unknown = error.message().starts_with("unknown field");
    let (code, message) = if unknown {
        (Code::ConfigUnknownKey, format!("`{name}` names no setting ({})", path.join(".")))
    } else {
        (Code::ConfigBadValue, format!("the value of `{name}` is not of the right kind"))
    };
    Err(ConfigError::new(code, message))
}

fn nested(path: &[String], value: toml::Value) -> toml::Table {
    let Some((first, rest)) = path.split_first() else { return toml::Table::new() };
    let value = if rest.is_empty() { value } else { toml::Value::Table(nested(rest, value)) };
    toml::Table::from_iter([(first.clone(), value)])
}
