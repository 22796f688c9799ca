//! Which channels the operator has joined or left on this node, whatever `[channels] join` says.
//!
//! In: the operator's choices. Out: whether a channel is to run here; a file in the data folder, one
//! `NAME joined` or `NAME left` a line, so that a choice outlives the process. Deliberately not here:
//! starting and ending channels (`node`, `admin`).

use crate::whole_file::WholeFile;
use host_types::{ChannelName, Code, Rejection};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The file in the data folder.
const FILE: &str = "channels.chosen";
/// Channels with a choice of their own: as many as a node may announce.
const CHOICES_MAX: usize = host_rpc::directory::CHANNELS_MAX;

/// The choices.
#[derive(Debug)]
pub struct Chosen {
    file: WholeFile,
    is_joined: Mutex<BTreeMap<ChannelName, bool>>,
}

fn parse(text: &str) -> Option<BTreeMap<ChannelName, bool>> {
    text.lines()
        .map(|line| {
            let (name, word) = line.split_once(' ')?;
            let is_joined = match word {
                "joined" => true,
                "left" => false,
                _ => return None,
            };
            Some((ChannelName::new(name)?, is_joined))
        })
        .collect()
}

impl Chosen {
    /// Reads what was chosen before.
    ///
    /// # Errors
    /// `LC5206` when the file says something else, `LC5205` when it cannot be read.
    pub fn open(data: &Path) -> Result<Self, Rejection> {
        let file = WholeFile::open(data, FILE)?;
        let bytes = file.load()?.unwrap_or_default();
        let is_joined =
            String::from_utf8(bytes).ok().as_deref().and_then(parse).ok_or_else(|| {
                let message =
                    format!("{} has another line than `NAME joined|left`", file.path().display());
                Rejection::new(Code::StoreDamaged, message)
            })?;
        Ok(Self { file, is_joined: Mutex::new(is_joined) })
    }

    /// What was chosen of a channel; none when only the configuration says something.
    #[must_use]
    pub fn of(&self, channel: &ChannelName) -> Option<bool> {
        self.is_joined.lock().unwrap_or_else(PoisonError::into_inner).get(channel).copied()
    }

    /// Chooses; durable when this returns.
    ///
    /// # Errors
    /// `LC5205` when it cannot be written, and nothing is chosen then.
    pub fn choose(&self, channel: &ChannelName, is_joined: bool) -> Result<(), Rejection> {
        let mut all = self.is_joined.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = all.clone();
        next.insert(channel.clone(), is_joined);
        if next.len() > CHOICES_MAX {
            let message =
                format!("{} holds {CHOICES_MAX} channels already", self.file.path().display());
            return Err(Rejection::new(Code::ParameterWrong, message));
        }
        let line = |(name, is_joined): (&ChannelName, &bool)| {
            format!("{name} {}\n", if *is_joined { "joined" } else { "left" })
        };
        let text: String = next.iter().map(line).collect();
        self.file.save(text.as_bytes())?;
        *all = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_outlives_the_process_and_another_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| ChannelName::new(name).unwrap());
        let chosen = Chosen::open(folder.path()).unwrap();
        assert_eq!(chosen.of(&a), None);
        chosen.choose(&a, true).unwrap();
        chosen.choose(&b, true).unwrap();
        chosen.choose(&b, false).unwrap();
        let again = Chosen::open(folder.path()).unwrap();
        assert_eq!((again.of(&a), again.of(&b)), (Some(true), Some(false)));
        std::fs::write(folder.path().join(FILE), "a maybe\n").unwrap();
        assert_eq!(Chosen::open(folder.path()).unwrap_err().code, Code::StoreDamaged);
    }
}
