//! Networks of real processes, as a newcomer meets them: `up`, curl, the command line, the commands
//! of README.md, kills, disks that fail, bad input.
//!
//! Each test has ports and a data folder of its own, so all may run at once and beside a network of
//! yours. Tests that only ask share a network. What a test does not do: sleep and hope; it waits for
//! a state, with a bound. The support is `tests/src`.

#[cfg(test)]
mod absent;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bad_config;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod block_proof;
#[cfg(test)]
mod channel_check;
#[cfg(test)]
mod channel_life;
#[cfg(test)]
mod channel_plan;
#[cfg(test)]
mod clean_log;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod consortium;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod divergence;
#[cfg(test)]
mod drop_in;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod fifty_channels;
#[cfg(test)]
mod file_changes;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod homes;
#[cfg(test)]
mod hot_join;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod log_collector;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod old_curl_lines;
#[cfg(test)]
mod old_files;
#[cfg(test)]
mod plain_rule;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod proxy_and_collector;
#[cfg(test)]
mod proxy_directory;
#[cfg(test)]
mod radiostation;
#[cfg(test)]
mod radiostation_renewal;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod readyz;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod rejoin;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod schemas_of_changes;
#[cfg(test)]
mod score_calls;
#[cfg(test)]
mod score_crashes;
#[cfg(test)]
mod score_life;
#[cfg(test)]
mod score_peers;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod step_budget;
#[cfg(test)]
mod storage_faults;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod testnet;
#[cfg(test)]
mod token_transfer;
#[cfg(test)]
mod transcript;
#[cfg(test)]
mod up;
#[cfg(test)]
mod upgrades;

#[cfg(test)]
use tests::{Options, Shared};

/// For tests that ask and pay only. `bob` is paid by one test, which counts; others pay `carol`.
#[cfg(test)]
static NETWORK: Shared = Shared::new();

/// The program under test with the sample channels.
#[cfg(test)]
fn sample() -> Options {
    Options::new(env!("CARGO_BIN_EXE_loopchain-under-test"))
}
