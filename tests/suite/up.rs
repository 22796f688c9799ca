//! `loopchain up`: what it prints, what `ps` and `status` tell, how it stops and goes on.

use crate::{NETWORK, sample, shape};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use tests::network::{CHANNEL, V1_CHANNEL, run};
use tests::{Network, eventually, process};

#[test]
fn the_banner_is_the_one_of_the_guide() {
    let mut network = Network::up(sample().with_banner().with_helpers());
    let (base, data) = (network.base_port(), network.data());
    let (data, folder) = (data.display(), network.folder().display());
    let member = |label: &str, port: u16| {
        format!("  ✓ {label:<25} 127.0.0.1:{port}   http://127.0.0.1:{}\n", port + 1900)
    };
    let channel = |label: &str, score: &str| {
        let rest = "4 of 4 validators, tolerates 1 faulty; SCORE";
        format!("  ✓ {label:<25} {rest} {score}@0.1.0\n")
    };
    let pattern = [
        format!("loopchain 0.1.0 · local network in {data} (new)\n"),
        format!(
            "  channels   {folder}/channels.toml (watched)<any>{data}/plugins (drop a .so here)\n"
        ),
        "  ✓ keys and certificates     dev CA, 4 organisations<any> s\n".to_owned(),
        member("radiostation", base + 2),
        member("peer0  bank-a", base),
        member("peer1  bank-b", base + 100),
        member("peer2  exchange", base + 200),
        member("peer3  registrar", base + 300),
        format!(
            "  ✓ proxy                                      http://127.0.0.1:{}\n",
            base - 2_100
        ),
        format!("  ✓ log-collector             127.0.0.1:{}\n", base + 17_124),
        channel("channel loopchain_default", "notary"),
        channel("channel demo", "token"),
        "  ✓ first transaction final<any> s\n".to_owned(),
        "\n  You are    alice (client, bank-a)       also: bob, carol\n".to_owned(),
        format!(
            "\n  Try        loopchain tx send token transfer to=bob amount=100 --data {data}\n"
        ),
        "             curl -d '{\"data\":\"hello\"}' -H 'Content-Type: application/json' \\\n"
            .to_owned(),
        format!("                  http://127.0.0.1:{}/api/v1/transactions\n", base + 1900),
        "  DEV KEYS: never use this network for real data.       Ctrl-C stops it · data stays\n\n"
            .to_owned(),
    ]
    .concat();
    let printed = std::fs::read_to_string(network.folder().join("up-1.out")).unwrap();
    // `<any>` takes the rest of a line: what stands behind it is compared on its own.
    for (line, pattern) in printed.lines().zip(pattern.lines()) {
        match pattern.split_once("<any>") {
            Some((start, end)) => {
                assert!(line.starts_with(start) && line.ends_with(end), "{line}\n{pattern}");
            }
            None => assert_eq!(line, pattern, "in:\n{printed}"),
        }
    }
    assert_eq!(printed.lines().count(), pattern.lines().count(), "{printed}");
    assert!(network.interrupt().success());
    let printed = network.said();
    let end = format!("  stopping\n  stopped; data stays in {data}\n");
    assert!(printed.contains(&end), "{printed}");
}

#[test]
fn up_ps_and_status_tell_the_network_as_json() {
    let network = NETWORK.lease(sample);
    let base = network.base_port();
    let names = ["radiostation", "peer0", "peer1", "peer2", "peer3"];
    let document = &network.document;
    assert_eq!(document["schema"], "loopchain.up.v1");
    let members = document["members"].as_array().unwrap();
    let told: Vec<_> = members.iter().map(|member| member["name"].as_str().unwrap()).collect();
    assert_eq!(told, names);
    let processes = network.cli_json(&["ps"])["processes"].as_array().unwrap().clone();
    for (process, (name, port)) in processes.iter().zip(names.into_iter().zip([
        base + 2,
        base,
        base + 100,
        base + 200,
        base + 300,
    ])) {
        assert_eq!(process["name"], name);
        assert_eq!(process["role"], if name == "radiostation" { name } else { "peer" });
        assert_eq!(process["rpc"], format!("127.0.0.1:{port}"));
        assert_eq!(process["rest"], format!("http://127.0.0.1:{}", port + 1900));
        let pid = process["pid"].as_u64().unwrap().try_into().unwrap();
        assert!(process::command_line(pid).contains(" run "), "{name} is that process");
    }
    assert_eq!(processes.len(), names.len());
    let status = network.cli_json(&["status"]);
    let channels = status["channels"].as_array().unwrap();
    for channel in [CHANNEL, V1_CHANNEL] {
        let one = channels.iter().find(|one| one["channel"] == channel).unwrap();
        assert_eq!((&one["verdict"], &one["rule"]), (&"OK".into(), &"lft".into()), "{one}");
        assert_eq!((&one["voting_weight"], &one["quorum"]), (&4.into(), &3.into()), "{one}");
    }
    assert!(status["peers"].as_array().unwrap().iter().all(|peer| peer["answers"] == true));
}

