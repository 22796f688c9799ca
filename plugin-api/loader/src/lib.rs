//! Opens a consensus rule, checks it, or says in one line why not.
