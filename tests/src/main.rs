//! The `loopchain` command, built for the tests of this workspace.
fn main() {}
