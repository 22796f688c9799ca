//! The command line of what makes a network of several machines: `testnet init`, `radiostation`,
//! `channel genesis`.
//!
//! In: words. Out: what was asked for. Deliberately not here: what the commands do (`cmd/testnet.rs`,
//! `cmd/peer_init.rs`, `cmd/channel_genesis.rs`).

use crate::args::Run;
use crate::args_operate::DirectoryPlace;
use crate::args_pki::{NodeInit, Secrecy};
use clap::{Args, Subcommand};
use host_types::ids::ChannelName;
use std::net::IpAddr;
use std::path::PathBuf;

/// Peers of one test network: one for each organisation that an invitation has room for.
const PEERS_MAX: i64 = 64;

fn channel(text: &str) -> Result<ChannelName, String> {
    ChannelName::new(text)
        .ok_or_else(|| "write 1 to 64 of a-z, 0-9, `-`, `_`, a letter first".into())
}

/// `testnet`
#[derive(Debug, Subcommand)]
pub enum TestnetCommand {
    /// Home folders of a network on several machines: an authority for each organisation, a home
    /// for each peer and the RadioStation, channels. Nothing is left to do but to carry and run them.
    Init(TestnetInit),
}

/// `testnet init`
#[derive(Clone, Debug, Args)]
pub struct TestnetInit {
    /// Number of peers; they belong to the organisations in turn.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=PEERS_MAX))]
    pub peers: u16,
    /// Number of organisations, at most one for each peer.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=PEERS_MAX))]
    pub orgs: u16,
    /// Its channels, with commas between them.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', default_value = "demo",
          value_parser = channel)]
    pub channels: Vec<ChannelName>,
    /// The folder, which must be empty or not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Addresses of the machines, with commas between them, for the peers in turn; the RadioStation is on the
    /// first. Peers of one machine are 100 ports apart.
    #[arg(
        long,
        value_name = "ADDRESS,ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1"
    )]
    pub hosts: Vec<IpAddr>,
    /// Port of the first peer of each machine; the RadioStation is 2 above it, REST 1900 above each,
    /// operations 1950.
    #[arg(long, value_name = "PORT", default_value_t = crate::network::BASE_PORT_DEFAULT,
          value_parser = clap::value_parser!(u16).range(1024..=60_000))]
    pub base_port: u16,
    /// A consensus rule that comes with loopchain: that of the channels.
    #[arg(long, value_name = "ID", default_value = "lft")]
    pub rule: String,
    /// SCOREs that come with loopchain, into the plugin folder of each peer, with commas between them.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', default_value = "token,notary")]
    pub scores: Vec<String>,
    /// How all keys are kept.
    #[command(flatten)]
    pub secrecy: Secrecy,
}

/// `radiostation`
#[derive(Debug, Subcommand)]
pub enum RadioStationCommand {
    /// Run it until it is interrupted.
    Run(Run),
    /// Make its home folder: keys and requests first, certificates second.
    Init(Box<NodeInit>),
    /// Who is in the directory, connected or silent, and who was evicted.
    Peers(DirectoryPlace),
    /// Take a peer out of the directory until it is invited again; what it votes is untouched.
    Evict {
        /// `ORG/NAME`
        peer: String,
        /// Where.
        #[command(flatten)]
        place: DirectoryPlace,
    },
    /// Let a peer that was evicted announce itself again.
    Invite {
        /// `ORG/NAME`
        peer: String,
        /// Where.
        #[command(flatten)]
        place: DirectoryPlace,
    },
}

/// `channel genesis`
#[derive(Clone, Debug, Args)]
pub struct ChannelGenesis {
    /// The channels.toml; the nearest upwards without.
    pub file: Option<PathBuf>,
    /// The network, as `ca network` wrote it.
    #[arg(long, value_name = "FILE")]
    pub network: PathBuf,
    /// Certificates of a member, as `ca sign` wrote them or a signing certificate alone; repeatable.
    /// Each is a member of the channels of its organisation, validators vote.
    #[arg(long = "member", value_name = "FILE", required = true)]
    pub members: Vec<PathBuf>,
    /// Plugin folder whose rules are asked whether they take the channels.
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,
    /// Folder for NAME.genesis: `channels` of a home. What is there already is compared, not written
    /// over.
    #[arg(short, long, value_name = "DIR", default_value = "channels")]
    pub out: PathBuf,
}
