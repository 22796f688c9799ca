//! Where things are looked for and what cargo is asked, without running it.

use super::{
    MakeError, Profile, cargo, file_name, is_of_another_build, linked, run_cargo, source_tree,
    tree_above,
};
use std::path::Path;

fn arguments(profile: Profile) -> Vec<String> {
    let command = cargo(Path::new("tree"), Path::new("out"), &["plugins-lft"], profile);
    command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

#[test]
fn rules_are_built_in_the_selection_of_the_host() {
    let debug = ["build", "--locked", "-p", "host-cli", "-p", "plugins-lft"];
    let target = ["--target-dir", "out"];
    assert_eq!(arguments(Profile::Debug), [&debug[..], &target].concat());
    assert_eq!(arguments(Profile::Release), [&debug[..], &["--release"], &target].concat());
}

#[test]
fn what_cargo_told_this_program_is_not_told_to_the_nested_cargo() {
    for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_BIN_EXE_x", "LD_LIBRARY_PATH"] {
        assert!(is_of_another_build(name), "{name}");
    }
    for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH"] {
        assert!(!is_of_another_build(name), "{name}");
    }
}

#[test]
fn the_source_tree_is_found_from_below_and_nothing_above_it_is() {
    let root = source_tree().unwrap();
    assert!(root.join("plugin-api/abi.txt").is_file());
    assert_eq!(tree_above(&root.join("plugins/solo/src")), Some(root));
    assert_eq!(tree_above(Path::new("/usr/bin")), None);
}

#[test]
fn a_rule_that_a_test_links_lies_beside_it() {
    assert!(linked("solo").unwrap().ends_with(file_name("solo")));
    assert_eq!(linked("absent"), None);
}

#[test]
fn a_failed_build_shows_the_last_lines_of_cargo() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut lines = Vec::new();
    let result =
        run_cargo(folder.path(), folder.path(), &["plugins-lft"], Profile::Debug, &mut |l| {
            lines.push(l.to_owned());
        });
    let Err(MakeError::Build { packages, lines: last }) = result else { panic!("{result:?}") };
    assert_eq!(packages, "plugins-lft");
    assert!(last.contains("Cargo.toml"), "{last}");
    assert_eq!(lines.join("\n"), last);
}
