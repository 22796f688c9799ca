//! `replay` and `score rehearse` on networks that run: every kept block again, another artefact, a
//! process that waits for a debugger, and a new version of a SCORE on the last blocks.

use crate::sample;
use crate::score_life::by_votes;
use host_types::hash::Hash32;
use score_native_link::OUTSIDE_SANDBOX;
use score_native_link::build::{build_score, source_tree};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::network::{CHANNEL, clean};
use tests::{Network, Shared, eventually, process};

static OWN: Shared = Shared::new();

const PROGRAM: &str = env!("CARGO_BIN_EXE_loopchain-under-test");
const WITHIN: Duration = Duration::from_secs(30);

/// Sends a transfer of alice and gives what became of it; its exit code is 4 when it failed.
fn pay(network: &Network, amount: &str) -> Value {
    let amount = format!("amount={amount}");
    let said = network.cli(&["tx", "send", "token", "transfer", "to=carol", &amount, "--json"]);
    assert!([0, 4].contains(&said.code), "{said:?}");
    said.json()
}

fn height_of(sent: &Value) -> u64 {
    sent["height"].as_u64().unwrap_or_else(|| panic!("it is final: {sent}"))
}

/// The token with another rule.
fn strict_token() -> PathBuf {
    build_score(&source_tree().unwrap(), "tests-strict-token", &mut |_| {}).unwrap()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The place of a transaction in its replayed block.
fn place(block: &Value, id: &str) -> usize {
    let list = block["transactions"].as_array().unwrap();
    list.iter().position(|tx| tx["hash"] == id).unwrap_or_else(|| panic!("{id} in {block}"))
}

#[test]
fn every_kept_block_of_a_running_peer_gives_the_same_result_again() {
    let network = OWN.lease(sample);
    let sent = [pay(&network, "3"), pay(&network, "5000000"), pay(&network, "4")];
    assert_eq!(sent[1]["receipt"]["status"], "fault", "{}", sent[1]);
    let last = height_of(&sent[2]);
    for peer in ["peer0", "peer2"] {
        eventually(WITHIN, "the peer has stored it", || {
            let said = network.cli(&["replay", "--peer", peer, "--height", &last.to_string()]);
            (said.code == 0).then_some(())
        });
        let done = network.cli_json(&["replay", "--peer", peer, "--height", "1", "--to", "latest"]);
        assert_eq!(
            (&done["schema"], &done["equal"]),
            (&"loopchain.replay.v1".into(), &true.into())
        );
        let blocks = done["blocks"].as_array().unwrap();
        assert!(blocks.len() as u64 >= last, "{done}");
        assert!(blocks.iter().all(|block| block["equal"] == true && block["difference"].is_null()));
        for one in &sent {
            let block = blocks.iter().find(|block| block["height"] == one["height"]).unwrap();
            let tx = &block["transactions"][place(block, one["hash"].as_str().unwrap())];
            assert_eq!(tx["status"], one["receipt"]["status"]);
            assert!(tx["steps"].as_u64() > Some(0) && tx["artefact"].is_string(), "{tx}");
            assert_eq!(tx["equal"], true);
        }
        // The activation of the token is in it, and transactions of the channel itself.
        let all = blocks.iter().flat_map(|block| block["transactions"].as_array().unwrap());
        let system = all.filter(|tx| tx["score"] == "system").count();
        assert!(system > 4, "{done}");
    }
    let shown = network.cli(&["replay", "--height", &height_of(&sent[1]).to_string()]);
    assert!(shown.stdout.starts_with("✓ block "), "{shown:?}");
    assert!(shown.stdout.contains(": equal   ") && shown.stdout.contains(" fault "), "{shown:?}");

    let refused = |arguments: &[&str]| {
        let said = network.cli(arguments);
        (said.code, said.error())
    };
    let code = |exit: i32, code: &str| (exit, code.to_owned());
    assert_eq!(refused(&["replay", "--height", "0"]), code(2, "LC2412"));
    assert_eq!(refused(&["replay", "--height", "999999"]), code(3, "LC7104"));
    assert_eq!(refused(&["replay", "--height", "1", "--tx", "9999"]), code(3, "LC7104"));
    assert_eq!(refused(&["replay", "--height", "1", "--peer", "peer9"]), code(3, "LC7104"));
    assert_eq!(refused(&["replay", "--height", "1", "--store", "/nowhere"]), code(2, "LC1101"));
    assert_eq!(network.cli(&["replay", "--height", "1", "--native"]).code, 2, "without --tx");
    let system = ["replay", "--height", "1", "--tx", "0", "--native"];
    assert_eq!(refused(&system), code(2, "LC2412"));
    assert_eq!(pay(&network, "1")["receipt"]["status"], "ok", "nobody was disturbed");
}

#[test]
fn another_artefact_is_reported_with_transaction_and_key() {
    let network = OWN.lease(sample);
    let sent = pay(&network, "101");
    let (height, id) = (height_of(&sent).to_string(), sent["hash"].as_str().unwrap());
    let file = text(&strict_token());
    let replay = ["replay", "--height", &height, "--with", &file];
    let said = network.cli(&[&replay[..], &["--json"]].concat());
    assert_eq!(said.code, 7, "{said:?}");
    let done = said.json();
    let (block, record) = (&done["blocks"][0], &done["blocks"][0]["difference"]);
    let tx = &block["transactions"][place(block, id)];
    assert_eq!((&done["equal"], &tx["equal"]), (&false.into(), &false.into()));
    assert_eq!(tx["status"], "fault", "the other rule");
    let first = &record["first_transaction"];
    assert_eq!((&first["tx"], &first["agreed"]["status"]), (&id.into(), &"ok".into()));
    assert_eq!(first["own"]["status"], "fault");
    let key = &record["keys"][0];
    assert_eq!((&key["score"], &key["own"]), (&"token".into(), &"not written".into()));
    assert!(key["agreed"]["value"].is_string(), "{record}");

    let said = network.cli(&replay);
    assert!(said.stdout.starts_with(&format!("✗ block {height} of demo: differs")), "{said:?}");
    for part in [id, "of token differs first", "here     not written", "stored   ", "state root: "]
    {
        assert!(said.stdout.contains(part), "{part} in {said:?}");
    }

    // A file that is not what its name says runs nowhere.
    let peer = network.data().join("peers/peer1/data");
    let (store, scores) = (peer.join("channels").join(CHANNEL), network.folder().join("scores"));
    std::fs::create_dir_all(&scores).unwrap();
    for entry in std::fs::read_dir(peer.join("scores")).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(scores.join(entry.file_name()), bytes).unwrap();
    }
    let (store, scores) = (text(&store), text(&scores));
    let tampered = ["replay", "--height", &height, "--store", &store, "--scores", &scores];
    let said = eventually(WITHIN, "peer1 has stored it", || {
        Some(network.cli(&tampered)).filter(|said| said.error() != "LC7104")
    });
    assert_eq!((said.code, said.error().as_str()), (5, "LC6301"), "{said:?}");
    assert_eq!(network.cli(&tampered[..5]).code, 0, "with the peer's own files");
}

