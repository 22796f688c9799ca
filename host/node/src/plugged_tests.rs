//! Groups that count as one on their way from channels.toml through a genesis to a rule: who takes
//! them, and who refuses in one line.

use crate::config::ChannelsFile;
use crate::plugins::PluggedRule;
use host_rules::to_validators;
use host_types::codec::{Decode, Encode};
use host_types::genesis::ChannelGenesis;
use host_types::ids::ChannelName;
use plugin_api as api;
use plugin_api::export::{Plugin, root_module};
use plugin_api::version::ApiVersion;
use plugin_api_loader::LoadedRule;
use std::path::Path;

fn genesis(text: &str) -> ChannelGenesis {
    let file = ChannelsFile::parse(Path::new("channels.toml"), text.to_owned()).unwrap();
    let name = ChannelName::new("demo").unwrap();
    let inputs = file.named_validators(&name).unwrap().unwrap();
    file.genesis(&name, &inputs).unwrap().genesis
}

fn grouped() -> ChannelGenesis {
    let group = |name: &str, mode: &str| {
        format!(
            "[channel.demo.group.{name}]\nweight = 2\nmode = \"{mode}\"\n\
             validators = {{ \"{name}/p0\" = 1, \"{name}/p1\" = 1, \"{name}/p2\" = 1 }}\n"
        )
    };
    genesis(&format!(
        "[channel.demo]\n{}{}{}{}",
        group("a", "quorum"),
        group("b", "delegate"),
        group("c", "quorum"),
        group("d", "flat").replace("weight = 2", "weight = 3"),
    ))
}

fn rule<P: Plugin>() -> LoadedRule {
    LoadedRule::linked(root_module::<P>(), [0; 32], Path::new("linked"))
}

#[test]
fn a_rule_is_handed_the_units_of_the_genesis() {
    let genesis = grouped();
    let again = ChannelGenesis::from_bytes(&genesis.to_bytes()).unwrap();
    assert_eq!(again, genesis);
    let validators = to_validators(&again.validators);
    let unit = |mode| Some(api::Unit { mode, weight: 2, threshold: 2 });
    for (name, weight, expected) in [
        ("a/p1", 1, unit(api::GroupMode::Quorum)),
        ("b/p0", 1, unit(api::GroupMode::Delegate)),
        ("d/p2", 1, None),
    ] {
        let found = validators.iter().find(|v| v.name == name).unwrap();
        assert_eq!((found.weight, found.unit), (weight, expected), "{name}");
    }
    assert_eq!((genesis.validators.total_weight(), genesis.validators.quorum_weight()), (9, 7));
    PluggedRule::accepts(&rule::<lft::export::ExportedPlugin>(), &genesis).unwrap();
}

#[test]
fn a_genesis_with_units_has_a_format_of_its_own() {
    let bytes = grouped().to_bytes();
    assert_eq!(bytes[1], 2);
    let flat = "[channel.demo]\n[channel.demo.group.a]\nweight = 4\nvalidators = \
                { \"a/p0\" = 1, \"a/p1\" = 1, \"a/p2\" = 1, \"a/p3\" = 1 }\n";
    let mut flat = genesis(flat).to_bytes();
    assert_eq!(flat[1], 1);
    // Neither is read under the number of the other.
    flat[1] = 2;
    assert!(ChannelGenesis::from_bytes(&flat).is_err());
    let mut other = bytes;
    other[1] = 1;
    assert!(ChannelGenesis::from_bytes(&other).is_err());
}

#[test]
fn a_rule_that_does_not_know_units_refuses_them_in_one_line() {
    let old = rule::<lft::export::ExportedPlugin>().built_for(ApiVersion { major: 1, minor: 0 });
    let refused = PluggedRule::accepts(&old, &grouped()).unwrap_err().message;
    assert!(refused.contains("built for plugin-api 1.0, which knows no groups"), "{refused}");
    assert!(!refused.contains('\n'), "{refused}");
    let one = "[channel.demo]\nrule = \"solo\"\n[channel.demo.group.a]\nmode = \"quorum\"\n\
               validators = { \"a/p0\" = 1 }\n";
    let refused =
        PluggedRule::accepts(&rule::<solo::ExportedPlugin>(), &genesis(one)).unwrap_err().message;
    assert!(
        refused.contains("group a counts as one, which rule `solo` does not know"),
        "{refused}"
    );
    let flat = one.replace("quorum", "flat");
    PluggedRule::accepts(&rule::<solo::ExportedPlugin>(), &genesis(&flat)).unwrap();
}
