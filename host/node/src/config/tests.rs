//! What people write and what they are told: values, defaults, and each kind of mistake.

use super::{ChannelsFile, GenesisInputs, Overrides, PeerConfig, Planned, ResponseCode};
use host_types::fault::Code;
use host_types::genesis::{ChannelLimits, Policy};
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NetworkId, NodeName};
use std::path::Path;

fn inputs(peers: usize) -> GenesisInputs {
    const ORGS: [&str; 4] = ["bank-a", "bank-b", "exchange", "registrar"];
    let validators = (0..peers).map(|i| {
        let name = format!("{}/peer{i}", ORGS[i % 4]);
        (NodeName::new(&name).unwrap(), [u8::try_from(i).unwrap(); 32])
    });
    GenesisInputs {
        network: NetworkId::default(),
        created: BlockTime::new(7),
        roots: vec![("bank-a".to_owned(), Hash32::ZERO)],
        certificates: vec![vec![1, 2, 3]],
        validators: validators.collect(),
    }
}

fn plan(text: &str, peers: usize) -> Result<Planned, super::ConfigError> {
    let file = ChannelsFile::parse(Path::new("channels.toml"), text.to_owned())?;
    file.genesis(&ChannelName::new("demo").unwrap(), &inputs(peers))
}

fn refused(text: &str) -> (Code, String) {
    let error = plan(text, 4).map(|planned| planned.genesis).unwrap_err();
    (error.code, error.to_string())
}

fn peer(text: &str, overrides: &Overrides) -> Result<PeerConfig, super::ConfigError> {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("peer.toml"), text).unwrap();
    PeerConfig::load(home.path(), overrides)
}

#[test]
fn an_empty_channel_has_the_defaults_of_a_dev_network() {
    let planned = plan("[channel.demo]\n", 4).unwrap();
    let genesis = planned.genesis;
    assert_eq!(planned.warnings, Vec::<String>::new());
    assert_eq!((genesis.rule.id.as_str(), genesis.rule.version), ("lft", 3));
    assert_eq!(genesis.validators.all().len(), 4);
    assert_eq!(genesis.validators.quorum_weight(), 3);
    assert_eq!(genesis.limits, ChannelLimits::default());
    assert_eq!(genesis.policies.submit, Policy::Roles(vec!["client".into(), "admin".into()]));
    assert_eq!(genesis.policies.read, Policy::Anyone);
    assert!(genesis.auto_activate && genesis.metering_required);
    assert_eq!(genesis.roots, inputs(1).roots);
}

#[test]
fn the_sample_at_the_root_of_the_tree_shows_only_defaults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let sample = root.map(|dir| dir.join("channels.toml")).find(|file| file.exists());
    let file = ChannelsFile::load(&sample.unwrap()).unwrap();
    let names: Vec<_> = file.channels.keys().map(ChannelName::as_str).collect();
    assert_eq!(names, ["demo", "loopchain_default"]);
    let of = |name: &str| file.genesis(&ChannelName::new(name).unwrap(), &inputs(4)).unwrap();
    let plain = plan("[channel.demo]\n", 4).unwrap().genesis;
    let mut demo = of("demo").genesis;
    // The sample spells out the rule's own defaults, which an empty entry leaves to the rule.
    demo.rule.parameters.clear();
    assert_eq!(demo, plain);
    assert_eq!(file.channels[&ChannelName::new("demo").unwrap()].score["token"].deployer, "alice");
    assert_eq!(of("loopchain_default").genesis.limits, plain.limits);
}

