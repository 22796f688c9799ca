//! Files that appear while a network runs: a new SCORE, a broken one, another channel.

use crate::sample;
use host_types::codec::{Decode, Encode};
use host_types::genesis::ChannelGenesis;
use host_types::ids::ChannelName;
use score_native_abi::{MAGIC, Score};
use score_native_link::build::{build_score, source_tree};
use std::io::Write;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::network::{CHANNEL, Network, Shared};
use tests::{Lease, eventually};

static OWN: Shared = Shared::new();

/// `up` looks every 300 ms, votes, and waits for four readies.
const ACTIVE_WITHIN: Duration = Duration::from_secs(30);

fn network() -> Lease {
    OWN.lease(sample)
}

/// The example, built as its author would.
fn hello() -> PathBuf {
    build_score(&source_tree().unwrap(), "examples-hello-score", &mut |_| {}).unwrap()
}

/// As `cp` does it: readers may see a part.
fn drop_in(network: &Network, bytes: &[u8], name: &str) {
    std::fs::write(network.data().join("plugins").join(name), bytes).unwrap();
}

fn score_names(network: &Network, peer: u16, channel: &str) -> Vec<String> {
    let answer = network.get(peer, &format!("/api/v2/channels/{channel}/scores")).json();
    let list = answer["scores"].as_array().cloned().unwrap_or_default();
    list.iter().map(|score| score["name"].as_str().unwrap().to_owned()).collect()
}

fn pids(network: &Network) -> Vec<u32> {
    network.ps().into_iter().map(|process| process.pid).collect()
}

