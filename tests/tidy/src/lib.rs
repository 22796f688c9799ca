//! Checks of the tree itself: floors, docs, links, lints.
