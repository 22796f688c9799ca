//! channels.toml was saved: channels that exist become what it says, because every key of a local network is here.
//!
//! In: the file as it was and as it is. Out: a `configure` change for each channel about which the file says
//! something else than before, put through, with a line for each difference and for what it does to the quorum.
//! A channel that the file leaves alone is left alone, also when it was changed by a command since. At the start
//! nothing is changed: the file may have been edited for another network, so differences are only told.
//! Deliberately not here: comparing and proposing (`channel_plan`), new channels (`channels`), SCOREs (`wishes`).

use super::channels::{Plan, State, genesis};
use super::{Local, genesis_inputs};
use crate::args::Global;
use crate::cmd::channel_plan::{self, Brought};
use crate::cmd::{Context, channel_plan::differences};
use crate::failure::Failure;
use crate::output::{BAD, OK, WARN};
use host_node::config::{ChannelsFile, GenesisInputs};
use host_types::genesis::ChannelGenesis;
use host_types::ids::ChannelName;

/// Whose reads policies admit more often than those of nobody.
const READER: &str = "alice";

/// The local network, whatever the command line and the folder of `up` mean to other commands.
fn context(local: &Local, given: &Context) -> Context {
    let global = Global {
        data: Some(local.data.path().to_path_buf()),
        profile: None,
        endpoint: None,
        channel: None,
        config: None,
        identity: Some(READER.to_owned()),
        ..given.global.clone()
    };
    Context { global, data: local.data.clone(), out: local.out }
}

/// Channels that exist and about which the file says something else than it did.
fn changed(local: &Local, before: &ChannelsFile, now: &ChannelsFile) -> Vec<ChannelName> {
    let Ok(inputs) = genesis_inputs(&local.data, &local.network) else { return Vec::new() };
    let says_else = |name: &&ChannelName| {
        let Ok(Some(existing)) = genesis(&local.data, name) else { return false };
        before.channels.contains_key(*name)
            && made_by(before, name, &existing, &inputs) != made_by(now, name, &existing, &inputs)
    };
    now.channels.keys().filter(says_else).cloned().collect()
}

/// What a file would make of a channel that exists.
fn made_by(
    file: &ChannelsFile,
    name: &ChannelName,
    existing: &ChannelGenesis,
    inputs: &GenesisInputs,
) -> Option<ChannelGenesis> {
    let mut inputs = inputs.clone();
    inputs.created = existing.created;
    inputs.certificates = existing.certificates.clone();
    file.genesis(name, &inputs).ok().map(|planned| planned.genesis)
}

/// Brings the channels that were changed in line with the file; a line for whatever became of each.
pub(crate) async fn apply(
    local: &Local,
    (before, now): (&ChannelsFile, &ChannelsFile),
    given: &Context,
) {
    let context = context(local, given);
    for name in changed(local, before, now) {
        match Box::pin(channel_plan::bring(now, &name, &context)).await {
            Ok(Some(brought)) => {
                told(&name, &brought).iter().for_each(|line| local.out.announce(line));
            }
            Ok(None) => {}
            Err(failure) => local.out.announce(&refused(&name, &failure)),
        }
    }
}

fn told(name: &ChannelName, brought: &Brought) -> Vec<String> {
    let head = match &brought.done {
        Some(done) => format!("  {OK} channel {name} follows channels.toml: {done}"),
        None => format!("  {WARN} channel {name} stays as it is"),
    };
    let rest = brought.differences.iter().chain(&brought.effects).map(|line| format!("  {line}"));
    std::iter::once(head).chain(rest).collect()
}

fn refused(name: &ChannelName, failure: &Failure) -> String {
    let (code, message) = (failure.code(), failure.message());
    format!(
        "  {BAD} channel {name} does not follow channels.toml: {code}: {message}; \
         `loopchain channel plan -c {name}` shows what differs"
    )
}

/// At the start: channels whose chain is not what the file says.
pub(crate) async fn tell(local: &Local, file: &ChannelsFile, plan: &Plan, given: &Context) {
    let context = context(local, given);
    for (name, state) in &plan.states {
        if *state != State::Differs || plan.stuck.contains_key(name) {
            continue;
        }
        // Who cannot be asked now has said why elsewhere.
        let count = Box::pin(differences(file, name, &context)).await.unwrap_or_default();
        if count > 0 {
            local.out.announce(&format!(
                "  {WARN} channel {name}: channels.toml says something else in {count} places; \
                 `loopchain channel plan -c {name}` shows them, `loopchain channel apply -c {name}` or \
                 the next save makes the channel follow"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::fault::Code;

    #[test]
    fn what_became_of_a_channel_is_told_with_each_difference_and_its_consequences() {
        let name = ChannelName::new("demo").unwrap();
        let brought = Brought {
            done: Some("epoch 1 began on block 9".to_owned()),
            differences: vec!["  ~ limit        block_txs   10000 → 500".to_owned()],
            effects: vec!["  quorum       3 of 4 → 4 of 5".to_owned()],
        };
        assert_eq!(
            told(&name, &brought),
            [
                format!("  {OK} channel demo follows channels.toml: epoch 1 began on block 9"),
                "    ~ limit        block_txs   10000 → 500".to_owned(),
                "    quorum       3 of 4 → 4 of 5".to_owned(),
            ]
        );
        let stays = Brought { done: None, ..brought };
        assert_eq!(told(&name, &stays)[0], format!("  {WARN} channel demo stays as it is"));
        let why = refused(&name, &Failure::new(Code::NoQuorum, "nobody is there"));
        assert!(why.contains("does not follow channels.toml: LC3201: nobody is there"), "{why}");
    }
}
