//! A local network that is ready: its files are watched, its children, its chain.
//!
//! In: changes of channels.toml and of the drop-in folder, deaths of children. Out: channels
//! created and changed, and SCOREs activated on the running network, one line each; one live line when a person
//! watches. Files are looked at often instead of being subscribed to: two folders cost nothing,
//! and a file counts when it has stopped changing.

use super::channels::{self, profile_channel};
use super::children::{Children, Event};
use super::plugins::{Found, Needed, Stamps, scan, stamps};
use super::wishes::{Attempts, Outcome, fulfil};
use super::{Local, banner, file_changes, ready};
use crate::client::Client;
use crate::cmd::Context;
use crate::failure::Failure;
use crate::output::{BAD, OK, WARN};
use host_node::config::ChannelsFile;
use host_types::ids::ChannelName;
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How often files are looked at.
const FILES: Duration = Duration::from_millis(300);
/// How often the live line is written.
const LIVE: Duration = Duration::from_millis(500);

/// Watches for ever: children, files and chain side by side, so that none waits for another.
pub(crate) async fn run(
    (local, context): (&Local, &Context),
    (file, read_at): (ChannelsFile, Option<SystemTime>),
    attempts: Attempts,
    children: &mut Children,
) {
    let channel = profile_channel(&file).cloned();
    let mut files = Files::new((local, context), (file, read_at), attempts);
    let deaths = async {
        while let Some(event) = children.event().await {
            local.out.announce(&event_line(&event));
        }
    };
    tokio::join!(deaths, files.watch(), show(local, channel));
}

/// channels.toml and the drop-in folder.
struct Files<'a> {
    local: &'a Local,
    context: &'a Context,
    /// channels.toml as it was read last.
    file: ChannelsFile,
    attempts: Attempts,
    /// Whether channels.toml asks for what could not be done: a rule may come.
    is_waiting: bool,
    plugins: Changes<Stamps>,
    settings: Changes<Option<SystemTime>>,
    /// Files that were told to be refused, as they were then: each is told once.
    refused: Stamps,
}

/// Those of the refused files that were not told yet.
fn untold(found: &Found, files: &Stamps, told: &mut Stamps) -> Vec<(PathBuf, String)> {
    told.retain(|path, stamp| files.get(path) == Some(stamp));
    let fresh = found.refused.iter().filter(|(path, _)| {
        let stamp = files.get(path).copied();
        stamp.is_some_and(|stamp| told.insert(path.clone(), stamp) != Some(stamp))
    });
    fresh.cloned().collect()
}

/// A value that is looked at again and again, and counts when it has been the same twice.
#[derive(Debug)]
struct Changes<T> {
    seen: T,
    told: T,
}

impl<T: Clone + PartialEq> Changes<T> {
    fn new(now: T) -> Self {
        Self { seen: now.clone(), told: now }
    }

    /// What was there when it was read, which may be long ago by now.
    fn since(told: T, now: T) -> Self {
        Self { seen: now, told }
    }

    /// The value when it has changed since it was told last, and has settled.
    fn look(&mut self, now: T) -> Option<T> {
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || self.seen == self.told {
            return None;
        }
        self.told = self.seen.clone();
        Some(self.told.clone())
    }
}

/// When a file was changed last.
pub(crate) fn modified(path: &std::path::Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

impl<'a> Files<'a> {
    /// Begins with the plugins that are there now, and with channels.toml as it was read: who edits it
    /// while the network starts is heard as well.
    fn new(
        (local, context): (&'a Local, &'a Context),
        (file, read_at): (ChannelsFile, Option<SystemTime>),
        attempts: Attempts,
    ) -> Self {
        let now = stamps(&local.data.join("plugins"));
        let settings = Changes::since(read_at, modified(&file.path));
        // The start has told what it refused.
        let mut refused = Stamps::new();
        untold(&scan(&now), &now, &mut refused);
        let plugins = Changes::new(now);
        Self { local, context, file, attempts, is_waiting: false, plugins, settings, refused }
    }

    async fn watch(&mut self) {
        let mut ticks = tokio::time::interval(FILES);
        loop {
            ticks.tick().await;
            if self.settings.look(modified(&self.file.path)).is_some()
                && let Err(failure) = self.reload().await
            {
                self.is_waiting = true;
                self.local.out.announce(&format!("  {BAD} {}", failure.to_text()));
            }
            if let Some(now) = self.plugins.look(stamps(&self.local.data.join("plugins"))) {
                // What a channel waited for may have come; that it has not is told already.
                if self.is_waiting && self.reload().await.is_ok() {
                    continue;
                }
                self.activate(&now).await;
            }
        }
    }

    /// channels.toml has changed: creates channels, and makes those that exist what it says.
    async fn reload(&mut self) -> Result<(), Failure> {
        let local = self.local;
        let file = channels::load(&self.file.path)?;
        let needed = Needed::of(&file).without(&Needed::of(&self.file));
        let plan = super::plan(local, &file)?;
        let (file, plan) = super::make_channels(local, (&file, plan), needed).await?;
        let created = plan.created();
        for peer in local.network.peers() {
            ready::answers(local, peer, &created).await?;
        }
        self.is_waiting = !plan.stuck.is_empty();
        // What channels.toml says of a SCORE may have been the obstacle.
        self.attempts.clear();
        let before = std::mem::replace(&mut self.file, file);
        file_changes::apply(local, (&before, &self.file), self.context).await;
        for channel in created {
            let (_, info) = local.any_client(&channel)?.channel().await?;
            local.out.announce(&banner::channel(&info, &[]));
        }
        self.plugins.told = stamps(&local.data.join("plugins"));
        let now = self.plugins.told.clone();
        self.activate(&now).await;
        Ok(())
    }

    async fn activate(&mut self, files: &Stamps) {
        let found = scan(files);
        for (path, why) in untold(&found, files, &mut self.refused) {
            self.local.out.announce(&super::refused_line(&path, &why));
        }
        for outcome in fulfil(self.local, &self.file, &found, &mut self.attempts).await {
            self.local.out.announce(&outcome_line(&outcome));
        }
    }
}

/// The live line, when a person watches.
async fn show(local: &Local, channel: Option<ChannelName>) {
    let Some(channel) = channel.filter(|_| local.out.is_live()) else { return };
    let Ok(client) = local.any_client(&channel) else { return };
    let mut ticks = tokio::time::interval(LIVE);
    let mut live = Live::default();
    loop {
        ticks.tick().await;
        live.update(&client).await;
        local.out.live(&live.line(&channel));
    }
}

fn outcome_line(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(score) => format!(
            "  {OK} {}@{} active on channel {} from block {}",
            score.name, score.version, outcome.channel, score.active_since
        ),
        Err(failure) => super::failed_line(&outcome.channel, &outcome.score, failure),
    }
}

