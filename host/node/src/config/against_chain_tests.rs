//! Files against chains: what is written out is the same, every edit is found, and the change that comes
//! of it makes the chain what the file says.

use super::*;
use host_types::genesis::{Policies, Policy};
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use host_types::ids::NetworkId;
use std::path::Path;

const BEGIN: &str = "[channel.demo]\n";

fn demo() -> ChannelName {
    ChannelName::new("demo").unwrap()
}

fn node(name: &str, key: u8) -> (NodeName, [u8; 32]) {
    (NodeName::new(name).unwrap(), [key; 32])
}

fn nodes() -> Vec<(NodeName, [u8; 32])> {
    vec![
        node("bank-a/peer0", 1),
        node("bank-b/peer1", 2),
        node("exchange/peer2", 3),
        node("registrar/peer3", 4),
    ]
}

fn file(text: &str) -> ChannelsFile {
    ChannelsFile::parse(Path::new("channels.toml"), text.to_owned()).unwrap()
}

/// A channel that was made of a file.
fn running(text: &str) -> RunningChannel {
    let inputs = GenesisInputs {
        network: NetworkId::default(),
        created: BlockTime::new(7),
        roots: ["bank-a", "bank-b", "exchange", "registrar"]
            .map(|name| (name.to_owned(), Hash32::new([9; 32])))
            .to_vec(),
        certificates: Vec::new(),
        validators: nodes(),
    };
    let genesis = file(text).genesis(&demo(), &inputs).unwrap().genesis;
    RunningChannel {
        config: EpochConfig::of_genesis(&genesis),
        genesis,
        epoch: Epoch::ZERO,
        scores: BTreeMap::new(),
        defaults: BTreeMap::from([("delta".to_owned(), "500".to_owned())]),
    }
}

fn plan(text: &str, running: &RunningChannel) -> ChannelPlan {
    let nodes = nodes();
    let known = KnownNodes { network: Some(&nodes), members: &[] };
    file(text).against(&demo(), running, known).unwrap()
}

fn says(plan: &ChannelPlan) -> Vec<String> {
    let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let one = |d: &Difference| {
        let (chain, file) = (word(&d.chain), word(&d.file));
        format!("{} {}: {chain} -> {file}", d.kind, d.name)
    };
    plan.differences.iter().map(one).collect()
}

const OF_ALL_FORMS: &str = "[channel.demo]\nfaulty_peers_max = 0\n\
    auditors = [\"registrar/audit0\", \"exchange\"]\n\
    [channel.demo.grant.case-7]\nauditor = \"bank-a/audit1\"\nscores = [\"token\"]\n\
    keys = [\"balances/\", \"0x00ff\"]\nfrom = 10\nto = 99\nuntil = \"2027-01-31T00:00:00Z\"\n\
    [channel.demo.grant.\"bank-b/audit2\"]\nauditor = \"bank-b/audit2\"\n\
    until = \"2027-01-31T12:30:00.000001Z\"\n\
    [channel.demo.lft]\nblock_interval = \"20 ms\"\noptimistic = \"off\"\n\
    [channel.demo.group.bank-a]\nweight = 5\nvalidators = { \"bank-a/peer0\" = 1 }\n\
    [channel.demo.group.banks]\nweight = 4\nmode = \"quorum\"\ninner = 2\n\
    validators = { \"bank-b/peer1\" = 1, \"exchange/peer2\" = 2 }\n\
    [channel.demo.group.reg]\nweight = 3\nvalidators = { \"registrar/peer3\" = 7 }\n\
    [channel.demo.limits]\ntx_bytes = \"3 KiB\"\nblock_txs = 7\nexpiry = \"90 s\"\n\
    [channel.demo.execution]\nmetering = \"optional\"\nevents = 9\nvalue = \"2 KiB\"\n\
    [channel.demo.policy]\nsubmit = [\"client@bank-a\", \"admin\"]\n\
    deploy = { of = 2, from = [\"admin\", \"validator@bank-a\"] }\naudit = [\"auditor\"]\n\
    admin = { of = 1, from = [\"admin@bank-b\"] }\nv1_gateway = false\n";

#[test]
fn what_a_chain_exports_leaves_nothing_to_do() {
    for text in [BEGIN, OF_ALL_FORMS] {
        let mut running = running(text);
        running.scores.insert("token".into(), ("1.2.0".into(), "ab".repeat(32)));
        let written = running.to_toml();
        let plan = plan(&written, &running);
        assert_eq!(says(&plan), Vec::<String>::new(), "{written}");
        assert_eq!(plan.change, None);
        assert_eq!(plan.unnamed, Vec::<String>::new());
        // And what it was made of says the same.
        assert!(says(&super::tests::plan(text, &running)).is_empty(), "{text}");
    }
}

