//! What `doctor` looks at: the local network, or one home folder.
//!
//! In: flags. Out: folders with their roles. Deliberately not here: reading their settings.

use crate::args::Doctor;
use crate::cmd::Context;
use crate::failure::Failure;
use crate::network::{DataFolder, NetworkFile};
use host_types::fault::Code;
use std::path::{Path, PathBuf};

/// Files of settings, by which a home is known.
pub(super) const FILES: [&str; 4] =
    ["peer.toml", "radiostation.toml", "proxy.toml", "log-collector.toml"];

/// What is looked at.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Flags and streams.
    pub context: &'a Context,
    /// The local network, when that is meant and there is one.
    pub network: Option<NetworkFile>,
    /// Home folders and their file of settings.
    pub homes: Vec<(PathBuf, &'static str)>,
}

impl<'a> Place<'a> {
    /// What the flags mean.
    ///
    /// # Errors
    /// A home without a file of settings, a network.json that cannot be read.
    pub(super) fn of(args: &Doctor, context: &'a Context) -> Result<Self, Failure> {
        if let Some(home) = &args.home {
            let homes: Vec<_> = of_folder(home).collect();
            if homes.is_empty() {
                let message = format!("{} has none of {}", home.display(), FILES.join(", "));
                return Err(Failure::new(Code::ConfigUnreadable, message)
                    .with_help("`--home DIR` is the folder that `loopchain peer run` takes"));
            }
            return Ok(Self { context, network: None, homes });
        }
        let network = context.data.network()?;
        let homes = network.iter().flat_map(|network| &network.members);
        let homes = homes
            .flat_map(|member| of_folder(&context.data.join(&member.home)).collect::<Vec<_>>());
        Ok(Self { context, homes: homes.collect(), network })
    }

    /// The data folder of the local network.
    pub(super) const fn data(&self) -> &DataFolder {
        &self.context.data
    }

    /// The folder whose disk counts.
    pub(super) fn folder(&self) -> PathBuf {
        match (&self.network, self.homes.first()) {
            (None, Some((home, _))) => home.clone(),
            (Some(_), _) => self.data().path().to_owned(),
            (None, None) => PathBuf::from("."),
        }
    }

    /// Folders with keys and certificates.
    pub(super) fn key_folders(&self) -> Vec<PathBuf> {
        let of_people = self.network.iter().map(|_| self.data().join("keys"));
        of_people.chain(self.homes.iter().map(|(home, _)| home.join("pki"))).collect()
    }
}

fn of_folder(home: &Path) -> impl Iterator<Item = (PathBuf, &'static str)> {
    FILES.into_iter().filter(|file| home.join(file).is_file()).map(|file| (home.to_owned(), file))
}