#[test]
fn a_new_score_is_active_and_callable_without_a_restart() {
    let path = hello();
    let network = network();
    let before = pids(&network);
    drop_in(&network, &std::fs::read(path).unwrap(), "libhello.so");
    let line = network.said_line("hello@0.1.0 active on channel demo from block ", ACTIVE_WITHIN);
    assert!(line.starts_with("  ✓ hello@0.1.0 "), "{line}");
    for peer in 0..4 {
        eventually(ACTIVE_WITHIN, "every peer has it", || {
            score_names(&network, peer, CHANNEL).contains(&"hello".to_owned()).then_some(())
        });
    }
    let sent = network.cli(&["tx", "send", "hello", "greet", "name=bob"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    assert!(sent.stdout.contains("  event        hello.greeted  name=bob times=1\n"), "{sent:?}");
    for peer in 0..4 {
        let url = network.url(peer, "");
        eventually(ACTIVE_WITHIN, "every peer ran it", || {
            let said = network.cli(&["query", "hello.greetings", "--endpoint", &url]);
            (said.stdout.trim().trim_matches('"') == "1").then_some(())
        });
    }
    let status = network.get(0, "/api/v1/status/score?channel=demo").json();
    assert_eq!(status["id"], "token", "v1 goes on with the SCORE that was there first");
    let refused = network.cli(&["tx", "send", "hello", "greet", "name="]);
    assert_eq!((refused.code, refused.error().as_str()), (4, "LC2111"), "{refused:?}");
    assert!(refused.stderr.contains("a greeting needs a name"), "{refused:?}");
    assert_eq!(pids(&network), before, "nothing was restarted");
}

#[test]
fn a_corrupt_file_is_refused_with_one_line_and_hurts_nothing() {
    let network = network();
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let before = pids(&network);
    let channels = |peer| network.channel(peer, CHANNEL).map(|state| state["mode"].clone());
    drop_in(&network, &whole[..whole.len() / 2], "libcut.so");
    drop_in(&network, b"no ELF file at all", "libtext.so");
    for name in ["libcut.so", "libtext.so"] {
        let line = network.said_line(&format!("{name} is not used: "), ACTIVE_WITHIN);
        assert!(line.starts_with(&format!("  ✗ {name} is not used: ")), "{line}");
        assert!(line.len() > name.len() + 30, "it says why: {line}");
    }
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    for peer in 0..4 {
        assert_eq!(channels(peer), Some("normal".into()), "peer{peer}");
        assert!(!score_names(&network, peer, CHANNEL).contains(&"cut".to_owned()));
    }
    assert_eq!(pids(&network), before, "nothing was restarted");
    let said = network.said();
    let lines = said.lines().filter(|line| line.contains("libcut.so")).count();
    assert_eq!(lines, 1, "one line tells it: {said}");
    for name in ["libcut.so", "libtext.so"] {
        std::fs::remove_file(network.data().join("plugins").join(name)).unwrap();
    }
}

#[test]
fn what_lies_in_the_folder_is_told_and_what_becomes_of_a_dropped_file_changes_nothing() {
    let path = hello();
    let network = network();
    let folder = network.data().join("plugins");
    std::fs::create_dir(folder.join("libfolder.so")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("liblink.so")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(folder.join("libfifo.so")).status();
    assert!(fifo.unwrap().success());
    // What comes after them is taken: nothing of it is waited for.
    let whole = [std::fs::read(path).unwrap(), vec![0; 3]].concat();
    let half = folder.join("libwhole.so");
    std::fs::write(&half, &whole[..40_000.min(whole.len() / 2)]).unwrap();
    std::fs::write(folder.join(".libwhole.part"), &whole).unwrap();
    std::fs::rename(folder.join(".libwhole.part"), &half).unwrap();
    let sha256 = host_types::hash::Hash32::sha256(&whole).to_string();
    for peer in 0..4 {
        let odd = ["libfifo.so", "libfolder.so", "liblink.so"];
        eventually(ACTIVE_WITHIN, "the whole file is taken, the others are refused", || {
            let list = network.get(peer, "/api/v2/channels/demo/scores").json();
            let refused = list["refused"].as_array()?;
            let is_refused = |name: &&str| {
                let found = refused.iter().find(|one| one["file"] == **name);
                found.is_some_and(|one| one["reason"].to_string().contains("regular file"))
            };
            let versions = list["versions"].as_array()?;
            let is_here = versions.iter().any(|v| v["sha256"] == sha256 && v["here"] == true);
            (is_here && odd.iter().all(is_refused)).then_some(())
        });
    }
    let listed = network.cli(&["score", "list"]);
    assert!(listed.stdout.contains("libfifo.so is refused [LC6102]: "), "{listed:?}");
    // The file that runs is changed in place, then taken away.
    let token = folder.join("libtoken.so");
    let bytes = std::fs::read(&token).unwrap();
    std::fs::File::options().write(true).open(&token).unwrap().set_len(100).unwrap();
    let pay = || network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(pay().code, 0);
    std::fs::remove_file(&token).unwrap();
    assert_eq!(pay().code, 0);
    for peer in 0..4 {
        assert_eq!(network.channel(peer, CHANNEL).unwrap()["mode"], "normal");
    }
    std::fs::write(&token, bytes).unwrap();
    for name in ["libfifo.so", "liblink.so", "libwhole.so"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    std::fs::remove_dir(folder.join("libfolder.so")).unwrap();
}

fn append(file: &Path, text: &str) {
    let mut file = std::fs::File::options().append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_channel_added_to_the_file_is_created_on_every_peer_and_takes_transactions() {
    let network = network();
    let file = network.folder().join("channels.toml");
    let before = pids(&network);
    append(&file, "\n[channel.third]\n\n[channel.third.score.notary]\n");
    network.said_line("channel third ", ACTIVE_WITHIN);
    network.said_line("notary@0.1.0 active on channel third from block ", ACTIVE_WITHIN);
    for peer in 0..4 {
        eventually(ACTIVE_WITHIN, "every peer has the channel", || {
            (network.channel(peer, "third")?["mode"] == "normal").then_some(())
        });
    }
    let answer = network.post(2, "/api/v1/transactions", r#"{"channel": "third", "data": "x"}"#);
    let id = answer.json()["tx_hash"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 64, "{answer:?}");
    for peer in 0..4 {
        let path = format!("/api/v1/transactions/result?channel=third&hash={id}");
        eventually(ACTIVE_WITHIN, "it is final on every peer", || {
            network.get(peer, &path).body.contains("\"committed\"").then_some(())
        });
    }
    a_mistake_in_the_file_is_told_and_changes_nothing(&network, &file);
    assert_eq!(pids(&network), before, "nothing was restarted");
}

fn a_mistake_in_the_file_is_told_and_changes_nothing(network: &Network, file: &Path) {
    let right = std::fs::read_to_string(file).unwrap();
    append(file, "\n[channel.fourth]\nfaulty_peer_max = 1\n");
    network.said_line("error[LC1104]: unknown key `faulty_peer_max`", ACTIVE_WITHIN);
    network.said_line("did you mean `faulty_peers_max`?", ACTIVE_WITHIN);
    assert_eq!(network.get(0, "/api/v2/channels/fourth").code(), "LC3205");
    std::fs::write(file, right).unwrap();
}

#[test]
fn a_typo_in_a_rule_or_its_parameter_writes_nothing_and_a_correction_starts_the_channel() {
    let network = Network::up(sample());
    let file = network.folder().join("channels.toml");
    let right = std::fs::read_to_string(&file).unwrap();
    let genesis = network.data().join("channels/extra.genesis");
    append(&file, "\n[channel.extra]\nrule = \"ltf\"\n");
    network.said_line("error[LC6101]: channel.extra.rule", ACTIVE_WITHIN);
    network.said_line("did you mean `lft`?", ACTIVE_WITHIN);
    std::fs::write(&file, format!("{right}\n[channel.extra.lft]\nblok_interval = \"10 ms\"\n"))
        .unwrap();
    network.said_line("error[LC1104]: unknown key `blok_interval`", ACTIVE_WITHIN);
    assert!(!genesis.exists(), "nothing is written of a channel that could not start");
    std::fs::write(&file, format!("{right}\n[channel.extra.lft]\nblock_interval = \"20 ms\"\n"))
        .unwrap();
    network.said_line("channel extra ", ACTIVE_WITHIN);
    everywhere(&network, "extra");
}

#[test]
fn a_genesis_that_no_peer_could_start_is_written_again_and_the_peers_try_it_again() {
    let network = Network::up(sample());
    let folder = network.data().join("channels");
    let bytes = std::fs::read(folder.join("demo.genesis")).unwrap();
    let mut genesis = ChannelGenesis::from_bytes(&bytes).unwrap();
    genesis.channel = ChannelName::new("left").unwrap();
    genesis.rule.id = "ltf".to_owned();
    std::fs::write(folder.join("left.genesis"), genesis.to_bytes()).unwrap();
    eventually(ACTIVE_WITHIN, "the peers refuse it", || {
        network.logs().contains("channel left does not start").then_some(())
    });
    append(&network.folder().join("channels.toml"), "\n[channel.left]\n");
    network.said_line("channel left ", ACTIVE_WITHIN);
    everywhere(&network, "left");
}

fn everywhere(network: &Network, channel: &str) {
    for peer in 0..4 {
        eventually(ACTIVE_WITHIN, "every peer has the channel", || {
            (network.channel(peer, channel)?["mode"] == "normal").then_some(())
        });
    }
}

/// The same SCORE with another place for its step counter, as a build without metering has none.
pub(crate) fn without_metering(whole: &[u8]) -> Vec<u8> {
    let word = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap());
    let (magic, steps) = (offset_of!(Score, magic), offset_of!(Score, steps));
    let table = whole.windows(8).position(|bytes| bytes == MAGIC).unwrap() - magic;
    // Relocations of the fields before it in the table, in 24 bytes each: address, kind, addend.
    let fits = |at: &usize| {
        let address = word(*at);
        let is_field = address % 4096 == ((table + steps) % 4096) as u64;
        let run = (steps - offset_of!(Score, run)) as u64;
        is_field && word(at + 8) == 8 && word(at - 24) == address - run && word(at - 16) == 8
    };
    let at = (24..whole.len() - 24).step_by(8).find(fits).expect("a relocation of the counter");
    let mut patched = whole.to_vec();
    patched[at + 16..at + 24].copy_from_slice(&(word(at + 16) + 8).to_le_bytes());
    patched
}

#[test]
fn a_score_that_does_not_count_its_steps_is_not_activated_where_the_channel_requires_it() {
    let network = network();
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let before = network.get(0, "/api/v2/channels/demo/scores/token").json()["sha256"].clone();
    drop_in(&network, &without_metering(&whole), "libtoken_unmetered.so");
    let line = network.said_line("does not count its steps (0 of ", ACTIVE_WITHIN);
    assert!(line.contains("LC6102") && line.contains("channel demo: SCORE token "), "{line}");
    std::fs::remove_file(network.data().join("plugins/libtoken_unmetered.so")).unwrap();
    let after = network.get(0, "/api/v2/channels/demo/scores/token").json()["sha256"].clone();
    assert_eq!(after, before, "the version before goes on");
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
}