/// Puts the change of a plan through.
fn applied(plan: &ChannelPlan, running: &RunningChannel) -> RunningChannel {
    let change = plan.change.as_ref().unwrap();
    let config = running.config.changed_by(running.epoch, change).unwrap();
    RunningChannel { epoch: config.epoch, config, ..running.clone() }
}

/// A group of one with this weight against one of two with three.
fn groups(weight: u64) -> String {
    format!(
        "[channel.demo]\nfaulty_peers_max = 0\n\
         [channel.demo.group.\"bank-a/peer0\"]\nweight = {weight}\n\
         validators = {{ \"bank-a/peer0\" = 1 }}\n\
         [channel.demo.group.two]\nweight = 3\nmode = \"quorum\"\ninner = 2\n\
         validators = {{ \"bank-b/peer1\" = 1, \"exchange/peer2\" = 1 }}\n"
    )
}

#[test]
fn every_edit_is_found_and_its_change_makes_the_chain_what_the_file_says() {
    let table: [(String, &[&str]); 8] = [
        (
            "[channel.demo.lft]\nblock_interval = \"20 ms\"\n".into(),
            &["parameter block_interval: - -> 20"],
        ),
        (
            "[channel.demo]\nrule = \"simplex\"\n".into(),
            &["rule id: lft -> simplex", "rule version: 3 -> 1"],
        ),
        ("[channel.demo.limits]\nblock_txs = 7\n".into(), &["limit block_txs: 10000 -> 7"]),
        (
            "[channel.demo.policy]\ndeploy = { of = 2, from = [\"admin\"] }\n".into(),
            // What is not named follows.
            &[
                "policy deploy: quorum -> 2 organisations of admin",
                "policy admin: quorum -> 2 organisations of admin",
            ],
        ),
        (
            "[channel.demo.policy]\nsubmit = [\"client@bank-a\"]\nv1_gateway = false\n".into(),
            &["policy submit: client, admin -> client@bank-a", "policy v1_gateway: true -> false"],
        ),
        (
            "[channel.demo]\nauditors = [\"registrar/audit0\"]\n[channel.demo.grant.case]\n\
             auditor = \"exchange\"\nscores = [\"token\"]\nto = 9\nuntil = \"2027-01-31T00:00:00Z\"\n"
                .into(),
            &[
                "grant registrar/audit0: - -> registrar/audit0 reads all",
                "grant case: - -> auditors of exchange reads token, blocks 0 to 9, \
                 until 2027-01-31T00:00:00.000000Z",
            ],
        ),
        (
            groups(2),
            &[
                "group two: - -> weight 3, quorum, speaks by 2",
                "validator bank-a/peer0: weight 1, group alone, key 01010101… -> \
                 weight 2, group alone, key 01010101…",
                "validator bank-b/peer1: weight 1, group alone, key 02020202… -> \
                 inner weight 1, group two, key 02020202…",
                "validator exchange/peer2: weight 1, group alone, key 03030303… -> \
                 inner weight 1, group two, key 03030303…",
                "validator registrar/peer3: weight 1, group alone, key 04040404… -> -",
            ],
        ),
        (groups(1), &[]),
    ];
    for (text, expected) in table {
        let running = running(BEGIN);
        // Three against two decide nothing alone: the last case is no safe channel and is refused.
        let nodes = nodes();
        let known = KnownNodes { network: Some(&nodes), members: &[] };
        let Ok(plan) = file(&text).against(&demo(), &running, known) else {
            assert!(expected.is_empty(), "{text}");
            continue;
        };
        assert_eq!(says(&plan), expected, "{text}");
        let after = applied(&plan, &running);
        assert_eq!(says(&super::tests::plan(&text, &after)), Vec::<String>::new(), "{text}");
        // And back.
        let back = super::tests::plan(BEGIN, &after);
        let before = applied(&back, &after);
        assert!(super::tests::plan(BEGIN, &before).is_same(), "{text}");
        assert_eq!(before.now().validators.quorum_weight(), 3);
    }
}

#[test]
fn a_default_that_is_written_out_and_another_order_say_nothing() {
    let with = |text: &str| format!("{BEGIN}[channel.demo.lft]\n{text}");
    let running = running(BEGIN);
    assert!(plan(&with("delta = \"500 ms\"\n"), &running).is_same());
    assert!(!plan(&with("delta = \"501 ms\"\n"), &running).is_same());
    let text = "[channel.demo.group.x]\nweight = 4\nvalidators = { \"registrar/peer3\" = 1, \
                \"exchange/peer2\" = 1, \"bank-b/peer1\" = 1, \"bank-a/peer0\" = 1 }\n";
    let running = super::tests::running(text);
    let mut other = running.clone();
    let mut all = running.config.validators.all().to_vec();
    all.reverse();
    other.config.validators = ValidatorSet::new(all).unwrap();
    assert!(plan(text, &other).is_same());
}

