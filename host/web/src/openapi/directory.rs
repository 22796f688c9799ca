//! The request that v2 of a radiostation takes.

use super::operation::{Answer, JSON, Method, Operation};
use super::schemas::Table;
use host_types::Code;

/// One for each method of each route.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    path: "/api/v2/peers",
    id: "listSignedPeers",
    tag: "Directory",
    summary: "Everybody, each entry as its own peer signed it",
    query: &[],
    headers: &[],
    body: &[],
    answers: &[Answer {
        status: 200,
        description: "in join order",
        bodies: &[(JSON, "@SignedPeers")],
        headers: &[],
    }],
    codes: &[Code::Internal],
    also: &[],
}];

/// What it answers.
pub(super) const TABLES: &[Table] = &[
    (
        "SignedPeers",
        "the directory",
        &[&[("schema", "'loopchain.peers.v1'", ""), ("peers", "[@SignedPeer]", "at most 1,024")]],
    ),
    (
        "SignedPeer",
        "a peer",
        &[&[
            ("order", "u32", "join order, from 1; never reused"),
            ("connected", "bool", "whether it announced itself in the last 10 s"),
            ("since_us", "u64", "since when, microseconds since 1970"),
            ("entry", "base64", "canonical CBOR, signed by the peer: docs/spec/radiostation.md"),
        ]],
    ),
];
