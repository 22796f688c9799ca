//! The files of the SCOREs that come with the product.

use score_native_link::{
    build::{BuildError, build_score, build_score_at, source_tree},
    check,
};
use std::fs;

/// A token is copied to every peer and scanned there.
const TOKEN_BYTES_MAX: usize = 60 << 10;

#[test]
fn a_token_is_small_metered_and_without_a_finding() {
    let tree = source_tree().unwrap();
    let so = build_score(&tree, "plugins-token", &mut |_| {}).unwrap();
    let token = check(&fs::read(&so).unwrap()).unwrap();
    assert_eq!(token.manifest.name, "token");
    assert!(token.size < TOKEN_BYTES_MAX, "{} bytes", token.size);
    assert!(token.metered.is_metered(), "{:?}", token.metered);
    assert_eq!(token.floats, 0);
    let again = build_score_at(&tree.join("plugins/token"), &mut |_| {}).unwrap();
    assert_eq!(again, so, "by name or by folder, it is one file");
}

#[test]
fn errors_of_the_compiler_are_told_line_by_line() {
    let tree = source_tree().unwrap();
    let mut lines = Vec::new();
    let failed = build_score(&tree, "plugins-nothing", &mut |line| lines.push(line.to_owned()));
    let Err(BuildError::Failed { package, errors }) = failed else { panic!("{failed:?}") };
    assert_eq!(package, "plugins-nothing");
    assert!(errors.starts_with("error: "), "{errors}");
    assert_eq!(lines, errors.lines().collect::<Vec<_>>());
}