fn event_line(event: &Event) -> String {
    match event {
        Event::Died(name, how) => {
            format!("  {WARN} {name} ended ({how}); it is started again in 1 s")
        }
        Event::Restarted(name) => format!("  {OK} {name} runs again"),
        Event::NotStarted(name, why) => format!("  {BAD} {name}: {why}"),
    }
}

/// What the live line shows of the newest block.
#[derive(Debug, Default)]
struct Live {
    height: u64,
    transactions: u64,
    votes: usize,
    validators: usize,
    delay: Option<Duration>,
    seen: Option<Instant>,
}

impl Live {
    async fn update(&mut self, client: &Client) {
        let Ok((_, info)) = client.channel().await else { return };
        self.validators = info.validators.len();
        if info.height == self.height && self.seen.is_some() {
            return;
        }
        if let Ok(block) = client.block("latest").await {
            let number = |key: &str| block.get(key).and_then(Value::as_u64).unwrap_or_default();
            let signers = block.pointer("/proof/signers").and_then(Value::as_array);
            self.height = number("height");
            self.transactions = number("tx_count");
            self.votes = signers.map_or(0, Vec::len);
            let delay = crate::time::now_us().saturating_sub(number("time_us"));
            // The first block seen may be old: then nothing is known of its delay.
            self.delay = self.seen.map(|_| Duration::from_micros(delay));
            self.seen = Some(Instant::now());
        }
    }

    fn line(&self, channel: &ChannelName) -> String {
        let delay = self.delay.map(crate::time::seconds).unwrap_or_default();
        format!(
            "  {channel}  #{}  {} tx  {}/{} votes  {delay}",
            self.height, self.transactions, self.votes, self.validators
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_between_reading_and_the_first_look_counts() {
        let mut changes = Changes::since(0, 1);
        assert_eq!((changes.look(1), changes.look(1)), (Some(1), None));
        let mut none = Changes::since(1, 1);
        assert_eq!(none.look(1), None);
    }

    #[test]
    fn a_file_counts_when_it_has_stopped_changing() {
        let mut changes = Changes::new(0);
        assert_eq!(changes.look(0), None);
        assert_eq!(changes.look(1), None, "it may still be written");
        assert_eq!(changes.look(2), None);
        assert_eq!(changes.look(2), Some(2));
        assert_eq!(changes.look(2), None, "it is told once");
    }

    #[test]
    fn a_refused_file_is_told_once_and_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("liba.so");
        let mut told = Stamps::new();
        let mut look = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let mut now = stamps(folder.path());
            // The clock of the file system is coarse: here only the length tells.
            now.values_mut().for_each(|stamp| stamp.1 = SystemTime::UNIX_EPOCH);
            untold(&scan(&now), &now, &mut told).len()
        };
        assert_eq!([look("no plugin"), look("no plugin"), look("still none")], [1, 0, 1]);
    }

    #[test]
    fn only_finished_so_files_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("liba.so");
        std::fs::write(&file, "x").unwrap();
        std::fs::write(folder.path().join(".libb.so.new"), "x").unwrap();
        assert_eq!(stamps(folder.path()).keys().collect::<Vec<_>>(), [&file]);
    }

    #[test]
    fn the_live_line_is_the_guides() {
        let live = Live {
            height: 14,
            transactions: 2,
            votes: 4,
            validators: 4,
            delay: Some(Duration::from_millis(210)),
            seen: None,
        };
        let line = live.line(&ChannelName::new("demo").unwrap());
        assert_eq!(line, "  demo  #14  2 tx  4/4 votes  0.21 s");
    }

    #[test]
    fn deaths_are_told() {
        let died = Event::Died("peer2".to_owned(), "signal: 9 (SIGKILL)".to_owned());
        assert!(event_line(&died).contains("peer2 ended (signal: 9 (SIGKILL))"));
    }
}