#[test]
fn parameters_of_the_rule_are_text_and_time_spans_whole_milliseconds() {
    let text = "[channel.demo]\n[channel.demo.lft]\ndelta = \"2 s\"\nhold = \"2 ms\"\n\
                optimistic = false\ntenure = 3\n";
    let parameters = plan(text, 4).unwrap().genesis.rule.parameters;
    let expected = [("delta", "2000"), ("hold", "2"), ("optimistic", "false"), ("tenure", "3")];
    assert_eq!(parameters, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (code, text) = refused("[channel.demo]\n[channel.demo.lft]\ndelta = \"1500 us\"\n");
    assert_eq!(code, Code::ConfigBadValue);
    assert!(text.contains("channels.toml:3:9"), "{text}");
}

#[test]
fn a_flat_group_splits_its_weight_by_inner_weights() {
    let text = "[channel.demo]\n[channel.demo.group.a]\nweight = 3\n\
                validators = { \"bank-a/peer0\" = 1, \"bank-b/peer1\" = 2 }\n\
                [channel.demo.group.b]\nweight = 2\nvalidators = { \"exchange/peer2\" = 1 }\n\
                [channel.demo.group.c]\nweight = 2\nvalidators = { \"registrar/peer3\" = 1 }\n";
    let genesis = plan(text, 4).unwrap().genesis;
    let weights: Vec<_> = genesis.validators.all().iter().map(|v| v.weight.get()).collect();
    assert_eq!(weights, [1, 2, 2, 2]);
    assert_eq!(genesis.validators.all()[1].group, "a");
}

#[test]
fn a_weight_that_does_not_split_is_refused_with_the_factor_that_would() {
    let text = "[channel.demo]\n[channel.demo.group.a]\nweight = 4\n\
                validators = { \"bank-a/peer0\" = 1, \"bank-b/peer1\" = 2 }\n\
                [channel.demo.group.b]\nvalidators = { \"exchange/peer2\" = 1 }\n";
    let (code, text) = refused(text);
    assert_eq!(code, Code::ConfigUnsafe);
    assert_eq!(
        text,
        "channel.demo.group.a.weight\n --> channels.toml:3:10\n  |\n3 | weight = 4\n  |          ^ \
         4 does not split by these inner weights (their sum is 3)\n  |\n\
         help: multiply the weight of every group of this channel by 3"
    );
}

#[test]
fn the_inner_threshold_is_a_majority_two_thirds_or_a_number() {
    let groups = |inner: &str| {
        format!(
            "[channel.demo]\nfaulty_peers_max = 0\n[channel.demo.group.a]\nmode = \"quorum\"\n{inner}\n\
             validators = {{ \"bank-a/peer0\" = 3, \"bank-b/peer1\" = 3 }}\n\
             [channel.demo.group.b]\nvalidators = {{ \"exchange/peer2\" = 1 }}\n\
             [channel.demo.group.c]\nvalidators = {{ \"registrar/peer3\" = 1 }}\n"
        )
    };
    for (inner, threshold) in
        [("", 4), ("inner = \"majority\"", 4), ("inner = \"2/3\"", 5), ("inner = 6", 6)]
    {
        let set = plan(&groups(inner), 4).unwrap().genesis.validators;
        let unit = set.unit_of(&set.all()[0]).unwrap();
        assert_eq!((unit.threshold.get(), unit.weight.get()), (threshold, 1), "{inner}");
        assert_eq!(set.total_weight(), 3);
    }
    for inner in ["inner = 3", "inner = 7", "inner = 0"] {
        let (code, text) = refused(&groups(inner));
        assert_eq!(code, Code::ConfigBadValue);
        assert!(text.contains("channels.toml:5:9"), "{text}");
        assert!(text.contains("is not more than half and at most all of 6"), "{text}");
    }
    let (_, text) = refused(&groups("inner = \"2/3\"").replace("quorum", "flat"));
    assert!(
        text.contains("it has no inner threshold") && text.contains("remove `inner`"),
        "{text}"
    );
    let (code, text) = refused(&(groups("") + "[channel.demo.lft]\nfast = 0\n"));
    assert_eq!(code, Code::ConfigUnsafe);
    assert!(text.contains("does not go with groups that count as one"), "{text}");
}

#[test]
fn nobody_may_decide_alone_but_under_solo() {
    let heavy = "[channel.demo]\n[channel.demo.group.a]\nweight = 9\n\
                 validators = { \"bank-a/peer0\" = 1 }\n[channel.demo.group.b]\n\
                 validators = { \"bank-b/peer1\" = 1 }\n";
    let (code, text) = refused(heavy);
    assert_eq!(code, Code::ConfigUnsafe);
    assert!(text.contains("reaches the quorum 7 alone"), "{text}");
    assert!(plan("[channel.demo]\n", 1).is_err());
    assert!(plan("[channel.demo]\nrule = \"solo\"\nrule_version = 1\n", 1).is_ok());
}

#[test]
fn a_fork_set_as_small_as_the_faults_allowed_is_refused() {
    let (code, text) = refused("[channel.demo]\nfaulty_peers_max = 2\n");
    assert_eq!(code, Code::ConfigUnsafe);
    assert!(text.contains("2 peers together could fork"), "{text}");
}

#[test]
fn what_cannot_fail_is_warned_about() {
    let warnings = plan("[channel.demo]\n", 3).unwrap().warnings;
    assert!(warnings[0].contains("none may fail"), "{warnings:?}");
    let heavy = "[channel.demo]\nfaulty_peers_max = 0\n[channel.demo.group.a]\nweight = 3\n\
                 validators = { \"bank-a/peer0\" = 1 }\n[channel.demo.group.b]\nweight = 4\n\
                 validators = { \"bank-b/peer1\" = 1, \"exchange/peer2\" = 1 }\n";
    let warnings = plan(heavy, 4).unwrap().warnings;
    assert!(warnings[0].contains("without it the channel stops"), "{warnings:?}");
}

#[test]
fn an_unknown_key_is_drawn_and_the_near_one_offered() {
    let (code, text) =
        refused("[channel.demo]\nrule = \"lft\"\n[channel.demo.limits]\ntx_byts = 1\n");
    assert_eq!(code, Code::ConfigUnknownKey);
    assert_eq!(
        text,
        "unknown key `tx_byts`\n --> channels.toml:4:1\n  |\n4 | tx_byts = 1\n  | ^^^^^^^ \
         not a setting of [channel.demo.limits]\n  |\nhelp: did you mean `tx_bytes`?"
    );
    let (code, text) = refused("[channel.demo]\nfaulty_peer_max = 1\n");
    assert_eq!(code, Code::ConfigUnknownKey);
    assert!(text.contains("channels.toml:2:1"), "{text}");
    assert!(text.contains("^^^^^^^^^^^^^^^ not a setting of [channel.demo]"), "{text}");
    assert!(text.contains("did you mean `faulty_peers_max`?"), "{text}");
    let (_, text) = refused("[channel.demo]\n[channel.demo.lfd]\ndelta = \"1 s\"\n");
    assert!(text.contains("did you mean `lft`?"), "{text}");
    let (_, text) = refused("[chanel.demo]\n");
    assert!(text.contains("did you mean `channel`?"), "{text}");
}

#[test]
fn a_bad_value_is_drawn_where_it_stands() {
    for (line, note) in [
        ("tx_bytes = \"65 KiB\"", "66560 is not from 1 to 65536"),
        ("tx_bytes = \"64 KB\"", "expected a size such as \"64 KiB\""),
        ("expiry = 15", "expected a time span"),
        ("block_txs = 0", "0 is not from 1 to 10000"),
        ("signer_share = \"101 %\"", "expected a share"),
    ] {
        let (code, text) = refused(&format!("[channel.demo]\n[channel.demo.limits]\n{line}\n"));
        assert_eq!(code, Code::ConfigBadValue, "{text}");
        assert!(text.contains("channels.toml:3:") && text.contains(note), "{text}");
    }
    let (code, text) = refused("[channel.demo\n");
    assert_eq!(code, Code::ConfigSyntax);
    assert!(text.contains("channels.toml:1:"), "{text}");
    let (_, text) = refused("[channel.demo]\n[channel.demo.policy]\nsubmit = [\"clients\"]\n");
    assert!(text.contains("`clients` is no role"), "{text}");
    let (_, text) = refused("[channel.demo]\n[channel.demo.score.To_Ken]\n");
    assert!(text.contains("no name of a SCORE"), "{text}");
    let group = "[channel.demo]\n[channel.demo.group.a]\nvalidators = { \"bank-a/peer1\" = 1 }\n";
    let (_, text) = refused(group);
    assert!(text.contains("did you mean `bank-a/peer0`?"), "{text}");
}

#[test]
fn what_a_call_may_use_is_bounded_below_and_above() {
    let of = |lines: &str| format!("[channel.demo]\n[channel.demo.execution]\n{lines}\n");
    let planned =
        plan(&of("stack = \"128 KiB\"\nevents = 7\nwrite_bytes = \"64 KiB\""), 4).unwrap();
    let call = planned.genesis.call;
    assert_eq!((call.stack_bytes, call.events, call.write_bytes), (128 << 10, 7, 64 << 10));
    for (line, said) in [
        ("arena = \"17 MiB\"", "17825792 is not from 65536 to 16777216"),
        ("stack = \"4 KiB\"", "4096 is not from 65536 to 1048576"),
        ("events = 0", "0 is not from 1 to 1024"),
        (
            "write_bytes = \"8 KiB\"",
            "more than `write_bytes`: no transaction could write such a value",
        ),
    ] {
        let (code, text) = refused(&of(line));
        assert_eq!(code, Code::ConfigBadValue, "{line}");
        assert!(text.contains(said), "{line}: {text}");
    }
}

#[test]
fn a_peer_without_a_file_has_the_defaults_and_absolute_paths() {
    let home = tempfile::tempdir().unwrap();
    let config = PeerConfig::load(home.path(), &Overrides::default()).unwrap();
    assert_eq!(config.node_name().unwrap().as_str(), "dev/peer0");
    assert_eq!(config.rest.listen.to_string(), "127.0.0.1:9000");
    assert_eq!(config.signing.key, home.path().join("pki/sign.key"));
    assert_eq!(config.rpc.target(), "127.0.0.1:7100");
    assert_eq!(config.data_dir, home.path().join("data"));
}

#[test]
fn the_file_is_below_the_environment_and_that_below_set() {
    let text = "name = \"peer1\"\n[rest]\nlisten = \"127.0.0.1:1\"\nresponse_code = \"string\"\n";
    let variables = [
        ("LOOPCHAIN_REST__LISTEN", "127.0.0.1:2"),
        ("LOOPCHAIN_REST__V1_DEFAULT_CHANNEL", "main"),
        ("LOOPCHAIN_RADIOSTATION__TARGETS", "[\"a:1\"]"),
        ("LOOPCHAIN_PROFILE", "x"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let overrides = Overrides::default()
        .with_environment(variables.into_iter())
        .with_settings(&["rest.listen=127.0.0.1:3".to_owned()])
        .unwrap();
    let config = peer(text, &overrides).unwrap();
    assert_eq!(config.name, "peer1");
    assert_eq!(config.rest.listen.port(), 3);
    assert_eq!(config.rest.v1_default_channel, "main");
    assert_eq!(config.rest.response_code, ResponseCode::String);
    assert_eq!(config.radiostation.targets, ["a:1"]);
}

#[test]
fn text_that_looks_like_a_number_stays_text_where_text_is_wanted() {
    let overrides = Overrides::default().with_settings(&["org=b007".to_owned()]).unwrap();
    assert_eq!(peer("", &overrides).unwrap().org, "b007");
}

#[test]
fn mistakes_above_the_file_name_their_origin_and_never_the_value() {
    let variable = ("LOOPCHAIN_REST__LISTN".to_owned(), "secret".to_owned());
    let overrides = Overrides::default().with_environment(std::iter::once(variable));
    let error = peer("", &overrides).unwrap_err();
    assert_eq!(error.code, Code::ConfigUnknownKey);
    assert!(error.to_string().contains("LOOPCHAIN_REST__LISTN"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    let overrides = Overrides::default().with_settings(&["rest.listen=secret".to_owned()]).unwrap();
    let error = peer("", &overrides).unwrap_err();
    assert_eq!(error.code, Code::ConfigBadValue);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(Overrides::default().with_settings(&["rest".to_owned()]).is_err());
}

#[test]
fn an_unknown_key_of_a_peer_is_drawn_with_its_section() {
    let error = peer("[rest]\nbody_limits = \"1 MiB\"\n", &Overrides::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("not a setting of [rest]"), "{text}");
    assert!(text.contains("did you mean `body_limit`?"), "{text}");
}

#[test]
fn a_policy_that_nobody_can_meet_yet_is_warned_of() {
    let text = "[channel.demo]\n[channel.demo.policy]\nread = [\"client\"]\n";
    let warnings = plan(text, 4).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("`policy.read`")), "{warnings:?}");
}

/// Each mistake in a policy: the line, and what was perhaps meant.
#[test]
fn policies_are_refused_at_their_line_with_what_was_meant() {
    let with =
        |policy: &str| refused(&format!("[channel.demo]\n[channel.demo.policy]\n{policy}\n"));
    for (policy, note, help) in [
        ("submit = [\"klient\"]", "`klient` is no role", "did you mean `client`?"),
        ("deploy = [\"admin@bank-x\"]", "no such organisation", "did you mean `admin@bank-a`?"),
        ("deploy = [\"admin@mallory\"]", "no such organisation", "its organisations are bank-a"),
        ("deploy = [\"auditor\"]", "auditors decide nothing", ""),
        ("deploy = { of = 2, from = [\"admin\"] }", "2 organisations must agree, and 1 could", ""),
        ("deploy = { of = 0, from = [\"admin\"] }", "`of` is at least 1", ""),
        ("admin = { of = 1, from = [\"*\"] }", "a policy is `*` alone", ""),
        ("submit = { of = 1, from = [\"client\"] }", "here one member asks", ""),
        ("read = []", "at least one role", ""),
        ("configure = \"qorum\"", "invalid value", ""),
        ("deploy = { off = 1, from = [\"admin\"] }", "not a setting of", "did you mean `of`?"),
        ("audits = [\"auditor\"]", "not a setting of", "did you mean `audit`?"),
    ] {
        let (_, text) = with(policy);
        assert!(text.contains("channels.toml:3:"), "{policy}: {text}");
        assert!(text.contains(note) && text.contains(help), "{policy}: {text}");
    }
}

#[test]
fn policies_have_the_forms_of_the_guide() {
    let text = "[channel.demo.policy]\ndeploy = { of = 1, from = [\"admin@bank-a\"] }\n\
                audit = [\"auditor\"]\nadmin = \"quorum\"\n";
    let policies = plan(text, 4).unwrap().genesis.policies;
    let from = vec!["admin@bank-a".to_owned()];
    assert_eq!(policies.deploy, Policy::Organisations { of: 1, from });
    assert_eq!(policies.audit, Some(Policy::Roles(vec!["auditor".into()])));
    assert_eq!(policies.admin, Some(Policy::Quorum));
}

/// Each mistake in a grant: its line, and what was perhaps meant.
#[test]
fn a_grant_that_means_nobody_or_nothing_is_refused_with_its_line() {
    let with = |grant: &str| refused(&format!("[channel.demo]\n[channel.demo.grant.a]\n{grant}\n"));
    for (grant, line, note, help) in [
        ("auditor = \"bank-x/audit0\"", 3, "has no such organisation", "`bank-"),
        ("auditor = \"Audit 0\"", 3, "ORG/NAME", ""),
        ("auditor = \"bank-a\"\nscores = [\"To ken\"]", 4, "a SCORE is named", ""),
        ("auditor = \"bank-a\"\nkeys = [\"0xabc\"]", 4, "hex digits", ""),
        ("auditor = \"bank-a\"\nkeys = [\"a/\"]", 2, "name it", ""),
        ("auditor = \"bank-a\"\nfrom = 9\nto = 8", 2, "below its first", ""),
        ("auditor = \"bank-a\"\nuntil = \"tomorrow\"", 4, "2026-12-31T00:00:00Z", ""),
        ("auditor = \"bank-a\"\nscore = []", 4, "", "`scores`"),
    ] {
        let (_, text) = with(grant);
        assert!(text.contains(&format!("channels.toml:{line}:")), "{grant}: {text}");
        assert!(text.contains(note) && text.contains(help), "{grant}: {text}");
    }
    let (_, text) = refused("[channel.demo]\nauditors = [\"bank-a\", \"bank-a\"]\n");
    assert!(text.contains("two grants have this name"), "{text}");
}
