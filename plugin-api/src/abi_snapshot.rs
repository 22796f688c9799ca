//! Holds the interface still: the layout of every type that crosses it and the bytes of one message
//! of every kind are in `plugin-api/abi.txt`. When the test fails on purpose, decide by `version.rs`
//! whether major or minor grows, then run it with `LOOPCHAIN_BLESS=1`.

use super::{encode, samples};
use crate::{
    host::HostFns,
    root::{ConsensusMod_Prefix, ConsensusModRef, Created, Handle, StepCode},
    version::PLUGIN_API_TEXT,
};
use abi_stable::{
    StableAbi,
    abi_stability::PrefixStableAbi,
    std_types::{RResult, RSlice, RStr, RVec},
    type_layout::TypeLayout,
};
use std::{collections::BTreeSet, fmt::Write, path::Path};

/// Types in the order in which they are met; each once.
fn write_layout(layout: &'static TypeLayout, seen: &mut BTreeSet<String>, out: &mut String) {
    let name = layout.full_type().to_string();
    if !seen.insert(name.clone()) {
        return;
    }
    let (size, alignment) = (layout.size(), layout.alignment());
    writeln!(out, "{name}: {size} bytes, alignment {alignment}").unwrap();
    let fields: Vec<_> = layout.get_fields().into_iter().flatten().collect();
    for field in &fields {
        writeln!(out, "  {}: {}", field.name(), field.full_type()).unwrap();
        for function in field.function_range().iter() {
            let text = function.to_string();
            let words = text.split_whitespace().take_while(|word| *word != "lifetime");
            writeln!(out, "    {}", words.collect::<Vec<_>>().join(" ")).unwrap();
        }
    }
    for field in &fields {
        write_layout(field.layout(), seen, out);
    }
}

fn write_sample(name: &str, bytes: &[u8], out: &mut String) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(out, "{name} {hex}").unwrap();
}

fn interface() -> String {
    let mut out = format!("plugin-api {PLUGIN_API_TEXT}\n\n# Memory\n");
    let mut seen = BTreeSet::new();
    for layout in [
        <ConsensusModRef as StableAbi>::LAYOUT,
        <ConsensusMod_Prefix as PrefixStableAbi>::LAYOUT,
        <HostFns as StableAbi>::LAYOUT,
        <Handle as StableAbi>::LAYOUT,
        <StepCode as StableAbi>::LAYOUT,
        <RResult<Created, RVec<u8>> as StableAbi>::LAYOUT,
        <RSlice<'static, u8> as StableAbi>::LAYOUT,
        <RStr<'static> as StableAbi>::LAYOUT,
    ] {
        write_layout(layout, &mut seen, &mut out);
    }
    out.push_str("\n# Inputs\n");
    for (name, input) in samples::inputs() {
        write_sample(name, &encode(&input), &mut out);
    }
    out.push_str("\n# Outputs\n");
    for (name, output) in samples::outputs() {
        write_sample(name, &encode(&vec![output]), &mut out);
    }
    out.push_str("\n# The rest\n");
    write_sample("InitCfg", &encode(&samples::init_cfg()), &mut out);
    write_sample("InitCfg 1.1", &encode(&samples::init_cfg_with_groups()), &mut out);
    write_sample("HeaderView 1.2", &encode(&samples::sealing_header()), &mut out);
    write_sample("log", &encode(&samples::log()), &mut out);
    write_sample("verify_many", &encode(&vec![samples::verify_item()]), &mut out);
    write_sample("FinalClaim", &encode(&samples::final_claim()), &mut out);
    let with_parameters = samples::final_claim_with_parameters();
    write_sample("FinalClaim 1.1", &encode(&with_parameters), &mut out);
    write_sample("ProofOf", &encode(&samples::proof_of()), &mut out);
    write_sample("Inspect", &encode(&samples::inspect()), &mut out);
    write_sample("parameters", &encode(&samples::parameters()), &mut out);
    out
}

#[test]
fn the_interface_is_the_one_in_abi_txt() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("abi.txt");
    let now = interface();
    if std::env::var_os("LOOPCHAIN_BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (before, now)) in before.lines().zip(now.lines()).enumerate() {
        assert_eq!(before, now, "line {} of abi.txt; see abi_snapshot.rs", line + 1);
    }
    assert_eq!(before.len(), now.len(), "abi.txt has another number of lines");
}
