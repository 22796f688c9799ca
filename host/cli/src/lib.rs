//! The `loopchain` command.
