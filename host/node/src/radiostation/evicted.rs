//! Names that this radiostation does not list until they are invited again.
//!
//! In: the operator's word. Out: whether a name may announce itself; a file in the data folder, one name a
//! line. It is a matter of this directory alone: an evicted validator votes as before, since the others
//! know where it is, and its weight is on the chain. Deliberately not here: taking certificates back.

use crate::whole_file::WholeFile;
use host_types::{Code, NodeName, Rejection};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The file in the data folder.
const FILE: &str = "evicted";
/// Names kept: as many as may be listed.
const NAMES_MAX: usize = super::registry::PEERS_MAX;

/// The names.
#[derive(Debug)]
pub struct Evicted {
    file: WholeFile,
    names: Mutex<BTreeSet<NodeName>>,
}

impl Evicted {
    /// Reads who was evicted before.
    ///
    /// # Errors
    /// `LC5206` when the file holds what is no name, `LC5205` when it cannot be read.
    pub fn open(data: &Path) -> Result<Self, Rejection> {
        let file = WholeFile::open(data, FILE)?;
        let bytes = file.load()?.unwrap_or_default();
        let text = String::from_utf8(bytes).ok();
        let names: Option<_> = text.and_then(|text| text.lines().map(NodeName::new).collect());
        let names = names.ok_or_else(|| {
            let message = format!("{} has a line that is no ORG/NAME", file.path().display());
            Rejection::new(Code::StoreDamaged, message)
        })?;
        Ok(Self { file, names: Mutex::new(names) })
    }

    /// Whether a name is out.
    #[must_use]
    pub fn contains(&self, name: &NodeName) -> bool {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// All names.
    #[must_use]
    pub fn names(&self) -> Vec<NodeName> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().cloned().collect()
    }

    /// Puts a name out, or takes it in again; whether that changed anything. Durable when this returns.
    ///
    /// # Errors
    /// `LC5205` when it cannot be written, and nothing has changed then.
    pub fn set(&self, name: &NodeName, is_out: bool) -> Result<bool, Rejection> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = names.clone();
        let is_changed = if is_out { next.insert(name.clone()) } else { next.remove(name) };
        if !is_changed {
            return Ok(false);
        }
        if next.len() > NAMES_MAX {
            let message = format!("{NAMES_MAX} names are evicted already");
            return Err(Rejection::new(Code::ParameterWrong, message));
        }
        let text: String = next.iter().map(|name| format!("{name}\n")).collect();
        self.file.save(text.as_bytes())?;
        *names = next;
        Ok(true)
    }
}
