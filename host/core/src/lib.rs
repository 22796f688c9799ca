//! The five stages of a channel as pure state machines.
