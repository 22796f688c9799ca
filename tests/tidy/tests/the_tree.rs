//! Every check on the real tree.

#![expect(clippy::unwrap_used, reason = "a tree that cannot be read is a failed test")]

use std::io::Write as _;
use std::sync::LazyLock;
use tests_tidy::{
    Finding, Tree, Workspace, bans, console, files, floors, licences, links, provoked, report,
    sizes, tree, unsafe_code, words,
};

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read(&tree::root()).unwrap());
static MEMBERS: LazyLock<Workspace> =
    LazyLock::new(|| Workspace::read(&tree::root(), false).unwrap());

#[track_caller]
fn none(findings: Vec<Finding>) {
    assert!(findings.is_empty(), "{}", report(findings));
}

#[test]
fn the_tree_is_the_one_we_mean() {
    assert!(TREE.has("host/core/src/lib.rs") && TREE.has("Cargo.toml"));
    assert!(MEMBERS.members().count() >= 25);
}

#[test]
fn every_package_is_named_after_its_folder_and_states_its_floor() {
    none(floors::names(&MEMBERS));
}

#[test]
fn every_dependency_goes_down() {
    none(floors::arrows(&MEMBERS));
}

#[test]
fn floors_zero_to_two_have_no_heavy_crates() {
    none(floors::heavy_crates(&MEMBERS));
}

#[test]
fn every_package_takes_its_lints_from_the_workspace() {
    none(floors::lints(&MEMBERS, &TREE));
}

#[test]
fn the_root_holds_only_what_is_listed() {
    none(files::root_entries(&TREE));
}

#[test]
fn no_module_is_a_drawer() {
    none(files::module_names(&TREE));
}

#[test]
fn every_source_file_begins_with_what_it_is() {
    none(files::module_docs(&TREE));
}

#[test]
fn every_folder_has_a_map() {
    none(files::maps(&TREE));
}

#[test]
fn nothing_is_left_for_later() {
    none(words::later(&TREE));
}

#[test]
fn no_test_is_switched_off() {
    none(words::ignored_tests(&TREE));
}

#[test]
fn no_matches_is_discarded() {
    none(words::discarded_matches(&TREE));
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    none(words::machine_paths(&TREE));
}

#[test]
fn unsafe_stands_in_listed_files_only() {
    none(unsafe_code::check(&TREE));
}

#[test]
fn every_second_way_to_check_a_signature_is_banned() {
    none(bans::root(&TREE));
    none(bans::signature_words(&TREE));
}

#[test]
fn no_package_drops_a_ban() {
    none(bans::packages(&TREE));
}

#[test]
fn pure_packages_have_no_clock_no_thread_and_no_hash_map() {
    none(bans::pure(&TREE));
}

#[test]
fn every_link_leads_somewhere() {
    none(links::links(&TREE));
}

#[test]
fn every_path_in_docs_leads_somewhere() {
    none(links::paths(&TREE));
}

#[test]
fn every_test_that_a_document_names_exists() {
    none(links::tests_named(&TREE));
}

#[test]
fn every_error_code_is_provoked_by_a_test() {
    none(provoked::codes(&TREE));
}

#[test]
fn every_command_for_people_is_in_a_block_that_a_test_runs() {
    none(console::check(&TREE));
}

#[test]
fn every_dependency_has_a_licence_that_fits() {
    none(licences::check(&Workspace::read(&tree::root(), true).unwrap()));
    none(licences::deny_list(&TREE));
}

#[test]
fn sizes_are_reported() {
    let report = sizes::report(&TREE);
    assert!(report.contains("host/core"));
    writeln!(std::io::stdout(), "{report}").unwrap();
}
