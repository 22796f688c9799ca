//! What `loopchain bench` runs.
