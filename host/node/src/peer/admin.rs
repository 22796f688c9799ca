//! Joining and leaving channels on a running peer.
//!
//! In: calls of the operator (`crate::admin`). Out: channels that start or end while the others go on.
//! What a node has signed on a channel stays in its sign log whatever happens here: coming back must not
//! make it sign anything differently. Deliberately not here: the socket, membership and weights (those
//! are on chain: a validator that leaves is missing in the quorum until it comes back or the channel
//! is reconfigured).

use super::node::Node;
use super::start::{begin, geneses, pin_validators};
use crate::admin::{Admin, unknown_call};
use async_trait::async_trait;
use host_store::Lease;
use host_types::genesis::ChannelGenesis;
use host_types::{ChannelName, Code, Decode, Encode, Rejection};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long readers of a channel that is left may take to let go of its files: longer than any question
/// to it may last.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked whether they have.
const CLOSED_LOOK: Duration = Duration::from_millis(10);
/// Folder of the data folder for what is being deleted.
const REMOVED: &str = "removed";

/// What becomes of the data of a channel that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Data {
    Keep,
    Delete,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "call", rename_all = "lowercase", deny_unknown_fields)]
enum Call {
    Join {
        channel: String,
        /// Hex of its bytes, when its file is not in the folder of geneses.
        #[serde(default)]
        genesis: Option<String>,
    },
    Leave {
        channel: String,
        data: Data,
    },
    /// What leaving with deletion would remove.
    Size {
        channel: String,
    },
}

/// The operator's calls of a peer.
#[derive(Debug)]
pub(super) struct PeerAdmin {
    /// The peer.
    pub node: Arc<Node>,
    /// Tells its channels that an artefact was installed.
    pub installed: watch::Sender<u64>,
}

fn named(channel: &str) -> Result<ChannelName, Rejection> {
    ChannelName::new(channel).ok_or_else(|| {
        let message = format!("`{channel}` is no name of a channel");
        Rejection::new(Code::ParameterWrong, message)
    })
}

fn failed(path: &Path, error: &io::Error) -> Rejection {
    Rejection::new(Code::StoreFailed, format!("{}: {error}", path.display()))
}

/// The folder of a channel.
fn folder(node: &Node, channel: &ChannelName) -> PathBuf {
    node.config.data_dir.join("channels").join(channel.as_str())
}

/// Deletes what a process that ended in the middle of it left.
pub(super) fn finish_deletions(data: &Path) -> Result<(), Rejection> {
    let removed = data.join(REMOVED);
    if removed.exists() {
        fs::remove_dir_all(&removed).map_err(|error| failed(&removed, &error))?;
    }
    Ok(())
}

/// Files of a folder and their bytes together; links are not followed.
fn size(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes, mut folders) = (0, 0, vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            // The store merges files and removes folders meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                bytes += about.len();
            }
        }
    }
    Ok((files, bytes))
}

async fn closed(channel: &ChannelName, lease: &Lease) -> Result<(), Rejection> {
    let end = Instant::now() + CLOSED_WITHIN;
    while lease.is_open() {
        if Instant::now() >= end {
            let message = format!("somebody still reads the files of channel {channel}");
            return Err(Rejection::new(Code::StoreBusy, message));
        }
        tokio::time::sleep(CLOSED_LOOK).await;
    }
    Ok(())
}

impl PeerAdmin {
    async fn join(&self, channel: &str, genesis: Option<&str>) -> Result<Value, Rejection> {
        let channel = named(channel)?;
        if let Some(running) = self.node.channel(&channel) {
            self.node.chosen.choose(&channel, true)?;
            let height = running.reader().tip().height.get();
            return Ok(json!({"channel": channel.as_str(), "joined": false, "height": height}));
        }
        let genesis = self.genesis(&channel, genesis)?;
        if genesis.network != self.node.mesh.session().trust().network() {
            let message = format!("the genesis of {channel} is of another network");
            return Err(Rejection::new(Code::ParameterWrong, message));
        }
        if let Some(lease) = self.node.closing(&channel) {
            closed(&channel, &lease).await?;
        }
        let (node, installed) = (Arc::clone(&self.node), self.installed.clone());
        let runtime = tokio::runtime::Handle::current();
        // Reading the sign log and opening a store wait for the disk.
        let begun = tokio::task::spawn_blocking(move || {
            let _inside = runtime.enter();
            begin(&node, genesis, &installed)
        });
        begun.await.map_err(|error| Rejection::new(Code::Internal, error.to_string()))??;
        self.node.chosen.choose(&channel, true)?;
        let height = self.node.channel(&channel).map(|c| c.reader().tip().height.get());
        Ok(json!({"channel": channel.as_str(), "joined": true, "height": height}))
    }