#[test]
fn a_second_up_on_the_same_data_is_refused() {
    let network = NETWORK.lease(sample);
    let refused = network.cli(&["up"]);
    assert_eq!((refused.code, refused.error().as_str()), (2, "LC1301"), "{refused:?}");
    let pattern = format!(
        "error[LC1301]: this network is already running (pid {}, started <any>",
        network.pid()
    );
    let first = refused.stderr.lines().next().unwrap();
    shape::is(first, &pattern);
    let help = "help: `loopchain ps` shows it, `loopchain down` stops it, `--data DIR --base-port";
    assert!(refused.stderr.contains(help), "{refused:?}");
    let refused = network.cli(&["up", "--json"]);
    assert_eq!((refused.code, refused.error().as_str()), (2, "LC1301"), "{refused:?}");
    assert_eq!(refused.stdout, "", "a failure leaves stdout empty");
}

#[test]
fn two_networks_run_side_by_side_and_know_nothing_of_each_other() {
    let (one, two) = (NETWORK.lease(sample), Network::up(sample()));
    let genesis = |network: &Network| network.channel(0, CHANNEL).unwrap()["genesis"].clone();
    assert_ne!(genesis(&one), genesis(&two), "a network's id is its own");
    let before = two.height(0, CHANNEL).unwrap();
    let sent = one.cli(&["tx", "send", "token", "transfer", "to=auditor", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(two.height(0, CHANNEL).unwrap(), before);
    let sent = two.cli(&["tx", "send", "token", "transfer", "to=auditor", "amount=2"]);
    assert_eq!(sent.code, 0, "{sent:?}");
}

#[test]
fn data_stays_after_ctrl_c_and_after_a_kill_and_no_process_does() {
    let mut network = Network::up(sample());
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=100"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let (height, hash) = network.agreed(CHANNEL, Duration::from_secs(10));
    let genesis = network.channel(0, CHANNEL).unwrap()["genesis"].clone();
    let children: Vec<_> = network.pids();
    assert!(children.len() > 5, "up, radiostation and four peers: {children:?}");
    assert!(network.interrupt().success(), "Ctrl-C is a proper end");
    gone(&children);

    network.start();
    same_chain(&network, height, &hash);
    assert_eq!(network.channel(0, CHANNEL).unwrap()["genesis"], genesis);
    assert_eq!(network.document["new"], false);
    let balance = network.cli(&["query", "token.balance_of", "who=bob"]);
    assert_eq!(balance.stdout, "\"100\"\n", "{balance:?}");

    let children = network.pids();
    assert_eq!(network.kill_up().signal(), Some(9));
    gone(&children);
    let data = network.data().display().to_string();
    let status = run(&sample().program, network.folder(), &["status", "--data", &data]);
    assert_eq!((status.code, status.error().as_str()), (5, "LC1303"), "{status:?}");

    network.start();
    same_chain(&network, height, &hash);
    let down = network.cli(&["down"]);
    assert_eq!(down.code, 0, "{down:?}");
    assert!(network.wait_for_end().success());
    let again = network.cli(&["down"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, &*format!("nothing runs in {data}\n")));
}

/// The block that was final then is final now, at every peer.
fn same_chain(network: &Network, height: u64, hash: &str) {
    for peer in 0..4 {
        let block = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/blocks/{height}"));
        assert_eq!(block.json()["hash"], hash, "peer{peer}");
    }
}

fn gone(pids: &[u32]) {
    eventually(Duration::from_secs(5), "every process of the network is gone", || {
        let alive: Vec<_> = pids.iter().filter(|pid| process::is_alive(**pid)).collect();
        alive.is_empty().then_some(())
    });
}
