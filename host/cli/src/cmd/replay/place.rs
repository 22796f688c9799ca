//! Which peer's store is meant, and how long work on a copy of it is told and stopped.
//!
//! In: flags. Out: the folders of a channel's store and of its SCORE files; Ctrl-C as a flag, because
//! a folder with the copy has to be removed. Deliberately not here: opening anything.

use crate::cmd::Context;
use crate::failure::Failure;
use crate::network::{Member, NetworkFile};
use crate::profile;
use crate::progress::Progress;
use clap::{Args, ValueEnum};
use host_node::replay::{Place, Workers};
use host_types::ids::ChannelName;
use score_native_link::Sandbox;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a command that was interrupted.
const EXIT_INTERRUPTED: u8 = 130;

/// Which store.
#[derive(Clone, Debug, Args)]
pub struct StoreFlags {
    /// The peer of the local network whose store is read; it may be running [default: the first].
    #[arg(long, value_name = "NAME", conflicts_with = "store")]
    pub peer: Option<String>,
    /// The channel's folder of any peer: DATA/channels/NAME.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// The folder with that peer's SCORE files [default: DATA/scores].
    #[arg(long, value_name = "DIR")]
    pub scores: Option<PathBuf>,
    /// How the workers are confined.
    #[arg(long, value_enum, default_value = "strict")]
    pub sandbox: SandboxWord,
}

/// How workers are confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxWord {
    /// Every layer, or nothing runs.
    Strict,
    /// Every layer that this machine has.
    Basic,
}

impl StoreFlags {
    /// The folders that are meant.
    pub(crate) fn place(&self, context: &Context) -> Result<Place, Failure> {
        let mut place = match &self.store {
            Some(store) => {
                let data = store.join("..").join("..");
                Place { channel: store.clone(), scores: data.join("scores") }
            }
            None => self.place_of_peer(context)?,
        };
        if let Some(scores) = &self.scores {
            place.scores.clone_from(scores);
        }
        Ok(place)
    }

    /// `ORG/NAME` of the peer whose store it is, where the local network tells.
    pub(crate) fn owner(&self, context: &Context) -> Result<Option<String>, Failure> {
        if self.store.is_some() {
            return Ok(None);
        }
        let network = context.data.require_network()?;
        let member = self.member(&network)?;
        Ok(Some(format!("{}/{}", member.org, member.name)))
    }

    fn place_of_peer(&self, context: &Context) -> Result<Place, Failure> {
        let network = context.data.require_network()?;
        let member = self.member(&network)?;
        let channel = channel(context)?;
        Ok(Place::of(&context.data.join(&member.home).join("data"), channel.as_str()))
    }

    fn member<'a>(&self, network: &'a NetworkFile) -> Result<&'a Member, Failure> {
        let wanted = self.peer.as_deref();
        let mut peers = network.peers();
        let member = peers.find(|peer| wanted.is_none_or(|name| peer.name == name));
        member.ok_or_else(|| {
            let names: Vec<_> = network.peers().map(|peer| peer.name.as_str()).collect();
            let message = format!("the network has no peer `{}`", wanted.unwrap_or_default());
            Failure::new(host_types::Code::NotFound, message)
                .with_help(format!("its peers are {}", names.join(", ")))
        })
    }

    /// This very program as worker.
    pub(crate) fn workers(&self) -> Workers {
        let sandbox = match self.sandbox {
            SandboxWord::Strict => Sandbox::Strict,
            SandboxWord::Basic => Sandbox::Basic,
        };
        Workers { program: "/proc/self/exe".into(), sandbox }
    }
}

/// The channel of the flags or the profile; no peer has to be there.
fn channel(context: &Context) -> Result<ChannelName, Failure> {
    if let Some(name) = &context.global.channel {
        return ChannelName::new(name).ok_or_else(|| {
            let message = format!("`{name}` is no name of a channel");
            Failure::new(host_types::Code::ChannelUnknown, message)
        });
    }
    Ok(profile::target(&context.global, &context.data)?.channel)
}

/// Ctrl-C, heard by work that cleans up behind itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on Ctrl-C ends nothing by itself.
    pub(crate) fn listen() -> Self {
        let stop = Self::default();
        let heard = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                heard.0.store(true, Ordering::Relaxed);
            }
        });
        stop
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What was stopped ended as it was asked to, whatever it says.
    pub(crate) fn or_interrupted<E>(&self, done: Result<ExitCode, E>) -> Result<ExitCode, E> {
        if self.is_heard() { Ok(ExitCode::from(EXIT_INTERRUPTED)) } else { done }
    }
}

/// Says how far the copy is.
pub(crate) fn tell_copied(progress: &Progress, (now, all): (u64, u64)) {
    progress.tell(&format!("{:.1} of {:.1} MB", megabytes(now), megabytes(all)));
}

/// For people.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