#[test]
fn a_transaction_runs_in_a_process_that_waits_and_ends_when_it_is_continued() {
    let network = OWN.lease(sample);
    let sent = pay(&network, "7");
    let height = height_of(&sent).to_string();
    let block = &network.cli_json(&["replay", "--height", &height])["blocks"][0];
    let index = place(block, sent["hash"].as_str().unwrap()).to_string();

    let output = network.folder().join("native.out");
    let mut command = process::tied(Path::new(PROGRAM));
    clean(&mut command);
    command.args(["replay", "--height", &height, "--tx", &index, "--native", "--data"]);
    command.arg(network.data()).stdout(std::fs::File::create(&output).unwrap());
    let mut replay = process::start(command);
    let said = || std::fs::read_to_string(&output).unwrap_or_default();
    let pid: u32 = eventually(WITHIN, "it says which process waits", || {
        said().strip_prefix("process ")?.split(' ').next()?.parse().ok()
    });
    let status = |name: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default().trim().to_owned()
    };
    eventually(WITHIN, "it says all of it", || said().contains("kill -CONT").then_some(()));
    assert!(status("State:").starts_with('T'), "it is stopped: {}", status("State:"));
    assert_eq!(status("Seccomp:"), "0", "outside the sandbox");
    assert!(said().contains(&format!("gdb -p {pid}")), "{}", said());
    assert!(said().contains("to run token.transfer"), "{}", said());
    // The workers of nodes are in it, and none of them was ever told otherwise.
    let is_worker = |pid: &u32| process::command_line(*pid).contains(" score-worker ");
    let workers: Vec<u32> = network.pids().into_iter().filter(is_worker).collect();
    let own = process::descendants(replay.id());
    assert!(own.contains(&pid) && workers.iter().any(|pid| !own.contains(pid)), "{workers:?}");
    for worker in workers.iter().filter(|worker| !own.contains(worker)) {
        assert!(!process::command_line(*worker).contains(OUTSIDE_SANDBOX));
    }

    process::signal("CONT", &[pid]);
    let ended = process::ended(&mut replay, WITHIN);
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", said());
    assert!(
        said().contains(&format!("✓ transaction {index} of block {height}: equal")),
        "{}",
        said()
    );
    assert!(!process::is_alive(pid), "it is gone");
}

