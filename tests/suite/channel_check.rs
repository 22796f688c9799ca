//! `channel check` where no network is: what it prints for people and for programs, and the mistakes
//! in weights and groups that it draws. Nothing is started, nothing is left behind.

use crate::sample;
use tests::network::{Said, run};

const SETTLEMENT: &str = "[channel.other]\n\n[channel.settlement]\n\n\
    [channel.settlement.group.bank-a]\nweight = 5\nvalidators = { \"bank-a/peer0\" = 1 }\n\n\
    [channel.settlement.group.bank-b]\nweight = 4\n\
    validators = { \"bank-b/peer1\" = 1, \"bank-b/peer2\" = 1 }\n\n\
    [channel.settlement.group.exchange]\nweight = 3\nvalidators = { \"exchange/peer3\" = 7 }\n";

fn check(text: &str, more: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("channels.toml"), text).unwrap();
    let mut arguments = vec!["channel", "check", "channels.toml", "--data", "data"];
    arguments.extend(more);
    let said = run(&sample().program, folder.path(), &arguments);
    assert!(!folder.path().join("data").exists(), "a check leaves nothing behind: {said:?}");
    said
}

#[test]
fn a_check_says_who_could_halt_and_who_could_fork() {
    let said = check(SETTLEMENT, &["--channel", "settlement"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.stdout,
        "channel settlement\n\
         \x20 rule         lft\n\
         \x20 weights      N 12, f 3, q 9\n\
         \x20 tolerates    Byzantine weight 3 of 12\n\
         \x20 validator    bank-a/peer0 weight 5 group bank-a\n\
         \x20 validator    bank-b/peer1 weight 2 group bank-b\n\
         \x20 validator    bank-b/peer2 weight 2 group bank-b\n\
         \x20 validator    exchange/peer3 weight 3 group exchange\n\
         \x20 could halt   1 node of weight 5: bank-a/peer0 (5)\n\
         \x20 could fork   2 nodes of weight 8: bank-a/peer0 (5), exchange/peer3 (3)\n\
         ✓ channels.toml: settlement\n"
    );
    let warning =
        "bank-a/peer0 weighs 5, more than the 3 that may fail: without it the channel stops";
    assert!(said.stderr.contains(warning), "{said:?}");
    assert!(said.stderr.contains("rule lft has no .so in"), "{said:?}");
}

#[test]
fn a_check_for_programs_has_the_same_numbers_and_names_what_it_could_not_weigh() {
    let said = check(SETTLEMENT, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json["channels"], serde_json::json!(["other", "settlement"]));
    assert_eq!((&json["weights_checked"], &json["rules_checked"]), (&false.into(), &false.into()));
    let tolerance = &json["tolerance"][0];
    assert_eq!(json["tolerance"].as_array().unwrap().len(), 1);
    assert_eq!(tolerance["channel"], "settlement");
    assert_eq!((&tolerance["quorum"], &tolerance["faulty_max"]), (&"9".into(), &"3".into()));
    assert_eq!(tolerance["total_weight"], "12");
    assert_eq!(tolerance["fast_quorum"], serde_json::Value::Null);
    assert_eq!(tolerance["halt"]["nodes"][0]["name"], "bank-a/peer0");
    assert_eq!(tolerance["fork"]["weight"], "8");
    assert_eq!(tolerance["warnings"].as_array().unwrap().len(), 1);
    // One of 5 could now fork alone, as f + 1 = 4 is enough: the default maximum of 1 is refused.
    let fast = SETTLEMENT.to_owned() + "\n[channel.settlement.lft]\nfast = 1\n";
    let said = check(&fast, &[]);
    assert!(said.stderr.contains("1 peer alone could fork this channel: bank-a/peer0"));
    let fast =
        fast.replace("[channel.settlement]\n", "[channel.settlement]\nfaulty_peers_max = 0\n");
    let json: serde_json::Value = serde_json::from_str(&check(&fast, &["--json"]).stdout).unwrap();
    let tolerance = &json["tolerance"][0];
    assert_eq!((&tolerance["quorum"], &tolerance["fast_quorum"]), (&"8".into(), &"11".into()));
}

#[test]
fn groups_that_count_as_one_are_weighed_as_one() {
    let group = |name: &str, mode: &str| {
        format!(
            "[channel.demo.group.{name}]\nmode = \"{mode}\"\n\
             validators = {{ \"{name}/p0\" = 1, \"{name}/p1\" = 1, \"{name}/p2\" = 1 }}\n"
        )
    };
    let groups: String = ["a", "b", "c"].map(|name| group(name, "quorum")).concat();
    let said = check(&format!("[channel.demo]\n{groups}{}", group("d", "delegate")), &[]);
    assert_eq!(said.code, 0, "{said:?}");
    for line in [
        "  weights      N 4, f 1, q 3\n",
        "  validator    a/p0 inner weight 1 group a\n",
        "  group        a weight 1 mode quorum, speaks by inner weight 2 of 3\n",
        "  group        d weight 1 mode delegate, speaks by inner weight 2 of 3\n",
        "  could halt   3 nodes of weight 2: a/p0 (1), a/p1 (1), d/p0 (1)\n",
        "  could fork   2 nodes of weight 2: a/p0 (1), b/p0 (1)\n",
    ] {
        assert!(said.stdout.contains(line), "{line}: {said:?}");
    }
    let said = check(&format!("[channel.demo]\n{groups}{}", group("d", "flat")), &["--json"]);
    assert_eq!(
        (said.code, said.error().as_str()),
        (2, "LC1106"),
        "1 over 3 does not split: {said:?}"
    );
    let said = check(&format!("[channel.demo]\n{groups}{}", group("d", "quorum")), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let groups = json["tolerance"][0]["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 4);
    let a = serde_json::json!({"name": "a", "weight": 1, "mode": "quorum", "threshold": 2});
    assert_eq!(groups[0], a);
}

#[test]
fn weights_and_groups_that_make_no_safe_channel_are_drawn() {
    let alone = "[channel.demo]\n[channel.demo.group.a]\nweight = 9\n\
                 validators = { \"bank-a/peer0\" = 1 }\n[channel.demo.group.b]\n\
                 validators = { \"bank-b/peer1\" = 1 }\n";
    let uneven = "[channel.demo]\n[channel.demo.group.a]\nweight = 4\n\
                  validators = { \"bank-a/peer0\" = 1, \"bank-b/peer1\" = 2 }\n";
    let forked = "[channel.demo]\nfaulty_peers_max = 3\n[channel.demo.group.a]\nweight = 4\n\
                  validators = { \"a/p0\" = 1, \"a/p1\" = 1, \"a/p2\" = 1, \"a/p3\" = 1 }\n";
    let nameless = "[channel.demo]\n[channel.demo.group.a]\nvalidators = { \"peer0\" = 1 }\n";
    let inner = "[channel.demo]\n[channel.demo.group.a]\ninner = \"most\"\nvalidators = {}\n";
    let mode = "[channel.demo]\n[channel.demo.group.a]\nmode = \"both\"\nvalidators = {}\n";
    let fast = SETTLEMENT.to_owned() + "\n[channel.settlement.lft]\nfast = 6\n";
    for (text, code, told) in [
        (&*fast, "LC1106", ["channels.toml:18:8\n", "with this total weight p is at most 5"]),
        (alone, "LC1106", ["channels.toml:2:", "it reaches the quorum 7 alone"]),
        (uneven, "LC1106", ["channels.toml:3:10\n", "of every group of this channel by 3\n"]),
        (forked, "LC1106", ["channels.toml:2:20\n", "could fork this channel: a/p0, a/p1\n"]),
        (nameless, "LC1105", ["channels.toml:3:", "a validator is ORG/NAME"]),
        (inner, "LC1105", ["channels.toml:3:9\n", "\"majority\", \"2/3\" or a whole number"]),
        (mode, "LC1105", ["channels.toml:3:8\n", "`flat`, `quorum`, `delegate`"]),
    ] {
        let said = check(text, &[]);
        assert_eq!((said.code, said.error().as_str()), (2, code), "{said:?}");
        for part in told {
            assert!(said.stderr.contains(part), "{part}: {said:?}");
        }
        assert!(said.stderr.contains('^'), "{said:?}");
    }
    let said = check(SETTLEMENT, &["--channel", "third"]);
    assert!(said.stderr.contains("its channels are other, settlement"), "{said:?}");
}