    /// The genesis that is here, or the one that was handed over, which is here from now on.
    fn genesis(
        &self,
        channel: &ChannelName,
        hex: Option<&str>,
    ) -> Result<ChannelGenesis, Rejection> {
        let wrong = |why: &str| Rejection::new(Code::ParameterWrong, why.to_owned());
        let here =
            geneses(&self.node.config.channels.dir).into_iter().find(|g| g.channel == *channel);
        let Some(hex) = hex else {
            return here.ok_or_else(|| {
                let dir = self.node.config.channels.dir.display();
                let message = format!("no genesis of channel {channel} is in {dir}");
                Rejection::new(Code::ChannelUnknown, message)
            });
        };
        let bytes =
            host_types::hash::from_hex(hex).ok_or_else(|| wrong("the genesis is no hex"))?;
        let given = ChannelGenesis::from_bytes(&bytes)
            .map_err(|error| wrong(&format!("this is no genesis: {error}")))?;
        if given.channel != *channel {
            return Err(wrong(&format!("this is the genesis of channel {}", given.channel)));
        }
        if let Some(here) = here {
            return if here == given {
                Ok(here)
            } else {
                Err(wrong(&format!("another genesis of channel {channel} is here already")))
            };
        }
        let dir = &self.node.config.channels.dir;
        fs::create_dir_all(dir).map_err(|error| failed(dir, &error))?;
        let (path, part) =
            (dir.join(format!("{channel}.genesis")), dir.join(format!("{channel}.part")));
        fs::write(&part, given.to_bytes())
            .and_then(|()| fs::rename(&part, &path))
            .map_err(|error| failed(&path, &error))?;
        Ok(given)
    }

    async fn leave(&self, channel: &str, data: Data) -> Result<Value, Rejection> {
        let channel = named(channel)?;
        let folder = folder(&self.node, &channel);
        let was_running = self.node.channel(&channel).is_some();
        if !was_running && !folder.exists() {
            let message = format!("this node has no channel `{channel}`");
            return Err(Rejection::new(Code::ChannelUnknown, message));
        }
        // First, so that nothing starts it again: not the watch of geneses, not the next start.
        self.node.chosen.choose(&channel, false)?;
        self.node.stop_channel(&channel).await;
        pin_validators(&self.node);
        if let Some(lease) = self.node.closing(&channel) {
            closed(&channel, &lease).await?;
        }
        let (files, bytes) = size(&folder).map_err(|error| failed(&folder, &error))?;
        if data == Data::Delete {
            self.delete(&channel, &folder).await?;
        }
        if was_running {
            tracing::info!(event = "channel.left", %channel, "channel {channel} is left");
        }
        let left = json!({"channel": channel.as_str(), "left": was_running, "files": files,
                          "bytes": bytes, "path": folder, "deleted": data == Data::Delete});
        Ok(left)
    }

    /// Out of the way by one rename first: what a crash leaves half deleted is never opened.
    async fn delete(&self, channel: &ChannelName, folder: &Path) -> Result<(), Rejection> {
        let removed = self.node.config.data_dir.join(REMOVED);
        let aside = removed.join(channel.as_str());
        let folder = folder.to_owned();
        let work = move || {
            if !folder.exists() {
                return Ok(());
            }
            let gone = || {
                fs::create_dir_all(&removed)?;
                fs::rename(&folder, &aside)?;
                fs::remove_dir_all(&removed)
            };
            gone().map_err(|error| failed(&folder, &error))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Rejection::new(Code::Internal, error.to_string()))?
    }

    fn size(&self, channel: &str) -> Result<Value, Rejection> {
        let channel = named(channel)?;
        let folder = folder(&self.node, &channel);
        if !folder.exists() {
            let message = format!("this node has no channel `{channel}`");
            return Err(Rejection::new(Code::ChannelUnknown, message));
        }
        let (files, bytes) = size(&folder).map_err(|error| failed(&folder, &error))?;
        let height = self.node.channel(&channel).map(|c| c.reader().tip().height.get());
        Ok(json!({"channel": channel.as_str(), "files": files, "bytes": bytes, "path": folder,
                  "height": height}))
    }
}

#[async_trait]
impl Admin for PeerAdmin {
    async fn call(&self, call: Value) -> Result<Value, Rejection> {
        match serde_json::from_value(call).map_err(|error| unknown_call(&error))? {
            Call::Join { channel, genesis } => self.join(&channel, genesis.as_deref()).await,
            Call::Leave { channel, data } => self.leave(&channel, data).await,
            Call::Size { channel } => self.size(&channel),
        }
    }
}
