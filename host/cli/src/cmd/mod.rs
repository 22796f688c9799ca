//! The commands, one file per noun.
//!
//! In: a command's arguments, the global flags and where to print. Out: an exit code or a failure.
//! Deliberately not here: what a command line looks like (`args.rs`), how anything is printed
//! (`output.rs`), what a peer does.

mod api;
mod audit;
pub(crate) mod bench;
mod block;
mod block_verify;
mod ca;
mod ca_sign;
mod call;
mod cert;
mod cert_check;
mod cert_revoke;
mod channel;
mod channel_check;
mod channel_drift;
mod channel_genesis;
mod channel_grants;
mod channel_plan;
mod completions;
mod configure;
mod directory;
mod doctor;
mod down;
mod event;
mod event_watch;
mod explain;
mod import_old;
mod journey;
mod keys;
mod listed_peers;
mod log_collector;
mod logs;
mod man;
mod membership;
mod operate;
pub(crate) mod peer;
mod peer_init;
mod ps;
mod query;
mod receipt;
pub(crate) mod replay;
mod reset;
mod score;
mod score_gate;
mod score_life;
pub(crate) mod score_new;
mod score_peers;
pub(crate) mod score_rehearse;
mod score_verify;
mod score_versions;
mod score_watch;
mod status;
mod testnet;
mod tx;
mod tx_list;
mod up;
mod version;
pub(crate) mod voting;

use crate::args::{Command, Global, PeerCommand};
use crate::args_network::{RadioStationCommand, TestnetCommand};
use crate::failure::Failure;
use crate::network::DataFolder;
use crate::output::Out;
use host_types::fault::Code;
use std::process::ExitCode;

/// What a command gives back.
pub(crate) type Done = Result<ExitCode, Failure>;

/// What every client command starts from.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The global flags.
    pub global: Global,
    /// The local network that is meant.
    pub data: DataFolder,
    /// Where to print.
    pub out: Out,
}

/// The runtime of the commands; workers of SCOREs never get here.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(Code::Internal, format!("the runtime does not start: {error}"))
    })
}

/// Runs a command.
pub(crate) fn run(command: Command, global: Global, out: Out) -> Done {
    let data = DataFolder::of(&global);
    let context = Context { global, data, out };
    match command {
        Command::Up(up) => up::up(&up, &context),
        Command::Down => down::down(&context),
        Command::Ps => ps::ps(&context),
        Command::Proxy(command) => peer::proxy(&command, &context.global),
        Command::Logs(logs) => logs::logs(&logs, &context),
        Command::LogCollector(command) => log_collector::log_collector(&command, &context),
        Command::Api(command) => api::run(&command, out),
        Command::Explain(explain) => explain::explain(explain.topic.as_deref(), out),
        Command::Keys(_) => keys::list(&context),
        Command::Completions(args) => completions::completions(args.shell, &context),
        Command::Config(crate::args::ConfigCommand::Import { old, out: to }) => {
            import_old::import(import_old::Old::Settings, &old, to.as_deref(), &context)
        }
        Command::Replay(args) => replay::replay(&args, &context),
        Command::Bench(bench) => bench::bench(bench, &context),
        Command::Doctor(args) => doctor::doctor(&args, &context),
        Command::Reset => reset::reset(&context),
        Command::Man(page) => man::man(&page, &context),
        Command::Version => version::version(out),
        Command::Score(command) => score::score(command, &context),
        Command::Status => runtime()?.block_on(status::status(&context)),
        Command::Channel(command) => channel::channel(&command, &context),
        Command::Tx(command) => runtime()?.block_on(tx::tx(command, &context)),
        Command::Verify(args) => receipt::verify(&args, &context),
        Command::Query(query) => runtime()?.block_on(query::query(query, &context)),
        Command::Block(command) => runtime()?.block_on(block::block(&command, &context)),
        Command::Event(command) => runtime()?.block_on(event::event(&command, &context)),
        Command::Audit(command) => audit::audit(&command, &context),
        Command::Ca(command) => ca::ca(&command, &context),
        Command::Cert(command) => cert::cert(&command, &context),
        Command::Peer(PeerCommand::Init(init)) => peer_init::peer(&init, &context),
        Command::Testnet(TestnetCommand::Init(init)) => testnet::init(&init, &context),
        Command::Radiostation(RadioStationCommand::Init(init)) => {
            peer_init::radiostation(&init, &context)
        }
        Command::Peer(PeerCommand::Join(join)) => membership::join(&join, &context),
        Command::Peer(PeerCommand::Leave(leave)) => membership::leave(&leave, &context),
        // They need no data folder and are answered before.
        Command::Peer(PeerCommand::Run(run)) => peer::peer(&run, &context.global),
        Command::Radiostation(RadioStationCommand::Run(run)) => {
            peer::radiostation(&run, &context.global)
        }
        Command::Radiostation(RadioStationCommand::Peers(place)) => {
            directory::peers(&place, &context)
        }
        Command::Radiostation(RadioStationCommand::Evict { peer, place }) => {
            directory::change(&peer, true, &place, &context)
        }
        Command::Radiostation(RadioStationCommand::Invite { peer, place }) => {
            directory::change(&peer, false, &place, &context)
        }
    }
}

#[cfg(test)]
mod pki_tests;
