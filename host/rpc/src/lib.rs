//! tarpc over mutual TLS 1.3 between peers, and the trait through which REST sees a node.

pub mod gateway;