#[test]
fn a_new_version_is_rehearsed_on_the_last_blocks() {
    let mut options = sample();
    options.channels = options.channels.replace("history_blocks = 10000", "history_blocks = 10");
    let network = Network::up(options);
    // Blocks that change nothing, so that the first ones are older than what is kept.
    (0..8).for_each(|_| drop(pay(&network, "5000000")));
    let amounts = ["1", "50", "150", "60", "500", "5000000"];
    let sent = amounts.map(|amount| pay(&network, amount));
    let (tip, _) = network.agreed(CHANNEL, WITHIN);
    let first = height_of(&sent[1]);
    let blocks = (tip + 1 - first).to_string();
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let rehearse = |file: &Path, blocks: &str| {
        let file = text(file);
        let arguments = ["score", "rehearse", "token", "--with", &file, "--blocks", blocks];
        network.cli(&[&arguments[..], &["--json"]].concat())
    };

    // The same SCORE in another file.
    let same = network.folder().join("same.so");
    std::fs::write(&same, [whole.as_slice(), &[0]].concat()).unwrap();
    let said = rehearse(&same, &blocks);
    assert_eq!(said.code, 0, "{said:?}");
    let done = said.json();
    assert_eq!(
        (&done["schema"], &done["equal"]),
        (&"loopchain.score-rehearsal.v1".into(), &true.into())
    );
    let count = |name: &str| done[name].as_u64().unwrap();
    assert_eq!(
        [count("transactions"), count("receipts_differ"), count("writes_differ")],
        [5, 0, 0]
    );
    assert_eq!(done["steps"]["old_sum"], done["steps"]["new_sum"]);
    assert_eq!(done["steps"]["ratio"], 1.0);
    assert_ne!(done["from"]["sha256"], done["to"]["sha256"]);

    // Another rule: 150 and 500 are refused, and what fails for want of money names another balance
    // or rule. The balance after 60 is another one, too.
    let strict = strict_token();
    let said = rehearse(&strict, &blocks);
    assert_eq!(said.code, 7, "{said:?}");
    let done = said.json();
    let count = |name: &str| done[name].as_u64().unwrap();
    assert_eq!(
        [count("transactions"), count("receipts_differ"), count("writes_differ")],
        [5, 3, 3]
    );
    assert_eq!(count("others_differ"), 0);
    assert!(done["migrate"]["microseconds"].is_u64(), "{done}");
    let told = done["differences"].as_array().unwrap();
    let ids: Vec<_> = told.iter().map(|one| one["hash"].clone()).collect();
    assert_eq!(ids, [2, 3, 4].map(|at: usize| sent[at]["hash"].clone()));
    assert_eq!(
        (&told[0]["old"]["status"], &told[0]["new"]["status"]),
        (&"ok".into(), &"fault".into())
    );
    assert_eq!(told[1]["old"]["status"], told[1]["new"]["status"], "only its writes");
    let shown =
        network.cli(&["score", "rehearse", "token", "--with", &text(&strict), "--blocks", &blocks]);
    assert!(shown.stdout.contains(": 3 receipts differ\n"), "{shown:?}");
    assert!(shown.stdout.contains("at most 100 in one transfer"), "{shown:?}");

    // Before the first transfer there is nothing that its `migrate` takes.
    let said = rehearse(&strict, &(tip + 1 - height_of(&sent[0])).to_string());
    assert_eq!((said.code, said.error().as_str()), (7, "LC2411"), "{said:?}");
    assert!(said.stderr.contains("nothing was ever transferred"), "{said:?}");
    let missing =
        network.cli(&["score", "rehearse", "nosuch", "--with", "token@9.9.9", "--blocks", "1"]);
    assert_eq!((missing.code, missing.error().as_str()), (3, "LC6301"), "{missing:?}");
    let digest = done["from"]["sha256"].as_str().unwrap();
    let missing = network.cli(&["score", "rehearse", "nosuch", "--with", digest, "--blocks", "1"]);
    assert_eq!((missing.code, missing.error().as_str()), (4, "LC2106"), "{missing:?}");

    // Ten blocks are kept.
    let old = network.cli(&["replay", "--height", "1"]);
    assert_eq!((old.code, old.error().as_str()), (3, "LC5301"), "{old:?}");
    assert!(old.stderr.contains("block 1 is older than the 10 blocks of history"), "{old:?}");
    let kept = network.cli_json(&["replay", "--height", &(tip - 9).to_string(), "--to", "latest"]);
    assert_eq!((&kept["equal"], kept["blocks"].as_array().map(Vec::len)), (&true.into(), Some(10)));
}

