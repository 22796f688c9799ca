//! Runs n nodes of a consensus rule in virtual time, with faults and villains.
