//! Which library serves a channel's rule.
//!
//! In: what a genesis names. Out: a loaded rule from the drop-in folder, checked and copied to a
//! private place first. A rule is loaded once and stays until the process ends.

use crate::plugged::PluggedRule;
use host_types::genesis::{ChannelGenesis, RuleConfig};
use host_types::{Code, Rejection};
use plugin_api_loader::{LoadedRule, Refusal, Registry, Wanted, check};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Finds the library of a rule.
pub type Rules<'a> = &'a dyn Fn(&RuleConfig) -> Result<LoadedRule, Rejection>;

/// Rules by id.
#[derive(Debug)]
pub struct RuleShelf {
    folder: PathBuf,
    registry: Registry,
    loaded: Mutex<BTreeMap<String, LoadedRule>>,
}

impl RuleShelf {
    /// Looks in `folder`; private copies go to `private`.
    ///
    /// # Errors
    /// When the private folder cannot be used.
    pub fn open(folder: &Path, private: &Path) -> Result<Self, Rejection> {
        let registry = Registry::at(private).map_err(|refusal| refused(&refusal))?;
        Ok(Self { folder: folder.to_owned(), registry, loaded: Mutex::default() })
    }

    /// The rule that a channel names.
    ///
    /// # Errors
    /// `LC6101`: there is none in the folder, it is of another version, or why it was refused.
    pub fn find(&self, wanted: &RuleConfig) -> Result<LoadedRule, Rejection> {
        let rule = self.any_version(wanted)?;
        if rule.version() == wanted.version {
            return Ok(rule);
        }
        let message = format!(
            "rule `{}` of {} is version {}, the channel names {}",
            wanted.id,
            self.folder.display(),
            rule.version(),
            wanted.version
        );
        Err(Rejection::new(Code::RuleRefused, message))
    }

    /// The rule of that name, of whatever version.
    ///
    /// # Errors
    /// `LC6101`: there is none in the folder, or why it was refused.
    pub fn any_version(&self, wanted: &RuleConfig) -> Result<LoadedRule, Rejection> {
        let accepted: Vec<[u8; 32]> = wanted.sha256.iter().map(|sha| *sha.as_bytes()).collect();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rule) = loaded.get(&wanted.id)
            && rule.version() == wanted.version
            && (accepted.is_empty() || accepted.contains(&rule.sha256()))
        {
            return Ok(rule.clone());
        }
        let mut last = None;
        for (path, _) in self.files().into_iter().filter(|(_, id)| *id == wanted.id) {
            match self.registry.open(&path, Wanted { id: Some(&wanted.id), accepted: &accepted }) {
                Ok(rule) => {
                    loaded.insert(wanted.id.clone(), rule.clone());
                    return Ok(rule);
                }
                Err(refusal) => last = Some(refused(&refusal)),
            }
        }
        Err(last.unwrap_or_else(|| {
            let message =
                format!("no rule `{}` in {}: drop its .so there", wanted.id, self.folder.display());
            Rejection::new(Code::RuleRefused, message)
        }))
    }

    /// The rule that a genesis names, when it takes what the genesis says of it.
    ///
    /// # Errors
    /// As of [`Self::find`], or what the rule says against it.
    pub fn accepts(&self, genesis: &ChannelGenesis) -> Result<LoadedRule, Rejection> {
        let rule = self.find(&genesis.rule)?;
        PluggedRule::accepts(&rule, genesis)?;
        Ok(rule)
    }

    /// Ids of the rules in the folder.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.files().into_iter().map(|(_, id)| id).collect()
    }

    /// Files of the folder that say they are a rule, and which.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let named = |path: PathBuf| {
            let bytes = check::read(&path).ok()?;
            let symbol = check::rule_symbol(&path, &bytes).ok()?;
            let id = symbol.strip_prefix("loopchain_rule_")?.to_owned();
            Some((path, id))
        };
        libraries(&self.folder).into_iter().filter_map(named).collect()
    }
}

fn refused(refusal: &Refusal) -> Rejection {
    Rejection::new(Code::RuleRefused, refusal.to_string())
}

/// `.so` files of a folder, sorted.
#[must_use]
pub fn libraries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "so"))
        .filter(|path| {
            path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
        })
        .collect();
    found.sort();
    found
}