#[test]
fn an_upgrade_is_rehearsed_before_it_is_proposed() {
    let network = Network::up(by_votes());
    // The strict token takes over only what has transfers, and refuses those above 100.
    let amounts = ["1", "50", "150", "60"];
    let sent = amounts.map(|amount| pay(&network, amount));
    let (tip, _) = network.agreed(CHANNEL, WITHIN);
    let blocks = |first: &Value| (tip + 1 - height_of(first)).to_string();
    let strict = text(&strict_token());
    let upgrade = |file: &str, blocks: &str, more: &[&str]| {
        let wanted = ["score", "upgrade", file, "--at", "+500", "--rehearse", blocks];
        network.cli(&[&wanted[..], more].concat())
    };
    let is_proposed = || {
        let path = format!("/api/v2/channels/{CHANNEL}/scores/token/versions");
        let versions = network.get(0, &path).json()["versions"].clone();
        let waits = |one: &Value| ["staged", "approved"].contains(&one["state"].as_str().unwrap());
        versions.as_array().unwrap().iter().any(waits)
    };

    let said = upgrade(&strict, &blocks(&sent[1]), &[]);
    assert_eq!((said.code, said.error().as_str()), (7, "LC2411"), "{said:?}");
    assert!(said.stderr.contains("2 write sets differ") && !is_proposed(), "{said:?}");
    assert!(said.stdout.contains("at most 100 in one transfer"), "{said:?}");
    let is_dropped = network.data().join("plugins/libtoken-0.1.0.so").exists();
    assert!(!is_dropped, "a file that does not pass goes nowhere");
    let said = upgrade(&strict, &blocks(&sent[0]), &["--even-if-different"]);
    assert_eq!((said.code, said.error().as_str()), (7, "LC2411"), "{said:?}");
    assert!(said.stderr.contains("nothing was ever transferred") && !is_proposed(), "{said:?}");

    let said = upgrade(&strict, &blocks(&sent[1]), &["--even-if-different", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let done = said.json();
    let rehearsal = &done["rehearsal"];
    assert_eq!((&rehearsal["equal"], &rehearsal["receipts_differ"]), (&false.into(), &1.into()));
    assert_eq!(rehearsal["migrate"]["root"].as_str().map(str::len), Some(64), "{done}");
    assert!(done["status"] == "approved" && is_proposed(), "{done}");
}

#[test]
fn an_upgrade_that_repeats_the_last_blocks_is_proposed_with_what_it_showed() {
    let network = Network::up(by_votes());
    let sent = ["1", "50"].map(|amount| pay(&network, amount));
    let (tip, _) = network.agreed(CHANNEL, WITHIN);
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let same = network.folder().join("same.so");
    let other = [whole.as_slice(), &[0]].concat();
    std::fs::write(&same, &other).unwrap();
    std::fs::write(network.data().join("plugins/libsame.so"), &other).unwrap();
    let sha256 = Hash32::sha256(&other).to_string();
    for peer in 0..4 {
        let path = format!("/api/v2/channels/{CHANNEL}/scores/token/versions");
        eventually(WITHIN, "every peer has it", || {
            let versions = network.get(peer, &path).json()["versions"].clone();
            let all = versions.as_array().cloned().unwrap_or_default();
            all.iter().any(|one| one["sha256"] == sha256.as_str()).then_some(())
        });
    }
    let blocks = (tip + 1 - height_of(&sent[0])).to_string();
    let wanted = ["score", "upgrade", &text(&same), "--at", "+500", "--rehearse", &blocks];
    let said = network.cli(&wanted);
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<_> = said.stdout.lines().collect();
    let first = format!("  ✓ rehearsal: last {blocks} blocks re-run with 0.1.0: 0 receipts differ");
    assert_eq!(lines[0], first, "{said:?}");
    assert!(lines[1].starts_with("  ✓ installed on 4 of 4 peers as "), "{said:?}");
    assert!(lines[2].starts_with("✓ change ") && lines[2].contains(" is accepted: "), "{said:?}");
}