#[test]
fn what_stands_in_the_genesis_is_told_with_its_line_and_left() {
    let text = "[channel.demo]\n[channel.demo.limits]\ntx_bytes = \"1 KiB\"\nblock_txs = 7\n\
                [channel.demo.execution]\nauto_activate = false\n";
    let plan = plan(text, &running(BEGIN));
    let never: Vec<_> = plan
        .differences
        .iter()
        .filter(|one| matches!(one.means, Means::Never(_)))
        .map(|one| (one.name.as_str(), one.line))
        .collect();
    assert_eq!(never, [("tx_bytes", Some(3)), ("auto_activate", Some(6))]);
    let change = plan.change.unwrap();
    assert_eq!(change.limits.unwrap().block_txs, 7);
    assert_eq!((change.validators.len(), change.rule, change.policies), (0, None, None));
}

#[test]
fn organisations_that_the_file_names_are_compared() {
    let root = "00".repeat(32);
    let text = format!("[channel.demo]\norganisations = {{ bank-a = \"SHA256:{root}\" }}\n");
    let plan = plan(&text, &running(BEGIN));
    let all: Vec<_> = plan.differences.iter().map(|one| (one.kind, one.name.as_str())).collect();
    let names = ["bank-a", "bank-b", "exchange", "registrar"];
    assert_eq!(all, names.map(|name| ("organisation", name)));
    assert_eq!(plan.change, None);
}

#[test]
fn scores_are_wanted_by_version_or_digest_and_others_are_only_named() {
    let mut running = running(BEGIN);
    let digest = "ab".repeat(32);
    running.scores.insert("token".into(), ("1.2.0".into(), digest.clone()));
    running.scores.insert("extra".into(), ("0.1.0".into(), "cd".repeat(32)));
    let with = |rest: &str| format!("{BEGIN}[channel.demo.score.token]\n{rest}");
    for same in ["", "version = \"1.2.0\"\n", &format!("sha256 = \"{digest}\"\n")] {
        let plan = plan(&with(same), &running);
        assert!(plan.is_same() && plan.unnamed == ["extra"], "{same}");
    }
    let plan = plan(&with("version = \"1.3.0\"\n[channel.demo.score.notary]\n"), &running);
    assert_eq!(
        says(&plan),
        ["SCORE notary: - -> any version", "SCORE token: 1.2.0 abababababab -> 1.3.0"]
    );
    assert!(plan.change.is_none());
}

#[test]
fn without_a_network_a_file_without_groups_says_nothing_of_validators() {
    let mut running = running(OF_ALL_FORMS);
    running.config.limits.block_txs = 10_000;
    let known = KnownNodes { network: None, members: &[] };
    let plan = file(BEGIN).against(&demo(), &running, known).unwrap();
    assert!(plan.differences.iter().all(|one| one.kind != "validator" && one.kind != "group"));
    assert_eq!(plan.wanted.genesis.validators, running.config.validators);
    // Members that it names are known by their keys.
    let members = [node("fss/peer9", 9)];
    let text = running.to_toml().replace("\"registrar/peer3\" = 3", "\"fss/peer9\" = 3");
    let nobody = file(&text).against(&demo(), &running, known).unwrap_err().to_string();
    assert!(nobody.contains("this network has no peer `fss/peer9`"), "{nobody}");
    let known = KnownNodes { network: None, members: &members };
    let plan = file(&text).against(&demo(), &running, known).unwrap();
    assert!(says(&plan)[0].contains("fss/peer9"), "{:?}", says(&plan));
}

#[test]
fn what_was_accepted_for_the_next_epoch_is_what_counts() {
    let text = format!("{BEGIN}[channel.demo.policy]\ndeploy = [\"admin\"]\n");
    let mut running = running(BEGIN);
    let change = plan(&text, &running).change.unwrap();
    let next = running.config.changed_by(Epoch::ZERO, &change).unwrap();
    let policies: &Policies = next.policies.as_ref().unwrap();
    assert_eq!(policies.deploy, Policy::Roles(vec!["admin".into()]));
    // The epoch goes on; the change is accepted and not in force yet.
    running.config = next;
    assert!(plan(&text, &running).is_same());
    let back = plan(BEGIN, &running).change.unwrap();
    assert_eq!(back.epoch, Epoch::ZERO);
}
