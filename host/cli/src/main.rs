//! The `loopchain` command.
fn main() {}
